//===- Compilation.h - a model through the phases ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What quant-compile, the C API and Python call.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_COMPILATION_H
#define MPQ_DRIVER_COMPILATION_H

#include "mpq/Calibration/Dataset.h"
#include "mpq/Driver/CompileOptions.h"
#include "mpq/ONNX/ExportONNX.h"
#include "mpq/Target/Emission.h"
#include "mpq/Tune/TuneKernels.h"

#include "mlir/IR/MLIRContext.h"

#include <functional>
#include <optional>
#include <string>

namespace mpq {

/// A model to compile: a file, or its bytes with a name that says what they are
/// (.onnx, .mlir or .mlirbc) and stands for the file in errors.
struct ModelSource {
  std::string name;
  std::optional<llvm::StringRef> data;
};

/// Where the result goes: a file (with a C header beside machine code), or
/// memory.
struct ModelDestination {
  std::string path;
  llvm::SmallVectorImpl<char> *data = nullptr;
};

/// What a compilation tells while it runs.
struct CompilationMonitor {
  /// "prepare" and the seconds it took, when a phase is done.
  std::function<void(llvm::StringRef what, double seconds)> phaseDone;
  /// How many samples are done, and of how many if that is known.
  std::function<void(size_t done, std::optional<size_t> total)> sampleDone;
  /// Asked between samples, passes and functions, from any thread; true ends
  /// the compilation with an error and without output. Stays true then.
  std::function<bool()> isCancelled;
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
  /// Bytes that intermediate tensors take at one point of the program, at most:
  /// the least that a workspace can have.
  std::optional<int64_t> liveBytes;
  /// Known if kernels were tuned.
  std::optional<TuningSummary> tuning;
};

/// Compiles as the options say. The output appears complete or not at all.
/// Everything that is wrong is a diagnostic, if possible before work begins.
mlir::FailureOr<CompileSummary> compile(mlir::MLIRContext &context,
                                        const ModelSource &source,
                                        const ModelDestination &destination,
                                        const CompileOptions &options,
                                        const CompilationMonitor &monitor = {});

/// Writes the profile of a model over samples. Of the options those of the
/// phases import and prepare have an effect.
mlir::LogicalResult calibrateModel(mlir::MLIRContext &context,
                                   const ModelSource &source,
                                   SampleSource &samples,
                                   const ModelDestination &destination,
                                   const CompileOptions &options,
                                   const CompilationMonitor &monitor = {});

/// A compilation's summary as text for people.
void printSummary(const CompileSummary &summary, llvm::raw_ostream &os);

} // namespace mpq

#endif // MPQ_DRIVER_COMPILATION_H
