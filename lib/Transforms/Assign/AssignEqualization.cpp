//===- AssignEqualization.cpp - factors between channels and weights ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dividing channel c of an activation by f(c) gives it a step that is f(c)
// times the common one; multiplying its weights makes the common step of the
// weights of an output larger. With steps s and t(n), the error that rounding
// adds to output n of a product has the expected power
//
//   sum_c ((s f(c) W(c,n))^2 / 12 + (x(c) / f(c))^2 r(c,n)),
//   r(c,n) = min(t(n)^2 / 12, (f(c) W(c,n))^2)
//
// (rounding errors are uniform and independent, but for weights that are
// rounded to 0), where W(c,n)^2 and x(c)^2 are the energies of weights and
// activations. Factors are sought among those of SmoothQuant (Xiao et al., ICML
// 2023): r(c)^a / w(c)^(1-a), r the channel's range and w its largest weight
// beside the largest of an output; a = 1 is what depthwise convolutions want,
// a = 1/2 is cross-layer equalization (Nagel et al., ICCV 2019). Others bring
// down only the channels that are larger than the rest, as behind GELU. Those
// with the least error relative to the outputs are kept. Cost: for each choice
// two passes over the energies.
//
//===----------------------------------------------------------------------===//

#include "ChannelReaders.h"

#include "mpq/Transforms/Assign/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mpq/Analysis/RangeAnalysis.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/ValueId.h"
#include "mpq/Support/SuggestNearest.h"
#include "mpq/Transforms/Assign/Recipe.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mpq {
#define GEN_PASS_DEF_ASSIGNEQUALIZATIONPASS
#include "mpq/Transforms/Assign/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// The exponents that are tried.
static constexpr double kExponents[] = {1.0, 0.875, 0.75, 0.625,
                                        0.5, 0.375, 0.25};
/// By how many powers of two the largest channels are brought down.
static constexpr int kShifts[] = {1, 2, 3, 4};
/// By how much the error's power must fall: less is not worth a multiplication.
static constexpr double kLeastGain = 1.25;
/// A channel's largest value over its root mean square: of rectified values and
/// of those with long tails more than of uniform ones (sqrt 3).
static constexpr double kCrestFactor = 4;
/// Channels this much smaller than the largest one are as good as zero.
static constexpr double kSmallest = 1.0 / (1 << 16);

namespace {
/// Energies and peaks of the weights of one product, for each channel and
/// output; a depthwise product has one output for each channel.
struct ReaderWeights {
  bool depthwise = false;
  int64_t outputs = 1, taps = 1;
  std::vector<float> energy, peak;   // [channel][output]
  std::vector<double> scaleOfOutput; // 1 / its power

  ReaderWeights(const ChannelReader &reader, ArrayRef<double> power);
};

/// What rounding to 8 bits costs the products that read one value.
class RoundingError {
public:
  RoundingError(ChannelRangesAttr ranges, ArrayRef<ChannelReader> readers);

  /// Expected power relative to the outputs, of factors 2^exponent.
  double of(ArrayRef<int> exponents) const;
  /// Exponents that leave no channel larger than the largest one divided by
  /// 2^shift.
  SmallVector<int> getExponents(int shift) const;
  /// Exponents of r(c)^a / w(c)^(1-a), rounded, around 0.
  SmallVector<int> getExponents(double a) const;
  /// The range of the value divided by such factors, with 0.
  std::pair<double, double> getRange(ArrayRef<int> exponents) const;

private:
  SmallVector<double> low, high, magnitude, power;
  SmallVector<double> relativePeak; // w(c)
  double levels = 255;              // of the value
  std::vector<ReaderWeights> readers;
};
} // namespace

