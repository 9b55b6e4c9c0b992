//===- quant-translate.cpp - between ONNX and MLIR; profiles to one ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A client of MLIR's translation registry. Locations carry the value ids that
// profiles and recipes speak in, so they are always written.
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/Profile.h"
#include "mpq/InitAllDialects.h"
#include "mpq/ONNX/ExportONNX.h"
#include "mpq/ONNX/ImportONNX.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

static llvm::cl::list<std::string>
    shapes("shape", llvm::cl::desc("Shape of a graph input, like x=1x3x48x320"),
           llvm::cl::value_desc("input=extents"));
static llvm::cl::opt<std::string>
    functionName("function-name",
                 llvm::cl::desc("Name of the function (default: made from the "
                                "graph's name)"));
static llvm::cl::opt<bool>
    emitBytecode("emit-bytecode", llvm::cl::desc("Write bytecode, not text"));

static llvm::cl::opt<std::string> original(
    "original",
    llvm::cl::desc("The ONNX model that a module to export was made from"),
    llvm::cl::value_desc("file"));

static LogicalResult importONNX(const std::shared_ptr<llvm::SourceMgr> &sources,
                                llvm::raw_ostream &output,
                                MLIRContext *context) {
  if (!original.empty())
    return emitError(UnknownLoc::get(context))
           << "--original has no effect on --import-onnx";
  const llvm::MemoryBuffer *buffer =
      sources->getMemoryBuffer(sources->getMainFileID());
  StringRef name = buffer->getBufferIdentifier();
  mpq::ImportOptions options;
  options.functionName = functionName;
  for (const std::string &text : shapes) {
    std::string message;
    if (failed(mpq::parseShapeOption(text, options, message)))
      return emitError(UnknownLoc::get(context)) << "--shape: " << message;
  }
  StringRef folder = llvm::sys::path::parent_path(name);
  if (folder.empty() && name != "<stdin>")
    folder = ".";
  OwningOpRef<ModuleOp> module =
      mpq::importONNX(buffer->getBuffer(), name, folder, options, context);
  if (!module)
    return failure();
  if (emitBytecode)
    return writeBytecodeToFile(*module, output);
  module->print(output, OpPrintingFlags().enableDebugInfo());
  return success();
}

static LogicalResult exportONNX(const std::shared_ptr<llvm::SourceMgr> &sources,
                                llvm::raw_ostream &output,
                                MLIRContext *context) {
  if (!shapes.empty() || !functionName.empty() || emitBytecode)
    return emitError(UnknownLoc::get(context))
           << "--shape, --function-name and --emit-bytecode have no effect on "
              "--export-onnx";
  if (original.empty())
    return emitError(UnknownLoc::get(context))
           << "expected the ONNX model that the module was made from: give it "
              "with --original";
  DialectRegistry registry;
  mpq::registerAllDialects(registry);
  context->appendDialectRegistry(registry);
  // Resources in bytecode are aligned relative to the buffer, which is not.
  const llvm::MemoryBuffer *buffer =
      sources->getMemoryBuffer(sources->getMainFileID());
  auto aligned = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(
      buffer->getBufferSize(), buffer->getBufferIdentifier(), llvm::Align(64));
  llvm::copy(buffer->getBuffer(), aligned->getBufferStart());
  llvm::SourceMgr alignedSources;
  alignedSources.AddNewSourceBuffer(std::move(aligned), llvm::SMLoc());
  auto module =
      parseSourceFile<ModuleOp>(alignedSources, ParserConfig(context));
  if (!module)
    return failure();
  mpq::ExportSummary summary;
  FailureOr<std::string> model =
      mpq::exportONNXFile(*module, original, summary);
  if (failed(model))
    return failure();
  for (const std::string &fallback : summary.fallbacks)
    llvm::errs() << fallback << '\n';
  output << *model;
  return success();
}

/// `quant-translate --merge-profiles A B... -o C`. The translations of MLIR's
/// driver have one input, so this is no registered one.
static int mergeProfiles(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::cl::ResetCommandLineParser();
  llvm::cl::opt<bool> merge(
      "merge-profiles",
      llvm::cl::desc("Write the profile of all samples of several profiles"));
  llvm::cl::list<std::string> inputs(llvm::cl::Positional, llvm::cl::OneOrMore,
                                     llvm::cl::desc("PROFILE..."));
  llvm::cl::opt<std::string> output("o", llvm::cl::desc("Output file"),
                                    llvm::cl::value_desc("file"),
                                    llvm::cl::init("-"));
  llvm::cl::ParseCommandLineOptions(argc, argv,
                                    "mpq: merge calibration profiles\n");
  llvm::Error error = mpq::mergeProfiles(
      std::vector<std::string>(inputs.begin(), inputs.end()), output);
  if (!error)
    return 0;
  llvm::errs() << "error: " << llvm::toString(std::move(error)) << '\n';
  return 1;
}

int main(int argc, char **argv) {
  if (llvm::is_contained(llvm::ArrayRef(argv, argc),
                         llvm::StringRef("--merge-profiles")))
    return mergeProfiles(argc, argv);
  TranslateRegistration registration(
      "import-onnx", "import an ONNX model to linalg on tensors", importONNX);
  TranslateRegistration exportRegistration(
      "export-onnx", "write a module in QDQ form on its ONNX model",
      exportONNX);
  return failed(mlirTranslateMain(
      argc, argv,
      "mpq model translation\n\n  --merge-profiles A.json B.json... -o C.json "
      "writes the profile of all\n  samples of several calibrations\n"));
}
