//===- Planes.h - integers of 16 bits as two planes of bytes ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// q = 256 high + low, so a sum of products with q is one with each of its
// bytes: exact in 32 bits, and by the instructions that 8 bits have.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_CONVERSION_PLANES_H
#define MPQ_LIB_CONVERSION_PLANES_H

#include "Parameters.h"

namespace mpq {

/// One byte of each integer of a tensor. The integer, less its zero point, is
/// the sum over all planes of `2^shift (byte - zeroPoint)`.
struct Plane {
  unsigned shift;
  int64_t zeroPoint;
  bool flips; // the byte's top bit
};

/// The planes of integers of 8 or 16 bits, the highest first. Their bytes are
/// to be read as unsigned numbers, or as signed ones, whatever the integers
/// are.
llvm::SmallVector<Plane> getPlanes(const TensorParameters &parameters,
                                   bool isUnsigned);

/// The bytes of a plane. A tensor has the same for all that ask: what is
/// created twice is equal.
mlir::Value createPlane(mlir::OpBuilder &builder, mlir::Value integers,
                        const Plane &plane);

/// The sum of `2^shift` times sums over planes, in f32, the highest first: each
/// step rounds once (docs/Numerics.md, N-W6).
mlir::Value combinePlanes(mlir::OpBuilder &builder, mlir::Location loc,
                          llvm::ArrayRef<mlir::Value> sums,
                          llvm::ArrayRef<unsigned> shifts);

} // namespace mpq

#endif // MPQ_LIB_CONVERSION_PLANES_H
