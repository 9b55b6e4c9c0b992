//===- RangeRules.h - what a recipe says of single values' ranges ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_TRANSFORMS_CALIBRATE_RANGERULES_H
#define MPQ_LIB_TRANSFORMS_CALIBRATE_RANGERULES_H

#include "mpq/Calibration/Profile.h"
#include "mpq/Transforms/Assign/Recipe.h"

#include "mlir/IR/BuiltinOps.h"

namespace mpq {

/// The rules of a recipe's `ranges` that hold for the values of a module.
class RangeRules {
public:
  /// Values without a rule get `choice`.
  explicit RangeRules(const RangeChoice &choice) : choice(choice) {}

  /// Fails on a rule that matches no value of the module, or, if its range is
  /// to be picked, none that the profile knows. `recipeName` is for errors.
  mlir::LogicalResult resolve(mlir::ModuleOp module, const Recipe &recipe,
                              llvm::StringRef recipeName,
                              const Profile &profile);

  /// Writes the ranges that are given as numbers on their values.
  void writeGivenRanges(mlir::ModuleOp module) const;

  /// How the range of the value `id` is picked from its histogram.
  RangeChoice getChoice(llvm::StringRef id) const;

private:
  RangeChoice choice;
  llvm::StringMap<RecipeRange> rules; // the last one of each value
};

} // namespace mpq

#endif // MPQ_LIB_TRANSFORMS_CALIBRATE_RANGERULES_H
