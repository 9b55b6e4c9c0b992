"""Why a quantized model loses accuracy: which tensors are to blame, in which order to act, and what wins it back.

Every tensor that the quantized model rounds, weights or activation, is rounded alone, left out alone, and restored in
turn, in one float program whose roundings are arguments (mpq.Simulation). What is proposed is quantized and measured.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, Sequence

from . import _core
from .arguments import checked
from .compiler import FIT_SAMPLES, Feed, Profile, Progress, Shapes, calibrate, compile
from .divergence import Divergence, Variants, check_variant, compare as compare_variants, computed_tensors, load_onnx
from .effects import simulate
from .evaluation import get_metric
from .files import check_place, write_file
from .remedies import Judge, Metric, Remedies, Remedy
from .rounding import Histogram, ValueErrors, WeightErrors, value_errors, weight_errors
from .sensitivity import noise
from .simulation import Simulation

SCREENED = 2  # samples on which all tensors are measured
LOOKED_AT = 32  # tensors that are measured on all samples then
TWINS = 2e-5  # how far losses of tensors differ that do the same, as a part of them
TWINS_ABOVE = 0.05  # they have to do something beside what is lost anyway
HELD_OUT = 4  # one of so many samples judges only, unless there are others for it
DEAD = 1e6  # times less than the largest channel's, weights do nothing: no use in saying how much less
COARSE = 20  # steps of the range of all but the outliers: fewer are named as a cause


@dataclass
class Tensor:
    """A tensor that the quantized model rounds. Losses are `noise` of sensitivity.py."""

    name: str  # of weights: the product that reads them
    kind: str  # "weights" or "activation"
    node: str | None  # of weights: the kind of product
    errors: WeightErrors | ValueErrors
    alone: float = 0.0  # the loss if nothing else is rounded
    others: float = 0.0  # if all others are
    contribution: float = 0.0  # the mean of what it adds as the first and as the last one
    restored_loss: float | None = None  # what is left if it and all before it are not rounded; None: not measured

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.name

    def describe(self) -> str:
        """What is wrong with it, in a sentence."""
        cause = _weights_cause(self.errors) if isinstance(self.errors, WeightErrors) else _value_cause(self.errors)
        what = f"the weights of '{self.name}'" if self.kind == "weights" else f"'{self.name}'"
        return f"{what}: {cause}; rounded alone, the output's error is {self.alone:.3g} of its energy"


def _db(value: float | None) -> str:
    return "no error" if value is None else f"{value:.1f} dB"


def _weights_cause(errors: WeightErrors) -> str:
    if errors.is_degenerate:
        return "a scale is too small to be a normal number"
    if errors.scales == 1 and errors.channels > 1 and errors.per_channel_db and errors.sqnr_db is not None:
        ratio = f"{errors.channel_ratio:.3g}" if errors.channel_ratio < DEAD else f"more than {DEAD:.3g}"
        return (f"one scale for {errors.channels} channels, whose largest weights differ by a factor of {ratio}: "
                f"{errors.sqnr_db:.1f} dB above the error, {errors.per_channel_db:.1f} dB with a scale for each channel")
    if errors.zero_channels:
        return f"{errors.zero_channels} of {errors.channels} channels are rounded to nothing but zeros"
    if errors.largest_sum > 1:
        return f"its sums may be {errors.largest_sum:.3g} times what 32 bits hold"
    worst = "" if errors.worst_channel_db is None else f", {errors.worst_channel_db:.1f} dB in the worst channel"
    return f"signal over error {_db(errors.sqnr_db)}{worst}"


def _value_cause(errors: ValueErrors) -> str:
    if errors.is_degenerate:
        return f"the scale {errors.scale:.3g} is of no use for it"
    if errors.min is None:
        return f"rounded in steps of {errors.scale:.3g}, from {errors.clip_min:.3g} to {errors.clip_max:.3g}"
    noise_of_all = errors.clipping_noise + errors.rounding_noise
    if noise_of_all and errors.clipping_noise > noise_of_all / 2:
        return (f"{100 * errors.clipped_share:.2g}% of its elements, which reach from {errors.min:.3g} to {errors.max:.3g}, "
                f"are clipped to {errors.clip_min:.3g} .. {errors.clip_max:.3g}: signal over error {_db(errors.sqnr_db)}")
    inner = errors.steps * (1 - errors.outlier_share)
    if errors.outlier_share > 0.5 or inner < COARSE:
        return (f"its largest 0.01% take {100 * errors.outlier_share:.0f}% of the range from {errors.min:.3g} to "
                f"{errors.max:.3g}, which leaves {inner:.0f} steps to the others: signal over error {_db(errors.sqnr_db)}")
    return (f"steps of {errors.scale:.3g} from {errors.min:.3g} to {errors.max:.3g}: signal over error "
            f"{_db(errors.sqnr_db)}")


@dataclass
class Analysis:
    """What was found. Scores are the metric's, or without one the loss (0 for the float model)."""

    tensors: list[Tensor]  # in which order to act
    responsible: list[Tensor]  # as few of the first as win back enough
    loss: float  # with all tensors rounded
    rest_loss: float  # with none of them: what they do not explain
    responsible_loss: float  # with all but the responsible ones
    metric: str
    float_score: float
    quantized_score: float
    remedies: list[Remedy]
    proposal: Remedy | None  # None: nothing was lost
    restore: float
    divergence: Divergence | None
    profile: Profile
    samples: dict[str, int] = field(default_factory=dict)

    @property
    def recipe(self) -> dict[str, Any] | None:
        """Of the proposal (docs/Recipes.md)."""
        return self.proposal and self.proposal.recipe

    def sentences(self) -> list[str]:
        """What a person has to know, the most important first."""
        lines = [f"{self.metric}: {self.float_score:.4g} in float, {self.quantized_score:.4g} quantized"]
        if self.proposal is None:
            return [*lines, "nothing was lost: there is nothing to win back"]
        count, part = len(self.responsible), 1 - self.responsible_loss / self.loss if self.loss else 0.0
        lines.append(f"{count} of {len(self.tensors)} tensors are responsible: without rounding them the output's error "
                     f"is {self.responsible_loss:.3g} instead of {self.loss:.3g} of its energy ({100 * part:.1f}% less)")
        lines += [tensor.describe() for tensor in self.responsible]
        if self.rest_loss > (1 - self.restore) * self.loss:
            lines.append(f"no tensor explains {self.rest_loss:.3g} of the error: biases and other constants are "
                         "rounded, too")
        if self.divergence:
            where = self.divergence.first
            lines.append(f"{' and '.join(self.divergence.variants)} " + (
                f"part at '{where}', the first value below {self.divergence.threshold_db:g} dB" if where else
                f"stay together: no value is below {self.divergence.threshold_db:g} dB"))
        reached = "" if self.proposal.restored >= self.restore else f", less than the {100 * self.restore:.0f}% asked for"
        lines.append(f"proposal: {self.proposal.text}: {self.proposal.score:.4g}, which wins back "
                     f"{100 * self.proposal.restored:.1f}% of what was lost{reached}")
        return lines

    def as_dict(self) -> dict[str, Any]:
        """docs/Analysis.md"""
        tensors = [{"name": t.name, "kind": t.kind, "product": t.node, "alone": t.alone, "others": t.others,
                    "contribution": t.contribution, "restored_loss": t.restored_loss,
                    "responsible": t in self.responsible, "sentence": t.describe(), "errors": asdict(t.errors)}
                   for t in self.tensors]
        divergence = self.divergence and {
            "variants": list(self.divergence.variants), "threshold_db": self.divergence.threshold_db,
            "first": self.divergence.first, "tensors": [row._asdict() for row in self.divergence.table]}
        return {"format": "mpq-analysis", "version": 1, "samples": self.samples,
                "loss": {"all": self.loss, "none": self.rest_loss, "without_responsible": self.responsible_loss},
                "score": {"metric": self.metric, "float": self.float_score, "quantized": self.quantized_score},
                "restore": self.restore, "tensors": tensors, "divergence": divergence,
                "remedies": [asdict(remedy) for remedy in self.remedies],
                "proposal": self.proposal and asdict(self.proposal), "sentences": self.sentences()}

    def save(self, folder: str | os.PathLike) -> None:
        """Writes analysis.json, profile.json, and the proposal's recipe.json."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / "analysis.json", (json.dumps(self.as_dict(), indent=1) + "\n").encode())
        self.profile.save(folder / "profile.json")
        if self.proposal is not None:
            write_file(folder / "recipe.json", (json.dumps(self.proposal.recipe, indent=1) + "\n").encode())


class _Effects:
    """Losses of choices of rounded tensors, in one simulation."""

    def __init__(self, simulation: Simulation, feeds: Sequence[Feed], references: Sequence[Mapping[str, Any]]):
        self.simulation, self.feeds, self.references = simulation, feeds, references

    def loss(self, tensors: Iterable[Tensor], count: int | None = None) -> float:
        """On the first `count` samples."""
        chosen = list(tensors)
        self.simulation.set_tensors([t.name for t in chosen if t.kind == "weights"],
                                    [t.name for t in chosen if t.kind == "activation"])
        return noise(self.simulation.run(self.feeds[:count]), self.references[:count])

    def measure(self, tensors: Sequence[Tensor], some: Sequence[Tensor], count: int | None,
                report: Callable[[int, int], Any]) -> list[list[Tensor]]:
        """`some` of the tensors, twins together, ordered by what they contribute."""
        everything, nothing = self.loss(tensors, count), self.loss([], count)
        for done, tensor in enumerate(some):
            report(done, len(some))
            tensor.alone = self.loss([tensor], count)
        groups = find_twins(some, nothing)
        for done, group in enumerate(groups):
            others = self.loss((other for other in tensors if all(other is not twin for twin in group)), count)
            for tensor in group:
                tensor.others = others
                tensor.contribution = (tensor.alone - nothing + everything - others) / 2
        report(len(some), len(some))
        return sorted(groups, key=lambda group: -group[0].contribution)


def _collect(simulation: Simulation, values: Mapping[str, Any]) -> list[Tensor]:
    """The tensors that the simulation can round, with the errors of each; `values` as in profiles."""
    tensors = [Tensor(product.id, "weights", product.kind, weight_errors(simulation, product))
               for product in simulation.products if product.weights]
    known = {value.id: value for value in reversed(simulation.values)}
    # A divided copy of a value (equalization) has no histogram of its own.
    tensors += [Tensor(name, "activation", None, value_errors(value, Histogram.of(values.get(name))))
                for name, value in known.items()]
    return tensors


def _flatten(groups: Iterable[Sequence[Tensor]]) -> list[Tensor]:
    return [tensor for group in groups for tensor in group]


def find_twins(tensors: Sequence[Tensor], nothing: float) -> list[list[Tensor]]:
    """Tensors of which each one, rounded alone, does the very same: a value and multiples of it, as x, x / 6 and their
    like in a chain. One is of no use in float as long as another is rounded, so they are looked at together."""
    groups: list[list[Tensor]] = []
    for tensor in sorted(tensors, key=lambda tensor: -tensor.alone):
        twin = groups[-1][-1] if groups else None
        if (twin and twin.kind == tensor.kind == "activation" and tensor.alone > (1 + TWINS_ABOVE) * nothing
                and twin.alone - tensor.alone <= TWINS * tensor.alone):
            groups[-1].append(tensor)
        else:
            groups.append([tensor])
    return groups


def _rank(effects: _Effects, tensors: list[Tensor], restore: float, report: Callable[[int, int], Any]
          ) -> tuple[list[Tensor], list[Tensor], float, float, float]:
    """The tensors in order, the responsible ones, and the losses of all, of none, and without the responsible."""
    order = _flatten(effects.measure(tensors, tensors, SCREENED, report))
    groups = effects.measure(tensors, order[:LOOKED_AT], None, report)
    order = _flatten(groups) + order[LOOKED_AT:]
    everything, nothing = effects.loss(tensors), effects.loss([])
    enough = everything - restore * (everything - nothing)
    named, left = [], everything

    def loss_without(chosen: Sequence[Sequence[Tensor]]) -> float:
        away = {tensor.key for tensor in _flatten(chosen)}
        return effects.loss(tensor for tensor in tensors if tensor.key not in away)

    for group in groups:
        if left <= enough:
            break
        named.append(group)
        left = loss_without(named)
        for tensor in group:
            tensor.restored_loss = left
    # Those in it that do not matter once the others are restored.
    for group in named[-2::-1]:
        rest = [other for other in named if other is not group]
        again = loss_without(rest)
        if again <= max(enough, left):
            named, left = rest, again
    responsible = _flatten(named)
    return order, responsible, everything, nothing, left


def _check_original(simulation: Simulation) -> None:
    """An error unless the quantized model's weights are the float model's."""
    weights = [product for product in simulation.products if product.weights]
    unknown = [product for product in weights if not product.has_original_weights]
    if 2 * len(unknown) > len(weights):
        raise _core.Error(f"the quantized model does not belong to the float model: the weights of {len(unknown)} of its "
                          f"{len(weights)} products, such as '{unknown[0].id}', are rounded from none of it")


def _find_limits(model: Any, values: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Of results of Relu and Clip: where they are quantized, quantizers leave these functions out."""
    nodes = computed_tensors(load_onnx(model))
    limits = {name: (0.0, math.inf) for name, node in nodes.items() if node == "Relu"}
    return limits | {name: (values[name]["min"], values[name]["max"]) for name, node in nodes.items()
                     if node == "Clip" and "min" in values.get(name, {})}


