//===- Formulas.h - the numeric contract's functions, written once ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/Numerics.md, clauses N-Q, N-D, N-R and N-F. Each function is a template
// over a builder `B` of primitive IEEE operations, so that the interpreter
// (numbers, FloatOps.h) and the code generator (operations, ExpandMath.cpp)
// cannot differ: they are the same text. A builder has the types Float (f32),
// Int (i32) and Bool and correctly rounded operations on them. No branch
// depends on a value: both sides of every select are computed.
//
// Coefficients are printed by tools/dev/fit-formulas.py. The reductions are
// those of W. J. Cody and W. Waite, Software Manual for the Elementary
// Functions (1980).
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_NUMERICS_FORMULAS_H
#define MPQ_NUMERICS_FORMULAS_H

#include <cstdint>
#include <limits>

namespace mpq::formulas {

/// sum coefficients[i] x^i by Horner's rule with fma.
template <class B, int N>
typename B::Float polynomial(B &b, typename B::Float x,
                             const float (&coefficients)[N]) {
  typename B::Float sum = b.real(coefficients[N - 1]);
  for (int i = N - 2; i >= 0; --i)
    sum = b.fma(sum, x, b.real(coefficients[i]));
  return sum;
}

//===----------------------------------------------------------------------===//
// Elementary functions (N-F)
//===----------------------------------------------------------------------===//

/// N-F1: e^x = 2^n e^r with x = n ln 2 + r. Results below the least normal
/// number are 0: subnormal ones cost about 150 cycles in every operation that
/// meets them, and a masked softmax consists of them.
template <class B> typename B::Float exp(B &b, typename B::Float x) {
  using Float = typename B::Float;
  // Adding 1.5 * 2^23 leaves n in the low bits of the sum.
  Float magic = b.real(0x1.8p23f);
  Float shifted = b.fma(x, b.real(0x1.715476p+0f), magic);
  Float n = b.sub(shifted, magic);
  Float r = b.fma(n, b.real(-0x1.62e4p-1f), x);
  r = b.fma(n, b.real(-0x1.7f7d1cp-20f), r);
  Float p = polynomial(b, r,
                       {0x1.fffffcp-2f, 0x1.55549p-3f, 0x1.5558fcp-5f,
                        0x1.123b6ap-7f, 0x1.6a21a8p-10f});
  p = b.add(b.fma(p, b.mul(r, r), r), b.real(1.0f));
  // The shift drops all of `shifted` but n, which joins p's exponent.
  Float result =
      b.fromBits(b.addi(b.bits(p), b.shiftLeft(b.bits(shifted), 23)));
  // From 128 ln 2 on infinity, which NaN reaches too and stays NaN.
  Float infinity = b.real(std::numeric_limits<float>::infinity());
  result =
      b.select(b.less(x, b.real(0x1.62e43p+6f)), result, b.add(x, infinity));
  return b.select(b.less(x, b.real(-0x1.5d589ep+6f)), b.real(0.0f), result);
}

/// N-F2: natural logarithm; -inf at zeros, NaN below.
template <class B> typename B::Float log(B &b, typename B::Float x) {
  using Float = typename B::Float;
  using Int = typename B::Int;
  auto tiny = b.less(x, b.real(0x1p-126f));
  Float scaled = b.select(tiny, b.mul(x, b.real(0x1p23f)), x);
  // scaled = 2^k m with sqrt(1/2) <= m < sqrt(2).
  Int bits = b.bits(scaled);
  Int k = b.shiftRight(b.subi(bits, b.integer(0x3F3504F3)), 23);
  Float m = b.fromBits(b.subi(bits, b.shiftLeft(k, 23)));
  Float exponent =
      b.sub(b.toFloat(k), b.select(tiny, b.real(23.0f), b.real(0.0f)));
  Float f = b.sub(m, b.real(1.0f));
  Float square = b.mul(f, f);
  Float y = polynomial(b, f,
                       {0x1.555554p-2f, -0x1.000228p-2f, 0x1.99a008p-3f,
                        -0x1.547244p-3f, 0x1.22da22p-3f, -0x1.0d8552p-3f,
                        0x1.055b46p-3f, -0x1.38b4ccp-4f});
  y = b.mul(b.mul(y, f), square);
  y = b.fma(exponent, b.real(0x1.7f7d1cp-20f), y);
  y = b.fma(b.real(-0.5f), square, y);
  Float result = b.fma(exponent, b.real(0x1.62e4p-1f), b.add(f, y));
  // Zeros, negative numbers, +inf and NaN.
  float infinity = std::numeric_limits<float>::infinity();
  Float special = b.select(b.equal(x, b.real(infinity)), x,
                           b.real(std::numeric_limits<float>::quiet_NaN()));
  special = b.select(b.equal(x, b.real(0.0f)), b.real(-infinity), special);
  result = b.select(b.less(x, b.real(infinity)), result, special);
  return b.select(b.less(b.real(0.0f), x), result, special);
}

/// N-F3: a polynomial below 0.625, else 1 - 2 / (e^2x + 1).
template <class B> typename B::Float tanh(B &b, typename B::Float x) {
  using Float = typename B::Float;
  Float a = b.abs(x), square = b.mul(a, a), one = b.real(1.0f);
  Float p = polynomial(b, square,
                       {-0x1.55552ap-2f, 0x1.110552p-3f, -0x1.b7fd5p-5f,
                        0x1.508204p-6f, -0x1.6e698ap-8f});
  Float below = b.fma(a, b.mul(square, p), a);
  Float e = exp(b, b.add(a, a));
  Float above = b.sub(one, b.div(b.real(2.0f), b.add(e, one)));
  return b.copysign(b.select(b.less(a, b.real(0.625f)), below, above), x);
}

/// N-F4: x P(t) with t = 2 (x / 3.75)^2 - 1, a variable in which the terms of
/// P do not cancel; |x| is limited to the number near 3.75 that gives 1.
template <class B> typename B::Float erf(B &b, typename B::Float x) {
  using Float = typename B::Float;
  Float low = b.real(-0x1.dfdp+1f), high = b.real(0x1.dfdp+1f);
  x = b.select(b.less(x, low), low, x);
  x = b.select(b.less(high, x), high, x);
  Float t = b.fma(b.mul(x, x), b.real(0x1.234568p-3f), b.real(-1.0f));
  return b.mul(x,
               polynomial(b, t,
                          {0x1.821b36p-2f, -0x1.8115ecp-3f, 0x1.1d3910p-3f,
                           -0x1.ca7fb6p-4f, 0x1.73a7f0p-4f, -0x1.255eaep-4f,
                           0x1.b76e2ap-5f, -0x1.315d3ap-5f, 0x1.980056p-6f,
                           -0x1.134340p-6f, 0x1.2c7062p-7f, -0x1.826a76p-9f,
                           0x1.e8dd4ap-10f, -0x1.259056p-9f, 0x1.cf160ap-11f}));
}

/// N-F5: two correctly rounded operations.
template <class B> typename B::Float rsqrt(B &b, typename B::Float x) {
  return b.div(b.real(1.0f), b.sqrt(x));
}

/// N-F6: e^(y log |x|), with the sign of odd integer powers of negative numbers
/// and NaN for other powers of them; 1 for y = 0.
template <class B>
typename B::Float pow(B &b, typename B::Float x, typename B::Float y) {
  using Float = typename B::Float;
  Float zero = b.real(0.0f), one = b.real(1.0f);
  Float magnitude = exp(b, b.mul(y, log(b, b.abs(x))));
  Float halfY = b.mul(y, b.real(0.5f));
  auto isEven = b.equal(b.floor(halfY), halfY);
  auto isInteger = b.equal(b.floor(y), y);
  Float negative =
      b.select(isEven, magnitude,
               b.select(isInteger, b.copysign(magnitude, x),
                        b.real(std::numeric_limits<float>::quiet_NaN())));
  // Odd powers keep the sign of -0 too; 0 equals -0, so only x < 0 selects NaN.
  Float result = b.select(b.less(x, zero), negative, magnitude);
  return b.select(b.equal(y, zero), one, result);
}

/// N-F6 for exponents known at compile time: products and roots where exact
/// operations exist.
template <class B>
typename B::Float powConstant(B &b, typename B::Float x, float y) {
  using Float = typename B::Float;
  if (y == 1.0f)
    return x;
  if (y == 2.0f)
    return b.mul(x, x);
  if (y == 3.0f)
    return b.mul(b.mul(x, x), x);
  if (y == 4.0f) {
    Float square = b.mul(x, x);
    return b.mul(square, square);
  }
  if (y == 0.5f)
    return b.sqrt(x);
  if (y == -0.5f)
    return rsqrt(b, x);
  if (y == -1.0f)
    return b.div(b.real(1.0f), x);
  return pow(b, x, b.real(y));
}

//===----------------------------------------------------------------------===//
// Quantization (N-Q, N-D, N-R)
//===----------------------------------------------------------------------===//

enum class RoundTo { HalfEven, HalfUp, HalfAway };

/// Scales that are chosen as the model runs are not below this: their
/// reciprocals stay finite (N-Y1, N-Y2).
inline constexpr float kSmallestDynamicScale = 0x1p-100f;

/// What the attributes of a quantize operation say.
struct QuantizeForm {
  RoundTo rounding = RoundTo::HalfEven;
  bool multiply = false;          ///< by the inverse scale
  bool zeroPointFirst = false;    ///< added before rounding
  int32_t low = -128, high = 127; ///< limits of the result
};

/// N-Q3: a float to the nearest integer, as a float.
template <class B>
typename B::Float round(B &b, typename B::Float x, RoundTo rounding) {
  switch (rounding) {
  case RoundTo::HalfEven:
    return b.roundeven(x);
  case RoundTo::HalfUp:
    return b.floor(b.add(x, b.real(0.5f)));
  case RoundTo::HalfAway:
    break;
  }
  // The largest float below 1/2: 1/2 itself would carry 0.49999997 to 1.
  return b.trunc(b.add(x, b.copysign(b.real(0x1.fffffep-2f), x)));
}

/// N-Q4: limits in float before the conversion; NaN becomes the lower one.
template <class B>
typename B::Float clamp(B &b, typename B::Float x, typename B::Float low,
                        typename B::Float high) {
  x = b.select(b.less(low, x), x, low);
  return b.select(b.less(x, high), x, high);
}

/// Quotients that `divideByConstant` computes exactly; larger ones are
/// somewhere beyond it.
inline constexpr float kLargestQuotient = 0x1p40f;

/// RN(x / d) for d of [2^-40, 2^40]: a reciprocal's quotient, and a correction
/// by what that leaves of x. P. Markstein, Computation of Elementary Functions
/// on the IBM RISC System/6000 Processor, 1990, theorem 8, proves it where the
/// quotient is off by one unit in the last place at most; it can be two here,
/// and FormulasTest tries all mantissas of x with the divisors whose reciprocal
/// is furthest off. Only for what is rounded to integers and limited then:
/// subnormal quotients may differ, and the limit keeps infinities from becoming
/// NaN.
template <class B>
typename B::Float divideByConstant(B &b, typename B::Float x, float d) {
  auto r = b.real(1 / d);
  auto q = clamp(b, b.mul(x, r), b.real(-kLargestQuotient),
                 b.real(kLargestQuotient));
  return b.fma(b.fma(q, b.real(-d), x), r, q);
}

/// The integer of a scaled value, zero point `z` added after rounding.
template <class B>
typename B::Int roundAndShift(B &b, typename B::Float scaled, typename B::Int z,
                              const QuantizeForm &form) {
  auto low = b.toFloat(b.subi(b.integer(form.low), z));
  auto high = b.toFloat(b.subi(b.integer(form.high), z));
  scaled = round(b, clamp(b, scaled, low, high), form.rounding);
  return b.addi(b.toInt(scaled), z);
}

/// N-Q1 to N-Q6.
template <class B>
typename B::Int quantize(B &b, typename B::Float x, typename B::Float scale,
                         typename B::Int z, const QuantizeForm &form) {
  using Float = typename B::Float;
  Float scaled =
      form.multiply ? b.mul(x, b.div(b.real(1.0f), scale)) : b.div(x, scale);
  if (!form.zeroPointFirst)
    return roundAndShift(b, scaled, z, form);
  Float shifted = b.add(scaled, b.toFloat(z));
  Float clamped = clamp(b, shifted, b.toFloat(b.integer(form.low)),
                        b.toFloat(b.integer(form.high)));
  return b.toInt(round(b, clamped, form.rounding));
}

/// N-D1 for storage up to 16 bits.
template <class B>
typename B::Float dequantize(B &b, typename B::Int q, typename B::Float scale,
                             typename B::Int z) {
  return b.mul(b.toFloat(b.subi(q, z)), scale);
}

/// N-R1.
template <class B>
typename B::Int requantize(B &b, typename B::Int accumulator,
                           typename B::Float multiplier, typename B::Int z,
                           const QuantizeForm &form) {
  return roundAndShift(b, b.mul(b.toFloat(accumulator), multiplier), z, form);
}

} // namespace mpq::formulas

#endif // MPQ_NUMERICS_FORMULAS_H
