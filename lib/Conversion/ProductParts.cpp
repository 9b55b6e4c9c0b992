//===- ProductParts.cpp - a quantized product taken apart ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The constant part of the sum is computed here from the weights, once.
//
//===----------------------------------------------------------------------===//

#include "ProductParts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mpq;

/// Finds the channels of the product. Fails if a weight dimension is not a
/// plain loop or a channel is not a plain dimension of the output.
static LogicalResult findChannels(ProductParts &parts,
                                  SmallVectorImpl<int64_t> &weightStrides) {
  AffineMap weightMap = parts.op.getMatchingIndexingMap(parts.weight);
  AffineMap outputMap =
      parts.op.getMatchingIndexingMap(parts.op.getDpsInitOperand(0));
  SmallVector<utils::IteratorType> iterators = parts.op.getIteratorTypesArray();
  SmallVector<int64_t> extents = parts.op.getStaticLoopRanges();
  if (!weightMap.isProjectedPermutation() ||
      !outputMap.isProjectedPermutation() ||
      llvm::any_of(extents, ShapedType::isDynamic))
    return failure();
  DenseMap<unsigned, int64_t> strideOfLoop;
  for (int64_t d = int64_t(outputMap.getNumResults()) - 1; d >= 0; --d) {
    unsigned loop = outputMap.getDimPosition(d);
    if (!weightMap.isFunctionOfDim(loop))
      continue;
    parts.channelDims.insert(parts.channelDims.begin(), d);
    parts.channelExtents.insert(parts.channelExtents.begin(), extents[loop]);
    strideOfLoop[loop] = parts.channels;
    parts.channels *= extents[loop];
  }
  for (AffineExpr expr : weightMap.getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (iterators[loop] == utils::IteratorType::parallel &&
        !strideOfLoop.contains(loop))
      return failure();
    weightStrides.push_back(strideOfLoop.lookup(loop));
  }
  return success();
}

