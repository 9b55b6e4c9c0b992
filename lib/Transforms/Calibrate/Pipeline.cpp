//===- Pipeline.cpp - the phase calibrate as pipelines ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The phase has two halves with a run of the model between them: instrument,
// then (lib/Driver/Calibrate.cpp compiles, runs and writes the profile) apply.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Calibrate/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

using namespace mlir;
using namespace mpq;

namespace {
struct CalibrateOptions : PassPipelineOptions<CalibrateOptions> {
  Option<std::string> profile{*this, "profile",
                              llvm::cl::desc("Path of the profile")};
  Option<RangeMethod> method{
      *this, "method",
      llvm::cl::desc("How ranges are picked from histograms where the recipe "
                     "does not say"),
      llvm::cl::init(RangeMethod::MinMax), RangeMethodValues()};
  Option<double> percentile{
      *this, "percentile",
      llvm::cl::desc("Share of the values the percentile method keeps, in "
                     "percent: above 50, at most 100"),
      llvm::cl::init(99.99)};
  Option<std::string> recipe{
      *this, "recipe",
      llvm::cl::desc("Path of a recipe; its `method` and `ranges` override the "
                     "method")};
};
} // namespace

void mpq::buildInstrumentPipeline(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createInsertObserversPass());
}

void mpq::buildCalibratePipeline(OpPassManager &manager,
                                 const ApplyProfilePassOptions &options) {
  manager.addPass(createStripObserversPass());
  manager.addPass(createApplyProfilePass(options));
}

void mpq::registerCalibratePipelines() {
  PassPipelineRegistration<>(
      "mpq-instrument-pipeline",
      "first half of the phase calibrate: observe values",
      buildInstrumentPipeline);
  PassPipelineRegistration<CalibrateOptions>(
      "mpq-calibrate-pipeline",
      "second half of the phase calibrate: ranges from a profile",
      [](OpPassManager &manager, const CalibrateOptions &options) {
        ApplyProfilePassOptions passOptions;
        passOptions.profile = options.profile;
        passOptions.method = options.method;
        passOptions.percentile = options.percentile;
        passOptions.recipe = options.recipe;
        buildCalibratePipeline(manager, passOptions);
      });
}
