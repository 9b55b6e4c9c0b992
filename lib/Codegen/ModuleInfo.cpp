//===- ModuleInfo.cpp - what a compiled module says of itself ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Modules are read from files too (`quant-compile --from emit`), so every
// attribute is checked before it is believed.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/ModuleInfo.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mpq;

static constexpr StringLiteral kModel = "mpq.model";
static constexpr StringLiteral kWorkspaceSize = "mpq.workspace_size";
static constexpr StringLiteral kLiveBytes = "mpq.live_bytes";
static constexpr StringLiteral kWeights = "mpq.weights";
static constexpr StringLiteral kWeightsUsed = "mpq.weights_used";
static constexpr StringLiteral kSignature = "mpq.signature";
static constexpr StringLiteral kKernels = "mpq.kernels";
static constexpr StringLiteral kKernelWork = "mpq.kernel_work";
static constexpr StringLiteral kObservers = "mpq.observers";

int64_t TensorInfo::getSizeInBytes() const {
  return type.getNumElements() *
         llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

std::optional<mpq_dtype> TensorInfo::getDType() const {
  Type type = this->type.getElementType();
  if (type.isF16())
    return MPQ_F16;
  if (type.isBF16())
    return MPQ_BF16;
  if (type.isF32())
    return MPQ_F32;
  if (type.isF64())
    return MPQ_F64;
  if (!type.isSignlessInteger())
    return std::nullopt;
  switch (type.getIntOrFloatBitWidth()) {
  case 1:
    return MPQ_BOOL;
  case 8:
    return isUnsigned ? MPQ_U8 : MPQ_I8;
  case 16:
    return isUnsigned ? MPQ_U16 : MPQ_I16;
  case 32:
    return isUnsigned ? MPQ_U32 : MPQ_I32;
  case 64:
    return isUnsigned ? MPQ_U64 : MPQ_I64;
  default:
    return std::nullopt;
  }
}

/// The bytes of `weights`, or nothing if they are not stored one by one.
static std::optional<ArrayRef<char>> getRawBytes(ElementsAttr weights) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(weights)) {
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      return blob->getData();
    return std::nullopt;
  }
  auto dense = dyn_cast<DenseElementsAttr>(weights);
  if (!dense || (dense.isSplat() && dense.getNumElements() != 1))
    return std::nullopt;
  return dense.getRawData();
}

ArrayRef<char> ModuleInfo::getWeights() const {
  return weights ? getRawBytes(weights).value_or(ArrayRef<char>())
                 : ArrayRef<char>();
}

