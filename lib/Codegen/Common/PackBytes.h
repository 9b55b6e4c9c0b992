//===- PackBytes.h - right operands packed as the model runs ---*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product whose right operand is an activation of bytes reads it in the order
// of packed weights, four bytes of the sum side by side for each column:
// (.., n0, k0, c) is column n0 * L + c / 4 and row k0 * 4 + c % 4. A generic
// says so in its input's map; here it becomes shuffles.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_CODEGEN_COMMON_PACKBYTES_H
#define MPQ_LIB_CODEGEN_COMMON_PACKBYTES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mpq {

/// Whether `op` packs bytes for columns of `lanes`, or any number of them, and
/// does nothing but elementwise work on the way.
bool isBytePacking(mlir::linalg::GenericOp op,
                   std::optional<int64_t> lanes = std::nullopt);

/// Replaces a packing of static extents by vector code: rows along the sum are
/// turned in units of 32 bits, rows of columns are interleaved by fours.
mlir::LogicalResult emitBytePacking(mlir::RewriterBase &rewriter,
                                    mlir::linalg::GenericOp op, int64_t lanes);

} // namespace mpq

#endif // MPQ_LIB_CODEGEN_COMMON_PACKBYTES_H
