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
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Reference/Interpreter.h"

namespace mpq {

using Results = mlir::SmallVector<HostTensor>;
using ViewOf =
    llvm::function_ref<mlir::FailureOr<TensorView>(mlir::OpOperand &)>;

/// Builds the loops of a linalg operation over the views of its operands.
mlir::FailureOr<std::unique_ptr<LoopNest>>
buildLoopNest(mlir::linalg::LinalgOp op, ViewOf viewOf, OuterValues outer);

/// Builds the loops of an operation that works element by element: arith and
/// math on tensors, tensor forms of quantization.
mlir::FailureOr<std::unique_ptr<LoopNest>>
buildElementwiseNest(mlir::Operation *op, ViewOf viewOf, OuterValues outer);

/// Contractions and integer products with plain loops; nothing if the operation
/// has another form.
std::optional<HostTensor> evaluateProduct(mlir::linalg::LinalgOp op,
                                          mlir::ArrayRef<HostTensor> operands);

/// mpq.contract or mpq.conv. With `rows`, which ascend, only those rows of the
/// result (all dimensions but the innermost) are computed.
HostTensor evaluatePackedProduct(
    mlir::Operation *op, mlir::ArrayRef<HostTensor> operands,
    std::optional<mlir::ArrayRef<int64_t>> rows = std::nullopt);

/// mpq.block_contract, packed or not.
HostTensor evaluateBlockProduct(BlockContractOp op,
                                mlir::ArrayRef<HostTensor> operands);

/// The scales and zero points of mpq.choose_params.
Results evaluateChooseParams(ChooseParamsOp op, const HostTensor &input);

/// tensor.* operations; nothing if it is none that is known.
std::optional<mlir::FailureOr<Results>> evaluateTensorOp(mlir::Operation *op,
                                                         OuterValues values);

/// Offsets, sizes or strides as numbers.
mlir::FailureOr<mlir::SmallVector<int64_t>>
resolve(mlir::ArrayRef<mlir::OpFoldResult> mixed, OuterValues values);

/// Runs blocks and operations; in point mode, whatever a value needs.
class Evaluator {
public:
  explicit Evaluator(const InterpreterHooks &hooks, bool onDemand = false)
      : hooks(hooks), onDemand(onDemand) {}

  mlir::FailureOr<Results> runFunction(mlir::func::FuncOp function,
                                       mlir::ArrayRef<HostTensor> arguments,
                                       mlir::Location caller);

  /// Gives a block argument its value.
  void bind(mlir::Value argument, HostTensor value) {
    values[argument] = std::move(value);
  }

  /// Some elements of a value; positions ascend without repetition.
  mlir::FailureOr<HostTensor> evaluateAt(mlir::Value value,
                                         mlir::ArrayRef<int64_t> positions);

private:
  /// Runs a block to its terminator; the results are the terminator's operands.
  mlir::FailureOr<Results> runBlock(mlir::Block &block,
                                    mlir::ArrayRef<HostTensor> arguments);
  mlir::FailureOr<Results> runOperation(mlir::Operation *op);
  mlir::FailureOr<HostTensor> lookup(mlir::Value value);
  mlir::FailureOr<Results> getOperands(mlir::Operation *op);

  /// evaluateAt for the result of a loop nest that `build` makes.
  using BuildNest =
      llvm::function_ref<mlir::FailureOr<std::unique_ptr<LoopNest>>(ViewOf)>;
  mlir::FailureOr<HostTensor> runNestAt(mlir::OpResult result,
                                        mlir::ArrayRef<int64_t> positions,
                                        BuildNest build);
  /// evaluateAt for mpq.contract and mpq.conv: the rows of these positions.
  mlir::FailureOr<HostTensor>
  runPackedProductAt(mlir::Operation *op, mlir::ArrayRef<int64_t> positions);

  const InterpreterHooks &hooks;
  bool onDemand;
  llvm::DenseMap<mlir::Value, HostTensor> values;
  /// What the function being run has written to buffers.
  Results materialized;
  unsigned depth = 0;
};

/// True for operations that buildElementwiseNest understands.
bool isElementwise(mlir::Operation *op);

} // namespace mpq

#endif // MPQ_LIB_REFERENCE_EVALUATOR_H
