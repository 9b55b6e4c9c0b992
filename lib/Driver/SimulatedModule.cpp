//===- SimulatedModule.cpp - rounding by arguments ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Made from QDQ form, so that rounding is where the quantized model has it:
// each quantization of an activation becomes the same arithmetic on floats,
// with parameters that are inputs; each one of weights a constant.
//
//===----------------------------------------------------------------------===//

#include "SimulatedModule.h"

#include "mpq/Analysis/ScaleGroups.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQInterfaces.h"
#include "mpq/Dialect/ValueId.h"
#include "mpq/Transforms/Assign/Recipe.h"
#include "mpq/Transforms/Quantize/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mpq;

/// Part of the energy of weights: what differs by more are others.
static constexpr double kFarWeights = 0.5;

std::string SimulatedModule::getWeightsName(size_t index) {
  return "mpq.weights" + std::to_string(index);
}

/// The floats that a constant in QDQ form stands for, or the scale of each.
static ElementsAttr dequantize(DequantizeOp op, bool onlyScales = false) {
  std::optional<ConstantView> integers = ConstantView::get(op.getInput()),
                              scales = ConstantView::get(op.getScale()),
                              zeroPoints = ConstantView::get(op.getZeroPoint());
  if (!integers || !scales || !zeroPoints)
    return nullptr;
  // Each index of a parameter is one of the element, divided by a block.
  ArrayRef<int64_t> parameterShape =
      cast<RankedTensorType>(op.getScale().getType()).getShape();
  SmallVector<std::pair<unsigned, int64_t>> sources;
  auto type = cast<RankedTensorType>(op.getType());
  for (AffineExpr expr : op.getParamMap()->getResults()) {
    int64_t block = 1;
    if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) {
      block = cast<AffineConstantExpr>(binary.getRHS()).getValue();
      expr = binary.getLHS();
    }
    sources.push_back({cast<AffineDimExpr>(expr).getPosition(), block});
  }
  SmallVector<float> values(integers->size());
  forEachElement(type.getShape(), [&](int64_t i, ArrayRef<int64_t> at) {
    int64_t parameter = 0;
    for (auto [extent, source] : llvm::zip_equal(parameterShape, sources))
      parameter = parameter * extent + at[source.first] / source.second;
    bool isUnsigned = op.getIsUnsigned();
    float scale = scales->getFloat(parameter);
    values[i] = onlyScales ? scale
                           : float(integers->getInt(i, isUnsigned) -
                                   zeroPoints->getInt(parameter, isUnsigned)) *
                                 scale;
  });
  return createConstantAttr(
      type, ArrayRef(reinterpret_cast<const char *>(values.data()),
                     values.size() * sizeof(float)));
}

namespace {
class SimulationBuilder {
public:
  SimulationBuilder(ModuleOp assigned, const OriginalWeights &original,
                    ArrayRef<PrecisionKind> precisions,
                    const std::function<LogicalResult(ModuleOp)> &fit)
      : assigned(assigned), original(original), precisions(precisions),
        fit(fit), builder(assigned.getContext()) {}

  FailureOr<SimulatedModule> build();

private:
  /// The products as `kind` has them: the module in QDQ form and, for each
  /// product, its operation there.
  FailureOr<OwningOpRef<ModuleOp>>
  quantize(PrecisionKind kind, SmallVector<QuantizableOpInterface> &copies);
  void collectProducts();
  LogicalResult addWeightsOfFewBits(PrecisionKind kind);
  LogicalResult addWideActivations();
  LogicalResult assignWide(ModuleOp module,
                           ArrayRef<QuantizableOpInterface> copies);
  LogicalResult assignFewBits(ModuleOp module, PrecisionKind kind,
                              ArrayRef<QuantizableOpInterface> copies);
  void addProduct(size_t index, QuantizableOpInterface rounded);
  /// The float arithmetic of a quantization. An error if its parameters are
  /// computed.
  LogicalResult replace(DequantizeOp dequantize, const ValueIds &ids);
  void addCorrection(size_t index, QuantizableOpInterface rounded);
  /// Another input of the function.
  Value addInput(const Twine &name, RankedTensorType type);