ReaderWeights::ReaderWeights(const ChannelReader &reader,
                             ArrayRef<double> power) {
  QuantizableOpInterface product = reader.product;
  Value weights = product.getWeightOperand().get();
  ConstantView view = *ConstantView::get(weights);
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(weights.getType()).getShape();
  SmallVector<int64_t> channelDims = product.getWeightChannelDims();
  depthwise = llvm::is_contained(channelDims, reader.weightDim);

  // The output of an element is a sum of its coordinates times these strides.
  SmallVector<int64_t> strides(shape.size(), 0);
  for (int64_t dim = int64_t(shape.size()) - 1; dim >= 0; --dim) {
    if (dim == reader.weightDim)
      continue;
    if (!llvm::is_contained(channelDims, dim)) {
      taps *= shape[dim];
      continue;
    }
    strides[dim] = outputs;
    outputs *= shape[dim];
  }
  int64_t channels = shape[reader.weightDim];
  energy.assign(channels * outputs, 0.0f);
  peak.assign(channels * outputs, 0.0f);
  forEachElement(shape, [&](int64_t i, ArrayRef<int64_t> at) {
    int64_t cell = at[reader.weightDim] * outputs;
    for (auto [coordinate, stride] : llvm::zip_equal(at, strides))
      cell += coordinate * stride;
    float weight = view.getFloat(i);
    energy[cell] += weight * weight;
    peak[cell] = std::max(peak[cell], std::fabs(weight));
  });
  scaleOfOutput.assign(depthwise ? channels : outputs, 0.0);
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t n = 0; n < outputs; ++n)
      scaleOfOutput[depthwise ? c : n] += power[c] * energy[c * outputs + n];
  for (double &scale : scaleOfOutput)
    scale = 1 / std::max(scale, 1e-30);
}

RoundingError::RoundingError(ChannelRangesAttr ranges,
                             ArrayRef<ChannelReader> channelReaders) {
  double largest = 0;
  for (auto [min, max] : llvm::zip_equal(ranges.getMinima().asArrayRef(),
                                         ranges.getMaxima().asArrayRef())) {
    low.push_back(std::min(0.0, double(min)));
    high.push_back(std::max(0.0, double(max)));
    if (min > max)
      low.back() = high.back() = 0;
    magnitude.push_back(std::max(-low.back(), high.back()));
    largest = std::max(largest, magnitude.back());
  }
  for (double &m : magnitude) {
    m = std::max(
        {m, largest * kSmallest, double(std::numeric_limits<float>::min())});
    power.push_back(m / kCrestFactor * (m / kCrestFactor));
  }
  int64_t channels = magnitude.size();
  if (llvm::all_of(channelReaders, [](const ChannelReader &reader) {
        QuantizableOpInterface product = reader.product;
        return product
                   ->getAttrOfType<PrecisionAttr>(
                       MPQDialect::getPrecisionAttrName())
                   .getKind() == PrecisionKind::Int16;
      }))
    levels = 65535;
  relativePeak.assign(channels, kSmallest);
  for (const ChannelReader &reader : channelReaders) {
    ReaderWeights &weights = readers.emplace_back(reader, power);
    for (int64_t n = 0; n < weights.outputs; ++n) {
      float most = std::numeric_limits<float>::min();
      for (int64_t c = 0; c < channels; ++c)
        most = std::max(most, weights.peak[c * weights.outputs + n]);
      for (int64_t c = 0; c < channels; ++c)
        relativePeak[c] =
            std::max(relativePeak[c],
                     double(weights.peak[c * weights.outputs + n]) / most);
    }
    if (weights.depthwise) // an output has no other channel's weights
      relativePeak.assign(channels, 1.0);
  }
}

std::pair<double, double>
RoundingError::getRange(ArrayRef<int> exponents) const {
  double least = 0, most = 0;
  for (auto [l, h, exponent] : llvm::zip_equal(low, high, exponents)) {
    least = std::min(least, std::ldexp(l, -exponent));
    most = std::max(most, std::ldexp(h, -exponent));
  }
  return {least, most};
}

