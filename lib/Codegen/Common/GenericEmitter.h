//===- GenericEmitter.h - a generic operation as vectors ---*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_CODEGEN_COMMON_GENERICEMITTER_H
#define MPQ_LIB_CODEGEN_COMMON_GENERICEMITTER_H

#include "BodyVectorizer.h"
#include "mpq/Numerics/ReductionOrder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mpq {

/// Replaces one generic operation with static extents by loops over vectors.
/// VectorizeGenerics.cpp says which shapes there are.
class GenericEmitter {
public:
  GenericEmitter(mlir::RewriterBase &rewriter, mlir::linalg::GenericOp op,
                 int64_t lanes)
      : b(rewriter), op(op), loc(op.getLoc()), lanes(lanes),
        extents(op.getStaticLoopRanges()), indices(extents.size()),
        outMap(op.getMatchingIndexingMap(op.getDpsInitOperand(0))) {}

  llvm::LogicalResult emit();

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;
  using MaybeValue = llvm::FailureOr<Value>;
  using MaybeValues = llvm::FailureOr<Values>;
  using Body = llvm::function_ref<MaybeValue(Value destination)>;

  Value constant(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, loc, value);
  }

  /// Sequential loops over `dims` around `body`, with carried values.
  MaybeValues loops(llvm::ArrayRef<unsigned> dims, mlir::ValueRange carried,
                    llvm::function_ref<MaybeValues(mlir::ValueRange)> body);

  /// The same with one.
  MaybeValue loops(llvm::ArrayRef<unsigned> dims, Value carried, Body body);

  /// The lane dimension in steps of `step`: a loop of whole vectors, then the
  /// tail at a constant position (which is how reads know to mask).
  MaybeValue laneLoop(unsigned lane, int64_t step, Value carried,
                      llvm::function_ref<MaybeValue(Value, int64_t)> body);

  Values resultPosition();

  /// The body on vectors; the output's argument is `accumulator` if given.
  MaybeValue vectorBody(unsigned lane, int64_t width, Value accumulator);

  /// Writes lanes along result dimension `laneDim`.
  MaybeValue write(Value vector, Value destination, unsigned laneDim,
                   int64_t valid);

  MaybeValue emitBesideLanes(unsigned lane, unsigned laneDim);
  MaybeValue emitRowReduction(unsigned lane);
  int64_t getRowBytes(mlir::OpOperand *operand, unsigned dim);
  MaybeValue emitTransposed(unsigned lane, unsigned laneDim, unsigned inner,
                            llvm::ArrayRef<mlir::OpOperand *> strided);
  MaybeValue emitInterleaved(unsigned lane, unsigned inner);

  /// Vectors of lanes that are reduced side by side: operands are read in rows,
  /// as the processor prefetches them, and no vector waits for its last sum.
  int64_t getVectorsAtOnce(unsigned lane);

  /// Reductions of `valid` lanes from the current position.
  MaybeValue emitSums(unsigned lane, unsigned laneDim,
                      llvm::ArrayRef<unsigned> reduced, Value destination,
                      int64_t valid);

  /// True if rows of the two innermost result dimensions, `lane` the last, lie
  /// side by side in memory.
  bool hasAdjacentRows(unsigned lane, unsigned inner);

  /// Where the result goes: behind a fill, and never into a value that the
  /// reduction starts from.
  Value getDestination(bool readsInit);

  /// True for a part of the kernel's own result (filled before the loops).
  static bool isWritable(Value value);

  /// The scalar an init is filled with, or nothing.
  Value getFill();

  mlir::RewriterBase &b;
  mlir::linalg::GenericOp op;
  mlir::Location loc;
  int64_t lanes;
  llvm::SmallVector<int64_t> extents;
  llvm::SmallVector<Value> indices;
  mlir::AffineMap outMap;
  ReductionInfo order;
  /// Operands of the current vector that were read as part of a tile.
  llvm::DenseMap<mlir::OpOperand *, Value> turned;
};

} // namespace mpq

#endif // MPQ_LIB_CODEGEN_COMMON_GENERICEMITTER_H
