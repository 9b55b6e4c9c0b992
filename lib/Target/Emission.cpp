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

#include "CInterface.h"
#include "LLVMPipeline.h"

#include "mpq/Target/Emission.h"
#include "mpq/Target/Machine.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Object/ELFObjectFile.h"

using namespace mlir;
using namespace mpq;

/// libc, and what the compiler's own code may call of it. Anything else, a
/// function of libm above all, is an error of code generation: its result
/// would depend on the machine.
static constexpr StringLiteral kLibc[] = {
    "aligned_alloc", "bcmp",   "free",    "getenv", "malloc",
    "memcmp",        "memcpy", "memmove", "memset", "vsnprintf",
    "snprintf",      "strcmp", "syscall"};

static FailureOr<std::unique_ptr<llvm::object::ELFObjectFileBase>>
readObject(Location loc, llvm::MemoryBufferRef buffer) {
  auto object = llvm::object::ObjectFile::createELFObjectFile(buffer);
  if (!object)
    return emitError(loc) << "expected an ELF object from LLVM: "
                          << llvm::toString(object.takeError());
  return std::unique_ptr<llvm::object::ELFObjectFileBase>(
      cast<llvm::object::ELFObjectFileBase>(object->release()));
}

/// Copies weights, each to its place, over the zeros that LLVM wrote for them.
static LogicalResult
writeWeights(Location loc, uint64_t size,
             ArrayRef<std::pair<uint64_t, ArrayRef<char>>> weights,
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
    if (*name == kWeightsSection && section.getSize() == size) {
      for (auto [offset, bytes] : weights)
        llvm::copy(bytes, buffer.begin() + section.getOffset() + offset);
      return success();
    }
  }
  return emitError(loc) << "expected the object to hold a section '"
                        << kWeightsSection << "' of " << size << " bytes";
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

static LogicalResult checkCancelled(Location loc,
                                    const EmissionOptions &options) {
  if (options.isCancelled && options.isCancelled())
    return emitError(loc, "compilation was cancelled");
  return success();
}

/// Code reaches its weights with offsets of 32 bits.
static LogicalResult checkWeights(Location loc, uint64_t bytes) {
  if (bytes <= INT32_MAX)
    return success();
  return emitError(loc) << "expected at most 2 GiB of weights but got " << bytes
                        << " bytes";
}

static FailureOr<std::unique_ptr<llvm::Module>>
translate(ModuleOp module, const ModuleInfo &info,
          const llvm::TargetMachine &machine, llvm::LLVMContext &context) {
  for (Operation &op : *module.getBody())
    if (!isa_and_nonnull<LLVM::LLVMDialect>(op.getDialect()))
      return op.emitOpError()
             << "is not of the LLVM dialect, which emission requires: run "
                "codegen first";
  if (failed(checkWeights(module.getLoc(), info.getWeights().size())))
    return failure();
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, context, info.model);
  if (!llvmModule)
    return failure();
  llvmModule->setDataLayout(machine.createDataLayout());
  llvmModule->setTargetTriple(machine.getTargetTriple());
  return llvmModule;
}

/// The code in the format of the options.
static FailureOr<SmallString<0>> write(Location loc, llvm::Module &module,
                                       llvm::TargetMachine &machine,
                                       const EmissionOptions &options) {
  SmallString<0> buffer;
  llvm::raw_svector_ostream os(buffer);
  if (options.format == EmissionFormat::LLVMIR) {
    module.print(os, nullptr);
    return buffer;
  }
  bool isObject = options.format == EmissionFormat::Object;
  if (!writeCode(module, machine,
                 isObject ? llvm::CodeGenFileType::ObjectFile
                          : llvm::CodeGenFileType::AssemblyFile,
                 os, options.isCancelled))
    return emitError(loc) << "the target '" << module.getTargetTriple().str()
                          << "' cannot write this format";
  if (failed(checkCancelled(loc, options)) ||
      (isObject && failed(checkSymbols(loc, buffer))))
    return failure();
  return buffer;
}

class VariantEmitter::Impl {
public:
  explicit Impl(EmissionOptions options) : options(std::move(options)) {}

  LogicalResult add(ModuleOp module, TargetAttr target, StringRef name);
  FailureOr<SmallString<0>> write(Location loc);

private:
  size_t addWeights(ArrayRef<char> bytes);

  EmissionOptions options;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::TargetMachine> machine; // of the first variant
  std::vector<ArtifactVariant> variants;
  std::vector<std::optional<size_t>> weightsOf; // index of `weights`
  SmallVector<ArrayRef<char>> weights;
};

/// Where `bytes` are in `weights`: one that begins with another takes its
/// place.
size_t VariantEmitter::Impl::addWeights(ArrayRef<char> bytes) {
  for (auto [index, known] : llvm::enumerate(weights)) {
    size_t common = std::min(known.size(), bytes.size());
    if (known.take_front(common) != bytes.take_front(common))
      continue;
    if (bytes.size() >= known.size())
      weights[index] = bytes;
    return index;
  }
  weights.push_back(bytes);
  return weights.size() - 1;
}

