"""Which products get which precision: the least loss for a latency, a size or a number of bits.

Losses of single products are simulated (effects.py), their times measured inside programs that have every product in one
precision. Both add up nearly, so the choice is a small integer program (choice.py). What it finds is simulated as a whole,
compiled and measured.
"""

from __future__ import annotations

import csv
import json
import math
import os
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from . import _core
from .arguments import checked
from .choice import Choice, Option
from .compiler import FIT_SAMPLES, Feed, Profile, Progress, Shapes, calibrate, compile
from .effects import Judge, choose, simulate
from .emission import compile_to
from .files import write_file
from .latency import in_rounds, milliseconds
from .program import Program, load
from .sensitivity import Loss
from .simulation import Product
from .suggestion import suggest
from .warning import warn

# Bits of a weight with its part of scales and zero points: blocks of 32 have a scale in f32.
BITS = {"f32": 32.0, "int16": 8.0, "int8": 8.0, "int4": 5.0, "int2": 3.1}
# Of convolutions, which have a scale for each output channel.
CHANNEL_BITS = BITS | {"int4": 4.0, "int2": 2.0}
BLOCK = 32  # weights of matrix products that have one scale, if they have few bits
RUNS = 20  # of a program whose kernels are timed, in a round
ROUNDS = 3  # in which the programs of one precision take turns
POINT_ROUNDS = 20  # likewise those of points


@dataclass
class Point:
    """A choice of precisions; of products that are not named, f32."""

    precisions: dict[str, str]
    bits: float  # of a weight of a product, on average
    predicted_loss: float
    predicted_milliseconds: float | None  # None: nothing depends on it
    simulated_loss: float | None = None  # of all products together
    loss: float | None = None  # of the compiled program
    milliseconds: float | None = None
    bytes: int | None = None  # of the compiled program
    rounding: str | None = None  # of weights
    float_share: float | None = None  # of the multiply-accumulates

    def recipe(self) -> dict[str, Any]:
        """For mpq.quantize and mpq.compile (docs/Recipes.md)."""
        return _recipe(self.precisions, self.rounding)


@dataclass
class Front:
    """The points found, from the smallest loss to the largest."""

    points: list[Point]
    profile: Profile
    over: str
    complete: bool = True  # False: the search was interrupted or out of time
    limits: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> Point | None:
        """The point with the least loss within the limits; None if there is none."""
        fitting = [point for point in self.points if _fits(point, self.limits)]
        return min(fitting, key=_loss) if fitting else None

    def save(self, folder: str | os.PathLike) -> None:
        """Writes front.json, front.csv, the profile, and a recipe for each point; front.png if there is matplotlib."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.profile.save(folder / "profile.json")
        rows = []
        for number, point in enumerate(self.points):
            recipe = f"recipe-{number:02}.json"
            write_file(folder / recipe, json.dumps(point.recipe(), indent=1).encode())
            counts = {p: list(point.precisions.values()).count(p) for p in BITS if p != "f32"}
            row = {key: value for key, value in asdict(point).items() if key != "precisions"}
            rows.append({"recipe": recipe} | row | counts)
        write_file(folder / "front.json", json.dumps(
            {"format": "mpq-front", "version": 1, "over": self.over, "complete": self.complete, "limits": self.limits,
             "points": rows}, indent=1).encode())
        with open(folder / "front.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0] if rows else ["recipe"])
            writer.writeheader()
            writer.writerows(rows)
        self._plot(folder / "front.png")

    def _plot(self, path: Path) -> None:
        try:
            from matplotlib.figure import Figure
        except ImportError:
            return
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        title, cost = {"latency": ("milliseconds", lambda p: p.milliseconds or p.predicted_milliseconds),
                       "bits": ("bits of a weight", lambda p: p.bits),
                       "float": ("share of multiply-accumulates in float", lambda p: p.float_share)}[self.over]
        axes.plot([cost(p) for p in self.points], [_loss(p) for p in self.points], "o-")
        axes.set_xlabel(title)
        axes.set_ylabel("loss")
        figure.savefig(path)


def _recipe(precisions: Mapping[str, str], rounding: str | None) -> dict[str, Any]:
    rules = [{"name": name, "precision": precision} for name, precision in precisions.items()]
    integers = any(precision.startswith("int") for precision in precisions.values())
    return {"precision": "f32"} | ({"rounding": rounding} if rounding and integers else {}) | {"rules": rules}


def _loss(point: Point) -> float:
    return next(v for v in (point.loss, point.simulated_loss, point.predicted_loss) if v is not None)


def _fits(point: Point, limits: Mapping[str, float]) -> bool:
    values = {"loss": _loss(point), "latency": point.milliseconds or point.predicted_milliseconds, "bits": point.bits,
              "bytes": point.bytes or 0, "float": point.float_share}
    return all(values[name] <= limit for name, limit in limits.items())


def kernel_macs(product: Product, precision: str) -> int:
    """Multiply-accumulates of the product's kernel: with a scale for each block of weights, sums are of whole blocks."""
    if product.kind != "matmul" or precision not in ("int4", "int2") or precision not in product.precisions:
        return product.macs
    depth = product.weights // math.prod(product.weight_shape[dim] for dim in product.channel_dims)
    return product.macs // depth * (math.ceil(depth / BLOCK) * BLOCK if depth > BLOCK else depth)


