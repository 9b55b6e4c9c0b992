//===- RoundWeightsTest.cpp - integers for weights, by their inputs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Rounding/RoundWeights.h"
#include "mpq/Rounding/InputMoments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

using namespace mpq;

static const WeightGrid kFourBits{-8, 7, false, 0};

static std::vector<float> drawNormal(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(random);
  return values;
}

/// Moments of inputs that have much in common, with a large mean.
static InputMoments observe(SharedThreads &pool, int64_t depth, int64_t rows) {
  std::vector<float> noise = drawNormal(size_t(rows * (depth + 4)), 1);
  InputMoments moments(depth);
  moments.add(pool, rows, [&](int64_t row, llvm::MutableArrayRef<float> out) {
    const float *values = noise.data() + row * (depth + 4);
    for (int64_t k = 0; k < depth; ++k)
      out[k] = values[k] + 3 * values[depth + k % 4] + 50;
  });
  moments.finish(pool);
  return moments;
}

static double getError(llvm::ArrayRef<float> weights, const RoundedWeights &r,
                       int64_t depth, int64_t columns, int64_t block,
                       llvm::ArrayRef<double> moments) {
  double error = 0;
  std::vector<double> lost((size_t(depth)));
  for (int64_t n = 0; n < columns; ++n) {
    for (int64_t k = 0; k < depth; ++k) {
      int64_t at = k * columns + n, b = k / block * columns + n;
      lost[k] = double(weights[at]) -
                double(r.integers[at] - r.zeroPoints[b]) * double(r.scales[b]);
    }
    for (int64_t i = 0; i < depth; ++i)
      for (int64_t j = 0; j < depth; ++j)
        error += lost[i] * moments[i * depth + j] * lost[j];
  }
  return error;
}

TEST(RoundWeights, LosesLessThanNearest) {
  auto pool = SharedThreads::get(2);
  for (int64_t depth : {5, 64, 150}) {
    int64_t columns = 37, block = 32;
    std::vector<float> weights = drawNormal(size_t(depth * columns), 2);
    std::vector<double> moments =
        observe(*pool, depth, 600).getSecondMoments(true);
    WeightMatrix matrix{weights, depth, columns, block};
    for (WeightGrid grid :
         {kFourBits, WeightGrid{0, 15, true, 0}, WeightGrid{0, 3, true, 0},
          WeightGrid{-2, 1, false, 0}}) {
      RoundedWeights rounded = roundWeights(*pool, matrix, grid, moments, {});
      EXPECT_LT(rounded.error, 0.8 * rounded.nearestError);
      EXPECT_EQ(rounded.damping, 0.01);
      double error = getError(weights, rounded, depth, columns, block, moments);
      EXPECT_NEAR(rounded.error, error, 1e-3 * error);
      RoundedWeights scales = roundWeights(*pool, matrix, grid, moments,
                                           {RoundingRule::Nearest, true});
      EXPECT_LE(scales.error, scales.nearestError);
    }
  }
}

