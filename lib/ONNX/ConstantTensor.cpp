//===- ConstantTensor.cpp - tensors known at import time ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Access to raw elements whatever their type, and the data movement that is
// cheaper to do once here than in every compiled model.
//
//===----------------------------------------------------------------------===//

#include "ConstantTensor.h"

#include "mpq/Dialect/ConstantData.h"
#include "mpq/Numerics/FloatOps.h"
#include "mpq/Numerics/NarrowFloats.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CheckedArithmetic.h"

#include <cstring>

using namespace mlir;
using namespace mpq;
using namespace mpq::onnximport;

ConstantTensor::ConstantTensor(Type elementType, bool isUnsigned,
                               ArrayRef<int64_t> shape,
                               std::shared_ptr<const std::string> data)
    : elementType(elementType), unsignedStorage(isUnsigned), shape(shape),
      elementBytes(mpq::getElementBytes(elementType)), data(std::move(data)) {}

int64_t ConstantTensor::getNumElements() const {
  return data->size() / elementBytes;
}

template <typename T> static T load(const std::string &data, int64_t i) {
  T value;
  std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
  return value;
}

int64_t ConstantTensor::getInt(int64_t i) const {
  switch (elementBytes) {
  case 1:
    return unsignedStorage || elementType.isInteger(1)
               ? static_cast<int64_t>(load<uint8_t>(*data, i))
               : load<int8_t>(*data, i);
  case 2:
    return unsignedStorage ? static_cast<int64_t>(load<uint16_t>(*data, i))
                           : load<int16_t>(*data, i);
  case 4:
    return unsignedStorage ? static_cast<int64_t>(load<uint32_t>(*data, i))
                           : load<int32_t>(*data, i);
  default:
    return load<int64_t>(*data, i);
  }
}

double ConstantTensor::getDouble(int64_t i) const {
  if (isInteger())
    return unsignedStorage && elementBytes == 8
               ? static_cast<double>(load<uint64_t>(*data, i))
               : static_cast<double>(getInt(i));
  if (elementType.isF32())
    return load<float>(*data, i);
  if (elementType.isF64())
    return load<double>(*data, i);
  if (const auto *format = formulas::getNarrowFormat(elementType)) {
    FloatOps ops;
    return formulas::widenCode(ops, load<uint8_t>(*data, i), *format);
  }
  APFloat value(cast<FloatType>(elementType).getFloatSemantics(),
                APInt(16, load<uint16_t>(*data, i)));
  return value.convertToDouble();
}

SmallVector<int64_t> ConstantTensor::getInts() const {
  SmallVector<int64_t> values;
  for (int64_t i = 0, e = getNumElements(); i < e; ++i)
    values.push_back(getInt(i));
  return values;
}

void ConstantTensor::append(std::string &bytes, Type elementType,
                            int64_t value) {
  if (elementType.isInteger(1))
    value = value != 0;
  // Little-endian: the low bytes come first.
  bytes.append(reinterpret_cast<const char *>(&value),
               mpq::getElementBytes(elementType));
}

void ConstantTensor::append(std::string &bytes, Type elementType,
                            double value) {
  if (elementType.isF32()) {
    float narrow = static_cast<float>(value);
    bytes.append(reinterpret_cast<const char *>(&narrow), sizeof(narrow));
    return;
  }
  if (elementType.isF64()) {
    bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
    return;
  }
  APFloat narrow(value);
  bool losesInfo;
  narrow.convert(cast<FloatType>(elementType).getFloatSemantics(),
                 APFloat::rmNearestTiesToEven, &losesInfo);
  append(bytes, IntegerType::get(elementType.getContext(), 16),
         static_cast<int64_t>(narrow.bitcastToAPInt().getZExtValue()));
}

std::optional<ConstantTensor> ConstantTensor::getUniform() const {
  ArrayRef<char> bytes = getBytes();
  if (bytes.empty() ||
      bytes.drop_front(elementBytes) != bytes.drop_back(elementBytes))
    return std::nullopt;
  return ConstantTensor(elementType, unsignedStorage, {},
                        std::string(bytes.data(), elementBytes));
}

ConstantTensor
ConstantTensor::gather(ArrayRef<int64_t> newShape,
                       function_ref<int64_t(ArrayRef<int64_t>)> source) const {
  int64_t count = 1;
  for (int64_t extent : newShape)
    count *= extent;
  std::string bytes(count * elementBytes, '\0');
  SmallVector<int64_t> index(newShape.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(bytes.data() + i * elementBytes,
                data->data() + source(index) * elementBytes, elementBytes);
    for (int64_t d = index.size() - 1; d >= 0 && ++index[d] == newShape[d]; --d)
      index[d] = 0;
  }
  return ConstantTensor(elementType, unsignedStorage, newShape,
                        std::move(bytes));
}

ConstantTensor ConstantTensor::transpose(ArrayRef<int64_t> permutation) const {
  SmallVector<int64_t> strides = rowMajorStrides(shape), newShape, newStrides;
  for (int64_t dim : permutation) {
    newShape.push_back(shape[dim]);
    newStrides.push_back(strides[dim]);
  }
  return gather(newShape, [&](ArrayRef<int64_t> index) {
    int64_t offset = 0;
    for (auto [i, stride] : llvm::zip_equal(index, newStrides))
      offset += i * stride;
    return offset;
  });
}

ConstantTensor ConstantTensor::broadcast(ArrayRef<int64_t> newShape) const {
  if (newShape == ArrayRef<int64_t>(shape))
    return *this;
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  return gather(newShape, [&](ArrayRef<int64_t> index) {
    int64_t offset = 0;
    index = index.take_back(shape.size());
    for (auto [i, extent, stride] : llvm::zip_equal(index, shape, strides))
      offset += extent == 1 ? 0 : i * stride;
    return offset;
  });
}

SmallVector<int64_t> mpq::onnximport::rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t d = static_cast<int64_t>(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

std::optional<int64_t> mpq::onnximport::countElements(ArrayRef<int64_t> shape) {
  // 128 GiB of floats: more is a mistake.
  constexpr int64_t limit = int64_t(1) << 35;
  int64_t count = 1;
  bool empty = llvm::is_contained(shape, 0);
  for (int64_t extent : shape) {
    if (extent < 0)
      return std::nullopt;
    if (empty)
      continue;
    std::optional<int64_t> product = llvm::checkedMul(count, extent);
    if (!product || *product > limit)
      return std::nullopt;
    count = *product;
  }
  return empty ? 0 : count;
}
