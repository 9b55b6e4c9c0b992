//===- RoundedWeights.cpp - weights rounded by what their inputs show ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The float model runs on the samples and tells what its products read: the
// second moments of that decide (RoundWeights.h). One run serves many products,
// but not more than memory holds moments of. Float inputs serve as well as
// those of the quantized model and take one run instead of one for each layer.
//
// Where the bias makes up for the mean error, only the rest of it counts: the
// moments are those around the mean.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/FitToSamples.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "mpq/Analysis/ProductLayout.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/ValueId.h"
#include "mpq/Driver/Calibration.h"
#include "mpq/Rounding/InputMoments.h"
#include "mpq/Rounding/RoundWeights.h"
#include "mpq/Transforms/Quantize/Passes.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <map>
#include <numeric>

using namespace mlir;
using namespace mpq;

/// What the moments of one run may take.
static constexpr int64_t kMostBytes = int64_t(512) << 20;
/// Rows of one sample that are looked at: those of an image are much alike.
static constexpr int64_t kMostRows = 2048;

namespace {
/// Products with the same weights, such as the steps of a recurrence.
struct SharedWeights {
  SmallVector<QuantizableOpInterface> products;
  ProductLayout layout;
  WeightRoundingAttr rounding;
};

/// Products whose weights see the same inputs.
struct SharedInputs {
  SmallVector<Value> observed;
  std::vector<SharedWeights> weights;
  std::vector<InputMoments> moments; // of each group

  const ProductLayout &getLayout() const { return weights[0].layout; }
  int64_t getNumBytes() const {
    return int64_t(getLayout().groups.size()) *
           InputMoments::getNumBytes(int64_t(getLayout().sums.size()));
  }
  void add(SharedThreads &pool, ArrayRef<float> values,
           const CountedRows &counted);
};
} // namespace

void SharedInputs::add(SharedThreads &pool, ArrayRef<float> values,
                       const CountedRows &counted) {
  const ProductLayout &layout = getLayout();
  for (auto [group, ofGroup] : llvm::zip_equal(layout.groups, moments)) {
    // A window counts if one of its ends does.
    SmallVector<int64_t> rows;
    for (int64_t row : layout.rows)
      if (counted.holds(group + row + layout.sums.front()) ||
          counted.holds(group + row + layout.sums.back()))
        rows.push_back(group + row);
    int64_t all = int64_t(rows.size());
    int64_t step = std::max<int64_t>(int64_t(double(all) * 0.618), 1);
    while (std::gcd(step, all) > 1) // so that no row comes twice
      ++step;
    ofGroup.add(pool, std::min(all, kMostRows),
                [&](int64_t row, MutableArrayRef<float> out) {
                  int64_t offset = rows[row * step % all];
                  for (auto [k, sum] : llvm::enumerate(layout.sums))
                    out[k] = values[offset + sum];
                });
  }
}

/// What `value` is a reshape of: the same elements in the same order.
static Value stripReshapes(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

static PrecisionKind getPrecision(QuantizableOpInterface op) {
  return op->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName())
      .getKind();
}

/// The weights stay rounded to the nearest.
static void giveUp(QuantizableOpInterface product, StringRef reason) {
  MLIRContext *context = product.getContext();
  product->setAttr(MPQDialect::getWeightRoundingAttrName(),
                   WeightRoundingAttr::get(context, WeightRoundingKind::Nearest,
                                           WeightScalesKind::MinMax,
                                           StringAttr::get(context, reason)));
  remark::missed(product.getLoc(),
                 remark::RemarkOpts::name("rounding").category("mpq-assign"))
      << remark::add("weights of '{0}' are rounded to the nearest: {1}",
                     getValueId(product->getResult(0)), reason.str());
}