def product_times(program: Program, feed: Feed, products: Sequence[Product], precision: str) -> list[float] | None:
    """Milliseconds of each product with what follows it until the next one: the kernels are in the products' order and
    known by their multiply-accumulates. A product in int16 has one for each byte, or each pair of bytes. What widens its weights, directly before it, counts for it, and what comes before
    the first product. None if they do not match."""
    kernels = program.profile(feed, runs=RUNS)["kernels"]

    def macs(kernel: Mapping[str, Any]) -> int:
        return kernel["integer_macs"] + kernel["float_macs"]

    starts, at = [], 0
    for product in products:
        expected = kernel_macs(product, precision)
        while at < len(kernels) and macs(kernels[at]) != expected:
            at += 1
        if at == len(kernels):
            return None
        widens = at > 0 and kernels[at - 1]["name"] == product.id and not macs(kernels[at - 1])
        starts.append(at - widens)
        left = 1
        if precision == "int16" and precision in product.precisions:
            left = 2 if product.weights else 4
        while left and at < len(kernels):
            left -= macs(kernels[at]) == expected
            at += 1
    bounds = [0, *starts[1:], len(kernels)]
    return [sum(kernel["least_milliseconds"] for kernel in kernels[begin:end]) for begin, end in zip(bounds, bounds[1:])]


def weight_bits(product: Product, precision: str) -> float:
    """Of all its weights."""
    return (BITS if product.kind == "matmul" else CHANNEL_BITS)[precision] * product.weights


def computes_in_integers(product: Product, precision: str) -> bool:
    """Weights of few bits leave the activations of matrix products in float."""
    return precision in ("int8", "int16") or precision != "f32" and product.kind != "matmul"


