"""Compiled models: loading, running, measuring."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Mapping, NamedTuple

import numpy as np

from . import _core
from .arguments import checked, describe
from .files import MODEL_SUFFIXES, write_file
from .suggestion import suggest

ALIGNMENT = 64  # bytes; what kernels like best


class TensorInfo(NamedTuple):
    """An input or output: its name, NumPy's name of its element type, and its shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]


def aligned_empty(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """An array whose data begin at a multiple of ALIGNMENT."""
    count = int(np.prod(shape, dtype=np.int64)) * numpy_dtype(dtype).itemsize
    memory = np.empty(count + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + count].view(numpy_dtype(dtype)).reshape(shape)


def numpy_dtype(name: str) -> np.dtype:
    """NumPy's type, which for bfloat16 the package ml_dtypes has."""
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError:
        raise _core.Error("NumPy has no bfloat16: install ml_dtypes for arrays of it, or pass `out` with tensors of "
                          "another library") from None
    return np.dtype(ml_dtypes.bfloat16)


def as_input(array: Any) -> Any:
    """What the extension reads without a copy: NumPy arrays and tensors of other libraries (DLPack) that are dense and
    on the CPU stay as they are; the rest is copied."""
    if isinstance(array, _core.Tensor):
        return array
    if not isinstance(array, np.ndarray) and hasattr(array, "__dlpack__"):
        try:
            array = np.from_dlpack(array)
        except (BufferError, RuntimeError, TypeError) as error:  # bfloat16, among others
            return as_foreign(array, error)
    array = np.asarray(array)
    if array.dtype.name == "bfloat16":  # of ml_dtypes
        return _core.Tensor(np.ascontiguousarray(array).view(np.uint16).reshape(array.shape), "bfloat16")
    return np.ascontiguousarray(array) if array.ndim else array


def as_foreign(array: Any, error: Exception) -> _core.Tensor:
    """A tensor that NumPy does not take for the reason `error`."""
    try:
        return _core.Tensor(array)
    except _core.Error as own:
        raise _core.Error(f"{own} ({error})") from None


def as_feed(feed: Any) -> dict[str, Any]:
    """All of `feed` through as_input."""
    if not isinstance(feed, Mapping):
        raise _core.Error(f"expected inputs as {{name: array}} but got {describe(feed)}")
    arrays = {}
    for name, value in feed.items():
        try:
            arrays[name] = as_input(value)
        except _core.Error as error:
            raise _core.Error(f"input {name!r}: {error}") from None
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise _core.Error(f"expected an array on the CPU for input {name!r} but got {describe(value)}: "
                              f"{str(error).split('. ')[0]}") from None
    return arrays


def is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, _core.Tensor)) or hasattr(value, "__dlpack__")


def describe_misfit(info: TensorInfo, given: Any, array: Any) -> str:
    """What `given` is, which became an array that does not fit an input, and what to do."""
    kind = f"{array.dtype}{list(array.shape)}"
    if is_array(given):
        cast = str(array.dtype) != info.dtype and tuple(array.shape) == info.shape and hasattr(given, "astype")
        return kind + (f": pass array.astype('{info.dtype}') if these are its numbers" if cast else "")
    got = describe(given) if array.dtype.kind in "OSU" else f"{kind} in a {type(given).__name__}"
    return f"{got}: pass numpy.array(values, '{info.dtype}')"


def in_order(feed: Mapping[str, Any], inputs: list[TensorInfo]) -> list[Any]:
    """The arrays of `feed` in the order of `inputs`; wrong names, dtypes and shapes are errors."""
    arrays = as_feed(feed)
    names = [info.name for info in inputs]
    for name in feed:
        if name not in names:
            raise _core.Error(f"the model has no input {name!r}: its inputs are "
                              f"{', '.join(map(repr, names))}{suggest(name, names)}")
    for info in inputs:
        if info.name not in feed:
            raise _core.Error(f"input '{info.name}' is missing: expected {info.dtype}{list(info.shape)}")
        array = arrays[info.name]
        if (str(array.dtype), tuple(array.shape)) != (info.dtype, info.shape):
            raise _core.Error(f"expected {info.dtype}{list(info.shape)} for input '{info.name}' but got "
                              f"{describe_misfit(info, feed[info.name], array)}")
    return [arrays[name] for name in names]


