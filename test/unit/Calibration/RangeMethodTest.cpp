//===- RangeMethodTest.cpp - from a histogram to the range to quantize ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/RangeMethod.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

using namespace mpq;

using Range = std::pair<double, double>;

static Histogram histogramOf(llvm::ArrayRef<float> values) {
  Histogram histogram;
  histogram.observe(values);
  return histogram;
}

template <typename Distribution>
static std::vector<float> draw(Distribution distribution,
                               size_t count = 200000) {
  std::mt19937 random(1);
  std::vector<float> values(count);
  for (float &value : values)
    value = float(distribution(random));
  return values;
}

static std::vector<float> drawNormal() {
  return draw(std::normal_distribution<float>());
}

/// Both signs, exponentially distributed magnitudes with mean 1.
static std::vector<float> drawLaplace() {
  return draw([](std::mt19937 &random) {
    double magnitude = std::exponential_distribution<double>()(random);
    return random() % 2 ? magnitude : -magnitude;
  });
}

static std::vector<float> rectified(std::vector<float> values) {
  for (float &value : values)
    value = std::max(value, 0.0f);
  return values;
}

static Range pick(llvm::ArrayRef<float> values, RangeMethod method,
                  int64_t steps = 255) {
  return pickRange(histogramOf(values), {method, 99.99, steps});
}

/// The mean squared error of quantizing, value by value.
static double getError(llvm::ArrayRef<float> values, Range range,
                       int64_t steps = 255) {
  double scale = (range.second - range.first) / double(steps),
         zeroPoint = std::round(-range.first / scale), sum = 0;
  for (float value : values) {
    double level =
        std::clamp(std::round(value / scale) + zeroPoint, 0.0, double(steps));
    sum += std::pow((level - zeroPoint) * scale - value, 2);
  }
  return sum / double(values.size());
}

static llvm::SmallVector<RangeMethod> cuttingMethods() {
  return {RangeMethod::KL, RangeMethod::MSE, RangeMethod::OCTAV,
          RangeMethod::ACIQ};
}

static std::string nameOf(RangeMethod method) {
  for (const RangeMethodInfo &info : getRangeMethods())
    if (info.method == method)
      return info.name.str();
  return "?";
}

TEST(RangeMethod, Names) {
  for (const RangeMethodInfo &info : getRangeMethods()) {
    llvm::Expected<RangeMethod> method = parseRangeMethod(info.name);
    ASSERT_TRUE(bool(method)) << llvm::toString(method.takeError());
    EXPECT_EQ(*method, info.method);
  }
  llvm::Expected<RangeMethod> wrong = parseRangeMethod("precentile");
  ASSERT_FALSE(bool(wrong));
  EXPECT_EQ(llvm::toString(wrong.takeError()),
            "one of minmax, percentile, kl, mse, octav, aciq but got "
            "'precentile'; did you mean 'percentile'?");
}

TEST(RangeMethod, MinMaxAndPercentile) {
  std::vector<float> values(100000, 0.0f);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(i % 1000) / 1000.0f;
  values[3] = 100.0f; // one outlier in 100000
  Histogram histogram = histogramOf(values);
  EXPECT_EQ(pickRange(histogram, {}), Range(0.0, 100.0));
  auto [low, high] = pickRange(histogram, {RangeMethod::Percentile, 99.99});
  EXPECT_EQ(low, 0.0);
  EXPECT_NEAR(high, 1.0, 0.07); // one bin is 1/16 wide
  EXPECT_EQ(pickRange(histogram, {RangeMethod::Percentile, 100}).second, 100.0);
  // Cuts stop at zero: only outliers are below it.
  histogram.observe(-5.0f);
  EXPECT_LE(pickRange(histogram, {RangeMethod::Percentile, 99.0}).first, 0.0);
}

TEST(RangeMethod, UniformValuesAreKept) {
  std::vector<float> values =
      draw(std::uniform_real_distribution<float>(-1.0f, 3.0f));
  for (RangeMethod method :
       {RangeMethod::KL, RangeMethod::MSE, RangeMethod::ACIQ}) {
    auto [min, max] = pick(values, method);
    EXPECT_NEAR(min, -1.0, 0.03) << nameOf(method);
    EXPECT_NEAR(max, 3.0, 0.03) << nameOf(method);
  }
  // OCTAV clips symmetrically, so both halves must be alike.
  std::vector<float> even =
      draw(std::uniform_real_distribution<float>(-2.0f, 2.0f));
  EXPECT_NEAR(pick(even, RangeMethod::OCTAV).first, -2.0, 0.03);
  EXPECT_NEAR(pick(even, RangeMethod::OCTAV).second, 2.0, 0.03);
}

