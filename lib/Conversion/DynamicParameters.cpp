//===- DynamicParameters.cpp - scales computed as the model runs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A reduction along what shares a scale, and elementwise work on its results:
// code generation makes one kernel of both, in which a row stays in the cache.
//
//===----------------------------------------------------------------------===//

#include "DynamicParameters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Numerics/Formulas.h"

using namespace mlir;
using namespace mpq;

std::optional<DynamicActivation> mpq::matchDynamic(Value value) {
  auto dequantize = value.getDefiningOp<DequantizeOp>();
  auto quantize =
      dequantize ? dequantize.getInput().getDefiningOp<QuantizeOp>() : nullptr;
  auto params =
      quantize ? quantize.getScale().getDefiningOp<ChooseParamsOp>() : nullptr;
  if (!params || quantize.getZeroPoint() != params.getZeroPoint() ||
      dequantize.getScale() != params.getScale() ||
      dequantize.getZeroPoint() != params.getZeroPoint() ||
      quantize.getParamMap() != params.getParamMap() ||
      dequantize.getParamMap() != params.getParamMap() ||
      quantize.getInput() != params.getInput() ||
      quantize.getIsUnsigned() != params.getIsUnsigned() ||
      dequantize.getIsUnsigned() != params.getIsUnsigned())
    return std::nullopt;
  return DynamicActivation{quantize, params};
}

Value mpq::splitLast(OpBuilder &builder, Location loc, Value value,
                     int64_t blocks, int64_t block) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t rank = type.getRank(), extent = type.getShape().back();
  SmallVector<int64_t> shape(type.getShape());
  if (blocks * block != extent) {
    shape.back() = blocks * block;
    SmallVector<OpFoldResult> low(rank, builder.getIndexAttr(0)), high(low);
    high.back() = builder.getIndexAttr(blocks * block - extent);
    Value zero = arith::ConstantOp::create(
        builder, loc, builder.getZeroAttr(type.getElementType()));
    value = tensor::PadOp::create(
        builder, loc, RankedTensorType::get(shape, type.getElementType()),
        value, low, high, zero);
  }
  shape.back() = blocks;
  shape.push_back(block);
  SmallVector<ReassociationIndices> split;
  for (int64_t d = 0; d < rank; ++d)
    split.push_back({d});
  split.back().push_back(rank);
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), value,
      split);
}

Value mpq::createGeneric(
    OpBuilder &builder, Location loc, ArrayRef<int64_t> shape, Type element,
    ValueRange inputs, ArrayRef<AffineMap> inputMaps, TypedAttr init,
    function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  int64_t rank = shape.size();
  ArrayRef<int64_t> outShape = init ? shape.drop_back() : shape;
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Value out = tensor::EmptyOp::create(builder, loc, outShape, element);
  if (init) {
    iterators.back() = utils::IteratorType::reduction;
    Value start = arith::ConstantOp::create(builder, loc, init);
    out = linalg::FillOp::create(builder, loc, start, out).getResult(0);
  }
  SmallVector<AffineMap> maps(inputMaps);
  maps.push_back(
      builder.getMultiDimIdentityMap(rank).getMajorSubMap(outShape.size()));
  return linalg::GenericOp::create(
             builder, loc, TypeRange{out.getType()}, inputs, ValueRange{out},
             maps, iterators,
             [&](OpBuilder &b, Location l, ValueRange args) {
               linalg::YieldOp::create(b, l, body(b, l, args));
             })
      .getResult(0);
}

Value mpq::createScales(OpBuilder &builder, Location loc, Value blocks) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(blocks.getType()).getShape();
  Type f32 = builder.getF32Type();
  Value largest = createGeneric(
      builder, loc, shape, f32, blocks,
      builder.getMultiDimIdentityMap(shape.size()), builder.getF32FloatAttr(0),
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value magnitude = math::AbsFOp::create(b, l, args[0]);
        return arith::MaximumFOp::create(b, l, magnitude, args[1]);
      });
  return createGeneric(
      builder, loc, shape.drop_back(), f32, largest,
      builder.getMultiDimIdentityMap(shape.size() - 1), {},
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        auto constant = [&](float value) {
          return arith::ConstantOp::create(b, l, b.getF32FloatAttr(value));
        };
        Value scale =
            arith::MulFOp::create(b, l, args[0], constant(1.0f / 127.0f));
        return arith::MaximumFOp::create(
            b, l, scale, constant(formulas::kSmallestDynamicScale));
      });
}

