"""Models on their way: calibrate, quantize, compile."""

from __future__ import annotations

import copy
import itertools
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from . import _core, report
from .files import write_file
from .program import Program, TensorInfo, as_input, check_threads, in_order
from .samples import save_samples

SAMPLES_KEPT = 4

Feed = Mapping[str, Any]
Shapes = Mapping[str, Sequence[int]]
Progress = Callable[[str, float, int, int], None]
"""Told (phase, seconds, samples done, samples in all): seconds is negative while a phase goes on, the last 0 if unknown.
An exception ends the work."""


class _Source:
    """A model as the compiler takes it: a file, or bytes under a name that says what they are."""

    def __init__(self, name: str, data: bytes | None = None):
        self.name, self.data = name, data

    @classmethod
    def of(cls, model: Any, example: Feed | None = None) -> "_Source":
        if isinstance(model, (str, os.PathLike)):
            return cls(os.fspath(model))
        if isinstance(model, bytes):
            return cls("model.onnx", model)
        if isinstance(model, Quantized):
            return cls(f"{model.name}.mlirbc", model.data)
        if hasattr(model, "SerializeToString"):  # onnx.ModelProto, without importing onnx
            return cls("model.onnx", model.SerializeToString())
        if any(base.__module__.startswith("torch.") for base in type(model).__mro__):
            from .torch_export import to_onnx

            return cls("model.onnx", to_onnx(model, example))
        raise _core.Error("expected a model as a path, ONNX bytes, an onnx.ModelProto, a torch.nn.Module or what "
                          f"mpq.quantize returned but got {type(model).__name__}")


def _settings(folder: str, **options: Any) -> list[tuple[str, str]]:
    """Options as the compiler reads them. A recipe given as a dictionary goes through a file in `folder`."""
    settings = []
    for name, value in options.items():
        if value is None:
            continue
        name = name.replace("_", "-")
        if name == "shape":
            settings += [(name, f"{key}={'x'.join(map(str, extents)) or 'scalar'}") for key, extents in value.items()]
        elif name == "profile" and isinstance(value, Profile):
            path = os.path.join(folder, "profile.json")
            Path(path).write_bytes(value.data)
            settings.append((name, path))
        elif name == "recipe" and isinstance(value, Mapping):
            path = os.path.join(folder, "recipe.json")
            Path(path).write_text(json.dumps(value))
            settings.append((name, path))
        else:
            settings.append((name, os.fspath(value)))
    return settings


class Profile:
    """The ranges that calibration saw: JSON, described in docs/ProfileFormat.md."""

    def __init__(self, data: bytes):
        self.data = data

    def save(self, path: str | os.PathLike) -> None:
        write_file(path, self.data)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Profile":
        try:
            return cls(Path(path).read_bytes())
        except OSError as error:
            raise _core.Error(f"cannot read profile '{os.fspath(path)}': {error.strerror}") from None


class Quantized:
    """A quantized model (MLIR in QDQ form): compile it, keep it, look at its decisions."""

    def __init__(self, data: bytes, source: _Source, options: dict[str, Any], record: dict, samples: list[Feed]):
        self.data = data
        """MLIR bytecode."""
        self.record = record
        """What was decided, and why (docs/Report.md)."""
        self.samples = samples
        """Some of the calibration's samples, which reports use."""
        self._source = source
        self._options = options

    @property
    def name(self) -> str:
        return self._options["name"] or Path(self._source.name).stem

    @property
    def profile(self) -> Profile:
        """The ranges that the model was quantized with."""
        return self._options["profile"]

    def save(self, path: str | os.PathLike) -> None:
        """Writes MLIR bytecode, which mpq.compile and the tools read."""
        write_file(path, self.data)

    def to_onnx(self, path: str | os.PathLike) -> None:
        """Writes the model that was quantized as ONNX in QDQ form, for ONNX Runtime, OpenVINO and others
        (docs/ExportONNX.md). It must have come from ONNX."""
        with tempfile.TemporaryDirectory(prefix="mpq-") as folder:
            settings = _settings(folder, **self._options, emit="onnx")
            _core.Compiler().compile(self._source.name, self._source.data, settings, os.fspath(path), None)

    def report(self, path: str | os.PathLike, data: Iterable[Feed] | None = None, *, threads: int = 1, runs: int = 20,
               accuracy: list[dict] | None = None) -> None:
        """Writes a self-contained HTML page, and its record as JSON beside it: precisions with reasons, ranges, errors
        of layers on `data` (by default some calibration samples), measured times of kernels.

        accuracy: what to say of it, a list of {"name": ..., "value": ..., "reference": ...}
        """
        samples = list(itertools.islice(data, SAMPLES_KEPT)) if data is not None else self.samples
        if not samples:
            raise _core.Error("expected samples to report with but got none: pass data")
        with tempfile.TemporaryDirectory(prefix="mpq-") as folder:
            record, inputs = os.path.join(folder, "record.json"), os.path.join(folder, "data")
            save_samples(samples, inputs)
            settings = _settings(folder, **self._options, report=record, report_data=inputs, emit="so")
            library, _ = _core.Compiler().compile(self._source.name, self._source.data, settings, None, None)
            document = json.loads(Path(record).read_text())
        program = Program(_core.Program.load_bytes(library, check_threads(threads)), library)
        report.write(document, path, profile=program.profile(samples[0], runs), accuracy=accuracy)


