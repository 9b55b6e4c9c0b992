//===- ConstantData.h - constants as raw buffers -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights live in dense_resource attributes and are only ever touched as whole
// buffers: going through one Attribute per element would cost seconds and
// gigabytes on real models. Elements lie row-major in their natural size; types
// of less than a byte (i1, i4) take one byte each here.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DIALECT_CONSTANTDATA_H
#define MPQ_DIALECT_CONSTANTDATA_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

#include <cstring>
#include <optional>

namespace mpq {

/// Constants of at most this many bytes are `dense`, larger ones resources.
inline constexpr int64_t kLargestDenseConstant = 64;

/// Bytes one element of `type` takes in a raw buffer (0: no such layout).
int64_t getElementBytes(mlir::Type type);

/// Bytes of a raw buffer of the elements of a static shape.
int64_t getBufferBytes(mlir::ShapedType type);

/// True if the attribute repeats one element (a splat `dense`).
bool isSplatConstant(mlir::Attribute attr);

/// The elements of a `dense` or `dense_resource` attribute, splats expanded.
/// std::nullopt for other attributes and for resources without their blob.
std::optional<llvm::SmallVector<char>> readConstantBytes(mlir::Attribute attr);

/// The same for a value defined by a constant of tensor type.
std::optional<llvm::SmallVector<char>> readConstantBytes(mlir::Value value);

/// True if C++ type `T` has the size and kind of the elements: float for f32,
/// integers (bool for i1) for integers of their width with either signedness.
template <typename T> bool holdsElementsOf(mlir::Type type) {
  if constexpr (std::is_same_v<T, bool>)
    return type.isInteger(1);
  else if constexpr (std::is_floating_point_v<T>)
    return mlir::isa<mlir::FloatType>(type) &&
           type.getIntOrFloatBitWidth() == 8 * sizeof(T);
  else
    return (type.isIndex() && sizeof(T) == 8) ||
           (mlir::isa<mlir::IntegerType>(type) && !type.isInteger(1) &&
            getElementBytes(type) == sizeof(T));
}

/// The elements of a constant tensor (attribute or value) as `T`, splats
/// expanded; std::nullopt if it is no constant or has elements of another type.
template <typename T, typename AttrOrValue>
std::optional<llvm::SmallVector<T>> readConstant(AttrOrValue constant) {
  mlir::Type type;
  if constexpr (std::is_convertible_v<AttrOrValue, mlir::Value>) {
    type = mlir::Value(constant).getType();
  } else {
    auto typed =
        mlir::dyn_cast_or_null<mlir::TypedAttr>(mlir::Attribute(constant));
    if (!typed)
      return std::nullopt;
    type = typed.getType();
  }
  auto shaped = mlir::dyn_cast<mlir::ShapedType>(type);
  if (!shaped || !holdsElementsOf<T>(shaped.getElementType()))
    return std::nullopt;
  auto bytes = readConstantBytes(constant);
  if (!bytes)
    return std::nullopt;
  llvm::SmallVector<T> values(bytes->size() / sizeof(T));
  if (!values.empty())
    std::memcpy(values.data(), bytes->data(), bytes->size());
  return values;
}

/// Calls `f(linear index, multi-index)` for every element of `shape` in
/// row-major order.
template <typename Fn>
void forEachElement(llvm::ArrayRef<int64_t> shape, Fn &&f) {
  int64_t total = mlir::ShapedType::getNumElements(shape);
  llvm::SmallVector<int64_t> index(shape.size(), 0);
  for (int64_t linear = 0; linear < total; ++linear) {
    f(linear, llvm::ArrayRef<int64_t>(index));
    for (int64_t d = int64_t(shape.size()) - 1; d >= 0; --d) {
      if (++index[d] < shape[d])
        break;
      index[d] = 0;
    }
  }
}

/// An attribute with these elements: `dense` when all elements are equal or the
/// data are small, else a resource named after `name`.
mlir::ElementsAttr createConstantAttr(mlir::RankedTensorType type,
                                      llvm::ArrayRef<char> bytes,
                                      llvm::StringRef name = "constant");

/// An `arith.constant` with these elements. The resource is named after the
/// location's value id.
mlir::Value createConstant(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::RankedTensorType type,
                           llvm::ArrayRef<char> bytes);

/// A constant vector `outer` times, each of its elements `inner` times; null if
/// it is not constant.
mlir::Value repeatConstantVector(mlir::OpBuilder &builder, mlir::Location loc,
                                 mlir::Value vector, int64_t outer,
                                 int64_t inner);

template <typename T>
  requires(!std::is_same_v<T, char>)
mlir::Value createConstant(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::RankedTensorType type,
                           llvm::ArrayRef<T> values) {
  return createConstant(
      builder, loc, type,
      llvm::ArrayRef<char>(reinterpret_cast<const char *>(values.data()),
                           values.size() * sizeof(T)));
}
template <typename T>
mlir::Value createConstant(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::RankedTensorType type,
                           const llvm::SmallVectorImpl<T> &values) {
  return createConstant(builder, loc, type, llvm::ArrayRef<T>(values));
}

} // namespace mpq

#endif // MPQ_DIALECT_CONSTANTDATA_H
