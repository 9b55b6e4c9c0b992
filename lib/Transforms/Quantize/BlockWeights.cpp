//===- BlockWeights.cpp - constant weights of few bits in blocks ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounding to the nearest. Weights of 4 bits are symmetric: kernels handle one
// zero point for all faster, and of 16 steps one is no loss. Four steps have to
// lie where the weights are, so weights of 2 bits have zero points.
//
//===----------------------------------------------------------------------===//

#include "BlockWeights.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"

#include <cmath>

using namespace mlir;
using namespace mpq;

namespace {
struct BlockParameters {
  float scale;
  int32_t zeroPoint;
};
} // namespace

/// For weights from `low` to `high`, which hold zero.
static BlockParameters getParameters(float low, float high, bool symmetric) {
  float scale = symmetric ? std::max(-low, high) / 7.0f : (high - low) / 3.0f;
  if (!(scale >= std::numeric_limits<float>::min()))
    return {1.0f, 0}; // nothing but zeros, or nearly
  if (symmetric)
    return {scale, 0};
  return {scale, int32_t(std::clamp(std::nearbyint(-low / scale), 0.0f, 3.0f))};
}

/// Quantizes the rows of `activation` in blocks as the model runs.
static Value quantizeRows(OpBuilder &builder, Location loc, Value activation,
                          int64_t block) {
  auto type = cast<RankedTensorType>(activation.getType());
  SmallVector<int64_t> shape{type.getDimSize(0)};
  SmallVector<AffineExpr> exprs{builder.getAffineDimExpr(0)};
  if (block < type.getDimSize(1)) {
    shape.push_back(llvm::divideCeilSigned(type.getDimSize(1), block));
    exprs.push_back(builder.getAffineDimExpr(1).floorDiv(block));
  }
  auto map =
      AffineMapAttr::get(AffineMap::get(2, 0, exprs, builder.getContext()));
  auto byte = builder.getI8Type();
  auto params = ChooseParamsOp::create(
      builder, loc, RankedTensorType::get(shape, builder.getF32Type()),
      RankedTensorType::get(shape, byte), activation, map);
  auto quantize = QuantizeOp::create(
      builder, loc, type.clone(byte), activation, params.getScale(),
      params.getZeroPoint(), map, /*is_unsigned=*/false, Rounding::HalfEven,
      Scaling::Multiply, ZeroPointOrder::AfterRounding, DenseI64ArrayAttr());
  return DequantizeOp::create(builder, loc, type, quantize, params.getScale(),
                              params.getZeroPoint(), map,
                              /*is_unsigned=*/false);
}

LogicalResult mpq::quantizeBlocks(QuantizableOpInterface product) {
  auto precision =
      product->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
  auto wanted =
      product->getAttrOfType<BlocksAttr>(MPQDialect::getBlocksAttrName());
  if (!wanted)
    return product.emitOpError("expected an '")
           << MPQDialect::getBlocksAttrName() << "' attribute for precision "
           << stringifyPrecisionKind(precision.getKind());
  Value weights = product.getWeightOperand().get();
  auto type = cast<RankedTensorType>(weights.getType());
  std::optional<ConstantView> data = ConstantView::get(weights);
  SmallVector<int64_t> channels = product.getWeightChannelDims();
  if (!isa<linalg::MatmulOp>(product) || !data ||
      !data->getElementType().isF32() || type.getRank() != 2 ||
      channels.size() != 1)
    return product.emitOpError("expected a matrix product with constant f32 "
                               "weights for precision ")
           << stringifyPrecisionKind(precision.getKind()) << " but got "
           << type;

  bool symmetric = precision.getKind() == PrecisionKind::Int4;
  int64_t column = channels[0], row = 1 - column;
  int64_t depth = type.getDimSize(row), columns = type.getDimSize(column);
  int64_t block = wanted.getSize() ? wanted.getSize() : depth;
  block = std::max<int64_t>(std::min(block, depth), 1);
  int64_t blocks = llvm::divideCeilSigned(depth, block);
  // Where an element and its parameters are.
  auto at = [&](int64_t k, int64_t n) {
    return column == 1 ? k * columns + n : n * depth + k;
  };
  auto parameter = [&](int64_t g, int64_t n) {
    return column == 1 ? g * columns + n : n * blocks + g;
  };
  SmallVector<int8_t> integers(depth * columns), zeroPoints(blocks * columns);
  SmallVector<float> scales(blocks * columns);
  float lowest = symmetric ? -8.0f : 0.0f, highest = symmetric ? 7.0f : 3.0f;
  for (int64_t g = 0; g < blocks; ++g)
    for (int64_t n = 0; n < columns; ++n) {
      int64_t end = std::min(depth, (g + 1) * block);
      float low = 0, high = 0;
      for (int64_t k = g * block; k < end; ++k) {
        float value = data->getFloat(at(k, n));
        if (!std::isfinite(value))
          return product.emitOpError("expected finite weights but got ")
                 << value;
        low = std::min(low, value);
        high = std::max(high, value);
      }
      BlockParameters chosen = getParameters(low, high, symmetric);
      scales[parameter(g, n)] = chosen.scale;
      zeroPoints[parameter(g, n)] = int8_t(chosen.zeroPoint);
      for (int64_t k = g * block; k < end; ++k)
        integers[at(k, n)] = int8_t(std::clamp(
            std::nearbyintf(data->getFloat(at(k, n)) / chosen.scale) +
                float(chosen.zeroPoint),
            lowest, highest));
    }

  OpBuilder builder(product);
  Location loc = weights.getLoc();
  Type storage = builder.getIntegerType(symmetric ? 4 : 2);
  SmallVector<int64_t> shape{blocks, columns};
  SmallVector<AffineExpr> exprs{builder.getAffineDimExpr(row).floorDiv(block),
                                builder.getAffineDimExpr(column)};
  if (column == 0) {
    std::swap(shape[0], shape[1]);
    std::swap(exprs[0], exprs[1]);
  }
  Value w = createConstant(builder, loc, type.clone(storage), integers);
  Value s = createConstant(
      builder, loc, RankedTensorType::get(shape, builder.getF32Type()), scales);
  Value z = createConstant(builder, loc, RankedTensorType::get(shape, storage),
                           zeroPoints);
  auto dequantize = DequantizeOp::create(
      builder, loc, type, w, s, z,
      AffineMapAttr::get(AffineMap::get(2, 0, exprs, builder.getContext())),
      /*is_unsigned=*/!symmetric);
  product.getWeightOperand().set(dequantize);
  if (weights.use_empty())
    weights.getDefiningOp()->erase();
  if (wanted.getActivations() == PrecisionKind::Int8) {
    OpOperand &activation = product.getActivationOperand();
    activation.set(
        quantizeRows(builder, product.getLoc(), activation.get(), block));
  }
  return success();
}
