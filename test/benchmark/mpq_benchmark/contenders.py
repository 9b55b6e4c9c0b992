"""Who takes part: engine and precision, the file that each one runs, and how wrong its results may be."""

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np

from mpq_testing import metrics, models, openvino_peer, tools
from mpq_testing import onnxruntime_peer
from mpq_testing.paths import BUILD, ROOT

from .layers import Layer
from .turns import ContenderError

REQUIREMENTS = ROOT / "tools" / "dev" / "requirements-benchmark.txt"


@dataclass(frozen=True)
class Contender:
    engine: str
    precision: str

    @property
    def name(self) -> str:
        return f"{self.engine} {self.precision}"

    @property
    def ours(self) -> bool:
        return self.engine == "mpq"


ENGINES = ("mpq", "onnxruntime", "openvino")


def contenders(precisions: tuple[str, ...], engines: tuple[str, ...] = ENGINES) -> list[Contender]:
    return [Contender(engine, precision) for precision in precisions for engine in engines]


def need(package: str) -> None:
    """Installs a package that only benchmarks use, where it is missing."""
    if importlib.util.find_spec(package) is not None:
        return
    wanted = [line for line in REQUIREMENTS.read_text().splitlines() if line.startswith(package)]
    print(f"installing {wanted[0]} for the benchmark", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", *wanted], capture_output=True, text=True)
    importlib.invalidate_caches()
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines() or ["no message"]
        raise ContenderError(f"cannot install {wanted[0]}: {reason[-1]}")


@dataclass(frozen=True)
class Prepared:
    """What a worker is given, and what the compiler said (for mpq)."""

    path: Path
    built: tools.Built | None = None

    @property
    def file_bytes(self) -> int:
        """With the weights that OpenVINO keeps in a second file."""
        weights = self.path.with_suffix(".bin") if self.path.suffix == ".xml" else None
        return self.path.stat().st_size + (weights.stat().st_size if weights and weights.exists() else 0)


def one_line(error: Exception) -> ContenderError:
    """The line of a tool's output that says what is wrong."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return ContenderError(next((line for line in lines if "error:" in line), lines[-1]).strip())


def guarded(prepare: Callable[[], Prepared]) -> Prepared:
    """A file that cannot be made excludes one contender, not the others."""
    try:
        return prepare()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        raise one_line(error) from error


class LayerCase:
    """A layer as the workers see it: its files are below the build tree."""

    def __init__(self, layer: Layer):
        self.layer = layer
        self.name, self.kind = layer.name, "layer"
        self.precisions, self.copies, self.from_memory = layer.precisions, layer.copies, layer.from_memory
        self.folder = BUILD / "benchmark"
        self._answers: dict[str, np.ndarray] = {}

    def _stem(self, precision: str) -> Path:
        return self.folder / f"{self.layer.slug}-{precision}"

    def _source(self, precision: str) -> Path:
        """The layer's ONNX file; the compiler need not run again where it has not changed."""
        stem = self._stem(precision)
        path, feed = stem.with_suffix(".onnx"), stem.with_suffix(".npz")
        if precision not in self._answers:
            graph = self.layer.graph(precision)
            self._answers[precision] = graph.answer
            self.folder.mkdir(parents=True, exist_ok=True)
            text = graph.model.SerializeToString()
            if not feed.exists() or not path.exists() or path.read_bytes() != text:
                np.savez(feed, **graph.feed)
                path.write_bytes(text)
        return path

    def feed(self, precision: str) -> Path:
        return self._source(precision).with_suffix(".npz")

    def prepare(self, contender: Contender) -> Prepared:
        source = self._source(contender.precision)
        if contender.engine == "openvino" and hasattr(self.layer, "write_openvino"):
            path = source.with_suffix(".xml")
            self.layer.write_openvino(path)
            return Prepared(path)
        if not contender.ours:
            return Prepared(source)

        def build() -> Prepared:
            flags = ["--precision", "f32"] if contender.precision == "f32" else []
            built = tools.compile_file(source, source.with_suffix(".so"), *flags)
            return Prepared(built.path, built)

        return guarded(build)

    def check(self, contender: Contender, results: list[np.ndarray]) -> dict:
        """How far the results are from the answer; an error where that is too far."""
        answer = self._answers[contender.precision]
        (got,) = results
        if got.shape != answer.shape or got.dtype != answer.dtype:
            raise ContenderError(f"wrong: expected {answer.dtype}{list(answer.shape)} but got "
                                 f"{got.dtype}{list(got.shape)}")
        if answer.dtype == np.uint8:
            # A tie may round either way, and scales may be multiplied in float.
            steps = np.abs(got.astype(np.int64) - answer)
            deviation = {"largest": int(steps.max()), "share_off": float((steps > 0).mean())}
            if steps.max() > 1 or deviation["share_off"] > 0.02:
                raise ContenderError(f"wrong: {deviation['share_off']:.2%} of the results differ from the answer, "
                                     f"by up to {deviation['largest']}")
            return deviation
        error = metrics.relative_error(got, answer)
        if not error < self.layer.tolerance:
            raise ContenderError(f"wrong: relative error {error:.1e}")
        return {"relative_error": error}

    def work(self, precision: str, prepared: dict[str, Prepared]) -> tuple[int, int]:
        """Multiply-accumulates, and bytes that must be moved."""
        return self.layer.macs, self.layer.bytes(precision)

    def goal(self, precision: str):
        return self.layer.goal_of(precision)
