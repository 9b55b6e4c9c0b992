//===- ReferenceMode.cpp - quant-run --reference ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interprets IR of any phase. Everything is computed before anything is
// written.
//
//===----------------------------------------------------------------------===//

#include "RunModes.h"
#include "Tensors.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/InitAllDialects.h"
#include "mpq/Reference/Interpreter.h"

#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <numeric>
#include <random>
#include <set>

using namespace mlir;
using namespace mpq;
using namespace mpq::run;

static int fail(const Twine &message) {
  llvm::errs() << "quant-run: error: " << message << "\n";
  return 1;
}

static std::optional<NpyType> getNpyType(ElementKind kind, bool isUnsigned) {
  switch (kind) {
  case ElementKind::I1:
    return NpyType::Bool;
  case ElementKind::I2:
  case ElementKind::I4:
  case ElementKind::I8:
    return isUnsigned ? NpyType::U8 : NpyType::I8;
  case ElementKind::I16:
    return isUnsigned ? NpyType::U16 : NpyType::I16;
  case ElementKind::I32:
    return NpyType::I32;
  case ElementKind::I64:
    return NpyType::I64;
  case ElementKind::F16:
    return NpyType::F16;
  case ElementKind::F32:
    return NpyType::F32;
  case ElementKind::BF16:
  case ElementKind::F8E4M3FN:
  case ElementKind::F8E5M2:
  case ElementKind::F4E2M1FN:
  case ElementKind::F8E8M0FNU:
    return std::nullopt; // NumPy has no such type
  }
  llvm_unreachable("unknown element kind");
}

/// The specification of an argument or result.
static llvm::Expected<TensorSpec> getSpec(Type type, DictionaryAttr attributes,
                                          const Twine &fallbackName) {
  TensorSpec spec;
  spec.name = fallbackName.str();
  bool isUnsigned = false;
  if (attributes) {
    if (auto name = attributes.getAs<StringAttr>(MPQDialect::getNameAttrName()))
      spec.name = name.str();
    isUnsigned = attributes.contains(MPQDialect::getUnsignedAttrName());
  }
  std::optional<ElementKind> kind = getElementKind(getElementTypeOrSelf(type));
  std::optional<NpyType> npyType =
      kind ? getNpyType(*kind, isUnsigned) : std::nullopt;
  auto shaped = dyn_cast<ShapedType>(type);
  if (!npyType ||
      (shaped && (!shaped.hasStaticShape() || !isa<RankedTensorType>(type)))) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return llvm::createStringError(
        "'" + spec.name + "' has type " + text +
        ": expected a tensor of static shape of a type .npy files have");
  }
  spec.type = *npyType;
  if (shaped)
    spec.shape.assign(shaped.getShape().begin(), shaped.getShape().end());
  return spec;
}

/// The tensor of an array, checked against its specification already. Narrow
/// integers must fit their width.
static llvm::Expected<HostTensor> toTensor(const NpyArray &array,
                                           const TensorSpec &spec, Type type) {
  ElementKind kind = *getElementKind(getElementTypeOrSelf(type));
  HostTensor tensor(kind, spec.shape);
  char *memory = tensor.getMutableBytes();
  std::memcpy(memory, array.data.data(), array.data.size());
  unsigned width = getIntegerWidth(kind);
  if (kind != ElementKind::I2 && kind != ElementKind::I4)
    return tensor;
  for (int64_t k = 0; k < tensor.getNumElements(); ++k) {
    int8_t value = memory[k];
    int low = spec.type == NpyType::U8 ? 0 : -(1 << (width - 1));
    int high = low + (1 << width) - 1;
    int given = spec.type == NpyType::U8 ? int(uint8_t(value)) : int(value);
    if (given < low || given > high)
      return llvm::createStringError(
          "input '" + spec.name + "' expects integers from " + Twine(low) +
          " to " + Twine(high) + " but holds " + Twine(given));
    memory[k] = int8_t(uint8_t(value) << (8 - width)) >> (8 - width);
  }
  return tensor;
}

/// Unsigned narrow integers leave as the numbers they stand for.
static void toArray(HostTensor &tensor, const TensorSpec &spec) {
  unsigned width = getIntegerWidth(tensor.getKind());
  if (spec.type != NpyType::U8 || width == 8)
    return;
  char *memory = tensor.getMutableBytes();
  for (int64_t k = 0; k < tensor.getNumElements(); ++k)
    memory[k] &= (1 << width) - 1;
}

static llvm::Expected<func::FuncOp> findFunction(ModuleOp module,
                                                 StringRef name) {
  SmallVector<func::FuncOp> candidates;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal() &&
        (name.empty() ? function.isPublic() : function.getName() == name))
      candidates.push_back(function);
  if (candidates.size() == 1)
    return candidates.front();
  if (!name.empty())
    return llvm::createStringError("the file has no function '" + name + "'");
  return llvm::createStringError("expected one public function but got " +
                                 Twine(candidates.size()) +
                                 ": choose one with --function");
}