  ModuleOp assigned;
  const OriginalWeights &original;
  ArrayRef<PrecisionKind> precisions;
  const std::function<LogicalResult(ModuleOp)> &fit;
  OpBuilder builder;
  SimulatedModule result;
  /// By product.
  std::vector<AddedCorrection> corrections;
  /// By product: of the roots of what it reads, those that are rounded values.
  std::vector<SmallVector<std::optional<size_t>>> rootsOf;
  func::FuncOp function;                        // in the result
  SmallVector<QuantizableOpInterface> products; // in `assigned`
  llvm::DenseMap<Operation *, size_t> weightIndex, valueIndex;
};
} // namespace

static bool readsConstant(OpOperand &operand) {
  auto dequantize = operand.get().getDefiningOp<DequantizeOp>();
  return dequantize && ConstantView::get(dequantize.getInput());
}

/// A product that came with its integers.
static bool isImported(QuantizableOpInterface product) {
  auto isRounded = [](OpOperand &operand) {
    SmallVector<Value> roots;
    collectScaleRoots(operand.get(), roots);
    return llvm::any_of(roots, [](Value root) {
      auto dequantize = root.getDefiningOp<DequantizeOp>();
      return dequantize && dequantize.getInput().getDefiningOp<QuantizeOp>();
    });
  };
  return product.isProduct() && (readsConstant(product.getWeightOperand()) ||
                                 (isRounded(product.getActivationOperand()) &&
                                  isRounded(product.getWeightOperand())));
}

OriginalWeights mpq::collectOriginalWeights(ModuleOp prepared) {
  OriginalWeights weights;
  for (auto function : prepared.getOps<func::FuncOp>()) {
    ValueIds ids(function);
    function.walk([&](QuantizableOpInterface product) {
      if (!product.isProduct())
        return;
      auto constant =
          product.getWeightOperand().get().getDefiningOp<arith::ConstantOp>();
      if (constant)
        weights[ids.lookup(product->getResult(0)).str()] =
            cast<ElementsAttr>(constant.getValue());
    });
  }
  return weights;
}

namespace {
/// Weights that others may have been rounded from.
struct Candidate {
  ElementsAttr weights;
  double distance; ///< squared differences by squares
};
} // namespace

/// `original`, or each of its output channels times what comes nearest to
/// `rounded`, if that is clearly nearer.
static Candidate fitChannels(ElementsAttr original, ElementsAttr rounded,
                             ArrayRef<int64_t> channelDims) {
  ConstantView from = *ConstantView::get(Attribute(original)),
               to = *ConstantView::get(Attribute(rounded));
  auto type = cast<RankedTensorType>(rounded.getType());
  std::vector<int64_t> channelOf(to.size());
  int64_t channels = 1;
  for (int64_t dim : channelDims)
    channels *= type.getDimSize(dim);
  std::vector<double> products(channels), squares(channels);
  double signal = 0, plain = 0, fitted = 0;
  forEachElement(type.getShape(), [&](int64_t i, ArrayRef<int64_t> at) {
    int64_t &channel = channelOf[i];
    for (int64_t dim : channelDims)
      channel = channel * type.getDimSize(dim) + at[dim];
    double x = from.getFloat(i), y = to.getFloat(i);
    products[channel] += x * y;
    squares[channel] += x * x;
    plain += (x - y) * (x - y);
    signal += y * y;
  });
  if (!(signal > 0))
    return {original, plain > 0 ? 1.0 : 0.0};
  // Channels that were rounded to nothing are taken to have the others' factor.
  std::vector<double> factors;
  for (auto [product, square] : llvm::zip_equal(products, squares))
    if (product != 0)
      factors.push_back(product / square);
  llvm::sort(factors);
  double usual = factors.empty() ? 1 : factors[factors.size() / 2];
  std::vector<float> values(to.size());
  for (int64_t i = 0; i < to.size(); ++i) {
    int64_t channel = channelOf[i];
    double factor =
        products[channel] != 0 ? products[channel] / squares[channel] : usual;
    values[i] = float(factor * from.getFloat(i));
    fitted += std::pow(values[i] - to.getFloat(i), 2);
  }
  // A fit is always a little nearer.
  if (plain <= 2 * fitted + 1e-4 * signal)
    return {original, plain / signal};
  if (fitted >= kFarWeights * signal)
    return {nullptr, fitted / signal}; // attributes live as long as the context
  return {createConstantAttr(
              type, ArrayRef(reinterpret_cast<const char *>(values.data()),
                             values.size() * sizeof(float))),
          fitted / signal};
}