LogicalResult VariantEmitter::Impl::add(ModuleOp module, TargetAttr target,
                                        StringRef name) {
  Location loc = module.getLoc();
  FailureOr<ModuleInfo> info = ModuleInfo::get(module);
  FailureOr<std::unique_ptr<llvm::TargetMachine>> own =
      createTargetMachine(loc, target);
  if (failed(info) || failed(own))
    return failure();
  auto llvmModule = translate(module, *info, **own, context);
  if (failed(llvmModule))
    return failure();
  llvm::Function *main = (*llvmModule)->getFunction(info->getEntryName());
  if (!main || main->isDeclaration() || main->arg_size() != 5 ||
      !main->getReturnType()->isVoidTy() ||
      !llvm::all_of(main->args(), [](const llvm::Argument &argument) {
        return argument.getType()->isPointerTy();
      }))
    return emitError(loc) << "expected a function '" << info->getEntryName()
                          << "' that takes five pointers and returns nothing";
  // Whoever looks at where time goes sees which variant takes it.
  if (!name.empty())
    for (llvm::Function &function : **llvmModule)
      if (!function.isDeclaration())
        function.setName(function.getName() + "." + name);
  std::string symbol = main->getName().str();
  internalize(**llvmModule, symbol);
  optimize(**llvmModule, **own, options.optimizationLevel, options.isCancelled);
  if (failed(checkCancelled(loc, options)))
    return failure();
  for (llvm::Function &function : **llvmModule) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.getCpu());
    function.addFnAttr("target-features", target.getFeatures());
  }

  // Vendors of one system differ; that is no other target.
  if (!variants.empty())
    (*llvmModule)->setTargetTriple(variants.front().module->getTargetTriple());

  weightsOf.emplace_back();
  if (ArrayRef<char> bytes = info->getWeights(); !bytes.empty())
    weightsOf.back() = addWeights(bytes);
  info->weightsUsed = info->getWeightsUsed();
  info->weights = nullptr;
  if (!machine)
    machine = std::move(*own);
  variants.push_back({name.str(), target, std::move(*info), std::nullopt,
                      std::move(*llvmModule), std::move(symbol)});
  return success();
}

FailureOr<SmallString<0>> VariantEmitter::Impl::write(Location loc) {
  uint64_t size = 0;
  SmallVector<std::pair<uint64_t, ArrayRef<char>>> placed;
  for (ArrayRef<char> bytes : weights) {
    size = llvm::alignTo(size, 64);
    placed.push_back({size, bytes});
    size += bytes.size();
  }
  if (failed(checkWeights(loc, size)))
    return failure();
  for (auto [variant, index] : llvm::zip_equal(variants, weightsOf))
    if (index)
      variant.weightsOffset = placed[*index].first;

  bool isObject = options.format == EmissionFormat::Object;
  auto interface = createCInterface(loc, variants, size, isObject);
  if (failed(interface))
    return failure();
  optimize(**interface, *machine, options.optimizationLevel,
           options.isCancelled);
  std::unique_ptr<llvm::Module> module = std::move(variants.front().module);
  bool isWrong = false;
  for (ArtifactVariant &variant : llvm::drop_begin(variants))
    isWrong |= llvm::Linker::linkModules(*module, std::move(variant.module));
  isWrong |= llvm::Linker::linkModules(*module, std::move(*interface));
  if (isWrong)
    return emitError(loc) << "cannot link the parts of an artifact";
  internalize(*module, getExportedNames(variants.front().info.model));
  if (failed(checkCancelled(loc, options)))
    return failure();
  FailureOr<SmallString<0>> code = ::write(loc, *module, *machine, options);
  if (failed(code) ||
      (isObject && size && failed(writeWeights(loc, size, placed, *code))))
    return failure();
  return code;
}

VariantEmitter::VariantEmitter(EmissionOptions options)
    : impl(std::make_unique<Impl>(std::move(options))) {}

VariantEmitter::~VariantEmitter() = default;

LogicalResult VariantEmitter::add(ModuleOp module, TargetAttr target,
                                  StringRef name) {
  return impl->add(module, target, name);
}

FailureOr<SmallString<0>> VariantEmitter::write(Location loc) {
  return impl->write(loc);
}

FailureOr<SmallString<0>> mpq::emit(ModuleOp module,
                                    const EmissionOptions &options) {
  Location loc = module.getLoc();
  if (options.cInterface) {
    VariantEmitter emitter(options);
    if (failed(emitter.add(module, options.target, "")))
      return failure();
    return emitter.write(loc);
  }
  FailureOr<ModuleInfo> info = ModuleInfo::get(module);
  auto machine = createTargetMachine(loc, options.target);
  if (failed(info) || failed(machine))
    return failure();
  llvm::LLVMContext context;
  auto llvmModule = translate(module, *info, **machine, context);
  if (failed(llvmModule))
    return failure();
  optimize(**llvmModule, **machine, options.optimizationLevel,
           options.isCancelled);
  if (failed(checkCancelled(loc, options)))
    return failure();
  return write(loc, **llvmModule, **machine, options);
}
