//===- ScaleGroups.h - values that share one scale ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_ANALYSIS_SCALEGROUPS_H
#define MPQ_ANALYSIS_SCALEGROUPS_H

#include "mpq/Analysis/RangeAnalysis.h"

#include <optional>
#include <utility>

namespace mpq {

/// Appends to `roots` the values that `value` is moved from (itself, if it is
/// computed): where it has to be quantized so that everything that moves it
/// works on integers.
void collectScaleRoots(mlir::Value value,
                       llvm::SmallVectorImpl<mlir::Value> &roots);

/// Values that get one scale and zero point.
struct ScaleGroup {
  /// The values to quantize, in the order in which they were found.
  llvm::SmallVector<mlir::Value> roots;
  /// The activations of products that are moved from the roots.
  llvm::SmallVector<mlir::Value> activations;

  /// The union of 0 and the roots' ranges, or of the activations' ranges where
  /// a root has none. std::nullopt if `missing` has no range either.
  std::optional<std::pair<double, double>> getRange(const RangeAnalysis &ranges,
                                                    mlir::Value &missing) const;
};

/// Groups of the roots of the given activations: values that meet in a
/// concatenation on their way to one of them are in one group, and so are those
/// whose operations name the same `mpq.scale_group`.
llvm::SmallVector<ScaleGroup>
findScaleGroups(llvm::ArrayRef<mlir::Value> activations);

} // namespace mpq

#endif // MPQ_ANALYSIS_SCALEGROUPS_H
