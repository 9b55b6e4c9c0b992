//===- LowerProducts.cpp - integer matrix products and convolutions ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One rewrite for every product, because its indexing maps say all that
// matters: which dimensions of the weights index output channels, and which are
// summed. The constant part of the sum is computed here from the weights, once.
//
//===----------------------------------------------------------------------===//

#include "Parameters.h"

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQInterfaces.h"

#include <cmath>
#include <limits>

namespace mpq {
#define GEN_PASS_DEF_LOWERPRODUCTSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
/// A product split into what the integer form needs. Output channels are the
/// parallel loops that index the weights; they are numbered in row-major order
/// of the output dimensions they appear in.
struct ProductParts {
  linalg::LinalgOp op;
  OpOperand *activation, *weight;
  DequantizeOp dequantizedActivation, dequantizedWeight;
  TensorParameters input;

  SmallVector<int64_t> channelDims;    // of the output, increasing
  SmallVector<int64_t> channelExtents; // along channelDims
  int64_t channels = 1;

  SmallVector<int8_t> weights;     // row-major, zero point partly removed
  bool weightsChanged = false;     // `weights` differ from the stored bytes
  SmallVector<float> scales;       // sx * sw, a channel
  SmallVector<int32_t> remainder;  // weight zero point left, a channel
  SmallVector<int64_t> correction; // sum of terms without qx, a channel
  SmallVector<int64_t> bound;      // of |sum of terms with qx|, a channel

  bool hasRemainder() const {
    return llvm::any_of(remainder, [](int32_t z) { return z != 0; });
  }
};

/// Calls `f(linear index, multi-index)` for every element of `shape` in
/// row-major order.
template <typename Fn> void forEachElement(ArrayRef<int64_t> shape, Fn &&f) {
  int64_t total = ShapedType::getNumElements(shape);
  SmallVector<int64_t> index(shape.size(), 0);
  for (int64_t linear = 0; linear < total; ++linear) {
    f(linear, ArrayRef<int64_t>(index));
    for (int64_t d = int64_t(shape.size()) - 1; d >= 0; --d) {
      if (++index[d] < shape[d])
        break;
      index[d] = 0;
    }
  }
}
} // namespace

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