double RoundingError::of(ArrayRef<int> exponents) const {
  auto [least, most] = getRange(exponents);
  double step = (most - least) / levels;
  int64_t channels = magnitude.size();
  SmallVector<double> factors, activity; // (x(c) / f(c))^2
  for (auto [exponent, p] : llvm::zip_equal(exponents, power)) {
    factors.push_back(std::ldexp(1.0, exponent));
    activity.push_back(p / (factors.back() * factors.back()));
  }
  double error = 0;
  for (const ReaderWeights &reader : readers) {
    auto outputOf = [&](int64_t c, int64_t n) {
      return reader.depthwise ? c : n;
    };
    std::vector<double> steps(reader.scaleOfOutput.size(), 0.0); // t(n)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t n = 0; n < reader.outputs; ++n) {
        double peak = factors[c] * reader.peak[c * reader.outputs + n];
        double &largest = steps[outputOf(c, n)];
        largest = std::max(largest, peak / 127);
      }
    for (int64_t c = 0; c < channels; ++c) {
      double ofChannel = step * factors[c] * step * factors[c];
      for (int64_t n = 0; n < reader.outputs; ++n) {
        double energy = reader.energy[c * reader.outputs + n];
        double weightStep = steps[outputOf(c, n)];
        // Weights far below their step are rounded to 0.
        double rounded = std::min(double(reader.taps) * weightStep * weightStep,
                                  12 * factors[c] * factors[c] * energy);
        error += (ofChannel * energy + activity[c] * rounded) *
                 reader.scaleOfOutput[outputOf(c, n)];
      }
    }
  }
  return error / 12;
}

SmallVector<int> RoundingError::getExponents(int shift) const {
  double largest = *llvm::max_element(magnitude);
  return llvm::map_to_vector(magnitude, [&](double m) {
    return std::max(0, shift + int(std::ceil(std::log2(m / largest))));
  });
}

SmallVector<int> RoundingError::getExponents(double a) const {
  SmallVector<double> logarithms;
  for (auto [m, w] : llvm::zip_equal(magnitude, relativePeak))
    logarithms.push_back(a * std::log2(m) - (1 - a) * std::log2(w));
  SmallVector<double> sorted(logarithms);
  auto middle = sorted.begin() + sorted.size() / 2;
  std::nth_element(sorted.begin(), middle, sorted.end());
  SmallVector<int> exponents;
  for (double logarithm : logarithms)
    exponents.push_back(int(std::lround(logarithm - *middle)));
  return exponents;
}

/// The attribute of factors 2^exponent.
static EqualizationAttr makeEqualization(MLIRContext *context,
                                         ArrayRef<float> factors,
                                         std::pair<double, double> range,
                                         RangeOrigin origin,
                                         PrecisionKind others) {
  return EqualizationAttr::get(
      context, DenseF32ArrayAttr::get(context, factors),
      RangeAttr::get(context, range.first, range.second, origin), others);
}

/// A range method that cuts the tensor's extremes cuts the divided ones as
/// much.
static std::pair<double, double> cutLike(Operation *op,
                                         ChannelRangesAttr channels,
                                         std::pair<double, double> range) {
  auto ranges = op->getAttrOfType<ArrayAttr>(MPQDialect::getRangesAttrName());
  auto picked = ranges ? dyn_cast<RangeAttr>(ranges[0]) : nullptr;
  if (!picked)
    return range;
  double least = std::min(
      0.0, double(*llvm::min_element(channels.getMinima().asArrayRef())));
  double most = std::max(
      0.0, double(*llvm::max_element(channels.getMaxima().asArrayRef())));
  if (least < 0)
    range.first *= std::clamp(picked.getMin() / least, 0.0, 1.0);
  if (most > 0)
    range.second *= std::clamp(picked.getMax() / most, 0.0, 1.0);
  return range;
}

/// Equalizes `op`'s result if that makes its readers more accurate.
static void assignAutomatically(Operation *op, StringRef id,
                                PrecisionKind others) {
  auto channels = op->getAttrOfType<ChannelRangesAttr>(
      MPQDialect::getChannelRangesAttrName());
  // What is put together from others is quantized where these are computed; the
  // values of a scale group share their steps.
  if (!channels || onlyMovesElements(op) ||
      op->hasAttr(MPQDialect::getScaleGroupAttrName()))
    return;
  ChannelReaders found = findChannelReaders(op->getResult(0));
  if (found.readers.empty() || found.hasUnreachable)
    return;
  RoundingError error(channels, found.readers);
  SmallVector<int> best(channels.getMinima().size(), 0);
  double before = error.of(best), least = before;
  auto consider = [&](SmallVector<int> exponents) {
    double power = error.of(exponents);
    if (power < least) {
      least = power;
      best = std::move(exponents);
    }
  };
  for (double exponent : kExponents)
    consider(error.getExponents(exponent));
  for (int shift : kShifts)
    consider(error.getExponents(shift));
  if (!(before > kLeastGain * least))
    return;
  SmallVector<float> factors;
  for (int exponent : best)
    factors.push_back(std::ldexp(1.0f, exponent));
  op->setAttr(MPQDialect::getEqualizationAttrName(),
              makeEqualization(op->getContext(), factors,
                               cutLike(op, channels, error.getRange(best)),
                               RangeOrigin::Calibration, others));
  remark::passed(
      op->getLoc(),
      remark::RemarkOpts::name("equalization").category("mpq-assign"))
      << remark::add("channels of '{0}' are equalized: rounding costs what "
                     "reads it {1:F1} dB less",
                     id.str(), 10 * std::log10(before / least));
}