TEST(RangeMethod, AFarOutlierIsCut) {
  std::vector<float> values = drawNormal();
  values[7] = 60.0f;
  for (RangeMethod method : cuttingMethods()) {
    auto [min, max] = pick(values, method, 15);
    EXPECT_LT(max, 5.0) << nameOf(method);
    EXPECT_GT(max, 2.0) << nameOf(method);
    EXPECT_LT(min, -2.0) << nameOf(method);
    EXPECT_LT(getError(values, {min, max}, 15),
              0.2 * getError(values, pick(values, RangeMethod::MinMax), 15))
        << nameOf(method);
    values[7] = -60.0f;
    EXPECT_GT(pick(values, method, 15).first, -5.0) << nameOf(method);
    values[7] = 60.0f;
  }
  // With 8 bits the squared error asks for a compromise: where the derivatives
  // (60 - x) / n of clipping and (x + 4) / (12 * 255^2) of rounding meet.
  EXPECT_NEAR(pick(values, RangeMethod::MSE).second, 47.0, 2.0);
}

TEST(RangeMethod, KnownClippingValues) {
  // Banner et al., table of optimal clipping values for 2^M levels: 4 bits
  // 5.03 b of a Laplace distribution, 2.55 sigma of a normal one. With 15 steps
  // between the ends instead of 16 they are a little smaller.
  double laplace = pick(drawLaplace(), RangeMethod::ACIQ, 16).second;
  EXPECT_NEAR(laplace, 5.03, 0.05);
  double normal = pick(drawNormal(), RangeMethod::ACIQ, 16).second;
  EXPECT_NEAR(normal, 2.55, 0.03);
  EXPECT_NEAR(pick(drawLaplace(), RangeMethod::ACIQ, 256).second, 9.89, 0.1);
  // The error of the fitted and that of the real distribution have the same
  // least point, which the other two methods find in the histogram.
  for (RangeMethod method : {RangeMethod::MSE, RangeMethod::OCTAV}) {
    EXPECT_NEAR(pick(drawNormal(), method, 16).second, 2.55, 0.1)
        << nameOf(method);
    EXPECT_NEAR(pick(drawLaplace(), method, 16).second, 5.03, 0.25)
        << nameOf(method);
  }
}

TEST(RangeMethod, OneSidedValuesKeepZero) {
  std::vector<float> values = rectified(drawNormal());
  std::vector<float> negative = values;
  for (float &value : negative)
    value = -value;
  for (RangeMethod method : cuttingMethods())
    for (int64_t steps : {15, 255}) {
      auto [min, max] = pick(values, method, steps);
      EXPECT_EQ(min, 0.0) << nameOf(method);
      EXPECT_GT(max, 1.5) << nameOf(method);
      auto mirrored = pick(negative, method, steps);
      EXPECT_EQ(mirrored.second, 0.0) << nameOf(method);
      EXPECT_NEAR(mirrored.first, -max, 0.06 * max) << nameOf(method);
    }
}

TEST(RangeMethod, FewerBitsClipMore) {
  for (RangeMethod method :
       {RangeMethod::MSE, RangeMethod::OCTAV, RangeMethod::ACIQ}) {
    double four = pick(drawLaplace(), method, 15).second,
           eight = pick(drawLaplace(), method, 255).second,
           sixteen = pick(drawLaplace(), method, 65535).second;
    EXPECT_LT(four, 0.7 * eight) << nameOf(method);
    EXPECT_LE(eight, sixteen) << nameOf(method);
  }
  // More levels than bins: nothing to gain from cutting.
  std::vector<float> values = drawLaplace();
  EXPECT_EQ(pick(values, RangeMethod::KL, 65535),
            pick(values, RangeMethod::MinMax));
}

TEST(RangeMethod, DegenerateValues) {
  float tiny = std::numeric_limits<float>::denorm_min(),
        huge = std::numeric_limits<float>::max();
  for (const RangeMethodInfo &info : getRangeMethods()) {
    EXPECT_EQ(pick({0.0f, 0.0f}, info.method), Range(0.0, 0.0))
        << info.name.str();
    for (float value : {3.0f, -3.0f, tiny, -tiny, huge, -huge}) {
      auto [min, max] = pick({value, value, value}, info.method);
      EXPECT_LE(min, double(value)) << info.name.str();
      EXPECT_GE(max, double(value)) << info.name.str();
    }
    auto [min, max] = pick({-huge, huge, 1.0f}, info.method);
    EXPECT_LT(min, max) << info.name.str();
  }
}

