//===- ConstantData.cpp - constants as raw buffers ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only place that knows how `dense` and `dense_resource` store elements
// (i1 of `dense` differs from everything else).
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/ConstantData.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

int64_t mpq::getElementBytes(Type type) {
  if (type.isIndex())
    return 8;
  return type.isIntOrFloat()
             ? llvm::divideCeil(type.getIntOrFloatBitWidth(), 8u)
             : 0;
}

int64_t mpq::getBufferBytes(ShapedType type) {
  return type.getNumElements() * getElementBytes(type.getElementType());
}

bool mpq::isSplatConstant(Attribute attr) {
  auto dense = dyn_cast_or_null<DenseElementsAttr>(attr);
  return dense && dense.isSplat();
}

/// Repeats `element` so that `size` bytes are filled.
static SmallVector<char> repeat(ArrayRef<char> element, int64_t size) {
  SmallVector<char> bytes(size);
  if (element.size() == 1) {
    std::fill(bytes.begin(), bytes.end(), element[0]);
    return bytes;
  }
  for (int64_t i = 0; i < size; i += element.size())
    std::memcpy(bytes.data() + i, element.data(), element.size());
  return bytes;
}

std::optional<SmallVector<char>> mpq::readConstantBytes(Attribute attr) {
  auto elements = dyn_cast_or_null<ElementsAttr>(attr);
  if (!elements || !elements.getShapedType().hasStaticShape())
    return std::nullopt;
  Type type = elements.getElementType();
  int64_t elementBytes = getElementBytes(type);
  int64_t size = elements.getNumElements() * elementBytes;
  if (elementBytes == 0)
    return std::nullopt;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || static_cast<int64_t>(blob->getData().size()) != size)
      return std::nullopt;
    return SmallVector<char>(blob->getData());
  }
  auto dense = dyn_cast<DenseElementsAttr>(attr);
  if (!dense)
    return std::nullopt;
  if (size == 0)
    return SmallVector<char>();
  if (type.isInteger(1)) { // packing of i1 is dense's own business
    if (dense.isSplat())
      return SmallVector<char>(size, dense.getSplatValue<bool>());
    SmallVector<char> bytes;
    for (bool value : dense.getValues<bool>())
      bytes.push_back(value);
    return bytes;
  }
  ArrayRef<char> raw = dense.getRawData();
  if (dense.isSplat())
    return repeat(raw.take_front(elementBytes), size);
  return SmallVector<char>(raw);
}

std::optional<SmallVector<char>> mpq::readConstantBytes(Value value) {
  Attribute attr;
  if (!isa<ShapedType>(value.getType()) ||
      !matchPattern(value, m_Constant(&attr)))
    return std::nullopt;
  return readConstantBytes(attr);
}

/// True if every element equals the first.
static bool isUniform(ArrayRef<char> bytes, int64_t elementBytes) {
  return bytes.size() > static_cast<size_t>(elementBytes) &&
         bytes.drop_front(elementBytes) == bytes.drop_back(elementBytes);
}

ElementsAttr mpq::createConstantAttr(RankedTensorType type,
                                     ArrayRef<char> bytes, StringRef name) {
  Type elementType = type.getElementType();
  int64_t elementBytes = getElementBytes(elementType);
  assert(type.hasStaticShape() && elementBytes > 0 &&
         static_cast<int64_t>(bytes.size()) ==
             type.getNumElements() * elementBytes);
  if (bytes.empty())
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  bool uniform = isUniform(bytes, elementBytes);
  if (!uniform && static_cast<int64_t>(bytes.size()) > kLargestDenseConstant)
    return DenseResourceElementsAttr::get(
        type, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64));
  if (uniform)
    bytes = bytes.take_front(elementBytes);
  if (!elementType.isInteger(1))
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  SmallVector<bool> values;
  for (char byte : bytes)
    values.push_back(byte != 0);
  return DenseElementsAttr::get(type, ArrayRef<bool>(values));
}

Value mpq::createConstant(OpBuilder &builder, Location loc,
                          RankedTensorType type, ArrayRef<char> bytes) {
  StringRef name = "constant";
  if (auto named = dyn_cast<NameLoc>(loc))
    name = named.getName();
  return arith::ConstantOp::create(builder, loc,
                                   createConstantAttr(type, bytes, name));
}

Value mpq::repeatConstantVector(OpBuilder &builder, Location loc, Value vector,
                                int64_t outer, int64_t inner) {
  auto bytes = readConstantBytes(vector);
  auto type = dyn_cast<RankedTensorType>(vector.getType());
  if (!bytes || !type || type.getRank() != 1)
    return Value();
  int64_t width = getElementBytes(type.getElementType());
  SmallVector<char> repeated;
  repeated.reserve(outer * bytes->size() * inner);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t at = 0, e = bytes->size(); at < e; at += width)
      for (int64_t i = 0; i < inner; ++i)
        repeated.append(bytes->begin() + at, bytes->begin() + at + width);
  return createConstant(builder, loc,
                        type.clone({outer * type.getNumElements() * inner}),
                        repeated);
}
