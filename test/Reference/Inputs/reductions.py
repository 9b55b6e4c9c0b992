"""The orders of docs/Numerics.md, N-C1, N-S1 and N-S2, in NumPy: `save DIR` inputs, `check DIR` results."""
import sys

import numpy as np

command, folder = sys.argv[1:]
f32, f64 = np.float32, np.float64


def fma(a, b, c):
    """a * b + c rounded once: exact in f64 but for the sum, which is rounded to odd before f32."""
    product = f64(a) * f64(b)  # 48 bits: exact
    total = product + f64(c)
    back = total - product  # two-sum: the error of the f64 sum
    error = (product - (total - back)) + (f64(c) - back)
    bits = total.view(np.int64)
    odd = bits | 1
    toward_zero = np.where((error != 0) & ((error > 0) != (total > 0)), bits - 1, bits)
    return np.where(error == 0, total, (toward_zero | 1).view(f64)).astype(f32)


def row_reduce(step, identity, init, values):
    """values: (outputs, outer, row)."""
    partials = np.full((values.shape[0], 16), identity, f32)
    for outer in range(values.shape[1]):
        for k in range(values.shape[2]):
            partials[:, k % 16] = step(partials[:, k % 16], values[:, outer, k])
    for half in (8, 4, 2, 1):
        partials = step(partials[:, :half], partials[:, half:2 * half])
    return step(init, partials[:, 0])


def load(name):
    return np.load(f"{folder}/{name}.npy")


def check(name, expected):
    got = load("out/" + name)
    assert got.dtype == f32 and got.shape == expected.shape, (name, got.shape, expected.shape)
    assert np.array_equal(got.view(np.int32), expected.view(np.int32)), (name, got, expected)
    print(name, "equal")


if command == "save":
    random = np.random.default_rng(3)
    np.save(f"{folder}/x.npy", (random.standard_normal((3, 5, 37)) * 100).astype(f32))
    np.save(f"{folder}/a.npy", random.standard_normal((5, 67)).astype(f32))
    np.save(f"{folder}/b.npy", random.standard_normal((67, 19)).astype(f32))
else:
    x, a, b = load("x"), load("a"), load("b")
    accumulator = np.full((5, 19), 0.1, f32)
    for k in range(67):
        accumulator = fma(a[:, k, None], b[None, k], accumulator)
    check("matmul", accumulator)
    check("dot", accumulator[:, 0].copy())
    check("sum", row_reduce(np.add, 0, np.full(3, 0.1, f32), x))
    check("max", row_reduce(np.maximum, -np.inf, np.full(3, -1, f32), x))
    squares = row_reduce(np.add, 0, np.zeros(15, f32), (x * x).reshape(15, 1, 37))
    check("squares", squares.reshape(3, 5))
    columns = np.full((3, 37), 0.1, f32)
    for k in range(5):
        columns = columns + x[:, k]
    check("columns", columns)
    pooled = np.zeros((1, 2, 4, 37), f32)
    image = x[None]
    for i in range(2):
        for j in range(2):
            pooled = pooled + image[:, i:i + 2, j:j + 4]
    check("pool", pooled)
    # The tests tell the orders apart.
    assert not np.array_equal(accumulator, (f64(a) @ f64(b) + f64(f32(0.1))).astype(f32))
    assert not np.array_equal(load("out/sum"), x.reshape(3, -1).cumsum(1, dtype=f32)[:, -1] + f32(0.1))
