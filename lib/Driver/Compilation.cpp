//===- Compilation.cpp - a model through the phases ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compiler.h"
#include "LoadModel.h"

#include "mpq/Analysis/OperationCount.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Driver/Calibration.h"
#include "mpq/Driver/Compilation.h"
#include "mpq/Driver/FitToSamples.h"
#include "mpq/Driver/Pipelines.h"
#include "mpq/Driver/Report.h"
#include "mpq/ONNX/ImportONNX.h"
#include "mpq/Support/WriteFile.h"
#include "mpq/Transforms/Assign/Passes.h"
#include "mpq/Transforms/Assign/Recipe.h"
#include "mpq/Transforms/Calibrate/Passes.h"
#include "mpq/Transforms/Prepare/Passes.h"
#include "mpq/Transforms/Quantize/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

#include <chrono>

using namespace mlir;
using namespace mpq;

/// Whether products need no ranges unless a rule says so. What is wrong with
/// the recipe, the pass that reads it says.
static bool quantizesAsItRuns(StringRef path) {
  if (path.empty())
    return false;
  llvm::Expected<Recipe> recipe = Recipe::load(path);
  if (recipe)
    return recipe->activations == RecipeActivations::Dynamic;
  llvm::consumeError(recipe.takeError());
  return true;
}

LogicalResult Compiler::resolve() {
  bool isONNX = mpq::isONNX(source);
  from = options.from.value_or(isONNX ? Phase::Import : Phase::Prepare);
  if (isONNX != (from == Phase::Import))
    return emitError(loc) << "expected to start "
                          << (isONNX ? "an ONNX model from import"
                                     : "an MLIR file from a later phase than "
                                       "import")
                          << " but got --from " << stringifyPhase(from);
  bool exports = options.kind == OutputKind::ONNX;
  if (exports && !isONNX)
    return emitError(loc) << "expected an ONNX model for --emit onnx, which is "
                             "written on the original's graph: export a module "
                             "with quant-translate --export-onnx";
  if (exports && options.to.value_or(Phase::Quantize) != Phase::Quantize)
    return emitError(loc) << "expected --emit onnx to end after quantize but "
                             "got --to "
                          << stringifyPhase(*options.to);
  if (calibrates && (options.kind || options.to || !options.profile.empty()))
    return emitError(loc) << "expected --calibrate to write a profile: it "
                             "cannot be combined with --emit, --to and "
                             "--profile";
  bool textual = StringRef(destination.path).ends_with(".mlir");
  OutputKind mlirKind = textual ? OutputKind::MLIR : OutputKind::Bytecode;
  kind = options.kind.value_or(options.to && *options.to != Phase::Emit
                                   ? mlirKind
                                   : OutputKind::SharedLibrary);
  to = calibrates ? Phase::Calibrate
                  : options.to.value_or(exports        ? Phase::Quantize
                                        : isMLIR(kind) ? Phase::Codegen
                                                       : Phase::Emit);
  if (!calibrates && !exports && isMLIR(kind) != (to != Phase::Emit))
    return emitError(loc) << "expected "
                          << (isMLIR(kind) ? "mlir and mlirbc to be emitted "
                                             "after an earlier phase than emit"
                                           : "code to be emitted by the last "
                                             "phase")
                          << " but got --to " << stringifyPhase(to);
  if (to < from)
    return emitError(loc) << "expected --to to be no earlier than --from but "
                             "got "
                          << stringifyPhase(to) << " and "
                          << stringifyPhase(from);
  bool hasProfile = !options.profile.empty();
  if (failed(requirePhase(!options.shapes.empty(), "shape", Phase::Import)) ||
      failed(requirePhase(!options.name.empty(), "name", Phase::Import)) ||
      failed(checkDecisions()) ||
      failed(requirePhase(!options.report.empty(), "report", Phase::Assign)) ||
      failed(requirePhase(!options.reportData.empty(), "report-data",
                          Phase::Quantize)) ||
      failed(requirePhase(!options.tune.empty(), "tune", Phase::Codegen)))
    return failure();
  if (!options.mask.empty() && !calibrates && options.fitData.empty() &&
      options.reportData.empty())
    return emitError(loc) << "option --mask has no effect: it says which rows "
                             "of samples count, give them with --calibrate, "
                             "--fit-data or --report-data";
  if (!options.resume.empty() && !calibrates)
    return emitError(loc) << "option --resume has no effect without "
                             "--calibrate";
  if (options.method && !hasProfile)
    return emitError(loc) << "option --method has no effect: it picks ranges "
                             "from a profile, give one with --profile";
  if (failed(checkRecipe()))
    return failure();
  if (llvm::Error error = checkStrategyTimes(options.tune))
    return emitError(loc) << llvm::toString(std::move(error));
  if (!options.reportData.empty() && options.report.empty())
    return emitError(loc) << "expected --report for the results of "
                             "--report-data but there is none";
  if (!options.report.empty())
    record.emplace();
  precision = options.precision.value_or(hasProfile ? PrecisionGoal::Int8
                                                    : PrecisionGoal::F32);
  if (!options.fitData.empty() && precision == PrecisionGoal::F32 &&
      options.recipe.empty())
    return emitError(loc) << "option --fit-data has no effect: nothing is "
                             "quantized with --precision f32";
  // From a later phase on, ranges may stand in the file.
  if (precision == PrecisionGoal::Int16 && !hasProfile &&
      from <= Phase::Calibrate)
    return emitError(loc) << "expected a profile for --precision int16: make "
                             "one with --calibrate and pass it with --profile";
  if (precision == PrecisionGoal::Int8 && !hasProfile &&
      from <= Phase::Calibrate && !quantizesAsItRuns(options.recipe))
    return emitError(loc) << "expected a profile for --precision int8: make "
                             "one with --calibrate and pass it with --profile, "
                             "or quantize activations as the model runs with "
                             "a recipe of \"activations\": \"dynamic\"";
  if (failed(checkTargets()) || failed(checkTargetActs()))
    return failure();
  return checkOutput();
}