/// Splits `op`; on failure `reason` says what it lacks.
static LogicalResult splitProduct(QuantizableOpInterface product,
                                  ProductParts &parts, StringRef &reason) {
  parts.op = cast<linalg::LinalgOp>(product.getOperation());
  parts.activation = &product.getActivationOperand();
  parts.weight = &product.getWeightOperand();
  parts.dequantizedActivation =
      parts.activation->get().getDefiningOp<DequantizeOp>();
  parts.dequantizedWeight = parts.weight->get().getDefiningOp<DequantizeOp>();
  if (!parts.dequantizedActivation || !parts.dequantizedWeight)
    return reason = "not both operands are dequantized", failure();
  std::optional<TensorParameters> input =
      getTensorParameters(parts.dequantizedActivation);
  if (!input)
    return reason = "the activation's parameters are not one constant pair",
           failure();
  if (!input->isUnsigned || !input->storage.isInteger(8))
    return reason = "the activation is not stored in unsigned 8 bits",
           failure();
  parts.input = *input;

  DequantizeOp weight = parts.dequantizedWeight;
  auto weightType = cast<RankedTensorType>(weight.getInput().getType());
  std::optional<ConstantView> data = ConstantView::get(weight.getInput()),
                              scale = ConstantView::get(weight.getScale()),
                              zero = ConstantView::get(weight.getZeroPoint());
  if (!data || !scale || !zero)
    return reason = "the weights are not constant", failure();
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
// Bias
//===----------------------------------------------------------------------===//

namespace {
/// What initializes the float product.
struct Bias {
  enum Kind { Zero, Integer, Float } kind;
  /// Integer: a number for each channel in units of the accumulator.
  SmallVector<int64_t> integers;
};
} // namespace

/// Classifies what the product starts from: nothing, constants for each channel
/// (float, or integers under a dequantization as in imported models), or a
/// tensor that has to be added in float.
static Bias analyzeBias(ProductParts &parts) {
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
      stored =
          numbers && storedScale && zero && zero->isSplat() &&
          zero->getInt(0, false) == 0 &&
          numbers->getElementType().isInteger(32) &&
          (storedScale->size() == 1 || storedScale->size() == numbers->size());
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
// Construction
//===----------------------------------------------------------------------===//

/// A parallel generic of the output's shape.
static Value
createElementwise(OpBuilder &builder, Location loc, RankedTensorType type,
                  ValueRange inputs, ArrayRef<AffineMap> inputMaps,
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

/// A number for each channel: a scalar for the body, or an operand and its map.
namespace {
class ChannelConstant {
public:
  template <typename T>
  ChannelConstant(OpBuilder &builder, ProductParts &parts, ArrayRef<T> values,
                  Type element) {
    if (llvm::all_equal(values)) {
      if constexpr (std::is_same_v<T, float>)
        scalar = FloatAttr::get(element, values.front());
      else
        scalar = IntegerAttr::get(element, values.front());
      return;
    }
    operand = createConstant<T>(
        builder, parts.op.getLoc(),
        RankedTensorType::get(parts.channelExtents, element), values);
    SmallVector<AffineExpr> exprs;
    for (int64_t d : parts.channelDims)
      exprs.push_back(builder.getAffineDimExpr(d));
    int64_t rank = cast<ShapedType>(parts.op->getResult(0).getType()).getRank();
    map = AffineMap::get(rank, 0, exprs, builder.getContext());
  }
  void appendTo(SmallVectorImpl<Value> &inputs,
                SmallVectorImpl<AffineMap> &maps) {
    if (scalar)
      return;
    position = inputs.size();
    inputs.push_back(operand);
    maps.push_back(map);
  }
  Value get(OpBuilder &builder, Location loc, ValueRange args) const {
    return scalar ? Value(arith::ConstantOp::create(builder, loc, scalar))
                  : args[position];
  }

private:
  TypedAttr scalar;
  Value operand;
  AffineMap map;
  unsigned position = 0;
};
} // namespace

/// The i32 tensor the accumulation starts from.
static Value createInit(OpBuilder &builder, ProductParts &parts,
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

/// `init + sum u8 * s8` with the maps of the float product.
static Value createIntegerProduct(OpBuilder &builder, ProductParts &parts,
                                  Value init) {
  Location loc = parts.op.getLoc();
  SmallVector<Value> inputs(2);
  unsigned activation = parts.activation->getOperandNumber();
  inputs[activation] = parts.dequantizedActivation.getInput();
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

/// `acc - zw * sum qx` for weights whose zero point could not be removed: a
/// second reduction of the activations over the same windows.
static Value subtractActivationSums(OpBuilder &builder, ProductParts &parts,
                                    Value acc) {
  Location loc = parts.op.getLoc();
  Type i32 = builder.getI32Type();
  AffineMap inputMap = parts.op.getMatchingIndexingMap(parts.activation);
  AffineMap outputMap =
      parts.op.getMatchingIndexingMap(parts.op.getDpsInitOperand(0));
  SmallVector<int64_t> extents = parts.op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> iterators = parts.op.getIteratorTypesArray();

  // Loops that only choose weights do not change the sum.
  llvm::SmallBitVector unused(extents.size());
  for (unsigned loop = 0; loop < extents.size(); ++loop)
    unused[loop] = !inputMap.isFunctionOfDim(loop);
  SmallVector<AffineExpr> windowDims, sumDims, sumOperandDims;
  SmallVector<int64_t> windowShape, sumShape;
  for (unsigned loop = 0; loop < extents.size(); ++loop)
    if (iterators[loop] == utils::IteratorType::reduction && !unused[loop]) {
      windowDims.push_back(builder.getAffineDimExpr(loop));
      windowShape.push_back(extents[loop]);
    }
  for (auto [d, expr] : llvm::enumerate(outputMap.getResults())) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (unused[loop])
      continue;
    sumDims.push_back(expr);
    sumShape.push_back(extents[loop]);
    sumOperandDims.push_back(builder.getAffineDimExpr(d));
  }
  unsigned loops = extents.size();
  MLIRContext *context = builder.getContext();
  SmallVector<AffineMap> maps{inputMap,
                              AffineMap::get(loops, 0, windowDims, context),
                              AffineMap::get(loops, 0, sumDims, context)};
  SmallVector<utils::IteratorType> kept;
  for (unsigned loop = 0; loop < loops; ++loop)
    if (!unused[loop])
      kept.push_back(iterators[loop]);
  for (AffineMap &map : maps)
    map = compressDims(map, unused);
  auto sumType = RankedTensorType::get(sumShape, i32);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value empty = tensor::EmptyOp::create(builder, loc, sumShape, i32);
  Value init = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  Value window =
      tensor::EmptyOp::create(builder, loc, windowShape, builder.getI8Type());
  Value sums =
      linalg::GenericOp::create(
          builder, loc, TypeRange{sumType},
          ValueRange{parts.dequantizedActivation.getInput(), window},
          ValueRange{init}, maps, kept,
          [](OpBuilder &b, Location l, ValueRange args) {
            Value x = arith::ExtUIOp::create(b, l, b.getI32Type(), args[0]);
            linalg::YieldOp::create(
                b, l, arith::AddIOp::create(b, l, args[2], x).getResult());
          })
          .getResult(0);

  auto type = cast<RankedTensorType>(acc.getType());
  SmallVector<Value> inputs{acc, sums};
  SmallVector<AffineMap> elementMaps{
      builder.getMultiDimIdentityMap(type.getRank()),
      AffineMap::get(type.getRank(), 0, sumOperandDims, context)};
  ChannelConstant zeroPoint(builder, parts, ArrayRef<int32_t>(parts.remainder),
                            i32);
  zeroPoint.appendTo(inputs, elementMaps);
  return createElementwise(
      builder, loc, type, inputs, elementMaps,
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value term =
            arith::MulIOp::create(b, l, args[1], zeroPoint.get(b, l, args));
        return arith::SubIOp::create(b, l, args[0], term);
      });
}

/// The quantization that is the product's only consumer, if `mpq.requantize`
/// can stand for it.
static QuantizeOp getOnlyQuantize(linalg::LinalgOp op) {
  if (!op->hasOneUse())
    return {};
  auto quantize = dyn_cast<QuantizeOp>(*op->user_begin());
  if (!quantize || !getTensorParameters(quantize) ||
      quantize.getRounding() != Rounding::HalfEven ||
      quantize.getZeroPointOrder() != ZeroPointOrder::AfterRounding)
    return {};
  return quantize;
}

namespace {
struct LowerProduct : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    auto product = dyn_cast<QuantizableOpInterface>(op.getOperation());
    if (!product || !product.isProduct())
      return rewriter.notifyMatchFailure(op, "not a product");
    ProductParts parts;
    StringRef reason;
    if (failed(splitProduct(product, parts, reason)))
      return rewriter.notifyMatchFailure(op, reason);

    // The largest magnitude any partial sum can have (N-R2).
    Bias bias = analyzeBias(parts);
    auto fits = [&](bool withBias) {
      for (int64_t c = 0; c < parts.channels; ++c) {
        int64_t start = parts.correction[c];
        if (withBias)
          start += bias.integers[c];
        if (std::abs(start) + parts.bound[c] >
            std::numeric_limits<int32_t>::max())
          return false;
      }
      return true;
    };
    if (!fits(/*withBias=*/false))
      return rewriter.notifyMatchFailure(op, "its sum may exceed 31 bits");
    if (bias.kind == Bias::Integer && !fits(/*withBias=*/true))
      bias.kind = Bias::Float;

    Location loc = op.getLoc();
    SmallVector<int64_t> start(parts.correction);
    if (bias.kind == Bias::Integer)
      for (auto [s, b] : llvm::zip_equal(start, bias.integers))
        s += b;
    Value acc = createIntegerProduct(rewriter, parts,
                                     createInit(rewriter, parts, start));
    if (parts.hasRemainder())
      acc = subtractActivationSums(rewriter, parts, acc);

    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    SmallVector<Value> inputs{acc};
    SmallVector<AffineMap> maps{
        rewriter.getMultiDimIdentityMap(type.getRank())};
    Type f32 = rewriter.getF32Type();
    QuantizeOp quantize = getOnlyQuantize(op);
    if (quantize && bias.kind != Bias::Float) {
      TensorParameters output = *getTensorParameters(quantize);
      SmallVector<float> multipliers;
      for (float scale : parts.scales)
        multipliers.push_back(scale / output.scale);
      ChannelConstant multiplier(rewriter, parts, ArrayRef<float>(multipliers),
                                 f32);
      multiplier.appendTo(inputs, maps);
      auto narrow = cast<RankedTensorType>(quantize.getType());
      Value result = createElementwise(
          rewriter, quantize.getLoc(), narrow, inputs, maps,
          [&](OpBuilder &b, Location l, ValueRange args) -> Value {
            Value zeroPoint = arith::ConstantOp::create(
                b, l, getStorageAttr(output.storage, output.zeroPoint));
            return RequantizeOp::create(
                b, l, output.storage, args[0], multiplier.get(b, l, args),
                zeroPoint, AffineMapAttr(), quantize.getIsUnsignedAttr(),
                quantize.getClampRangeAttr());
          });
      rewriter.replaceOp(quantize, result);
      rewriter.eraseOp(op);
      return success();
    }

    ChannelConstant scale(rewriter, parts, ArrayRef<float>(parts.scales), f32);
    scale.appendTo(inputs, maps);
    if (bias.kind == Bias::Float) {
      inputs.push_back(op.getDpsInits()[0]);
      maps.push_back(maps.front());
    }
    rewriter.replaceOp(
        op, createElementwise(
                rewriter, loc, type, inputs, maps,
                [&](OpBuilder &b, Location l, ValueRange args) -> Value {
                  Value number = arith::SIToFPOp::create(b, l, f32, args[0]);
                  number = arith::MulFOp::create(b, l, number,
                                                 scale.get(b, l, args));
                  if (bias.kind == Bias::Float)
                    number = arith::AddFOp::create(b, l, number,
                                                   args[inputs.size() - 1]);
                  return number;
                }));
    return success();
  }
};

struct LowerProducts : mpq::impl::LowerProductsPassBase<LowerProducts> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateLowerProductsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    // What still has a dequantized operand stays in float: say why.
    getOperation()->walk([](QuantizableOpInterface product) {
      if (!product.isProduct() ||
          llvm::none_of(product->getOperands(), [](Value operand) {
            return operand.getDefiningOp<DequantizeOp>() != nullptr;
          }))
        return;
      ProductParts parts;
      StringRef reason = "its sum may exceed 31 bits";
      (void)splitProduct(product, parts, reason);
      remark::missed(
          product.getLoc(),
          remark::RemarkOpts::name("float-product").category("mpq-lower"))
          << remark::reason("{0}", reason.str());
    });
  }
};
} // namespace

void mpq::populateLowerProductsPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerProduct>(patterns.getContext());
}