/// What weights were rounded from: those of the product of the same name, or
/// the most similar ones, as another tool names and folds otherwise. Null if
/// there are none.
static ElementsAttr findOriginal(const OriginalWeights &original, StringRef id,
                                 ElementsAttr rounded,
                                 ArrayRef<int64_t> channelDims) {
  auto fit = [&](ElementsAttr weights) -> Candidate {
    if (weights.getType() != rounded.getType())
      return {nullptr, 1};
    return fitChannels(weights, rounded, channelDims);
  };
  if (auto known = original.find(id.str()); known != original.end())
    if (Candidate same = fit(known->second); same.distance < kFarWeights)
      return same.weights;
  Candidate nearest{nullptr, kFarWeights};
  for (const auto &[name, weights] : original)
    if (Candidate candidate = fit(weights);
        candidate.distance < nearest.distance)
      nearest = candidate;
  return nearest.weights;
}

void SimulationBuilder::collectProducts() {
  for (auto function : assigned.getOps<func::FuncOp>()) {
    ValueIds ids(function);
    function.walk([&](QuantizableOpInterface product) {
      auto precision = product->getAttrOfType<PrecisionAttr>(
          MPQDialect::getPrecisionAttrName());
      if (precision ? precision.getKind() != PrecisionKind::Int8
                    : !isImported(product))
        return;
      products.push_back(product);
      SimulatedProduct &simulated = result.products.emplace_back();
      simulated.id = ids.lookup(product->getResult(0)).str();
      simulated.kind = product.getProductKind().str();
      simulated.isStatic = simulated.kind != "matmul";
      simulated.macs = product.getMultiplyAccumulates().value_or(0);
      simulated.precisions = {PrecisionKind::F32, PrecisionKind::Int8};
      Operation *source = product.getWeightOperand().get().getDefiningOp();
      auto constant = dyn_cast_or_null<arith::ConstantOp>(source);
      std::optional<size_t> &weights = result.weightsOf.emplace_back();
      if (!constant && !readsConstant(product.getWeightOperand()))
        return;
      auto type = cast<RankedTensorType>(source->getResult(0).getType());
      simulated.weights = type.getNumElements();
      simulated.weightShape = type.getShape().vec();
      llvm::append_range(simulated.channelDims, product.getWeightChannelDims());
      auto [entry, isNew] =
          weightIndex.try_emplace(source, result.weights.size());
      weights = entry->second;
      ElementsAttr values =
          constant ? cast<ElementsAttr>(constant.getValue())
                   : findOriginal(original, simulated.id,
                                  dequantize(cast<DequantizeOp>(source)),
                                  simulated.channelDims);
      simulated.hasOriginalWeights = values != nullptr;
      if (isNew)
        result.weights.emplace_back().values[PrecisionKind::F32] =
            values ? values : dequantize(cast<DequantizeOp>(source));
    });
  }
}

FailureOr<OwningOpRef<ModuleOp>>
SimulationBuilder::quantize(PrecisionKind kind,
                            SmallVector<QuantizableOpInterface> &copies) {
  MLIRContext *context = assigned.getContext();
  IRMapping mapping;
  OwningOpRef<ModuleOp> module(cast<ModuleOp>(assigned->clone(mapping)));
  for (QuantizableOpInterface product : products)
    copies.push_back(
        cast<QuantizableOpInterface>(mapping.lookup(product.getOperation())));
  if (kind == PrecisionKind::Int16 ? failed(assignWide(*module, copies))
      : kind != PrecisionKind::Int8
          ? failed(assignFewBits(*module, kind, copies))
          : false)
    return failure();
  for (auto [index, copy] : llvm::enumerate(copies))
    if (auto correction = copy->getAttrOfType<DenseF32ArrayAttr>(
            MPQDialect::getBiasCorrectionAttrName()))
      corrections[index].values[kind] = correction.asArrayRef().vec();
  PassManager manager(context);
  manager.addPass(createQuantizePass());
  if (failed(manager.run(*module)))
    return failure();
  return module;
}

