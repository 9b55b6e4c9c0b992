//===- DynamicParameters.h - scales computed as the model runs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_CONVERSION_DYNAMICPARAMETERS_H
#define MPQ_LIB_CONVERSION_DYNAMICPARAMETERS_H

#include "mlir/IR/Builders.h"
#include "mpq/Dialect/MPQDialect.h"

#include <optional>

namespace mpq {

/// An activation that the model quantizes as it runs.
struct DynamicActivation {
  QuantizeOp quantize;
  ChooseParamsOp params;
};

/// Matches dequantize(quantize(x)) with parameters chosen from x.
std::optional<DynamicActivation> matchDynamic(mlir::Value value);

/// The last dimension as blocks, filled up with zeros.
mlir::Value splitLast(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::Value value, int64_t blocks, int64_t block);

/// A generic over `shape` with results of all its dimensions, or without the
/// last (a reduction from `init`).
mlir::Value
createGeneric(mlir::OpBuilder &builder, mlir::Location loc,
              llvm::ArrayRef<int64_t> shape, mlir::Type element,
              mlir::ValueRange inputs,
              llvm::ArrayRef<mlir::AffineMap> inputMaps, mlir::TypedAttr init,
              llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location,
                                             mlir::ValueRange)>
                  body);

/// N-Y1 along the last dimension: scales of signed bytes.
mlir::Value createScales(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value blocks);

/// What createAffine computes, by its place in the last dimension.
enum AffineParameter : unsigned {
  AffineScale = 0,
  AffineInverse = 1,   ///< f32(1 / scale)
  AffineZeroPoint = 2, ///< an integer from 0 to 255, as a float
};

/// N-Y2 along the last dimension: the affine parameters of unsigned bytes. One
/// kernel computes one tensor, so that they are one, with a last dimension of
/// three instead of that of `blocks`.
mlir::Value createAffine(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value blocks);

/// The input of `op` with a last dimension for each pair of parameters: of the
/// shape of the scales (of one element if they have none) and the block.
mlir::Value getBlocks(mlir::OpBuilder &builder, ChooseParamsOp op);

} // namespace mpq

#endif // MPQ_LIB_CONVERSION_DYNAMICPARAMETERS_H
