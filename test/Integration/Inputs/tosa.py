"""tosa.py inputs FOLDER: writes x of both networks. tosa.py check FOLDER KIND: compares FOLDER/y.npy with numpy.

Weights are read from the networks, operators are computed as the TOSA specification says: integers exactly.
"""
import re
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def constants(kind):
    found = {}
    for name, values, shape, element in re.findall(
            r'%(\w+) = "tosa.const"\(\) \{values = dense<(.*?)> : tensor<([0-9x]+)x(i8|i32|f32)>',
            (HERE / f"tosa-{kind}.mlir").read_text()):
        shape = [int(extent) for extent in shape.split("x")]
        dtype = {"i8": np.int64, "i32": np.int64, "f32": np.float64}[element]
        found[name] = np.broadcast_to(np.array(eval(values), dtype), shape)  # numbers and brackets only
    return found


def windows(x, kernel, stride, pad, value):
    x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)), constant_values=value)
    view = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(0, 1))
    return view[::stride, ::stride]  # h, w, c, kh, kw


def rescale(x, multiplier, shift, out_zp, double_round):
    rounding = np.int64(1) << (shift - 1)
    if double_round:
        rounding = rounding + np.where(shift > 31, np.where(x >= 0, 1 << 30, -(1 << 30)), 0)
    return np.clip(((x * multiplier + rounding) >> shift) + out_zp, -128, 127)


def quantized(x):
    c = constants("quantized")
    x = x.astype(np.int64)
    x = np.einsum("hwcij,oijc->hwo", windows(x, 3, 2, 1, -5) + 5, c["w1"]) + c["b1"]
    x = np.clip(rescale(x, c["m1"], c["s1"], -20, True), -20, 101)
    x = np.einsum("hwcij,ijc->hwc", windows(x, 3, 1, 1, -20) + 20, c["w2"][..., 0]) + c["b2"]
    x = rescale(x, c["m2"], c["s2"], 3, False)
    x = windows(x, 2, 1, 0, 0).max(axis=(-1, -2)).reshape(9, 4)
    return rescale((x - 3) @ c["w3"][0], c["m3"], c["s3"], 0, True)[None]


def in_float(x):
    c = constants("float")
    x = x.astype(np.float64)
    x = np.clip(np.einsum("hwcij,oijc->hwo", windows(x, 3, 2, 1, 0), c["w1"]) + c["b1"], 0, 6)
    x = np.tanh(np.einsum("hwcij,ijc->hwc", windows(x, 3, 1, 1, 0), c["w2"][..., 0]) + c["b1"])
    x = np.exp(windows(x, 2, 1, 0, 0).max(axis=(-1, -2)).reshape(9, 4) @ c["w3"][0])
    return (x / x.sum(axis=-1, keepdims=True))[None]


mode, folder = sys.argv[1], Path(sys.argv[2])
rng = np.random.default_rng(7)
inputs = {"quantized": rng.integers(-128, 128, (7, 7, 3)).astype(np.int8),
          "float": rng.normal(0, 1, (7, 7, 3)).astype(np.float32)}
if mode == "inputs":
    for kind, x in inputs.items():
        np.save(folder / f"{kind}.npy", x[None])
else:
    kind = sys.argv[3]
    got = np.load(folder / "y.npy")
    if kind == "quantized":
        wanted = quantized(inputs[kind])
        assert got.dtype == np.int8 and (got == wanted).all(), f"{got}\nexpected {wanted}"
#Saturated or constant results would prove nothing.
        assert len(np.unique(got)) > 20 and np.mean(np.abs(wanted) > 126) < 0.3, np.unique(got)
    else:
        wanted = in_float(inputs[kind])
        assert np.linalg.norm(got - wanted) < 1e-6 * np.linalg.norm(wanted), f"{got}\nexpected {wanted}"