/// c(0, every element) along the last dimension.
template <typename OpTy>
static Value createExtreme(OpBuilder &builder, Location loc, Value blocks) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(blocks.getType()).getShape();
  return createGeneric(builder, loc, shape, builder.getF32Type(), blocks,
                       builder.getMultiDimIdentityMap(shape.size()),
                       builder.getF32FloatAttr(0),
                       [](OpBuilder &b, Location l, ValueRange args) -> Value {
                         return OpTy::create(b, l, args[0], args[1]);
                       });
}

Value mpq::createAffine(OpBuilder &builder, Location loc, Value blocks) {
  Value low = createExtreme<arith::MinimumFOp>(builder, loc, blocks),
        high = createExtreme<arith::MaximumFOp>(builder, loc, blocks);
  SmallVector<int64_t> shape(
      cast<RankedTensorType>(blocks.getType()).getShape());
  shape.back() = 3;
  int64_t rank = shape.size();
  // Which of the three an element is.
  Value kinds = createConstant(
      builder, loc, RankedTensorType::get({3}, builder.getF32Type()),
      ArrayRef<float>{AffineScale, AffineInverse, AffineZeroPoint});
  AffineMap identity = builder.getMultiDimIdentityMap(rank),
            ofBlock = identity.getMajorSubMap(rank - 1),
            ofKind = identity.getMinorSubMap(1);
  return createGeneric(
      builder, loc, shape, builder.getF32Type(), {low, high, kinds},
      {ofBlock, ofBlock, ofKind}, {},
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        auto constant = [&](float value) {
          return arith::ConstantOp::create(b, l, b.getF32FloatAttr(value));
        };
        Value extent = arith::SubFOp::create(b, l, args[1], args[0]);
        Value scale =
            arith::MulFOp::create(b, l, extent, constant(1.0f / 255.0f));
        scale = arith::MaximumFOp::create(
            b, l, scale, constant(formulas::kSmallestDynamicScale));
        Value inverse = arith::DivFOp::create(b, l, constant(1.0f), scale);
        Value below = arith::NegFOp::create(b, l, args[0]);
        below = arith::MulFOp::create(b, l, below, inverse);
        Value none = arith::ConstantOp::create(b, l, b.getI8IntegerAttr(0));
        Value byte = QuantizeOp::create(
            b, l, b.getI8Type(), below, constant(1.0f), none, AffineMapAttr(),
            /*is_unsigned=*/true, Rounding::HalfEven, Scaling::Multiply,
            ZeroPointOrder::AfterRounding, DenseI64ArrayAttr());
        Value zeroPoint = arith::UIToFPOp::create(b, l, b.getF32Type(), byte);
        auto is = [&](AffineParameter kind) {
          return arith::CmpFOp::create(b, l, arith::CmpFPredicate::OEQ, args[2],
                                       constant(kind));
        };
        Value rest = arith::SelectOp::create(b, l, is(AffineInverse), inverse,
                                             zeroPoint);
        return arith::SelectOp::create(b, l, is(AffineScale), scale, rest);
      });
}

Value mpq::getBlocks(OpBuilder &builder, ChooseParamsOp op) {
  Location loc = op.getLoc();
  Value input = op.getInput();
  RankedTensorType type = op.getInput().getType();
  if (op.isBlocked()) {
    int64_t extent = type.getShape().back();
    int64_t block = std::max<int64_t>(std::min(op.getBlock(), extent), 1);
    return splitLast(builder, loc, input, llvm::divideCeilSigned(extent, block),
                     block);
  }
  // The dimensions that share parameters become one.
  int64_t rank = type.getRank(), kept = op.getParamMap().getNumResults();
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < kept; ++d)
    groups.push_back({d});
  groups.emplace_back();
  for (int64_t d = kept; d < rank; ++d)
    groups.back().push_back(d);
  if (kept + 1 < rank)
    input = tensor::CollapseShapeOp::create(builder, loc, input, groups);
  if (kept > 0)
    return input;
  return tensor::ExpandShapeOp::create(
      builder, loc,
      RankedTensorType::get({1, type.getNumElements()}, type.getElementType()),
      input, ArrayRef<ReassociationIndices>{{0, 1}});
}
