//===- Quantize.cpp - float products become QDQ form ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where a quantization stands decides what a memory access costs and what a
// kernel can fuse: once, at the end of the elementwise chain of a producer,
// above everything that merely moves the value. Cost: one walk over the users
// of each quantized value, and one over the weights.
//
//===----------------------------------------------------------------------===//

#include "BlockWeights.h"
#include "FloatWeights.h"
#include "RoundFactors.h"

#include "mpq/Transforms/Quantize/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mpq/Analysis/ScaleGroups.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/MPQInterfaces.h"

#include "llvm/ADT/SetVector.h"

#include <cmath>
#include <map>

namespace mpq {
#define GEN_PASS_DEF_QUANTIZEPASS
#include "mpq/Transforms/Quantize/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
/// How a whole activation becomes integers.
struct ActivationParameters {
  float scale;
  int64_t zeroPoint;
  unsigned bits = 8; // 8: unsigned, 16: signed
};

class Quantizer {
public:
  explicit Quantizer(FunctionOpInterface function)
      : function(function), builder(function.getContext()) {}
  LogicalResult run();

private:
  DequantizeOp insertPair(Value value, const ActivationParameters &parameters);
  void quantizeActivation(Value root, const ActivationParameters &parameters);
  FailureOr<ActivationParameters> chooseParameters(ScaleGroup &group,
                                                   const RangeAnalysis &ranges,
                                                   bool isRightSide,
                                                   unsigned bits);
  LogicalResult quantizeWeights(QuantizableOpInterface product);
  LogicalResult quantizeOperandsAsItRuns(QuantizableOpInterface product);
  Value quantizeAsItRuns(Value value, unsigned kept, bool isUnsigned);

  FunctionOpInterface function;
  OpBuilder builder;
  /// Weights that several products share, as the steps of a sequence do, are
  /// quantized once for each choice of channels.
  std::map<std::tuple<Operation *, const void *, PrecisionKind,
                      SmallVector<int64_t>>,
           Value>
      quantizedWeights;
  llvm::SetVector<Operation *> quantizedConstants;
  /// Activations that are quantized as the model runs, for all products that
  /// read one, by how many leading dimensions have parameters of their own.
  std::map<std::tuple<const void *, unsigned, bool>, Value> quantizedAsItRuns;
};
} // namespace

/// Scale and zero point of a range that holds 0.
static ActivationParameters getParameters(std::pair<double, double> range) {
  float scale = float((range.second - range.first) / 255.0);
  if (scale < std::numeric_limits<float>::min())
    return {1.0f, 0}; // nothing but zeros: any scale represents them
  double zeroPoint = std::nearbyint(-range.first / double(scale));
  return {scale, int64_t(std::clamp(zeroPoint, 0.0, 255.0))};
}

/// The same with the zero point in the middle, for right operands of products
/// of two activations: as signed numbers they have none, and no sums over the
/// left operand are needed.
static ActivationParameters
getSymmetricParameters(std::pair<double, double> range) {
  float scale = float(std::max(-range.first, range.second) / 127.0);
  if (scale < std::numeric_limits<float>::min())
    return {1.0f, 128};
  return {scale, 128};
}

/// Of 16 bits there are enough without the side that a zero point would win.
static ActivationParameters getWideParameters(std::pair<double, double> range) {
  float scale = float(std::max(-range.first, range.second) / 32767.0);
  if (scale < std::numeric_limits<float>::min())
    return {1.0f, 0, 16};
  return {scale, 0, 16};
}

/// What was decided for `product`; f32 if nothing was.
static PrecisionKind getPrecision(Operation *product) {
  auto precision =
      product->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
  return precision ? precision.getKind() : PrecisionKind::F32;
}

static bool isInScaleGroup(Operation *op) {
  return op && op->hasAttr(MPQDialect::getScaleGroupAttrName());
}

/// True for what quantizes values as the model runs: from what they were.
static bool readsForRange(Operation *op) {
  auto quantize = dyn_cast<QuantizeOp>(op);
  return isa<ChooseParamsOp>(op) ||
         (quantize && quantize.getScale().getDefiningOp<ChooseParamsOp>());
}

