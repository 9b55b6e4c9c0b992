//===- HostTensor.h - a tensor value of the interpreter ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_REFERENCE_HOSTTENSOR_H
#define MPQ_REFERENCE_HOSTTENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Types.h"
#include "mlir/Support/LLVM.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace mpq {

/// Element types the interpreter knows. Integers narrower than a byte take one
/// byte each, sign extended; booleans are 0 or 1; indices are I64. Floats of 8
/// and 4 bits take a byte.
enum class ElementKind : uint8_t {
  I1,
  I2,
  I4,
  I8,
  I16,
  I32,
  I64,
  F16,
  BF16,
  F32,
  F8E4M3FN,
  F8E5M2,
  F4E2M1FN,
  F8E8M0FNU
};

/// Bytes of one element in memory.
int64_t getElementSize(ElementKind kind);
/// Bits of an integer kind (64 for indices), 0 for floats.
unsigned getIntegerWidth(ElementKind kind);
inline bool isFloat(ElementKind kind) { return kind >= ElementKind::F16; }
/// The kind of an MLIR element type, or nothing if there is none.
std::optional<ElementKind> getElementKind(mlir::Type type);

/// The number that an element of fewer than 32 bits is, by its bits.
float widenElement(ElementKind kind, uint16_t bits);
/// The bits of a number rounded to such a kind (N-0, N-E2, N-E4).
uint16_t narrowElement(ElementKind kind, float value);

/// A dense row-major tensor of static shape. Copies share the elements until
/// one of them is written.
class HostTensor {
public:
  HostTensor() = default;
  /// All elements zero.
  HostTensor(ElementKind kind, mlir::ArrayRef<int64_t> shape);
  /// Elements that `data` keeps alive, not copied.
  HostTensor(ElementKind kind, mlir::ArrayRef<int64_t> shape,
             std::shared_ptr<const char> data);

  ElementKind getKind() const { return kind; }
  mlir::ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getRank() const { return shape.size(); }
  int64_t getNumElements() const { return numElements; }
  int64_t getNumBytes() const { return numElements * getElementSize(kind); }

  const char *getBytes() const { return elements.get(); }
  template <typename T> const T *getData() const {
    return reinterpret_cast<const T *>(elements.get());
  }
  /// The elements for writing; copies them first if others share them.
  char *getMutableBytes();
  template <typename T> T *getMutableData() {
    return reinterpret_cast<T *>(getMutableBytes());
  }

  /// The same elements under another shape of as many elements.
  HostTensor reshape(mlir::ArrayRef<int64_t> newShape) const;

  /// An element by its position in row-major order.
  int64_t getInteger(int64_t position) const;
  float getFloat(int64_t position) const;

  /// The value of a constant, or an error at `loc`.
  static mlir::FailureOr<HostTensor> fromAttribute(mlir::ElementsAttr attribute,
                                                   mlir::Location loc);

private:
  ElementKind kind = ElementKind::F32;
  mlir::SmallVector<int64_t> shape;
  int64_t numElements = 0;
  std::shared_ptr<const char> elements;
  bool writable = false;
};

} // namespace mpq

#endif // MPQ_REFERENCE_HOSTTENSOR_H
