"""A compiled model in this process, through the C interface of include/mpq-runtime/model.h.

quant-run starts a process for every input; accuracy over hundreds of inputs wants the artifact loaded once.
"""

import ctypes
import re
import subprocess
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_uint32, c_uint64, c_void_p
from pathlib import Path

import numpy as np

ALIGNMENT = 64

# mpq_dtype
DTYPES = {1: np.bool_, 2: np.int8, 3: np.uint8, 4: np.int16, 5: np.uint16, 6: np.int32, 7: np.uint32, 8: np.int64,
          9: np.uint64, 10: np.float16, 12: np.float32, 13: np.float64}
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}

ParallelFor = ctypes.CFUNCTYPE(None, c_void_p, c_int64, c_void_p, c_void_p)
Profile = ctypes.CFUNCTYPE(None, c_void_p, c_int64, ctypes.c_int32)
Report = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class Tensor(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("data", c_void_p), ("dims", POINTER(c_int64)), ("dtype", c_uint32),
                ("rank", c_uint32)]


class TensorInfo(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("dims", POINTER(c_int64)), ("dtype", c_uint32), ("rank", c_uint32),
                ("bytes", c_uint64)]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.dims[i] for i in range(self.rank))


class ModelInfo(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("version", c_uint32), ("name", c_char_p), ("target", c_char_p),
                ("workspace_bytes", c_uint64), ("weights_bytes", c_uint64), ("inputs", POINTER(TensorInfo)),
                ("outputs", POINTER(TensorInfo)), ("kernels", POINTER(c_char_p)), ("num_inputs", c_uint32),
                ("num_outputs", c_uint32), ("num_kernels", c_uint32)]


class Options(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("caller_workspace", c_uint32), ("parallel_for", ParallelFor), ("pool", c_void_p),
                ("profile", Profile), ("profiler", c_void_p), ("report", Report), ("reporter", c_void_p)]


def aligned_empty(shape, dtype) -> np.ndarray:
    """An array whose data begins at a multiple of what kernels like best."""
    count = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    raw = np.empty(count + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + count].view(dtype).reshape(shape)


class Artifact:
    """Loads PATH; calling it maps a feed (input name -> array) to the list of outputs."""

    def __init__(self, path: Path):
        self._library = ctypes.CDLL(str(Path(path).resolve()))  # a bare name would be searched elsewhere
        name = model_name(path)
        self._function = lambda verb: getattr(self._library, f"mpq_{name}_{verb}")
        describe = self._function("describe")
        describe.restype = POINTER(ModelInfo)
        self.info = describe().contents
        self._message = ""
        self._report = Report(self._remember)
        options = Options(size=ctypes.sizeof(Options), report=self._report)
        self._model = c_void_p()
        self._check(self._function("create")(byref(options), byref(self._model)))
        self._run = self._function("run")
        self._run.argtypes = [c_void_p, POINTER(Tensor), POINTER(Tensor), c_void_p]
        self._outputs = [self.info.outputs[i] for i in range(self.info.num_outputs)]
        self._inputs = [self.info.inputs[i] for i in range(self.info.num_inputs)]

    def __call__(self, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        arrays = []
        for info in self._inputs:
            array = feed[info.name.decode()]
            arrays.append(aligned_empty(array.shape, array.dtype))
            arrays[-1][...] = array
        results = [aligned_empty(info.shape, DTYPES[info.dtype]) for info in self._outputs]
        inputs, outputs = self._tensors(self._inputs, arrays), self._tensors(self._outputs, results)
        self._check(self._run(self._model, inputs, outputs, None))
        return results

    def close(self) -> None:
        if self._model:
            self._function("destroy")(self._model)
            self._model = c_void_p()

    def _tensors(self, infos, arrays):
        tensors = (Tensor * len(infos))()
        for tensor, info, array in zip(tensors, infos, arrays):
            dims = (c_int64 * array.ndim)(*array.shape)
            tensor.name, tensor.data, tensor.dims = info.name, array.ctypes.data, dims
            tensor.dtype, tensor.rank = CODES[array.dtype], array.ndim
        return tensors

    def _remember(self, _reporter, _status, message) -> None:
        self._message = message.decode()

    def _check(self, status: int) -> None:
        if status != 0:
            raise RuntimeError(f"the model reports error {status}: {self._message}")


def model_name(path: Path) -> str:
    """The name N of the exported functions mpq_N_describe, mpq_N_run, ..."""
    listing = subprocess.run(["llvm-nm-22", "--dynamic", "--defined-only", str(path)], capture_output=True, text=True,
                             check=True).stdout
    names = re.findall(r"\bmpq_(\w+)_describe\b", listing)
    if len(names) != 1:
        raise RuntimeError(f"expected one compiled model in {path} but found {len(names)}")
    return names[0]
