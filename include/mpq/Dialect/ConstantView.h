//===- ConstantView.h - the numbers behind a constant tensor ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DIALECT_CONSTANTVIEW_H
#define MPQ_DIALECT_CONSTANTVIEW_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

#include <optional>

namespace mpq {

/// A view on the elements of a constant, whether its attribute is dense, a
/// splat or a resource. Nothing is copied: the view lives as long as the
/// attribute.
class ConstantView {
public:
  /// The elements of `value` if it is a constant (through `arith.constant`) of
  /// f32, f8E4M3FN, f8E5M2 or f4E2M1FN, or of integers whose width is at most
  /// 64 bits and not 1.
  static std::optional<ConstantView> get(mlir::Value value);
  static std::optional<ConstantView> get(mlir::Attribute attribute);

  int64_t size() const { return numElements; }
  bool isSplat() const { return splat; }
  mlir::Type getElementType() const { return elementType; }

  /// Element `index` in row-major order; integers are codes of narrow floats,
  /// too.
  float getFloat(int64_t index) const;
  int64_t getInt(int64_t index, bool isUnsigned) const;

private:
  llvm::ArrayRef<char> raw;
  mlir::Type elementType;
  int64_t numElements = 0;
  bool splat = false;
};

} // namespace mpq

#endif // MPQ_DIALECT_CONSTANTVIEW_H
