"""What each product loses in fewer bits: the model runs in float with that product rounded, or with all others."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from . import _core
from .arguments import describe
from .compiler import Feed
from .simulation import Product, Simulation
from .suggestion import suggest

Outputs = Mapping[str, np.ndarray]
Loss = Callable[[Sequence[Outputs], Sequence[Outputs]], float]
"""How far outputs are from the float model's, both one for each sample; 0: not at all."""


class Effect(NamedTuple):
    """What the output loses when a product is in a precision."""

    product: Product
    precision: str
    alone: float  # only this product is rounded
    others: float | None  # all but this one are; None: not asked for


def noise(outputs: Sequence[Outputs], references: Sequence[Outputs]) -> float:
    """The mean over samples of the energy of the errors, as a part of the energy of the outputs. Errors of independent
    layers add up in it, as long as they are small."""
    def of_sample(output: Outputs, reference: Outputs) -> float:
        wrong = sum(float(np.square(output[name] - reference[name], dtype=np.float64).sum()) for name in reference)
        right = sum(float(np.square(reference[name], dtype=np.float64).sum()) for name in reference)
        return wrong / right if right else wrong

    return float(np.mean([of_sample(*pair) for pair in zip(outputs, references)]))


def measure(simulation: Simulation, feeds: Iterable[Feed], loss: Loss = noise, precisions: Sequence[str] | None = None,
            others: bool = False, progress: Callable[[int, int], Any] = lambda done, total: None) -> list[Effect]:
    """The effect of each of `precisions` (default: all) that each product can have.

    others: also what is lost when all other products are in int8 and this one is not rounded
    """
    feeds = list(feeds)
    simulation.set_precisions({})
    references = simulation.run(feeds)

    def loss_of(chosen: Mapping[str, str]) -> float:
        simulation.set_precisions(chosen)
        return float(loss(simulation.run(feeds), references))

    known = {precision for product in simulation.products for precision in product.precisions}
    for precision in precisions or ():
        if precision not in known:
            raise _core.Error(f"expected precisions that some product can have ({', '.join(sorted(known))}) but got "
                              f"{describe(precision)}{suggest(precision, known)}")
    wanted = [(product, precision) for product in simulation.products for precision in product.precisions
              if precision != "f32" and (precisions is None or precision in precisions)]
    rest = {product.id: "int8" for product in simulation.products} if others else {}
    effects = []
    for done, (product, precision) in enumerate(wanted):
        progress(done, len(wanted))
        alone = loss_of({product.id: precision})
        without = loss_of({k: v for k, v in rest.items() if k != product.id}) if others and precision == "int8" else None
        effects.append(Effect(product, precision, alone, without))
    progress(len(wanted), len(wanted))
    simulation.set_precisions({})
    return effects
