"""Models on their way: calibrate, quantize, compile."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from . import _core
from .arguments import KINDS, Kind, checked, describe, is_path
from .files import MODEL_SUFFIXES, check_place, write_file
from .program import Program, TensorInfo, as_feed, in_order
from .samples import save_samples

SAMPLES_KEPT = 4
# Samples that biases are fitted to, and those that decide how weights are rounded.
FIT_SAMPLES, ROUNDING_SAMPLES = 128, 512

Feed = Mapping[str, Any]
Shapes = Mapping[str, Sequence[int]]
Targets = str | Sequence[str]
Progress = Callable[[str, float, int, int], None]
"""Told (phase, seconds, samples done, samples in all): seconds is negative while a phase goes on, the last 0 if unknown.
An exception ends the work."""


class _Source:
    """A model as the compiler takes it: a file, or bytes under a name that says what they are."""

    def __init__(self, name: str, data: bytes | None = None):
        self.name, self.data = name, data

    @classmethod
    def of(cls, model: Any, example: Feed | None = None) -> "_Source":
        if is_path(model):
            name = os.fspath(model)
            suffix = Path(name).suffix.lower()
            if suffix not in MODEL_SUFFIXES:
                compiled = ": a compiled model is for mpq.load and mpq run" if suffix == ".so" else ""
                raise _core.Error(f"expected the model's file to end with one of {', '.join(MODEL_SUFFIXES)} but got "
                                  f"'{name}'{compiled}")
            return cls(name)
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
                          f"mpq.quantize returned but got {describe(model)}")

    def digest(self) -> bytes:
        """Of the file; errors if there is none."""
        digest = hashlib.blake2b()
        with open(self.name, "rb") as file:
            for part in iter(lambda: file.read(1 << 20), b""):
                digest.update(part)
        return digest.digest()


@contextmanager
def _exchange() -> Iterator[str]:
    """A folder for what the compiler takes and gives as files. Errors speak of what the caller passed, not of them."""
    with tempfile.TemporaryDirectory(prefix="mpq-") as folder:
        try:
            yield folder
        except _core.Error as error:
            here = re.escape(folder)
            text = re.sub(rf"'{here}/data/[^']*?/0*(\d+)\.npy'", r"sample \1", str(error))
            text = re.sub(rf" for the folder '{here}/data/[^']*': expected folders", ": its inputs are", text)
            text = re.sub(rf"(\w+) '{here}/[^']*'", r"the \1", text)
            raise _core.Error(text) from None


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
            try:
                Path(path).write_text(json.dumps(value, allow_nan=False))
            except (TypeError, ValueError, RecursionError) as error:
                raise _core.Error("expected the recipe to hold text, finite numbers, lists and dictionaries only: "
                                  f"{error}") from None
            settings.append((name, path))
        elif isinstance(value, (list, tuple)):
            settings.append((name, ",".join(value)))
        else:
            settings.append((name, os.fspath(value)))
    return settings


class Profile:
    """The ranges that calibration saw: JSON, described in docs/ProfileFormat.md."""

    def __init__(self, data: bytes):
        if not isinstance(data, bytes):
            raise _core.Error(f"expected a profile as bytes of JSON but got {describe(data)}: see mpq.Profile.load")
        self.data = data

    @checked
    def save(self, path: str | os.PathLike) -> None:
        write_file(path, self.data)

    @classmethod
    @checked
    def load(cls, path: str | os.PathLike) -> "Profile":
        try:
            data = Path(path).read_bytes()
            json.loads(data)
        except OSError as error:
            raise _core.Error(f"cannot read profile '{os.fspath(path)}': {error.strerror}") from None
        except ValueError:
            raise _core.Error(f"expected '{os.fspath(path)}' to be a profile, which mpq.calibrate makes, but it is no "
                              "JSON") from None
        return cls(data)

    @classmethod
    @checked
    def merge(cls, profiles: Iterable["Profile | str | os.PathLike"]) -> "Profile":
        """The profile of all samples of calibrations of one model: exactly what one with all of them gives."""
        with tempfile.TemporaryDirectory(prefix="mpq-") as folder:
            paths = []
            for index, profile in enumerate(profiles):
                if not KINDS["profile"].accepts(profile):
                    raise _core.Error(f"expected {KINDS['profile'].expected} but got {describe(profile)}")
                paths.append(profile if not isinstance(profile, Profile) else os.path.join(folder, f"{index}.json"))
                if isinstance(profile, Profile):
                    Path(paths[-1]).write_bytes(profile.data)
            merged = os.path.join(folder, "merged.json")
            _core.merge_profiles([os.fspath(path) for path in paths], merged)
            return cls(Path(merged).read_bytes())


KINDS["profile"] = Kind("a profile or the path of one", lambda value: isinstance(value, Profile) or is_path(value))


class Quantized:
    """A quantized model (MLIR in QDQ form): compile it, keep it, look at its decisions."""

    @checked
    def __init__(self, bytecode: bytes, source: _Source, options: dict[str, Any], record: dict, samples: list[Feed],
                 kept: tempfile.TemporaryDirectory | None = None):
        self.data = bytecode
        """MLIR bytecode."""
        self.record = record
        """What was decided, and why (docs/Report.md)."""
        self.samples = samples
        """Some of the calibration's samples, which reports use."""
        self._source = source
        self._options = options
        self._kept = kept  # files that the options name, as long as they are needed
        if source.data is None:  # wherever the process goes
            self._source = _Source(os.path.abspath(source.name))
            self._digest = self._source.digest()

    def _compile(self, folder: str, path: str | os.PathLike | None, **more: Any) -> bytes | None:
        """Quantizes anew: the model must still be what it was."""
        if self._source.data is None:
            again = "put it back or quantize anew"
            try:
                if self._source.digest() != self._digest:
                    raise _core.Error(f"'{self._source.name}' has changed since it was quantized: {again}")
            except OSError as error:
                raise _core.Error(f"cannot read '{self._source.name}', which was quantized: {error.strerror}: {again}"
                                  ) from None
        settings = _settings(folder, **(self._options | more))
        path = path and os.fspath(path)
        return _core.Compiler().compile(self._source.name, self._source.data, settings, path, None)[0]

    @property
    def name(self) -> str:
        return self._options["name"] or Path(self._source.name).stem

    @property
    def recipe(self) -> dict[str, Any] | None:
        """The rules that the model was quantized by, with those of max_float."""
        return copy.deepcopy(self._options["recipe"])

    @property
    def profile(self) -> Profile:
        """The ranges that the model was quantized with."""
        return self._options["profile"]

    @checked
    def save(self, path: str | os.PathLike) -> None:
        """Writes MLIR bytecode (.mlirbc), which mpq.compile and the tools read."""
        check_place(path, ".mlirbc", ": Quantized.to_onnx writes ONNX, and mpq.compile makes shared libraries")
        write_file(path, self.data)

    @checked
    def to_onnx(self, path: str | os.PathLike) -> None:
        """Writes the model that was quantized as ONNX in QDQ form, for ONNX Runtime, OpenVINO and others
        (docs/ExportONNX.md). It must have come from ONNX."""
        check_place(path, ".onnx")
        with _exchange() as folder:
            self._compile(folder, path, emit="onnx", target=None)  # for any

    @checked
    def report(self, path: str | os.PathLike, data: Iterable[Feed] | None = None, *, threads: int = 1, runs: int = 20,
               accuracy: list[dict] | None = None) -> None:
        """Writes a self-contained HTML page, and its record as JSON beside it (r.html, r.json; another report may be
        replaced): precisions with reasons, ranges, errors of layers on `data` (by default some calibration samples),
        measured times of kernels.

        accuracy: what to say of it, a list of {"name": ..., "value": ..., "reference": ...}
        """
        from . import report as pages  # python -m mpq.report wants to be the first who imports it

        pages.check_output(path)
        pages.check_accuracy(accuracy or [])
        samples = self.samples if data is None else list(_numbered(itertools.islice(data, SAMPLES_KEPT), as_feed))
        if not samples:
            raise _core.Error("expected samples to report with but got none: pass data")
        with _exchange() as folder:
            record, inputs = os.path.join(folder, "record.json"), os.path.join(folder, "data")
            save_samples(samples, inputs)
            library = self._compile(folder, None, report=record, report_data=inputs, emit="so")
            document = json.loads(Path(record).read_text())
        program = Program(_core.Program.load_bytes(library, int(threads)), library)
        pages.write(document, path, profile=program.profile(samples[0], runs), accuracy=accuracy)


