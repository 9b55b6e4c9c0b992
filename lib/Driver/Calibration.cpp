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
#include "mpq/Dialect/MPQInterfaces.h"
#include "mpq/Reference/Interpreter.h"
#include "mpq/Support/SuggestNearest.h"
#include "mpq/Transforms/Calibrate/Passes.h"

#include "llvm/ADT/StringExtras.h"

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

static std::string getInputName(func::FuncOp model, unsigned index) {
  auto name =
      model.getArgAttrOfType<StringAttr>(index, MPQDialect::getNameAttrName());
  return name ? name.str() : ("arg" + Twine(index)).str();
}

static FailureOr<SmallVector<InputSpec>> getInputSpecs(func::FuncOp model) {
  SmallVector<InputSpec> specs;
  for (auto [index, type] : llvm::enumerate(model.getArgumentTypes())) {
    InputSpec &spec = specs.emplace_back();
    spec.name = getInputName(model, index);
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

LogicalResult mpq::setRowMask(ModuleOp module, StringRef input) {
  FailureOr<func::FuncOp> model = findModel(module);
  if (failed(model))
    return failure();
  SmallVector<std::string> names;
  for (unsigned index = 0; index < model->getNumArguments(); ++index)
    names.push_back(getInputName(*model, index));
  auto found = llvm::find(names, input);
  if (found == names.end()) {
    SmallVector<StringRef> known(names.begin(), names.end());
    return emitError(model->getLoc())
           << "the model has no input '" << input
           << "' that could be a mask: its inputs are "
           << llvm::join(known, ", ") << suggestNearest(input, known);
  }
  unsigned index = found - names.begin();
  auto type = dyn_cast<RankedTensorType>(model->getArgumentTypes()[index]);
  RowMask mask(input, index, type ? type.getShape() : ArrayRef<int64_t>());
  WalkResult search = module.walk([&](QuantizableOpInterface product) {
    if (!product.isProduct())
      return WalkResult::advance();
    auto read = dyn_cast<RankedTensorType>(
        product.getActivationOperand().get().getType());
    return read && mask.fits(read.getShape()) ? WalkResult::interrupt()
                                              : WalkResult::advance();
  });
  if (!search.wasInterrupted())
    return emitError(model->getLoc())
           << "input '" << input << "' of type "
           << model->getArgumentTypes()[index]
           << " is no mask of rows: expected its dimensions to be those of "
              "some product's input, without the last, but no product has such "
              "an input";
  model->setArgAttr(index, MPQDialect::getRowMaskAttrName(),
                    UnitAttr::get(module.getContext()));
  return success();
}

std::optional<RowMask> mpq::getRowMask(ModuleOp module) {
  for (auto model : module.getOps<func::FuncOp>())
    for (unsigned index = 0; index < model.getNumArguments(); ++index)
      if (model.getArgAttr(index, MPQDialect::getRowMaskAttrName()))
        return RowMask(
            getInputName(model, index), index,
            cast<RankedTensorType>(model.getArgumentTypes()[index]).getShape());
  return std::nullopt;
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
    if (!error && (error = use((*sample)->arrays)))
      error = llvm::createStringError("sample '" + (*sample)->name +
                                      "': " + llvm::toString(std::move(error)));
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
  return SampleRunner([model = *model, mask = getRowMask(instrumented)](
                          ArrayRef<NpyArray> inputs,
                          Collector &collector) mutable -> llvm::Error {
    if (mask)
      if (llvm::Error error = mask->read(inputs))
        return error;
    std::vector<float> selected;
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
      ArrayRef<float> values(value.getData<float>(),
                             size_t(value.getNumElements()));
      CountedRows rows = mask ? mask->getRows(value.getShape()) : CountedRows();
      collector.observe(id, rows.select(values, selected),
                        getObservedChannels(value.getShape()));
    };
    if (failed(interpret(model, arguments, hooks)))
      return llvm::createStringError("the model cannot be interpreted");
    return llvm::Error::success();
  });
}
