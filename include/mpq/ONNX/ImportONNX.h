//===- ImportONNX.h - ONNX models to linalg on tensors -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The entry of the `import` phase. What comes out is specified in
// docs/Architecture.md, "After import".
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_ONNX_IMPORTONNX_H
#define MPQ_ONNX_IMPORTONNX_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mpq {

struct ImportOptions {
  /// Shapes of graph inputs by name. Every dimension the model leaves open
  /// must be given; the others must agree with the model.
  std::map<std::string, std::vector<int64_t>> shapes;
  /// Name of the function; empty: an identifier made from the graph's name.
  std::string functionName;
};

/// Imports the model in the file `path`; tensors it keeps in external files are
/// looked for in the folder of `path`. Emits diagnostics, located at the ONNX
/// node they are about, and returns null if the model cannot be imported.
mlir::OwningOpRef<mlir::ModuleOp> importONNXFile(llvm::StringRef path,
                                                 const ImportOptions &options,
                                                 mlir::MLIRContext *context);

/// Imports a serialized model from memory. `name` stands for the file in
/// diagnostics; tensors in external files are looked for in `folder` (empty: a
/// model that has some is refused).
mlir::OwningOpRef<mlir::ModuleOp>
importONNX(llvm::StringRef data, llvm::StringRef name, llvm::StringRef folder,
           const ImportOptions &options, mlir::MLIRContext *context);

/// Parses `x=1x3x48x320` into `options.shapes`. On error `message` says why.
mlir::LogicalResult parseShapeOption(llvm::StringRef text,
                                     ImportOptions &options,
                                     std::string &message);

} // namespace mpq

#endif // MPQ_ONNX_IMPORTONNX_H
