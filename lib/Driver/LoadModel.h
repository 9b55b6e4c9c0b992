//===- LoadModel.h - a file becomes a module ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_DRIVER_LOADMODEL_H
#define MPQ_LIB_DRIVER_LOADMODEL_H

#include "mpq/Driver/Compilation.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mpq {

/// True for a source whose name says that it is an ONNX model.
bool isONNX(const ModelSource &source);

/// Imports an ONNX model, or parses MLIR (text or bytecode). Null after an
/// error; what concerns no place in the model is said at `loc`.
mlir::OwningOpRef<mlir::ModuleOp> loadModel(mlir::MLIRContext &context,
                                            const ModelSource &source,
                                            const CompileOptions &options,
                                            mlir::Location loc);

} // namespace mpq

#endif // MPQ_LIB_DRIVER_LOADMODEL_H
