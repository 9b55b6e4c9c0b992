//===- BlockWeights.h - constant weights of few bits in blocks ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_TRANSFORMS_QUANTIZE_BLOCKWEIGHTS_H
#define MPQ_LIB_TRANSFORMS_QUANTIZE_BLOCKWEIGHTS_H

#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/MPQInterfaces.h"

namespace mpq {

/// The constant f32 weights of a matrix product, or an error.
mlir::FailureOr<ConstantView> getMatrixWeights(QuantizableOpInterface product);

/// Gives a matrix product of precision int4 or int2 weights in the blocks that
/// its `mpq.blocks` says, and activations that are quantized as the model runs
/// if it wants them.
mlir::LogicalResult quantizeBlocks(QuantizableOpInterface product);

/// `activation` quantized as the model runs, with parameters of `shape` by
/// `map`, and dequantized.
mlir::Value quantizeAsItRuns(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::Value activation, mlir::AffineMap map,
                             llvm::ArrayRef<int64_t> shape, bool isUnsigned);

/// The rows of `activation` quantized in blocks as the model runs.
mlir::Value quantizeRows(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value activation, int64_t block);

/// Fails if `rounded` is not of this storage with scales of this type.
mlir::LogicalResult checkRounded(QuantizableOpInterface product,
                                 RoundedWeightsAttr rounded,
                                 mlir::RankedTensorType scales,
                                 mlir::Type storage);

} // namespace mpq

#endif // MPQ_LIB_TRANSFORMS_QUANTIZE_BLOCKWEIGHTS_H
