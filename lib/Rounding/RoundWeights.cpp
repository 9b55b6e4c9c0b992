//===- RoundWeights.cpp - integers for weights, by their inputs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative
// Pre-trained Transformers", ICLR 2023. With H the second moments of the inputs
// and H = M D M^T, M unit upper triangular, the k-th weight is rounded after
//
//   w(k) + sum_{j<k} M(j, k) (w(j) - q(j))
//
// which is what GPTQ computes from the inverse of H (Chee et al., "QuIP",
// 2023), at less cost. Weights whose inputs are large come first: later ones
// have fewer left to make up for them. Scales are those with the least squared
// error, each weight counted by the mean square of its input. Where that leaves
// the output's error, Descent.h lowers it.
//
// With two integers for each weight this is the objective of Nagel et al., "Up
// or Down? Adaptive Rounding for Post-Training Quantization", ICML 2020, which
// they relax and descend on by gradients. Moments make it a small quadratic
// problem, for which feedback and descent on integers find lower values.
//
//===----------------------------------------------------------------------===//

#include "mpq/Rounding/RoundWeights.h"
#include "Descent.h"
#include "Factorize.h"
#include "Panel.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mpq;

/// Columns that are searched together.
static constexpr int64_t kColumns = 64;
/// Rows whose errors are handed on together.
static constexpr int64_t kRows = 64;

WeightParameters mpq::getWeightParameters(const WeightGrid &grid, float low,
                                          float high) {
  float scale = grid.hasZeroPoints
                    ? (high - low) / float(grid.highest - grid.lowest)
                    : std::max(-low, high) / float(grid.highest);
  scale = std::max(scale, grid.smallestScale);
  if (!(scale >= std::numeric_limits<float>::min()))
    return {1.0f, 0}; // nothing but zeros, or nearly
  if (!grid.hasZeroPoints)
    return {scale, 0};
  float zeroPoint = std::nearbyint(float(grid.lowest) - low / scale);
  return {scale, int32_t(std::clamp(zeroPoint, float(grid.lowest),
                                    float(grid.highest)))};
}

int8_t mpq::roundToNearest(const WeightGrid &grid, WeightParameters parameters,
                           float weight) {
  return int8_t(std::clamp(std::nearbyintf(weight / parameters.scale) +
                               float(parameters.zeroPoint),
                           float(grid.lowest), float(grid.highest)));
}

namespace {
/// The parts of both ends of the interval of weights that are tried.
struct Shrinkage {
  float low, high;
};

/// Squared errors of up to kColumns columns with given parameters.
struct ColumnErrors {
  float inverse[kColumns], scale[kColumns], zeroPoint[kColumns];
  float errors[kColumns];
};

class Rounder {
public:
  Rounder(SharedThreads &pool, const WeightMatrix &matrix,
          const WeightGrid &grid, llvm::ArrayRef<double> moments)
      : pool(pool), matrix(matrix), grid(grid), moments(moments) {}

  std::vector<WeightParameters>
  chooseParameters(llvm::ArrayRef<Shrinkage> shrinkages);
  std::vector<int8_t> round(llvm::ArrayRef<WeightParameters> parameters);
  std::vector<int8_t> feedBack(llvm::ArrayRef<WeightParameters> parameters,
                               bool upOrDown, double &damping);
  /// The sum of the mean squares of e^T x, where e are columns of weights, or
  /// what is lost of them.
  double getPower(llvm::ArrayRef<int8_t> integers,
                  llvm::ArrayRef<WeightParameters> parameters);

private:
  size_t getParameter(int64_t k, int64_t n) const {
    return size_t(k / matrix.block * matrix.columns + n);
  }

  SharedThreads &pool;
  const WeightMatrix &matrix;
  const WeightGrid &grid;
  llvm::ArrayRef<double> moments;
};
} // namespace

MPQ_FOR_EACH_MACHINE static void
addErrors(ColumnErrors &columns, const float *weights, const float *importance,
          int64_t rows, int64_t width, int64_t stride, float lowest,
          float highest) {
  for (int64_t k = 0; k < rows; ++k)
    for (int64_t c = 0; c < width; ++c) {
      float weight = weights[k * stride + c];
      float rounded = __builtin_nearbyintf(weight * columns.inverse[c]) +
                      columns.zeroPoint[c];
      rounded = rounded < lowest ? lowest : rounded;
      rounded = rounded < highest ? rounded : highest;
      float error =
          (rounded - columns.zeroPoint[c]) * columns.scale[c] - weight;
      columns.errors[c] += importance[k] * (error * error);
    }
}

