//===- MeasureStrategies.h - strategies run side by side -------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_TUNE_MEASURESTRATEGIES_H
#define MPQ_LIB_TUNE_MEASURESTRATEGIES_H

#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

#include <functional>

namespace mpq {

/// Strategies of kernels that are to be compared.
using StrategyCandidates =
    llvm::MapVector<llvm::StringRef, llvm::SmallVector<StrategyAttr>>;

/// Milliseconds that each candidate takes in one run of the model: of all calls
/// of the kernel together, the median of several runs on one thread. In the
/// order of `candidates`. `module`, formed kernels, stays as it is; its target
/// is this machine.
mlir::FailureOr<llvm::SmallVector<llvm::SmallVector<double>>>
measureStrategies(mlir::ModuleOp module, const StrategyCandidates &candidates,
                  const std::function<bool()> &isCancelled);

} // namespace mpq

#endif // MPQ_LIB_TUNE_MEASURESTRATEGIES_H