/// Gives the products that can have them weights of `kind`, and nothing to the
/// others.
LogicalResult
SimulationBuilder::assignFewBits(ModuleOp module, PrecisionKind kind,
                                 ArrayRef<QuantizableOpInterface> copies) {
  MLIRContext *context = module.getContext();
  llvm::DenseMap<Operation *, WeightRoundingAttr> roundings;
  for (QuantizableOpInterface copy : copies)
    if (auto rounded = copy->getAttrOfType<RoundedWeightsAttr>(
            MPQDialect::getRoundedWeightsAttrName()))
      roundings[copy] = rounded.getRounding();
  module.walk([](Operation *op) {
    for (StringRef name :
         {MPQDialect::getPrecisionAttrName(), MPQDialect::getDynamicAttrName(),
          MPQDialect::getStoredAttrName(),
          MPQDialect::getRoundedWeightsAttrName(),
          MPQDialect::getBiasCorrectionAttrName()})
      op->removeAttr(name);
  });
  bool hasToFit = false;
  for (auto [product, simulated, weights] :
       llvm::zip_equal(copies, result.products, result.weightsOf)) {
    QuantizableOpInterface copy = product;
    if (!weights || readsConstant(copy.getWeightOperand()) ||
        !(simulated.isStatic || isa<linalg::MatmulOp>(copy)))
      continue;
    copy->setAttr(MPQDialect::getPrecisionAttrName(),
                  PrecisionAttr::get(context, kind, StringAttr()));
    if (!simulated.isStatic)
      copy->setAttr(MPQDialect::getBlocksAttrName(),
                    BlocksAttr::get(context, kDefaultBlock, PrecisionKind::F32,
                                    /*zero_points=*/false));
    WeightRoundingAttr rounding = roundings.lookup(copy);
    if (rounding)
      copy->setAttr(MPQDialect::getWeightRoundingAttrName(), rounding);
    hasToFit |= rounding || simulated.isStatic;
  }
  return fit && hasToFit ? fit(module) : success();
}

LogicalResult SimulationBuilder::addWeightsOfFewBits(PrecisionKind kind) {
  SmallVector<QuantizableOpInterface> copies;
  FailureOr<OwningOpRef<ModuleOp>> module = quantize(kind, copies);
  if (failed(module))
    return failure();
  for (size_t i = 0; i < copies.size(); ++i) {
    auto constant =
        copies[i].getWeightOperand().get().getDefiningOp<DequantizeOp>();
    if (!result.weightsOf[i] || !constant ||
        readsConstant(products[i].getWeightOperand()))
      continue;
    result.weights[*result.weightsOf[i]].values[kind] = dequantize(constant);
    result.products[i].precisions.push_back(kind);
  }
  return success();
}

/// Activations in 16 bits, and what biases then make up for. The weights are
/// those of int8.
LogicalResult
SimulationBuilder::assignWide(ModuleOp module,
                              ArrayRef<QuantizableOpInterface> copies) {
  MLIRContext *context = module.getContext();
  for (auto [product, copy] : llvm::zip_equal(products, copies)) {
    Operation *op = QuantizableOpInterface(copy).getOperation();
    op->removeAttr(MPQDialect::getBiasCorrectionAttrName());
    op->removeAttr(MPQDialect::getDynamicAttrName());
    if (!isImported(product))
      op->setAttr(
          MPQDialect::getPrecisionAttrName(),
          PrecisionAttr::get(context, PrecisionKind::Int16, StringAttr()));
  }
  return fit ? fit(module) : success();
}

/// The activation of `product`, and the right side if it is one, too.
static SmallVector<Value> collectRoots(QuantizableOpInterface product,
                                       bool hasConstantWeights) {
  SmallVector<Value> roots;
  collectScaleRoots(product.getActivationOperand().get(), roots);
  if (!hasConstantWeights)
    collectScaleRoots(product.getWeightOperand().get(), roots);
  return roots;
}

LogicalResult SimulationBuilder::addWideActivations() {
  SmallVector<QuantizableOpInterface> copies;
  if (llvm::all_of(products, isImported))
    return success();
  FailureOr<OwningOpRef<ModuleOp>> module =
      quantize(PrecisionKind::Int16, copies);
  if (failed(module))
    return failure();
  for (size_t i = 0; i < copies.size(); ++i) {
    if (isImported(products[i]))
      continue;
    SmallVector<Value> roots =
        collectRoots(copies[i], result.weightsOf[i].has_value());
    if (roots.size() != rootsOf[i].size())
      return copies[i].emitOpError("expected it to read the same values in 8 "
                                   "and in 16 bits");
    for (auto [root, value] : llvm::zip_equal(roots, rootsOf[i])) {
      auto dequantize = root.getDefiningOp<DequantizeOp>();
      std::optional<ConstantView> scale;
      if (value && dequantize)
        scale = ConstantView::get(dequantize.getScale());
      if (scale)
        result.wideValues[*value] = {1.0f / scale->getFloat(0), -32768.0f,
                                     32767.0f, scale->getFloat(0)};
    }
    result.products[i].precisions.push_back(PrecisionKind::Int16);
  }
  return success();
}

