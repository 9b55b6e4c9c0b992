//===- PackedWeights.h - constant weights as kernels load them ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_CODEGEN_COMMON_PACKEDWEIGHTS_H
#define MPQ_LIB_CODEGEN_COMMON_PACKEDWEIGHTS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/MathExtras.h"

namespace mpq {

/// A constant [ceil(columns/L)][ceil(depth/G)][L*G]. Bytes that take no more
/// than 16 (4) numbers are held two (four) to a byte: the first half (quarter)
/// of them in the lowest bits.
struct PackedWeights {
  mlir::TypedAttr constant;
  mlir::RankedTensorType type; // of what the kernels load
  /// Of an element in memory, and what is added to it: held bits are unsigned.
  int64_t bits = 8;
  int64_t lowest = 0;

  /// What kernels load. Narrow bytes are widened as the model runs, into memory
  /// that other values use before and after it.
  mlir::Value create(mlir::OpBuilder &builder, mlir::Location loc) const;
};

/// Fills such a constant element by element; what is left out is 0.
class WeightPacker {
public:
  WeightPacker(int64_t columns, int64_t depth, int64_t lanes, int64_t group,
               int64_t elementBytes)
      : vectors(llvm::divideCeilSigned(columns, lanes)),
        groups(llvm::divideCeilSigned(depth, group)), lanes(lanes),
        group(group), elementBytes(elementBytes),
        bytes(vectors * groups * lanes * group * elementBytes, 0) {}

  void set(int64_t column, int64_t depth, const char *element);
  PackedWeights finish(mlir::Type element) const;

private:
  int64_t vectors, groups, lanes, group, elementBytes;
  llvm::SmallVector<char> bytes;
};

} // namespace mpq

#endif // MPQ_LIB_CODEGEN_COMMON_PACKEDWEIGHTS_H
