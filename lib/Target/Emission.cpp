//===- Emission.cpp - from the LLVM dialect to code ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Translation to LLVM IR, LLVM's -O3, machine code. Giving LLVM a constant of
// 100 MB costs it seconds and several times the memory, so it reserves zeros
// for the weights and they are copied into the finished object.
//
//===----------------------------------------------------------------------===//

#include "LLVMPipeline.h"

#include "mpq/Target/Emission.h"
#include "mpq/Target/Machine.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Object/ELFObjectFile.h"

using namespace mlir;
using namespace mpq;

/// libc, and what the compiler's own code may call of it. Anything else, a
/// function of libm above all, is an error of code generation: its result
/// would depend on the machine.
static constexpr StringLiteral kLibc[] = {
    "aligned_alloc", "bcmp",   "free",      "malloc",   "memcmp", "memcpy",
    "memmove",       "memset", "vsnprintf", "snprintf", "strcmp", "syscall"};

static FailureOr<std::unique_ptr<llvm::object::ELFObjectFileBase>>
readObject(Location loc, llvm::MemoryBufferRef buffer) {
  auto object = llvm::object::ObjectFile::createELFObjectFile(buffer);
  if (!object)
    return emitError(loc) << "expected an ELF object from LLVM: "
                          << llvm::toString(object.takeError());
  return std::unique_ptr<llvm::object::ELFObjectFileBase>(
      cast<llvm::object::ELFObjectFileBase>(object->release()));
}

/// Copies the weights over the zeros that LLVM wrote for them.
static LogicalResult writeWeights(Location loc, ArrayRef<char> weights,
                                  SmallVectorImpl<char> &buffer) {
  auto object = readObject(
      loc, llvm::MemoryBufferRef(StringRef(buffer.data(), buffer.size()), ""));
  if (failed(object))
    return failure();
  for (const llvm::object::ELFSectionRef section : (*object)->sections()) {
    llvm::Expected<StringRef> name = section.getName();
    if (!name) {
      llvm::consumeError(name.takeError());
      continue;
    }
    if (*name == kWeightsSection && section.getSize() == weights.size()) {
      llvm::copy(weights, buffer.begin() + section.getOffset());
      return success();
    }
  }
  return emitError(loc) << "expected the object to hold a section '"
                        << kWeightsSection << "' of " << weights.size()
                        << " bytes";
}

static LogicalResult checkSymbols(Location loc, StringRef buffer) {
  auto object = readObject(loc, llvm::MemoryBufferRef(buffer, ""));
  if (failed(object))
    return failure();
  for (const llvm::object::ELFSymbolRef symbol : (*object)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<StringRef> name = symbol.getName();
    if (!flags || !name)
      return emitError(loc) << "cannot read the symbols of the object: "
                            << llvm::toString(llvm::joinErrors(
                                   flags.takeError(), name.takeError()));
    if ((*flags & llvm::object::SymbolRef::SF_Undefined) && !name->empty() &&
        *name != "_GLOBAL_OFFSET_TABLE_" && !llvm::is_contained(kLibc, *name))
      return emitError(loc)
             << "expected generated code to call libc's memory functions only "
                "but it calls '"
             << *name << "'";
  }
  return success();
}

llvm::Expected<ObjectSizes> mpq::measureObject(llvm::MemoryBufferRef buffer) {
  auto object = llvm::object::ObjectFile::createELFObjectFile(buffer);
  if (!object)
    return object.takeError();
  ObjectSizes sizes;
  for (const llvm::object::SectionRef &section : (*object)->sections()) {
    llvm::Expected<StringRef> name = section.getName();
    if (!name)
      return name.takeError();
    if (section.isText())
      sizes.code += section.getSize();
    else if (*name == kWeightsSection)
      sizes.weights += section.getSize();
    else if (name->starts_with(".rodata") || name->starts_with(".data"))
      sizes.constants += section.getSize();
  }
  return sizes;
}

FailureOr<SmallString<0>> mpq::emit(ModuleOp module,
                                    const EmissionOptions &options) {
  Location loc = module.getLoc();
  FailureOr<ModuleInfo> info = ModuleInfo::get(module);
  if (failed(info))
    return failure();
  for (Operation &op : *module.getBody())
    if (!isa_and_nonnull<LLVM::LLVMDialect>(op.getDialect()))
      return op.emitOpError()
             << "is not of the LLVM dialect, which emission requires: run "
                "codegen first";
  FailureOr<std::unique_ptr<llvm::TargetMachine>> machine =
      createTargetMachine(loc, options.target);
  if (failed(machine))
    return failure();
  if (info->getWeights().size() > INT32_MAX)
    return emitError(loc) << "expected at most 2 GiB of weights but got "
                          << info->getWeights().size() << " bytes";

  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, llvmContext, info->model);
  if (!llvmModule)
    return failure();
  llvmModule->setDataLayout((*machine)->createDataLayout());
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  bool isObject = options.format == EmissionFormat::Object;
  if (options.cInterface &&
      failed(addCInterface(loc, *info, options.target, isObject, *llvmModule)))
    return failure();
  auto checkCancelled = [&]() -> LogicalResult {
    if (options.isCancelled && options.isCancelled())
      return emitError(loc, "compilation was cancelled");
    return success();
  };
  optimize(*llvmModule, **machine, options.optimizationLevel,
           options.isCancelled);
  if (failed(checkCancelled()))
    return failure();

  SmallString<0> buffer;
  llvm::raw_svector_ostream os(buffer);
  if (options.format == EmissionFormat::LLVMIR) {
    llvmModule->print(os, nullptr);
    return buffer;
  }
  if (!writeCode(*llvmModule, **machine,
                 isObject ? llvm::CodeGenFileType::ObjectFile
                          : llvm::CodeGenFileType::AssemblyFile,
                 os, options.isCancelled))
    return emitError(loc) << "the target '" << options.target.getTriple()
                          << "' cannot write this format";
  if (failed(checkCancelled()))
    return failure();
  if (!isObject)
    return buffer;
  if (failed(checkSymbols(loc, buffer)))
    return failure();
  if (options.cInterface && !info->getWeights().empty() &&
      failed(writeWeights(loc, info->getWeights(), buffer)))
    return failure();
  return buffer;
}
