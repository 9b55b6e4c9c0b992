//===- Simulation.cpp - one program for all precisions ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/Simulation.h"
#include "LoadModel.h"
#include "SimulatedModule.h"

#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Driver/FitToSamples.h"
#include "mpq/Driver/Pipelines.h"
#include "mpq/Target/JIT.h"
#include "mpq/Target/Machine.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mpq;

namespace {
/// Where in the blob packed weights are.
struct BlobPart {
  int64_t offset, bytes;
};
} // namespace

struct Simulation::State {
  std::vector<SimulatedProduct> products;
  std::vector<std::vector<size_t>> valuesOf;
  std::vector<std::optional<size_t>> weightsOf;
  std::vector<RoundedValue> values, wideValues;
  std::vector<SimulatedValue> valueInfos;
  /// Of each weights: original, rounded, scales.
  std::vector<std::array<ElementsAttr, 3>> parts;
  SmallVector<TensorInfo> inputs, outputs; // of the model

  /// Of each weights, and their bytes in each precision.
  std::vector<SmallVector<BlobPart>> regions;
  std::vector<std::map<PrecisionKind, std::vector<char>>> packed;

  std::unique_ptr<JITModel> model;
  std::vector<PrecisionKind> precisions;
  /// The rounded values as the inputs have them: off, unless something that
  /// reads them is in int8.
  std::vector<RoundedValue> parameters;
  /// Likewise what is added to results.
  std::vector<AddedCorrection> corrections;
  std::vector<float> zeros;

  LogicalResult compile(SimulatedModule simulated);
  void update();
};

Simulation::Simulation(std::unique_ptr<State> state)
    : state(std::move(state)) {}
Simulation::~Simulation() = default;

ArrayRef<SimulatedProduct> Simulation::getProducts() const {
  return state->products;
}
ArrayRef<SimulatedValue> Simulation::getValues() const {
  return state->valueInfos;
}
ArrayRef<TensorInfo> Simulation::getInputs() const { return state->inputs; }
ArrayRef<TensorInfo> Simulation::getOutputs() const { return state->outputs; }

/// The regions of weights in the blob of formed kernels, by their names.
static LogicalResult findRegions(ModuleOp formed,
                                 std::vector<SmallVector<BlobPart>> &regions) {
  FailureOr<ModuleInfo> info = ModuleInfo::get(formed);
  if (failed(info))
    return failure();
  llvm::StringMap<size_t> indices;
  for (size_t i = 0; i < regions.size(); ++i)
    indices[SimulatedModule::getWeightsName(i)] = i;
  auto main = formed.lookupSymbol<func::FuncOp>(info->model);
  BlockArgument blob =
      main.getArgument(info->inputs.size() + info->outputs.size());
  for (Operation *user : blob.getUsers()) {
    auto view = dyn_cast<memref::ViewOp>(user);
    auto name = view ? dyn_cast<NameLoc>(view.getLoc()) : NameLoc();
    auto found = name ? indices.find(name.getName()) : indices.end();
    if (found == indices.end())
      continue;
    std::optional<int64_t> offset = getConstantIntValue(view.getByteShift());
    auto type = view.getType();
    if (!offset)
      return view.emitError("expected weights at a constant place");
    regions[found->second].push_back(
        {*offset, type.getNumElements() *
                      llvm::divideCeil(type.getElementTypeBitWidth(), 8)});
  }
  return success();
}

