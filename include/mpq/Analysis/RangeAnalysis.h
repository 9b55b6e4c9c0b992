//===- RangeAnalysis.h - where the values of a function lie ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_ANALYSIS_RANGEANALYSIS_H
#define MPQ_ANALYSIS_RANGEANALYSIS_H

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Models/Intervals.h"

#include "mlir/IR/Operation.h"

#include "llvm/ADT/DenseMap.h"

#include <optional>

namespace mpq {

/// Ranges of the values at the top level of a function: those written on it
/// (`mpq.range`, `mpq.ranges`: calibrated, or of a recipe) and, for the rest,
/// what interval arithmetic makes of the operands' ranges. One pass in program
/// order; fits `getAnalysis<RangeAnalysis>()` of a function pass.
///
/// Values that are in no attribute have a range that is sound if those of the
/// attributes are.
class RangeAnalysis {
public:
  explicit RangeAnalysis(mlir::Operation *function);

  /// The range of a value, or std::nullopt if no finite bounds are known.
  std::optional<RangeAttr> lookup(mlir::Value value) const;

private:
  Interval intervalOf(mlir::Value value) const;

  llvm::DenseMap<mlir::Value, RangeAttr> known;
  llvm::DenseMap<mlir::Value, Interval> inferred;
};

} // namespace mpq

#endif // MPQ_ANALYSIS_RANGEANALYSIS_H
