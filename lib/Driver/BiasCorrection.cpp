//===- BiasCorrection.cpp - the mean error of products, measured ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounded weights and activations err with a mean that is not zero: over the
// background of an image, every pixel errs by the same amount. The mean of
// output n is known from means of the input (Nagel et al., "Data-Free
// Quantization Through Weight Equalization and Bias Correction", ICCV 2019):
//
//   E[y'(n) - y(n)] = sum_c,t p(t) (W'(t,c,n) E[x'(c)] - W(t,c,n) E[x(c)])
//
// where x' and W' are rounded and p(t) is the share of outputs whose tap t lies
// in the image. Corrected layers hand on no mean error, so the x of the float
// model serves all of them: one run observes everything.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/BiasCorrection.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"
#include "mpq/Analysis/Channels.h"
#include "mpq/Analysis/ScaleGroups.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Driver/Calibration.h"
#include "mpq/Transforms/Quantize/Passes.h"

using namespace mlir;
using namespace mpq;

namespace {
/// Sums of one product's activation over all positions, for each channel.
struct ChannelSums {
  std::vector<double> exact, rounded;
  int64_t positions = 0;

  void add(std::vector<double> &sums, ArrayRef<float> values) {
    for (size_t i = 0; i < values.size(); i += sums.size())
      for (size_t c = 0; c < sums.size(); ++c)
        sums[c] += values[i + c];
  }
};

struct CorrectedProduct {
  QuantizableOpInterface product; // in the module to annotate
  QuantizableOpInterface rounded; // in QDQ form
  /// What the product reads, before it is padded or reshaped.
  Value activation;
  int64_t channelDim; // of the weights
  ChannelSums sums;
};
} // namespace

static Value stripMoves(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!keepsChannels(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// The quantization in QDQ form that `activation` comes from.
static DequantizeOp findDequantize(Value activation) {
  SmallVector<Value> roots;
  collectScaleRoots(activation, roots);
  return roots.empty() ? DequantizeOp()
                       : roots.front().getDefiningOp<DequantizeOp>();
}

/// Observes the activation, and what would be read after rounding it as
/// `dequantize` says; the model itself goes on in float. What is quantized for
/// its own range as the model runs has no mean error worth measuring.
static void insertObservers(OpBuilder &builder, Value activation,
                            DequantizeOp dequantize, unsigned index) {
  auto quantize = dequantize.getInput().getDefiningOp<QuantizeOp>();
  builder.setInsertionPointAfterValue(activation);
  Location loc = activation.getLoc();
  std::string number = std::to_string(index);
  ObserveOp::create(builder, loc, activation, "exact" + number);
  if (quantize.getScale().getDefiningOp<ChooseParamsOp>()) {
    ObserveOp::create(builder, loc, activation, "rounded" + number);
    return;
  }
  auto type = cast<RankedTensorType>(activation.getType());
  Value scale =
      builder.clone(*quantize.getScale().getDefiningOp())->getResult(0);
  Value zero =
      builder.clone(*quantize.getZeroPoint().getDefiningOp())->getResult(0);
  auto map = AffineMapAttr::get(
      AffineMap::get(type.getRank(), 0, {}, builder.getContext()));
  auto integers = cast<QuantizeOp>(builder.clone(*quantize));
  integers->setOperands({activation, scale, zero});
  integers.getResult().setType(
      type.clone(getElementTypeOrSelf(quantize.getType())));
  integers.setParamMapAttr(map);
  Value rounded = DequantizeOp::create(builder, loc, type, integers, scale,
                                       zero, map, dequantize.getIsUnsigned());
  ObserveOp::create(builder, loc, rounded, "rounded" + number);
}

/// Shares of the outputs for which an index into the activation that is not
/// padding results, for each dimension of the activation and each index of the
/// window's loop in it.
static SmallVector<SmallVector<double>>
getInsideShares(linalg::LinalgOp op, AffineMap map, tensor::PadOp pad,
                SmallVectorImpl<std::optional<unsigned>> &windowLoops) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<SmallVector<double>> shares;
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    std::optional<unsigned> window, output;
    for (unsigned loop = 0; loop < extents.size(); ++loop)
      if (expr.isFunctionOfDim(loop))
        (iterators[loop] == utils::IteratorType::reduction ? window : output) =
            loop;
    windowLoops.push_back(window);
    SmallVector<double> &ofDim = shares.emplace_back();
    int64_t low = 0, size = std::numeric_limits<int64_t>::max();
    if (pad) {
      low = getConstantIntValue(pad.getMixedLowPad()[dim]).value_or(0);
      size = pad.getSourceType().getDimSize(dim);
    }
    for (int64_t w = 0; w < (window ? extents[*window] : 1); ++w) {
      int64_t inside = 0, total = output ? extents[*output] : 1;
      for (int64_t o = 0; o < total; ++o) {
        SmallVector<Attribute> at(
            extents.size(),
            IntegerAttr::get(IndexType::get(op.getContext()), 0));
        auto index = [&](int64_t value) {
          return IntegerAttr::get(IndexType::get(op.getContext()), value);
        };
        if (window)
          at[*window] = index(w);
        if (output)
          at[*output] = index(o);
        SmallVector<Attribute> position;
        if (failed(AffineMap::get(extents.size(), 0, expr)
                       .constantFold(at, position)))
          return {};
        int64_t in = cast<IntegerAttr>(position[0]).getInt() - low;
        inside += in >= 0 && in < size;
      }
      ofDim.push_back(double(inside) / double(total));
    }
  }
  return shares;
}

