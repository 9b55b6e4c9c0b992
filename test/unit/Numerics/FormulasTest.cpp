//===- FormulasTest.cpp - accuracy and special values of the functions ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One test for each clause N-F and N-Q of docs/Numerics.md; the bounds are the
// ones it states, measured against the host's double-precision functions.
//
//===----------------------------------------------------------------------===//

#include "mpq/Numerics/Formulas.h"
#include "mpq/Numerics/FloatOps.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

using namespace mpq;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
const float quietNaN = std::numeric_limits<float>::quiet_NaN();
FloatOps ops;

float exp32(float x) { return formulas::exp(ops, x); }
float log32(float x) { return formulas::log(ops, x); }
float tanh32(float x) { return formulas::tanh(ops, x); }
float erf32(float x) { return formulas::erf(ops, x); }
float pow32(float x, float y) { return formulas::pow(ops, x, y); }

/// Units in the last place of an f32 near a real number.
double unitInLastPlace(double value) {
  int exponent;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, std::max(exponent - 24, -149));
}

/// The largest error in ulp over every `step`-th float of [low, high].
double largestError(float (*function)(float), double (*exact)(double),
                    float low, float high, uint32_t step = 1009) {
  double worst = 0;
  int64_t tried = 0;
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += step) {
    float x = FloatOps::fromBits(int32_t(uint32_t(bits)));
    if (!(x >= low && x <= high))
      continue;
    double expected = exact(double(x));
    if (std::fabs(expected) > std::numeric_limits<float>::max())
      continue;
    ++tried;
    worst = std::max(worst, std::fabs(double(function(x)) - expected) /
                                unitInLastPlace(expected));
  }
  EXPECT_GT(tried, 500000);
  return worst;
}
} // namespace

TEST(Formulas, NF1_Exp) {
  EXPECT_LT(largestError(exp32, std::exp, -0x1.5d589ep+6f, 88.8f), 1.0);
  EXPECT_EQ(exp32(0.0f), 1.0f);
  EXPECT_EQ(exp32(-0.0f), 1.0f);
  EXPECT_EQ(exp32(infinity), infinity);
  EXPECT_EQ(exp32(-infinity), 0.0f);
  EXPECT_EQ(exp32(88.8f), infinity);
  EXPECT_EQ(exp32(0x1.62e43p+6f), infinity);
  EXPECT_LT(exp32(0x1.62e42ep+6f), infinity);
  EXPECT_GE(exp32(-0x1.5d589ep+6f), 0x1p-126f);
  EXPECT_EQ(exp32(-0x1.5d58a0p+6f), 0.0f); // no subnormal results
  EXPECT_TRUE(std::isnan(exp32(quietNaN)));
}

TEST(Formulas, NF2_Log) {
  EXPECT_LT(largestError(log32, std::log, 0x1p-149f, 0x1.fffffep127f), 1.0);
  EXPECT_EQ(log32(1.0f), 0.0f);
  EXPECT_EQ(log32(0.0f), -infinity);
  EXPECT_EQ(log32(-0.0f), -infinity);
  EXPECT_EQ(log32(infinity), infinity);
  EXPECT_TRUE(std::isnan(log32(-1.0f)));
  EXPECT_TRUE(std::isnan(log32(-infinity)));
  EXPECT_TRUE(std::isnan(log32(quietNaN)));
}

TEST(Formulas, NF3_Tanh) {
  EXPECT_LT(largestError(tanh32, std::tanh, -20.0f, 20.0f), 1.5);
  EXPECT_EQ(tanh32(infinity), 1.0f);
  EXPECT_EQ(tanh32(-infinity), -1.0f);
  EXPECT_TRUE(std::signbit(tanh32(-0.0f)));
  EXPECT_TRUE(std::isnan(tanh32(quietNaN)));
}

TEST(Formulas, NF4_Erf) {
  EXPECT_LT(largestError(erf32, std::erf, -6.0f, 6.0f), 5.0);
  EXPECT_EQ(erf32(infinity), 1.0f);
  EXPECT_EQ(erf32(-infinity), -1.0f);
  EXPECT_TRUE(std::signbit(erf32(-0.0f)));
  EXPECT_TRUE(std::isnan(erf32(quietNaN)));
}