@checked
def calibrate(model: Any, data: Iterable[Feed], *, shape: Shapes | None = None, name: str | None = None,
              mask: str | None = None, resume: str | os.PathLike | None = None,
              progress: Progress | None = None) -> Profile:
    """Runs the model on samples ({input name: array} each) and returns the ranges of its values.

    `shape` fixes dimensions that the model leaves open. Samples are taken one at a time.
    `mask` names an input that is 0 where samples are padded, whose rows do not count.
    `resume` names a file that keeps what was seen: after an interrupt, the same call with the same data goes on.
    """
    samples = iter(data)
    first = list(itertools.islice(samples, 1))
    source = _Source.of(model, first[0] if first else None)
    return _calibrate(source, itertools.chain(first, samples), progress, [], shape=shape, name=name, mask=mask,
                      resume=resume)


def _numbered(samples: Iterable[Feed], read: Callable[[Feed], Any]) -> Iterator[Any]:
    """What `read` makes of samples; its errors say of which."""
    for index, feed in enumerate(samples):
        try:
            result = read(feed)
        except _core.Error as error:
            raise _core.Error(f"sample {index}: {error}") from None
        yield result


def _calibrate(source: _Source, samples: Iterable[Feed], progress: Progress | None, kept: list[Feed],
               fit_data: str | None = None, fit_samples: int = FIT_SAMPLES, **options: Any) -> Profile:
    """Copies of the first samples go into `kept`, `fit_samples` of them into a folder: who makes them may use their memory
    again."""
    taken = itertools.count()
    infos: list[TensorInfo] = []
    ordered = _numbered(samples, lambda feed: in_order(feed, infos))

    def next_sample(inputs: list[tuple]) -> list[Any] | None:
        infos[:] = [TensorInfo(*info) for info in inputs]
        arrays = next(ordered, None)
        if arrays is not None and len(kept) < SAMPLES_KEPT:
            kept.append({info.name: np.array(array) for info, array in zip(infos, arrays)})
        if arrays is not None and fit_data and (number := next(taken)) < fit_samples:
            save_samples([{info.name: array for info, array in zip(infos, arrays)}], fit_data, number)
        return arrays

    with _exchange() as folder:
        path = os.path.join(folder, "profile.json")
        _core.Compiler().calibrate(source.name, source.data, next_sample, _settings(folder, **options), path, progress)
        return Profile(Path(path).read_bytes())


