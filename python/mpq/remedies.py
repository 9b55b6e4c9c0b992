"""What wins back accuracy that quantization lost: remedies from the cheapest on, each one quantized and measured."""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Mapping, Sequence

import numpy as np

from . import _core
from .compiler import FIT_SAMPLES, Feed, Profile, Shapes, has_nothing_to_fit, precision_beside
from .effects import simulate
from .emission import compile_to
from .program import Program, load
from .sensitivity import measure, noise

Outputs = Mapping[str, np.ndarray]
Metric = Callable[[Sequence[Outputs], Sequence[Outputs], Sequence[Feed]], float]
NO_NOISE = 1e-6  # of the outputs' energy, 60 dB: less than rounding to 8 bits leaves anywhere


@dataclass
class Remedy:
    """A way to quantize the model, and what it reaches."""

    text: str
    recipe: dict[str, Any]
    correct_bias: bool
    score: float = math.nan
    restored: float | None = None  # the part of the loss that it wins back; None: nothing was lost
    float_products: list[str] = field(default_factory=list)


class Judge:
    """Scores models on samples that nothing was fitted to."""

    def __init__(self, feeds: Sequence[Feed], references: Sequence[Outputs], metric: Metric | None):
        self.feeds, self.references, self.metric = feeds, references, metric
        self.best = self.of_outputs(references)
        self.worst = self.best
        if not math.isfinite(self.best):
            raise _core.Error(f"expected a metric that is finite for the float model itself but got {self.best}")
        # What outputs that belong to other samples score says which way is worse; one sample cannot say.
        self.strangers = self.of_outputs([*references[1:], *references[:1]])

    def of_outputs(self, outputs: Sequence[Outputs]) -> float:
        if self.metric is None:
            return noise(outputs, self.references)
        return float(self.metric(outputs, self.references, self.feeds))

    def of(self, run: Callable[[Feed], Outputs]) -> float:
        return self.of_outputs([run(feed) for feed in self.feeds])

    @property
    def lost(self) -> float:
        """By the quantized model; not above 0 if it is no worse than the float model."""
        lost = self.worst - self.best
        if self.metric is None:
            return lost if lost > NO_NOISE else 0.0
        return abs(lost) if self.strangers == self.best else math.copysign(lost, lost * (self.strangers - self.best))

    def restored(self, score: float) -> float | None:
        """Of what is lost between the float model and the quantized one."""
        return (score - self.worst) / (self.best - self.worst) if self.lost > 0 else None


class Remedies:
    def __init__(self, model: Any, feeds: Sequence[Feed], profile: Profile, shape: Shapes | None, judge: Judge,
                 restore: float, progress: Callable[[str, float, int, int], Any]):
        self.model, self.feeds, self.profile, self.shape = model, feeds, profile, shape
        self.judge, self.restore, self.progress = judge, restore, progress
        self.tried: list[Remedy] = []

    def compile(self, recipe: Mapping[str, Any] | None, correct_bias: bool) -> Program:
        settings = {"precision": precision_beside(recipe), "profile": self.profile, "recipe": recipe or None,
                    "shape": self.shape}
        fit_data = self.feeds[:FIT_SAMPLES] if correct_bias else None
        with tempfile.TemporaryDirectory(prefix="mpq-") as folder:
            path = os.path.join(folder, "model.so")
            try:
                compile_to(self.model, path, fit_data=fit_data, **settings)
            except _core.Error as error:  # as in mpq.quantize
                if not has_nothing_to_fit(error):
                    raise
                compile_to(self.model, path, **settings)
            return load(path, threads=0)

    def try_out(self, remedy: Remedy) -> bool:
        """Whether it wins back enough."""
        self.progress("remedies", -1.0, len(self.tried), 0)
        remedy.score = self.judge.of(self.compile(remedy.recipe, remedy.correct_bias))
        remedy.restored = self.judge.restored(remedy.score)
        self.tried.append(remedy)
        return remedy.restored is not None and remedy.restored >= self.restore

    def best(self) -> Remedy | None:
        return max(self.tried, key=lambda remedy: -math.inf if remedy.restored is None else remedy.restored,
                   default=None)

    def without_cost(self, base: Mapping[str, Any], imported: bool) -> Iterator[Remedy]:
        """What costs no time when the model runs."""
        chosen = dict(base)
        if imported:
            # All at once: each alone may win back enough of few samples by chance, and less of others.
            chosen = {}
            yield Remedy("mpq's own rounding: a scale for each output channel of weights, of activations only what products "
                         "read, biases that make up for mean errors, channels of different size divided", {}, True)
        if chosen.pop("equalize", None) == "none":
            yield Remedy("also channels of different size divided before they are rounded", dict(chosen), True)
        for method, text in (("minmax", "from the extremes"), ("mse", "with the least squared error"),
                             ("percentile", "without the rarest elements")):
            if method != chosen.get("method", "minmax"):
                rest = {key: value for key, value in chosen.items() if key not in ("method", "percentile")}
                yield Remedy(f"ranges {text} ({method})", rest | {"method": method}, True)

    def find(self, base: Mapping[str, Any], imported: bool, judged: Sequence[Feed]) -> Remedy | None:
        """The first that wins back enough, else the best."""
        for remedy in self.without_cost(base, imported):
            if self.try_out(remedy):
                return remedy
        best = self.best()
        return best and self._leave_in_float(best, judged)

    def _leave_in_float(self, base: Remedy, judged: Sequence[Feed]) -> Remedy | None:
        """As few products as will do, those with the largest effects first."""
        simulation = simulate(self.model, self.profile, self.feeds[:FIT_SAMPLES] if base.correct_bias else None,
                              recipe=base.recipe or None, shape=self.shape, precisions=["int8"])
        effects = measure(simulation, judged, precisions=["int8"])
        order = [effect.product.id for effect in sorted(effects, key=lambda effect: -effect.alone)]

        def attempt(count: int) -> bool:
            names = order[:count]
            rules = [*base.recipe.get("rules", []), *({"name": name, "precision": "f32"} for name in names)]
            return self.try_out(Remedy(f"{base.text}; {count} of {len(order)} products in float",
                                       base.recipe | {"rules": rules}, base.correct_bias, float_products=names))

        low, count, most = 0, 1, len(order) - 1  # too few, what is tried, and all but one
        while count <= most and not attempt(count):
            low, count = count, max(count + 1, min(2 * count, most))
        if count > most:
            return self.best()
        while count - low > 1:
            middle = (low + count) // 2
            low, count = (low, middle) if attempt(middle) else (middle, count)
        return next((remedy for remedy in self.tried if len(remedy.float_products) == count), self.best())
