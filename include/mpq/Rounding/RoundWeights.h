//===- RoundWeights.h - integers for weights, by what their inputs show ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_ROUNDING_ROUNDWEIGHTS_H
#define MPQ_ROUNDING_ROUNDWEIGHTS_H

#include "mpq/Runtime/ThreadPool.h"

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <limits>
#include <vector>

namespace mpq {

/// Which integers stand for weights.
struct WeightGrid {
  int32_t lowest = -127, highest = 127;
  /// Whether blocks have zero points, from `lowest` to `highest`.
  bool hasZeroPoints = false;
  /// Scales are no smaller.
  float smallestScale = 0;
};

/// Integers q stand for (q - zeroPoint) * scale.
struct WeightParameters {
  float scale = 1;
  int32_t zeroPoint = 0;
};

/// The parameters for weights from `low` to `high`, an interval that holds 0.
WeightParameters getWeightParameters(const WeightGrid &grid, float low,
                                     float high);
/// The nearest integer.
int8_t roundToNearest(const WeightGrid &grid, WeightParameters parameters,
                      float weight);

/// A matrix of weights: `depth` rows, which are summed over.
struct WeightMatrix {
  llvm::ArrayRef<float> weights; // row-major
  int64_t depth, columns;
  /// Rows of a column that share parameters.
  int64_t block;

  int64_t getNumBlocks() const { return (depth + block - 1) / block; }
};

enum class RoundingRule {
  /// Each weight to the nearest integer.
  Nearest,
  /// Errors of weights are made up for by others: GPTQ, then descent on its
  /// objective.
  Compensated,
  /// Likewise, but each weight becomes one of the two integers next to it:
  /// what AdaRound minimizes for a layer without activation function.
  UpOrDown,
};

struct RoundingChoice {
  RoundingRule rule = RoundingRule::Compensated;
  /// Whether scales are searched for; otherwise they hold the largest weight.
  bool searchesScales = true;
};

struct RoundedWeights {
  std::vector<int8_t> integers;   // like the weights
  std::vector<float> scales;      // [block][column]
  std::vector<int8_t> zeroPoints; // the same
  /// Sums of mean squares over all columns: of the outputs, of their errors by
  /// rounding to the nearest, and of their errors by this.
  double signal = 0, nearestError = 0, error = 0;
  /// What was added to the diagonal, in parts of its mean.
  double damping = 0;
};

/// Rounds weights for inputs with these second moments (all of depth x depth),
/// which must be finite. The result is no worse for them than rounding to the
/// nearest, and the same with any number of threads.
RoundedWeights roundWeights(SharedThreads &pool, const WeightMatrix &matrix,
                            const WeightGrid &grid,
                            llvm::ArrayRef<double> moments,
                            RoundingChoice choice);

} // namespace mpq

#endif // MPQ_ROUNDING_ROUNDWEIGHTS_H