/// Products that ask for samples, by what they read.
static std::vector<SharedInputs> collect(ModuleOp module, int64_t &asking) {
  std::vector<SharedWeights> all;
  // Weights and decisions: equal ones get equal integers.
  std::map<std::tuple<Operation *, const void *, const void *, const void *>,
           size_t>
      known;
  module.walk([&](QuantizableOpInterface product) {
    auto rounding = product->getAttrOfType<WeightRoundingAttr>(
        MPQDialect::getWeightRoundingAttrName());
    if (!rounding || !rounding.needsSamples())
      return;
    ++asking;
    std::optional<ProductLayout> layout = ProductLayout::get(product);
    if (!layout)
      return giveUp(product, "its operands are not laid out like matrices");
    Operation *weights = product.getWeightOperand().get().getDefiningOp();
    auto [found, isNew] =
        known.try_emplace({weights, rounding.getAsOpaquePointer(),
                           product->getAttr(MPQDialect::getPrecisionAttrName())
                               .getAsOpaquePointer(),
                           product->getAttr(MPQDialect::getBlocksAttrName())
                               .getAsOpaquePointer()},
                          all.size());
    if (!isNew && all[found->second].layout.sums == layout->sums &&
        all[found->second].layout.rows == layout->rows &&
        all[found->second].layout.weightSums == layout->weightSums) {
      all[found->second].products.push_back(product);
      return;
    }
    all.push_back({{product}, std::move(*layout), rounding});
  });
  std::vector<SharedInputs> inputs;
  for (SharedWeights &weights : all) {
    SmallVector<Value> observed;
    for (QuantizableOpInterface product : weights.products)
      observed.push_back(stripReshapes(product.getActivationOperand().get()));
    auto same = llvm::find_if(inputs, [&](const SharedInputs &other) {
      const ProductLayout &layout = other.getLayout();
      return other.observed == observed &&
             layout.groups == weights.layout.groups &&
             layout.rows == weights.layout.rows &&
             layout.sums == weights.layout.sums;
    });
    if (same == inputs.end()) {
      inputs.push_back({std::move(observed), {}, {}});
      same = std::prev(inputs.end());
    }
    same->weights.push_back(std::move(weights));
  }
  return inputs;
}

/// Runs the float model on the samples and gathers the moments of `inputs`.
static LogicalResult gather(ModuleOp module, StringRef folder,
                            SharedThreads &pool,
                            MutableArrayRef<SharedInputs> inputs,
                            const SampleProgress &progress,
                            const std::function<bool()> &isCancelled) {
  Dataset samples(folder);
  if (failed(openSamples(module, samples)))
    return failure();
  IRMapping mapping;
  OwningOpRef<ModuleOp> observed(cast<ModuleOp>(module->clone(mapping)));
  OpBuilder builder(module.getContext());
  for (auto [index, input] : llvm::enumerate(inputs)) {
    const ProductLayout &layout = input.getLayout();
    input.moments.assign(layout.groups.size(),
                         InputMoments(int64_t(layout.sums.size())));
    for (Value value : input.observed) {
      Value copy = mapping.lookup(value);
      builder.setInsertionPointAfterValue(copy);
      ObserveOp::create(builder, copy.getLoc(), copy, std::to_string(index));
    }
  }
  return observeSamples(
      std::move(observed), samples, progress, isCancelled, "fit weights to",
      [&](StringRef id, ArrayRef<float> values, const CountedRows &rows) {
        size_t index = 0;
        id.getAsInteger(10, index);
        inputs[index].add(pool, values, rows);
      });
}

static SmallVector<char> getBytes(ArrayRef<float> values) {
  const char *data = reinterpret_cast<const char *>(values.data());
  return SmallVector<char>(data, data + values.size() * sizeof(float));
}

namespace {
/// The integers of all groups of one product's weights, as attributes want
/// them.
struct Result {
  SmallVector<char> integers, zeroPoints;
  SmallVector<float> scales, meanErrors;
  /// Mean squares: of the outputs, and of errors.
  double nearestError = 0, error = 0, damping = 0;
};
} // namespace

