//===- BiasCorrection.h - the mean error of products, measured ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_BIASCORRECTION_H
#define MPQ_DRIVER_BIASCORRECTION_H

#include "mpq/Calibration/CollectProfile.h"

#include "mlir/IR/BuiltinOps.h"

namespace mpq {

/// Writes `mpq.bias_correction` on the integer products of a module after
/// assign: for each output channel, minus the mean error that rounding its
/// activation and its weights adds, over the samples. What mpq-correct-bias
/// obeys. Returns the number of such products.
mlir::FailureOr<int64_t>
assignBiasCorrection(mlir::ModuleOp assigned, SampleSource &samples,
                     const SampleProgress &progress = {},
                     const std::function<bool()> &isCancelled = {});

} // namespace mpq

#endif // MPQ_DRIVER_BIASCORRECTION_H