FailureOr<ActivationParameters>
Quantizer::chooseParameters(ScaleGroup &group, const RangeAnalysis &ranges,
                            bool isRightSide, unsigned bits) {
  Value missing;
  std::optional<std::pair<double, double>> range =
      group.getRange(ranges, missing);
  if (!range) {
    InFlightDiagnostic diagnostic =
        emitError(missing.getLoc())
        << "expected a range of this value, which is to be in " << bits
        << " bits: apply a profile that has it, or leave what reads it in f32";
    diagnostic.attachNote(group.activations.front().getLoc())
        << "this value is read or stored in " << bits << " bits";
    return failure();
  }
  return bits == 16    ? getWideParameters(*range)
         : isRightSide ? getSymmetricParameters(*range)
                       : getParameters(*range);
}

/// `value` in integers and back, right behind it.
DequantizeOp Quantizer::insertPair(Value value,
                                   const ActivationParameters &parameters) {
  builder.setInsertionPointAfterValue(value);
  Location loc = value.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  Type storage = builder.getIntegerType(parameters.bits);
  bool isUnsigned = parameters.bits == 8;
  Value s = createConstant(builder, loc,
                           RankedTensorType::get({}, builder.getF32Type()),
                           ArrayRef<float>(parameters.scale));
  auto zeroType = RankedTensorType::get({}, storage);
  Value z = isUnsigned
                ? createConstant(builder, loc, zeroType,
                                 ArrayRef<uint8_t>(parameters.zeroPoint))
                : createConstant(builder, loc, zeroType,
                                 ArrayRef<int16_t>(parameters.zeroPoint));
  auto map = AffineMapAttr::get(
      AffineMap::get(type.getRank(), 0, {}, builder.getContext()));
  auto quantize =
      QuantizeOp::create(builder, loc, type.clone(storage), value, s, z, map,
                         isUnsigned, Rounding::HalfEven, Scaling::Multiply,
                         ZeroPointOrder::AfterRounding, DenseI64ArrayAttr());
  return DequantizeOp::create(builder, loc, type, quantize, s, z, map,
                              isUnsigned);
}

void Quantizer::quantizeActivation(Value root,
                                   const ActivationParameters &parameters) {
  DequantizeOp dequantize = insertPair(root, parameters);
  Operation *quantize = dequantize.getInput().getDefiningOp();
  // A state that becomes the next one keeps what 8 bits would round away in
  // every step: a slow sequence would stand still.
  bool isState = isInScaleGroup(root.getDefiningOp());
  root.replaceUsesWithIf(dequantize, [&](OpOperand &use) {
    return use.getOwner() != quantize &&
           !use.getOwner()->hasTrait<OpTrait::IsTerminator>() &&
           !isa<ObserveOp>(use.getOwner()) && !readsForRange(use.getOwner()) &&
           !(isState && isInScaleGroup(use.getOwner()));
  });
}

unsigned mpq::getWeightBits(PrecisionKind precision) {
  switch (precision) {
  case PrecisionKind::Int4:
    return 4;
  case PrecisionKind::Int2:
    return 2;
  default:
    return 8;
  }
}

WeightGrid mpq::getChannelGrid(PrecisionKind precision, float largestWeight) {
  WeightGrid grid;
  // Of few integers each one counts, also that without a counterpart.
  unsigned bits = getWeightBits(precision);
  grid.highest = (1 << (bits - 1)) - 1;
  grid.lowest = bits == 8 ? -grid.highest : -grid.highest - 1;
  float largest = largestWeight / float(grid.highest);
  // No channel's scale is so small that its bias overflows the accumulator.
  float smallest =
      std::max(largest / 4096.0f, std::numeric_limits<float>::min());
  grid.smallestScale = largest == 0.0f ? 1.0f : smallest;
  return grid;
}

