//===- ConstantTensor.h - tensors known at import time -*- C++ -*- ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights and folded shape arithmetic. Elements are raw bytes, row-major, in
// their natural size (one byte each for types below 8 bits), shared and never
// changed once made: reshaping a weight copies nothing.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_ONNX_CONSTANTTENSOR_H
#define MPQ_LIB_ONNX_CONSTANTTENSOR_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace mpq::onnximport {

class ConstantTensor {
public:
  ConstantTensor(mlir::Type elementType, bool isUnsigned,
                 llvm::ArrayRef<int64_t> shape, std::string data)
      : ConstantTensor(elementType, isUnsigned, shape,
                       std::make_shared<const std::string>(std::move(data))) {}
  ConstantTensor(mlir::Type elementType, bool isUnsigned,
                 llvm::ArrayRef<int64_t> shape,
                 std::shared_ptr<const std::string> data);

  mlir::Type getElementType() const { return elementType; }
  bool isUnsigned() const { return unsignedStorage; }
  llvm::ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getRank() const { return shape.size(); }
  int64_t getNumElements() const;
  int64_t getElementBytes() const { return elementBytes; }
  llvm::ArrayRef<char> getBytes() const {
    return llvm::ArrayRef<char>(data->data(), data->size());
  }
  mlir::RankedTensorType getType() const {
    return mlir::RankedTensorType::get(shape, elementType);
  }

  bool isInteger() const { return mlir::isa<mlir::IntegerType>(elementType); }
  /// Element `i` (row-major) of an integer tensor.
  int64_t getInt(int64_t i) const;
  /// Element `i` of a tensor of any type, as double.
  double getDouble(int64_t i) const;
  llvm::SmallVector<int64_t> getInts() const;

  /// Appends an element to the bytes of a tensor of type `elementType`.
  static void append(std::string &bytes, mlir::Type elementType, int64_t value);
  static void append(std::string &bytes, mlir::Type elementType, double value);

  /// The only value the tensor has, if so, as a tensor of rank 0.
  std::optional<ConstantTensor> getUniform() const;

  ConstantTensor reshape(llvm::ArrayRef<int64_t> newShape) const {
    return ConstantTensor(elementType, unsignedStorage, newShape, data);
  }
  ConstantTensor transpose(llvm::ArrayRef<int64_t> permutation) const;
  /// The tensor repeated along unit and missing leading dimensions.
  ConstantTensor broadcast(llvm::ArrayRef<int64_t> newShape) const;
  /// The tensor whose element `i` is element `source(i)` of this one.
  ConstantTensor
  gather(llvm::ArrayRef<int64_t> newShape,
         llvm::function_ref<int64_t(llvm::ArrayRef<int64_t>)> source) const;

private:
  mlir::Type elementType;
  bool unsignedStorage;
  llvm::SmallVector<int64_t> shape;
  int64_t elementBytes;
  std::shared_ptr<const std::string> data;
};

/// Row-major strides of a shape.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// The product of the extents; std::nullopt if an extent is negative or the
/// tensor is larger than any machine's memory (2^40 elements).
std::optional<int64_t> countElements(llvm::ArrayRef<int64_t> shape);

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_CONSTANTTENSOR_H