LogicalResult Simulation::State::compile(SimulatedModule simulated) {
  ModuleOp module = *simulated.module;
  MLIRContext *context = module.getContext();
  module->setAttr(MPQDialect::getTargetAttrName(), getHostTarget(context));
  size_t count = simulated.weights.size();
  regions.resize(count);
  packed.resize(count);
  SmallVector<PrecisionKind> kinds{PrecisionKind::Int2, PrecisionKind::Int4,
                                   PrecisionKind::Int8, PrecisionKind::F32};
  // f32 comes last: its module becomes the program.
  for (PrecisionKind kind : kinds) {
    if (kind != PrecisionKind::F32 &&
        llvm::none_of(simulated.weights, [&](const SimulatedWeights &weights) {
          return weights.values.count(kind);
        }))
      continue;
    for (SimulatedWeights &weights : simulated.weights)
      if (auto values = weights.values.find(kind);
          values != weights.values.end())
        weights.constant.setValueAttr(cast<TypedAttr>(values->second));
    OwningOpRef<ModuleOp> formed = kind == PrecisionKind::F32
                                       ? std::move(simulated.module)
                                       : OwningOpRef<ModuleOp>(module.clone());
    PassManager forming(context);
    buildLowerPipeline(forming);
    buildFormKernelsPipeline(forming);
    if (failed(forming.run(*formed)))
      return failure();
    std::vector<SmallVector<BlobPart>> found(count);
    if (failed(findRegions(*formed, found)))
      return failure();
    FailureOr<ModuleInfo> info = ModuleInfo::get(*formed);
    if (failed(info))
      return failure();
    ArrayRef<char> blob = info->getWeights();
    for (size_t i = 0; i < count; ++i) {
      if (!simulated.weights[i].values.count(kind))
        continue;
      std::vector<char> &bytes = packed[i][kind];
      for (BlobPart region : found[i]) {
        ArrayRef<char> part = blob.slice(region.offset, region.bytes);
        bytes.insert(bytes.end(), part.begin(), part.end());
      }
    }
    if (kind != PrecisionKind::F32)
      continue;
    regions = std::move(found);
    PassManager generating(context);
    buildGenerateKernelsPipeline(generating);
    if (failed(generating.run(*formed)))
      return failure();
    FailureOr<std::unique_ptr<JITModel>> compiled =
        JITModel::create(*formed, getHostTarget(context));
    if (failed(compiled))
      return failure();
    model = std::move(*compiled);
  }
  for (size_t i = 0; i < count; ++i)
    for (const auto &[kind, bytes] : packed[i])
      if (bytes.empty() || bytes.size() != packed[i][PrecisionKind::F32].size())
        return emitError(UnknownLoc::get(context))
               << "cannot tell the weights of precision "
               << stringifyPrecisionKind(kind) << " apart in the program";
  ArrayRef<TensorInfo> all = model->getInfo().inputs;
  inputs.assign(all.begin(), all.begin() + simulated.numInputs);
  outputs = llvm::to_vector(model->getInfo().outputs);
  products = std::move(simulated.products);
  valuesOf = std::move(simulated.valuesOf);
  weightsOf = std::move(simulated.weightsOf);
  values = std::move(simulated.values);
  wideValues = std::move(simulated.wideValues);
  valueInfos = std::move(simulated.valueInfos);
  for (const std::vector<size_t> &read : valuesOf)
    for (size_t value : read)
      valueInfos[value].isRead = true;
  for (SimulatedWeights &weights : simulated.weights)
    parts.push_back({weights.values[PrecisionKind::F32],
                     weights.values[PrecisionKind::Int8], weights.scales});
  corrections = std::move(simulated.corrections);
  for (const AddedCorrection &correction : corrections)
    for (const auto &[kind, values] : correction.values)
      zeros.resize(std::max(zeros.size(), values.size()));
  precisions.assign(products.size(), PrecisionKind::F32);
  update();
  return success();
}

/// A value is rounded if a product that reads it is in integers, and one that
/// no product reads if any is: it waits in memory for others.
void Simulation::State::update() {
  std::vector<bool> isRounded(values.size()), isWide(values.size());
  bool any = false;
  for (size_t i = 0; i < products.size(); ++i)
    for (size_t value : valuesOf[i])
      if (products[i].readsIntegers(precisions[i])) {
        any = true;
        (precisions[i] == PrecisionKind::Int16 ? isWide : isRounded)[value] =
            true;
      }
  parameters.assign(values.size(), RoundedValue());
  for (size_t i = 0; i < values.size(); ++i) {
    if (isRounded[i] || (any && !valueInfos[i].isRead))
      parameters[i] = values[i];
    else if (isWide[i])
      parameters[i] = wideValues[i];
  }
}

