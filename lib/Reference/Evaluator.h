//===- Evaluator.h - operations on tensor values ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_REFERENCE_EVALUATOR_H
#define MPQ_LIB_REFERENCE_EVALUATOR_H

#include "LoopNest.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mpq/Reference/Interpreter.h"

namespace mpq {

using Results = mlir::SmallVector<HostTensor>;
using ViewOf = llvm::function_ref<mlir::FailureOr<TensorView>(mlir::Value)>;

/// Builds the loops of a linalg operation over the views of its operands.
mlir::FailureOr<std::unique_ptr<LoopNest>>
buildLoopNest(mlir::linalg::LinalgOp op, ViewOf viewOf, OuterValues outer);

/// Builds the loops of an operation that works element by element: arith and
/// math on tensors, tensor forms of quantization.
mlir::FailureOr<std::unique_ptr<LoopNest>>
buildElementwiseNest(mlir::Operation *op, ViewOf viewOf, OuterValues outer);

/// Contractions and integer products with plain loops; nothing if the operation
/// has another form.
std::optional<HostTensor>
evaluateProduct(mlir::linalg::LinalgOp op, mlir::ArrayRef<HostTensor> operands);

/// tensor.* operations; nothing if it is none that is known.
std::optional<mlir::FailureOr<Results>>
evaluateTensorOp(mlir::Operation *op, OuterValues values);

/// Offsets, sizes or strides as numbers.
mlir::FailureOr<mlir::SmallVector<int64_t>>
resolve(mlir::ArrayRef<mlir::OpFoldResult> mixed, OuterValues values);

} // namespace mpq

#endif // MPQ_LIB_REFERENCE_EVALUATOR_H
