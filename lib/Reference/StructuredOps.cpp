//===- StructuredOps.cpp - loops of linalg and elementwise operations ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mpq/Dialect/MPQDialect.h"

using namespace mlir;
using namespace mpq;

FailureOr<std::unique_ptr<LoopNest>>
mpq::buildLoopNest(linalg::LinalgOp op, ViewOf viewOf, OuterValues outer) {
  if (op.hasDynamicShape() || !op.hasPureTensorSemantics()) {
    op->emitOpError("the interpreter expects tensors of static shape");
    return failure();
  }
  auto nest = std::make_unique<LoopNest>(op, op.getStaticLoopRanges(),
                                         op.getIteratorTypesArray());
  Block &body = *op.getBlock();
  BodyProgram &program = nest->getProgram();
  // Rows of block arguments exist before anything reads them.
  for (BlockArgument argument : body.getArguments())
    (void)program.getRow(argument);

  ReductionInfo reduction = getReductionInfo(op);
  Operation *yield = body.getTerminator();
  if (reduction.order == ReductionOrder::Contraction) {
    program.appendFma(yield->getOperand(0), body.getArgument(0),
                      body.getArgument(1), body.getArgument(2));
  } else {
    for (Operation &nested : body.without_terminator())
      if (!llvm::is_contained(reduction.combiners, &nested) &&
          failed(program.append(&nested, outer)))
        return failure();
  }

  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    bool isInit = op.isDpsInit(&operand);
    if (!argument || (!isInit && argument.use_empty()))
      continue;
    FailureOr<TensorView> view = viewOf(operand);
    FailureOr<unsigned> row = program.getOperand(argument, outer);
    if (failed(view) || failed(row))
      return failure();
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (!isInit) {
      nest->addInput(std::move(*view), map, *row);
      continue;
    }
    unsigned index = operand.getOperandNumber() - op.getNumDpsInputs();
    Value yielded = yield->getOperand(index);
    if (reduction.order == ReductionOrder::Row) {
      // The program computes the new values; the nest combines them.
      Operation *combiner = reduction.combiners[index];
      yielded = combiner->getOperand(combiner->getOperand(0) == argument);
    }
    FailureOr<unsigned> result = program.getOperand(yielded, outer);
    if (failed(result))
      return failure();
    nest->addOutput(std::move(*view), map, *row, *result);
  }
  nest->setReduction(std::move(reduction));
  return nest;
}

/// The parameter map of a tensor form of quantization.
static AffineMap getParameterMap(Operation *op) {
  auto map = op->getAttrOfType<AffineMapAttr>("param_map");
  return map ? map.getValue() : AffineMap();
}

bool mpq::isElementwise(Operation *op) {
  return isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
             op->getDialect()) ||
         isa<QuantizeOp, DequantizeOp, RequantizeOp>(op);
}

FailureOr<std::unique_ptr<LoopNest>>
mpq::buildElementwiseNest(Operation *op, ViewOf viewOf, OuterValues outer) {
  auto fail = [&](const Twine &message) {
    op->emitOpError(message);
    return failure();
  };
  if (op->getNumResults() != 1 || op->getNumRegions() != 0)
    return fail("is not supported by the interpreter");
  Type resultType = op->getResult(0).getType();
  auto shaped = dyn_cast<RankedTensorType>(resultType);
  std::optional<ElementKind> kind =
      getElementKind(getElementTypeOrSelf(resultType));
  if (!kind || (!shaped && isa<ShapedType>(resultType)) ||
      (shaped && !shaped.hasStaticShape()))
    return fail("the interpreter expects scalars or tensors of static shape");
  ArrayRef<int64_t> shape = shaped ? shaped.getShape() : ArrayRef<int64_t>();
  SmallVector<utils::IteratorType> iterators(shape.size(),
                                             utils::IteratorType::parallel);
  auto nest = std::make_unique<LoopNest>(op, shape, iterators);
  BodyProgram &program = nest->getProgram();
  MLIRContext *context = op->getContext();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(shape.size(), context);
  AffineMap scalar = AffineMap::get(shape.size(), 0, context);
  AffineMap parameters = getParameterMap(op);
  for (OpOperand &operand : op->getOpOperands()) {
    (void)program.getRow(operand.get());
    FailureOr<TensorView> view = viewOf(operand);
    FailureOr<unsigned> row = program.getOperand(operand.get(), outer);
    if (failed(view) || failed(row))
      return failure();
    AffineMap map = identity;
    if (parameters && operand.getOperandNumber() > 0)
      map = parameters;
    else if (!isa<RankedTensorType>(operand.get().getType()))
      map = scalar; // select's condition
    nest->addInput(std::move(*view), map, *row);
  }
  if (failed(program.append(op, outer)))
    return failure();
  FailureOr<unsigned> result = program.getOperand(op->getResult(0), outer);
  if (failed(result))
    return failure();
  TensorView init;
  init.shape.assign(shape.begin(), shape.end());
  init.values = HostTensor(*kind, shape);
  nest->addOutput(std::move(init), identity, *result, *result);
  return nest;
}