TEST(Formulas, NF5_Rsqrt) {
  auto rsqrt = [](float x) { return formulas::rsqrt(ops, x); };
  EXPECT_LT(largestError(
                rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0x1p-149f,
                0x1.fffffep127f),
            1.5);
  EXPECT_EQ(rsqrt(0.0f), infinity);
  EXPECT_EQ(rsqrt(infinity), 0.0f);
  EXPECT_TRUE(std::isnan(rsqrt(-1.0f)));
}

TEST(Formulas, NF6_Pow) {
  // The error of a power grows with |y log x|: one rounding of the exponent.
  for (float y : {0.3f, 1.7f, -0.75f, 5.0f, 2.2f})
    for (float x = 0.01f; x < 50.0f; x *= 1.01f) {
      double expected = std::pow(double(x), double(y));
      double bound = 2 + 2 * std::fabs(double(y) * std::log(double(x)));
      EXPECT_LT(std::fabs(pow32(x, y) - expected) / unitInLastPlace(expected),
                bound)
          << x << " to the power of " << y;
    }
  EXPECT_EQ(pow32(0.0f, 2.5f), 0.0f);
  EXPECT_EQ(pow32(0.0f, -2.5f), infinity);
  EXPECT_EQ(pow32(7.0f, 0.0f), 1.0f);
  EXPECT_EQ(pow32(quietNaN, 0.0f), 1.0f);
  EXPECT_LT(pow32(-2.0f, 5.0f), 0.0f);
  EXPECT_GT(pow32(-2.0f, 6.0f), 0.0f);
  EXPECT_TRUE(std::isnan(pow32(-2.0f, 0.5f)));
  EXPECT_TRUE(std::isnan(pow32(quietNaN, 2.0f)));
  auto power = [](float x, float y) {
    return formulas::powConstant(ops, x, y);
  };
  EXPECT_EQ(power(-3.0f, 2.0f), 9.0f);
  EXPECT_EQ(power(-3.0f, 3.0f), -27.0f);
  EXPECT_EQ(power(1.1f, 4.0f), (1.1f * 1.1f) * (1.1f * 1.1f));
  EXPECT_EQ(power(2.0f, 0.5f), std::sqrt(2.0f));
  EXPECT_EQ(power(3.0f, -1.0f), 1.0f / 3.0f);
}

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

static int32_t quantize(float x, float scale, int32_t z,
                        formulas::QuantizeForm form) {
  return formulas::quantize(ops, x, scale, z, form);
}

TEST(Formulas, NQ1_Scaling) {
  formulas::QuantizeForm divide{.low = -32768, .high = 32767},
      multiply = divide;
  multiply.multiply = true;
  // Near ties the rounding of the inverse shows.
  int differences = 0;
  for (int k = 0; k < 20000; ++k) {
    float scale = 0.37f, x = (k - 10000 + 0.5f) * scale;
    EXPECT_EQ(quantize(x, scale, 0, divide),
              int32_t(std::nearbyint(double(x / scale))));
    EXPECT_EQ(quantize(x, scale, 0, multiply),
              int32_t(std::nearbyint(double(x * (1.0f / scale)))));
    differences +=
        quantize(x, scale, 0, divide) != quantize(x, scale, 0, multiply);
  }
  EXPECT_GT(differences, 0);
}

/// Every mantissa of x, for divisors that are hard: all ones, for which
/// Markstein's proof makes an exception, and reciprocals half a unit off.
TEST(Formulas, NQ1_DivideByConstant) {
  float most = formulas::kLargestQuotient;
  for (float d : {0x1.fffffep0f, 15291959 * 0x1p-23f, 16361675 * 0x1p-23f,
                  0x1.000002p0f, 0.3f}) {
    int64_t differences = 0;
    for (int32_t mantissa = 0; mantissa < (1 << 23); ++mantissa) {
      float x = FloatOps::fromBits(0x3F800000 | mantissa);
      differences += formulas::divideByConstant(ops, x, d) != x / d;
    }
    EXPECT_EQ(differences, 0) << d;
    EXPECT_EQ(formulas::divideByConstant(ops, 0.0f, d), 0.0f);
    EXPECT_GE(formulas::divideByConstant(ops, infinity, d), most);
    EXPECT_LE(formulas::divideByConstant(ops, -infinity, d), -most);
    EXPECT_GE(
        formulas::divideByConstant(ops, std::numeric_limits<float>::max(), d),
        most);
  }
}