/// Several are for files that can hold code for each.
LogicalResult Compiler::checkTargets() {
  FailureOr<SmallVector<NamedTarget>> resolved =
      resolveTargets(loc, options.targets);
  if (failed(resolved))
    return failure();
  targets = std::move(*resolved);
  if (targets.size() == 1)
    return success();
  if (calibrates || to != Phase::Emit ||
      (kind != OutputKind::SharedLibrary && kind != OutputKind::Object))
    return emitError(loc) << "expected one --target but got " << targets.size()
                          << ": only shared libraries and objects (--emit so "
                             "or obj) hold code for several machines";
  return requirePhase(/*given=*/true, "target, of several machines,",
                      Phase::Codegen);
}

/// Finds out before the work whether its result can be kept.
LogicalResult Compiler::checkOutput() {
  if (destination.data)
    return success();
  if (destination.path.empty() || destination.path == "-") {
    if (kind == OutputKind::SharedLibrary || kind == OutputKind::Object ||
        kind == OutputKind::ONNX)
      return emitError(loc)
             << "expected an output file for "
             << (kind == OutputKind::ONNX ? "a model" : "machine code")
             << ": give one with -o";
    destination.path = "-";
    return success();
  }
  SmallVector<std::string> written{destination.path};
  if (writesHeader())
    written.push_back(getHeaderPath());
  for (const std::string &path : {options.report, options.resume, options.tune})
    if (!path.empty())
      written.push_back(path);
  for (auto [index, path] : llvm::enumerate(written)) {
    if (llvm::is_contained(ArrayRef(written).take_front(index), path))
      return emitError(loc) << "expected different files for what is written "
                               "but got '"
                            << path << "' twice";
    if (llvm::Error error = checkWritable(path))
      return emitError(loc) << llvm::toString(std::move(error));
  }
  return success();
}

LogicalResult Compiler::load() {
  module = loadModel(context, source, options, loc);
  return success(static_cast<bool>(module));
}

LogicalResult Compiler::checkCancelled() {
  if (monitor.isCancelled && monitor.isCancelled())
    return emitError(loc) << "compilation was cancelled";
  return success();
}

LogicalResult Compiler::timed(StringRef what,
                              llvm::function_ref<LogicalResult()> work) {
  auto start = std::chrono::steady_clock::now();
  LogicalResult result = checkCancelled();
  if (succeeded(result))
    result = work();
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  if (succeeded(result) && monitor.phaseDone)
    monitor.phaseDone(what, seconds.count());
  return result;
}

