//===- QDQForm.h - quantized products read from IR -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The exporter's view of a product: integers, scales and bias as ONNX counts
// its dimensions, whatever layout prepare chose.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_ONNX_QDQFORM_H
#define MPQ_LIB_ONNX_QDQFORM_H

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/MPQInterfaces.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <optional>
#include <string>
#include <vector>

namespace mpq::onnximport {

/// Quantized weights in the order of ONNX's dimensions.
struct QuantizedWeights {
  llvm::SmallVector<int64_t> shape; ///< of `integers`, product for product
  std::vector<int8_t> integers;     ///< one byte each, or codes of FP8
  mlir::Type storage;               ///< never less than 4 bits
  bool isUnsigned = false;
  /// One for all, or along `axis`, or in blocks of `blockSize` along it (then
  /// they have a shape like the weights').
  std::vector<float> scales;
  std::vector<int8_t> zeroPoints;
  std::optional<int64_t> axis;
  int64_t blockSize = 0;
  llvm::SmallVector<int64_t> scaleShape;
  /// If scales vary along several dimensions: those lie merged in dimension 0
  /// of `integers`. What they are to be reshaped to, and then transposed by.
  llvm::SmallVector<int64_t> unmergedShape, permutation;
};

/// A product of quantized weights.
struct QuantizedProduct {
  QuantizableOpInterface op;
  DequantizeOp weights;
};

/// The quantization of the whole tensor that a value is read through.
struct TensorQuantization {
  float scale;
  int64_t zeroPoint;
  bool isUnsigned;
  unsigned bits;
};

/// The products of `function` whose weights are integers.
llvm::SmallVector<QuantizedProduct>
findQuantizedProducts(mlir::FunctionOpInterface function);

/// The bias of a product along the channels of its weights; std::nullopt if its
/// init is no constant along them. Empty: zero.
std::optional<std::vector<float>> readBias(QuantizableOpInterface product);

/// How ONNX orders the weights of a node: each of its dimensions merges some of
/// the operand's, outermost first. `flipped` are those that run backwards.
struct WeightOrder {
  llvm::SmallVector<llvm::SmallVector<int64_t>> dims;
  llvm::SmallVector<int64_t> flipped;
};

/// The order for a node of type `opType`, whose weights have `spatialRank`
/// window dimensions; std::nullopt if nodes of this type do not become `op`.
std::optional<WeightOrder> getWeightOrder(mlir::Operation *op,
                                          llvm::StringRef opType,
                                          int64_t spatialRank);

/// The constants of `dequantize` in that order. On failure `message` says what
/// ONNX cannot express.
std::optional<QuantizedWeights> readWeights(DequantizeOp dequantize,
                                            const WeightOrder &order,
                                            std::string &message);

/// The value that a product's activation is a rearrangement of, with nothing
/// but moves in between; null if it is made of several.
mlir::Value findMovedValue(mlir::Value activation);

/// The quantization that an activation is read through, with moves in between;
/// those of several moved values share their parameters.
QuantizeOp findQuantize(mlir::Value activation);

/// The parameters of a whole-tensor quantization as ONNX defines it;
/// std::nullopt, with a message, of others.
std::optional<TensorQuantization> readQuantization(QuantizeOp quantize,
                                                   std::string &message);

/// If `value` is `source * factors` along the last dimension, both.
std::optional<std::pair<mlir::Value, std::vector<float>>>
matchChannelFactors(mlir::Value value);

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_QDQFORM_H
