//===- Calibration.cpp - a prepared model and samples become a profile ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The middle of the phase calibrate: between the instrumenting pipeline and the
// one that applies a profile the model has to run.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/Calibration.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Reference/Interpreter.h"
#include "mpq/Transforms/Calibrate/Passes.h"

#include <cstring>

using namespace mlir;
using namespace mpq;

/// Of values with more, such as a vocabulary, profiles keep no channels.
static constexpr int64_t kMostChannels = 8192;

/// The function that is the model.
static FailureOr<func::FuncOp> findModel(ModuleOp module) {
  func::FuncOp model;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal())
      continue;
    if (model)
      return emitError(function.getLoc())
             << "expected one public function to calibrate but got '"
             << model.getName() << "' and '" << function.getName() << "'";
    model = function;
  }
  if (!model)
    return emitError(module.getLoc())
           << "expected a public function to calibrate but the module has none";
  return model;
}

/// The type of file that holds an input, as NumPy has it.
static std::optional<NpyType> getFileType(Type element, bool isUnsigned) {
  if (element.isF32())
    return NpyType::F32;
  if (element.isF16())
    return NpyType::F16;
  auto integer = dyn_cast<IntegerType>(element);
  switch (integer ? integer.getWidth() : 0) {
  case 1:
    return NpyType::Bool;
  case 8:
    return isUnsigned ? NpyType::U8 : NpyType::I8;
  case 16:
    return isUnsigned ? NpyType::U16 : NpyType::I16;
  case 32:
    return isUnsigned ? std::nullopt : std::optional(NpyType::I32);
  case 64:
    return isUnsigned ? std::nullopt : std::optional(NpyType::I64);
  default:
    return std::nullopt;
  }
}

static FailureOr<SmallVector<InputSpec>> getInputSpecs(func::FuncOp model) {
  SmallVector<InputSpec> specs;
  for (auto [index, type] : llvm::enumerate(model.getArgumentTypes())) {
    InputSpec &spec = specs.emplace_back();
    auto name = model.getArgAttrOfType<StringAttr>(
        index, MPQDialect::getNameAttrName());
    spec.name = name ? name.str() : ("arg" + Twine(index)).str();
    bool isUnsigned =
        !!model.getArgAttr(index, MPQDialect::getUnsignedAttrName());
    auto tensor = dyn_cast<RankedTensorType>(type);
    std::optional<NpyType> fileType =
        tensor && tensor.hasStaticShape()
            ? getFileType(tensor.getElementType(), isUnsigned)
            : std::nullopt;
    if (!fileType)
      return emitError(model.getLoc())
             << "cannot calibrate: input '" << spec.name << "' of type " << type
             << " is no tensor of static shape that .npy files can hold";
    spec.type = *fileType;
    llvm::append_range(spec.shape, tensor.getShape());
  }
  return specs;
}

LogicalResult mpq::openSamples(ModuleOp module, SampleSource &samples) {
  FailureOr<func::FuncOp> model = findModel(module);
  if (failed(model))
    return failure();
  FailureOr<SmallVector<InputSpec>> specs = getInputSpecs(*model);
  if (failed(specs))
    return failure();
  if (llvm::Error error = samples.open(*specs))
    return emitError(module.getLoc(), llvm::toString(std::move(error)));
  return success();
}

LogicalResult
mpq::forEachSample(Location loc, SampleSource &samples,
                   const SampleProgress &progress, StringRef purpose,
                   llvm::function_ref<llvm::Error(ArrayRef<NpyArray>)> use) {
  for (uint64_t done = 1;; ++done) {
    llvm::Expected<std::optional<Sample>> sample = samples.next();
    llvm::Error error = sample ? llvm::Error::success() : sample.takeError();
    if (!error && !*sample) {
      if (done > 1)
        return success();
      return emitError(loc)
             << "expected samples to " << purpose << " but there are none";
    }
    if (!error)
      error = use((*sample)->arrays);
    if (error)
      return emitError(loc, llvm::toString(std::move(error)));
    if (progress && !progress(done, samples.getSize()))
      return emitError(loc, "compilation was cancelled");
  }
}

LogicalResult mpq::observeSamples(OwningOpRef<ModuleOp> observed,
                                  SampleSource &samples,
                                  const SampleProgress &progress,
                                  const std::function<bool()> &isCancelled,
                                  StringRef purpose, ObserveFn tell) {
  observed->walk([](Operation *op) {
    op->removeAttr(MPQDialect::getPrecisionAttrName());
    op->removeAttr(MPQDialect::getDynamicAttrName());
  });
  FailureOr<ObservedRunner> run = makeObservedRunner(*observed, isCancelled);
  if (failed(run))
    return failure();
  Location loc = observed->getLoc();
  observed = nullptr; // its constants are in the program
  return forEachSample(
      loc, samples, progress, purpose,
      [&](ArrayRef<NpyArray> arrays) { return (*run)(arrays, tell); });
}

FailureOr<Profile> mpq::calibrate(ModuleOp prepared, SampleSource &samples,
                                  CalibrationEngine engine,
                                  const SampleProgress &progress,
                                  StringRef statePath) {
  // Before the compilation, which takes longer than finding wrong data.
  if (failed(openSamples(prepared, samples)))
    return failure();

  std::string fingerprint = getModelFingerprint(prepared);
  llvm::Expected<CalibrationState> state =
      CalibrationState::open(statePath, fingerprint);
  if (!state)
    return emitError(prepared.getLoc(), llvm::toString(state.takeError()));
  OwningOpRef<ModuleOp> instrumented = prepared.clone();
  PassManager manager(prepared.getContext());
  buildInstrumentPipeline(manager);
  if (failed(manager.run(*instrumented)))
    return failure();
  FailureOr<SampleRunner> run = engine(*instrumented);
  if (failed(run))
    return failure();
  llvm::Expected<Profile> profile =
      collectProfile(samples, std::move(*state), *run, progress);
  if (!profile)
    return emitError(prepared.getLoc(), llvm::toString(profile.takeError()));
  return std::move(*profile);
}

int64_t mpq::getObservedChannels(ArrayRef<int64_t> shape) {
  return shape.size() < 2 || shape.back() > kMostChannels ? 0 : shape.back();
}

FailureOr<SampleRunner> mpq::makeReferenceRunner(ModuleOp instrumented) {
  FailureOr<func::FuncOp> model = findModel(instrumented);
  if (failed(model))
    return failure();
  return SampleRunner(
      [model = *model](ArrayRef<NpyArray> inputs,
                       Collector &collector) mutable -> llvm::Error {
        SmallVector<HostTensor> arguments;
        for (auto [input, type] :
             llvm::zip_equal(inputs, model.getArgumentTypes())) {
          HostTensor &tensor = arguments.emplace_back(
              *getElementKind(getElementTypeOrSelf(type)), input.shape);
          std::memcpy(tensor.getMutableBytes(), input.data.data(),
                      input.data.size());
        }
        InterpreterHooks hooks;
        hooks.observe = [&](StringRef id, const HostTensor &value) {
          collector.observe(id,
                            ArrayRef<float>(value.getData<float>(),
                                            size_t(value.getNumElements())),
                            getObservedChannels(value.getShape()));
        };
        if (failed(interpret(model, arguments, hooks)))
          return llvm::createStringError("the model cannot be interpreted");
        return llvm::Error::success();
      });
}
