//===- Channels.cpp - how products read the channels of a value ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Analysis/Channels.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"

using namespace mlir;
using namespace mpq;

bool mpq::isIntegerProduct(Operation *op) {
  auto product = dyn_cast<QuantizableOpInterface>(op);
  auto precision =
      op->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
  if (!product || !product.isProduct() || !precision)
    return false;
  switch (precision.getKind()) {
  case PrecisionKind::Int8:
  case PrecisionKind::Int16:
    return true;
  case PrecisionKind::Int4:
  case PrecisionKind::Int2:
    return !op->hasAttr(MPQDialect::getBlocksAttrName());
  default:
    return false;
  }
}

bool mpq::isStaticIntegerProduct(Operation *op) {
  return isIntegerProduct(op) && !op->hasAttr(MPQDialect::getDynamicAttrName());
}

bool mpq::keepsChannels(Operation *op) {
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

std::optional<int64_t>
mpq::getChannelDimOfWeights(QuantizableOpInterface product) {
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
