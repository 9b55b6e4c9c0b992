//===- ConstantView.cpp - the numbers behind a constant tensor ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights arrive as dense attributes, splats or resources. Passes that compute
// with them want plain numbers and must neither copy a hundred megabytes nor
// create an attribute for each element.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/ConstantView.h"

#include "mpq/Dialect/ConstantData.h"

#include "mpq/Numerics/FloatOps.h"
#include "mpq/Numerics/NarrowFloats.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

#include "llvm/Support/MathExtras.h"

#include <cstring>

using namespace mlir;
using namespace mpq;

std::optional<ConstantView> ConstantView::get(Attribute attribute) {
  auto elements = dyn_cast_or_null<ElementsAttr>(attribute);
  if (!elements)
    return std::nullopt;
  ConstantView data;
  data.elementType = elements.getShapedType().getElementType();
  data.numElements = elements.getShapedType().getNumElements();
  auto integer = dyn_cast<IntegerType>(data.elementType);
  if (!data.elementType.isF32() &&
      !formulas::getNarrowFormat(data.elementType) &&
      (!integer || integer.getWidth() > 64 || integer.getWidth() == 1))
    return std::nullopt;
  if (auto dense = dyn_cast<DenseElementsAttr>(attribute)) {
    data.raw = dense.getRawData();
    data.splat = dense.isSplat();
  } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return std::nullopt;
    data.raw = blob->getData();
  } else {
    return std::nullopt;
  }
  int64_t needed =
      (data.splat ? 1 : data.numElements) * getElementBytes(data.elementType);
  if (int64_t(data.raw.size()) < needed)
    return std::nullopt;
  return data;
}

std::optional<ConstantView> ConstantView::get(Value value) {
  Attribute attribute;
  if (!value || !matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  return get(attribute);
}

float ConstantView::getFloat(int64_t index) const {
  if (const auto *format = formulas::getNarrowFormat(elementType)) {
    FloatOps ops;
    return formulas::widenCode(ops, int32_t(getInt(index, true)), *format);
  }
  float value;
  std::memcpy(&value, raw.data() + (splat ? 0 : index) * sizeof(float),
              sizeof(float));
  return value;
}

int64_t ConstantView::getInt(int64_t index, bool isUnsigned) const {
  int64_t bytes = getElementBytes(elementType);
  uint64_t bits = 0;
  std::memcpy(&bits, raw.data() + (splat ? 0 : index) * bytes, bytes);
  unsigned width = elementType.getIntOrFloatBitWidth();
  if (isUnsigned)
    return int64_t(bits & llvm::maskTrailingOnes<uint64_t>(width));
  return llvm::SignExtend64(bits, width);
}