LogicalResult Compiler::runPhase(Phase phase) {
  // Float models stay as they came: their quantized parts are in QDQ form
  // already, which lower takes.
  bool quantizes = precision != PrecisionGoal::F32 || !options.recipe.empty() ||
                   from > Phase::Assign;
  PassManager manager(&context);
  switch (phase) {
  case Phase::Import:
  case Phase::Emit:
    llvm_unreachable("not a pipeline on the module");
  case Phase::Prepare:
    buildPreparePipeline(manager);
    break;
  case Phase::Calibrate:
    if (!options.profile.empty() || !options.recipe.empty()) {
      ApplyProfilePassOptions apply;
      apply.profile = options.profile;
      apply.recipe = options.recipe;
      apply.method = options.method.value_or(apply.method);
      buildCalibratePipeline(manager, apply);
    }
    break;
  case Phase::Assign:
    if (!options.mask.empty() && failed(setRowMask(*module, options.mask)))
      return failure();
    if (quantizes) {
      AssignPrecisionPassOptions assign;
      assign.recipe = options.recipe;
      assign.precision = getPrecisionKind(precision);
      buildAssignPipeline(manager, assign);
    }
    break;
  case Phase::Quantize:
    for (auto model : module->getOps<func::FuncOp>()) // samples have decided
      for (unsigned index = 0; index < model.getNumArguments(); ++index)
        model.removeArgAttr(index, MPQDialect::getRowMaskAttrName());
    if (quantizes) {
      manager.addPass(createCorrectBiasPass());
      manager.addPass(createQuantizePass());
    }
    break;
  case Phase::Lower:
    buildLowerPipeline(manager);
    break;
  case Phase::Codegen:
    if (options.tune.empty())
      buildFormKernelsPipeline(manager);
    else if (failed(formTunedKernels()))
      return failure();
    buildGenerateKernelsPipeline(manager);
    break;
  }
  if (failed(manager.run(*module)))
    return failure();
  if (phase == Phase::Assign && quantizes && !options.fitData.empty() &&
      failed(fitToSamples(*module, options.fitData, progress,
                          monitor.isCancelled)))
    return failure();
  if (phase == Phase::Assign)
    warnOfIdleDecisions();
  return checkCancelled();
}

/// Their strategies are those that are measured to be the fastest.
LogicalResult Compiler::formTunedKernels() {
  PassManager manager(&context);
  buildFormKernelsPipeline(manager);
  if (failed(manager.run(*module)))
    return failure();
  return timed("tune", [&] {
    auto tuned = tuneKernels(*module, options.tune, monitor.isCancelled);
    if (succeeded(tuned))
      summary.tuning = summary.tuning.value_or(TuningSummary()) + *tuned;
    return tuned;
  });
}

/// Says how far the samples are; whether to go on.
bool Compiler::reportSample(size_t done, std::optional<size_t> total) {
  if (monitor.sampleDone)
    monitor.sampleDone(done, total);
  return !(monitor.isCancelled && monitor.isCancelled());
}

/// Runs the samples through the prepared model and writes the profile.
LogicalResult Compiler::calibrate(SampleSource &samples) {
  calibrates = true;
  if (failed(resolve()) ||
      failed(timed(from == Phase::Import ? "import" : "read",
                   [&] { return load(); })))
    return failure();
  if (from <= Phase::Prepare &&
      failed(timed("prepare", [&] { return runPhase(Phase::Prepare); })))
    return failure();
  return timed("calibrate", [&]() -> LogicalResult {
    if (!options.mask.empty() && failed(setRowMask(*module, options.mask)))
      return failure();
    FailureOr<Profile> profile = mpq::calibrate(
        *module, samples,
        [&](ModuleOp instrumented) {
          return makeJITRunner(instrumented, monitor.isCancelled);
        },
        progress, options.resume);
    if (failed(profile))
      return failure();
    return writeOutput([&](auto &os) { os << profile->toJSON(); });
  });
}