/// The C name of an artifact's functions is made from the model's name.
static bool isIdentifier(StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name,
                      [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

static LogicalResult readTensors(ModuleOp module, DictionaryAttr signature,
                                 StringRef key,
                                 SmallVectorImpl<TensorInfo> &tensors) {
  auto list = signature.getAs<ArrayAttr>(key);
  if (!list)
    return module.emitError() << "expected '" << kSignature
                              << "' to hold an array '" << key << "'";
  for (auto [i, entry] : llvm::enumerate(list)) {
    auto dict = dyn_cast<DictionaryAttr>(entry);
    auto name = dict ? dict.getAs<StringAttr>("name") : StringAttr();
    auto typeAttr = dict ? dict.getAs<TypeAttr>("type") : TypeAttr();
    auto type = typeAttr ? dyn_cast<RankedTensorType>(typeAttr.getValue())
                         : RankedTensorType();
    if (!name || !type || !type.hasStaticShape() ||
        !type.getElementType().isIntOrFloat())
      return module.emitError()
             << "expected entry " << i << " of '" << kSignature << "'." << key
             << " to be {name = \"...\", type = <static ranked tensor of "
                "numbers>} but got "
             << entry;
    tensors.push_back({name.str(), type, dict.contains("unsigned")});
  }
  return success();
}

static LogicalResult readNames(ModuleOp module, StringRef key,
                               SmallVectorImpl<std::string> &names) {
  Attribute attr = module->getAttr(key);
  if (!attr)
    return success();
  auto list = dyn_cast<ArrayAttr>(attr);
  if (!list || !llvm::all_of(list, llvm::IsaPred<StringAttr>))
    return module.emitError() << "expected '" << key
                              << "' to be an array of strings but got " << attr;
  for (auto name : list.getAsRange<StringAttr>())
    names.push_back(name.str());
  return success();
}

static LogicalResult readKernelWork(ModuleOp module, ModuleInfo &info) {
  Attribute attr = module->getAttr(kKernelWork);
  if (!attr)
    return success();
  auto numbers = dyn_cast<DenseI64ArrayAttr>(attr);
  if (!numbers || size_t(numbers.size()) != 4 * info.kernels.size())
    return module.emitError()
           << "expected '" << kKernelWork << "' to be an array<i64> of "
           << 4 * info.kernels.size() << " numbers, four for each of '"
           << kKernels << "', but got " << attr;
  for (size_t i = 0; i < info.kernels.size(); ++i) {
    ArrayRef<int64_t> work = numbers.asArrayRef().slice(4 * i, 4);
    info.kernelWork.push_back({work[0], work[1], work[2], work[3]});
  }
  return success();
}

/// A number of bytes.
static FailureOr<int64_t> readSize(ModuleOp module, StringRef key) {
  auto attribute = module->getAttrOfType<IntegerAttr>(key);
  if (!attribute || !attribute.getType().isInteger(64) ||
      attribute.getInt() < 0)
    return module.emitError()
           << "expected '" << key << "' to be a non-negative i64 but got "
           << module->getAttr(key);
  return attribute.getInt();
}

/// The attribute of the weights, or null.
static FailureOr<ElementsAttr> readWeights(ModuleOp module) {
  Attribute weights = module->getAttr(kWeights);
  if (!weights)
    return ElementsAttr();
  auto elements = dyn_cast<ElementsAttr>(weights);
  if (!elements || !elements.getElementType().isInteger(8) ||
      elements.getShapedType().getRank() != 1)
    return module.emitError()
           << "expected '" << kWeights << "' to be a tensor<Nxi8> constant";
  std::optional<ArrayRef<char>> bytes = getRawBytes(elements);
  if (!bytes ||
      static_cast<int64_t>(bytes->size()) != elements.getNumElements())
    return module.emitError()
           << "expected '" << kWeights << "' to store "
           << elements.getNumElements() << " bytes one by one but got "
           << (bytes ? static_cast<int64_t>(bytes->size()) : int64_t(0));
  return elements;
}

FailureOr<ArrayRef<char>> ModuleInfo::getSharedWeights(ModuleOp module) {
  FailureOr<ElementsAttr> weights = readWeights(module);
  if (failed(weights))
    return failure();
  return *weights ? *getRawBytes(*weights) : ArrayRef<char>();
}

FailureOr<ModuleInfo> ModuleInfo::get(ModuleOp module) {
  ModuleInfo info;
  auto model = module->getAttrOfType<StringAttr>(kModel);
  if (!model || !isIdentifier(model.getValue()))
    return module.emitError()
           << "expected a module after codegen, with a C identifier as '"
           << kModel << "', but got " << module->getAttr(kModel);
  info.model = model.str();

  FailureOr<int64_t> workspace = readSize(module, kWorkspaceSize);
  if (failed(workspace))
    return failure();
  info.workspaceSize = *workspace;
  for (auto [key, size] : {std::pair(kLiveBytes, &info.liveBytes),
                           std::pair(kWeightsUsed, &info.weightsUsed)}) {
    if (!module->hasAttr(key))
      continue;
    FailureOr<int64_t> value = readSize(module, key);
    if (failed(value))
      return failure();
    *size = *value;
  }

  FailureOr<ElementsAttr> weights = readWeights(module);
  if (failed(weights))
    return failure();
  info.weights = *weights;

  auto signature = module->getAttrOfType<DictionaryAttr>(kSignature);
  if (!signature)
    return module.emitError() << "expected '" << kSignature
                              << "' to be a dictionary of inputs and outputs";
  if (failed(readTensors(module, signature, "inputs", info.inputs)) ||
      failed(readTensors(module, signature, "outputs", info.outputs)) ||
      failed(readNames(module, kKernels, info.kernels)) ||
      failed(readKernelWork(module, info)) ||
      failed(readNames(module, kObservers, info.observers)))
    return failure();
  return info;
}

void ModuleInfo::setSharedWeights(ModuleOp module, ElementsAttr weights) {
  if (weights)
    module->setAttr(kWeights, weights);
  else
    module->removeAttr(kWeights);
}

void ModuleInfo::set(ModuleOp module) const {
  Builder b(module.getContext());
  auto tensors = [&](ArrayRef<TensorInfo> list) {
    SmallVector<Attribute> entries;
    for (const TensorInfo &tensor : list) {
      SmallVector<NamedAttribute> entry = {
          b.getNamedAttr("name", b.getStringAttr(tensor.name)),
          b.getNamedAttr("type", TypeAttr::get(tensor.type))};
      if (tensor.isUnsigned)
        entry.push_back(b.getNamedAttr("unsigned", b.getUnitAttr()));
      entries.push_back(b.getDictionaryAttr(entry));
    }
    return b.getArrayAttr(entries);
  };
  auto names = [&](StringRef key, ArrayRef<std::string> list) {
    SmallVector<StringRef> refs(list.begin(), list.end());
    if (refs.empty())
      module->removeAttr(key);
    else
      module->setAttr(key, b.getStrArrayAttr(refs));
  };
  module->setAttr(kModel, b.getStringAttr(model));
  module->setAttr(kWorkspaceSize, b.getI64IntegerAttr(workspaceSize));
  for (auto [key, size] :
       {std::pair(kLiveBytes, liveBytes), std::pair(kWeightsUsed, weightsUsed)})
    if (size)
      module->setAttr(key, b.getI64IntegerAttr(*size));
    else
      module->removeAttr(key);
  setSharedWeights(module, weights);
  module->setAttr(
      kSignature,
      b.getDictionaryAttr({b.getNamedAttr("inputs", tensors(inputs)),
                           b.getNamedAttr("outputs", tensors(outputs))}));
  names(kKernels, kernels);
  SmallVector<int64_t> work;
  for (const KernelWork &kernel : kernelWork)
    work.append({kernel.integerMACs, kernel.floatMACs, kernel.bytesRead,
                 kernel.bytesWritten});
  if (work.empty())
    module->removeAttr(kKernelWork);
  else
    module->setAttr(kKernelWork, b.getDenseI64ArrayAttr(work));
  names(kObservers, observers);
}
