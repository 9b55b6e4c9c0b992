//===- HistogramTest.cpp - streaming histogram with power-of-two bins ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/Histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

using namespace mpq;

/// Values of many magnitudes and both signs, with repeated ones among them.
static std::vector<float> makeSamples(unsigned seed, size_t size) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_int_distribution<int> exponent(-20, 6);
  std::vector<float> values(size);
  for (float &value : values)
    value = random() % 8 ? std::ldexp(normal(random), exponent(random)) : 0.0f;
  return values;
}

/// The definition of a bin, without the shortcuts of the implementation.
static int64_t slowBin(float value, int exponent) {
  return int64_t(std::floor(double(value) / std::ldexp(1.0, exponent)));
}

TEST(Histogram, CountsEveryValueInItsBin) {
  std::vector<float> values = makeSamples(1, 10007);
  Histogram histogram;
  histogram.observe(values);
  EXPECT_EQ(histogram.getCount(), values.size());
  EXPECT_EQ(histogram.getMin(),
            *std::min_element(values.begin(), values.end()));
  EXPECT_EQ(histogram.getMax(),
            *std::max_element(values.begin(), values.end()));
  std::vector<uint64_t> expected(histogram.getCounts().size(), 0);
  for (float value : values)
    ++expected.at(slowBin(value, histogram.getExponent()) -
                  histogram.getFirstBin());
  EXPECT_EQ(histogram.getCounts().vec(), expected);
}

TEST(Histogram, WidthIsTheSmallestThatFits) {
  Histogram histogram;
  histogram.observe({0.0f, 2047.0f}); // bins 0 .. 2047 of width 1
  EXPECT_EQ(histogram.getExponent(), 0);
  histogram.observe(2048.0f); // the bin 2048 does not fit any more
  EXPECT_EQ(histogram.getExponent(), 1);
  Histogram negative;
  negative.observe({-2048.0f, -1.0f}); // bins -2048 .. -1, and 0
  EXPECT_EQ(negative.getExponent(), 1);
}

TEST(Histogram, MergingEqualsObservingTheUnion) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::vector<float> first = makeSamples(seed, 1 + seed * 97);
    std::vector<float> second = makeSamples(seed + 1000, 2000 - seed * 97);
    if (seed % 3 == 0)
      for (float &value : second)
        value = std::fabs(value) * 1e-6f;
    Histogram a, b, all;
    a.observe(first);
    b.observe(second);
    all.observe(first);
    all.observe(second);
    Histogram ab = a, ba = b;
    ab.merge(b);
    ba.merge(a);
    EXPECT_TRUE(ab == all) << "seed " << seed;
    EXPECT_TRUE(ba == all) << "seed " << seed;
    EXPECT_EQ(ab.getCount(), first.size() + second.size());
  }
}

TEST(Histogram, OneByOneEqualsAtOnce) {
  std::vector<float> values = makeSamples(7, 3000);
  std::sort(values.begin(), values.end(), [](float a, float b) {
    return std::fabs(a) < std::fabs(b); // makes the width grow all the way
  });
  Histogram once, steps;
  once.observe(values);
  for (float value : values)
    steps.observe(value);
  EXPECT_TRUE(once == steps);
}

TEST(Histogram, ExtremeValues) {
  float biggest = std::numeric_limits<float>::max();
  float tiniest = std::numeric_limits<float>::denorm_min();
  Histogram histogram;
  histogram.observe({-tiniest, tiniest, 0.0f, -0.0f});
  EXPECT_EQ(histogram.getExponent(), Histogram::kMinExponent);
  EXPECT_EQ(histogram.getCounts().vec(), (std::vector<uint64_t>{1, 3}));
  histogram.observe({-biggest, biggest});
  EXPECT_EQ(histogram.getCount(), 6u);
  EXPECT_EQ(histogram.getMin(), -biggest);
  EXPECT_EQ(histogram.getCounts()[-1 - histogram.getFirstBin()], 1u);
  EXPECT_EQ(histogram.getCounts()[-histogram.getFirstBin()], 3u);
  Histogram late; // tiny values straight into wide bins
  late.observe({-biggest, biggest});
  late.observe({-tiniest, tiniest, 0.0f, -0.0f});
  EXPECT_TRUE(histogram == late);
}

TEST(Histogram, NonFiniteValuesAreCountedApart) {
  float infinity = std::numeric_limits<float>::infinity();
  Histogram histogram;
  histogram.observe({1.0f, NAN, infinity, -infinity, 2.0f});
  EXPECT_EQ(histogram.getCount(), 2u);
  EXPECT_EQ(histogram.getNaNCount(), 1u);
  EXPECT_EQ(histogram.getInfinityCount(), 2u);
  EXPECT_EQ(histogram.getMax(), 2.0f);
  Histogram clean;
  clean.observe({1.0f, 2.0f});
  EXPECT_FALSE(histogram == clean);
  Histogram nothing;
  nothing.observe({NAN});
  EXPECT_TRUE(nothing.empty());
}

TEST(Histogram, QuantilesInterpolateInsideABin) {
  // 4096 equidistant values in [0, 1): the q-quantile is q up to a bin.
  std::vector<float> values(4096);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(i) / 4096.0f;
  Histogram histogram;
  histogram.observe(values);
  for (double q : {0.0, 0.1, 0.25, 0.5, 0.9, 0.999})
    EXPECT_NEAR(histogram.quantile(q), q, 1.0 / 4096) << q;
  EXPECT_EQ(histogram.quantile(1.0), values.back());
  // Three quarters into a bin of four equal values.
  Histogram one;
  one.observe({1024.5f, 1024.5f, 1024.5f, 1024.5f, 2047.0f});
  EXPECT_EQ(one.getExponent(), 0);
  EXPECT_DOUBLE_EQ(one.quantile(0.75 * 4 / 5), 1024.75);
}

TEST(Histogram, FromCountsChecksItsState) {
  Histogram histogram;
  histogram.observe(makeSamples(3, 500));
  auto same = Histogram::fromCounts(
      histogram.getMin(), histogram.getMax(), histogram.getExponent(),
      histogram.getFirstBin(), histogram.getCounts(), 0);
  ASSERT_TRUE(bool(same));
  EXPECT_TRUE(*same == histogram);
  auto wrong = Histogram::fromCounts(
      histogram.getMin(), histogram.getMax(), histogram.getExponent() + 1,
      histogram.getFirstBin(), histogram.getCounts(), 0);
  ASSERT_FALSE(bool(wrong));
  EXPECT_NE(llvm::toString(wrong.takeError()).find("expected bin exponent"),
            std::string::npos);
}
