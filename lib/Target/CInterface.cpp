//===- CInterface.cpp - the exported functions of an artifact ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An artifact is the generated main function, one constant that describes it,
// and the runtime of lib/Runtime/Artifact.c, linked here as bitcode: so one
// object holds all of it, and the linker has nothing to find.
//
//===----------------------------------------------------------------------===//

#include "mpq-runtime/artifact.h"
#include "mpq/Target/Emission.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Transforms/IPO/Internalize.h"

using namespace mlir;
using namespace mpq;

extern "C" const unsigned char mpq_artifact_bitcode[];
extern "C" const unsigned long mpq_artifact_bitcode_size;

namespace {
/// Writes the constant `mpq_artifact` of one model.
class DescriptorBuilder {
public:
  DescriptorBuilder(Location loc, llvm::Module &module)
      : loc(loc), module(module), context(module.getContext()),
        pointer(llvm::PointerType::getUnqual(context)),
        i32(llvm::Type::getInt32Ty(context)),
        i64(llvm::Type::getInt64Ty(context)) {}

  FailureOr<llvm::GlobalVariable *> build(const ModuleInfo &info,
                                          TargetAttr target,
                                          llvm::Constant *main,
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

FailureOr<llvm::GlobalVariable *>
DescriptorBuilder::build(const ModuleInfo &info, TargetAttr target,
                         llvm::Constant *main, llvm::Constant *weights) {
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

  auto *infoType =
      llvm::StructType::get(i32, i32, pointer, pointer, i64, i64, pointer,
                            pointer, pointer, i32, i32, i32, pointer);
  auto *type = llvm::StructType::get(infoType, pointer, pointer);
  if (module.getDataLayout().getTypeAllocSize(infoType) !=
          sizeof(mpq_model_info) ||
      module.getDataLayout().getTypeAllocSize(type) != sizeof(mpq_artifact))
    return emitError(loc) << "requires a target with 64-bit pointers";
  std::string targetText =
      (target.getTriple() + " " + target.getCpu() + " " + target.getFeatures())
          .str();
  llvm::Constant *infoValue = llvm::ConstantStruct::get(
      infoType, {get32(sizeof(mpq_model_info)), get32(MPQ_RUNTIME_VERSION),
                 addString(info.model), addString(targetText), get64(workspace),
                 get64(info.getWeights().size()), *inputs, *outputs,
                 addArray(pointer, kernels), get32(info.inputs.size()),
                 get32(info.outputs.size()), get32(info.kernels.size()),
                 addWork(info.kernelWork)});
  return cast<llvm::GlobalVariable>(
      addGlobal(llvm::ConstantStruct::get(type, {infoValue, main, weights})));
}

/// Adds `mpq_<model>_<function>`, which calls `callee` with its own arguments
/// after `descriptor` if there is one.
static void addForwarder(llvm::Module &module, const ModuleInfo &info,
                         StringRef function, llvm::Function *callee,
                         llvm::Constant *descriptor) {
  llvm::FunctionType *calleeType = callee->getFunctionType();
  auto *type = llvm::FunctionType::get(
      calleeType->getReturnType(),
      calleeType->params().drop_front(descriptor ? 1 : 0), /*isVarArg=*/false);
  auto *forwarder =
      llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                             "mpq_" + info.model + "_" + function, module);
  llvm::IRBuilder<> builder(
      llvm::BasicBlock::Create(module.getContext(), "", forwarder));
  SmallVector<llvm::Value *> arguments;
  if (descriptor)
    arguments.push_back(descriptor);
  for (llvm::Argument &argument : forwarder->args())
    arguments.push_back(&argument);
  llvm::CallInst *call = builder.CreateCall(callee, arguments);
  if (type->getReturnType()->isVoidTy())
    builder.CreateRetVoid();
  else
    builder.CreateRet(call);
}

LogicalResult mpq::addCInterface(Location loc, const ModuleInfo &info,
                                 TargetAttr target, bool defineWeights,
                                 llvm::Module &module) {
  llvm::LLVMContext &context = module.getContext();
  llvm::Function *main = module.getFunction(info.getEntryName());
  if (!main || main->isDeclaration() || main->arg_size() != 5 ||
      !main->getReturnType()->isVoidTy() ||
      !llvm::all_of(main->args(), [](const llvm::Argument &argument) {
        return argument.getType()->isPointerTy();
      }))
    return emitError(loc) << "expected a function '" << info.getEntryName()
                          << "' that takes five pointers and returns nothing";

  llvm::Expected<std::unique_ptr<llvm::Module>> runtime =
      llvm::parseBitcodeFile(
          llvm::MemoryBufferRef(
              StringRef(reinterpret_cast<const char *>(mpq_artifact_bitcode),
                        mpq_artifact_bitcode_size),
              "Artifact.bc"),
          context);
  if (!runtime)
    return emitError(loc) << "cannot read the runtime of artifacts: "
                          << llvm::toString(runtime.takeError());
  (*runtime)->setDataLayout(module.getDataLayout());
  (*runtime)->setTargetTriple(module.getTargetTriple());
  // It was compiled for any x86; the artifact is for one.
  for (llvm::Function &function : **runtime)
    for (StringRef attribute : {"target-cpu", "target-features", "tune-cpu"})
      function.removeFnAttr(attribute);
  if (llvm::Linker::linkModules(module, std::move(*runtime)))
    return emitError(loc) << "cannot link the runtime of artifacts";

  // LLVM writes zeros, which cost it nothing, and the finished object gets the
  // weights; externally_initialized keeps it from believing the zeros.
  llvm::Constant *weights =
      llvm::ConstantPointerNull::get(llvm::PointerType::getUnqual(context));
  if (!info.getWeights().empty()) {
    auto *type = llvm::ArrayType::get(llvm::Type::getInt8Ty(context),
                                      info.getWeights().size());
    auto *global = new llvm::GlobalVariable(
        module, type, /*isConstant=*/true,
        defineWeights ? llvm::GlobalValue::InternalLinkage
                      : llvm::GlobalValue::ExternalLinkage,
        defineWeights ? llvm::ConstantAggregateZero::get(type) : nullptr,
        "mpq_" + info.model + "_weights");
    global->setAlignment(llvm::Align(64));
    if (defineWeights) {
      global->setExternallyInitialized(true);
      global->setSection(kWeightsSection);
    } else {
      global->setVisibility(llvm::GlobalValue::HiddenVisibility);
    }
    weights = global;
  }

  FailureOr<llvm::GlobalVariable *> descriptor =
      DescriptorBuilder(loc, module).build(info, target, main, weights);
  if (failed(descriptor))
    return failure();
  auto runtimeFunction = [&](StringRef name) {
    return module.getFunction("mpq_artifact_" + name.str());
  };
  addForwarder(module, info, "create", runtimeFunction("create"), *descriptor);
  addForwarder(module, info, "run", runtimeFunction("run"), nullptr);
  addForwarder(module, info, "destroy", runtimeFunction("destroy"), nullptr);

  // mpq_<name>_describe returns the start of the descriptor: its first member.
  auto *describe = llvm::Function::Create(
      llvm::FunctionType::get((*descriptor)->getType(), /*isVarArg=*/false),
      llvm::GlobalValue::ExternalLinkage, "mpq_" + info.model + "_describe",
      module);
  llvm::IRBuilder<>(llvm::BasicBlock::Create(context, "", describe))
      .CreateRet(*descriptor);

  SmallVector<std::string> exported = {"create", "run", "destroy", "describe"};
  for (std::string &name : exported)
    name = "mpq_" + info.model + "_" + name;
  llvm::internalizeModule(module, [&](const llvm::GlobalValue &value) {
    return value.isDeclaration() ||
           llvm::is_contained(exported, value.getName());
  });
  return success();
}