def _split(data: Iterable[Feed], held_out: Iterable[Feed] | None) -> tuple[list[Feed], list[Feed]]:
    feeds = list(data)
    if not feeds:
        raise _core.Error("expected samples to analyze with but there are none")
    if held_out is not None:
        judging = list(held_out)
        if not judging:
            raise _core.Error("expected samples to judge with but held_out has none")
        return feeds, judging
    if len(feeds) < 2:
        raise _core.Error("expected at least two samples, as some only judge, but got one: pass more, or held_out")
    judging = set(range(HELD_OUT - 1, len(feeds), HELD_OUT)) or {len(feeds) - 1}
    return [feed for i, feed in enumerate(feeds) if i not in judging], [feeds[i] for i in sorted(judging)]


def _same_ends(reference: Any, quantized: Any) -> None:
    for what in ("inputs", "outputs"):
        expected, got = ([(info.name, info.shape) for info in getattr(program, what)]
                         for program in (reference, quantized))
        if sorted(expected) != sorted(got):
            raise _core.Error(f"the quantized model does not belong to the float model: its {what} are {got} instead of "
                              f"{expected}")


@checked
def analyze(model: Any, data: Iterable[Feed], *, quantized: Any = None,
            recipe: str | os.PathLike | Mapping | None = None, method: str | None = None,
            profile: Profile | str | os.PathLike | None = None, shape: Shapes | None = None,
            held_out: Iterable[Feed] | None = None, metric: str | Metric | None = None, judged: int = 8,
            restore: float = 0.95, threshold: float = 20.0, compare: Sequence[str] | None = ("float-mpq", "quantized-mpq"),
            folder: str | os.PathLike | None = None, progress: Progress | None = None) -> Analysis:
    """Which tensors a quantized model loses its accuracy in, and how to quantize the float model so that it does not.

    model:     the float model
    data:      samples, for calibration and for the effects of tensors
    quantized: what another tool made of the model, in QDQ form; without it, what mpq makes with `recipe` and `method`
    held_out:  samples that only judge the proposals (default: every fourth of `data`, which then does nothing else)
    metric:    a name of `mpq evaluate --metric`, a Python file or a function of (outputs, references, inputs); default:
               the energy of the errors as a part of the outputs'
    judged:    on how many samples effects of single tensors are measured
    restore:   the part of the loss that is to be won back
    threshold: decibels below which a value counts as another one, for the first that differs
    compare:   two of the variants float-mpq, float-onnxruntime, quantized-mpq, quantized-onnxruntime; None: none
    folder:    where analysis.json, the recipe of the proposal and the profile go
    """
    report = progress or (lambda *_: None)
    if quantized is not None and (recipe is not None or method is not None):
        raise _core.Error("a quantized model has its own numbers: recipe and method have no effect on it")
    if folder is not None:
        check_place(Path(folder) / "analysis.json" if Path(folder).is_dir() else folder)
    for variant in compare or ():
        check_variant(variant)
    if compare is not None:
        load_onnx(model)  # before the work: names of tensors are its
    measured = get_metric(metric) if isinstance(metric, str) else metric
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", "metric") if metric else "noise"
    feeds, judging = _split(data, held_out)
    if isinstance(recipe, (str, os.PathLike)):
        recipe = load_recipe(recipe)
    base: dict[str, Any] = dict(recipe or {}) | ({"method": method} if method and "method" not in (recipe or {}) else {})

    reference = compile(model, shape=shape, precision="f32", threads=0)
    if profile is None:
        profile = calibrate(model, feeds, shape=shape, progress=progress)
    elif not isinstance(profile, Profile):
        profile = Profile.load(profile)
    values, some = json.loads(profile.data)["values"], feeds[:judged]
    if quantized is not None:
        simulation = _simulate(quantized, model, shape, progress)
        _same_ends(reference, simulation)
        _check_original(simulation)
        simulation.limits = _find_limits(model, values)
        # Values that our form of the float model does not have are seen as the quantized model computes them.
        values = json.loads(calibrate(quantized, some, shape=shape).data)["values"] | values
    else:
        simulation = simulate(model, profile, feeds[:FIT_SAMPLES], recipe=base or None, shape=shape, precisions=["int8"])
    tensors = _collect(simulation, values)
    effects = _Effects(simulation, some, [reference(feed) for feed in some])
    ranking = _rank(effects, tensors, restore, lambda done, total: report("sensitivity", -1.0, done, total))

    divergence = None
    if compare is not None:
        variants = Variants(model, quantized, profile, {"recipe": base or None}, shape)
        divergence = compare_variants(variants, compare, some, threshold)

    judge = Judge(judging, [reference(feed) for feed in judging], measured)
    remedies = Remedies(model, feeds, profile, shape, judge, restore, report)
    lossy = (compile(quantized, shape=shape, threads=0) if quantized is not None else remedies.compile(base, True))
    judge.worst = judge.of(lossy)
    proposal = remedies.find(base, quantized is not None, some) if judge.lost > 0 else None
    analysis = Analysis(*ranking, name, judge.best, judge.worst, remedies.tried, proposal, restore, divergence, profile,
                        {"calibration": len(feeds), "effects": len(some), "judging": len(judging)})
    if folder is not None:
        analysis.save(folder)
    return analysis


def load_recipe(path: str | os.PathLike) -> dict[str, Any]:
    """As compiler.read_recipe, but what is wrong with the file is said before the work."""
    try:
        found = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise _core.Error(f"cannot read the recipe '{os.fspath(path)}': {error.strerror}") from None
    except ValueError as error:
        raise _core.Error(f"expected the recipe '{os.fspath(path)}' to be JSON: {error}") from None
    if not isinstance(found, dict):
        raise _core.Error(f"expected the recipe '{os.fspath(path)}' to be an object")
    return found


def _simulate(quantized: Any, model: Any, shape: Shapes | None, progress: Progress | None) -> Simulation:
    try:
        return Simulation(quantized, original=model, shape=shape, precisions=["int8"], progress=progress)
    except _core.Error as error:
        if "expected products that can be computed in integers" not in str(error):
            raise
        raise _core.Error("expected a quantized model in QDQ form but none of its products reads quantized values: pass "
                          "the file that the other tool wrote, and the float model as `model`") from None
