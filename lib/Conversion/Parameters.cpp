//===- Parameters.cpp - constant scales and zero points ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scale and zero point are SSA values; the passes of this folder want numbers.
//
//===----------------------------------------------------------------------===//

#include "Parameters.h"

#include "mpq/Dialect/ConstantView.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpq;

template <typename OpTy>
static std::optional<TensorParameters> parametersOf(OpTy op, Type narrow) {
  if (!op.getParamMap())
    return std::nullopt;
  std::optional<ConstantView> scale = ConstantView::get(op.getScale());
  std::optional<ConstantView> zeroPoint = ConstantView::get(op.getZeroPoint());
  if (!scale || !zeroPoint || scale->size() != 1)
    return std::nullopt;
  return TensorParameters{scale->getFloat(0),
                          zeroPoint->getInt(0, op.getIsUnsigned()),
                          op.getIsUnsigned(), getElementTypeOrSelf(narrow)};
}

std::optional<TensorParameters> mpq::getTensorParameters(QuantizeOp op) {
  return parametersOf(op, op.getType());
}

std::optional<TensorParameters> mpq::getTensorParameters(DequantizeOp op) {
  return parametersOf(op, op.getInput().getType());
}

int64_t TensorParameters::getLowest() const {
  return isUnsigned ? 0 : llvm::minIntN(storage.getIntOrFloatBitWidth());
}

AffineMap mpq::getPerTensorMap(MLIRContext *context, int64_t rank) {
  return AffineMap::get(rank, 0, {}, context);
}

IntegerAttr mpq::getStorageAttr(Type type, int64_t value) {
  return IntegerAttr::get(type,
                          APInt(type.getIntOrFloatBitWidth(), uint64_t(value),
                                /*isSigned=*/false, /*implicitTrunc=*/true));
}