LogicalResult Quantizer::quantizeWeights(QuantizableOpInterface product) {
  PrecisionKind precision = getPrecision(product);
  if (precision == PrecisionKind::Int16) // its weights are those of int8
    precision = PrecisionKind::Int8;
  Value weights = product.getWeightOperand().get();
  std::optional<ConstantView> data = ConstantView::get(weights);
  if (!data || !data->getElementType().isF32())
    return product.emitOpError("expected constant f32 weights for precision ")
           << stringifyPrecisionKind(precision) << " but got "
           << weights.getType() << " that is not constant";
  auto type = cast<RankedTensorType>(weights.getType());
  ArrayRef<int64_t> shape = type.getShape();
  SmallVector<int64_t> channelDims = product.getWeightChannelDims();
  auto given = product->getAttrOfType<RoundedWeightsAttr>(
      MPQDialect::getRoundedWeightsAttrName());
  Value &quantized =
      quantizedWeights[{weights.getDefiningOp(), given.getAsOpaquePointer(),
                        precision, channelDims}];
  if (quantized) {
    product.getWeightOperand().set(quantized);
    return success();
  }

  // The channel of an element is a sum of its coordinates times these strides.
  SmallVector<int64_t> strides(type.getRank(), 0), scaleShape;
  int64_t channels = 1;
  for (int64_t dim : llvm::reverse(channelDims)) {
    strides[dim] = channels;
    channels *= shape[dim];
    scaleShape.insert(scaleShape.begin(), shape[dim]);
  }
  SmallVector<int32_t> channelOf(data->size());
  SmallVector<int64_t> index(type.getRank(), 0);
  for (int32_t &channel : channelOf) {
    int64_t sum = 0;
    for (auto [coordinate, stride] : llvm::zip_equal(index, strides))
      sum += coordinate * stride;
    channel = int32_t(sum);
    for (int64_t d = type.getRank() - 1; d >= 0; --d) {
      if (++index[d] < shape[d])
        break;
      index[d] = 0;
    }
  }

  builder.setInsertionPoint(product);
  auto scaleType = RankedTensorType::get(scaleShape, builder.getF32Type());
  Type storage = builder.getIntegerType(getWeightBits(precision));
  ElementsAttr w, s;
  if (given) {
    if (failed(checkRounded(product, given, scaleType, storage)))
      return failure();
    w = given.getIntegers();
    s = given.getScales();
  } else {
    SmallVector<float> largest(channels, 0.0f);
    for (auto [i, channel] : llvm::enumerate(channelOf)) {
      float magnitude = std::fabs(data->getFloat(i));
      if (!std::isfinite(magnitude))
        return product.emitOpError("expected finite weights for precision ")
               << stringifyPrecisionKind(precision) << " but got "
               << data->getFloat(i) << " as element " << i;
      largest[channel] = std::max(largest[channel], magnitude);
    }
    WeightGrid grid = getChannelGrid(precision, *llvm::max_element(largest));
    SmallVector<WeightParameters> chosen;
    SmallVector<float> scales;
    for (float magnitude : largest) {
      chosen.push_back(getWeightParameters(grid, -magnitude, magnitude));
      scales.push_back(chosen.back().scale);
    }
    SmallVector<char> integers(data->size());
    for (auto [i, channel] : llvm::enumerate(channelOf))
      integers[i] = roundToNearest(grid, chosen[channel], data->getFloat(i));
    w = createConstantAttr(type.clone(storage), integers);
    s = createConstantAttr(
        scaleType, ArrayRef<char>(reinterpret_cast<const char *>(scales.data()),
                                  scales.size() * sizeof(float)));
  }

  Location loc = weights.getLoc();
  Value integers = arith::ConstantOp::create(builder, loc, w);
  Value scales = arith::ConstantOp::create(builder, loc, s);
  Value zeroPoints = createConstant(builder, loc, scaleType.clone(storage),
                                    SmallVector<int8_t>(channels, 0));
  SmallVector<AffineExpr> exprs;
  for (int64_t dim : channelDims)
    exprs.push_back(builder.getAffineDimExpr(dim));
  auto dequantize =
      DequantizeOp::create(builder, loc, type, integers, scales, zeroPoints,
                           AffineMapAttr::get(AffineMap::get(
                               type.getRank(), 0, exprs, builder.getContext())),
                           /*is_unsigned=*/false);
  product.getWeightOperand().set(dequantize);
  quantized = dequantize;
  quantizedConstants.insert(weights.getDefiningOp());
  return success();
}

/// `value` quantized with parameters for each index of its first `kept`
/// dimensions.
Value Quantizer::quantizeAsItRuns(Value value, unsigned kept, bool isUnsigned) {
  Value &quantized =
      quantizedAsItRuns[{value.getAsOpaquePointer(), kept, isUnsigned}];
  if (!quantized) {
    builder.setInsertionPointAfterValue(value);
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<AffineExpr> exprs;
    for (unsigned d = 0; d < kept; ++d)
      exprs.push_back(builder.getAffineDimExpr(d));
    AffineMap map =
        AffineMap::get(type.getRank(), 0, exprs, builder.getContext());
    quantized =
        mpq::quantizeAsItRuns(builder, value.getLoc(), value, map,
                              type.getShape().take_front(kept), isUnsigned);
  }
  return quantized;
}

