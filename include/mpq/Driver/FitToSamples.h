//===- FitToSamples.h - rounding that samples decide on ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_FITTOSAMPLES_H
#define MPQ_DRIVER_FITTOSAMPLES_H

#include "mpq/Calibration/CollectProfile.h"

#include "mlir/IR/BuiltinOps.h"

namespace mpq {

/// Fits a module after assign to the samples in `folder` (Dataset.h): weights
/// whose `mpq.weight_rounding` asks for it, then biases (BiasCorrection.h). An
/// error if there is nothing to fit.
mlir::LogicalResult fitToSamples(mlir::ModuleOp assigned,
                                 llvm::StringRef folder,
                                 const SampleProgress &progress = {},
                                 const std::function<bool()> &isCancelled = {});

/// Writes `mpq.rounded_weights` on the products that ask for it; those that
/// stay rounded to the nearest say why. Returns how many products asked.
mlir::FailureOr<int64_t>
assignRoundedWeights(mlir::ModuleOp assigned, llvm::StringRef folder,
                     const SampleProgress &progress,
                     const std::function<bool()> &isCancelled);

} // namespace mpq

#endif // MPQ_DRIVER_FITTOSAMPLES_H
