"""tosa-operators.py input FOLDER: writes x. tosa-operators.py check FOLDER: compares every result of
tosa-operators.mlir with integer numpy, as the TOSA specification defines the operators."""
import re
import sys
from pathlib import Path

import numpy as np

mode, folder = sys.argv[1], Path(sys.argv[2])
x = np.random.default_rng(3).integers(-128, 128, (8, 8, 4)).astype(np.int8)
if mode == "input":
    np.save(folder / "x.npy", x[None])
    sys.exit()

source = (Path(__file__).parent / "tosa-operators.mlir").read_text()
x = x.astype(np.int64)


def constant(name):
    return np.array(eval(re.search(rf"%{name} = .*?dense<(.*?)>", source, re.S)[1]))  # numbers and brackets only


def apply_scale(value, multiplier, shift, double_round=False):
    rounding = np.full_like(value, 1) << (shift - 1)
    rounding += np.where((shift > 31) & double_round, np.where(value >= 0, 1 << 30, -(1 << 30)), 0)
    return (value * multiplier + rounding) >> shift


def average():
    inside = np.pad(np.ones((8, 8, 1), np.int64), ((1, 1), (1, 1), (0, 0)))
    padded = np.pad(x - 3, ((1, 1), (1, 1), (0, 0)))

    def total(values):
        return sum(values[i:i + 8, j:j + 8] for i in range(3) for j in range(3))

    # RECIPROCAL_SCALE: 1 / count in 30 bits.
    count = np.broadcast_to(total(inside), x.shape)
    bits = np.array([32 - (32 - int(c - 1).bit_length()) for c in count.flat]).reshape(x.shape)
    return np.clip(apply_scale(total(padded), (((1 << 30) + 1) << bits) // count, 30 + bits) + 3, -128, 127)


def transposed():
    w = constant("w")
    y = np.zeros((17, 17, 2), np.int64) + constant("bias")
    for i in range(3):
        for j in range(3):
            y[i:i + 16:2, j:j + 16:2] += (x - 3) @ w[:, i, j].T
    return y


total = apply_scale(x - 3, 1 << 30, 11, True) + apply_scale(x + 4, 1200000000, 11)
add = np.clip(apply_scale(total, 1100000000, 50, True) - 4, -128, 127)
rows = x.reshape(64, 4)
expected = {
    "add": add,
    "average": average(),
    "concat": np.concatenate([x, add], axis=-1),
    "table": constant("entries")[x + 128],
    "unsigned": x + 128,
    "scores": (rows - 3) @ (rows + 4).T,
    "transposed": transposed(),
    "multiplied": ((x - 3)[..., None] * constant("dw")[0, 0]).reshape(8, 8, 8) + constant("dbias"),
    "rounded": np.rint(x * 0.375),
}
for name, wanted in expected.items():
    got = np.load(folder / f"{name}.npy")[0]
    assert (got == wanted).all(), f"{name}:\n{got}\nexpected\n{wanted}"
    assert len(np.unique(got)) > 20, f"{name}: {np.unique(got)} would prove nothing"