LogicalResult mpq::splitProduct(QuantizableOpInterface product,
                                ProductParts &parts, StringRef &reason,
                                std::optional<TensorParameters> assumed) {
  parts.op = dyn_cast<linalg::LinalgOp>(product.getOperation());
  if (!parts.op)
    return reason = "it is of a dialect without indexing maps: its own "
                    "conversion to linalg must come first",
           failure();
  parts.activation = &product.getActivationOperand();
  parts.weight = &product.getWeightOperand();
  parts.dequantizedActivation =
      parts.activation->get().getDefiningOp<DequantizeOp>();
  parts.dequantizedWeight = parts.weight->get().getDefiningOp<DequantizeOp>();
  if (!parts.dequantizedActivation || !parts.dequantizedWeight)
    return reason = "not both operands are dequantized", failure();
  DequantizeOp activation = parts.dequantizedActivation;
  std::optional<TensorParameters> input =
      assumed ? assumed : getTensorParameters(activation);
  if (!input)
    return reason = "the activation's parameters are not one constant pair",
           failure();
  if (!input->isUnsigned || !input->storage.isInteger(8))
    return reason = "the activation is not stored in unsigned 8 bits",
           failure();
  parts.integers = activation.getInput();
  parts.input = *input;

  DequantizeOp weight = parts.dequantizedWeight;
  auto weightType = cast<RankedTensorType>(weight.getInput().getType());
  std::optional<ConstantView> data = ConstantView::get(weight.getInput()),
                              scale = ConstantView::get(weight.getScale()),
                              zero = ConstantView::get(weight.getZeroPoint());
  if (!data || !scale || !zero)
    return reason = "the weights are not constant", failure();
  if (!weightType.getElementType().isInteger())
    return reason = "the weights are codes of floats", failure();
  if (weightType.getElementTypeBitWidth() > 8)
    return reason = "the weights have more than 8 bits", failure();
  SmallVector<int64_t> strides;
  if (failed(findChannels(parts, strides)))
    return reason = "the weights' dimensions are not plain loops", failure();

  // Scale and zero point as a function of the channel.
  SmallVector<int64_t> paramStrides(weightType.getRank(), 0);
  auto scaleType = cast<RankedTensorType>(weight.getScale().getType());
  int64_t stride = 1;
  for (int64_t i = scaleType.getRank() - 1; i >= 0; --i) {
    auto dim = dyn_cast<AffineDimExpr>(weight.getParamMap()->getResult(i));
    if (!dim ||
        (strides[dim.getPosition()] == 0 && scaleType.getDimSize(i) > 1))
      return reason = "the weights' scale changes inside a sum", failure();
    paramStrides[dim.getPosition()] = stride;
    stride *= scaleType.getDimSize(i);
  }
  auto dot = [](ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
    int64_t sum = 0;
    for (auto [x, y] : llvm::zip_equal(a, b))
      sum += x * y;
    return sum;
  };
  int64_t total = data->size();
  bool isUnsigned = weight.getIsUnsigned();
  SmallVector<int64_t> zeroPoints(parts.channels, 0);
  parts.scales.assign(parts.channels, 0.0f);
  bool fits = true; // every q - z in 8 signed bits
  SmallVector<int32_t> channelOf(total);
  forEachElement(weightType.getShape(), [&](int64_t i, ArrayRef<int64_t> at) {
    int64_t channel = dot(strides, at), parameter = dot(paramStrides, at);
    channelOf[i] = int32_t(channel);
    parts.scales[channel] = parts.input.scale * scale->getFloat(parameter);
    zeroPoints[channel] = zero->getInt(parameter, isUnsigned);
    int64_t value = data->getInt(i, isUnsigned) - zeroPoints[channel];
    fits &= value >= -128 && value <= 127;
  });

  // Either the whole zero point is subtracted, or what makes u8 weights signed.
  unsigned width = weightType.getElementTypeBitWidth();
  int64_t half = isUnsigned && width == 8 ? 128 : 0;
  parts.weights.resize(total);
  parts.remainder.assign(parts.channels, 0);
  parts.correction.assign(parts.channels, 0);
  parts.bound.assign(parts.channels, 0);
  if (!fits)
    for (int64_t c = 0; c < parts.channels; ++c)
      parts.remainder[c] = int32_t(zeroPoints[c] - half);
  for (int64_t i = 0; i < total; ++i) {
    int32_t channel = channelOf[i];
    int64_t stored = data->getInt(i, isUnsigned);
    int64_t value = stored - (fits ? zeroPoints[channel] : half);
    parts.weights[i] = int8_t(value);
    parts.weightsChanged |= value != stored || width != 8;
    parts.correction[channel] -=
        parts.input.zeroPoint * (value - parts.remainder[channel]);
    parts.bound[channel] +=
        255 * (std::abs(value) + std::abs(int64_t(parts.remainder[channel])));
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

template <typename T>
static std::pair<TypedAttr, Value>
createChannelNumbers(OpBuilder &builder, ProductParts &parts,
                     ArrayRef<T> values, Type element) {
  if (!llvm::all_equal(values))
    return {nullptr,
            createConstant<T>(
                builder, parts.op.getLoc(),
                RankedTensorType::get(parts.channelExtents, element), values)};
  if constexpr (std::is_same_v<T, float>)
    return {FloatAttr::get(element, values.front()), nullptr};
  else
    return {IntegerAttr::get(element, values.front()), nullptr};
}

/// From the result's dimensions to those of its channels.
static AffineMap getChannelMap(ProductParts &parts) {
  SmallVector<AffineExpr> exprs;
  for (int64_t d : parts.channelDims)
    exprs.push_back(getAffineDimExpr(d, parts.op.getContext()));
  int64_t rank = cast<ShapedType>(parts.op->getResult(0).getType()).getRank();
  return AffineMap::get(rank, 0, exprs, parts.op.getContext());
}

ChannelConstant::ChannelConstant(OpBuilder &builder, ProductParts &parts,
                                 ArrayRef<float> values)
    : map(getChannelMap(parts)) {
  std::tie(scalar, operand) =
      createChannelNumbers(builder, parts, values, builder.getF32Type());
}

ChannelConstant::ChannelConstant(OpBuilder &builder, ProductParts &parts,
                                 ArrayRef<int32_t> values)
    : map(getChannelMap(parts)) {
  std::tie(scalar, operand) =
      createChannelNumbers(builder, parts, values, builder.getI32Type());
}

void ChannelConstant::appendTo(SmallVectorImpl<Value> &inputs,
                               SmallVectorImpl<AffineMap> &maps) {
  if (scalar)
    return;
  position = inputs.size();
  inputs.push_back(operand);
  maps.push_back(map);
}

Value ChannelConstant::get(OpBuilder &builder, Location loc,
                           ValueRange args) const {
  return scalar ? Value(arith::ConstantOp::create(builder, loc, scalar))
                : args[position];
}

Value mpq::createInit(OpBuilder &builder, ProductParts &parts,
                      ArrayRef<int64_t> start) {
  Location loc = parts.op.getLoc();
  auto type = cast<RankedTensorType>(parts.op->getResult(0).getType());
  Type i32 = builder.getI32Type();
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), i32);
  if (llvm::all_equal(start)) {
    Value scalar = arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(int32_t(start.front())));
    return linalg::FillOp::create(builder, loc, scalar, empty).getResult(0);
  }
  SmallVector<int32_t> numbers(start);
  Value bias = createConstant(
      builder, loc, RankedTensorType::get(parts.channelExtents, i32), numbers);
  SmallVector<int64_t> dimensions;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (!llvm::is_contained(parts.channelDims, d))
      dimensions.push_back(d);
  if (dimensions.empty())
    return bias;
  return linalg::BroadcastOp::create(builder, loc, bias, empty, dimensions)
      ->getResult(0);
}