/// What the product reads becomes what is looked up by number.
void SimulationBuilder::addProduct(size_t index,
                                   QuantizableOpInterface rounded) {
  OpOperand &operand = rounded.getWeightOperand();
  SmallVector<Value> roots =
      collectRoots(rounded, result.weightsOf[index].has_value());
  if (std::optional<size_t> weights = result.weightsOf[index]) {
    rounded->setLoc(NameLoc::get(
        builder.getStringAttr(SimulatedModule::getWeightsName(*weights))));
    SimulatedWeights &shared = result.weights[*weights];
    if (!shared.constant) {
      auto constant = operand.get().getDefiningOp<DequantizeOp>();
      shared.values[PrecisionKind::Int8] = dequantize(constant);
      shared.scales = dequantize(constant, /*onlyScales=*/true);
      builder.setInsertionPoint(constant);
      shared.constant = arith::ConstantOp::create(
          builder, constant.getLoc(),
          cast<TypedAttr>(shared.values[PrecisionKind::F32]));
      constant.getResult().replaceAllUsesWith(shared.constant);
    }
  }
  std::vector<size_t> &values = result.valuesOf.emplace_back();
  SmallVector<std::optional<size_t>> &known = rootsOf.emplace_back();
  for (Value root : roots) {
    auto found = valueIndex.find(root.getDefiningOp());
    known.push_back(found == valueIndex.end()
                        ? std::nullopt
                        : std::optional<size_t>(found->second));
    if (known.back() && !llvm::is_contained(values, found->second))
      values.push_back(found->second);
  }
}

Value SimulationBuilder::addInput(const Twine &name, RankedTensorType type) {
  unsigned position = function.getNumArguments();
  DictionaryAttr attributes = builder.getDictionaryAttr(builder.getNamedAttr(
      MPQDialect::getNameAttrName(), builder.getStringAttr("mpq." + name)));
  (void)function.insertArgument(position, type, attributes, function.getLoc());
  return function.getArgument(position);
}

void SimulationBuilder::addCorrection(size_t index,
                                      QuantizableOpInterface rounded) {
  if (corrections[index].values.empty())
    return;
  Value sum = rounded->getResult(0);
  auto type = cast<RankedTensorType>(sum.getType());
  Value added = addInput(
      "correction" + Twine(index),
      RankedTensorType::get({type.getShape().back()}, builder.getF32Type()));
  result.corrections.push_back(std::move(corrections[index]));
  builder.setInsertionPointAfter(rounded);
  AffineMap all =
      AffineMap::getMultiDimIdentityMap(type.getRank(), builder.getContext());
  Value empty = tensor::EmptyOp::create(builder, rounded.getLoc(),
                                        type.getShape(), type.getElementType());
  auto corrected = linalg::GenericOp::create(
      builder, rounded.getLoc(), type, ValueRange{sum, added}, empty,
      SmallVector<AffineMap>{all, all.getMinorSubMap(1), all},
      SmallVector<utils::IteratorType>(type.getRank(),
                                       utils::IteratorType::parallel),
      [](OpBuilder &b, Location loc, ValueRange in) {
        linalg::YieldOp::create(
            b, loc, arith::AddFOp::create(b, loc, in[0], in[1]).getResult());
      });
  sum.replaceAllUsesExcept(corrected.getResult(0), corrected);
}

