#!/usr/bin/env python3
"""Polynomial coefficients of include/mpq/Numerics/Formulas.h (docs/Numerics.md, N-F1 to N-F4).

Each fit minimizes the largest relative error of the function as it is used (Lawson's iteratively
reweighted least squares on Chebyshev nodes), then rounds the coefficients to f32. Needs numpy,
mpmath. Prints C++ hexadecimal floats, lowest power first.
"""
import mpmath
import numpy as np

mpmath.mp.dps = 40


def fit(name, target, weight, low, high, degree, rounds=60):
    """Coefficients c with sum c[i] x**i close to target(x), errors weighted by weight(x)."""
    nodes = np.cos(np.pi * (np.arange(400) + 0.5) / 400)
    xs = (low + high) / 2 + (high - low) / 2 * nodes
    ys = np.array([float(target(mpmath.mpf(float(x)))) for x in xs])
    ws = np.array([abs(float(weight(mpmath.mpf(float(x))))) for x in xs])
    powers = np.vander(xs, degree + 1, increasing=True)
    lawson = np.ones_like(xs) / len(xs)
    for _ in range(rounds):
        scale = ws * np.sqrt(lawson)
        coefficients = np.linalg.lstsq(powers * scale[:, None], ys * scale, rcond=None)[0]
        errors = np.abs(powers @ coefficients - ys) * ws
        lawson *= errors + 1e-30
        lawson /= lawson.sum()
    rounded = coefficients.astype(np.float32)
    print(f"{name}: largest weighted error {errors.max():.2e}")
    print("  {" + ", ".join(float(c).hex() + "f" for c in rounded) + "}")


# e^r = 1 + r + r^2 P(r)
fit("exp", lambda r: (mpmath.expm1(r) - r) / r**2, lambda r: r**2 / mpmath.exp(r), -0.3475, 0.3475, 4)
# log(1 + f) = f - f^2/2 + f^3 P(f)
fit("log", lambda f: (mpmath.log1p(f) - f + f**2 / 2) / f**3, lambda f: f**3 / mpmath.log1p(f),
    float(mpmath.sqrt(0.5)) - 1, float(mpmath.sqrt(2)) - 1, 7)
# tanh(x) = x + x z P(z), z = x^2
fit("tanh", lambda z: (mpmath.tanh(mpmath.sqrt(z)) / mpmath.sqrt(z) - 1) / z,
    lambda z: z * mpmath.sqrt(z) / mpmath.tanh(mpmath.sqrt(z)), 1e-6, 0.64**2, 4)
# erf(x) = x P(t), t = 2 (x / 3.75)^2 - 1, for |x| <= 3.75; in powers of x^2 the coefficients would cancel
root = lambda t: 3.75 * mpmath.sqrt((t + 1) / 2)
fit("erf", lambda t: mpmath.erf(root(t)) / root(t), lambda t: root(t) / mpmath.erf(root(t)), -0.999999, 1.0, 14)
ln2 = mpmath.log(2)
high = np.float32(float(ln2)).view(np.uint32) & np.uint32(0xFFFFFE00)
high = high.view(np.float32)
print("ln2 high", float(high).hex(), "low", float(np.float32(float(ln2 - mpmath.mpf(float(high))))).hex())
