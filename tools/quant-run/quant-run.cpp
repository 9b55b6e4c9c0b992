//===- quant-run.cpp - run a model on .npy files ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunModes.h"

#include "mpq/Runtime/ThreadPool.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

int main(int argc, char **argv) {
  InitLLVM initLLVM(argc, argv);
  // LLVM has options of its own in every tool, of which one is --threads too.
  cl::ResetCommandLineParser();
  cl::OptionCategory category("quant-run options");
  cl::opt<std::string> artifact(cl::Positional, cl::desc("ARTIFACT.so"),
                                cl::cat(category));
  cl::opt<std::string> reference(
      "reference", cl::desc("Interpret this MLIR file of any phase"),
      cl::value_desc("file.mlir"), cl::cat(category));
  cl::opt<unsigned> sample(
      "sample",
      cl::desc("With --reference, compute only this many elements of each "
               "output, and write where they are to NAME.positions.npy"),
      cl::init(0), cl::cat(category));
  cl::opt<std::string> function(
      "function", cl::desc("The function to run, if the file has several"),
      cl::value_desc("name"), cl::cat(category));
  cl::list<std::string> inputs(
      "input", cl::desc("The values of one input; repeat for each"),
      cl::value_desc("name=file.npy"), cl::cat(category));
  cl::opt<std::string> outputDirectory(
      "output-dir", cl::desc("Where results go, one .npy file each"),
      cl::value_desc("folder"), cl::cat(category));
  cl::opt<unsigned> threads("threads",
                            cl::desc("Threads; 0: one per processor"),
                            cl::init(1), cl::cat(category));
  cl::opt<unsigned> benchmark("benchmark", cl::desc("Measure this many runs"),
                              cl::init(0), cl::cat(category));
  cl::opt<bool> profile("profile-ops",
                        cl::desc("Print the time of every kernel and the "
                                 "share of the machine's peak it achieves"),
                        cl::cat(category));
  cl::opt<std::string> profileFile(
      "profile-json", cl::desc("Write what --profile-ops prints as JSON"),
      cl::value_desc("file"), cl::cat(category));
  cl::opt<std::string> traceFile(
      "trace",
      cl::desc("Write every kernel call for chrome://tracing or Perfetto"),
      cl::value_desc("file"), cl::cat(category));
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "run a model on .npy files\n");

  auto fail = [](const char *message) {
    errs() << "quant-run: error: " << message << "\n";
    return 1;
  };
  if (reference.empty() == artifact.empty())
    return fail("expected either ARTIFACT.so or --reference FILE.mlir");
  mpq::run::RunOptions options;
  options.function = function;
  options.inputs.assign(inputs.begin(), inputs.end());
  options.outputDirectory = outputDirectory;
  if (reference.empty()) {
    if (!function.empty() || sample)
      return fail("--function and --sample have no effect on a compiled model");
    if (threads > mpq::ThreadPool::kMaxThreads)
      return fail("expected --threads to be at most 1024");
    options.file = artifact;
    options.threads = threads;
    options.benchmark = benchmark;
    options.profile = profile;
    options.profileFile = profileFile;
    options.traceFile = traceFile;
    return mpq::run::runArtifact(options);
  }
  if (threads.getNumOccurrences() || benchmark || profile ||
      !profileFile.empty() || !traceFile.empty())
    return fail("--threads, --benchmark, --profile-ops, --profile-json and "
                "--trace have no effect on --reference");
  options.file = reference;
  options.sample = sample;
  if (options.outputDirectory.empty())
    options.outputDirectory = ".";
  return mpq::run::runReference(options);
}
