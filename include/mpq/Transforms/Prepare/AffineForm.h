//===- AffineForm.h - elementwise operations that are a*x + b -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Batch norms, biases and learned scales reach the compiler in many spellings.
// All of them are an array of scales and one of shifts along some dimensions of
// a tensor, kept in double so that a chain is rounded once.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TRANSFORMS_PREPARE_AFFINEFORM_H
#define MPQ_TRANSFORMS_PREPARE_AFFINEFORM_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <optional>
#include <vector>

namespace mpq {

/// Numbers that vary along `dims` of a tensor, row-major in that order; none
/// for one number everywhere.
struct ChannelArray {
  llvm::SmallVector<int64_t> dims, extents;
  std::vector<double> values{0.0};

  bool isUniform(double value) const {
    return llvm::all_of(values, [=](double v) { return v == value; });
  }
  /// The same numbers along a superset of the dimensions.
  ChannelArray along(llvm::ArrayRef<int64_t> newDims,
                     llvm::ArrayRef<int64_t> newExtents) const;
};

/// y = scale * x + shift; both arrays run along the same dimensions.
struct AffineForm {
  ChannelArray scale, shift;
};

/// The operand and coefficients of an elementwise generic that computes
/// `scale * operand + shift` with constants; dimensions are those of the
/// result. std::nullopt if it computes anything else.
std::optional<std::pair<mlir::OpOperand *, AffineForm>>
matchAffineForm(mlir::linalg::GenericOp op);

/// outer(inner(x)).
AffineForm compose(const AffineForm &outer, const AffineForm &inner);

/// `scale * value + shift` as one elementwise generic (without the neutral
/// operation).
mlir::Value createAffineForm(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::Value value, const AffineForm &form);

/// The constant tensor an init operand holds, as numbers along its dimensions:
/// fills, broadcasts of constants, splats.
std::optional<ChannelArray> readUniformInit(mlir::Value init);

/// A tensor of `type` that holds the numbers: a fill or a broadcast.
mlir::Value createUniformInit(mlir::OpBuilder &builder, mlir::Location loc,
                              mlir::RankedTensorType type,
                              const ChannelArray &array);

} // namespace mpq

#endif // MPQ_TRANSFORMS_PREPARE_AFFINEFORM_H
