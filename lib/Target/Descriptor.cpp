//===- Descriptor.cpp - the constant that describes an artifact ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What include/mpq-runtime/artifact.h declares, as LLVM IR.
//
//===----------------------------------------------------------------------===//

#include "CInterface.h"

#include "mpq/Target/MachineFeatures.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace mpq;

namespace {
/// Writes the constant `mpq_artifact` and all that it points to.
class DescriptorBuilder {
public:
  DescriptorBuilder(Location loc, llvm::Module &module)
      : loc(loc), module(module), context(module.getContext()),
        pointer(llvm::PointerType::getUnqual(context)),
        i32(llvm::Type::getInt32Ty(context)),
        i64(llvm::Type::getInt64Ty(context)) {}

  FailureOr<llvm::GlobalVariable *> build(ArrayRef<ArtifactVariant> variants,
                                          llvm::Constant *weights);

private:
  llvm::Constant *addGlobal(llvm::Constant *init) {
    auto *global = new llvm::GlobalVariable(
        module, init->getType(), /*isConstant=*/true,
        llvm::GlobalValue::PrivateLinkage, init, "mpq.descriptor");
    return global;
  }
  llvm::Constant *addString(StringRef text) {
    return addGlobal(llvm::ConstantDataArray::getString(context, text));
  }
  llvm::Constant *addArray(llvm::Type *type,
                           ArrayRef<llvm::Constant *> elements) {
    if (elements.empty())
      return llvm::ConstantPointerNull::get(pointer);
    return addGlobal(llvm::ConstantArray::get(
        llvm::ArrayType::get(type, elements.size()), elements));
  }
  llvm::Constant *get32(uint64_t value) {
    return llvm::ConstantInt::get(i32, value);
  }
  llvm::Constant *get64(uint64_t value) {
    return llvm::ConstantInt::get(i64, value);
  }
  FailureOr<llvm::Constant *> addTensors(ArrayRef<TensorInfo> tensors);
  llvm::Constant *addWork(ArrayRef<KernelWork> kernels);
  llvm::Constant *addFeatures(ArrayRef<mpq_cpu_feature> features);
  FailureOr<llvm::Constant *> getInfo(const ArtifactVariant &variant,
                                      bool isNamed);
  FailureOr<llvm::Constant *> getVariant(const ArtifactVariant &variant,
                                         bool isNamed, llvm::Constant *weights);
  /// The layout that C gives to `Struct` must be that of `value`.
  template <typename Struct> LogicalResult checkSize(llvm::Constant *value) {
    if (module.getDataLayout().getTypeAllocSize(value->getType()) ==
        sizeof(Struct))
      return success();
    return emitError(loc) << "requires a target with 64-bit pointers";
  }

  Location loc;
  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::PointerType *pointer;
  llvm::IntegerType *i32, *i64;
};
} // namespace

/// An array of mpq_tensor_info.
FailureOr<llvm::Constant *>
DescriptorBuilder::addTensors(ArrayRef<TensorInfo> tensors) {
  auto *type = llvm::StructType::get(pointer, pointer, i32, i32, i64);
  SmallVector<llvm::Constant *> entries;
  for (const TensorInfo &tensor : tensors) {
    std::optional<mpq_dtype> dtype = tensor.getDType();
    if (!dtype)
      return emitError(loc) << "expected the element type of '" << tensor.name
                            << "' to be one that C callers can pass (bool, "
                               "8- to 64-bit integers, f16 to f64) but got "
                            << tensor.type.getElementType();
    SmallVector<uint64_t> shape(tensor.type.getShape());
    llvm::Constant *dims =
        shape.empty() ? llvm::ConstantPointerNull::get(pointer)
                      : addGlobal(llvm::ConstantDataArray::get(context, shape));
    entries.push_back(llvm::ConstantStruct::get(
        type, {addString(tensor.name), dims, get32(*dtype), get32(shape.size()),
               get64(tensor.getSizeInBytes())}));
  }
  return addArray(type, entries);
}

/// An array of mpq_kernel_work.
llvm::Constant *DescriptorBuilder::addWork(ArrayRef<KernelWork> kernels) {
  auto *type = llvm::StructType::get(i64, i64, i64, i64);
  SmallVector<llvm::Constant *> entries;
  for (const KernelWork &work : kernels)
    entries.push_back(llvm::ConstantStruct::get(
        type, {get64(work.integerMACs), get64(work.floatMACs),
               get64(work.bytesRead), get64(work.bytesWritten)}));
  return addArray(type, entries);
}

