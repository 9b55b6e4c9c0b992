//===- FloatOps.h - the formulas' primitive operations on numbers ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The builder that makes Formulas.h compute. Everything is inlined, so that a
// loop over a formula vectorizes for whatever target its function has.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_NUMERICS_FLOATOPS_H
#define MPQ_NUMERICS_FLOATOPS_H

#include <bit>
#include <cstdint>

namespace mpq {

/// Integer operations wrap. `toInt` needs a value in the range of int32_t.
struct FloatOps {
  using Float = float;
  using Int = int32_t;
  using Bool = bool;

  static float real(float value) { return value; }
  static int32_t integer(int32_t value) { return value; }
  static float add(float a, float b) { return a + b; }
  static float sub(float a, float b) { return a - b; }
  static float mul(float a, float b) { return a * b; }
  static float div(float a, float b) { return a / b; }
  static float fma(float a, float b, float c) {
    return __builtin_fmaf(a, b, c);
  }
  static float abs(float a) { return __builtin_fabsf(a); }
  static float sqrt(float a) { return __builtin_sqrtf(a); }
  static float floor(float a) { return __builtin_floorf(a); }
  static float trunc(float a) { return __builtin_truncf(a); }
  static float roundeven(float a) { return __builtin_roundevenf(a); }
  static float copysign(float a, float b) { return __builtin_copysignf(a, b); }
  static bool less(float a, float b) { return a < b; }
  static bool equal(float a, float b) { return a == b; }
  static float select(bool c, float a, float b) { return c ? a : b; }
  static int32_t select(bool c, int32_t a, int32_t b) { return c ? a : b; }
  static int32_t bits(float a) { return std::bit_cast<int32_t>(a); }
  static float fromBits(int32_t a) { return std::bit_cast<float>(a); }
  static int32_t addi(int32_t a, int32_t b) {
    return uint32_t(a) + uint32_t(b);
  }
  static int32_t subi(int32_t a, int32_t b) {
    return uint32_t(a) - uint32_t(b);
  }
  static int32_t andi(int32_t a, int32_t b) { return a & b; }
  static int32_t shiftLeft(int32_t a, int n) { return uint32_t(a) << n; }
  static int32_t shiftRight(int32_t a, int n) { return a >> n; }
  static int32_t toInt(float a) { return int32_t(a); }
  static float toFloat(int32_t a) { return float(a); }
};

} // namespace mpq

#endif // MPQ_NUMERICS_FLOATOPS_H
