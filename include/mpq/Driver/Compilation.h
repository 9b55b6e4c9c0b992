//===- Compilation.h - a model through the phases ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What quant-compile, the C API and Python call. One struct holds the options;
// everything that is wrong with them is a diagnostic before work begins.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_COMPILATION_H
#define MPQ_DRIVER_COMPILATION_H

#include "mpq/Driver/Phases.h"
#include "mpq/ONNX/ExportONNX.h"
#include "mpq/Target/Emission.h"

#include "mlir/IR/MLIRContext.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mpq {

/// What is written at the end.
enum class OutputKind {
  MLIR,
  Bytecode,
  LLVMIR,
  Assembly,
  Object,
  SharedLibrary,
  ONNX ///< the ONNX model that came in, quantized (ExportONNX.h)
};

/// What operations compute in where a choice is left.
enum class PrecisionGoal { F32, Int8 };

struct CompileOptions {
  /// A file: .onnx, or MLIR as text or bytecode.
  std::string input;
  std::string output;
  /// By default: a shared library, or MLIR if `to` ends earlier. ONNX ends
  /// after quantize.
  std::optional<OutputKind> kind;
  /// Shapes of ONNX inputs that the model leaves open.
  std::map<std::string, std::vector<int64_t>> shapes;
  /// Replaces the name made from the ONNX graph's.
  std::string name;
  /// By default: import for ONNX files, prepare for MLIR; emit.
  std::optional<Phase> from, to;
  /// By default: int8 if there is a profile.
  std::optional<PrecisionGoal> precision;
  std::string profile, recipe;
  /// Samples (Dataset.h): write a profile of them instead of code.
  std::string calibrationData;
  /// Told how many samples are done, and of how many.
  std::function<void(size_t done, size_t total)> sampleProgress;
  /// A JSON file that gets a record of every decision of assign.
  std::string report;
  /// A name that getNamedTarget knows.
  std::string target = "host";
};

/// The closing table of quant-compile.
struct CompileSummary {
  /// Multiply-accumulates of products; known if the lower phase ran.
  std::optional<int64_t> integerMACs, floatMACs;
  /// Known if an object was made.
  std::optional<ObjectSizes> sizes;
  /// Known if ONNX was written.
  std::optional<ExportSummary> exported;
  /// Bytes; known if codegen ran.
  std::optional<int64_t> workspace;
};

/// Receives "prepare" and the seconds it took when a phase is done.
using ProgressFn = std::function<void(llvm::StringRef what, double seconds)>;

/// Compiles as the options say. The output appears complete or not at all.
mlir::FailureOr<CompileSummary> compile(mlir::MLIRContext &context,
                                        const CompileOptions &options,
                                        const ProgressFn &progress);

/// A compilation's summary as text for people.
void printSummary(const CompileSummary &summary, llvm::raw_ostream &os);

} // namespace mpq

#endif // MPQ_DRIVER_COMPILATION_H
