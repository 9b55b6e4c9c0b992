//===- quant-compile.cpp - compile a model to native code ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Flags to CompileOptions; the work is in lib/Driver.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/Compilation.h"
#include "mpq/InitAllDialects.h"
#include "mpq/ONNX/ImportONNX.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"

#include <chrono>

using namespace mpq;
namespace cl = llvm::cl;

static cl::ValuesClass getPhaseValues() {
  return cl::values(
      clEnumValN(Phase::Import, "import", "ONNX to linalg"),
      clEnumValN(Phase::Prepare, "prepare", "float to float"),
      clEnumValN(Phase::Calibrate, "calibrate", "ranges onto values"),
      clEnumValN(Phase::Assign, "assign", "a precision for every operation"),
      clEnumValN(Phase::Quantize, "quantize", "QDQ form"),
      clEnumValN(Phase::Lower, "lower", "integer arithmetic"),
      clEnumValN(Phase::Codegen, "codegen", "LLVM dialect"),
      clEnumValN(Phase::Emit, "emit", "machine code"));
}

namespace {
/// Made after LLVM's own options have been taken away.
struct Flags {
  cl::OptionCategory category{"quant-compile options"};
  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("MODEL(.onnx|.mlir|.mlirbc)"),
                             cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("Output file"),
                              cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> target{
      "target",
      cl::desc("Machine: host, x86-avx2, x86-avxvnni or x86-avx512vnni"),
      cl::init("host"), cl::cat(category)};
  cl::opt<OutputKind> kind{
      "emit",
      cl::desc("What to write (default: so, or MLIR if --to ends early)"),
      cl::values(
          clEnumValN(OutputKind::MLIR, "mlir", "MLIR as text"),
          clEnumValN(OutputKind::Bytecode, "mlirbc", "MLIR as bytecode"),
          clEnumValN(OutputKind::LLVMIR, "llvm", "LLVM IR as text"),
          clEnumValN(OutputKind::Assembly, "asm", "assembly"),
          clEnumValN(OutputKind::Object, "obj", "an object and a C header"),
          clEnumValN(OutputKind::SharedLibrary, "so",
                     "a shared library and a C header"),
          clEnumValN(OutputKind::ONNX, "onnx",
                     "the ONNX model with quantized tensors (QDQ)")),
      cl::cat(category)};
  cl::opt<Phase> from{
      "from",
      cl::desc("First phase (default: import for ONNX, prepare for MLIR)"),
      getPhaseValues(), cl::cat(category)};
  cl::opt<Phase> to{"to", cl::desc("Last phase (default: emit)"),
                    getPhaseValues(), cl::cat(category)};
  cl::list<std::string> shapes{
      "shape", cl::desc("Shape of an ONNX input that the model leaves open"),
      cl::value_desc("x=1x3x48x320"), cl::cat(category)};
  cl::opt<std::string> name{
      "name", cl::desc("Name of an ONNX model: mpq_<name>_run, ..."),
      cl::cat(category)};
  cl::opt<PrecisionGoal> precision{
      "precision",
      cl::desc("What products compute in (default: int8 with a profile)"),
      cl::values(clEnumValN(PrecisionGoal::F32, "f32", "float"),
                 clEnumValN(PrecisionGoal::Int8, "int8",
                            "8-bit integers where possible")),
      cl::cat(category)};
  cl::opt<std::string> profile{"profile", cl::desc("Profile of --calibrate"),
                               cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> recipe{
      "recipe", cl::desc("Rules that override precisions and ranges"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> report{
      "report", cl::desc("JSON file for a record of every decision"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> calibrate{
      "calibrate",
      cl::desc("Write a profile of these samples: folder/<input>/*.npy"),
      cl::value_desc("folder"), cl::cat(category)};
  cl::opt<bool> quiet{"quiet", cl::desc("No progress and no closing table"),
                      cl::cat(category)};
};
} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser();
  Flags flags;
  cl::HideUnrelatedOptions(flags.category);
  cl::ParseCommandLineOptions(argc, argv,
                              "mpq: compile a model to native code\n");

  CompileOptions options;
  options.input = flags.input;
  options.output = flags.output;
  options.target = flags.target;
  if (flags.kind.getNumOccurrences())
    options.kind = flags.kind;
  if (flags.from.getNumOccurrences())
    options.from = flags.from;
  if (flags.to.getNumOccurrences())
    options.to = flags.to;

  if (flags.precision.getNumOccurrences())
    options.precision = flags.precision;
  options.name = flags.name;
  options.profile = flags.profile;
  options.recipe = flags.recipe;
  options.report = flags.report;
  options.calibrationData = flags.calibrate;
  ImportOptions import;
  for (const std::string &shape : flags.shapes) {
    std::string message;
    if (mlir::failed(parseShapeOption(shape, import, message))) {
      llvm::errs() << "error: " << message << '\n';
      return 1;
    }
  }
  options.shapes = import.shapes;
  auto lastShown = std::chrono::steady_clock::now();
  options.sampleProgress = [&](size_t done, size_t total) {
    auto now = std::chrono::steady_clock::now();
    if (flags.quiet ||
        (now - lastShown < std::chrono::seconds(2) && done < total))
      return;
    lastShown = now;
    llvm::errs() << "mpq: calibrate  " << done << " of " << total
                 << " samples\n";
  };

  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  ProgressFn progress = [&](llvm::StringRef what, double seconds) {
    if (!flags.quiet)
      llvm::errs() << llvm::format("mpq: %-10s %8.2f s\n", what.str().c_str(),
                                   seconds);
  };
  mlir::FailureOr<CompileSummary> summary = compile(context, options, progress);
  if (mlir::failed(summary))
    return 1;
  if (!flags.quiet)
    printSummary(*summary, llvm::errs());
  return 0;
}
