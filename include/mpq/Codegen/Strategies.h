//===- Strategies.h - how kernels can be tiled and split -------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpq-select-strategy takes the first of them, mpq-tune-kernels measures.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CODEGEN_STRATEGIES_H
#define MPQ_CODEGEN_STRATEGIES_H

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Dialect/MPQDialect.h"

#include "llvm/ADT/SmallVector.h"

namespace mpq {

class TargetInfo;

/// The strategies of a kernel that may be the fastest, at least one and `most`
/// at most, all different; the cost model's choice first.
llvm::SmallVector<StrategyAttr>
getStrategies(const KernelOps &ops, const TargetInfo &target, size_t most = 1);

/// Writes `mpq.strategy` and the `mpq.work_items` that it makes.
void setStrategy(mlir::func::FuncOp kernel, const KernelOps &ops,
                 StrategyAttr strategy);

} // namespace mpq

#endif // MPQ_CODEGEN_STRATEGIES_H