Value mpq::createIntegerProduct(OpBuilder &builder, ProductParts &parts,
                                Value init) {
  Location loc = parts.op.getLoc();
  SmallVector<Value> inputs(2);
  unsigned activation = parts.activation->getOperandNumber();
  inputs[activation] = parts.integers;
  Value weights = parts.dequantizedWeight.getInput();
  if (parts.weightsChanged)
    weights = createConstant(
        builder, weights.getLoc(),
        cast<RankedTensorType>(weights.getType()).clone(builder.getI8Type()),
        parts.weights);
  inputs[1 - activation] = weights;
  return linalg::GenericOp::create(
             builder, loc, TypeRange{init.getType()}, inputs, ValueRange{init},
             parts.op.getIndexingMapsArray(), parts.op.getIteratorTypesArray(),
             [&](OpBuilder &b, Location l, ValueRange args) {
               Type i32 = b.getI32Type();
               SmallVector<Value> wide(2);
               wide[activation] =
                   arith::ExtUIOp::create(b, l, i32, args[activation]);
               wide[1 - activation] =
                   arith::ExtSIOp::create(b, l, i32, args[1 - activation]);
               Value term = arith::MulIOp::create(b, l, wide[0], wide[1]);
               Value sum = arith::AddIOp::create(b, l, args[2], term);
               linalg::YieldOp::create(b, l, sum);
             })
      .getResult(0);
}

Value mpq::createZeros(OpBuilder &builder, Location loc,
                       RankedTensorType type) {
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                        type.getElementType());
  return linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
}

Value mpq::createIntegerProduct(OpBuilder &builder, Location loc, Value a,
                                Value b, Value init, ArrayRef<AffineMap> maps,
                                ArrayRef<utils::IteratorType> iterators) {
  return linalg::GenericOp::create(
             builder, loc, TypeRange{init.getType()}, ValueRange{a, b},
             ValueRange{init}, maps, iterators,
             [](OpBuilder &b, Location l, ValueRange args) {
               Type i32 = b.getI32Type();
               Value x = arith::ExtUIOp::create(b, l, i32, args[0]);
               Value y = arith::ExtSIOp::create(b, l, i32, args[1]);
               Value term = arith::MulIOp::create(b, l, x, y);
               linalg::YieldOp::create(
                   b, l,
                   arith::AddIOp::create(b, l, args[2], term).getResult());
             })
      .getResult(0);
}

