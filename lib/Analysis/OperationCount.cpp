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

#include "mpq/Analysis/OperationCount.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mpq/Dialect/MPQDialect.h"

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

/// Multiply-accumulates of packed products: padding to whole vectors does not
/// count.
static int64_t countPacked(ContractOp op) {
  return cast<ShapedType>(op.getInit().getType()).getNumElements() *
         cast<ShapedType>(op.getLhs().getType()).getShape().back();
}

static int64_t countPacked(ConvOp op) {
  int64_t points = cast<ShapedType>(op.getInit().getType()).getNumElements();
  for (int64_t extent : op.getWindow())
    points *= extent;
  return op.getDepthwise() ? points : points * op.getGroupChannels();
}

OperationCount mpq::countMultiplyAccumulates(Operation *root) {
  OperationCount count;
  root->walk([&](Operation *op) {
    if (auto contract = dyn_cast<ContractOp>(op)) {
      (contract.isInteger() ? count.integer : count.floating) +=
          countPacked(contract);
      return;
    }
    if (auto conv = dyn_cast<ConvOp>(op)) {
      (conv.isInteger() ? count.integer : count.floating) += countPacked(conv);
      return;
    }
    if (auto contract = dyn_cast<BlockContractOp>(op)) {
      (contract.isInteger() ? count.integer : count.floating) +=
          contract.getInit().getType().getNumElements() *
          contract.getLhs().getType().getDimSize(1);
      return;
    }
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if (!linalgOp || !sumsProducts(linalgOp))
      return;
    int64_t points = 1;
    for (int64_t extent : linalgOp.getStaticLoopRanges())
      points *= ShapedType::isDynamic(extent) ? 0 : extent;
    Type element = getElementTypeOrSelf(linalgOp.getDpsInits()[0].getType());
    (element.isInteger() ? count.integer : count.floating) += points;
  });
  return count;
}