def as_output(given: Any, info: TensorInfo) -> Any:
    """The memory of `given`, which must fit an output."""
    expected = f"expected a writable dense {info.dtype}{list(info.shape)} for output '{info.name}' but got "
    if not is_array(given):
        raise _core.Error(expected + describe(given))
    view = given
    if not isinstance(given, (np.ndarray, _core.Tensor)):
        try:
            view = np.from_dlpack(given)
        except (BufferError, RuntimeError, TypeError) as error:
            try:
                view = as_foreign(given, error)
            except _core.Error as own:
                raise _core.Error(f"output '{info.name}': {own}") from None
    if isinstance(view, np.ndarray):
        dense, writable = view.flags.c_contiguous, view.flags.writeable
    else:
        dense, writable = True, view.writable
    if (str(view.dtype), tuple(view.shape)) != (info.dtype, info.shape) or not (dense and writable):
        layout = "" if dense else f" with strides {view.strides}"
        raise _core.Error(f"{expected}{'' if writable else 'a read-only '}{view.dtype}{list(view.shape)}{layout}")
    return view


class Program:
    """A compiled model in this process. Call it with {input name: array}; several threads may do so at once.

    Arrays may be NumPy's or of any library with DLPack; dense ones are not copied.
    """

    @checked
    def __init__(self, core: _core.Program, library: bytes, summary: dict[str, int] | None = None):
        self._core = core
        self._library = library
        self.summary: dict[str, int] = summary or {}
        """Of a compilation: multiply-accumulates and bytes, as far as they are known."""
        self.inputs: list[TensorInfo] = [TensorInfo(*info) for info in core.inputs]
        self.outputs: list[TensorInfo] = [TensorInfo(*info) for info in core.outputs]

    @property
    def name(self) -> str:
        return self._core.name

    @property
    def target(self) -> str:
        """LLVM's triple, CPU and features."""
        return self._core.target

    @property
    def variant(self) -> str | None:
        """Of a library with code for several machines, the name of the one whose code runs here."""
        return self._core.variant

    @property
    def workspace_bytes(self) -> int:
        return self._core.workspace_bytes

    @property
    def weights_bytes(self) -> int:
        return self._core.weights_bytes

    @property
    def kernels(self) -> list[str]:
        """What the compiled model computes, one name for each kernel."""
        return self._core.kernels

    def _outputs(self, out: Mapping[str, Any] | None) -> list[Any]:
        out = dict(out or {})
        arrays = []
        for info in self.outputs:
            if info.name not in out:
                arrays.append(aligned_empty(info.shape, info.dtype))
                continue
            arrays.append(as_output(out.pop(info.name), info))
        for name in out:
            names = [info.name for info in self.outputs]
            raise _core.Error(f"the model has no output {name!r}: its outputs are "
                              f"{', '.join(map(repr, names))}{suggest(name, names)}")
        return arrays

    @checked
    def __call__(self, feed: Mapping[str, Any], out: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Computes {output name: array}, into the arrays of `out` where it has them."""
        outputs = self._outputs(out)
        self._core.run(in_order(feed, self.inputs), [as_input(array) for array in outputs])
        given = out or {}
        return {info.name: given.get(info.name, array) for info, array in zip(self.outputs, outputs)}

    @checked
    def profile(self, feed: Mapping[str, Any], runs: int = 10, *, trace: str | os.PathLike | None = None
                ) -> dict[str, Any]:
        """Times of the kernels over some runs, beside the time that their work takes at least on this machine
        (docs/Profiling.md): what quant-run --profile-json writes. `trace` names a file for every call, for
        chrome://tracing and Perfetto."""
        inputs, outputs = in_order(feed, self.inputs), [as_input(array) for array in self._outputs(None)]
        runs = int(runs)
        if trace is not None:
            write_file(trace, self._core.profile(inputs, outputs, runs, True))
        return json.loads(self._core.profile(inputs, outputs, runs, False))

    @checked
    def save(self, path: str | os.PathLike) -> None:
        """Writes the shared library."""
        write_file(path, self._library)

    def __repr__(self) -> str:
        def describe(infos: list[TensorInfo]) -> str:
            return ", ".join(f"{i.name}: {i.dtype}{list(i.shape)}" for i in infos)

        return f"<mpq.Program {self.name}({describe(self.inputs)}) -> ({describe(self.outputs)})>"


@checked
def load(path: str | os.PathLike, *, threads: int = 1) -> Program:
    """Loads a shared library that mpq wrote. `threads`: how many compute, 0: one for each processor."""
    if Path(path).suffix.lower() in MODEL_SUFFIXES:
        raise _core.Error(f"expected a compiled model but got '{os.fspath(path)}': compile it first, with mpq.compile "
                          "or mpq compile")
    try:
        library = Path(path).read_bytes()
    except OSError as error:
        raise _core.Error(f"cannot read '{os.fspath(path)}': {error.strerror}") from None
    # From memory: the file may be written anew while the program lives.
    try:
        return Program(_core.Program.load_bytes(library, int(threads)), library)
    except _core.Error as error:
        raise _core.Error(f"cannot load '{os.fspath(path)}': {error}") from None
