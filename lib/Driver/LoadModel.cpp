//===- LoadModel.cpp - a file becomes a module ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoadModel.h"

#include "mpq/ONNX/ImportONNX.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mpq;

bool mpq::isONNX(const ModelSource &source) {
  return StringRef(source.name).ends_with_insensitive(".onnx");
}

OwningOpRef<ModuleOp> mpq::loadModel(MLIRContext &context,
                                     const ModelSource &source,
                                     const CompileOptions &options,
                                     Location loc) {
  if (isONNX(source)) {
    ImportOptions import;
    import.shapes = options.shapes;
    import.functionName = options.name;
    return source.data ? importONNX(*source.data, source.name, /*folder=*/"",
                                    import, &context)
                       : importONNXFile(source.name, import, &context);
  }
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  if (source.data) {
    // Resources in bytecode are aligned relative to the buffer.
    auto aligned = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(
        source.data->size(), source.name, llvm::Align(64));
    if (aligned)
      llvm::copy(*source.data, aligned->getBufferStart());
    buffer = std::move(aligned);
  } else {
    buffer = openInputFile(source.name, llvm::Align(64), &message);
  }
  if (!buffer) {
    emitError(loc) << message;
    return {};
  }
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  return parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
}
