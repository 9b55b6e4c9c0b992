"""Which products stay in float, or get activations in 16 bits, if a share of the multiply-accumulates may: those whose
rounding costs the output most."""

from __future__ import annotations

import os
from typing import Any, Mapping

from . import _core
from .choice import Choice, Option
from .compiler import FIT_SAMPLES, Profile, Progress, Shapes, read_recipe
from .effects import Judge, choose, simulate
from .samples import SampleFolder
from .sensitivity import Loss
from .simulation import Product


# Multiply-accumulates that may be simulated for effects, some minutes of one processor, and the samples that take more.
WORK, LEAST_SAMPLES = 1.5e12, 8


def _spread(feeds: list, work: int) -> list:
    """As many as WORK allows, where one takes `work`. A loss of one's own knows all samples by their places."""
    count = min(len(feeds), max(LEAST_SAMPLES, int(WORK / max(work, 1))))
    return [feeds[index * len(feeds) // count] for index in range(count)]


def keep_float(model: Any, profile: Profile, samples: str, max_float: float | None, max_int16: float | None, *,
               loss: Loss | None, fits: bool, recipe: str | os.PathLike | Mapping | None, method: str | None,
               shape: Shapes | None, name: str | None, mask: str | None,
               progress: Progress | None) -> dict[str, Any]:
    """The recipe with rules for the products that stay in float: at most `max_float` of the multiply-accumulates. Likewise
    for those in int16. None: no product.

    samples: a folder
    fits:    whether biases (and weights) are fitted to the samples
    """
    report = progress or (lambda *_: None)
    precisions = ["int8"] if max_int16 is None else ["int8", "int16"]
    simulation = simulate(model, profile, samples if fits else None, recipe=recipe, method=method, shape=shape, name=name,
                          mask=mask if fits else None, precisions=precisions, progress=progress)
    recipe = read_recipe(recipe)
    feeds = SampleFolder(samples).first(FIT_SAMPLES)
    judge = Judge(simulation, feeds if loss else _spread(list(feeds), len(simulation.products) * simulation.total_macs), loss)
    tables = judge.measure(precisions, lambda done, total: report("sensitivity", -1.0, done, total))
    products = simulation.products

    def options(product: Product, table: Mapping) -> list[Option]:
        floats = [Option("f32", 0.0, 0.0, 0.0, product.macs)] if max_float is not None else []
        return floats + [Option(precision, table[product.id, precision], 0.0, 0.0, 0,
                                product.macs if precision == "int16" else 0)
                         for precision in precisions if precision in product.precisions]

    choices = [Choice([options(product, table) for product in products], 1, simulation.total_macs, simulation.float_macs)
               for table in tables]
    limits = {name: limit for name, limit in (("float", max_float), ("int16", max_int16)) if limit is not None}
    chosen = choose(judge, choices, limits)
    if chosen is None:
        raise _core.Error(f"expected max_float to be at least {simulation.float_macs / simulation.total_macs:.4g}, the share "
                          f"of the multiply-accumulates that cannot be in int8 or that the recipe leaves in float, but got "
                          f"{max_float:g}")
    rules = [{"name": product.id, "precision": chosen.precisions.get(product.id, "f32")} for product in products
             if chosen.precisions.get(product.id) != "int8"]
    return {**recipe, "rules": [*recipe.get("rules", []), *rules]}