/// What the report says of the module that `phase` has left.
LogicalResult Compiler::recordPhase(Phase phase) {
  switch (phase) {
  case Phase::Assign: {
    record->recordAssigned(*module);
    if (!options.profile.empty()) {
      llvm::Expected<Profile> profile = Profile::read(options.profile);
      if (!profile)
        return emitError(loc) << llvm::toString(profile.takeError());
      record->recordProfile(*profile);
    }
    if (options.reportData.empty())
      return success();
    Dataset samples(options.reportData);
    FailureOr<LayerErrors> errors =
        measureLayerErrors(*module, samples, progress, monitor.isCancelled);
    if (failed(errors))
      return failure();
    record->recordErrors(*errors);
    return success();
  }
  case Phase::Quantize:
    record->recordQuantized(*module);
    return success();
  case Phase::Lower:
    record->report.macs = countMultiplyAccumulates(*module);
    return success();
  case Phase::Codegen: {
    FailureOr<ModuleInfo> info = ModuleInfo::get(*module);
    if (failed(info))
      return failure();
    record->recordKernels(*info);
    return success();
  }
  default:
    return success();
  }
}

/// Any variant may run, so what a run needs is what the largest one does.
void Compiler::summarize(const ModuleInfo &variant) {
  if (!info)
    info = variant;
  summary.workspace =
      std::max(summary.workspace.value_or(0), variant.workspaceSize);
  if (variant.liveBytes)
    summary.liveBytes =
        std::max(summary.liveBytes.value_or(0), *variant.liveBytes);
}

FailureOr<CompileSummary> Compiler::run() {
  if (failed(resolve()) ||
      failed(timed(from == Phase::Import ? "import" : "read",
                   [&] { return load(); })))
    return failure();
  // What a driver has quantized goes on from there.
  Phase first = from;
  if (std::optional<Phase> done = getLastPhase(*module);
      done && !options.from && to > *done) {
    from = static_cast<Phase>(static_cast<int>(*done) + 1);
    if (failed(checkDecisions()))
      return failure();
  }
  // A module that codegen has compiled is for the machine it says.
  if (from <= Phase::Codegen ||
      !(*module)->hasAttr(MPQDialect::getTargetAttrName()))
    (*module)->setAttr(MPQDialect::getTargetAttrName(), targets[0].target);
  else if (options.targets != CompileOptions().targets)
    return emitError(loc) << "option --target has no effect: the module is "
                             "compiled for a machine already";

  for (Phase phase = first; phase <= to && phase < Phase::Emit;
       phase = static_cast<Phase>(static_cast<int>(phase) + 1)) {
    if (phase == Phase::Import)
      continue;
    if (phase == Phase::Codegen && targets.size() > 1) {
      if (failed(compileVariants()))
        return failure();
      continue;
    }
    if (phase >= from &&
        failed(timed(stringifyPhase(phase), [&] { return runPhase(phase); })))
      return failure();
    if (record && failed(recordPhase(phase)))
      return failure();
    if (phase == Phase::Lower) {
      OperationCount count = countMultiplyAccumulates(*module);
      summary.integerMACs = count.integer;
      summary.floatMACs = count.floating;
    }
  }
  if (to >= Phase::Codegen && !info) {
    FailureOr<ModuleInfo> compiled = ModuleInfo::get(*module);
    if (failed(compiled))
      return failure();
    summarize(*compiled);
  }
  if (failed(
          timed(to == Phase::Emit ? "emit" : "write", [&] { return write(); })))
    return failure();
  if (record && failed(writeReport()))
    return failure();
  return summary;
}

FailureOr<CompileSummary> mpq::compile(MLIRContext &context,
                                       const ModelSource &source,
                                       const ModelDestination &destination,
                                       const CompileOptions &options,
                                       const CompilationMonitor &monitor) {
  if (options.calibrationData.empty())
    return Compiler(context, source, destination, options, monitor).run();
  Dataset samples(options.calibrationData);
  if (failed(calibrateModel(context, source, samples, destination, options,
                            monitor)))
    return failure();
  return CompileSummary();
}

LogicalResult mpq::calibrateModel(MLIRContext &context,
                                  const ModelSource &source,
                                  SampleSource &samples,
                                  const ModelDestination &destination,
                                  const CompileOptions &options,
                                  const CompilationMonitor &monitor) {
  return Compiler(context, source, destination, options, monitor)
      .calibrate(samples);
}
