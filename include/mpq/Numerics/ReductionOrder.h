//===- ReductionOrder.h - the order in which a reduction adds ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_NUMERICS_REDUCTIONORDER_H
#define MPQ_NUMERICS_REDUCTIONORDER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mpq {

/// Which clause of docs/Numerics.md orders the roundings of an operation with
/// reduction iterators.
enum class ReductionOrder {
  /// N-C1: out = fma(a, b, out), ascending; or N-H3.
  Contraction,
  /// N-S1: sixteen partial results along the row, then a fixed tree.
  Row,
  /// N-S2: the body as it stands, ascending.
  Sequential,
};

/// Partial results of a row reduction.
constexpr int rowPartials = 16;

/// The reduction of one linalg operation. An operation without reduction
/// iterators is Sequential.
struct ReductionInfo {
  ReductionOrder order = ReductionOrder::Sequential;
  /// Contraction: elements in a step of a matrix unit (N-H3), or 0.
  int64_t step = 0;
  /// Row: the iterator that is split into partial results.
  unsigned rowDimension = 0;
  /// Row: for each init, the body operation that combines its element
  /// (operand: block argument) with a new value.
  llvm::SmallVector<mlir::Operation *> combiners;
};

/// Classifies an operation by its body and maps alone, so that the interpreter
/// and every code generator agree.
ReductionInfo getReductionInfo(mlir::linalg::LinalgOp op);

/// A reduction of 32-bit integers, whose order is free, along consecutive
/// elements of its one input: partial results may stand beside each other as in
/// a row of floats.
std::optional<ReductionInfo> matchIntegerRow(mlir::linalg::LinalgOp op);

/// The float that leaves a combiner's other operand unchanged: 0 for addf, 1
/// for mulf, -inf and +inf for maxima and minima.
float getCombinerIdentity(mlir::Operation *combiner);

} // namespace mpq

#endif // MPQ_NUMERICS_REDUCTIONORDER_H