TEST(RangeMethod, MSEIsTheBestOfAllRanges) {
  std::vector<float> skewed = draw(
      [normal = std::normal_distribution<float>()](auto &random) mutable {
        double x = normal(random);
        return x / (1 + std::exp(-3 * x)); // a gate
      },
      40000);
  std::vector<float> outliers = draw(std::normal_distribution<float>(), 40000);
  for (size_t i = 0; i < 40; ++i)
    outliers[i] = i % 2 ? -8.0f - float(i) : 5.0f + float(i) / 8;
  for (llvm::ArrayRef<float> values : {skewed, outliers})
    for (int64_t steps : {15, 255}) {
      double ours =
          getError(values, pick(values, RangeMethod::MSE, steps), steps);
      auto [min, max] = pick(values, RangeMethod::MinMax);
      for (double a = 1; a > 0.05; a *= 0.8)
        for (double b = 1; b > 0.05; b *= 0.8)
          EXPECT_LT(ours, 1.06 * getError(values, {min * a, max * b}, steps))
              << a << " " << b << " " << steps;
    }
}

/// The upper end that entropy picks for values of one sign, step by step as
/// Migacz's slides have it: both distributions written out, bin by bin.
static double pickByEntropySlowly(const Histogram &histogram, size_t levels) {
  std::vector<double> counts(histogram.getCounts().begin(),
                             histogram.getCounts().end());
  counts[0] = counts[1]; // zeros do not count
  double least = INFINITY, best = 0;
  for (size_t size = levels; size <= counts.size(); ++size) {
    std::vector<double> p(counts.begin(), counts.begin() + size), q(size);
    for (size_t level = 0; level < levels; ++level) {
      size_t begin = level * size / levels, end = (level + 1) * size / levels;
      double sum = 0, filled = 0;
      for (size_t i = begin; i < end; ++i) {
        sum += p[i];
        filled += p[i] > 0;
      }
      for (size_t i = begin; i < end; ++i)
        q[i] = p[i] > 0 ? sum / filled : 0;
    }
    for (size_t i = size; i < counts.size(); ++i)
      p[size - 1] += counts[i];
    double sumP = 0, sumQ = 0, divergence = 0;
    for (size_t i = 0; i < size; ++i) {
      sumP += p[i];
      sumQ += q[i];
    }
    for (size_t i = 0; i < size; ++i)
      if (p[i] > 0)
        divergence +=
            p[i] / sumP * std::log(p[i] / sumP / (std::max(q[i], 1e-4) / sumQ));
    if (divergence <= least) { // the widest of equal ones
      least = divergence;
      best = std::ldexp(double(size), histogram.getExponent());
    }
  }
  return std::min(best, double(histogram.getMax()));
}

TEST(RangeMethod, EntropyIsWhatItsDefinitionSays) {
  std::vector<float> outlier = rectified(drawNormal());
  outlier[5] = 40;
  for (llvm::ArrayRef<float> values :
       {rectified(drawNormal()), rectified(drawLaplace()), outlier})
    for (int64_t steps : {127, 255}) {
      Histogram histogram = histogramOf(values);
      EXPECT_DOUBLE_EQ(pickRange(histogram, {RangeMethod::KL, 0, steps}).second,
                       pickByEntropySlowly(histogram, size_t(steps) + 1));
    }
}

/// Whatever the values, a range is a part of [min, max] and 0, and not empty.
TEST(RangeMethod, RangesStayInside) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<float> values(1 + random() % 300);
    float shift = float(int(random() % 9) - 4) * float(random() % 3);
    float width = std::ldexp(1.0f, int(random() % 40) - 20);
    std::normal_distribution<float> normal(shift);
    for (float &value : values)
      value = width * normal(random) * (random() % 50 ? 1.0f : 40.0f);
    if (round % 4 == 0)
      values = rectified(values);
    Histogram histogram = histogramOf(values);
    double low = std::min(0.0f, histogram.getMin()),
           high = std::max(0.0f, histogram.getMax());
    for (const RangeMethodInfo &info : getRangeMethods())
      for (int64_t steps : {3, 15, 255, 65535}) {
        auto [min, max] = pickRange(histogram, {info.method, 99.0, steps});
        std::string which = info.name.str() + " " + std::to_string(round);
        EXPECT_GE(min, low) << which;
        EXPECT_LE(max, high) << which;
        if (histogram.getMin() < histogram.getMax())
          EXPECT_LT(min, max) << which;
        else
          EXPECT_LE(min, max) << which;
      }
  }
}