/// An array of mpq_cpu_feature.
llvm::Constant *
DescriptorBuilder::addFeatures(ArrayRef<mpq_cpu_feature> features) {
  auto *type = llvm::StructType::get(pointer, i32, i32, i32, i32, i32, i32);
  SmallVector<llvm::Constant *> entries;
  for (const mpq_cpu_feature &feature : features)
    entries.push_back(llvm::ConstantStruct::get(
        type,
        {addString(feature.name), get32(feature.leaf), get32(feature.subleaf),
         get32(feature.output), get32(feature.mask), get32(feature.least),
         get32(feature.states)}));
  return addArray(type, entries);
}

/// An mpq_model_info.
FailureOr<llvm::Constant *>
DescriptorBuilder::getInfo(const ArtifactVariant &variant, bool isNamed) {
  const ModuleInfo &info = variant.info;
  FailureOr<llvm::Constant *> inputs = addTensors(info.inputs);
  FailureOr<llvm::Constant *> outputs = addTensors(info.outputs);
  if (failed(inputs) || failed(outputs))
    return failure();
  SmallVector<llvm::Constant *> kernels;
  for (const std::string &kernel : info.kernels)
    kernels.push_back(addString(kernel));

  // The workspace ends with the data pointers of a run, in whole alignment
  // units: Artifact.c finds them from its end.
  uint64_t pointers = info.inputs.size() + info.outputs.size();
  uint64_t workspace =
      llvm::alignTo(info.workspaceSize, MPQ_WORKSPACE_ALIGNMENT) +
      llvm::divideCeil(pointers, 8) * MPQ_WORKSPACE_ALIGNMENT;
  workspace = std::max<uint64_t>(workspace, MPQ_WORKSPACE_ALIGNMENT);

  TargetAttr target = variant.target;
  std::string targetText =
      (target.getTriple() + " " + target.getCpu() + " " + target.getFeatures())
          .str();
  auto *type =
      llvm::StructType::get(i32, i32, pointer, pointer, i64, i64, pointer,
                            pointer, pointer, i32, i32, i32, pointer, pointer);
  return llvm::ConstantStruct::get(
      type, {get32(sizeof(mpq_model_info)), get32(MPQ_RUNTIME_VERSION),
             addString(info.model), addString(targetText), get64(workspace),
             get64(info.getWeightsUsed()), *inputs, *outputs,
             addArray(pointer, kernels), get32(info.inputs.size()),
             get32(info.outputs.size()), get32(info.kernels.size()),
             addWork(info.kernelWork),
             isNamed ? addString(variant.name)
                     : llvm::ConstantPointerNull::get(pointer)});
}

/// An mpq_variant.
FailureOr<llvm::Constant *>
DescriptorBuilder::getVariant(const ArtifactVariant &variant, bool isNamed,
                              llvm::Constant *weights) {
  FailureOr<llvm::Constant *> info = getInfo(variant, isNamed);
  if (failed(info) || failed(checkSize<mpq_model_info>(*info)))
    return failure();
  SmallVector<mpq_cpu_feature> features = getRequiredFeatures(variant.target);
  llvm::Constant *ownWeights =
      variant.weightsOffset ? llvm::ConstantExpr::getInBoundsGetElementPtr(
                                  llvm::Type::getInt8Ty(context), weights,
                                  get64(*variant.weightsOffset))
                            : llvm::ConstantPointerNull::get(pointer);
  llvm::Constant *value = llvm::ConstantStruct::getAnon(
      {*info, module.getFunction(variant.mainSymbol), ownWeights,
       addFeatures(features), get64(features.size())});
  if (failed(checkSize<mpq_variant>(value)))
    return failure();
  return value;
}

FailureOr<llvm::GlobalVariable *>
DescriptorBuilder::build(ArrayRef<ArtifactVariant> variants,
                         llvm::Constant *weights) {
  SmallVector<llvm::Constant *> entries;
  for (const ArtifactVariant &variant : variants) {
    FailureOr<llvm::Constant *> entry =
        getVariant(variant, variants.size() > 1, weights);
    if (failed(entry))
      return failure();
    entries.push_back(*entry);
  }
  llvm::Constant *list = addArray(entries.front()->getType(), entries);
  llvm::Constant *value =
      llvm::ConstantStruct::getAnon({list, get64(entries.size())});
  if (failed(checkSize<mpq_artifact>(value)))
    return failure();
  return cast<llvm::GlobalVariable>(addGlobal(value));
}

FailureOr<llvm::Constant *>
mpq::addDescriptor(Location loc, ArrayRef<ArtifactVariant> variants,
                   llvm::Constant *weights, llvm::Module &module) {
  FailureOr<llvm::GlobalVariable *> descriptor =
      DescriptorBuilder(loc, module).build(variants, weights);
  if (failed(descriptor))
    return failure();
  return static_cast<llvm::Constant *>(*descriptor);
}
