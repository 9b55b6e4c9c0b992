//===- Artifact.cpp - a shared library made by quant-compile, loaded ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The names of the functions contain the model's, which only the library
// knows: it is read from the dynamic symbols before anything of it runs.
//
//===----------------------------------------------------------------------===//

#include "mpq/Target/Artifact.h"

#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"

#include <dlfcn.h>

using namespace mpq;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

/// The N of the one function mpq_N_describe.
static Expected<std::string> findModelName(StringRef path) {
  auto file = llvm::object::ObjectFile::createObjectFile(path);
  if (!file)
    return llvm::createStringError(
        "expected a compiled model but '" + path +
        "' is not a shared library: " + llvm::toString(file.takeError()));
  auto *elf =
      llvm::dyn_cast<llvm::object::ELFObjectFileBase>(file->getBinary());
  if (!elf || elf->getEType() != llvm::ELF::ET_DYN)
    return llvm::createStringError("expected a compiled model but '" + path +
                                   "' is not an ELF shared library");
  for (const llvm::object::ELFSymbolRef symbol :
       elf->getDynamicSymbolIterators()) {
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    StringRef model = *name;
    if (model.consume_front("mpq_") && model.consume_back("_describe"))
      return model.str();
  }
  return llvm::createStringError("expected a compiled model but '" + path +
                                 "' has no function mpq_<name>_describe");
}

Expected<std::unique_ptr<Artifact>> Artifact::open(StringRef path) {
  Expected<std::string> name = findModelName(path);
  if (!name)
    return name.takeError();
  // Without a slash dlopen would search the system's folders.
  llvm::SmallString<256> absolute(path);
  if (std::error_code error = llvm::sys::fs::make_absolute(absolute))
    return llvm::createStringError(error, "cannot find '" + path + "'");
  std::unique_ptr<Artifact> artifact(new Artifact());
  artifact->library = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!artifact->library)
    return llvm::createStringError("cannot load '" + path + "': " + dlerror());
  auto find = [&](const char *function) {
    return dlsym(artifact->library, ("mpq_" + *name + "_" + function).c_str());
  };
  auto describe = reinterpret_cast<mpq_describe_fn>(find("describe"));
  artifact->createFn = reinterpret_cast<mpq_create_fn>(find("create"));
  artifact->runFn = reinterpret_cast<mpq_run_fn>(find("run"));
  artifact->destroyFn = reinterpret_cast<mpq_destroy_fn>(find("destroy"));
  if (!describe || !artifact->createFn || !artifact->runFn ||
      !artifact->destroyFn)
    return llvm::createStringError("expected '" + path + "' to export mpq_" +
                                   *name + "_create, _run and _destroy");
  artifact->info = describe();
  if (artifact->info->version != MPQ_RUNTIME_VERSION)
    return llvm::createStringError(
        "expected '" + path + "' to have version " +
        llvm::Twine(MPQ_RUNTIME_VERSION) + " of the interface but got " +
        llvm::Twine(artifact->info->version) + ": compile the model again");
  return artifact;
}

Artifact::~Artifact() {
  if (model)
    destroyFn(model);
  if (library)
    dlclose(library);
}

/// Several threads may run one model, and each wants its own error.
static thread_local std::string message;

static Error takeError(int status) {
  std::string text = std::exchange(message, "");
  if (text.empty())
    text = "the compiled model failed with status " + std::to_string(status);
  return llvm::createStringError(text);
}

Error Artifact::create(mpq_options options) {
  if (model)
    destroyFn(model);
  model = nullptr;
  options.size = sizeof options;
  options.reporter = nullptr;
  options.report = [](void *, int, const char *text) { message = text; };
  int status = createFn(&options, &model);
  return status == MPQ_SUCCESS ? Error::success() : takeError(status);
}

Error Artifact::run(const mpq_tensor *inputs, mpq_tensor *outputs,
                    void *workspace) {
  int status = runFn(model, inputs, outputs, workspace);
  return status == MPQ_SUCCESS ? Error::success() : takeError(status);
}