static RoundingRule getRule(WeightRoundingKind kind) {
  switch (kind) {
  case WeightRoundingKind::Nearest:
    return RoundingRule::Nearest;
  case WeightRoundingKind::GPTQ:
    return RoundingRule::Compensated;
  case WeightRoundingKind::AdaRound:
    return RoundingRule::UpOrDown;
  }
  llvm_unreachable("unknown rounding");
}

/// Rounds the weights of one product by the moments of their inputs.
static void roundProduct(SharedThreads &pool, const SharedWeights &shared,
                         ArrayRef<InputMoments> allMoments) {
  QuantizableOpInterface product = shared.products[0];
  const ProductLayout &layout = shared.layout;
  Value weights = product.getWeightOperand().get();
  auto type = cast<RankedTensorType>(weights.getType());
  ConstantView data = *ConstantView::get(weights);
  PrecisionKind precision = getPrecision(product);
  auto blocksAttr =
      product->getAttrOfType<BlocksAttr>(MPQDialect::getBlocksAttrName());
  int64_t depth = int64_t(layout.sums.size());
  int64_t columns = int64_t(layout.weightColumns.size());
  int64_t block = blocksAttr && blocksAttr.getSize()
                      ? std::min(blocksAttr.getSize(), depth)
                      : depth;
  int64_t blocks = llvm::divideCeilSigned(depth, block);
  int64_t channels = int64_t(layout.groups.size()) * columns;
  WeightGrid grid;
  if (blocksAttr) {
    grid = getBlockGrid(precision, blocksAttr);
  } else {
    float largest = 0;
    for (int64_t i = 0; i < (data.isSplat() ? 1 : data.size()); ++i)
      largest = std::max(largest, std::fabs(data.getFloat(i)));
    grid = getChannelGrid(precision, largest);
  }
  bool centers =
      layout.hasLastChannels &&
      llvm::all_of(shared.products, [&](Operation *op) {
        return readBias(cast<linalg::LinalgOp>(op).getDpsInitOperand(0)->get(),
                        channels);
      });

  Result result;
  result.integers.resize(type.getNumElements());
  result.scales.resize(blocks * channels);
  result.zeroPoints.resize(blocks * channels);
  result.meanErrors.resize(channels);
  double nearest = 0, error = 0, signal = 0;
  for (auto [group, moments] : llvm::enumerate(allMoments)) {
    std::vector<double> second = moments.getSecondMoments(centers);
    if (!llvm::all_of(second, [](double m) { return std::isfinite(m); })) {
      for (QuantizableOpInterface user : shared.products)
        giveUp(user, "its inputs are not all finite");
      return;
    }
    std::vector<float> matrix;
    matrix.reserve(depth * columns);
    auto at = [&](int64_t k, int64_t n) {
      return layout.weightGroups[group] + layout.weightSums[k] +
             layout.weightColumns[n];
    };
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t n = 0; n < columns; ++n)
        matrix.push_back(data.getFloat(at(k, n)));
    RoundedWeights rounded =
        roundWeights(pool, {matrix, depth, columns, block}, grid, second,
                     {getRule(shared.rounding.getKind()),
                      shared.rounding.getScales() == WeightScalesKind::MSE});
    nearest += rounded.nearestError;
    error += rounded.error;
    signal += rounded.signal;
    result.damping = std::max(result.damping, rounded.damping);
    std::vector<double> mean = moments.getMean();
    // Blocks are along the sum, before or after the columns as weights are.
    bool columnsLast = columns == 1 || layout.weightColumns[1] == 1;
    for (int64_t n = 0; n < columns; ++n) {
      int64_t channel = layout.channelGroups[group] + layout.channelColumns[n];
      double meanError = 0;
      for (int64_t b = 0; b < blocks; ++b) {
        int64_t to = blocks == 1   ? channel
                     : columnsLast ? b * columns + n
                                   : n * blocks + b;
        result.scales[to] = rounded.scales[b * columns + n];
        result.zeroPoints[to] = char(rounded.zeroPoints[b * columns + n]);
      }
      for (int64_t k = 0; k < depth; ++k) {
        int64_t from = k * columns + n, b = k / block * columns + n;
        result.integers[at(k, n)] = char(rounded.integers[from]);
        double value = double(rounded.integers[from] - rounded.zeroPoints[b]) *
                       double(rounded.scales[b]);
        meanError += (value - double(matrix[from])) * mean[k];
      }
      result.meanErrors[channel] = float(-meanError);
    }
  }
  result.nearestError = signal > 0 ? nearest / signal : 0;
  result.error = signal > 0 ? error / signal : 0;

  Builder builder(product.getContext());
  Type storage = builder.getIntegerType(getWeightBits(precision));
  SmallVector<int64_t> scaleShape;
  for (int64_t dim : product.getWeightChannelDims())
    scaleShape.push_back(type.getDimSize(dim));
  if (blocksAttr) { // a matrix
    int64_t column = product.getWeightChannelDims()[0];
    scaleShape.insert(scaleShape.begin() + (column == 1 ? 0 : 1), blocks);
  }
  auto scaleType = RankedTensorType::get(scaleShape, builder.getF32Type());
  std::string name = getValueId(product->getResult(0));
  auto attr = RoundedWeightsAttr::get(
      builder.getContext(), shared.rounding,
      builder.getDenseF64ArrayAttr(
          {result.nearestError, result.error, result.damping}),
      createConstantAttr(type.clone(storage), result.integers, name),
      createConstantAttr(scaleType, getBytes(result.scales), name),
      grid.hasZeroPoints ? createConstantAttr(scaleType.clone(storage),
                                              result.zeroPoints, name)
                         : ElementsAttr());
  for (QuantizableOpInterface user : shared.products) {
    user->removeAttr(MPQDialect::getWeightRoundingAttrName());
    user->setAttr(MPQDialect::getRoundedWeightsAttrName(), attr);
    if (centers)
      user->setAttr(MPQDialect::getBiasCorrectionAttrName(),
                    builder.getDenseF32ArrayAttr(result.meanErrors));
    remark::passed(user.getLoc(),
                   remark::RemarkOpts::name("rounding").category("mpq-assign"))
        << remark::add(
               "error of '{0}' by its weights' rounding ({1}, scales {2}): "
               "{3:e2} instead of {4:e2} of its mean square, damping {5}",
               getValueId(user->getResult(0)),
               stringifyWeightRoundingKind(shared.rounding.getKind()).str(),
               stringifyWeightScalesKind(shared.rounding.getScales()).str(),
               result.error, result.nearestError, result.damping);
  }
}

