//===- SharedLibrary.cpp - linking an artifact ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ld.lld turns the one object of an artifact into a shared library. No system
// library is named: the few functions of libc that are called are in every
// process that can load the result.
//
//===----------------------------------------------------------------------===//

#include "mpq/Support/WriteFile.h"
#include "mpq/Target/Emission.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

#include <dlfcn.h>

using namespace mlir;
using namespace mpq;

/// The ld.lld of the LLVM this process has loaded, or the one in PATH.
static llvm::ErrorOr<std::string> findLinker() {
  Dl_info llvmLibrary;
  if (dladdr(reinterpret_cast<void *>(&llvm::sys::ExecuteAndWait),
             &llvmLibrary) &&
      llvmLibrary.dli_fname) {
    SmallString<256> real;
    if (!llvm::sys::fs::real_path(llvmLibrary.dli_fname, real)) {
      // Debian keeps libLLVM.so.22 in the triple's folder, tools in llvm-22; an
      // own build: <prefix>/lib and <prefix>/bin.
      StringRef folder = llvm::sys::path::parent_path(real);
      SmallString<256> beside(llvm::sys::path::parent_path(folder));
      llvm::sys::path::append(beside, "bin");
      SmallString<256> debian(llvm::sys::path::parent_path(folder));
      llvm::sys::path::append(debian, "llvm-" + llvm::Twine(LLVM_VERSION_MAJOR),
                              "bin");
      if (auto found = llvm::sys::findProgramByName("ld.lld", {debian, beside}))
        return found;
    }
  }
  return llvm::sys::findProgramByName("ld.lld");
}

static LogicalResult link(Location loc, StringRef objectPath, StringRef name,
                          StringRef outputPath) {
  llvm::ErrorOr<std::string> linker = findLinker();
  if (!linker)
    return emitError(loc) << "expected the linker 'ld.lld' beside LLVM or in "
                             "PATH: install lld-"
                          << LLVM_VERSION_MAJOR
                          << ", or emit an object, which needs no linker";

  SmallString<128> log;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("mpq-link", "log", log))
    return emitError(loc) << "cannot create a temporary file: "
                          << error.message();
  llvm::FileRemover removeLog(log);

  std::string soname = ("-soname=" + name).str();
  SmallVector<StringRef> arguments = {*linker,
                                      "-shared",
                                      "--gc-sections",
                                      "-znow",
                                      "-zrelro",
                                      "-znoexecstack",
                                      "--build-id=none",
                                      "--strip-debug",
                                      soname,
                                      objectPath,
                                      "-o",
                                      outputPath};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(
      *linker, arguments, /*Env=*/std::nullopt,
      {std::nullopt, StringRef(log), StringRef(log)}, /*SecondsToWait=*/0,
      /*MemoryLimit=*/0, &message);
  if (status == 0)
    return success();
  if (auto text = llvm::MemoryBuffer::getFile(log))
    message += (*text)->getBuffer().rtrim();
  return emitError(loc) << "'" << *linker << "' failed with exit code "
                        << status << ": " << message;
}

FailureOr<std::unique_ptr<llvm::MemoryBuffer>>
mpq::linkSharedLibrary(Location loc, StringRef object, StringRef name) {
  SmallString<128> folder;
  if (std::error_code error =
          llvm::sys::fs::createUniqueDirectory("mpq", folder))
    return emitError(loc) << "cannot create a temporary folder '" << folder
                          << "': " << error.message();
  llvm::scope_exit removeFolder(
      [&] { llvm::sys::fs::remove_directories(folder); });
  std::string objectPath = (folder + "/model.o").str(),
              libraryPath = (folder + "/model.so").str();
  if (llvm::Error error =
          writeFile(objectPath, [&](auto &os) { os << object; }))
    return emitError(loc) << llvm::toString(std::move(error));
  if (failed(link(loc, objectPath, name, libraryPath)))
    return failure();
  auto library = llvm::MemoryBuffer::getFile(libraryPath, /*IsText=*/false,
                                             /*RequiresNullTerminator=*/false);
  if (!library)
    return emitError(loc) << "cannot read '" << libraryPath
                          << "': " << library.getError().message();
  return std::move(*library);
}