/// What gradient descent on AdaRound's relaxation finds (Nagel et al.
/// 2020): rectified sigmoids between both neighbours of each weight, by Adam,
/// with a regularizer that ends at whole numbers.
static std::vector<int8_t> relax(llvm::ArrayRef<float> weights,
                                 llvm::ArrayRef<float> scales, int64_t depth,
                                 int64_t columns,
                                 llvm::ArrayRef<double> moments) {
  constexpr int kSteps = 3000;
  size_t count = weights.size();
  std::vector<double> v(count), first(count), second(count), error(count);
  auto below = [&](size_t i) {
    return std::floor(double(weights[i]) / double(scales[i % columns]));
  };
  auto soften = [&](size_t i) {
    return std::clamp(1.2 / (1 + std::exp(-v[i])) - 0.1, 0.0, 1.0);
  };
  double power = 0; // of an input
  for (int64_t k = 0; k < depth; ++k)
    power += moments[k * (depth + 1)] / double(depth);
  for (size_t i = 0; i < count; ++i) {
    double part = double(weights[i]) / double(scales[i % columns]) - below(i);
    v[i] = -std::log(1.2 / (part + 0.1) - 1);
  }
  for (int step = 1; step <= kSteps; ++step) {
    double beta = 20 - 18 * double(step) / kSteps;
    for (size_t i = 0; i < count; ++i)
      error[i] = double(scales[i % columns]) * (below(i) + soften(i)) -
                 double(weights[i]);
    for (size_t i = 0; i < count; ++i) {
      int64_t k = int64_t(i) / columns, n = int64_t(i) % columns;
      double slope = 0, sigmoid = 1 / (1 + std::exp(-v[i])), h = soften(i);
      for (int64_t j = 0; j < depth; ++j)
        slope += 2 * moments[k * depth + j] * error[j * columns + n];
      slope *= double(scales[n]);
      if (step > kSteps / 5) {
        double t = 2 * h - 1, unit = power * double(scales[n] * scales[n]);
        slope -= 0.1 * unit * 2 * beta * std::copysign(1.0, t) *
                 std::pow(std::fabs(t), beta - 1);
      }
      slope *= h > 0 && h < 1 ? 1.2 * sigmoid * (1 - sigmoid) : 0;
      first[i] = 0.9 * first[i] + 0.1 * slope;
      second[i] = 0.999 * second[i] + 0.001 * slope * slope;
      v[i] -= 0.01 * (first[i] / (1 - std::pow(0.9, step))) /
              (std::sqrt(second[i] / (1 - std::pow(0.999, step))) + 1e-12);
    }
  }
  std::vector<int8_t> integers(count);
  for (size_t i = 0; i < count; ++i)
    integers[i] = int8_t(std::clamp(below(i) + (soften(i) >= 0.5), -8.0, 7.0));
  return integers;
}

TEST(RoundWeights, UpOrDownIsNoWorseThanTheRelaxation) {
  auto pool = SharedThreads::get(2);
  for (int64_t depth : {9, 48, 100}) {
    int64_t columns = 8;
    std::vector<float> weights = drawNormal(size_t(depth * columns), 8);
    std::vector<double> moments =
        observe(*pool, depth, 400).getSecondMoments(true);
    RoundedWeights rounded =
        roundWeights(*pool, {weights, depth, columns, depth}, kFourBits,
                     moments, {RoundingRule::UpOrDown, true});
    for (int64_t i = 0; i < depth * columns; ++i) {
      double below =
          std::floor(double(weights[i] / rounded.scales[i % columns]));
      EXPECT_GE(rounded.integers[i], std::clamp(below, -8.0, 7.0));
      EXPECT_LE(rounded.integers[i], std::clamp(below + 1, -8.0, 7.0));
    }
    RoundedWeights relaxed = rounded;
    relaxed.integers = relax(weights, rounded.scales, depth, columns, moments);
    double error = getError(weights, rounded, depth, columns, depth, moments);
    double theirs = getError(weights, relaxed, depth, columns, depth, moments);
    EXPECT_LE(error, 1.001 * theirs);
    EXPECT_LT(theirs, 0.6 * rounded.nearestError) << "the relaxation works";
  }
}

TEST(RoundWeights, FreeIntegersAndScalesLoseLess) {
  auto pool = SharedThreads::get(1);
  int64_t depth = 96, columns = 20;
  std::vector<float> weights = drawNormal(size_t(depth * columns), 9);
  std::vector<double> moments =
      observe(*pool, depth, 500).getSecondMoments(true);
  for (int64_t block : {int64_t(32), depth})
    for (WeightGrid grid : {kFourBits, WeightGrid{0, 15, true, 0}}) {
      WeightMatrix matrix{weights, depth, columns, block};
      double upOrDown = roundWeights(*pool, matrix, grid, moments,
                                     {RoundingRule::UpOrDown, true})
                            .error;
      double fixed = roundWeights(*pool, matrix, grid, moments,
                                  {RoundingRule::Compensated, false})
                         .error;
      double free = roundWeights(*pool, matrix, grid, moments, {}).error;
      EXPECT_LT(free, fixed);
      EXPECT_LT(free, upOrDown);
    }
}

