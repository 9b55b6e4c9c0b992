//===- MeasureStrategies.cpp - strategies run side by side ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The measured program is the model several times over: passes that differ in
// nothing but the strategies of their kernels. So each candidate finds the
// caches as the kernel before it leaves them in the real model, and all take
// turns on a machine whose speed changes. A kernel writes what it wrote in the
// pass before: all compute the same numbers.
//
//===----------------------------------------------------------------------===//

#include "MeasureStrategies.h"

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/ModuleInfo.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/Strategies.h"
#include "mpq/Target/JIT.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Pass/PassManager.h"

#include <chrono>
#include <random>

using namespace mlir;
using namespace mpq;

using Clock = std::chrono::steady_clock;

/// Rounds over all passes: so many at least, and more until the time is up.
static constexpr size_t kLeastRounds = 9;
static constexpr size_t kMostRounds = 100;
static constexpr std::chrono::seconds kEnough(4);

namespace {
/// The passes as one module.
class TuningProgram {
public:
  TuningProgram(ModuleOp original, const StrategyCandidates &candidates)
      : module(original.clone()), candidates(candidates) {}

  LogicalResult build();
  FailureOr<SmallVector<SmallVector<double>>>
  measure(const std::function<bool()> &isCancelled);

private:
  size_t getNumPasses() const;
  void addVariants();

  OwningOpRef<ModuleOp> module;
  const StrategyCandidates &candidates;
  /// By kernel and candidate.
  SmallVector<SmallVector<func::FuncOp>> variants;
  /// Of each kernel call, in their order: kernel and candidate, or nothing.
  using Slot = std::optional<std::pair<size_t, size_t>>;
  SmallVector<Slot> slots;
};

/// Durations of each call, in milliseconds.
struct CallTimes {
  Clock::time_point begin;
  std::vector<std::vector<float>> samples;

  static void hook(void *self, int64_t call, int32_t begins) {
    auto &times = *static_cast<CallTimes *>(self);
    Clock::time_point now = Clock::now();
    if (begins)
      times.begin = now;
    else
      times.samples[call].push_back(
          std::chrono::duration<float, std::milli>(now - times.begin).count());
  }
};
} // namespace

size_t TuningProgram::getNumPasses() const {
  size_t passes = 1;
  for (const auto &[kernel, strategies] : candidates)
    passes = std::max(passes, strategies.size());
  return passes;
}

void TuningProgram::addVariants() {
  SymbolTable symbols(*module);
  for (const auto &[name, strategies] : candidates) {
    auto kernel = symbols.lookup<func::FuncOp>(name);
    SmallVector<func::FuncOp> &functions = variants.emplace_back();
    for (StrategyAttr strategy : strategies) {
      func::FuncOp variant = kernel;
      if (!functions.empty()) {
        variant = kernel.clone();
        symbols.insert(variant); // under a name of its own
      }
      functions.push_back(variant);
      setStrategy(variant, KernelOps::get(variant), strategy);
    }
  }
}

LogicalResult TuningProgram::build() {
  FailureOr<ModuleInfo> info = ModuleInfo::get(*module);
  if (failed(info))
    return failure();
  auto main = module->lookupSymbol<func::FuncOp>(info->model);
  if (!main || !main.getBody().hasOneBlock())
    return module->emitError("expected formed kernels, what "
                             "mpq-form-kernels-pipeline leaves");
  llvm::StringMap<size_t> kernels;
  for (auto [index, entry] : llvm::enumerate(candidates))
    kernels[entry.first] = index;
  addVariants();

  Block &block = main.getBody().front();
  SmallVector<Operation *> pass;
  for (Operation &op : block.without_terminator())
    pass.push_back(&op);
  OpBuilder builder = OpBuilder::atBlockTerminator(&block);
  SmallVector<SmallVector<Operation *>> passes{pass};
  for (size_t i = 1, e = getNumPasses(); i < e; ++i) {
    IRMapping mapping;
    SmallVector<Operation *> &copies = passes.emplace_back();
    for (Operation *op : pass)
      copies.push_back(builder.clone(*op, mapping));
  }
  for (auto [i, ops] : llvm::enumerate(passes))
    for (Operation *op : ops) {
      auto call = dyn_cast<func::CallOp>(op);
      if (!call || call.getCallee().starts_with(kObserverPrefix))
        continue;
      Slot &slot = slots.emplace_back();
      auto found = kernels.find(call.getCallee());
      if (found == kernels.end())
        continue;
      MutableArrayRef<func::FuncOp> functions = variants[found->second];
      slot = {found->second, i % functions.size()};
      call.setCallee(functions[slot->second].getName());
    }
  PassManager manager(module->getContext());
  buildGenerateKernelsPipeline(manager);
  return manager.run(*module);
}

/// Values that are indices stay in range, floats are usual ones.
static std::vector<char> makeInput(const TensorInfo &tensor) {
  std::vector<char> data(tensor.getSizeInBytes());
  if (!tensor.type.getElementType().isF32())
    return data;
  std::minstd_rand generator;
  std::uniform_real_distribution<float> distribution(-1, 1);
  auto *values = reinterpret_cast<float *>(data.data());
  for (size_t i = 0; i < data.size() / sizeof(float); ++i)
    values[i] = distribution(generator);
  return data;
}

static float getMedian(std::vector<float> &samples) {
  auto middle = samples.begin() + samples.size() / 2;
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

FailureOr<SmallVector<SmallVector<double>>>
TuningProgram::measure(const std::function<bool()> &isCancelled) {
  auto target =
      (*module)->getAttrOfType<TargetAttr>(MPQDialect::getTargetAttrName());
  FailureOr<std::unique_ptr<JITModel>> model =
      JITModel::create(*module, target, /*optimizationLevel=*/3, isCancelled);
  if (failed(model))
    return failure();
  SmallVector<std::vector<char>> data;
  SmallVector<const void *> inputs;
  SmallVector<void *> outputs;
  for (const TensorInfo &input : (*model)->getInfo().inputs)
    inputs.push_back(data.emplace_back(makeInput(input)).data());
  for (const TensorInfo &output : (*model)->getInfo().outputs)
    outputs.push_back(data.emplace_back(output.getSizeInBytes()).data());

  CallTimes times;
  times.samples.resize(slots.size());
  mpq_context context = JITModel::getSequentialContext();
  (*model)->run(inputs, outputs, context); // touches all memory
  context.profile = CallTimes::hook;
  context.profiler = &times;
  Clock::time_point begin = Clock::now();
  for (size_t round = 0;
       round < kMostRounds &&
       (round < kLeastRounds || Clock::now() - begin < kEnough);
       ++round) {
    if (isCancelled && isCancelled())
      return module->emitError("compilation was cancelled");
    (*model)->run(inputs, outputs, context);
  }

  SmallVector<SmallVector<double>> result;
  for (const auto &[kernel, strategies] : candidates)
    result.emplace_back(strategies.size(), 0.0);
  size_t passes = getNumPasses();
  for (auto [call, slot] : llvm::enumerate(slots)) {
    if (!slot)
      continue;
    auto [kernel, candidate] = *slot;
    size_t count = result[kernel].size();
    // Passes in which this candidate ran.
    size_t turns = passes / count + (candidate < passes % count);
    result[kernel][candidate] += getMedian(times.samples[call]) / turns;
  }
  return result;
}

FailureOr<SmallVector<SmallVector<double>>>
mpq::measureStrategies(ModuleOp module, const StrategyCandidates &candidates,
                       const std::function<bool()> &isCancelled) {
  TuningProgram program(module, candidates);
  if (failed(program.build()))
    return failure();
  return program.measure(isCancelled);
}
