//===- ProductParts.h - a quantized product taken apart ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What mpq-lower-products needs to know of a product in QDQ form: channels,
// integer weights, constant terms of the sum, and what the sum starts from.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_CONVERSION_PRODUCTPARTS_H
#define MPQ_LIB_CONVERSION_PRODUCTPARTS_H

#include "Parameters.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/MPQInterfaces.h"

namespace mpq {

/// A product split into what the integer form needs. Output channels are the
/// parallel loops that index the weights; they are numbered in row-major order
/// of the output dimensions they appear in.
struct ProductParts {
  mlir::linalg::LinalgOp op;
  mlir::OpOperand *activation, *weight;
  DequantizeOp dequantizedActivation, dequantizedWeight;
  mlir::Value integers; // of the activation
  TensorParameters input;

  llvm::SmallVector<int64_t> channelDims;    // of the output, increasing
  llvm::SmallVector<int64_t> channelExtents; // along channelDims
  int64_t channels = 1;

  llvm::SmallVector<int8_t> weights; // row-major, zero point partly removed
  bool weightsChanged = false;       // `weights` differ from the stored bytes
  llvm::SmallVector<float> scales;   // sx * sw, a channel
  llvm::SmallVector<int32_t> remainder;  // weight zero point left, a channel
  llvm::SmallVector<int64_t> correction; // sum of terms without qx, a channel
  llvm::SmallVector<int64_t> bound;      // of |sum of terms with qx|, a channel

  bool hasRemainder() const {
    return llvm::any_of(remainder, [](int32_t z) { return z != 0; });
  }
};

/// What initializes the float product.
struct Bias {
  enum Kind { Zero, Integer, Float } kind;
  /// Integer: a number for each channel in units of the accumulator.
  llvm::SmallVector<int64_t> integers;
};

/// Splits `op`; on failure `reason` says what it lacks. The parameters of the
/// activation are its constants unless others are `assumed`: then it may be
/// stored in any way.
mlir::LogicalResult
splitProduct(QuantizableOpInterface product, ProductParts &parts,
             llvm::StringRef &reason,
             std::optional<TensorParameters> assumed = std::nullopt);

/// Classifies what the product starts from: nothing, constants for each channel
/// (float, or integers under a dequantization as in imported models), or a
/// tensor that has to be added in float.
Bias analyzeBias(ProductParts &parts);

/// A number for each channel: a scalar for the body, or an operand and its map.
class ChannelConstant {
public:
  ChannelConstant(mlir::OpBuilder &builder, ProductParts &parts,
                  llvm::ArrayRef<float> values);
  ChannelConstant(mlir::OpBuilder &builder, ProductParts &parts,
                  llvm::ArrayRef<int32_t> values);

  void appendTo(llvm::SmallVectorImpl<mlir::Value> &inputs,
                llvm::SmallVectorImpl<mlir::AffineMap> &maps);
  /// The number inside a body with block arguments `args`.
  mlir::Value get(mlir::OpBuilder &builder, mlir::Location loc,
                  mlir::ValueRange args) const;

private:
  mlir::TypedAttr scalar;
  mlir::Value operand;
  mlir::AffineMap map;
  unsigned position = 0;
};

/// The i32 tensor an accumulation starts from, by channel.
mlir::Value createInit(mlir::OpBuilder &builder, ProductParts &parts,
                       llvm::ArrayRef<int64_t> start);

/// `init + sum u8 * s8` with the maps of the float product.
mlir::Value createIntegerProduct(mlir::OpBuilder &builder, ProductParts &parts,
                                 mlir::Value init);

/// The same of two tensors of bytes.
mlir::Value
createIntegerProduct(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value a, mlir::Value b, mlir::Value init,
                     llvm::ArrayRef<mlir::AffineMap> maps,
                     llvm::ArrayRef<mlir::utils::IteratorType> iterators);

/// A tensor of zeros (i32).
mlir::Value createZeros(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::RankedTensorType type);

/// Sums of `bytes`, which are those of `operand`, over the reduction loops of
/// `op`. `map` becomes that from the result's dimensions to those of the sums.
mlir::Value createOperandSums(mlir::OpBuilder &builder,
                              mlir::linalg::LinalgOp op,
                              mlir::OpOperand &operand, mlir::Value bytes,
                              bool isUnsigned, mlir::AffineMap &map);

/// A parallel generic of the output's shape.
mlir::Value createElementwise(
    mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
    mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> inputMaps,
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location,
                                   mlir::ValueRange)>
        body);

/// `number * scale`, `+ start` if there is one: the f32 results of a product
/// from its sum.
mlir::Value scaleSum(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value number, mlir::Value scale, mlir::Value start);

/// The quantization that is the product's only consumer, if `mpq.requantize`
/// can stand for it.
QuantizeOp getOnlyQuantize(mlir::linalg::LinalgOp op);

} // namespace mpq

#endif // MPQ_LIB_CONVERSION_PRODUCTPARTS_H
