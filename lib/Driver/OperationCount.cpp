//===- OperationCount.cpp - multiply-accumulates of a module ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How much of a model is computed in integers is measured in products, as they
// are what quantization speeds up.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/OperationCount.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace mpq;

/// The block argument that `value` is, possibly extended or moved by a constant
/// (a zero point), or null.
static BlockArgument getSource(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtUIOp, arith::ExtSIOp, arith::ExtFOp, arith::SIToFPOp,
             arith::UIToFPOp, arith::SubIOp>(op))
      return nullptr;
    value = op->getOperand(0);
  }
  return dyn_cast<BlockArgument>(value);
}

/// Whether the body of `op` adds to its output a product of two operands.
static bool sumsProducts(linalg::LinalgOp op) {
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1)
    return false;
  Block *body = op.getBlock();
  Operation *sum = body->getTerminator()->getOperand(0).getDefiningOp();
  if (!sum || !isa<arith::AddIOp, arith::AddFOp>(sum))
    return false;
  for (unsigned i : {0u, 1u}) {
    auto accumulator = dyn_cast<BlockArgument>(sum->getOperand(1 - i));
    Operation *product = sum->getOperand(i).getDefiningOp();
    if (!accumulator ||
        op.getMatchingOpOperand(accumulator) != op.getDpsInitOperand(0) ||
        !product || !isa<arith::MulIOp, arith::MulFOp>(product))
      continue;
    BlockArgument lhs = getSource(product->getOperand(0));
    BlockArgument rhs = getSource(product->getOperand(1));
    if (lhs && rhs && lhs != rhs)
      return true;
  }
  return false;
}

OperationCount mpq::countMultiplyAccumulates(Operation *root) {
  OperationCount count;
  root->walk([&](linalg::LinalgOp op) {
    if (!sumsProducts(op))
      return;
    int64_t points = 1;
    for (int64_t extent : op.getStaticLoopRanges())
      points *= ShapedType::isDynamic(extent) ? 0 : extent;
    Type element = getElementTypeOrSelf(op.getDpsInits()[0].getType());
    (element.isInteger() ? count.integer : count.floating) += points;
  });
  return count;
}
