//===- ChannelReaders.cpp - products that read a value by channels ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ChannelReaders.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Transforms/Assign/Passes.h"

using namespace mlir;
using namespace mpq;

static bool isIntegerProduct(Operation *op) {
  auto product = dyn_cast<QuantizableOpInterface>(op);
  auto precision =
      op->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
  return product && product.isProduct() && precision &&
         precision.getKind() == PrecisionKind::Int8;
}

/// True if the result has the operand's channels, each with its values or
/// zeros: dividing a channel before or after makes no difference.
static bool keepsChannels(Operation *op) {
  SmallVector<ReassociationIndices> groups;
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    groups = collapse.getReassociationIndices();
  else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    groups = expand.getReassociationIndices();
  if (!groups.empty())
    return groups.back().size() == 1;
  auto pad = dyn_cast<tensor::PadOp>(op);
  if (!pad || !pad.getConstantPaddingValue() ||
      !matchPattern(pad.getConstantPaddingValue(), m_AnyZeroFloat()))
    return false;
  return isConstantIntValue(pad.getMixedLowPad().back(), 0) &&
         isConstantIntValue(pad.getMixedHighPad().back(), 0);
}

/// The dimension of the product's weights that is its activation's last one.
static std::optional<int64_t> findWeightDim(QuantizableOpInterface product) {
  auto op = dyn_cast<linalg::LinalgOp>(product.getOperation());
  std::optional<ConstantView> weights =
      ConstantView::get(product.getWeightOperand().get());
  if (!op || !weights || !weights->getElementType().isF32())
    return std::nullopt;
  AffineMap activation =
      op.getMatchingIndexingMap(&product.getActivationOperand());
  auto channel = dyn_cast<AffineDimExpr>(
      activation.getResult(activation.getNumResults() - 1));
  if (!channel)
    return std::nullopt;
  return op.getMatchingIndexingMap(&product.getWeightOperand())
      .getResultPosition(channel);
}

static bool reachesIntegerProduct(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    if (isIntegerProduct(user))
      return true;
    return onlyMovesElements(user) &&
           llvm::any_of(user->getResults(), reachesIntegerProduct);
  });
}

static void collectReaders(Value value, SmallVectorImpl<Operation *> &moves,
                           ChannelReaders &found) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (isIntegerProduct(user)) {
      auto product = cast<QuantizableOpInterface>(user);
      std::optional<int64_t> dim;
      if (&product.getActivationOperand() == &use)
        dim = findWeightDim(product);
      if (dim)
        found.readers.push_back({product, llvm::to_vector(moves), *dim});
      else
        found.hasUnreachable = true;
    } else if (keepsChannels(user)) {
      moves.push_back(user);
      collectReaders(user->getResult(0), moves, found);
      moves.pop_back();
    } else if (onlyMovesElements(user)) {
      found.hasUnreachable |=
          llvm::any_of(user->getResults(), reachesIntegerProduct);
    }
  }
}

ChannelReaders mpq::findChannelReaders(Value value) {
  ChannelReaders found;
  SmallVector<Operation *> moves;
  collectReaders(value, moves, found);
  return found;
}
