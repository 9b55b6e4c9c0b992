//===- HalfFactors.h - values rounded to 16 bits in f32 ---*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// After the phase quantize, factors of precision bf16 and f16 are f32 in type:
// weights a constant of 16 bits that arith.extf widens, activations the result
// of a generic that narrows and widens (N-H1). These find them.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_ANALYSIS_HALFFACTORS_H
#define MPQ_ANALYSIS_HALFFACTORS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mpq {

/// The generic that yields `extf(truncf(input))` for each element; null if
/// `value` has another origin.
mlir::linalg::GenericOp getRounding(mlir::Value value);

/// The operand whose elements the operation of `value` only moves, beside zeros
/// that pad them: a reshape, a slice, padding, a transposition.
mlir::OpOperand *getMovedOperand(mlir::Value value);

/// The type of 16 bits that `value` was rounded to, perhaps moved since; null
/// if it was not.
mlir::FloatType getRoundedType(mlir::Value value);

/// The constant of 16 bits that `value` is widened from, or null.
mlir::Value getNarrowConstant(mlir::Value value);

} // namespace mpq

#endif // MPQ_ANALYSIS_HALFFACTORS_H
