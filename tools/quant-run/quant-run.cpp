//===- quant-run.cpp - run a model on .npy files ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunModes.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

int main(int argc, char **argv) {
  InitLLVM initLLVM(argc, argv);
  cl::OptionCategory category("quant-run options");
  cl::opt<std::string> reference(
      "reference", cl::desc("Interpret this MLIR file of any phase"),
      cl::value_desc("file.mlir"), cl::cat(category));
  cl::opt<std::string> function(
      "function", cl::desc("The function to run, if the file has several"),
      cl::value_desc("name"), cl::cat(category));
  cl::list<std::string> inputs(
      "input", cl::desc("The values of one input; repeat for each"),
      cl::value_desc("name=file.npy"), cl::cat(category));
  cl::opt<std::string> outputDirectory(
      "output-dir", cl::desc("Where results go, one .npy file each"),
      cl::value_desc("folder"), cl::init("."), cl::cat(category));
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "run a model on .npy files\n");

  if (reference.empty()) {
    errs() << "quant-run: error: expected --reference FILE.mlir\n";
    return 1;
  }
  mpq::run::RunOptions options;
  options.file = reference;
  options.function = function;
  options.inputs.assign(inputs.begin(), inputs.end());
  options.outputDirectory = outputDirectory;
  return mpq::run::runReference(options);
}
