//===- HostTensor.cpp - a tensor value of the interpreter ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Reference/HostTensor.h"

#include "mpq/Numerics/FloatOps.h"
#include "mpq/Numerics/NarrowFloats.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include "llvm/Support/MathExtras.h"

#include <bit>
#include <cstdlib>
#include <cstring>

using namespace mlir;
using namespace mpq;

int64_t mpq::getElementSize(ElementKind kind) {
  switch (kind) {
  case ElementKind::I1:
  case ElementKind::I2:
  case ElementKind::I4:
  case ElementKind::I8:
  case ElementKind::F8E4M3FN:
  case ElementKind::F8E5M2:
  case ElementKind::F4E2M1FN:
  case ElementKind::F8E8M0FNU:
    return 1;
  case ElementKind::I16:
  case ElementKind::F16:
  case ElementKind::BF16:
    return 2;
  case ElementKind::I32:
  case ElementKind::F32:
    return 4;
  case ElementKind::I64:
    return 8;
  }
  llvm_unreachable("unknown element kind");
}

unsigned mpq::getIntegerWidth(ElementKind kind) {
  switch (kind) {
  case ElementKind::I1:
    return 1;
  case ElementKind::I2:
    return 2;
  case ElementKind::I4:
    return 4;
  case ElementKind::I8:
    return 8;
  case ElementKind::I16:
    return 16;
  case ElementKind::I32:
    return 32;
  case ElementKind::I64:
    return 64;
  default:
    return 0;
  }
}

std::optional<ElementKind> mpq::getElementKind(Type type) {
  if (type.isF32())
    return ElementKind::F32;
  if (type.isF16())
    return ElementKind::F16;
  if (type.isBF16())
    return ElementKind::BF16;
  if (isa<Float8E4M3FNType>(type))
    return ElementKind::F8E4M3FN;
  if (isa<Float8E5M2Type>(type))
    return ElementKind::F8E5M2;
  if (isa<Float4E2M1FNType>(type))
    return ElementKind::F4E2M1FN;
  if (isa<Float8E8M0FNUType>(type))
    return ElementKind::F8E8M0FNU;
  if (type.isIndex())
    return ElementKind::I64;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return std::nullopt;
  switch (integer.getWidth()) {
  case 1:
    return ElementKind::I1;
  case 2:
    return ElementKind::I2;
  case 4:
    return ElementKind::I4;
  case 8:
    return ElementKind::I8;
  case 16:
    return ElementKind::I16;
  case 32:
    return ElementKind::I32;
  case 64:
    return ElementKind::I64;
  default:
    return std::nullopt;
  }
}

/// The format of a kind whose codes have a byte each; null for the exponents.
static const formulas::NarrowFormat *getFormat(ElementKind kind) {
  switch (kind) {
  case ElementKind::F8E4M3FN:
    return &formulas::kE4M3;
  case ElementKind::F8E5M2:
    return &formulas::kE5M2;
  case ElementKind::F4E2M1FN:
    return &formulas::kE2M1;
  default:
    return nullptr;
  }
}

static const llvm::fltSemantics &getHalfSemantics(ElementKind kind) {
  return kind == ElementKind::F16 ? APFloat::IEEEhalf() : APFloat::BFloat();
}

float mpq::widenElement(ElementKind kind, uint16_t bits) {
  if (getElementSize(kind) == 2)
    return APFloat(getHalfSemantics(kind), APInt(16, bits)).convertToFloat();
  FloatOps ops;
  const formulas::NarrowFormat *format = getFormat(kind);
  return format ? formulas::widenCode(ops, bits, *format)
                : formulas::widenExponent(ops, bits);
}

uint16_t mpq::narrowElement(ElementKind kind, float value) {
  if (getElementSize(kind) == 2) {
    APFloat real(value);
    bool inexact;
    real.convert(getHalfSemantics(kind), APFloat::rmNearestTiesToEven,
                 &inexact);
    return uint16_t(real.bitcastToAPInt().getZExtValue());
  }
  FloatOps ops;
  const formulas::NarrowFormat *format = getFormat(kind);
  return uint16_t(format ? formulas::narrowToCode(ops, value, *format)
                         : formulas::narrowToExponent(ops, value));
}