LogicalResult SimulationBuilder::replace(DequantizeOp dequantize,
                                         const ValueIds &ids) {
  auto quantize = dequantize.getInput().getDefiningOp<QuantizeOp>();
  std::optional<ConstantView> scale = ConstantView::get(quantize.getScale()),
                              zero = ConstantView::get(quantize.getZeroPoint());
  if (!scale || !zero || scale->size() != 1 ||
      quantize.getInput().getType() != dequantize.getType())
    return quantize.emitOpError("expected one constant scale to simulate");
  auto [lowest, highest] = quantize.getLimits();
  int64_t zeroPoint = zero->getInt(0, quantize.getIsUnsigned());
  Location loc = quantize.getLoc();
  SmallVector<Value> inputs{quantize.getInput()};
  for (StringRef name : {"inverse", "low", "high", "scale"})
    inputs.push_back(addInput(name + Twine(result.values.size()),
                              RankedTensorType::get({}, builder.getF32Type())));
  result.values.push_back({1.0f / scale->getFloat(0), float(lowest - zeroPoint),
                           float(highest - zeroPoint), scale->getFloat(0)});
  result.valueInfos.push_back({ids.lookup(quantize.getInput()).str(),
                               scale->getFloat(0), zeroPoint, lowest, highest});

  builder.setInsertionPoint(quantize);
  auto type = cast<RankedTensorType>(dequantize.getType());
  MLIRContext *context = builder.getContext();
  AffineMap all = AffineMap::getMultiDimIdentityMap(type.getRank(), context),
            scalar = AffineMap::get(type.getRank(), 0, {}, context);
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                        type.getElementType());
  auto rounded = linalg::GenericOp::create(
      builder, loc, type, inputs, empty,
      SmallVector<AffineMap>{all, scalar, scalar, scalar, scalar, all},
      SmallVector<utils::IteratorType>(type.getRank(),
                                       utils::IteratorType::parallel),
      [](OpBuilder &b, Location loc, ValueRange in) {
        Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
        Value steps = math::RoundEvenOp::create(
            b, loc, arith::MulFOp::create(b, loc, in[0], in[1]));
        Value isOff = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                            in[1], zero);
        Value chosen = arith::SelectOp::create(b, loc, isOff, in[0], steps);
        Value clamped = arith::MinimumFOp::create(
            b, loc, arith::MaximumFOp::create(b, loc, chosen, in[2]), in[3]);
        linalg::YieldOp::create(
            b, loc, arith::MulFOp::create(b, loc, clamped, in[4]).getResult());
      });
  valueIndex[rounded] = result.values.size() - 1;
  dequantize.getResult().replaceAllUsesWith(rounded.getResult(0));
  dequantize.erase();
  if (quantize->use_empty())
    quantize.erase();
  return success();
}

FailureOr<SimulatedModule> SimulationBuilder::build() {
  collectProducts();
  if (products.empty())
    return assigned.emitError("expected products that can be computed in "
                              "integers but there are none");
  for (size_t index = 0; index < products.size(); ++index)
    corrections.push_back({index, {}});
  SmallVector<QuantizableOpInterface> rounded;
  FailureOr<OwningOpRef<ModuleOp>> module =
      quantize(PrecisionKind::Int8, rounded);
  if (failed(module))
    return failure();
  result.module = std::move(*module);
  for (auto candidate : result.module->getOps<func::FuncOp>())
    if (candidate.isPublic())
      function = candidate;
  result.numInputs = function.getNumArguments();
  SmallVector<DequantizeOp> pairs;
  function.walk([&](DequantizeOp op) {
    if (op.getInput().getDefiningOp<QuantizeOp>())
      pairs.push_back(op);
  });
  // Moved values first: what products read is found through them.
  ValueIds ids(function);
  for (DequantizeOp pair : pairs)
    if (failed(replace(pair, ids)))
      return failure();
  for (auto [index, product] : llvm::enumerate(rounded))
    addProduct(index, product);
  // Each of them takes a run of the samples.
  result.wideValues.resize(result.values.size());
  if (llvm::is_contained(precisions, PrecisionKind::Int16) &&
      failed(addWideActivations()))
    return failure();
  for (PrecisionKind kind : {PrecisionKind::Int4, PrecisionKind::Int2})
    if (llvm::is_contained(precisions, kind) &&
        failed(addWeightsOfFewBits(kind)))
      return failure();
  for (auto [index, product] : llvm::enumerate(rounded))
    addCorrection(index, product);
  return std::move(result);
}

FailureOr<SimulatedModule>
mpq::makeSimulatedModule(ModuleOp assigned, const OriginalWeights &original,
                         ArrayRef<PrecisionKind> precisions,
                         const std::function<LogicalResult(ModuleOp)> &fit) {
  return SimulationBuilder(assigned, original, precisions, fit).build();
}
