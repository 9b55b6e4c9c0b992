//===- NarrowFactors.h - factors of 16 bits in memory ----*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounded factors are f32 in type until products are packed
// (mpq/Analysis/HalfFactors.h). What a matrix unit reads becomes narrow here;
// weights that no packed product takes become wide constants.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_CODEGEN_COMMON_NARROWFACTORS_H
#define MPQ_LIB_CODEGEN_COMMON_NARROWFACTORS_H

#include "mlir/IR/Builders.h"

namespace mpq {

/// The same values in the 16 bits that getRoundedType says: the rounding
/// narrows only, and moves behind it move what is narrow.
mlir::Value narrowActivation(mlir::OpBuilder &builder, mlir::Value value);

/// Replaces widened constants that are still read by constants in f32.
void widenConstants(mlir::Operation *root);

} // namespace mpq

#endif // MPQ_LIB_CODEGEN_COMMON_NARROWFACTORS_H