FailureOr<int64_t>
mpq::assignRoundedWeights(ModuleOp assigned, StringRef folder,
                          const SampleProgress &progress,
                          const std::function<bool()> &isCancelled) {
  int64_t asking = 0;
  std::vector<SharedInputs> inputs = collect(assigned, asking);
  // The same threads as the model has: others would be in its way.
  std::shared_ptr<SharedThreads> threads = SharedThreads::get(0);
  SharedThreads &pool = *threads;
  for (size_t first = 0, end; first < inputs.size(); first = end) {
    int64_t bytes = 0;
    for (end = first; end < inputs.size(); ++end) {
      bytes += inputs[end].getNumBytes();
      if (bytes > kMostBytes && end > first)
        break;
    }
    MutableArrayRef<SharedInputs> batch(inputs.data() + first, end - first);
    if (failed(gather(assigned, folder, pool, batch, progress, isCancelled)))
      return failure();
    for (SharedInputs &input : batch) {
      for (InputMoments &moments : input.moments)
        moments.finish(pool);
      for (const SharedWeights &weights : input.weights) {
        if (isCancelled && isCancelled())
          return emitError(assigned.getLoc(), "compilation was cancelled");
        roundProduct(pool, weights, input.moments);
      }
      input.moments.clear();
    }
  }
  return asking;
}
