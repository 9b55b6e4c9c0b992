//===- CInterface.cpp - the exported functions of an artifact ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An artifact is generated code for one or several machines, one constant that
// describes it, and the runtime of lib/Runtime/Artifact, linked here as
// bitcode: so one object holds all of it, and the linker has nothing to find.
// The runtime decides what the machine can run, so it is for any.
//
//===----------------------------------------------------------------------===//

#include "CInterface.h"

#include "mpq-runtime/artifact.h"
#include "mpq/Target/Emission.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Transforms/IPO/Internalize.h"

using namespace mlir;
using namespace mpq;

extern "C" const unsigned char mpq_artifact_bitcode[];
extern "C" const unsigned long mpq_artifact_bitcode_size;

/// Adds `mpq_<model>_<function>`, which calls `mpq_artifact_<function>` with
/// its own arguments after `descriptor` if there is one.
static void addForwarder(llvm::Module &module, StringRef model,
                         StringRef function, llvm::Constant *descriptor) {
  llvm::Function *callee =
      module.getFunction(("mpq_artifact_" + function).str());
  llvm::FunctionType *calleeType = callee->getFunctionType();
  auto *type = llvm::FunctionType::get(
      calleeType->getReturnType(),
      calleeType->params().drop_front(descriptor ? 1 : 0), /*isVarArg=*/false);
  auto *forwarder =
      llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                             ("mpq_" + model + "_" + function).str(), module);
  for (StringRef attribute : {"target-cpu", "target-features", "tune-cpu"})
    if (llvm::Attribute value = callee->getFnAttribute(attribute);
        value.isValid())
      forwarder->addFnAttr(value);
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

/// LLVM writes zeros, which cost it nothing, and the finished object gets the
/// weights; externally_initialized keeps it from believing the zeros.
static llvm::Constant *addWeights(llvm::Module &module, StringRef symbol,
                                  uint64_t size, bool define) {
  llvm::LLVMContext &context = module.getContext();
  if (size == 0)
    return llvm::ConstantPointerNull::get(
        llvm::PointerType::getUnqual(context));
  auto *type = llvm::ArrayType::get(llvm::Type::getInt8Ty(context), size);
  auto *global = new llvm::GlobalVariable(
      module, type, /*isConstant=*/true,
      define ? llvm::GlobalValue::InternalLinkage
             : llvm::GlobalValue::ExternalLinkage,
      define ? llvm::ConstantAggregateZero::get(type) : nullptr, symbol);
  global->setAlignment(llvm::Align(64));
  if (define) {
    global->setExternallyInitialized(true);
    global->setSection(kWeightsSection);
  } else {
    global->setVisibility(llvm::GlobalValue::HiddenVisibility);
  }
  return global;
}

SmallVector<std::string> mpq::getExportedNames(StringRef model) {
  SmallVector<std::string> names = {"describe", "create", "run", "destroy"};
  for (std::string &name : names)
    name = ("mpq_" + model + "_" + name).str();
  return names;
}

void mpq::internalize(llvm::Module &module, ArrayRef<std::string> names) {
  llvm::internalizeModule(module, [&](const llvm::GlobalValue &value) {
    return value.isDeclaration() || llvm::is_contained(names, value.getName());
  });
}

FailureOr<std::unique_ptr<llvm::Module>>
mpq::createCInterface(Location loc, ArrayRef<ArtifactVariant> variants,
                      uint64_t weightsSize, bool defineWeights) {
  llvm::Module &first = *variants.front().module;
  llvm::LLVMContext &context = first.getContext();
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
  std::unique_ptr<llvm::Module> module = std::move(*runtime);
  module->setDataLayout(first.getDataLayout());
  module->setTargetTriple(first.getTargetTriple());

  StringRef model = variants.front().info.model;
  llvm::Constant *weights = addWeights(
      *module, ("mpq_" + model + "_weights").str(), weightsSize, defineWeights);
  for (const ArtifactVariant &variant : variants)
    llvm::Function::Create(
        variant.module->getFunction(variant.mainSymbol)->getFunctionType(),
        llvm::GlobalValue::ExternalLinkage, variant.mainSymbol, *module);
  FailureOr<llvm::Constant *> descriptor =
      addDescriptor(loc, variants, weights, *module);
  if (failed(descriptor))
    return failure();
  addForwarder(*module, model, "describe", *descriptor);
  addForwarder(*module, model, "create", *descriptor);
  addForwarder(*module, model, "run", nullptr);
  addForwarder(*module, model, "destroy", nullptr);
  internalize(*module, getExportedNames(model));
  return module;
}
