//===- Interpreter.cpp - the meaning of every phase's IR ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One block after another, one operation after another; a value is dropped
// after its last user, so that memory stays near what the model needs.
//
//===----------------------------------------------------------------------===//

#include "mpq/Reference/Interpreter.h"
#include "Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/IR/SymbolTable.h"
#include "mpq/Dialect/MPQDialect.h"

#include <utility>

using namespace mlir;
using namespace mpq;

FailureOr<HostTensor> Evaluator::lookup(Value value) {
  auto it = values.find(value);
  if (it != values.end())
    return it->second;
  Operation *def = value.getDefiningOp();
  if (onDemand && def) {
    FailureOr<Results> results = runOperation(def);
    if (failed(results))
      return failure();
    for (auto [result, tensor] : llvm::zip_equal(def->getResults(), *results))
      values[result] = tensor;
    return values.lookup(value);
  }
  return emitError(value.getLoc(), "the interpreter has no value of type ")
         << value.getType() << " here";
}

FailureOr<Results> Evaluator::getOperands(Operation *op) {
  Results operands;
  for (Value operand : op->getOperands()) {
    FailureOr<HostTensor> value = lookup(operand);
    if (failed(value))
      return failure();
    operands.push_back(*value);
  }
  return operands;
}

FailureOr<Results> Evaluator::runOperation(Operation *op) {
  auto outer = [&](Value value) { return lookup(value); };
  auto viewOf = [&](OpOperand &operand) -> FailureOr<TensorView> {
    FailureOr<HostTensor> tensor = lookup(operand.get());
    if (failed(tensor))
      return failure();
    return TensorView::all(*tensor);
  };

  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    if (auto elements = dyn_cast<ElementsAttr>(constant.getValue())) {
      FailureOr<HostTensor> value =
          HostTensor::fromAttribute(elements, op->getLoc());
      if (failed(value))
        return failure();
      return Results{*value};
    }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    FailureOr<Results> operands = getOperands(op);
    if (failed(operands))
      return failure();
    if (std::optional<HostTensor> product =
            evaluateProduct(linalgOp, *operands))
      return Results{*product};
    FailureOr<std::unique_ptr<LoopNest>> nest =
        buildLoopNest(linalgOp, viewOf, outer);
    return failed(nest) ? FailureOr<Results>(failure()) : (*nest)->run();
  }
  if (std::optional<FailureOr<Results>> results = evaluateTensorOp(op, outer))
    return *results;
  if (isa<ContractOp, ConvOp>(op)) {
    if (!cast<RankedTensorType>(op->getResult(0).getType()).hasStaticShape())
      return op->emitOpError("the interpreter expects tensors of static shape");
    FailureOr<Results> operands = getOperands(op);
    if (failed(operands))
      return failure();
    return Results{evaluatePackedProduct(op, *operands)};
  }
  if (auto product = dyn_cast<BlockContractOp>(op)) {
    if (!product.getType().hasStaticShape())
      return op->emitOpError("the interpreter expects tensors of static shape");
    FailureOr<Results> operands = getOperands(op);
    if (failed(operands))
      return failure();
    return Results{evaluateBlockProduct(product, *operands)};
  }
  if (auto params = dyn_cast<ChooseParamsOp>(op)) {
    FailureOr<HostTensor> input = lookup(params.getInput());
    if (failed(input))
      return failure();
    return evaluateChooseParams(params, *input);
  }
  // Outlined kernels: buffers enter as tensors and results go to buffers.
  if (auto toTensor = dyn_cast<bufferization::ToTensorOp>(op)) {
    FailureOr<HostTensor> value = lookup(toTensor.getBuffer());
    if (failed(value))
      return failure();
    return Results{*value};
  }
  if (auto materialize =
          dyn_cast<bufferization::MaterializeInDestinationOp>(op);
      materialize && op->getNumResults() == 0) {
    FailureOr<HostTensor> value = lookup(materialize.getSource());
    if (failed(value))
      return failure();
    materialized.push_back(*value);
    return Results();
  }
  if (auto unit = dyn_cast<UnitOp>(op)) {
    FailureOr<Results> operands = getOperands(op);
    if (failed(operands))
      return failure();
    return runBlock(unit.getBody().front(), *operands);
  }
  if (auto observe = dyn_cast<ObserveOp>(op)) {
    FailureOr<HostTensor> value = lookup(observe.getValue());
    if (failed(value))
      return failure();
    if (hooks.observe)
      hooks.observe(observe.getId(), *value);
    return Results();
  }
  if (auto call = dyn_cast<func::CallOp>(op)) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        op, call.getCalleeAttr());
    FailureOr<Results> operands = getOperands(op);
    if (failed(operands))
      return failure();
    if (!callee || callee.isExternal())
      return op->emitOpError("calls '")
             << call.getCallee() << "', which has no body";
    return runFunction(callee, *operands, op->getLoc());
  }
  if (isElementwise(op)) {
    FailureOr<std::unique_ptr<LoopNest>> nest =
        buildElementwiseNest(op, viewOf, outer);
    return failed(nest) ? FailureOr<Results>(failure()) : (*nest)->run();
  }
  return op->emitOpError("is not supported by the interpreter");
}

FailureOr<Results> Evaluator::runBlock(Block &block,
                                       ArrayRef<HostTensor> arguments) {
  DenseMap<Value, Operation *> lastUser;
  for (Operation &op : block)
    op.walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (operand.getParentBlock() == &block)
          lastUser[operand] = &op;
    });
  DenseMap<Operation *, SmallVector<Value>> dying;
  for (auto [value, user] : lastUser)
    dying[user].push_back(value);

  for (auto [argument, value] :
       llvm::zip_equal(block.getArguments(), arguments))
    values[argument] = value;
  for (Operation &op : block.without_terminator()) {
    FailureOr<Results> results = runOperation(&op);
    if (failed(results))
      return failure();
    for (auto [result, value] : llvm::zip_equal(op.getResults(), *results))
      if (lastUser.count(result))
        values[result] = std::move(value);
    for (Value value : dying.lookup(&op))
      values.erase(value);
  }
  return getOperands(block.getTerminator());
}

FailureOr<Results> Evaluator::runFunction(func::FuncOp function,
                                          ArrayRef<HostTensor> arguments,
                                          Location caller) {
  if (++depth > 64)
    return emitError(caller, "the interpreter allows 64 nested calls");
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("expected one block but got ")
           << function.getBody().getBlocks().size();
  Results outer = std::exchange(materialized, {});
  FailureOr<Results> results = runBlock(function.getBody().front(), arguments);
  --depth;
  Results written = std::exchange(materialized, std::move(outer));
  if (succeeded(results) && results->empty())
    return written;
  return results;
}

FailureOr<Results> mpq::interpret(func::FuncOp function,
                                  ArrayRef<HostTensor> arguments,
                                  const InterpreterHooks &hooks) {
  return Evaluator(hooks).runFunction(function, arguments, function.getLoc());
}
