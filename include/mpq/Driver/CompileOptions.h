//===- CompileOptions.h - all that a compilation can be told ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every option stands once in a table. quant-compile's flags, the settings of
// the C API, Python's arguments and the command line of `mpq` are made from it,
// with the same names, defaults and errors.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_COMPILEOPTIONS_H
#define MPQ_DRIVER_COMPILEOPTIONS_H

#include "mpq/Calibration/RangeMethod.h"
#include "mpq/Driver/Phases.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <map>
#include <optional>
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
enum class PrecisionGoal {
  F32,
  Int8,
  Int16,
  Int4,
  Int2,
  BF16,
  F16,
  FP8E4M3,
  FP8E5M2,
  MXFP8,
  MXFP4,
  MXInt8
};

/// The options of the table, parsed.
struct CompileOptions {
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
  /// How ranges are picked from the profile where the recipe does not say. By
  /// default: minmax.
  std::optional<RangeMethod> method;
  /// Samples (Dataset.h): write a profile of them instead of code.
  std::string calibrationData;
  /// Samples (Dataset.h) that biases and the rounding of weights are fitted to
  /// (FitToSamples.h).
  std::string fitData;
  /// An input that says which rows of values count for what samples decide on
  /// (RowMask.h).
  std::string mask;
  /// A file that keeps what calibration has seen so far (CalibrationState.h).
  std::string resume;
  /// A JSON file that gets a record of the compilation (docs/Report.md).
  std::string report;
  /// Samples (Dataset.h) on which the record compares the quantized model with
  /// the float one, value by value.
  std::string reportData;
  /// Names that getNamedTarget knows, each once. Of several machines the code
  /// for each is in the artifact.
  std::vector<std::string> targets = {"host"};
  /// A file of measured strategies (TuneKernels.h), which are used and added.
  std::string tune;
};

/// How an option's value is written.
enum class OptionKind {
  Text,
  File,
  Folder,
  /// One of `choices`.
  Choice,
  /// One or several of `choices`, separated by commas.
  Choices,
  /// `input=1x3x48x320`, any number of times, each for another input.
  Shapes
};

/// One row of the table.
struct OptionInfo {
  /// In kebab-case; snake_case where that is the custom.
  llvm::StringRef name;
  OptionKind kind;
  llvm::StringRef description;
  /// Of a Choice or Choices: every value and what it means.
  std::vector<std::pair<llvm::StringRef, llvm::StringRef>> choices;
  /// What holds without the option; empty where that depends on other options.
  llvm::StringRef defaultValue;
};

/// The table, sorted by name.
llvm::ArrayRef<OptionInfo> getCompileOptions();

/// Sets one option from text. Unknown names and values are errors that name the
/// nearest valid one.
llvm::Error setCompileOption(CompileOptions &options, llvm::StringRef name,
                             llvm::StringRef value);

} // namespace mpq

#endif // MPQ_DRIVER_COMPILEOPTIONS_H