/// Minus the mean error of each output channel.
static SmallVector<float> getCorrection(CorrectedProduct &item) {
  auto op = cast<linalg::LinalgOp>(item.product.getOperation());
  OpOperand &activation = item.product.getActivationOperand(),
            &weights = item.product.getWeightOperand();
  AffineMap weightMap = op.getMatchingIndexingMap(&weights);
  SmallVector<std::optional<unsigned>> windowLoops;
  SmallVector<SmallVector<double>> shares = getInsideShares(
      op, op.getMatchingIndexingMap(&activation),
      activation.get().getDefiningOp<tensor::PadOp>(), windowLoops);
  auto dequantize =
      item.rounded.getWeightOperand().get().getDefiningOp<DequantizeOp>();
  std::optional<ConstantView> exact = ConstantView::get(weights.get());
  std::optional<ConstantView> integers, scales;
  if (dequantize) {
    integers = ConstantView::get(dequantize.getInput());
    scales = ConstantView::get(dequantize.getScale());
  }
  SmallVector<int64_t> outputDims = item.product.getWeightChannelDims();
  if (shares.empty() || !exact || !integers || !scales ||
      outputDims.size() != 1)
    return {};
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(weights.get().getType()).getShape();
  SmallVector<double> error(shape[outputDims[0]], 0.0);
  // Dimensions of the activation with a window, and of the weights' taps there.
  SmallVector<std::pair<size_t, unsigned>> taps;
  for (auto [dim, loop] : llvm::enumerate(windowLoops))
    if (std::optional<unsigned> position =
            loop ? weightMap.getResultPosition(
                       getAffineDimExpr(*loop, op.getContext()))
                 : std::nullopt;
        position && int64_t(*position) != item.channelDim)
      taps.emplace_back(dim, *position);
  forEachElement(shape, [&](int64_t i, ArrayRef<int64_t> at) {
    double share = 1;
    for (auto [dim, position] : taps)
      share *= shares[dim][at[position]];
    int64_t c = at[item.channelDim], n = at[outputDims[0]];
    double rounded =
        double(integers->getInt(i, false)) * double(scales->getFloat(n));
    error[n] += share *
                (rounded * item.sums.rounded[c] -
                 double(exact->getFloat(i)) * item.sums.exact[c]) /
                double(item.sums.positions);
  });
  return llvm::map_to_vector(error, [](double e) { return float(-e); });
}

FailureOr<int64_t>
mpq::assignBiasCorrection(ModuleOp assigned, SampleSource &samples,
                          const SampleProgress &progress,
                          const std::function<bool()> &isCancelled) {
  if (failed(openSamples(assigned, samples)))
    return failure();
  IRMapping toQuantized, toObserved;
  OwningOpRef<ModuleOp> quantized(cast<ModuleOp>(assigned->clone(toQuantized)));
  OwningOpRef<ModuleOp> observed(cast<ModuleOp>(assigned->clone(toObserved)));
  PassManager quantize(assigned.getContext());
  quantize.addPass(createQuantizePass());
  if (failed(quantize.run(*quantized)))
    return failure();

  std::vector<CorrectedProduct> items;
  OpBuilder builder(assigned.getContext());
  assigned.walk([&](QuantizableOpInterface product) {
    std::optional<int64_t> channelDim;
    if (isIntegerProduct(product))
      channelDim = getChannelDimOfWeights(product);
    if (!channelDim)
      return;
    CorrectedProduct item{product,
                          cast<QuantizableOpInterface>(
                              toQuantized.lookup(product.getOperation())),
                          stripMoves(product.getActivationOperand().get()),
                          *channelDim,
                          {}};
    DequantizeOp dequantize =
        findDequantize(item.rounded.getActivationOperand().get());
    if (!dequantize || !dequantize.getInput().getDefiningOp<QuantizeOp>())
      return;
    insertObservers(builder, toObserved.lookup(item.activation), dequantize,
                    items.size());
    int64_t channels =
        cast<RankedTensorType>(item.activation.getType()).getShape().back();
    item.sums.exact.assign(channels, 0.0);
    item.sums.rounded.assign(channels, 0.0);
    items.push_back(std::move(item));
  });
  if (items.empty())
    return 0;
  std::vector<float> selected;
  if (failed(observeSamples(
          std::move(observed), samples, progress, isCancelled,
          "correct biases with",
          [&](StringRef id, ArrayRef<float> values, const CountedRows &rows) {
            values = rows.select(values, selected);
            bool exact = id.consume_front("exact");
            unsigned index;
            if (!exact)
              id.consume_front("rounded");
            id.getAsInteger(10, index);
            ChannelSums &sums = items[index].sums;
            sums.add(exact ? sums.exact : sums.rounded, values);
            if (exact)
              sums.positions += int64_t(values.size() / sums.exact.size());
          })))
    return failure();
  for (CorrectedProduct &item : items)
    if (SmallVector<float> correction = getCorrection(item);
        !correction.empty())
      item.product->setAttr(MPQDialect::getBiasCorrectionAttrName(),
                            builder.getDenseF32ArrayAttr(correction));
  return int64_t(items.size());
}
