"""Size, latency, memory and accuracy of compiled models beside each other."""

from __future__ import annotations

import importlib.util
import statistics
import time
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from . import _core
from .arguments import checked, describe
from .program import Program
from .suggestion import suggest

Outputs = Mapping[str, np.ndarray]
Metric = Callable[[Sequence[Outputs], Sequence[Outputs], Sequence[Outputs]], float]
"""A number from outputs, reference outputs and inputs of all samples."""


def _paired(outputs: Sequence[Outputs], references: Sequence[Outputs]):
    for ours, theirs in zip(outputs, references):
        for name, reference in theirs.items():
            yield np.asarray(ours[name], np.float64).ravel(), np.asarray(reference, np.float64).ravel()


def cosine(outputs, references, _inputs=None) -> float:
    """Mean cosine of outputs with the reference's."""
    values = []
    for a, b in _paired(outputs, references):
        norms = np.linalg.norm(a) * np.linalg.norm(b)
        values.append(float(a @ b / norms) if norms else float((a == b).all()))
    return float(np.mean(values))


def sqnr(outputs, references, _inputs=None) -> float:
    """Signal to quantization noise over all outputs, in dB."""
    signal = noise = 0.0
    for a, b in _paired(outputs, references):
        signal += float(b @ b)
        noise += float((a - b) @ (a - b))
    return 10 * float(np.log10(signal / noise)) if noise and signal else float("inf")


def max_error(outputs, references, _inputs=None) -> float:
    """The largest absolute difference."""
    return max(float(np.abs(a - b).max()) for a, b in _paired(outputs, references))


def agreement(outputs, references, _inputs=None) -> float:
    """Share of positions whose largest entry along the last dimension is the reference's."""
    same = total = 0
    for ours, theirs in zip(outputs, references):
        for name, reference in theirs.items():
            equal = np.argmax(ours[name], -1) == np.argmax(reference, -1)
            same, total = same + int(equal.sum()), total + equal.size
    return same / total


METRICS: dict[str, Metric] = {"cosine": cosine, "sqnr": sqnr, "max-error": max_error, "agreement": agreement}


@checked
def get_metric(name: str) -> Metric:
    """A metric of METRICS, or the function `metric` of a Python file."""
    if name in METRICS:
        return METRICS[name]
    if Path(name).suffix != ".py":
        raise _core.Error(f"unknown metric '{name}': expected one of {', '.join(METRICS)} or a Python file with a "
                          f"function metric(outputs, references, inputs){suggest(name, METRICS)}")
    return read_function(name, "metric", "outputs, references, inputs")


def read_function(script: str, name: str, parameters: str) -> Callable[..., float]:
    """The function `name` of a Python file. What it raises, and results that are no numbers, are errors."""
    path = Path(script)
    if not path.is_file():
        raise _core.Error(f"cannot read the {name} script '{script}': there is no such file")
    spec = importlib.util.spec_from_file_location(f"mpq_{name}", path)
    module = importlib.util.module_from_spec(spec)
    with _script_errors(path, name):
        spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        raise _core.Error(f"expected '{script}' to define a function {name}({parameters})")

    def call(*arguments) -> float:
        with _script_errors(path, name):
            value = function(*arguments)
        if not isinstance(value, (int, float, np.number)):
            raise _core.Error(f"expected {name} of '{script}' to return a number but got {describe(value)}")
        return float(value)

    return call


@contextmanager
def _script_errors(path: Path, name: str):
    """What is wrong in a script, and in which of its lines."""
    try:
        yield
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == path.absolute()]
        place = f" in line {lines[-1]}" if lines else ""
        raise _core.Error(f"the {name} script '{path}' failed{place} with {type(error).__name__}: {error}") from error


@dataclass
class Contender:
    """Something that computes the model."""

    name: str
    run: Callable[[Outputs], Outputs]
    size_bytes: int | None = None
    workspace_bytes: int | None = None
    milliseconds: list[float] = field(default_factory=list)

    @classmethod
    def of_program(cls, name: str, program: Program) -> "Contender":
        code = sum(program.summary.get(key, 0) for key in ("code_bytes", "constants_bytes", "weights_bytes"))
        return cls(name, program, code or program.weights_bytes, program.workspace_bytes)

    @classmethod
    def of_onnxruntime(cls, path: str, threads: int) -> "Contender":
        try:
            import onnxruntime
        except ImportError:
            raise _core.Error("the peer onnxruntime is not installed: pip install onnxruntime") from None
        if Path(path).suffix.lower() != ".onnx":
            raise _core.Error(f"expected the model as .onnx for the peer onnxruntime but got '{path}': leave the peer "
                              "out, or evaluate the ONNX file that the model came from")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of many classes without a base of their own
            raise _core.Error(f"the peer onnxruntime cannot read '{path}': {' '.join(str(error).split())}") from None
        names = [output.name for output in session.get_outputs()]
        return cls("onnxruntime", lambda feed: dict(zip(names, session.run(names, dict(feed)))),
                   Path(path).stat().st_size)


@dataclass
class Row:
    """What was measured of one contender; accuracy is against the first."""

    name: str
    size_bytes: int | None
    workspace_bytes: int | None
    median_milliseconds: float
    accuracy: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(contenders: Sequence[Contender], samples: Sequence[Outputs], metric: Metric,
             rounds: int = 10, seconds: float = 0.2, progress: Callable[[str, int, int], None] | None = None
             ) -> list[Row]:
    """Runs every contender on all samples, then times them in turns, so that drifts of the machine hit all alike."""
    samples = list(samples)
    if not samples:
        raise _core.Error("expected samples to evaluate with but got none")
    outputs = []
    for index, contender in enumerate(contenders):
        outputs.append([contender.run(feed) for feed in samples])
        if progress:
            progress("run", index + 1, len(contenders))
    for turn in range(rounds):
        for contender in contenders:
            end = time.perf_counter() + seconds
            while True:
                start = time.perf_counter()
                contender.run(samples[0])
                now = time.perf_counter()
                contender.milliseconds.append((now - start) * 1e3)
                if now >= end:
                    break
        if progress:
            progress("time", turn + 1, rounds)
    return [Row(contender.name, contender.size_bytes, contender.workspace_bytes,
                statistics.median(contender.milliseconds), metric(results, outputs[0], samples))
            for contender, results in zip(contenders, outputs)]