Value mpq::createOperandSums(OpBuilder &builder, linalg::LinalgOp op,
                             OpOperand &operand, Value bytes, bool isUnsigned,
                             AffineMap &map) {
  Location loc = op.getLoc();
  AffineMap operandMap = op.getMatchingIndexingMap(&operand);
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  // Loops of the other operand alone do not change the sum.
  llvm::SmallBitVector unused(extents.size());
  SmallVector<utils::IteratorType> iterators;
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    unused[loop] = !operandMap.isFunctionOfDim(loop);
    if (!unused[loop])
      iterators.push_back(kind);
  }
  SmallVector<AffineExpr> sumExprs, resultExprs;
  SmallVector<int64_t> shape;
  for (auto [d, expr] : llvm::enumerate(output.getResults())) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (unused[loop])
      continue;
    sumExprs.push_back(expr);
    resultExprs.push_back(builder.getAffineDimExpr(d));
    shape.push_back(extents[loop]);
  }
  MLIRContext *context = builder.getContext();
  map = AffineMap::get(output.getNumResults(), 0, resultExprs, context);
  AffineMap sumMap = AffineMap::get(extents.size(), 0, sumExprs, context);
  auto type = RankedTensorType::get(shape, builder.getI32Type());
  return linalg::GenericOp::create(
             builder, loc, TypeRange{type}, ValueRange{bytes},
             ValueRange{createZeros(builder, loc, type)},
             ArrayRef<AffineMap>{compressDims(operandMap, unused),
                                 compressDims(sumMap, unused)},
             iterators,
             [&](OpBuilder &b, Location l, ValueRange args) {
               Type i32 = b.getI32Type();
               Value x =
                   isUnsigned
                       ? Value(arith::ExtUIOp::create(b, l, i32, args[0]))
                       : Value(arith::ExtSIOp::create(b, l, i32, args[0]));
               linalg::YieldOp::create(
                   b, l, arith::AddIOp::create(b, l, args[1], x).getResult());
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Bias
//===----------------------------------------------------------------------===//

Bias mpq::analyzeBias(ProductParts &parts) {
  Value init = parts.op.getDpsInits()[0];
  Value source = init;
  SmallVector<int64_t> outputDims; // of the output, one for each of source's
  auto type = cast<RankedTensorType>(init.getType());
  FloatAttr scalar;
  if (auto fill = init.getDefiningOp<linalg::FillOp>()) {
    if (!matchPattern(fill.getInputs()[0], m_Constant(&scalar)))
      return {Bias::Float, {}};
  } else if (auto broadcast = init.getDefiningOp<linalg::BroadcastOp>()) {
    source = broadcast.getInput();
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (!llvm::is_contained(broadcast.getDimensions(), d))
        outputDims.push_back(d);
  } else if (auto generic = init.getDefiningOp<linalg::GenericOp>();
             generic && linalg::isaBroadcastOpInterface(generic)) {
    source = generic.getInputs()[0];
    AffineMap map = generic.getIndexingMapsArray()[0];
    for (unsigned i = 0; i < map.getNumResults(); ++i)
      outputDims.push_back(map.getDimPosition(i));
  } else {
    SplatElementsAttr splat;
    if (!matchPattern(init, m_Constant(&splat)))
      return {Bias::Float, {}};
    scalar =
        FloatAttr::get(type.getElementType(), splat.getSplatValue<APFloat>());
  }

  // Numbers of the source, and the scale they are already in, if any.
  std::optional<ConstantView> numbers, storedScale;
  bool stored = false;
  if (!scalar) {
    if (auto dequantize = source.getDefiningOp<DequantizeOp>()) {
      numbers = ConstantView::get(dequantize.getInput());
      storedScale = ConstantView::get(dequantize.getScale());
      std::optional<ConstantView> zero =
          ConstantView::get(dequantize.getZeroPoint());
      stored = numbers && storedScale && zero && zero->isSplat() &&
               zero->getInt(0, false) == 0 &&
               numbers->getElementType().isInteger(32) &&
               (storedScale->size() == 1 ||
                (dequantize.getParamMap() &&
                 dequantize.getParamMap()->isIdentity()));
      if (!stored)
        return {Bias::Float, {}};
    } else {
      numbers = ConstantView::get(source);
      if (!numbers || !numbers->getElementType().isF32())
        return {Bias::Float, {}};
    }
  }
  if (scalar && scalar.getValue().isZero())
    return {Bias::Zero, {}};

  // Channel c has coordinates along channelDims; the source is indexed by some
  // of them.
  SmallVector<int64_t> sourceStrides(parts.channelDims.size(), 0);
  int64_t stride = 1;
  for (int64_t i = int64_t(outputDims.size()) - 1; i >= 0; --i) {
    const auto *at = llvm::find(parts.channelDims, outputDims[i]);
    if (at == parts.channelDims.end())
      return {Bias::Float, {}};
    sourceStrides[at - parts.channelDims.begin()] = stride;
    stride *= type.getDimSize(outputDims[i]);
  }
  Bias bias{Bias::Integer, {}};
  bool inRange = true;
  forEachElement(parts.channelExtents, [&](int64_t c, ArrayRef<int64_t> at) {
    int64_t index = 0;
    for (auto [coordinate, s] : llvm::zip_equal(at, sourceStrides))
      index += coordinate * s;
    double scale = parts.scales[c], integer;
    if (stored) {
      float own = storedScale->getFloat(storedScale->size() == 1 ? 0 : index);
      int64_t value = numbers->getInt(index, false);
      // Usually in the accumulator's own scale, then exact.
      integer = own == parts.scales[c]
                    ? double(value)
                    : std::nearbyint(double(value) * double(own) / scale);
    } else {
      double value =
          scalar ? scalar.getValueAsDouble() : double(numbers->getFloat(index));
      integer = std::nearbyint(value / scale);
    }
    // Also rejects NaN. Beyond 2^30 no room for products would remain.
    inRange &= std::abs(integer) <= double(1 << 30);
    bias.integers.push_back(inRange ? int64_t(integer) : 0);
  });
  if (!inRange)
    return {Bias::Float, {}};
  return bias;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

Value mpq::createElementwise(
    OpBuilder &builder, Location loc, RankedTensorType type, ValueRange inputs,
    ArrayRef<AffineMap> inputMaps,
    function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                        type.getElementType());
  SmallVector<AffineMap> maps(inputMaps);
  maps.push_back(builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, TypeRange{type}, inputs, ValueRange{empty}, maps,
             iterators,
             [&](OpBuilder &b, Location l, ValueRange args) {
               linalg::YieldOp::create(b, l, body(b, l, args));
             })
      .getResult(0);
}

Value mpq::scaleSum(OpBuilder &builder, Location loc, Value number, Value scale,
                    Value start) {
  Value scaled = arith::MulFOp::create(builder, loc, number, scale);
  return start ? arith::AddFOp::create(builder, loc, scaled, start).getResult()
               : scaled;
}

QuantizeOp mpq::getOnlyQuantize(linalg::LinalgOp op) {
  if (!op->hasOneUse())
    return {};
  auto quantize = dyn_cast<QuantizeOp>(*op->user_begin());
  if (!quantize || !getTensorParameters(quantize) ||
      quantize.getRounding() != Rounding::HalfEven ||
      quantize.getZeroPointOrder() != ZeroPointOrder::AfterRounding)
    return {};
  return quantize;
}