@checked
def search(model: Any, data: Iterable[Feed], *, precisions: Sequence[str] = ("f32", "int8"), over: str = "latency",
           points: int = 10, max_loss: float | None = None, max_latency: float | None = None,
           max_bits: float | None = None, max_bytes: int | None = None, max_float: float | None = None,
           loss: Loss | None = None, rounding: str | None = None, seconds: float = 600, threads: int = 1,
           profile: Profile | str | os.PathLike | None = None, method: str | None = None,
           target: str = "host", shape: Shapes | None = None, name: str | None = None, mask: str | None = None,
           folder: str | os.PathLike | None = None, measured: bool = True, progress: Progress | None = None) -> Front:
    """Searches precisions of products and returns the best found, for limits between the slowest and the fastest.

    data:       samples, for calibration, for corrections of biases and for the loss
    precisions: what products may have: f32, int16 (activations in 16 bits), int8, and, with constant weights, int4 and int2
    over:       what is traded for loss: "latency", "bits" (of a weight) or "float" (the share of the multiply-accumulates
                that stay in float)
    points:     how many to look for
    max_...:    limits of Front.best, and of every point: loss, milliseconds, bits of a weight, bytes of the program, share
                in float
    loss:       how far outputs are from the float model's: a function of two lists of {output name: array}, one for each
                sample in their order. It may be a task's, such as the share of samples that are judged wrong
    rounding:   how weights become integers: "nearest", "gptq" or "adaround" (docs/Recipes.md)
    mask:       an input that is 0 where samples are padded: such rows decide on nothing
    seconds:    the search ends after about so long, or with Ctrl-C, with what it has
    folder:     where the front is written to, again whenever a point is added
    measured:   compile and measure each point; False: what is predicted and simulated only
    """
    report = progress or (lambda *_: None)
    for precision in precisions:
        if precision not in BITS:
            raise _core.Error(f"unknown precision {precision!r}: expected some of {', '.join(BITS)}"
                              f"{suggest(str(precision), list(BITS))}")
    if len(set(precisions)) < 2:
        raise _core.Error("expected at least two precisions to choose from but got "
                          f"{', '.join(precisions) or 'none'}")
    limits = {key: value for key, value in (("loss", max_loss), ("latency", max_latency), ("bits", max_bits),
                                            ("bytes", max_bytes), ("float", max_float)) if value is not None}
    if max_bytes is not None and not measured:
        raise _core.Error("max_bytes has no effect without measured=True: bytes are those of compiled programs")
    begin = time.monotonic()
    feeds = list(data)
    if not feeds:
        raise _core.Error("expected samples to search with but there are none")
    common = {"shape": shape, "name": name, "progress": progress}
    if profile is None:
        profile = calibrate(model, feeds, mask=mask, **common)
    elif not isinstance(profile, Profile):
        profile = Profile.load(profile)
    kept = feeds[:FIT_SAMPLES]
    simulation = simulate(model, profile, kept, method=method, recipe={"rounding": rounding} if rounding else None,
                          mask=mask, precisions=precisions, **common)
    products = simulation.products
    for product in products:
        if not set(precisions) & set(product.precisions):
            raise _core.Error(f"product '{product.id}' can have none of the precisions {', '.join(precisions)}: expected "
                              f"some of {', '.join(product.precisions)} among them")
    for precision in precisions:
        if not any(precision in product.precisions for product in products):
            warn([f"precision {precision} has no effect on the search: no product can have it"])
    precisions = [p for p in precisions if any(p in product.precisions for product in products)]
    judge = Judge(simulation, feeds, loss)
    tables = judge.measure(precisions, lambda done, total: report("sensitivity", -1.0, done, total))

    machine = {"target": target, "threads": threads}
    by_id = {product.id: product for product in products}

    def program(recipe: Mapping[str, Any], path: str | None = None) -> Program:
        if path is None:
            integers = any(computes_in_integers(by_id[rule["name"]], rule["precision"])
                           for rule in recipe.get("rules", ()))
            ranges = {"profile": profile, "method": method} if integers else {}  # others have no use of them
            return compile(model, recipe=recipe, **ranges, **machine, **common)
        compile_to(model, path, profile=profile, recipe=recipe, method=method, fit_data=kept, mask=mask, target=target,
                   **common)
        return load(path, threads=threads)

    uniform = {}
    times_matter = over != "float" or max_latency is not None
    for precision in precisions if times_matter else ():
        rules = [{"name": p.id, "precision": precision} for p in products if precision in p.precisions]
        if precision != "f32" and not rules:
            continue
        uniform[precision] = program({"precision": "f32"} | ({"rules": rules} if precision != "f32" else {}))

    def times_of(precision: str) -> list[float]:
        found = product_times(uniform[precision], feeds[0], products, precision)
        if found is None:
            raise _core.Error(f"cannot tell the kernels of products apart in the program in {precision}")
        return found

    times = dict(zip(uniform, in_rounds(ROUNDS, times_of, list(uniform))))
    uniform.clear()
    choices = [Choice([[Option(precision, table.get((product.id, precision), 0.0),
                               times[precision][index] if times_matter else 0.0, weight_bits(product, precision),
                               0 if computes_in_integers(product, precision) else product.macs)
                        for precision in precisions
                        if precision in product.precisions and (precision in times or not times_matter)]
                       for index, product in enumerate(products)],
                      sum(product.weights for product in products), simulation.total_macs, simulation.float_macs)
               for table in tables]
    low, high = choices[0].range_of(over)
    high = min(high, limits.get(over, high))
    front = Front([], profile, over, limits=limits)
    known: list[dict[str, str]] = []
    programs: list[tuple[Point, str]] = []

    def add(limit: float) -> None:
        chosen = choose(judge, choices, {k: v for k, v in limits.items() if k != "bytes"} | {
            over: min(limit, limits.get(over, limit))})
        if chosen is None or chosen.precisions in known:
            return
        known.append(chosen.precisions)
        point = Point(chosen.precisions, chosen.bits, chosen.predicted_loss,
                      chosen.milliseconds if times_matter else None, chosen.loss, float_share=chosen.float_share,
                      rounding=rounding)
        if measured:
            path = os.path.join(place, f"{len(known)}.so")
            _measure(point, path)
            programs.append((point, path))
        front.points.append(point)
        front.points.sort(key=_loss)
        if folder is not None:
            front.save(folder)

    def _is_fitted(point: Point) -> bool:
        return any(computes_in_integers(by_id[name], precision) or precision != "f32" and rounding in ("gptq", "adaround")
                   for name, precision in point.precisions.items())

    def _measure(point: Point, path: str) -> None:
        fitted = _is_fitted(point)
        compiled = program(point.recipe(), path if fitted else None)
        if not fitted:
            compiled.save(path)
        point.bytes = compiled.weights_bytes
        outputs = [compiled(feed) for feed in feeds]
        point.loss = judge.loss_of(outputs)
        point.milliseconds = milliseconds(compiled, feeds[0])

    def is_late() -> bool:
        return time.monotonic() - begin > seconds

    def measure_again() -> None:
        """From files, since all programs together may not fit into memory. The quietest round of each point counts."""
        for number in range(POINT_ROUNDS if programs else 0):
            report("latencies", -1.0, number, POINT_ROUNDS)
            for point, path in programs:
                if is_late():
                    return
                point.milliseconds = min(point.milliseconds, milliseconds(load(path, threads=threads), feeds[0]))

    with tempfile.TemporaryDirectory(prefix="mpq-") as place:
        try:
            # The ends first, then between those that exist: an early end leaves a front all over the range.
            order = _spread(points)
            for number, part in enumerate(order):
                if is_late():
                    front.complete = False
                    break
                report("search", -1.0, number, len(order))
                add(low + (high - low) * part)
            measure_again()
        except KeyboardInterrupt:
            front.complete = False
        if folder is not None:
            front.save(folder)
    return front


def _spread(count: int) -> list[float]:
    """`count` numbers from 0 to 1, the ends first, then halves, quarters, ..."""
    numbers, step = [1.0, 0.0], 0.5
    while len(numbers) < count:
        numbers += [step * odd for odd in range(1, int(1 / step), 2)]
        step /= 2
    return numbers[:count]
