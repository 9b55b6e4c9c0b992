"""N-H3 of docs/Numerics.md in NumPy: `save DIR` inputs, `check DIR FOLDER` results."""
import sys

import numpy as np

command, folder, *rest = sys.argv[1:]
f32, f64 = np.float32, np.float64
LEAST = f32(2.0**-126)


def flush(x, exact):
    """Tiny after rounding to 24 bits: from 2**-126 - 2**-151 on, a tie, numbers round to 2**-126."""
    return np.where(np.abs(exact) < 2.0**-126 - 2.0**-151, np.copysign(f32(0), x), x).astype(f32)


def fma(a, b, c):
    exact = f64(a) * f64(b) + f64(c)  # factors of 8 bits: exact where the result is near 2**-126
    total = exact.astype(f32)
    assert np.array_equal((exact - f64(c)), f64(a) * f64(b)), "the test's numbers make exact sums"
    return flush(total, exact)


def add(a, b):
    return flush(a + b, f64(a) + f64(b))


def steps(a, b, init, step):
    a, b = flush(a, f64(a)), flush(b, f64(b))
    total = np.zeros((a.shape[0], b.shape[1]), f32)
    for first in range(0, a.shape[1], step):
        parts = [np.zeros_like(total), np.zeros_like(total)]
        for k in range(first, first + step):
            parts[k % 2] = fma(a[:, k, None], b[None, k], parts[k % 2])
        total = add(total, add(*parts))
    return init + total


if command == "save":
    random = np.random.default_rng(5)

    def narrow(shape, exponents):
        mantissa = random.integers(128, 256, shape) * random.choice([-1, 1], shape)
        return (mantissa * 2.0**random.choice(exponents, shape)).astype(f32)

    # Ordinary numbers, and products around 2**-126: they cancel, and fall below it.
    np.save(f"{folder}/a.npy", narrow((6, 48), [-7, -6]))
    np.save(f"{folder}/b.npy", narrow((48, 21), [-7, -6]))
    tiny = narrow((6, 48), [-70, -71, -72])
    tiny[0, :8] = 1e-40  # subnormal
    np.save(f"{folder}/c.npy", tiny)
    np.save(f"{folder}/d.npy", narrow((48, 21), [-70, -71, -72]))
else:
    for name, left, right, init in (("ordinary", "a", "b", 0.1), ("tiny", "c", "d", 0.0)):
        expected = steps(*(np.load(f"{folder}/{side}.npy") for side in (left, right)), f32(init), 16)
        got = np.load(f"{rest[0]}/{name}.npy")
        if (positions := sys.argv[4:]):
            expected = expected.ravel()[np.load(f"{rest[0]}/{name}.positions.npy")]
        assert np.array_equal(got.view(np.int32), expected.view(np.int32)), (name, got, expected)
        print(name, "equal,", np.count_nonzero(expected == 0), "zeros")
