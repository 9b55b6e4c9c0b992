//===- Passes.h - passes of the phase "assign" ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TRANSFORMS_ASSIGN_PASSES_H
#define MPQ_TRANSFORMS_ASSIGN_PASSES_H

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/MPQInterfaces.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mpq {

#define GEN_PASS_DECL
#include "mpq/Transforms/Assign/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mpq/Transforms/Assign/Passes.h.inc"

/// What recipes call a product: conv, depthwise, matmul or attention. A
/// convolution that `prepare` made a matrix product of keeps the kind it has in
/// the source model.
llvm::StringRef getProductKind(QuantizableOpInterface op);

/// True for an operation that hands elements on as they are.
bool onlyMovesElements(mlir::Operation *op);

/// True for an operation that is no product and whose arithmetic stays in float
/// whatever is quantized.
bool hasFloatArithmetic(mlir::Operation *op);

} // namespace mpq

#endif // MPQ_TRANSFORMS_ASSIGN_PASSES_H