def calibrate(model: Any, data: Iterable[Feed], *, shape: Shapes | None = None, name: str | None = None,
              progress: Progress | None = None) -> Profile:
    """Runs the model on samples ({input name: array} each) and returns the ranges of its values.

    `shape` fixes dimensions that the model leaves open. Samples are taken one at a time.
    """
    samples = iter(data)
    first = list(itertools.islice(samples, 1))
    source = _Source.of(model, first[0] if first else None)
    return _calibrate(source, itertools.chain(first, samples), shape, name, progress)


def _keeping(samples: Iterator[Feed], kept: list[Feed]) -> Iterator[Feed]:
    """The samples, of which copies of the first go into `kept`: who makes them may use their memory again."""
    for feed in samples:
        if len(kept) < SAMPLES_KEPT and isinstance(feed, Mapping):
            kept.append({name: np.array(as_input(array)) for name, array in feed.items()})
        yield feed


def _calibrate(source: _Source, samples: Iterator[Feed], shape: Shapes | None, name: str | None,
               progress: Progress | None) -> Profile:
    def next_sample(inputs: list[tuple]) -> list[Any] | None:
        try:
            feed = next(samples)
        except StopIteration:
            return None
        return in_order(feed, [TensorInfo(*info) for info in inputs])

    with tempfile.TemporaryDirectory(prefix="mpq-") as folder:
        path = os.path.join(folder, "profile.json")
        _core.Compiler().calibrate(source.name, source.data, next_sample, _settings(folder, shape=shape, name=name),
                                   path, progress)
        return Profile(Path(path).read_bytes())


def quantize(model: Any, data: Iterable[Feed] | None = None, *, precision: str = "int8",
             recipe: str | os.PathLike | Mapping | None = None, target: str = "host", shape: Shapes | None = None,
             name: str | None = None, profile: Profile | str | os.PathLike | None = None,
             progress: Progress | None = None) -> Quantized:
    """Quantizes a model.

    model:     a path (.onnx, .mlir, .mlirbc), ONNX bytes, an onnx.ModelProto or a torch.nn.Module
    data:      samples to calibrate with; or pass a `profile` of an earlier calibration
    precision: what products compute in where the recipe says nothing
    recipe:    a file or a dictionary of rules (docs/Recipes.md)
    """
    if (data is None) == (profile is None):
        raise _core.Error("expected either calibration data or a profile but got "
                          f"{'neither' if data is None else 'both'}")
    kept: list[Feed] = []
    if data is not None:
        samples = iter(data)
        first = list(itertools.islice(samples, 1))
        source = _Source.of(model, first[0] if first else None)
        profile = _calibrate(source, _keeping(itertools.chain(first, samples), kept), shape, name, progress)
    else:
        source = _Source.of(model)
        profile = profile if isinstance(profile, Profile) else Profile.load(profile)
    options = {"precision": precision, "recipe": copy.deepcopy(recipe), "target": target,
               "shape": copy.deepcopy(shape), "name": name,
               "profile": profile}
    with tempfile.TemporaryDirectory(prefix="mpq-") as folder:
        path = os.path.join(folder, "report.json")
        settings = _settings(folder, **options, report=path, to="quantize", emit="mlirbc")
        result, _ = _core.Compiler().compile(source.name, source.data, settings, None, progress)
        record = json.loads(Path(path).read_text())
    return Quantized(result, source, options, record, kept)


def compile(model: Any, *, target: str = "host", threads: int = 1, shape: Shapes | None = None,
            precision: str | None = None, profile: Profile | str | os.PathLike | None = None,
            recipe: str | os.PathLike | Mapping | None = None, name: str | None = None,
            progress: Progress | None = None) -> Program:
    """Compiles a model for `target` and loads it; `threads` compute (0: one for each processor).

    model: what mpq.quantize returned, or what it takes. Without a profile an ONNX model compiles in FP32; one in QDQ
           form keeps its integers.
    """
    source = _Source.of(model)
    check_threads(threads)
    with tempfile.TemporaryDirectory(prefix="mpq-") as folder:
        settings = _settings(folder, target=target, shape=shape, precision=precision, profile=profile, recipe=recipe,
                             name=name, emit="so")
        library, summary = _core.Compiler().compile(source.name, source.data, settings, None, progress)
    return Program(_core.Program.load_bytes(library, threads), library, summary)
