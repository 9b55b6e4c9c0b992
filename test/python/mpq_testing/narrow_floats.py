"""The formats of 8 and 4 bits as OCP's specifications define them, by exact arithmetic on tables: an oracle.

8-bit Floating Point Specification (OFP8), revision 1.0; Microscaling Formats (MX), version 1.0.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Format:
    name: str
    mlir: str  # the type
    bits: int
    mantissa: int
    bias: int
    has_infinity: bool = False
    has_nan: bool = True

    def number(self, code: int) -> float:
        """What a code stands for."""
        sign = -1.0 if code >> (self.bits - 1) else 1.0
        magnitude = code & ((1 << (self.bits - 1)) - 1)
        exponent, fraction = magnitude >> self.mantissa, magnitude & ((1 << self.mantissa) - 1)
        top = (1 << (self.bits - 1 - self.mantissa)) - 1
        if self.has_infinity and exponent == top:
            return sign * np.inf if fraction == 0 else np.nan
        if not self.has_infinity and self.has_nan and magnitude == (1 << (self.bits - 1)) - 1:
            return np.nan
        if exponent == 0:
            return sign * fraction * 2.0 ** (1 - self.bias - self.mantissa)
        return sign * (1 + fraction / 2**self.mantissa) * 2.0 ** (exponent - self.bias)

    @property
    def numbers(self) -> np.ndarray:
        return np.array([self.number(code) for code in range(1 << self.bits)])

    @property
    def magnitudes(self) -> np.ndarray:
        """Those of the finite numbers by their codes, and the one that would come next."""
        finite = [n for n in self.numbers[:1 << (self.bits - 1)] if np.isfinite(n)]
        beyond = finite[-1] * 2 - finite[-2] if self.mantissa else finite[-1] * 2
        return np.array([*finite, beyond])

    @property
    def largest(self) -> float:
        return self.magnitudes[-2]

    def code(self, x: float, saturating: bool = False) -> int:
        """The code of the nearest number, ties to even."""
        if np.isnan(x):
            # Without a NaN: the largest number, as mpq defines it.
            return 0x7e if self.has_infinity else (1 << (self.bits - 1)) - 1
        sign = int(np.signbit(x)) << (self.bits - 1)
        if saturating:
            x = np.clip(x, -self.largest, self.largest)
        table, magnitude = self.magnitudes, abs(float(x))
        above = int(np.searchsorted(table, magnitude))
        if above == len(table):
            nearest = above - 1
        elif above == 0 or table[above] == magnitude:
            nearest = above
        else:
            down, up = magnitude - table[above - 1], table[above] - magnitude
            nearest = above if up < down or (up == down and above % 2 == 0) else above - 1
        if nearest == len(table) - 1 and not self.has_infinity:
            return nearest if self.has_nan else sign | nearest - 1  # NaN has no sign; no code says more
        return sign | nearest

    def boundaries(self) -> np.ndarray:
        """Numbers and the middles between them, each with its neighbours in f32, with both signs."""
        table = self.magnitudes
        points = np.concatenate([table, (table[1:] + table[:-1]) / 2]).astype(np.float32)
        points = np.concatenate([points, np.nextafter(points, np.float32(np.inf)), np.nextafter(points, np.float32(0))])
        return np.concatenate([points, -points])


E4M3 = Format("E4M3", "f8E4M3FN", 8, 3, 7)
E5M2 = Format("E5M2", "f8E5M2", 8, 2, 15, has_infinity=True)
E2M1 = Format("E2M1", "f4E2M1FN", 4, 1, 1, has_nan=False)
FORMATS = (E4M3, E5M2, E2M1)


def exponent_number(code: int) -> float:
    """E8M0."""
    return np.nan if code == 255 else 2.0 ** (code - 127)


def exponent_code(x: np.float32) -> int:
    """The largest power of two up to |x|, not below the least."""
    if not np.isfinite(x):
        return 255
    return int(np.clip(np.frexp(abs(float(x)))[1] - 1 if x else -127, -127, 127)) + 127


def quantize(weights: np.ndarray, precision: str) -> tuple[np.ndarray, np.ndarray]:
    """Weights (K, N) as numbers of a format and their scales, one for each weight, as N-E5 says."""
    tiny = np.float32(2.0**-100)
    fmt = {"fp8_e4m3": E4M3, "fp8_e5m2": E5M2, "mxfp8": E4M3, "mxfp4": E2M1, "mxint8": None}[precision]
    if precision.startswith("fp8"):
        scales = np.maximum(np.abs(weights).max(axis=0) / np.float32(fmt.largest), tiny) * np.ones_like(weights)
    else:
        scales = np.empty_like(weights)
        highest = np.frexp(fmt.largest)[1] - 1 if fmt else 6
        for first in range(0, len(weights), 32):
            largest = np.abs(weights[first:first + 32]).max(axis=0)
            powers = np.ldexp(np.float32(1), np.frexp(largest)[1] - 1 - highest)
            scales[first:first + 32] = np.maximum(np.where(largest > 0, powers, 0), tiny)
    scaled = weights / scales.astype(np.float32)
    if fmt is None:
        return np.clip(np.rint(scaled), -127, 127).astype(np.float32), scales
    number = fmt.numbers
    codes = np.array([fmt.code(x, saturating=True) for x in scaled.ravel()])
    return number[codes].reshape(weights.shape).astype(np.float32), scales
