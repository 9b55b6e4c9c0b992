//===- TuneKernels.h - strategies by measurement ---------------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TUNE_TUNEKERNELS_H
#define MPQ_TUNE_TUNEKERNELS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <functional>

namespace mpq {

/// What tuning did to the kernels that have more than one strategy.
struct TuningSummary {
  int64_t kernels = 0;
  /// Of them, those that the file of times did not know.
  int64_t measured = 0;
  /// Of them, those for which the cost model would have chosen differently.
  int64_t changed = 0;
  /// Milliseconds a run in these kernels, as the cost model would have them and
  /// as they are now. By the measurements that the file keeps.
  double modelMilliseconds = 0, tunedMilliseconds = 0;

  /// Of the code for several machines.
  TuningSummary operator+(const TuningSummary &other) const {
    return {kernels + other.kernels, measured + other.measured,
            changed + other.changed,
            modelMilliseconds + other.modelMilliseconds,
            tunedMilliseconds + other.tunedMilliseconds};
  }
};

/// What mpq-tune-kernels does (Passes.td). `times`: a file, or empty.
mlir::FailureOr<TuningSummary>
tuneKernels(mlir::ModuleOp module, llvm::StringRef times,
            const std::function<bool()> &isCancelled = {});

/// An error if a file of times is there and is none.
llvm::Error checkStrategyTimes(llvm::StringRef times);

} // namespace mpq

#endif // MPQ_TUNE_TUNEKERNELS_H
