//===- OperationCount.h - multiply-accumulates of a module ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_ANALYSIS_OPERATIONCOUNT_H
#define MPQ_ANALYSIS_OPERATIONCOUNT_H

#include "mlir/IR/Operation.h"

#include <cstdint>

namespace mpq {

/// Multiply-accumulates of matrix products and convolutions, by what they
/// accumulate in.
struct OperationCount {
  int64_t integer = 0, floating = 0;

  int64_t getTotal() const { return integer + floating; }
};

/// Counts the linalg operations below `root` that sum products of two of their
/// operands. Dynamic shapes do not count.
OperationCount countMultiplyAccumulates(mlir::Operation *root);

} // namespace mpq

#endif // MPQ_ANALYSIS_OPERATIONCOUNT_H
