"""What precisions of products lose, alone and together: what mpq.search, and max_float of mpq.quantize, choose by."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence

from . import _core
from .choice import Choice
from .compiler import Feed, Profile, has_nothing_to_fit
from .sensitivity import Loss, Outputs, measure, noise
from .simulation import Simulation

NOTHING = 1e-6  # of a loss: only tells products apart
Precisions = Mapping[str, str]  # of products; of those that are not named, f32
Table = Mapping[tuple[str, str], float]  # what the model loses by a product in a precision


class Chosen(NamedTuple):
    """A choice of precisions, simulated as a whole."""

    precisions: dict[str, str]
    bits: float  # of a weight, on average
    milliseconds: float
    float_share: float
    predicted_loss: float
    loss: float
    error: float


def simulate(model: Any, profile: Profile, fit_data: Any, **settings: Any) -> Simulation:
    """With biases fitted to the samples, if there are any to fit."""
    try:
        return Simulation(model, profile, fit_data=fit_data, **settings)
    except _core.Error as error:
        if fit_data is None or not has_nothing_to_fit(error):
            raise
        return Simulation(model, profile, **{**settings, "mask": None})


class Judge:
    """Judges precisions by the outputs on samples.

    A loss of one's own may go in steps, as the share of lines that are not read right: then most products alone change
    nothing, and a few a line or two by chance. So the error of the outputs is measured beside it: it tells apart what the
    loss does not, and proposes choices of its own, among which the loss decides.
    """

    def __init__(self, simulation: Simulation, feeds: Iterable[Feed], loss: Loss | None = None):
        self.simulation, self.feeds = simulation, list(feeds)
        simulation.set_precisions({})
        self.references: Sequence[Outputs] = simulation.run(self.feeds)
        self.own_loss = loss
        self.floor = self.loss_of(self.references)  # the float model's, which is not 0 if the loss knows the truth

    def loss_of(self, outputs: Sequence[Outputs]) -> float:
        return float((self.own_loss or noise)(outputs, self.references))

    def judge(self, precisions: Precisions) -> tuple[float, float]:
        """The loss, and the error of the outputs."""
        self.simulation.set_precisions(precisions)
        outputs = self.simulation.run(self.feeds)
        return self.loss_of(outputs), noise(outputs, self.references)

    def measure(self, precisions: Sequence[str], progress: Callable[[int, int], Any]) -> list[Table]:
        """What each product alone loses, above the float model: a table, or several, each of which proposes choices."""
        errors: list[float] = []

        def both(outputs: Sequence[Outputs], references: Sequence[Outputs]) -> float:
            errors.append(noise(outputs, references))
            return self.loss_of(outputs) if self.own_loss else errors[-1]

        effects = measure(self.simulation, self.feeds, both, precisions, progress=progress)
        keys = [(effect.product.id, effect.precision) for effect in effects]
        losses = [max(effect.alone - self.floor, 0.0) for effect in effects]
        if self.own_loss is None:
            return [dict(zip(keys, losses))]
        levels = sorted({0.0, *losses})
        step = min((b - a for a, b in zip(levels, levels[1:])), default=NOTHING)
        shares = [error / (sum(errors) or 1.0) for error in errors]
        return [{key: loss + step / 2 * share for key, loss, share in zip(keys, losses, shares)},
                {key: (sum(losses) or NOTHING) * share for key, share in zip(keys, shares)}]


def choose(judge: Judge, choices: Iterable[Choice], limits: Mapping[str, float]) -> Chosen | None:
    """The best of what the choices propose, one for each of the judge's tables; None if nothing keeps the limits."""
    known: dict[tuple[str, ...], Chosen] = {}
    for choice in choices:
        within = dict(limits)
        if "loss" in within:
            within["loss"] -= judge.floor
        found = choice.solve(within)
        if found is None:
            continue
        picked = choice.pick(found)
        key = tuple(option.precision for option in picked)
        if key in known:
            continue
        precisions = {product.id: precision for product, precision in zip(judge.simulation.products, key)
                      if precision != "f32"}
        costs = {name: choice.cost_of(found, name) for name in ("bits", "latency", "float", "loss")}
        known[key] = Chosen(precisions, costs["bits"], costs["latency"], costs["float"], judge.floor + costs["loss"],
                            *judge.judge(precisions))
    return min(known.values(), key=lambda chosen: (chosen.loss, chosen.error), default=None)
