//===- ReductionOrder.cpp - the order in which a reduction adds ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Float addition is not associative, so bit-for-bit agreement needs one order.
// It must be fast for code (hence fma chains, and sixteen partials that fill a
// vector) and recognizable from the operation alone.
//
//===----------------------------------------------------------------------===//

#include "mpq/Numerics/ReductionOrder.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

#include <limits>

using namespace mlir;
using namespace mpq;

/// N-C1: exactly `yield addf(mulf(in0, in1), out)` in f32, operands of both
/// operations in either order.
static bool isContractionBody(linalg::LinalgOp op) {
  Block &body = *op.getBlock();
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      !llvm::hasNItems(body, 3))
    return false;
  Value in0 = body.getArgument(0), in1 = body.getArgument(1),
        out = body.getArgument(2);
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add || !add.getType().isF32())
    return false;
  Value other = add.getLhs() == out   ? add.getRhs()
                : add.getRhs() == out ? add.getLhs()
                                      : Value();
  auto mul = other ? other.getDefiningOp<arith::MulFOp>() : nullptr;
  return mul && ((mul.getLhs() == in0 && mul.getRhs() == in1) ||
                 (mul.getLhs() == in1 && mul.getRhs() == in0));
}

/// True if a value of the body is computed from a block argument of an init.
static bool dependsOnInit(Value value, Block &body, unsigned firstInit) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() == &body && argument.getArgNumber() >= firstInit;
  Operation *def = value.getDefiningOp();
  if (def->getBlock() != &body)
    return false;
  return llvm::any_of(def->getOperands(), [&](Value operand) {
    return dependsOnInit(operand, body, firstInit);
  });
}

/// The operation that combines init `index` with a value independent of every
/// init, in f32; null if the body has another form.
static Operation *matchCombiner(linalg::LinalgOp op, unsigned index) {
  Block &body = *op.getBlock();
  unsigned firstInit = op.getNumDpsInputs();
  Operation *combiner = body.getTerminator()->getOperand(index).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::MulFOp, arith::MaximumFOp,
                       arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(
          combiner) ||
      combiner->getBlock() != &body ||
      !combiner->getResult(0).getType().isF32())
    return nullptr;
  Value out = body.getArgument(firstInit + index);
  Value lhs = combiner->getOperand(0), rhs = combiner->getOperand(1);
  if (rhs == out)
    std::swap(lhs, rhs);
  if (lhs != out || dependsOnInit(rhs, body, firstInit))
    return nullptr;
  return combiner;
}

/// The reduction iterator that walks along the contiguous dimension of the
/// first of the inputs with the most dimensions; operands of lower rank, such
/// as row statistics fused into the body, do not decide.
static std::optional<unsigned> findRowDimension(linalg::LinalgOp op) {
  AffineMap widest;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!widest || map.getNumResults() > widest.getNumResults())
      widest = map;
  }
  if (!widest || widest.getNumResults() == 0)
    return std::nullopt;
  auto dim = dyn_cast<AffineDimExpr>(widest.getResults().back());
  if (!dim || op.getIteratorTypesArray()[dim.getPosition()] !=
                  utils::IteratorType::reduction)
    return std::nullopt;
  return dim.getPosition();
}

ReductionInfo mpq::getReductionInfo(linalg::LinalgOp op) {
  ReductionInfo info;
  if (op.getNumReductionLoops() == 0)
    return info;
  if (isContractionBody(op)) {
    info.order = ReductionOrder::Contraction;
    if (auto step =
            op->getAttrOfType<IntegerAttr>(MPQDialect::getMatrixStepAttrName()))
      info.step = step.getInt();
    return info;
  }
  std::optional<unsigned> row = findRowDimension(op);
  if (!row)
    return info;
  SmallVector<Operation *> combiners;
  for (unsigned index = 0; index < op.getNumDpsInits(); ++index) {
    Operation *combiner = matchCombiner(op, index);
    if (!combiner)
      return info;
    combiners.push_back(combiner);
  }
  info.order = ReductionOrder::Row;
  info.rowDimension = *row;
  info.combiners = std::move(combiners);
  return info;
}

std::optional<ReductionInfo> mpq::matchIntegerRow(linalg::LinalgOp op) {
  Block &body = *op.getBlock();
  std::optional<unsigned> row = findRowDimension(op);
  if (!row || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getStaticLoopRanges()[*row] < rowPartials)
    return std::nullopt;
  Operation *combiner = body.getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddIOp, arith::MaxSIOp, arith::MinSIOp,
                       arith::MaxUIOp, arith::MinUIOp>(combiner) ||
      combiner->getBlock() != &body ||
      !combiner->getResult(0).getType().isInteger(32))
    return std::nullopt;
  BlockArgument out = body.getArgument(1);
  if (!out.hasOneUse() || *out.user_begin() != combiner)
    return std::nullopt;
  ReductionInfo info;
  info.order = ReductionOrder::Row;
  info.rowDimension = *row;
  info.combiners = {combiner};
  return info;
}

float mpq::getCombinerIdentity(Operation *combiner) {
  if (isa<arith::AddFOp>(combiner))
    return 0.0f;
  if (isa<arith::MulFOp>(combiner))
    return 1.0f;
  float infinity = std::numeric_limits<float>::infinity();
  return isa<arith::MaximumFOp, arith::MaxNumFOp>(combiner) ? -infinity
                                                            : infinity;
}
