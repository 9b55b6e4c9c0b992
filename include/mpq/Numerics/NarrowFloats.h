//===- NarrowFloats.h - floats of 8 and 4 bits in integer arithmetic ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/Numerics.md, clauses N-E: what the codes of the OCP formats stand for
// (8-bit Floating Point Specification, revision 1.0; Microscaling Formats,
// version 1.0), in the manner of Formulas.h. Neither LLVM nor the processors
// compiled for know these types, and libraries differ in what overflows.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_NUMERICS_NARROWFLOATS_H
#define MPQ_NUMERICS_NARROWFLOATS_H

#include "mlir/IR/BuiltinTypes.h"

#include <cstdint>
#include <limits>

namespace mpq {

/// How many elements share a scale in the Microscaling formats.
inline constexpr int64_t kMicroscalingBlock = 32;

} // namespace mpq

namespace mpq::formulas {

/// A format of sign, exponent and mantissa. Its codes without the sign are
/// numbers up to `largest`, from there on infinity (if there is one) and NaN.
struct NarrowFormat {
  int bits, mantissa, bias;
  int32_t largest;
  /// The number of the largest code, and the largest f32 that rounds to it.
  float largestNumber, lastFinite;
  bool hasInfinity;
  /// What larger numbers and NaN become.
  int32_t overflow, nan;

  /// 2^n for an exponent of f32's normal numbers.
  static constexpr float power(int n) {
    float result = 1;
    for (int i = 0; i < (n < 0 ? -n : n); ++i)
      result *= n < 0 ? 0.5f : 2.0f;
    return result;
  }
  constexpr float leastNormal() const { return power(1 - bias); }
  constexpr float leastNumber() const { return power(1 - bias - mantissa); }
};

inline constexpr NarrowFormat kE4M3{8,      3,     7,    0x7e, 448.0f,
                                    464.0f, false, 0x7f, 0x7f};
inline constexpr NarrowFormat kE5M2{
    8, 2, 15, 0x7b, 57344.0f, 0x1.dffffep+15f, true, 0x7c, 0x7e};
/// There is neither infinity nor NaN: both become the largest number.
inline constexpr NarrowFormat kE2M1{4, 1, 1, 7, 6.0f, 6.0f, false, 7, 7};

/// The format of a type, or null if it is none of these.
inline const NarrowFormat *getNarrowFormat(mlir::Type type) {
  if (mlir::isa<mlir::Float8E4M3FNType>(type))
    return &kE4M3;
  if (mlir::isa<mlir::Float8E5M2Type>(type))
    return &kE5M2;
  if (mlir::isa<mlir::Float4E2M1FNType>(type))
    return &kE2M1;
  return nullptr;
}

/// N-E1: the number of a code; bits above the format's do not matter.
template <class B>
typename B::Float widenCode(B &b, typename B::Int code,
                            const NarrowFormat &format) {
  using Float = typename B::Float;
  int shift = 23 - format.mantissa;
  auto magnitude = b.andi(code, b.integer((1 << (format.bits - 1)) - 1));
  Float position = b.toFloat(magnitude);
  // Without an exponent a code counts the least number. No f32 here is
  // subnormal: such operands cost a hundred times as much.
  Float number =
      b.select(b.less(position, b.real(NarrowFormat::power(format.mantissa))),
               b.mul(position, b.real(format.leastNumber())),
               b.fromBits(b.addi(b.shiftLeft(magnitude, shift),
                                 b.integer((127 - format.bias) << 23))));
  if (format.nan > format.largest) {
    Float nan = b.real(std::numeric_limits<float>::quiet_NaN());
    if (format.hasInfinity)
      nan = b.select(b.equal(position, b.real(float(format.overflow))),
                     b.real(std::numeric_limits<float>::infinity()), nan);
    number =
        b.select(b.less(b.real(float(format.largest)), position), nan, number);
  }
  return b.copysign(number, b.fromBits(b.shiftLeft(code, 32 - format.bits)));
}

/// N-E2: the code of the nearest number, ties to even.
template <class B>
typename B::Int narrowToCode(B &b, typename B::Float x,
                             const NarrowFormat &format) {
  using Float = typename B::Float;
  using Int = typename B::Int;
  int shift = 23 - format.mantissa;
  Float magnitude = b.abs(x), least = b.real(format.leastNormal());
  auto isSmall = b.less(magnitude, least);
  Int small = b.toInt(b.roundeven(b.mul(b.select(isSmall, magnitude, least),
                                        b.real(1 / format.leastNumber()))));
  // A carry out of the mantissa raises the exponent, as it should.
  Int bits = b.bits(magnitude),
      odd = b.andi(b.shiftRight(bits, shift), b.integer(1));
  Int rounded = b.shiftRight(
      b.addi(bits, b.addi(odd, b.integer((1 << (shift - 1)) - 1))), shift);
  Int code = b.select(
      isSmall, small,
      b.subi(rounded, b.integer((127 - format.bias) << format.mantissa)));
  // NaN has no sign here, however it comes about (N-0).
  auto overflows = b.less(b.real(format.lastFinite), magnitude);
  bool becomesNaN = format.overflow > format.largest && !format.hasInfinity;
  if (!becomesNaN)
    code = b.select(overflows, b.integer(format.overflow), code);
  Int sign = b.andi(b.shiftRight(b.bits(x), 32 - format.bits),
                    b.integer(1 << (format.bits - 1)));
  code = b.select(b.equal(x, x), b.addi(code, sign), b.integer(format.nan));
  return becomesNaN ? b.select(overflows, b.integer(format.nan), code) : code;
}

/// N-E3: numbers beyond the largest, infinities too, become the largest; NaN
/// stays.
template <class B>
typename B::Float saturate(B &b, typename B::Float x,
                           const NarrowFormat &format) {
  auto high = b.real(format.largestNumber), low = b.real(-format.largestNumber);
  x = b.select(b.less(high, x), high, x);
  return b.select(b.less(x, low), low, x);
}

/// N-E4: E8M0 has the exponents of f32 and nothing else.
template <class B> typename B::Float widenExponent(B &b, typename B::Int code) {
  auto position = b.toFloat(b.andi(code, b.integer(255)));
  auto number =
      b.select(b.equal(position, b.real(0.0f)), b.real(0x1p-127f),
               b.fromBits(b.shiftLeft(b.andi(code, b.integer(255)), 23)));
  return b.select(b.equal(position, b.real(255.0f)),
                  b.real(std::numeric_limits<float>::quiet_NaN()), number);
}

/// The largest power of two up to |x|, 2^-127 for what is below; NaN and
/// infinity become NaN.
template <class B> typename B::Int narrowToExponent(B &b, typename B::Float x) {
  return b.andi(b.shiftRight(b.bits(x), 23), b.integer(255));
}

} // namespace mpq::formulas

#endif // MPQ_NUMERICS_NARROWFLOATS_H