TEST(RoundWeights, IndependentInputsGiveTheNearest) {
  auto pool = SharedThreads::get(1);
  int64_t depth = 70, columns = 20;
  std::vector<float> weights = drawNormal(size_t(depth * columns), 3);
  std::vector<double> identity(size_t(depth * depth), 0.0);
  for (int64_t k = 0; k < depth; ++k)
    identity[k * (depth + 1)] = 1;
  RoundedWeights rounded =
      roundWeights(*pool, {weights, depth, columns, depth}, kFourBits, identity,
                   {RoundingRule::Compensated, false});
  EXPECT_EQ(rounded.error, rounded.nearestError);
  for (int64_t i = 0; i < depth * columns; ++i)
    EXPECT_EQ(rounded.integers[i],
              roundToNearest(kFourBits, {rounded.scales[i % columns], 0},
                             weights[i]));
}

TEST(RoundWeights, InputsThatWereNeverSeen) {
  auto pool = SharedThreads::get(1);
  std::vector<float> weights = drawNormal(32, 4);
  std::vector<double> moments(16 * 16, 0.0);
  moments[0] = 1;
  RoundedWeights rounded =
      roundWeights(*pool, {weights, 16, 2, 16}, kFourBits, moments, {});
  EXPECT_LE(rounded.error, rounded.nearestError);
  moments[0] = 0;
  rounded = roundWeights(*pool, {weights, 16, 2, 16}, kFourBits, moments, {});
  EXPECT_EQ(rounded.signal, 0);
}

TEST(RoundWeights, DampingGrowsUntilItSuffices) {
  auto pool = SharedThreads::get(1);
  std::vector<float> weights = drawNormal(8, 5);
  // No moments of anything: the smallest eigenvalue is -0.5.
  std::vector<double> moments{1, 1.5, 1.5, 1};
  RoundedWeights rounded =
      roundWeights(*pool, {weights, 2, 4, 2}, kFourBits, moments, {});
  EXPECT_EQ(rounded.damping, 1);
}

TEST(RoundWeights, ThreadsDoNotMatter) {
  int64_t depth = 200, columns = 100;
  std::vector<float> weights = drawNormal(size_t(depth * columns), 6);
  std::vector<RoundedWeights> results;
  for (size_t threads : {1, 2, 3}) {
    auto pool = SharedThreads::get(threads);
    std::vector<double> moments =
        observe(*pool, depth, 700).getSecondMoments(true);
    results.push_back(roundWeights(*pool, {weights, depth, columns, 32},
                                   kFourBits, moments, {}));
  }
  for (const RoundedWeights &other : results) {
    EXPECT_EQ(other.integers, results[0].integers);
    EXPECT_EQ(other.scales, results[0].scales);
    EXPECT_EQ(other.error, results[0].error);
  }
}

TEST(InputMoments, AgreeWithTheirDefinition) {
  auto pool = SharedThreads::get(2);
  std::vector<float> values = drawNormal(300 * 20, 7);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] += 100 * float(i % 20);
  InputMoments moments(20);
  for (int64_t sample = 0; sample < 3; ++sample)
    moments.add(*pool, 100, [&](int64_t row, llvm::MutableArrayRef<float> out) {
      for (int64_t k = 0; k < 20; ++k)
        out[k] = values[(sample * 100 + row) * 20 + k];
    });
  moments.finish(*pool);
  EXPECT_EQ(moments.getCount(), 300);
  std::vector<double> second = moments.getSecondMoments(false),
                      centered = moments.getSecondMoments(true),
                      mean = moments.getMean();
  for (int64_t i = 0; i < 20; ++i)
    for (int64_t j = 0; j < 20; ++j) {
      double expected = 0;
      for (int64_t row = 0; row < 300; ++row)
        expected +=
            double(values[row * 20 + i]) * double(values[row * 20 + j]) / 300;
      EXPECT_NEAR(second[i * 20 + j], expected, 1e-5 * (1 + expected));
      EXPECT_NEAR(centered[i * 20 + j], expected - mean[i] * mean[j], 1e-4);
    }
}
