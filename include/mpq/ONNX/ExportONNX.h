//===- ExportONNX.h - quantized models as QDQ ONNX -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `quantize` decided, written on the model it came from: the graph keeps
// its tensors' names and gets QuantizeLinear and DequantizeLinear nodes, so
// that ONNX Runtime, OpenVINO and viewers open it. docs/ExportONNX.md.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_ONNX_EXPORTONNX_H
#define MPQ_ONNX_EXPORTONNX_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace mpq {

/// What an exported model holds.
struct ExportSummary {
  int64_t activations = 0; ///< tensors with QuantizeLinear
  int64_t products = 0;    ///< nodes with quantized weights
  /// Sentences about what the graph cannot say and therefore stays float.
  std::vector<std::string> fallbacks;
};

/// Returns the serialized QDQ form of the model in the file `original`, from
/// which `module` was imported and quantized (docs/Architecture.md, "After
/// quantize"). Emits diagnostics on errors.
mlir::FailureOr<std::string> exportONNXFile(mlir::ModuleOp module,
                                            llvm::StringRef original,
                                            ExportSummary &summary);

/// The same for a serialized model in memory; `name` and `folder` are those of
/// importONNX.
mlir::FailureOr<std::string> exportONNX(mlir::ModuleOp module,
                                        llvm::StringRef original,
                                        llvm::StringRef name,
                                        llvm::StringRef folder,
                                        ExportSummary &summary);

} // namespace mpq

#endif // MPQ_ONNX_EXPORTONNX_H
