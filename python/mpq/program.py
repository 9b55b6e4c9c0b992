"""Compiled models: loading, running, measuring."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Mapping, NamedTuple

import numpy as np

from . import _core
from .files import write_file
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


def in_order(feed: Mapping[str, Any], inputs: list[TensorInfo]) -> list[Any]:
    """The arrays of `feed` in the order of `inputs`; wrong names, dtypes and shapes are errors."""
    if not isinstance(feed, Mapping):
        raise _core.Error(f"expected inputs as {{name: array}} but got {type(feed).__name__}")
    names = [info.name for info in inputs]
    for name in feed:
        if name not in names:
            raise _core.Error(f"the model has no input '{name}': its inputs are "
                              f"{', '.join(map(repr, names))}{suggest(name, names)}")
    arrays = []
    for info in inputs:
        if info.name not in feed:
            raise _core.Error(f"input '{info.name}' is missing: expected {info.dtype}{list(info.shape)}")
        array = as_input(feed[info.name])
        dtype, shape = str(array.dtype), tuple(array.shape)
        if (dtype, shape) != (info.dtype, info.shape):
            raise _core.Error(f"expected {info.dtype}{list(info.shape)} for input '{info.name}' but got "
                              f"{dtype}{list(shape)}")
        arrays.append(array)
    return arrays


def as_output(given: Any, info: TensorInfo) -> Any:
    """The memory of `given`, which must fit an output."""
    view = given
    if not isinstance(given, np.ndarray):
        try:
            view = np.from_dlpack(given)
        except (AttributeError, BufferError, RuntimeError, TypeError) as error:
            view = as_foreign(given, error)
    if isinstance(view, np.ndarray):
        fits, layout = view.flags.c_contiguous and view.flags.writeable, f" with strides {view.strides}"
    else:
        fits, layout = view.writable, "" if view.writable else " that is not"
    if (str(view.dtype), tuple(view.shape)) != (info.dtype, info.shape) or not fits:
        raise _core.Error(f"expected a writable dense {info.dtype}{list(info.shape)} for output '{info.name}' "
                          f"but got {view.dtype}{list(view.shape)}{layout}")
    return view


class Program:
    """A compiled model in this process. Call it with {input name: array}; several threads may do so at once.

    Arrays may be NumPy's or of any library with DLPack; dense ones are not copied.
    """

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
            given = out.pop(info.name, None)
            if given is None:
                arrays.append(aligned_empty(info.shape, info.dtype))
                continue
            arrays.append(as_output(given, info))
        for name in out:
            names = [info.name for info in self.outputs]
            raise _core.Error(f"the model has no output '{name}': its outputs are "
                              f"{', '.join(map(repr, names))}{suggest(name, names)}")
        return arrays

    def __call__(self, feed: Mapping[str, Any], out: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Computes {output name: array}, into the arrays of `out` where it has them."""
        outputs = self._outputs(out)
        self._core.run(in_order(feed, self.inputs), [as_input(array) for array in outputs])
        given = out or {}
        return {info.name: given.get(info.name, array) for info, array in zip(self.outputs, outputs)}

    def profile(self, feed: Mapping[str, Any], runs: int = 10, *, trace: str | os.PathLike | None = None
                ) -> dict[str, Any]:
        """Times of the kernels over some runs, beside the time that their work takes at least on this machine
        (docs/Profiling.md): what quant-run --profile-json writes. `trace` names a file for every call, for
        chrome://tracing and Perfetto."""
        inputs, outputs = in_order(feed, self.inputs), [as_input(array) for array in self._outputs(None)]
        if trace is not None:
            write_file(trace, self._core.profile(inputs, outputs, runs, True))
        return json.loads(self._core.profile(inputs, outputs, runs, False))

    def save(self, path: str | os.PathLike) -> None:
        """Writes the shared library."""
        write_file(path, self._library)

    def __repr__(self) -> str:
        def describe(infos: list[TensorInfo]) -> str:
            return ", ".join(f"{i.name}: {i.dtype}{list(i.shape)}" for i in infos)

        return f"<mpq.Program {self.name}({describe(self.inputs)}) -> ({describe(self.outputs)})>"


def load(path: str | os.PathLike, *, threads: int = 1) -> Program:
    """Loads a shared library that mpq wrote. `threads`: how many compute, 0: one for each processor."""
    try:
        library = Path(path).read_bytes()
    except OSError as error:
        raise _core.Error(f"cannot read '{os.fspath(path)}': {error.strerror}") from None
    # From memory: the file may be written anew while the program lives.
    try:
        return Program(_core.Program.load_bytes(library, check_threads(threads)), library)
    except _core.Error as error:
        raise _core.Error(f"cannot load '{os.fspath(path)}': {error}") from None


def check_threads(threads: int) -> int:
    """The number, if it is one."""
    if not isinstance(threads, int) or threads < 0:
        raise _core.Error(f"expected threads to be a number, or 0 for one for each processor, but got {threads!r}")
    return threads
