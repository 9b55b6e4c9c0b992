//===- BlockWeights.cpp - constant weights of few bits in blocks ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounding to the nearest, unless samples have said better. Weights of 4 bits
// are symmetric: kernels handle one zero point for all faster, and of 16 steps
// one is no loss. Four steps have to lie where the weights are, so weights of 2
// bits have zero points.
//
//===----------------------------------------------------------------------===//

#include "BlockWeights.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Transforms/Quantize/Passes.h"

#include <cmath>

using namespace mlir;
using namespace mpq;

Value mpq::quantizeAsItRuns(OpBuilder &builder, Location loc, Value activation,
                            AffineMap map, ArrayRef<int64_t> shape,
                            bool isUnsigned) {
  auto type = cast<RankedTensorType>(activation.getType());
  auto mapAttr = AffineMapAttr::get(map);
  auto byte = builder.getI8Type();
  auto params = ChooseParamsOp::create(
      builder, loc, RankedTensorType::get(shape, builder.getF32Type()),
      RankedTensorType::get(shape, byte), activation, map, isUnsigned);
  auto quantize = QuantizeOp::create(
      builder, loc, type.clone(byte), activation, params.getScale(),
      params.getZeroPoint(), mapAttr, isUnsigned, Rounding::HalfEven,
      Scaling::Multiply, ZeroPointOrder::AfterRounding, DenseI64ArrayAttr());
  return DequantizeOp::create(builder, loc, type, quantize, params.getScale(),
                              params.getZeroPoint(), mapAttr, isUnsigned);
}

Value mpq::quantizeRows(OpBuilder &builder, Location loc, Value activation,
                        int64_t block) {
  auto type = cast<RankedTensorType>(activation.getType());
  SmallVector<int64_t> shape{type.getDimSize(0)};
  SmallVector<AffineExpr> exprs{builder.getAffineDimExpr(0)};
  if (block < type.getDimSize(1)) {
    shape.push_back(llvm::divideCeilSigned(type.getDimSize(1), block));
    exprs.push_back(builder.getAffineDimExpr(1).floorDiv(block));
  }
  return quantizeAsItRuns(builder, loc, activation,
                          AffineMap::get(2, 0, exprs, builder.getContext()),
                          shape, /*isUnsigned=*/false);
}

WeightGrid mpq::getBlockGrid(PrecisionKind precision, BlocksAttr blocks) {
  if (precision == PrecisionKind::Int2)
    return {0, 3, true};
  if (blocks.getZeroPoints())
    return {0, 15, true};
  return {-8, 7};
}

LogicalResult mpq::checkRounded(QuantizableOpInterface product,
                                RoundedWeightsAttr rounded,
                                RankedTensorType scales, Type storage) {
  if (rounded.getScales().getType() == scales &&
      rounded.getIntegers().getElementType() == storage)
    return success();
  return product.emitOpError("expected rounded weights of type ")
         << storage << " with scales of type " << scales << " but got "
         << rounded.getIntegers().getType() << " and "
         << rounded.getScales().getType();
}

FailureOr<ConstantView> mpq::getMatrixWeights(QuantizableOpInterface product) {
  Value weights = product.getWeightOperand().get();
  auto type = cast<RankedTensorType>(weights.getType());
  std::optional<ConstantView> data = ConstantView::get(weights);
  if (isa<linalg::MatmulOp>(product) && data &&
      data->getElementType().isF32() && type.getRank() == 2 &&
      product.getWeightChannelDims().size() == 1)
    return *data;
  auto precision =
      product->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
  return product.emitOpError("expected a matrix product with constant f32 "
                             "weights for precision ")
         << stringifyPrecisionKind(precision.getKind()) << " but got " << type;
}

LogicalResult mpq::quantizeBlocks(QuantizableOpInterface product) {
  auto precision =
      product->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
  auto wanted =
      product->getAttrOfType<BlocksAttr>(MPQDialect::getBlocksAttrName());
  Value weights = product.getWeightOperand().get();
  auto type = cast<RankedTensorType>(weights.getType());
  FailureOr<ConstantView> data = getMatrixWeights(product);
  if (failed(data))
    return failure();
  SmallVector<int64_t> channels = product.getWeightChannelDims();

  int64_t column = channels[0], row = 1 - column;
  int64_t depth = type.getDimSize(row), columns = type.getDimSize(column);
  int64_t block = wanted.getSize() ? wanted.getSize() : depth;
  block = std::max<int64_t>(std::min(block, depth), 1);
  int64_t blocks = llvm::divideCeilSigned(depth, block);
  SmallVector<int64_t> shape{blocks, columns};
  SmallVector<AffineExpr> exprs;
  OpBuilder builder(product);
  exprs = {builder.getAffineDimExpr(row).floorDiv(block),
           builder.getAffineDimExpr(column)};
  if (column == 0) {
    std::swap(shape[0], shape[1]);
    std::swap(exprs[0], exprs[1]);
  }
  WeightGrid grid = getBlockGrid(precision.getKind(), wanted);
  bool isUnsigned = grid.lowest == 0;
  Type storage = builder.getIntegerType(grid.highest > 3 ? 4 : 2);
  auto parameterType = RankedTensorType::get(shape, builder.getF32Type());
  auto given = product->getAttrOfType<RoundedWeightsAttr>(
      MPQDialect::getRoundedWeightsAttrName());
  ElementsAttr w, s, z;
  if (given) {
    w = given.getIntegers();
    s = given.getScales();
    z = given.getZeroPoints();
    if (!z)
      z = createConstantAttr(parameterType.clone(storage),
                             SmallVector<char>(blocks * columns, 0));
    if (failed(checkRounded(product, given, parameterType, storage)))
      return failure();
  } else {
    // Where an element and its parameters are.
    auto at = [&](int64_t k, int64_t n) {
      return column == 1 ? k * columns + n : n * depth + k;
    };
    auto parameter = [&](int64_t g, int64_t n) {
      return column == 1 ? g * columns + n : n * blocks + g;
    };
    SmallVector<char> integers(depth * columns), zeroPoints(blocks * columns);
    SmallVector<float> scales(blocks * columns);
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
        WeightParameters chosen = getWeightParameters(grid, low, high);
        scales[parameter(g, n)] = chosen.scale;
        zeroPoints[parameter(g, n)] = char(chosen.zeroPoint);
        for (int64_t k = g * block; k < end; ++k)
          integers[at(k, n)] =
              roundToNearest(grid, chosen, data->getFloat(at(k, n)));
      }
    w = createConstantAttr(type.clone(storage), integers);
    s = createConstantAttr(
        parameterType,
        ArrayRef<char>(reinterpret_cast<const char *>(scales.data()),
                       scales.size() * sizeof(float)));
    z = createConstantAttr(parameterType.clone(storage), zeroPoints);
  }

  Location loc = weights.getLoc();
  auto constant = [&](ElementsAttr attr) -> Value {
    return arith::ConstantOp::create(builder, loc, attr);
  };
  auto dequantize = DequantizeOp::create(
      builder, loc, type, constant(w), constant(s), constant(z),
      AffineMapAttr::get(AffineMap::get(2, 0, exprs, builder.getContext())),
      isUnsigned);
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
