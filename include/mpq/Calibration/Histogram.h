//===- Histogram.h - streaming histogram with power-of-two bins ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calibration sees gigabytes of activations once. This keeps what range methods
// need in constant memory, and so that the result does not depend on the order
// or the grouping of the samples: profiles of several machines merge exactly.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CALIBRATION_HISTOGRAM_H
#define MPQ_CALIBRATION_HISTOGRAM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <limits>
#include <vector>

namespace mpq {

/// Counts of f32 values in bins `[k * 2^e, (k + 1) * 2^e)`.
///
/// Zero is always an edge. `e` is the smallest exponent (not below
/// `kMinExponent`) for which the bins from the smaller of 0 and the minimum to
/// the larger of 0 and the maximum number at most `kBins`. That makes the state
/// a function of the multiset of observed values: doubling the width joins bins
/// 2k and 2k+1 exactly, and no sequence of doublings overshoots.
class Histogram {
public:
  static constexpr int64_t kBins = 2048;
  /// Finer bins than this would need an inverse width beyond f32.
  static constexpr int kMinExponent = -126;

  Histogram() : counts(2 * kBins, 0) {}

  /// The state with counts of the bins `firstBin`, `firstBin + 1`, ...; an
  /// error if no sequence of observations leads to it.
  static llvm::Expected<Histogram> fromCounts(float min, float max,
                                              int exponent, int64_t firstBin,
                                              llvm::ArrayRef<uint64_t> counts,
                                              uint64_t infinities);

  /// Adds every element. Infinities and NaNs are counted, not binned.
  void observe(llvm::ArrayRef<float> values);

  /// The histogram of both sets of observations.
  void merge(const Histogram &other);

  /// Number of finite values.
  uint64_t getCount() const { return total; }
  uint64_t getNaNCount() const { return nans; }
  uint64_t getInfinityCount() const { return infinities; }
  bool empty() const { return total == 0; }

  /// Exact extremes of the finite values; require a non-empty histogram.
  float getMin() const { return min; }
  float getMax() const { return max; }

  /// Bin width is `2^exponent`.
  int getExponent() const { return exponent; }
  /// Index of the first bin of `getCounts()`.
  int64_t getFirstBin() const;
  /// Counts of the bins that reach from the lower of 0 and the minimum to the
  /// higher of 0 and the maximum.
  llvm::ArrayRef<uint64_t> getCounts() const;

  /// The value below which a share `q` in [0, 1] of the values lies, linearly
  /// interpolated inside its bin and never outside [min, max]. Requires a
  /// non-empty histogram.
  double quantile(double q) const;

  bool operator==(const Histogram &other) const;

private:
  void widen(float lower, float upper);
  void bin(llvm::ArrayRef<float> values);

  // Bin k is counts[k + kBins].
  std::vector<uint64_t> counts;
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  int exponent = kMinExponent;
  uint64_t total = 0, nans = 0, infinities = 0;
};

} // namespace mpq

#endif // MPQ_CALIBRATION_HISTOGRAM_H