def read_recipe(recipe: str | os.PathLike | Mapping | None) -> Mapping:
    """As a dictionary. What is wrong with a file, the compiler says."""
    if recipe is None or isinstance(recipe, Mapping):
        return recipe or {}
    try:
        read = json.loads(Path(recipe).read_bytes())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, Mapping) else {}


def precision_beside(recipe: str | os.PathLike | Mapping | None) -> str | None:
    """int8, unless the recipe says what products get: nobody has asked for something else than that."""
    return None if "precision" in read_recipe(recipe) else "int8"


def _rounds(recipe: str | os.PathLike | Mapping | None) -> bool:
    """Whether samples decide how some weights are rounded."""
    recipe = read_recipe(recipe)
    parts = [recipe, *(rule for rule in recipe.get("rules") or () if isinstance(rule, Mapping))]
    return any(part.get("rounding", "nearest") != "nearest" for part in parts)


def has_nothing_to_fit(error: _core.Error) -> bool:
    """Whether samples were given for decisions that the model has none of."""
    return "nothing to fit" in str(error)


# Precisions of products that stay float: of factors or weights that have no use for samples.
_FLOAT_PRECISIONS = ("bf16", "f16", "fp8_e4m3", "fp8_e5m2", "mxfp8", "mxfp4", "mxint8")


def _needs_ranges(precision: str, recipe: str | os.PathLike | Mapping | None) -> bool:
    """Whether integers come from ranges of activations."""
    return precision not in ("int4", "int2", *_FLOAT_PRECISIONS) and read_recipe(recipe).get("activations") != "dynamic"


