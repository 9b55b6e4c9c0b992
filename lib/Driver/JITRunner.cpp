//===- JITRunner.cpp - calibration by compiled code ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The interpreter takes minutes for a sample of a real model; the code of the
// instrumented module takes milliseconds, and computes the same numbers.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Driver/Calibration.h"
#include "mpq/Driver/Pipelines.h"
#include "mpq/Runtime/ThreadPool.h"
#include "mpq/Target/JIT.h"
#include "mpq/Target/Machine.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mpq;

namespace {
/// A compiled model with what its runs need.
struct Runner {
  std::unique_ptr<JITModel> model;
  std::shared_ptr<SharedThreads> threads = SharedThreads::get(0);
  std::vector<std::vector<char>> outputs;
  std::optional<RowMask> mask;
  llvm::StringMap<SmallVector<int64_t>> shapes; // of observed values

  /// Where the observe hook of one run finds its way back.
  struct Observation {
    const Runner &runner;
    ObserveFn tell;
  };
  static void observe(void *observer, int64_t index, const float *data,
                      int64_t count) {
    auto *observation = static_cast<Observation *>(observer);
    const Runner &runner = observation->runner;
    StringRef id = runner.model->getInfo().observers[index];
    observation->tell(id, {data, static_cast<size_t>(count)},
                      runner.mask ? runner.mask->getRows(runner.shapes.at(id))
                                  : CountedRows());
  }

  llvm::Error run(ArrayRef<NpyArray> inputs, ObserveFn tell) {
    if (mask)
      if (llvm::Error error = mask->read(inputs))
        return error;
    SmallVector<const void *> inputData;
    SmallVector<void *> outputData;
    for (const NpyArray &input : inputs)
      inputData.push_back(input.data.data());
    for (std::vector<char> &output : outputs)
      outputData.push_back(output.data());
    Observation observation{*this, tell};
    mpq_context context = {};
    context.parallel_for = SharedThreads::parallelFor;
    context.pool = threads.get();
    context.observe = observe;
    context.observer = &observation;
    model->run(inputData, outputData, context);
    return llvm::Error::success();
  }
};
} // namespace

FailureOr<ObservedRunner>
mpq::makeObservedRunner(ModuleOp instrumented,
                        const std::function<bool()> &isCancelled) {
  auto runner = std::make_shared<Runner>();
  runner->mask = getRowMask(instrumented);
  instrumented.walk([&](ObserveOp observe) {
    runner->shapes[observe.getId()] =
        SmallVector<int64_t>(observe.getValue().getType().getShape());
  });
  TargetAttr target = getHostTarget(instrumented.getContext());
  instrumented->setAttr(MPQDialect::getTargetAttrName(), target);
  PassManager manager(instrumented.getContext());
  // Parts that came quantized are lowered as they will be in the artifact.
  buildLowerPipeline(manager);
  buildCodegenPipeline(manager);
  if (failed(manager.run(instrumented)))
    return failure();
  if (isCancelled && isCancelled())
    return emitError(instrumented.getLoc(), "compilation was cancelled");
  FailureOr<std::unique_ptr<JITModel>> model = JITModel::create(
      instrumented, target, /*optimizationLevel=*/3, isCancelled);
  if (failed(model))
    return failure();
  runner->model = std::move(*model);
  for (const TensorInfo &output : runner->model->getInfo().outputs)
    runner->outputs.emplace_back(output.getSizeInBytes());
  return ObservedRunner([runner](ArrayRef<NpyArray> inputs, ObserveFn tell) {
    return runner->run(inputs, tell);
  });
}

FailureOr<SampleRunner>
mpq::makeJITRunner(ModuleOp instrumented,
                   const std::function<bool()> &isCancelled) {
  llvm::StringMap<int64_t> channels;
  instrumented.walk([&](ObserveOp observe) {
    channels[observe.getId()] =
        getObservedChannels(observe.getValue().getType().getShape());
  });
  FailureOr<ObservedRunner> run = makeObservedRunner(instrumented, isCancelled);
  if (failed(run))
    return failure();
  return SampleRunner([run = *run, channels](ArrayRef<NpyArray> inputs,
                                             Collector &collector) {
    std::vector<float> selected;
    return run(inputs, [&](StringRef id, ArrayRef<float> values,
                           const CountedRows &rows) {
      collector.observe(id, rows.select(values, selected), channels.lookup(id));
    });
  });
}