void Simulation::setPrecision(size_t product, PrecisionKind precision) {
  assert(llvm::is_contained(state->products[product].precisions, precision) &&
         "one of the product's precisions");
  state->precisions[product] = precision;
  state->update();
  std::optional<size_t> weights = state->weightsOf[product];
  if (!weights)
    return;
  if (precision == PrecisionKind::Int16) // its weights are those of int8
    precision = PrecisionKind::Int8;
  const char *source = state->packed[*weights][precision].data();
  MutableArrayRef<char> blob = state->model->getWeights();
  for (BlobPart region : state->regions[*weights]) {
    std::copy_n(source, region.bytes, blob.begin() + region.offset);
    source += region.bytes;
  }
}

void Simulation::setRounding(size_t value) {
  state->parameters[value] = state->values[value];
}

void Simulation::setLimits(size_t value, float low, float high) {
  state->parameters[value] = {0, low, high, 1};
}

void Simulation::readWeights(size_t product, WeightsPart part,
                             MutableArrayRef<float> numbers) const {
  assert(state->weightsOf[product] && "a product with constant weights");
  ConstantView view = *ConstantView::get(
      Attribute(state->parts[*state->weightsOf[product]][size_t(part)]));
  for (auto [index, number] : llvm::enumerate(numbers))
    number = view.getFloat(index);
}

void Simulation::run(ArrayRef<const void *> inputs, ArrayRef<void *> outputs) {
  SmallVector<const void *> all(inputs);
  for (const RoundedValue &value : state->parameters)
    for (const float &number : {std::cref(value.inverse), std::cref(value.low),
                                std::cref(value.high), std::cref(value.scale)})
      all.push_back(&number);
  for (const AddedCorrection &correction : state->corrections) {
    auto values = correction.values.find(state->precisions[correction.product]);
    all.push_back(values == correction.values.end() ? state->zeros.data()
                                                    : values->second.data());
  }
  state->model->run(all, outputs);
}

/// The module after the last phase of `options`.
static FailureOr<OwningOpRef<ModuleOp>>
compileToModule(MLIRContext &context, const ModelSource &source,
                const CompileOptions &options,
                const CompilationMonitor &monitor) {
  SmallVector<char, 0> bytecode;
  if (failed(mpq::compile(context, source, {"", &bytecode}, options, monitor)))
    return failure();
  OwningOpRef<ModuleOp> module = loadModel(
      context,
      {source.name + ".mlirbc", StringRef(bytecode.data(), bytecode.size())},
      CompileOptions(), UnknownLoc::get(&context));
  if (!module)
    return failure();
  return module;
}

FailureOr<std::unique_ptr<Simulation>> Simulation::create(
    MLIRContext &context, const ModelSource &source,
    const CompileOptions &options, ArrayRef<PrecisionKind> precisions,
    const CompilationMonitor &monitor, const ModelSource *original) {
  OriginalWeights originalWeights;
  if (original) {
    CompileOptions upToPrepare;
    upToPrepare.shapes = options.shapes;
    upToPrepare.to = Phase::Prepare;
    upToPrepare.kind = OutputKind::Bytecode;
    FailureOr<OwningOpRef<ModuleOp>> prepared =
        compileToModule(context, *original, upToPrepare, monitor);
    if (failed(prepared))
      return failure();
    originalWeights = collectOriginalWeights(**prepared);
  }
  CompileOptions upToAssign = options;
  upToAssign.to = Phase::Assign;
  upToAssign.kind = OutputKind::Bytecode;
  FailureOr<OwningOpRef<ModuleOp>> assigned =
      compileToModule(context, source, upToAssign, monitor);
  if (failed(assigned))
    return failure();
  std::function<LogicalResult(ModuleOp)> fit;
  if (!options.fitData.empty())
    fit = [&](ModuleOp module) {
      return fitToSamples(module, options.fitData, {}, monitor.isCancelled);
    };
  FailureOr<SimulatedModule> simulated =
      makeSimulatedModule(**assigned, originalWeights, precisions, fit);
  auto state = std::make_unique<State>();
  if (failed(simulated) || failed(state->compile(std::move(*simulated))))
    return failure();
  return std::unique_ptr<Simulation>(new Simulation(std::move(state)));
}
