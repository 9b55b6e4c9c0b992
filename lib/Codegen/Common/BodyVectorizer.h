//===- BodyVectorizer.h - scalar bodies of linalg operations on vectors ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place where a scalar body becomes vector code: epilogues on
// accumulators, elementwise loops and reductions all clone through it. Values
// that are equal in all lanes stay scalars until a vector is needed.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_CODEGEN_COMMON_BODYVECTORIZER_H
#define MPQ_LIB_CODEGEN_COMMON_BODYVECTORIZER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"

namespace mpq {

class BodyVectorizer {
public:
  /// Code for `op`'s body on vectors of `lanes` elements along loop
  /// `laneLoop`; `indices` are the loops' values (the lane loop's is that of
  /// lane 0).
  BodyVectorizer(mlir::OpBuilder &builder, mlir::linalg::LinalgOp op,
                 int64_t lanes, unsigned laneLoop,
                 llvm::ArrayRef<mlir::Value> indices)
      : builder(builder), op(op), lanes(lanes), laneLoop(laneLoop),
        indices(indices) {}

  /// Says what a block argument is: a scalar (equal in all lanes) or a vector.
  void map(mlir::BlockArgument argument, mlir::Value value) {
    mapping.map(argument, value);
  }

  /// Reads input `operand` of the operation for these lanes: one vector load
  /// where its elements are consecutive, one scalar where all lanes read the
  /// same, else one load for each lane. Lanes beyond an extent are not read.
  /// `source` stands for the operand's value if given.
  mlir::Value readOperand(mlir::OpOperand *operand, mlir::Value source = {});

  /// Clones the body; returns what the terminator yields for result 0, as a
  /// vector. Failure if an operation has no vector form.
  mlir::FailureOr<mlir::Value> run();

  /// The value as a vector of all lanes.
  mlir::Value toVector(mlir::Value value);

private:
  mlir::FailureOr<mlir::Value> cloneExtract(mlir::tensor::ExtractOp extract);
  mlir::Value readLanes(mlir::Value source,
                        llvm::ArrayRef<mlir::Value> positions);
  /// One load for each lane inside the loop's extent, from its own position.
  mlir::Value
  gatherLanes(mlir::Value source,
              llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t lane)>
                  getPosition);
  bool isLaneIndex(mlir::Value value) const;

  mlir::OpBuilder &builder;
  mlir::linalg::LinalgOp op;
  int64_t lanes;
  unsigned laneLoop;
  llvm::ArrayRef<mlir::Value> indices;
  mlir::IRMapping mapping;
};

/// Writes the first `valid` lanes of `vector` at `position` of `destination`,
/// consecutive in the innermost dimension; returns the written tensor.
mlir::Value writeLanes(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value vector, mlir::Value destination,
                       llvm::ArrayRef<mlir::Value> position, int64_t valid);

/// affine expression of loop values, as an index value.
mlir::Value emitAffineExpr(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::AffineExpr expr,
                           llvm::ArrayRef<mlir::Value> indices);

} // namespace mpq

#endif // MPQ_LIB_CODEGEN_COMMON_BODYVECTORIZER_H