std::vector<WeightParameters>
Rounder::chooseParameters(llvm::ArrayRef<Shrinkage> shrinkages) {
  int64_t blocks = matrix.getNumBlocks(), columns = matrix.columns;
  // Inputs that were always zero count a little, too.
  std::vector<float> importance;
  double mean = 0;
  for (int64_t k = 0; k < matrix.depth; ++k)
    mean += moments[k * (matrix.depth + 1)] / double(matrix.depth);
  for (int64_t k = 0; k < matrix.depth; ++k)
    importance.push_back(
        mean > 0 ? float(moments[k * (matrix.depth + 1)] / mean + 0.01) : 1);

  std::vector<WeightParameters> chosen(size_t(blocks * columns));
  int64_t groups = (columns + kColumns - 1) / kColumns;
  forRange(pool, blocks * groups, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      int64_t first = index / groups * matrix.block;
      int64_t rows = std::min(matrix.block, matrix.depth - first);
      int64_t n = index % groups * kColumns;
      int64_t width = std::min(kColumns, columns - n);
      const float *weights = matrix.weights.data() + first * columns + n;
      float low[kColumns] = {}, high[kColumns] = {}, least[kColumns];
      for (int64_t k = 0; k < rows; ++k)
        for (int64_t c = 0; c < width; ++c) {
          low[c] = std::min(low[c], weights[k * columns + c]);
          high[c] = std::max(high[c], weights[k * columns + c]);
        }
      for (auto [position, shrinkage] : llvm::enumerate(shrinkages)) {
        WeightParameters tried[kColumns];
        ColumnErrors errors = {};
        for (int64_t c = 0; c < width; ++c) {
          tried[c] = getWeightParameters(grid, low[c] * shrinkage.low,
                                         high[c] * shrinkage.high);
          errors.scale[c] = tried[c].scale;
          errors.inverse[c] = 1 / tried[c].scale;
          errors.zeroPoint[c] = float(tried[c].zeroPoint);
        }
        if (shrinkages.size() > 1)
          addErrors(errors, weights, importance.data() + first, rows, width,
                    columns, float(grid.lowest), float(grid.highest));
        for (int64_t c = 0; c < width; ++c)
          if (position == 0 || errors.errors[c] < least[c]) {
            least[c] = errors.errors[c];
            chosen[size_t(index / groups * columns + n + c)] = tried[c];
          }
      }
    }
  });
  return chosen;
}

std::vector<int8_t>
Rounder::round(llvm::ArrayRef<WeightParameters> parameters) {
  std::vector<int8_t> integers(matrix.weights.size());
  for (int64_t k = 0; k < matrix.depth; ++k)
    for (int64_t n = 0; n < matrix.columns; ++n)
      integers[k * matrix.columns + n] =
          roundToNearest(grid, parameters[getParameter(k, n)],
                         matrix.weights[k * matrix.columns + n]);
  return integers;
}

std::vector<int8_t>
Rounder::feedBack(llvm::ArrayRef<WeightParameters> parameters, bool upOrDown,
                  double &damping) {
  int64_t depth = matrix.depth, columns = matrix.columns;
  // The factor's first row is of the weight that is rounded last.
  std::vector<int64_t> order((size_t(depth)));
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](int64_t a, int64_t b) {
    return std::pair(moments[a * (depth + 1)], a) <
           std::pair(moments[b * (depth + 1)], b);
  });
  Factor factor = factorize(pool, moments, order);
  damping = factor.damping;

  std::vector<double> targets(
      matrix.weights.size()); // in the order of rounding
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t n = 0; n < columns; ++n)
      targets[k * columns + n] =
          double(matrix.weights[order[depth - 1 - k] * columns + n]);
  auto getFeedback = [&](int64_t j, int64_t k) { // M(j, k)
    int64_t row = depth - 1 - j, column = depth - 1 - k;
    return factor.elements[row * depth + column] /
           factor.elements[column * depth + column];
  };
  std::vector<int8_t> integers(matrix.weights.size());
  for (int64_t first = 0; first < depth; first += kRows) {
    int64_t end = std::min(depth, first + kRows);
    Panel<double> errors(end - first, columns);
    forRange(pool, columns, [&](int64_t from, int64_t to) {
      for (int64_t k = first; k < end; ++k) {
        int64_t source = order[depth - 1 - k];
        for (int64_t n = from; n < to; ++n) {
          WeightParameters chosen = parameters[getParameter(source, n)];
          float target = float(targets[k * columns + n]);
          if (upOrDown) {
            float below =
                std::floor(matrix.weights[source * columns + n] / chosen.scale);
            target = std::clamp(target, below * chosen.scale,
                                (below + 1) * chosen.scale);
          }
          int8_t rounded = roundToNearest(grid, chosen, target);
          integers[source * columns + n] = rounded;
          errors.at(k - first, n) =
              double(matrix.weights[source * columns + n]) -
              double(rounded - chosen.zeroPoint) * double(chosen.scale);
        }
        for (int64_t later = k + 1; later < end; ++later) {
          double feedback = getFeedback(k, later);
          for (int64_t n = from; n < to; ++n)
            targets[later * columns + n] += feedback * errors.at(k - first, n);
        }
      }
    });
    if (end == depth)
      break;
    Panel<double> feedback(end - first, depth - end);
    forRange(pool, depth - end, [&](int64_t from, int64_t to) {
      for (int64_t k = end + from; k < end + to; ++k)
        for (int64_t j = first; j < end; ++j)
          feedback.at(j - first, k - end) = getFeedback(j, k);
    });
    addProduct(pool, targets.data() + end * columns, columns, feedback, errors,
               1, false);
  }
  return integers;
}

