"""Where two variants of a model part: values of the same name, in the order of the graph."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from . import _core
from .compiler import Feed, Profile, Shapes, compile, precision_beside, quantize
from .rounding import decibels
from .suggestion import suggest

VARIANTS = {"float-mpq": "the float model, compiled by mpq", "float-onnxruntime": "the float model in ONNX Runtime",
            "quantized-mpq": "the quantized model, compiled by mpq",
            "quantized-onnxruntime": "the quantized model, as QDQ ONNX, in ONNX Runtime"}
Run = Callable[[Feed], Mapping[str, np.ndarray]]


class Difference(NamedTuple):
    """Of a tensor, between two variants."""

    tensor: str
    node: str  # ONNX operator
    sqnr_db: float | None  # None: equal
    largest_error: float


class Divergence(NamedTuple):
    variants: tuple[str, str]
    threshold_db: float
    first: str | None  # the first tensor below the threshold
    table: list[Difference]


def import_onnx() -> Any:
    try:
        import onnx
    except ImportError:
        raise _core.Error("comparing values inside of models needs the package onnx: pip install onnx") from None
    return onnx


def load_onnx(model: Any) -> Any:
    """A ModelProto of its own, of anything that is ONNX."""
    onnx = import_onnx()
    if isinstance(model, (str, os.PathLike)):
        if Path(model).suffix.lower() != ".onnx":
            raise _core.Error(f"expected an ONNX model, whose tensors have names, but got '{os.fspath(model)}'")
        try:
            return onnx.load(os.fspath(model))
        except OSError as error:
            raise _core.Error(f"cannot read '{os.fspath(model)}': {error.strerror}") from None
        except Exception as error:  # of protobuf
            raise _core.Error(f"expected '{os.fspath(model)}' to be an ONNX model: {error}") from None
    if hasattr(model, "SerializeToString"):
        model = model.SerializeToString()
    if not isinstance(model, bytes):
        raise _core.Error("expected an ONNX model, whose tensors have names, as a path, bytes or an onnx.ModelProto")
    return onnx.load_from_string(model)


def computed_tensors(model: Any) -> dict[str, str]:
    """{tensor: operator} of what nodes of the main graph compute, in their order."""
    return {name: node.op_type for node in model.graph.node for name in node.output if name}


def exposed(model: Any, tensors: Iterable[str]) -> bytes:
    """The model with these tensors as outputs, too."""
    onnx = import_onnx()
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    present = {output.name for output in copy.graph.output}
    for name in tensors:
        if name not in present:
            copy.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return copy.SerializeToString()


def _in_onnxruntime(data: bytes, names: Sequence[str]) -> Run:
    try:
        import onnxruntime
    except ImportError:
        raise _core.Error("a variant in ONNX Runtime needs the package onnxruntime: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda feed: dict(zip(names, session.run(list(names), dict(feed))))


def _without_fingerprint(profile: Profile) -> Profile:
    """With more outputs the model is another one; ids of values are the same."""
    content = json.loads(profile.data)
    content.pop("fingerprint", None)
    return Profile(json.dumps(content).encode())


def check_variant(name: str) -> None:
    if name not in VARIANTS:
        raise _core.Error(f"unknown variant '{name}': expected one of {', '.join(VARIANTS)}{suggest(name, VARIANTS)}")


class Variants:
    """A float model and what is made of it, each with the tensors that are looked at as outputs."""

    def __init__(self, model: Any, quantized: Any, profile: Profile, settings: Mapping[str, Any],
                 shape: Shapes | None):
        """`quantized`: in QDQ form; or None, and what mpq makes with `profile` and `settings`."""
        self.model, self.quantized = load_onnx(model), None if quantized is None else load_onnx(quantized)
        self.profile, self.settings, self.shape = profile, settings, shape
        values = json.loads(profile.data)["values"]
        known = computed_tensors(self.quantized or self.model)
        self.tensors = {name: node for name, node in computed_tensors(self.model).items()
                        if name in known and name in values}

    def open(self, name: str) -> Run:
        check_variant(name)
        names = list(self.tensors)
        kind, engine = name.split("-")
        if kind == "float":
            data = exposed(self.model, names)
            return (_in_onnxruntime(data, names) if engine == "onnxruntime"
                    else compile(data, shape=self.shape, precision="f32"))
        if self.quantized is not None:
            data = exposed(self.quantized, names)
            return _in_onnxruntime(data, names) if engine == "onnxruntime" else compile(data, shape=self.shape)
        if engine == "mpq":
            precision = precision_beside(self.settings.get("recipe"))
            return compile(exposed(self.model, names), shape=self.shape, precision=precision,
                           profile=_without_fingerprint(self.profile), **self.settings)
        with tempfile.TemporaryDirectory(prefix="mpq-") as folder:
            path = os.path.join(folder, "quantized.onnx")
            quantize(self.model, profile=self.profile, shape=self.shape, **self.settings).to_onnx(path)
            written = load_onnx(path)
            present = computed_tensors(written)
            names = [tensor for tensor in names if tensor in present]
            return _in_onnxruntime(exposed(written, names), names)


def compare(variants: Variants, pair: Sequence[str], feeds: Sequence[Feed], threshold: float) -> Divergence:
    """The first tensor whose signal to noise ratio, of the second variant beside the first, is below `threshold` dB."""
    first, second = (variants.open(name) for name in pair)
    signal: dict[str, float] = {}
    noise: dict[str, float] = {}
    largest: dict[str, float] = {}
    for feed in feeds:
        expected, found = first(feed), second(feed)
        for tensor in variants.tensors:
            if tensor not in expected or tensor not in found:
                continue
            a = np.asarray(expected[tensor], np.float64)
            b = np.asarray(found[tensor], np.float64).reshape(a.shape)
            same = a == b  # infinities, too
            error = np.where(same, 0, a - b)
            signal[tensor] = signal.get(tensor, 0.0) + float(np.square(np.where(np.isfinite(a), a, 0)).sum())
            noise[tensor] = noise.get(tensor, 0.0) + float(np.square(error).sum())
            largest[tensor] = max(largest.get(tensor, 0.0), float(np.abs(error).max(initial=0)))
    table = [Difference(tensor, variants.tensors[tensor],
                        decibels(signal[tensor], noise[tensor]) if signal[tensor] or not noise[tensor] else 0.0,
                        largest[tensor]) for tensor in variants.tensors if tensor in signal]
    below = (row.tensor for row in table if row.sqnr_db is not None and row.sqnr_db < threshold)
    return Divergence((pair[0], pair[1]), threshold, next(below, None), table)