TEST(Formulas, NQ2_ZeroPointOrder) {
  formulas::QuantizeForm after, before;
  before.zeroPointFirst = true;
  // Odd zero points move ties between even neighbours.
  EXPECT_EQ(quantize(2.5f, 1.0f, 1, after), 3);
  EXPECT_EQ(quantize(2.5f, 1.0f, 1, before), 4);
  EXPECT_EQ(quantize(2.5f, 1.0f, 2, after), quantize(2.5f, 1.0f, 2, before));
}

TEST(Formulas, NQ3_Rounding) {
  using formulas::RoundTo;
  auto round = [](float x, RoundTo to) { return formulas::round(ops, x, to); };
  float belowHalf = std::nextafter(0.5f, 0.0f);
  EXPECT_EQ(round(2.5f, RoundTo::HalfEven), 2.0f);
  EXPECT_EQ(round(3.5f, RoundTo::HalfEven), 4.0f);
  EXPECT_EQ(round(2.5f, RoundTo::HalfUp), 3.0f);
  EXPECT_EQ(round(-2.5f, RoundTo::HalfUp), -2.0f);
  EXPECT_EQ(round(belowHalf, RoundTo::HalfUp),
            1.0f); // as frameworks compute it
  EXPECT_EQ(round(2.5f, RoundTo::HalfAway), 3.0f);
  EXPECT_EQ(round(-2.5f, RoundTo::HalfAway), -3.0f);
  EXPECT_EQ(round(belowHalf, RoundTo::HalfAway), 0.0f);
  for (int k = -4000; k < 4000; ++k)
    EXPECT_EQ(round(k * 0.125f, RoundTo::HalfAway), std::round(k * 0.125f));
}

TEST(Formulas, NQ4_Clamp) {
  formulas::QuantizeForm form{.low = -100, .high = 90};
  for (bool zeroPointFirst : {false, true}) {
    form.zeroPointFirst = zeroPointFirst;
    EXPECT_EQ(quantize(infinity, 0.5f, 7, form), 90);
    EXPECT_EQ(quantize(-infinity, 0.5f, 7, form), -100);
    EXPECT_EQ(quantize(1e30f, 0.5f, 7, form), 90);
    EXPECT_EQ(quantize(-1e30f, 0.5f, 7, form), -100);
    EXPECT_EQ(quantize(quietNaN, 0.5f, 7, form), -100);
    EXPECT_EQ(quantize(0.0f, 0.5f, 7, form), 7);
    EXPECT_EQ(quantize(-0.0f, 0.5f, 7, form), 7);
  }
}

TEST(Formulas, ND1_Dequantize) {
  EXPECT_EQ(formulas::dequantize(ops, 200, 0.1f, 130), 70.0f * 0.1f);
  EXPECT_EQ(formulas::dequantize(ops, -32768, 0.5f, 32767), -65535.0f * 0.5f);
  // A value survives the way to integers and back for every scale.
  for (float scale = 1e-6f; scale < 1e6f; scale *= 3.3f)
    for (int32_t q = -32768; q < 32768; q += 97)
      EXPECT_EQ(quantize(formulas::dequantize(ops, q, scale, 5), scale, 5,
                         {.low = -32768, .high = 32767}),
                q);
}

TEST(Formulas, NR1_Requantize) {
  formulas::QuantizeForm form{.low = 0, .high = 255};
  EXPECT_EQ(formulas::requantize(ops, 5, 0.5f, 10, form), 12); // 2.5 to even
  EXPECT_EQ(formulas::requantize(ops, 7, 0.5f, 10, form), 14); // 3.5 to even
  EXPECT_EQ(formulas::requantize(ops, 1 << 30, 0.5f, 10, form), 255);
  EXPECT_EQ(formulas::requantize(ops, -(1 << 30), 0.5f, 10, form), 0);
  // Accumulators above 2^24 round once on the way to f32.
  EXPECT_EQ(formulas::requantize(ops, (1 << 24) + 1, 0x1p-18f, 0, form), 64);
}