@checked
def quantize(model: Any, data: Iterable[Feed] | None = None, *, precision: str = "int8",
             recipe: str | os.PathLike | Mapping | None = None, method: str | None = None, target: str = "host",
             shape: Shapes | None = None, name: str | None = None,
             profile: Profile | str | os.PathLike | None = None, mask: str | None = None,
             correct_bias: bool | None = None, max_float: float | None = None, max_int16: float | None = None,
             loss: Callable[..., float] | None = None, progress: Progress | None = None) -> Quantized:
    """Quantizes a model.

    model:     a path (.onnx, .mlir, .mlirbc), ONNX bytes, an onnx.ModelProto or a torch.nn.Module
    data:      samples to calibrate with; or pass a `profile` of an earlier calibration. Weights alone (precision int4
               or int2 of matrix products, fp8_e4m3, fp8_e5m2, mxfp8, mxfp4, mxint8), factors of 16 bits (bf16 or f16)
               and a recipe with "activations": "dynamic" need neither.
    precision: what products compute in where the recipe says nothing
    recipe:    a file or a dictionary of rules (docs/Recipes.md)
    method:    how ranges are picked where the recipe says nothing (minmax; mpq.options() lists all)
    mask:      an input that is 0 where samples are padded, such as the attention mask of an encoder: padding then decides
               on nothing (docs/Recipes.md)
    correct_bias: whether biases make up for the mean errors of rounding, as up to 128 samples show them (default: with
               `data`). The same samples decide on weights where the recipe asks for it ("rounding": "gptq")
    target:    the machine that reports are for; mpq.compile has its own
    max_float: at most this share of the multiply-accumulates (0.15: 15%) stays in float, for accuracy: the products whose
               rounding the outputs for up to 128 samples show most (docs/Search.md)
    max_int16: likewise, the share that has activations in 16 bits
    loss:      what max_float and max_int16 judge outputs by, as in mpq.search
    """
    shares = {name: share for name, share in (("max_float", max_float), ("max_int16", max_int16)) if share is not None}
    if shares and (data is None or precision != "int8"):
        raise _core.Error(f"expected {'calibration data' if data is None else 'precision int8'} for {' and '.join(shares)}, "
                          "which keeps products from int8 by what samples show, but got "
                          f"{'none' if data is None else precision}")
    if loss is not None and not shares:
        raise _core.Error("loss has no effect without max_float or max_int16")
    if correct_bias and data is None:
        raise _core.Error("expected calibration data to correct biases with but got none")
    if mask is not None and data is None:
        raise _core.Error("mask has no effect without data: it says which rows of samples count")
    automatic = correct_bias is None
    if automatic:
        correct_bias = data is not None and precision not in ("f32", *_FLOAT_PRECISIONS)
    needs_ranges = _needs_ranges(precision, recipe)
    if data is not None and profile is not None or needs_ranges and data is None and profile is None:
        raise _core.Error("expected either calibration data or a profile but got "
                          f"{'neither' if data is None else 'both'}")
    kept: list[Feed] = []
    files = tempfile.TemporaryDirectory(prefix="mpq-") if correct_bias or shares else None
    samples_folder = os.path.join(files.name, "data") if files else None
    if data is not None:
        samples = iter(data)
        first = list(itertools.islice(samples, 1))
        source = _Source.of(model, first[0] if first else None)
        profile = _calibrate(source, itertools.chain(first, samples), progress, kept, samples_folder,
                             ROUNDING_SAMPLES if _rounds(recipe) else FIT_SAMPLES, shape=shape, name=name, mask=mask)
    else:
        source = _Source.of(model)
        profile = profile if profile is None or isinstance(profile, Profile) else Profile.load(profile)
    if shares:
        from .floats import keep_float  # which is made of what is here

        recipe = keep_float(source.name if source.data is None else source.data, profile, samples_folder, max_float,
                            max_int16, loss=loss, fits=correct_bias, recipe=recipe, method=method, shape=shape, name=name,
                            mask=mask, progress=progress)
    if precision == "int8":
        precision = precision_beside(recipe)
    options = {"precision": precision, "recipe": copy.deepcopy(recipe), "method": method, "target": target,
               "shape": copy.deepcopy(shape), "name": name, "profile": profile,
               "fit_data": samples_folder if correct_bias else None, "mask": mask if correct_bias else None}
    with _exchange() as folder:
        path = os.path.join(folder, "report.json")

        def run() -> bytes:
            settings = _settings(folder, **options, report=path, to="quantize", emit="mlirbc")
            return _core.Compiler().compile(source.name, source.data, settings, None, progress)[0]

        try:
            result = run()
        except _core.Error as error:
            if correct_bias is False and "pass them with --fit-data" in str(error):
                raise _core.Error(str(error).replace("pass them with --fit-data", "give calibration data, without "
                                                     "correct_bias=False, which keeps them from weights, too")) from None
            if not automatic or not has_nothing_to_fit(error):  # nobody has asked to fit what has nothing to fit
                raise
            options["fit_data"] = options["mask"] = None
            result = run()
        record = json.loads(Path(path).read_text())
    if recipe is not None:  # the file may be written anew
        options["recipe"] = read_recipe(options["recipe"])
    return Quantized(result, source, options, record, kept, files)


@checked
def compile(model: Any, *, target: Targets = "host", threads: int = 1, shape: Shapes | None = None,
            precision: str | None = None, profile: Profile | str | os.PathLike | None = None,
            recipe: str | os.PathLike | Mapping | None = None, method: str | None = None, name: str | None = None,
            tune: str | os.PathLike | None = None, progress: Progress | None = None) -> Program:
    """Compiles a model for `target` and loads it; `threads` compute (0: one for each processor).

    model:  what mpq.quantize returned, or what it takes. Without a profile an ONNX model compiles in FP32; one in QDQ
            form keeps its integers.
    target: the machine, or a list of several: the library then has code for each, and runs the best that its machine
            can (docs/Artifact.md)
    tune:   measure strategies of kernels on this machine; the file keeps the times, for the next compilation
    """
    source = _Source.of(model)
    with _exchange() as folder:
        settings = _settings(folder, target=target, shape=shape, precision=precision, profile=profile, recipe=recipe,
                             method=method, name=name, tune=tune, emit="so")
        library, summary = _core.Compiler().compile(source.name, source.data, settings, None, progress)
    return Program(_core.Program.load_bytes(library, int(threads)), library, summary)