/// How many leading dimensions of an operand are dimensions of the result:
/// what their parameters depend on is a factor of whole sums.
static unsigned countResultDims(linalg::LinalgOp op, OpOperand &operand,
                                unsigned most) {
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  unsigned kept = 0;
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
    if (kept == most || !output.getResultPosition(expr))
      break;
    ++kept;
  }
  return kept;
}

LogicalResult
Quantizer::quantizeOperandsAsItRuns(QuantizableOpInterface product) {
  auto op = dyn_cast<linalg::LinalgOp>(product.getOperation());
  if (!op || !product.isProduct())
    return product.emitOpError("expected a product of f32 tensors with "
                               "indexing maps to quantize as the model runs");
  OpOperand &activation = product.getActivationOperand(),
            &weights = product.getWeightOperand();
  // As many as possible for rows, one for each matrix of what is on the right:
  // it may be read through a transposition.
  unsigned all = cast<RankedTensorType>(activation.get().getType()).getRank();
  Value left = quantizeAsItRuns(activation.get(),
                                countResultDims(op, activation, all - 1), true);
  if (ConstantView::get(weights.get())) {
    if (failed(quantizeWeights(product)))
      return failure();
  } else {
    unsigned rank = cast<RankedTensorType>(weights.get().getType()).getRank();
    weights.set(quantizeAsItRuns(
        weights.get(), countResultDims(op, weights, rank - 2), false));
  }
  activation.set(left);
  return success();
}

static void removeDecisions(Operation *product) {
  for (StringRef name :
       {MPQDialect::getPrecisionAttrName(), MPQDialect::getDynamicAttrName(),
        MPQDialect::getBlocksAttrName(),
        MPQDialect::getWeightRoundingAttrName(),
        MPQDialect::getRoundedWeightsAttrName()})
    product->removeAttr(name);
}

