//===- TransposeTile.h - square tiles turned in registers ------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where an operand and the result of a loop nest disagree about the innermost
// dimension, lanes of one are strided in the other. A tile of as many rows as
// lanes is read with whole vectors and turned by shuffles instead of loading
// every lane alone.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_CODEGEN_COMMON_TRANSPOSETILE_H
#define MPQ_LIB_CODEGEN_COMMON_TRANSPOSETILE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mpq {

/// The parallel loop along which the operands whose lanes (of `laneLoop`) are
/// strided have consecutive elements, if it is the same loop for all of them
/// and their elements fit 32-bit lanes; `strided` gets these operands.
std::optional<unsigned>
getTransposedLoop(mlir::linalg::GenericOp op, unsigned laneLoop,
                  llvm::SmallVectorImpl<mlir::OpOperand *> &strided);

/// Vector i of the result holds element i of each row. There are as many rows
/// as lanes, 4 or more, a power of two; null rows stand for zeros.
llvm::SmallVector<mlir::Value> transposeTile(mlir::OpBuilder &builder,
                                             mlir::Location loc,
                                             llvm::ArrayRef<mlir::Value> rows);

/// Turns matrices of `unit` x `unit` groups of `group` elements in the 128-bit
/// blocks of `unit` vectors: group k of a block of vector i becomes group i of
/// vector k.
llvm::SmallVector<mlir::Value>
transposeInBlocks(mlir::OpBuilder &builder, mlir::Location loc,
                  llvm::ArrayRef<mlir::Value> vectors, int64_t unit,
                  int64_t group);

/// True if dimensions `dim` and `dim + 1` of a kernel's tensor lie in memory
/// like one, seen through slices and the loops that carry it.
bool areDenseDimensions(mlir::Value value, unsigned dim);

} // namespace mpq

#endif // MPQ_LIB_CODEGEN_COMMON_TRANSPOSETILE_H
