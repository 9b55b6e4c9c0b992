//===- Descent.h - integers and scales that lose less, step by step ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_ROUNDING_DESCENT_H
#define MPQ_LIB_ROUNDING_DESCENT_H

#include "mpq/Rounding/RoundWeights.h"

namespace mpq {

/// What descent may change.
struct DescentFreedom {
  /// Scales and zero points of blocks, besides integers.
  bool hasFreeScales = true;
  /// Weights may become any integers, not only the two next to them.
  bool hasFreeIntegers = true;
};

/// Lowers the sum of e^T H e over the columns e of what rounding loses, from
/// these integers and parameters on, until it hardly falls. `moments` are H,
/// with `damping` * the mean of its diagonal added to it.
void descend(SharedThreads &pool, const WeightMatrix &matrix,
             const WeightGrid &grid, llvm::ArrayRef<double> moments,
             double damping, DescentFreedom freedom,
             llvm::MutableArrayRef<int8_t> integers,
             llvm::MutableArrayRef<WeightParameters> parameters);

} // namespace mpq

#endif // MPQ_LIB_ROUNDING_DESCENT_H
