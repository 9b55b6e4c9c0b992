//===- RangeMethod.h - from a histogram to the range to quantize ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A wide range rounds everything coarsely, a narrow one clips what is rare.
// Where the balance lies is a question of taste, so there are several answers.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CALIBRATION_RANGEMETHOD_H
#define MPQ_CALIBRATION_RANGEMETHOD_H

#include "mpq/Calibration/Histogram.h"

#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>
#include <utility>

namespace mpq {

enum class RangeMethod { MinMax, Percentile, KL, MSE, OCTAV, ACIQ };

/// A method as options and recipes write it, and what it does in a few words.
struct RangeMethodInfo {
  RangeMethod method;
  llvm::StringRef name, description;
};

/// All methods, in the order in which they are listed to people.
llvm::ArrayRef<RangeMethodInfo> getRangeMethods();

/// The method of a name. The error lists the names and the nearest of them; it
/// goes behind "expected <what> to be ".
llvm::Expected<RangeMethod> parseRangeMethod(llvm::StringRef name);

/// How a range is picked.
struct RangeChoice {
  RangeMethod method = RangeMethod::MinMax;
  /// Of Percentile: the share of the values that is kept, above 50, at most
  /// 100. Half of the rest is cut at each end.
  double percentile = 99.99;
  /// Between the ends of the range: 255 for 8 bits, 65535 for 16, 15 for 4.
  int64_t steps = 255;
};

/// The closed interval to quantize values of a non-empty histogram in: a part
/// of what the histogram's minimum, its maximum and zero span. All methods but
/// MinMax give one that holds zero where they cut: every quantized range holds
/// it anyway, so a cut past it would lose values for nothing. docs/Recipes.md
/// says how to choose.
///
/// * MinMax: the extremes. O(1).
/// * Percentile: quantiles, interpolated inside a bin. O(bins).
/// * KL: of the windows around zero (cut to the extremes) the one whose values,
///   spread over `steps + 1` levels, diverge least from the distribution with
///   everything outside put into the window's end bins. S. Migacz, "8-bit
///   inference with TensorRT", GTC 2017. O(bins * steps).
/// * MSE: both ends so that the squared error of clipping and rounding is the
///   least. O(bins) for a round of the search; four or five rounds.
/// * OCTAV: the clipping value of least squared error by Newton's iteration
///   s' = E[|X|, |X| > s] / (P[|X| > s] + k P[0 < |X| <= s]). C. Sakr et al.,
///   "Optimal clipping and magnitude-aware differentiation for improved
///   quantization-aware training", ICML 2022. O(bins) for an iteration; about
///   ten.
/// * ACIQ: the clipping value of least squared error of the Laplace or the
///   normal distribution with the histogram's moments, whichever is likelier.
///   R. Banner et al., "Post-training 4-bit quantization of convolutional
///   networks for rapid deployment", NeurIPS 2019. O(bins).
std::pair<double, double> pickRange(const Histogram &histogram,
                                    const RangeChoice &choice);

} // namespace mpq

#endif // MPQ_CALIBRATION_RANGEMETHOD_H