static int64_t product(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

/// Zeroed memory with room for whole vectors at the end.
static std::shared_ptr<char> allocate(int64_t bytes) {
  size_t size = llvm::alignTo(uint64_t(bytes) + 64, 64);
  char *memory = static_cast<char *>(std::aligned_alloc(64, size));
  if (!memory)
    llvm::report_fatal_error("out of memory for a tensor");
  std::memset(memory, 0, size);
  return {memory, [](char *p) { std::free(p); }};
}

HostTensor::HostTensor(ElementKind kind, ArrayRef<int64_t> shape)
    : kind(kind), shape(shape), numElements(product(shape)), writable(true) {
  elements = allocate(getNumBytes());
}

HostTensor::HostTensor(ElementKind kind, ArrayRef<int64_t> shape,
                       std::shared_ptr<const char> data)
    : kind(kind), shape(shape), numElements(product(shape)),
      elements(std::move(data)) {}

char *HostTensor::getMutableBytes() {
  if (!writable || elements.use_count() > 1) {
    std::shared_ptr<char> copy = allocate(getNumBytes());
    std::memcpy(copy.get(), elements.get(), getNumBytes());
    elements = std::move(copy);
    writable = true;
  }
  return const_cast<char *>(elements.get());
}

HostTensor HostTensor::reshape(ArrayRef<int64_t> newShape) const {
  HostTensor result = *this;
  result.shape.assign(newShape.begin(), newShape.end());
  return result;
}

int64_t HostTensor::getInteger(int64_t position) const {
  switch (getElementSize(kind)) {
  case 1:
    return getData<int8_t>()[position];
  case 2:
    return getData<int16_t>()[position];
  case 4:
    return getData<int32_t>()[position];
  default:
    return getData<int64_t>()[position];
  }
}

float HostTensor::getFloat(int64_t position) const {
  if (kind == ElementKind::F32)
    return getData<float>()[position];
  return widenElement(kind, getElementSize(kind) == 1
                                ? getData<uint8_t>()[position]
                                : getData<uint16_t>()[position]);
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static void storeInteger(char *memory, ElementKind kind, int64_t position,
                         int64_t value) {
  memory += position * getElementSize(kind);
  if (kind == ElementKind::I1)
    value &= 1;
  // Little endian: the low bytes come first.
  std::memcpy(memory, &value, getElementSize(kind));
}

static_assert(std::endian::native == std::endian::little);

FailureOr<HostTensor> HostTensor::fromAttribute(ElementsAttr attribute,
                                                Location loc) {
  auto type = dyn_cast<RankedTensorType>(attribute.getType());
  std::optional<ElementKind> kind =
      type ? getElementKind(type.getElementType()) : std::nullopt;
  if (!kind)
    return emitError(loc, "the interpreter has no constants of type ")
           << attribute.getType();
  int64_t size = getElementSize(*kind), count = type.getNumElements();

  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return emitError(loc, "the resource '")
             << resource.getRawHandle().getKey()
             << "' has no data in this file";
    ArrayRef<char> data = blob->getData();
    if (int64_t(data.size()) != count * size)
      return emitError(loc, "expected ")
             << count * size << " bytes in resource '"
             << resource.getRawHandle().getKey() << "' but got " << data.size();
    // The context owns the blob longer than any run.
    return HostTensor(
        *kind, type.getShape(),
        std::shared_ptr<const char>(std::shared_ptr<void>(), data.data()));
  }

  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense)
    return emitError(loc, "the interpreter expects dense constants but got ")
           << attribute;
  HostTensor result(*kind, type.getShape());
  char *memory = result.getMutableBytes();
  if (!dense.isSplat() && !mpq::isFloat(*kind) && size == 1 &&
      *kind != ElementKind::I8) {
    for (auto [position, value] : llvm::enumerate(dense.getValues<APInt>()))
      storeInteger(memory, *kind, position, value.getSExtValue());
    return result;
  }
  if (!dense.isSplat()) {
    std::memcpy(memory, dense.getRawData().data(), count * size);
    return result;
  }
  int64_t bits =
      mpq::isFloat(*kind)
          ? int64_t(
                dense.getSplatValue<APFloat>().bitcastToAPInt().getZExtValue())
          : dense.getSplatValue<APInt>().getSExtValue();
  for (int64_t position = 0; position < count; ++position)
    storeInteger(memory, *kind, position, bits);
  return result;
}
