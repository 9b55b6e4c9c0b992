//===- WriteOutput.cpp - what a compilation leaves behind ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compiler.h"

#include "mpq/Driver/Pipelines.h"
#include "mpq/Support/WriteFile.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mpq;

bool mpq::isMLIR(OutputKind kind) {
  return kind == OutputKind::MLIR || kind == OutputKind::Bytecode;
}

LogicalResult Compiler::writeReport() {
  record->report.source = llvm::sys::path::filename(source.name);
  record->report.precision =
      stringifyPrecisionKind(getPrecisionKind(precision)).str();
  record->report.sizes = summary.sizes;
  return writeFile(options.report, [&](llvm::raw_ostream &os) {
    record->report.writeJSON(os);
  });
}

LogicalResult
Compiler::writeFile(StringRef path,
                    llvm::function_ref<void(llvm::raw_ostream &)> write) {
  if (llvm::Error error = mpq::writeFile(path, write))
    return emitError(loc) << llvm::toString(std::move(error));
  return success();
}

LogicalResult
Compiler::writeOutput(llvm::function_ref<void(llvm::raw_ostream &)> write) {
  if (!destination.data)
    return writeFile(destination.path, write);
  llvm::raw_svector_ostream os(*destination.data);
  write(os);
  return success();
}

bool Compiler::writesHeader() const {
  return !calibrates && !destination.data &&
         (kind == OutputKind::SharedLibrary || kind == OutputKind::Object);
}

std::string Compiler::getHeaderPath() const {
  SmallString<128> path(destination.path);
  llvm::sys::path::replace_extension(path, ".h");
  return path.str().str();
}

LogicalResult Compiler::writeModule() {
  setLastPhase(*module, to);
  LogicalResult written = success();
  LogicalResult opened = writeOutput([&](auto &os) {
    if (kind == OutputKind::MLIR)
      module->print(os, OpPrintingFlags().enableDebugInfo());
    else
      written = writeBytecodeToFile(*module, os);
  });
  return success(succeeded(opened) && succeeded(written));
}

LogicalResult Compiler::writeONNX() {
  summary.exported.emplace();
  FailureOr<std::string> model =
      source.data ? exportONNX(*module, *source.data, source.name,
                               /*folder=*/"", *summary.exported)
                  : exportONNXFile(*module, source.name, *summary.exported);
  if (failed(model))
    return failure();
  return writeOutput([&](auto &os) { os << *model; });
}

std::unique_ptr<VariantEmitter> Compiler::createEmitter() const {
  EmissionOptions emission;
  emission.isCancelled = monitor.isCancelled;
  emission.format = kind == OutputKind::LLVMIR     ? EmissionFormat::LLVMIR
                    : kind == OutputKind::Assembly ? EmissionFormat::Assembly
                                                   : EmissionFormat::Object;
  return std::make_unique<VariantEmitter>(std::move(emission));
}

/// Of the module that codegen has left, unless variants have been emitted.
FailureOr<SmallString<0>> Compiler::emitCode() {
  if (!emitter) {
    emitter = createEmitter();
    auto target =
        (*module)->getAttrOfType<TargetAttr>(MPQDialect::getTargetAttrName());
    if (failed(emitter->add(*module, target, /*name=*/"")))
      return failure();
  }
  // Generating machine code takes memory enough.
  module = nullptr;
  return emitter->write(loc);
}

LogicalResult Compiler::write() {
  if (kind == OutputKind::ONNX)
    return writeONNX();
  if (isMLIR(kind))
    return writeModule();

  FailureOr<SmallString<0>> code = emitCode();
  if (failed(code))
    return failure();
  if (kind == OutputKind::Object || kind == OutputKind::SharedLibrary) {
    llvm::Expected<ObjectSizes> sizes =
        measureObject(llvm::MemoryBufferRef(*code, destination.path));
    if (!sizes)
      return emitError(loc) << llvm::toString(sizes.takeError());
    summary.sizes = *sizes;
  }
  if (failed(checkCancelled()))
    return failure();
  StringRef result = *code;
  std::unique_ptr<llvm::MemoryBuffer> library;
  if (kind == OutputKind::SharedLibrary) {
    auto linked = linkSharedLibrary(
        loc, *code, llvm::sys::path::filename(destination.path));
    if (failed(linked))
      return failure();
    library = std::move(*linked);
    result = library->getBuffer();
  }
  // The header first: without the code it does no harm.
  if (writesHeader() && failed(writeFile(getHeaderPath(), [&](auto &os) {
        writeCHeader(*info, os);
      })))
    return failure();
  return writeOutput([&](auto &os) { os << result; });
}