LogicalResult Quantizer::run() {
  SmallVector<QuantizableOpInterface> products, dynamic, inBlocks, halves,
      ofFormats;
  function.walk([&](QuantizableOpInterface op) {
    switch (getPrecision(op)) {
    case PrecisionKind::F32:
      break;
    case PrecisionKind::Int8:
      (op->hasAttr(MPQDialect::getDynamicAttrName()) ? dynamic : products)
          .push_back(op);
      break;
    case PrecisionKind::Int16:
      products.push_back(op);
      break;
    case PrecisionKind::Int4:
    case PrecisionKind::Int2:
      (op->hasAttr(MPQDialect::getBlocksAttrName()) ? inBlocks : products)
          .push_back(op);
      break;
    case PrecisionKind::BF16:
    case PrecisionKind::F16:
      halves.push_back(op);
      break;
    case PrecisionKind::FP8E4M3:
    case PrecisionKind::FP8E5M2:
    case PrecisionKind::MXFP8:
    case PrecisionKind::MXFP4:
    case PrecisionKind::MXInt8:
      ofFormats.push_back(op);
      break;
    }
  });
  for (QuantizableOpInterface product :
       llvm::concat<QuantizableOpInterface>(products, dynamic, inBlocks)) {
    auto rounding = product->getAttrOfType<WeightRoundingAttr>(
        MPQDialect::getWeightRoundingAttrName());
    if (rounding && rounding.needsSamples())
      return product.emitOpError("expected samples for rounding ")
             << stringifyWeightRoundingKind(rounding.getKind())
             << " and scales "
             << stringifyWeightScalesKind(rounding.getScales())
             << " of its weights: pass them with --fit-data";
  }
  // What is to be quantized, or moved from such, for products of 8 and 16 bits.
  SmallVector<OpOperand *> narrow, wide;
  SmallVector<Value> rightSides;
  llvm::DenseSet<Operation *> hasTwoActivations;
  for (QuantizableOpInterface product : products) {
    if (!product.isProduct())
      return product.emitOpError("expected a product of f32 tensors for "
                                 "precision ")
             << stringifyPrecisionKind(getPrecision(product));
    bool isWide = getPrecision(product) == PrecisionKind::Int16;
    SmallVector<OpOperand *> &operands = isWide ? wide : narrow;
    operands.push_back(&product.getActivationOperand());
    OpOperand &weights = product.getWeightOperand();
    if (ConstantView::get(weights.get()))
      continue;
    hasTwoActivations.insert(product);
    operands.push_back(&weights);
    if (!isWide)
      rightSides.push_back(weights.get());
  }
  auto getValue = [](OpOperand *operand) { return operand->get(); };
  SmallVector<ScaleGroup> wideGroups =
      findScaleGroups(llvm::map_to_vector(wide, getValue));
  llvm::DenseSet<Value> wideRoots;
  for (ScaleGroup &group : wideGroups)
    wideRoots.insert(group.roots.begin(), group.roots.end());
  // A value that both read is in 16 bits for everything but the products of 8,
  // which round that once more, where they read it.
  auto isWideValue = [&](Value value) {
    SmallVector<Value> roots;
    collectScaleRoots(value, roots);
    return llvm::any_of(roots,
                        [&](Value root) { return wideRoots.contains(root); });
  };
  SmallVector<Value> values;
  SmallVector<OpOperand *> roundedAgain;
  for (OpOperand *operand : narrow) {
    if (isWideValue(operand->get()))
      roundedAgain.push_back(operand);
    else
      values.push_back(operand->get());
  }
  function.walk([&](Operation *op) {
    if (op->removeAttr(MPQDialect::getStoredAttrName()) &&
        !isWideValue(op->getResult(0)))
      values.push_back(op->getResult(0));
  });
  RangeAnalysis ranges(function);
  // Parameters first: quantizing adds operations without ranges.
  std::vector<std::pair<ScaleGroup, ActivationParameters>> groups;
  auto isRightSide = [&](Value value) {
    return llvm::is_contained(rightSides, value);
  };
  for (unsigned bits : {16, 8})
    for (ScaleGroup &group :
         bits == 16 ? wideGroups : findScaleGroups(values)) {
      FailureOr<ActivationParameters> parameters = chooseParameters(
          group, ranges, llvm::any_of(group.activations, isRightSide), bits);
      if (failed(parameters))
        return failure();
      groups.emplace_back(std::move(group), *parameters);
    }
  SmallVector<ActivationParameters> again;
  for (OpOperand *operand : roundedAgain) {
    ScaleGroup own;
    collectScaleRoots(operand->get(), own.roots);
    own.activations.push_back(operand->get());
    FailureOr<ActivationParameters> parameters =
        chooseParameters(own, ranges, isRightSide(operand->get()), 8);
    if (failed(parameters))
      return failure();
    again.push_back(*parameters);
  }
  for (QuantizableOpInterface product : dynamic)
    if (failed(quantizeOperandsAsItRuns(product)))
      return failure();
  for (auto &[group, parameters] : groups)
    for (Value root : group.roots)
      quantizeActivation(root, parameters);
  std::map<std::pair<const void *, int64_t>, Value> pairs;
  for (auto [operand, parameters] : llvm::zip_equal(roundedAgain, again)) {
    Value &pair =
        pairs[{operand->get().getAsOpaquePointer(), parameters.zeroPoint}];
    if (!pair)
      pair = insertPair(operand->get(), parameters);
    operand->set(pair);
  }
  for (QuantizableOpInterface product : products) {
    if (!hasTwoActivations.contains(product) &&
        failed(quantizeWeights(product)))
      return failure();
    removeDecisions(product);
  }
  for (QuantizableOpInterface product : dynamic)
    removeDecisions(product);
  for (Operation *weights : quantizedConstants)
    if (weights->use_empty())
      weights->erase();
  for (QuantizableOpInterface product : inBlocks) {
    if (failed(quantizeBlocks(product)))
      return failure();
    removeDecisions(product);
  }
  for (QuantizableOpInterface product : ofFormats) {
    if (failed(quantizeToFormat(product)))
      return failure();
    removeDecisions(product);
  }
  return roundFactors(halves);
}

namespace {
struct Quantize : mpq::impl::QuantizePassBase<Quantize> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<FunctionOpInterface>())
      if (!function.isExternal() && failed(Quantizer(function).run()))
        return signalPassFailure();
  }
};
} // namespace
