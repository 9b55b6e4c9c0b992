//===- Constants.cpp - operators that make constants ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Their results are known at import: values given in the model, shapes (all are
// static), and what both describe.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mpq::onnximport;

/// Constants larger than this are computed at run time, not at import.
static constexpr int64_t kMostEvaluatedElements = int64_t(1) << 28;

static ConstantTensor makeInts(NodeImporter &n, ArrayRef<int64_t> values,
                               ArrayRef<int64_t> shape) {
  Type type = n.b.getI64Type();
  std::string bytes;
  for (int64_t value : values)
    ConstantTensor::append(bytes, type, value);
  return ConstantTensor(type, false, shape, std::move(bytes));
}

static LogicalResult importConstant(NodeImporter &n) {
  if (n.hasAttr("value")) {
    if (const NodeAttribute *value = n.getAttr("value", NodeAttribute::Tensor))
      n.setResult(0, *value->tensor);
    return success();
  }
  if (n.hasAttr("value_int"))
    n.setResult(0, makeInts(n, {n.getInt("value_int", 0)}, {}));
  else if (auto ints = n.getInts("value_ints"))
    n.setResult(0, makeInts(n, *ints, {static_cast<int64_t>(ints->size())}));
  else if (n.hasAttr("value_float") || n.hasAttr("value_floats")) {
    Type type = n.b.getF32Type();
    std::string bytes;
    SmallVector<int64_t> shape;
    if (n.hasAttr("value_float")) {
      ConstantTensor::append(bytes, type, n.getFloat("value_float", 0));
    } else if (auto *floats =
                   n.getAttr("value_floats", NodeAttribute::Floats)) {
      for (double value : floats->floats)
        ConstantTensor::append(bytes, type, value);
      shape.push_back(floats->floats.size());
    }
    if (!n.hadError)
      n.setResult(0, ConstantTensor(type, false, shape, std::move(bytes)));
  } else if (!n.hadError) {
    return n.error() << "expected a dense tensor of numbers in attribute "
                        "'value'";
  }
  return success();
}

static LogicalResult importConstantOfShape(NodeImporter &n) {
  FailureOr<SmallVector<int64_t>> shape = n.getConstantInts(0);
  if (failed(shape))
    return failure();
  std::optional<int64_t> count = countElements(*shape);
  if (!count || *count > kMostEvaluatedElements)
    return n.error() << "impossible shape [" << ArrayRef<int64_t>(*shape)
                     << "]";
  Type type = n.b.getF32Type();
  bool isUnsigned = false;
  std::string element(sizeof(float), '\0');
  if (const NodeAttribute *value = n.getAttr("value", NodeAttribute::Tensor)) {
    if (value->tensor->getNumElements() != 1)
      return n.error() << "expected one element in attribute 'value' but got "
                       << value->tensor->getNumElements();
    type = value->tensor->getElementType();
    isUnsigned = value->tensor->isUnsigned();
    element.assign(value->tensor->getBytes().data(),
                   value->tensor->getBytes().size());
  }
  std::string bytes;
  bytes.reserve(*count * element.size());
  for (int64_t i = 0; i < *count; ++i)
    bytes += element;
  n.setResult(0, ConstantTensor(type, isUnsigned, *shape, std::move(bytes)));
  return success();
}

static LogicalResult importShape(NodeImporter &n) {
  int64_t rank = n.in(0).getRank();
  auto clamp = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  int64_t start = clamp(n.getInt("start", 0));
  int64_t end = std::max(start, clamp(n.getInt("end", rank)));
  ArrayRef<int64_t> shape = n.in(0).getShape().slice(start, end - start);
  n.setResult(0, makeInts(n, shape, {end - start}));
  return success();
}

static LogicalResult importSize(NodeImporter &n) {
  n.setResult(0, makeInts(n, {n.in(0).type.getNumElements()}, {}));
  return success();
}

static LogicalResult importRange(NodeImporter &n) {
  for (unsigned i = 0; i < 3; ++i) {
    if (failed(n.requireConstant(i)))
      return failure();
    if (n.in(i).type.getNumElements() != 1 ||
        n.in(i).getElementType() != n.in(0).getElementType())
      return n.error() << "expected scalars of equal type but got "
                       << n.in(i).type;
  }
  const ConstantTensor &start = *n.in(0).constant, &limit = *n.in(1).constant,
                       &delta = *n.in(2).constant;
  double step = delta.getDouble(0);
  double extent =
      step == 0 ? -1
                : std::ceil((limit.getDouble(0) - start.getDouble(0)) / step);
  if (step == 0 || !(extent < kMostEvaluatedElements))
    return n.error() << "impossible range from " << start.getDouble(0) << " to "
                     << limit.getDouble(0) << " by " << step;
  std::string bytes;
  int64_t count = std::max<int64_t>(0, static_cast<int64_t>(extent));
  for (int64_t i = 0; i < count; ++i) {
    if (start.isInteger())
      ConstantTensor::append(bytes, start.getElementType(),
                             start.getInt(0) + i * delta.getInt(0));
    else
      ConstantTensor::append(bytes, start.getElementType(),
                             start.getDouble(0) + i * step);
  }
  n.setResult(0, ConstantTensor(start.getElementType(), start.isUnsigned(),
                                {count}, std::move(bytes)));
  return success();
}

void mpq::onnximport::registerConstantOperators(OperatorRegistry &r) {
  r.add("Constant", 1, {importConstant, 0});
  r.add("ConstantOfShape", 9, {importConstantOfShape, 1});
  r.add("Shape", 1, {importShape, 1});
  r.add("Size", 1, {importSize, 1});
  r.add("Range", 11, {importRange, 3});
}