/// `count` of a tensor's positions, ascending: drawn from a sequence that the
/// result's index starts, or all of a small tensor.
static std::vector<int64_t> drawPositions(Type type, unsigned count,
                                          unsigned index) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  int64_t size = tensor ? tensor.getNumElements() : 1;
  std::vector<int64_t> positions;
  if (size <= count) {
    positions.resize(size);
    std::iota(positions.begin(), positions.end(), 0);
    return positions;
  }
  std::mt19937_64 engine(index);
  std::set<int64_t> drawn;
  while (drawn.size() < count)
    drawn.insert(engine() % uint64_t(size));
  positions.assign(drawn.begin(), drawn.end());
  return positions;
}

/// Results and how to write them.
namespace {
struct NamedResults {
  SmallVector<HostTensor> tensors;
  std::vector<TensorSpec> specs;
};
} // namespace

/// Point mode: of each result a sample and the positions of its elements.
static FailureOr<NamedResults> interpretSample(func::FuncOp function,
                                               ArrayRef<HostTensor> arguments,
                                               ArrayRef<TensorSpec> specs,
                                               unsigned count) {
  NamedResults results;
  for (auto [index, spec] : llvm::enumerate(specs)) {
    std::vector<int64_t> positions =
        drawPositions(function.getResultTypes()[index], count, index);
    FailureOr<HostTensor> values =
        interpretAt(function, arguments, index, positions);
    if (failed(values))
      return failure();
    SmallVector<int64_t> shape = {int64_t(positions.size())};
    HostTensor where(ElementKind::I64, shape);
    llvm::copy(positions, where.getMutableData<int64_t>());
    results.tensors.push_back(std::move(*values));
    results.specs.push_back({spec.name, spec.type, shape});
    results.tensors.push_back(std::move(where));
    results.specs.push_back({spec.name + ".positions", NpyType::I64, shape});
  }
  return results;
}

int run::runReference(const RunOptions &options) {
  DialectRegistry registry;
  mpq::registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  llvm::SourceMgr sourceMgr;
  SourceMgrDiagnosticHandler handler(sourceMgr, &context);
  // Resources in bytecode are aligned relative to the buffer, which small files
  // would get on the heap.
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> buffer =
      openInputFile(options.file, llvm::Align(64), &message);
  if (!buffer)
    return fail(message);
  sourceMgr.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sourceMgr, &context);
  if (!module)
    return 1;
  llvm::Expected<func::FuncOp> function =
      findFunction(*module, options.function);
  if (!function)
    return fail("'" + options.file + "': " + toString(function.takeError()));

  std::vector<TensorSpec> inputSpecs, outputSpecs;
  for (auto [index, type] : llvm::enumerate(function->getArgumentTypes())) {
    auto spec =
        getSpec(type, function->getArgAttrDict(index), "arg" + Twine(index));
    if (!spec)
      return fail(toString(spec.takeError()));
    inputSpecs.push_back(*spec);
  }
  for (auto [index, type] : llvm::enumerate(function->getResultTypes())) {
    auto spec = getSpec(type, function->getResultAttrDict(index),
                        "result" + Twine(index));
    if (!spec)
      return fail(toString(spec.takeError()));
    outputSpecs.push_back(*spec);
  }

  llvm::Expected<std::vector<NpyArray>> arrays =
      readInputs(inputSpecs, options.inputs);
  if (!arrays)
    return fail(toString(arrays.takeError()));
  SmallVector<HostTensor> arguments;
  for (auto [array, spec, type] :
       llvm::zip_equal(*arrays, inputSpecs, function->getArgumentTypes())) {
    llvm::Expected<HostTensor> tensor = toTensor(array, spec, type);
    if (!tensor)
      return fail(toString(tensor.takeError()));
    arguments.push_back(std::move(*tensor));
  }
  arrays->clear();

  NamedResults results;
  if (options.sample) {
    auto sample =
        interpretSample(*function, arguments, outputSpecs, options.sample);
    if (failed(sample))
      return 1;
    results = std::move(*sample);
  } else {
    FailureOr<SmallVector<HostTensor>> all = interpret(*function, arguments);
    if (failed(all))
      return 1;
    results = {std::move(*all), std::move(outputSpecs)};
  }
  SmallVector<ArrayRef<char>> data;
  for (auto [tensor, spec] : llvm::zip_equal(results.tensors, results.specs)) {
    toArray(tensor, spec);
    data.push_back(ArrayRef(tensor.getBytes(), tensor.getNumBytes()));
  }
  if (llvm::Error error =
          writeOutputs(options.outputDirectory, results.specs, data))
    return fail(toString(std::move(error)));
  return 0;
}