double Rounder::getPower(llvm::ArrayRef<int8_t> integers,
                         llvm::ArrayRef<WeightParameters> parameters) {
  int64_t depth = matrix.depth, columns = matrix.columns;
  auto getElement = [&](int64_t k, int64_t n) {
    float weight = matrix.weights[k * columns + n];
    if (integers.empty())
      return weight;
    WeightParameters chosen = parameters[getParameter(k, n)];
    return weight -
           float(integers[k * columns + n] - chosen.zeroPoint) * chosen.scale;
  };
  std::vector<double> products(matrix.weights.size());
  for (int64_t first = 0; first < depth; first += 4 * kRows) {
    int64_t size = std::min(depth - first, 4 * kRows);
    Panel<float> left(size, depth), right(size, columns);
    for (int64_t k = 0; k < size; ++k) {
      for (int64_t i = 0; i < depth; ++i)
        left.at(k, i) = float(moments[(first + k) * depth + i]);
      for (int64_t n = 0; n < columns; ++n)
        right.at(k, n) = getElement(first + k, n);
    }
    addProduct(pool, products.data(), columns, left, right, 1, false);
  }
  double power = 0;
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t n = 0; n < columns; ++n)
      power += products[k * columns + n] * double(getElement(k, n));
  return std::max(power, 0.0);
}

/// What is tried of the interval that holds all weights, which comes first.
static std::vector<Shrinkage> getShrinkages(const WeightGrid &grid) {
  std::vector<Shrinkage> shrinkages;
  // With two bits around zero most weights are one step away from it at best.
  int steps = !grid.hasZeroPoints && grid.highest == 1 ? 40 : 25;
  for (int step = 0; step <= steps; ++step) {
    float factor = 1.0f - 0.02f * float(step);
    shrinkages.push_back({factor, factor});
    if (grid.hasZeroPoints)
      for (float other : {0.9f, 0.8f, 0.7f}) {
        shrinkages.push_back({factor, factor * other});
        shrinkages.push_back({factor * other, factor});
      }
  }
  return shrinkages;
}

RoundedWeights mpq::roundWeights(SharedThreads &pool,
                                 const WeightMatrix &matrix,
                                 const WeightGrid &grid,
                                 llvm::ArrayRef<double> moments,
                                 RoundingChoice choice) {
  Rounder rounder(pool, matrix, grid, moments);
  std::vector<Shrinkage> all = getShrinkages(grid);
  std::vector<WeightParameters> parameters =
      rounder.chooseParameters(llvm::ArrayRef(all).take_front());
  RoundedWeights result;
  result.integers = rounder.round(parameters);
  result.signal = rounder.getPower({}, {});
  result.nearestError = rounder.getPower(result.integers, parameters);
  result.error = result.nearestError;
  std::vector<WeightParameters> tried =
      choice.searchesScales ? rounder.chooseParameters(all) : parameters;
  bool upOrDown = choice.rule == RoundingRule::UpOrDown;
  std::vector<int8_t> integers =
      choice.rule == RoundingRule::Nearest
          ? rounder.round(tried)
          : rounder.feedBack(tried, upOrDown, result.damping);
  if (choice.rule != RoundingRule::Nearest)
    descend(pool, matrix, grid, moments, result.damping,
            {choice.searchesScales && !upOrDown, !upOrDown}, integers, tried);
  double error = rounder.getPower(integers, tried);
  if (error < result.error) {
    result.error = error;
    result.integers = std::move(integers);
    parameters = std::move(tried);
  }
  for (WeightParameters chosen : parameters) {
    result.scales.push_back(chosen.scale);
    result.zeroPoints.push_back(int8_t(chosen.zeroPoint));
  }
  return result;
}
