"""Inputs and outputs of 16-bit floats. NumPy has no bfloat16: it comes from ml_dtypes or as a DLPack tensor."""

import ctypes
import subprocess
import sys

import numpy as np
import onnx
import pytest

import mpq
from mpq_testing.casts import bfloat16_model, cast_model

ml_dtypes = pytest.importorskip("ml_dtypes")


class DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class DLManagedTensor(ctypes.Structure):
    _fields_ = [("tensor", DLTensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class Foreign:
    """A tensor of another library, which only exports DLPack."""

    CPU, CUDA, BFLOAT = 1, 2, 4

    def __init__(self, bits, device=CPU):
        self.bits, self.device = bits, device
        self.shape = (ctypes.c_int64 * bits.ndim)(*bits.shape)
        self.managed = []  # outlives the capsules

    def __dlpack_device__(self):
        return self.device, 0

    def __dlpack__(self, **_):
        tensor = DLTensor(self.bits.ctypes.data, self.device, 0, self.bits.ndim, self.BFLOAT, 16, 1, self.shape, None, 0)
        self.managed.append(DLManagedTensor(tensor, None, None))
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self.managed[-1]), b"dltensor", None)


X = np.arange(6).reshape(2, 3)


@pytest.fixture(scope="module")
def program():
    return mpq.compile(bfloat16_model())


def test_float16():
    program = mpq.compile(cast_model(onnx.TensorProto.FLOAT16))
    result = program({"x": X.astype(np.float16)})["y"]
    assert result.dtype == np.float16 and np.array_equal(result, 2 * X)
    mpq.calibrate(cast_model(onnx.TensorProto.FLOAT16), [{"x": X.astype(np.float16)}])


def test_arrays_of_ml_dtypes(program):
    x, y = X.astype(ml_dtypes.bfloat16), np.zeros((2, 3), ml_dtypes.bfloat16)
    result = program({"x": x})["y"]
    assert result.dtype == ml_dtypes.bfloat16 and np.array_equal(result, 2 * x)
    assert program({"x": np.asfortranarray(x)}, out={"y": y})["y"] is y and np.array_equal(y, 2 * x)
    assert len(program.profile({"x": x}, runs=1)["kernels"]) == len(program.kernels)


def test_tensors_of_dlpack(program):
    """Read and written where they are."""
    x, y = X.astype(ml_dtypes.bfloat16), np.zeros((2, 3), ml_dtypes.bfloat16)
    out = Foreign(y.view(np.uint16))
    assert program({"x": Foreign(x.view(np.uint16))}, out={"y": out})["y"] is out
    assert np.array_equal(y, 2 * x)


@pytest.mark.parametrize("value, message", [
    (np.ones((2, 3), np.float32), r"expected bfloat16\[2, 3\] for input 'x' but got float32\[2, 3\]"),
    (np.ones((2, 3), np.uint16), r"expected bfloat16\[2, 3\] for input 'x' but got uint16\[2, 3\]"),
    (np.ones((3, 2), ml_dtypes.bfloat16), r"expected bfloat16\[2, 3\] for input 'x' but got bfloat16\[3, 2\]"),
    (Foreign(np.ones((2, 3), np.uint16), Foreign.CUDA), "expected a dense array on the CPU"),
], ids=["float32", "integers", "shape", "device"])
def test_errors(program, value, message):
    with pytest.raises(mpq.Error, match=message):
        program({"x": value})


def test_another_type_for_a_float_input():
    program = mpq.compile(cast_model(onnx.TensorProto.FLOAT))
    bits = X.astype(ml_dtypes.bfloat16).view(np.uint16)
    with pytest.raises(mpq.Error, match=r"expected float32\[2, 3\] for input 'x' but got bfloat16\[2, 3\]"):
        program({"x": Foreign(bits)})
    with pytest.raises(mpq.Error, match=r"expected float32\[2, 3\] for input 'x' but got bfloat16\[2, 3\]"):
        mpq.calibrate(cast_model(onnx.TensorProto.FLOAT), [{"x": Foreign(bits)}])
    with pytest.raises(mpq.Error, match="for output 'y' but got bfloat16"):
        program({"x": X.astype(np.float32)}, out={"y": Foreign(bits)})


def test_calibration_says_what_it_cannot():
    with pytest.raises(mpq.Error, match="cannot calibrate: input 'x' of type 'tensor<2x3xbf16>'"):
        mpq.calibrate(bfloat16_model(), [{"x": X.astype(ml_dtypes.bfloat16)}])


def test_without_ml_dtypes(program, tmp_path):
    """One sentence that says what to do."""
    program.save(tmp_path / "m.so")
    script = ("import sys; sys.modules['ml_dtypes'] = None\nimport numpy as np, mpq\n"
              "m = mpq.load(sys.argv[1])\n"
              "x = mpq._core.Tensor(np.full((2, 3), 0x3F80, np.uint16), 'bfloat16')\n"
              "y = np.zeros((2, 3), np.uint16)\n"
              "m({'x': x}, out={'y': mpq._core.Tensor(y, 'bfloat16')})\n"
              "assert (y == 0x4000).all()\n"
              "try:\n    m({'x': x})\nexcept mpq.Error as error:\n    print(error)\n")
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "m.so"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("NumPy has no bfloat16: install ml_dtypes")
