//===- Layout.h - permuting and reshaping tensor values -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Changing a layout touches the same few kinds of value everywhere: constants
// (rewritten at compile time), fills and broadcasts (rebuilt), other transposes
// (composed). A permutation `p` follows linalg.transpose: dimension i of the
// result is dimension p[i] of the source.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TRANSFORMS_PREPARE_LAYOUT_H
#define MPQ_TRANSFORMS_PREPARE_LAYOUT_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mpq {

/// The location of a value that helps to compute the one named by `loc`: the
/// value id with `#suffix` (once).
mlir::Location getHelperLocation(mlir::Location loc, llvm::StringRef suffix);

/// Elements of a row-major tensor of `shape` in permuted order.
llvm::SmallVector<char> permuteElements(llvm::ArrayRef<char> bytes,
                                        llvm::ArrayRef<int64_t> shape,
                                        llvm::ArrayRef<int64_t> permutation,
                                        int64_t elementBytes);

/// The source's map after its dimensions were permuted *back*: with
/// y = transpose(x, p), reading y through `map` is reading x through the
/// result.
mlir::AffineMap readThroughTranspose(mlir::AffineMap map,
                                     llvm::ArrayRef<int64_t> permutation);

/// Inverse of readThroughTranspose: reading x through `map` is reading
/// transpose(x, p) through the result.
mlir::AffineMap readTransposed(mlir::AffineMap map,
                               llvm::ArrayRef<int64_t> permutation);

/// The parameter map of a quantize or dequantize whose tensor is permuted.
mlir::AffineMap permuteParameterMap(mlir::AffineMap map,
                                    llvm::ArrayRef<int64_t> permutation);

/// A linalg.transpose into an empty tensor; the value itself for the identity.
mlir::Value createTranspose(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value value,
                            llvm::ArrayRef<int64_t> permutation);

/// True if permute() needs no run-time work for this value.
bool isFreelyPermutable(mlir::Value value);

/// The value with permuted dimensions: constants, fills, broadcasts, empties
/// and dequantized constants are rebuilt, transposes composed; else a
/// transpose.
mlir::Value permute(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value value, llvm::ArrayRef<int64_t> permutation);

/// The same elements in another static shape, by at most one collapse_shape and
/// one expand_shape.
mlir::Value createReshape(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value value, llvm::ArrayRef<int64_t> shape);

} // namespace mpq

#endif // MPQ_TRANSFORMS_PREPARE_LAYOUT_H
