//===- ArtifactMode.cpp - run a compiled model on .npy files ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The artifact checks what it is given; here the files are matched with its
// inputs by name, and runs are measured.
//
//===----------------------------------------------------------------------===//

#include "RunModes.h"
#include "Tensors.h"

#include "mpq/Runtime/ThreadPool.h"
#include "mpq/Support/WriteFile.h"
#include "mpq/Target/Artifact.h"
#include "mpq/Target/KernelProfile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>

using namespace mpq;
using namespace mpq::run;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using Clock = std::chrono::steady_clock;

namespace {
struct AlignedFree {
  void operator()(char *memory) const { std::free(memory); }
};
using AlignedBuffer = std::unique_ptr<char, AlignedFree>;
} // namespace

static Expected<std::vector<TensorSpec>>
getSpecs(llvm::ArrayRef<mpq_tensor_info> tensors) {
  std::vector<TensorSpec> specs;
  for (const mpq_tensor_info &tensor : tensors) {
    std::optional<NpyType> type = getNpyType(tensor.dtype);
    if (!type)
      return llvm::createStringError(
          llvm::Twine("'") + tensor.name +
          "' has an element type that .npy files do not have");
    specs.push_back(
        {tensor.name, *type, {tensor.dims, tensor.dims + tensor.rank}});
  }
  return specs;
}

static AlignedBuffer allocate(uint64_t bytes) {
  return AlignedBuffer(static_cast<char *>(std::aligned_alloc(
      MPQ_WORKSPACE_ALIGNMENT,
      llvm::alignTo(std::max<uint64_t>(bytes, 1), MPQ_WORKSPACE_ALIGNMENT))));
}

/// Prints or writes what was asked for; files appear whole or not at all.
static Error reportProfile(const RunOptions &options, KernelProfile &profile,
                           StringRef target) {
  if (profile.knowsWork() &&
      (options.profile || !options.profileFile.empty())) {
    Expected<MachinePeaks> peaks = MachinePeaks::measure(target);
    if (!peaks)
      return peaks.takeError();
    profile.setPeaks(std::move(*peaks));
  }
  if (options.profile)
    profile.print(llvm::outs());
  auto write = [&](const std::string &path, auto member) -> Error {
    if (path.empty())
      return Error::success();
    return writeFile(path,
                     [&](llvm::raw_ostream &os) { (profile.*member)(os); });
  };
  if (Error error = write(options.profileFile, &KernelProfile::writeJSON))
    return error;
  return write(options.traceFile, &KernelProfile::writeTrace);
}

static Error run(const RunOptions &options) {
  Expected<std::unique_ptr<Artifact>> artifact = Artifact::open(options.file);
  if (!artifact)
    return artifact.takeError();
  const mpq_model_info &info = (*artifact)->getInfo();
  auto inputSpecs = getSpecs({info.inputs, info.num_inputs});
  if (!inputSpecs)
    return inputSpecs.takeError();
  auto outputSpecs = getSpecs({info.outputs, info.num_outputs});
  if (!outputSpecs)
    return outputSpecs.takeError();
  Expected<std::vector<NpyArray>> arrays =
      readInputs(*inputSpecs, options.inputs);
  if (!arrays)
    return arrays.takeError();

  std::vector<AlignedBuffer> buffers;
  std::vector<mpq_tensor> inputs, outputs;
  auto addTensor = [&](const mpq_tensor_info &tensor,
                       std::vector<mpq_tensor> &list) {
    buffers.push_back(allocate(tensor.bytes));
    list.push_back({tensor.name, buffers.back().get(), tensor.dims,
                    tensor.dtype, tensor.rank});
  };
  for (auto [array, tensor] :
       llvm::zip_equal(*arrays, llvm::ArrayRef(info.inputs, info.num_inputs))) {
    addTensor(tensor, inputs);
    std::copy(array.data.begin(), array.data.end(), buffers.back().get());
  }
  std::vector<llvm::ArrayRef<char>> results;
  for (const mpq_tensor_info &tensor :
       llvm::ArrayRef(info.outputs, info.num_outputs)) {
    addTensor(tensor, outputs);
    results.emplace_back(buffers.back().get(), tensor.bytes);
  }

  ThreadPool pool(options.threads);
  bool profiles = options.profile || !options.profileFile.empty() ||
                  !options.traceFile.empty();
  KernelProfile profile(info, unsigned(pool.getNumThreads()),
                        /*keepEvents=*/!options.traceFile.empty());
  mpq_options modelOptions = {};
  modelOptions.pool = &pool;
  if (pool.getNumThreads() > 1)
    modelOptions.parallel_for = ThreadPool::parallelFor;
  if (profiles) {
    modelOptions.profile = KernelProfile::hook;
    modelOptions.profiler = &profile;
  }
  if (Error error = (*artifact)->create(modelOptions))
    return error;
  auto runOnce = [&] {
    return (*artifact)->run(inputs.data(), outputs.data());
  };
  if (Error error = runOnce())
    return error;
  profile.finishRun();

  if (const char *variant = mpq_get_variant(&info);
      variant && (options.benchmark || options.profile))
    llvm::outs() << "variant " << variant << "\n";
  if (options.benchmark) {
    // The first runs fault pages in and raise the clock.
    for (auto start = Clock::now();
         Clock::now() - start < std::chrono::milliseconds(100);)
      if (Error error = runOnce())
        return error;
    profile.clear();
    std::vector<double> milliseconds;
    for (unsigned i = 0; i < options.benchmark; ++i) {
      auto start = Clock::now();
      if (Error error = runOnce())
        return error;
      profile.finishRun();
      milliseconds.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - start)
              .count());
    }
    std::sort(milliseconds.begin(), milliseconds.end());
    llvm::outs() << llvm::format(
        "median %.4f ms, min %.4f ms over %u runs, %zu thread%s\n",
        milliseconds[milliseconds.size() / 2], milliseconds.front(),
        options.benchmark, pool.getNumThreads(),
        pool.getNumThreads() == 1 ? "" : "s");
  }
  if (profiles)
    if (Error error = reportProfile(options, profile, info.target))
      return error;
  if (options.outputDirectory.empty())
    return Error::success();
  return writeOutputs(options.outputDirectory, *outputSpecs, results);
}

int mpq::run::runArtifact(const RunOptions &options) {
  Error error = ::run(options);
  if (!error)
    return 0;
  llvm::errs() << "quant-run: error: " << llvm::toString(std::move(error))
               << "\n";
  return 1;
}