namespace {
struct AssignEqualization
    : mpq::impl::AssignEqualizationPassBase<AssignEqualization> {
  using AssignEqualizationPassBase::AssignEqualizationPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<Recipe> loaded = Recipe::loadOrDefault(recipe, module.getLoc());
    if (failed(loaded))
      return signalPassFailure();
    const Recipe &rules = *loaded;
    PrecisionKind others = rules.stored.value_or(PrecisionKind::F32);
    for (const RecipeEqualization &wanted : rules.equalize)
      if (failed(assignNamed(wanted, others)))
        return signalPassFailure();
    bool automatic = rules.equalizesAutomatically;
    for (auto function : module.getOps<FunctionOpInterface>()) {
      if (function.isExternal())
        continue;
      ValueIds ids(function);
      for (Operation &op : function.getFunctionBody().front()) {
        if (automatic && !op.hasAttr(MPQDialect::getEqualizationAttrName()))
          assignAutomatically(
              &op, ids.lookup(op.getNumResults() ? op.getResult(0) : Value()),
              others);
        op.removeAttr(MPQDialect::getChannelRangesAttrName());
      }
    }
  }

  LogicalResult assignNamed(const RecipeEqualization &wanted,
                            PrecisionKind others);
};
} // namespace

/// What an entry of the recipe says.
LogicalResult AssignEqualization::assignNamed(const RecipeEqualization &wanted,
                                              PrecisionKind others) {
  ModuleOp module = getOperation();
  std::string where = "recipe '" + recipe + "'";
  Operation *found = nullptr;
  std::string nearest;
  for (auto function : module.getOps<FunctionOpInterface>()) {
    if (function.isExternal())
      continue;
    ValueIds ids(function);
    SmallVector<StringRef> names;
    for (Operation &op : function.getFunctionBody().front())
      for (Value result : op.getResults()) {
        names.push_back(ids.lookup(result));
        if (names.back() == wanted.name)
          found = &op;
      }
    nearest = suggestNearest(wanted.name, names);
  }
  if (!found)
    return emitError(module.getLoc())
           << where << ": no computed value '" << wanted.name << "' to equalize"
           << nearest;
  Location loc = found->getLoc();
  auto type = dyn_cast<RankedTensorType>(found->getResult(0).getType());
  if (found->getNumResults() != 1 || !type || !type.hasStaticShape() ||
      type.getRank() == 0 || !type.getElementType().isF32())
    return emitError(loc) << where << ": expected '" << wanted.name
                          << "' to be an f32 tensor of static shape but it is "
                          << found->getResult(0).getType();
  int64_t channels = type.getShape().back();
  SmallVector<float> factors(channels, 1.0f);
  for (auto [channel, factor] : wanted.channels) {
    if (channel >= channels)
      return emitError(loc)
             << where << ": expected channels below " << channels << " of '"
             << wanted.name << "' but got " << channel;
    factors[channel] = factor;
  }
  if (findChannelReaders(found->getResult(0)).readers.empty())
    return emitError(loc) << where
                          << ": expected an integer product with constant "
                             "weights that reads '"
                          << wanted.name << "' but there is none";
  found->setAttr(MPQDialect::getEqualizationAttrName(),
                 makeEqualization(&getContext(), factors,
                                  {wanted.min, wanted.max}, RangeOrigin::Recipe,
                                  others));
  return success();
}
