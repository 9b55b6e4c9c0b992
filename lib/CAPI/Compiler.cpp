//===- Compiler.cpp - compiling and calibrating from C ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Diagnostics become the text of mpq_last_error, with the names of the ONNX
// value and node that their location holds.
//
//===----------------------------------------------------------------------===//

#include "Blob.h"
#include "CompilerCall.h"
#include "LastError.h"

#include "mpq/Calibration/Profile.h"

#include <cstring>

using namespace mlir;
using namespace mpq;

const void *mpq_blob_data(const mpq_blob *blob) { return blob->data.data(); }
size_t mpq_blob_size(const mpq_blob *blob) { return blob->data.size(); }
void mpq_blob_destroy(mpq_blob *blob) { delete blob; }

mpq_compiler *mpq_compiler_create() { return new (std::nothrow) mpq_compiler; }
void mpq_compiler_destroy(mpq_compiler *compiler) { delete compiler; }

void mpq_compiler_set_progress(mpq_compiler *compiler, mpq_progress_fn progress,
                               void *user) {
  compiler->progress = progress;
  compiler->user = user;
}

void mpq_compiler_set_warnings(mpq_compiler *compiler, mpq_warning_fn warning,
                               void *user) {
  compiler->warning = warning;
  compiler->warningUser = user;
}

void mpq_compiler_cancel(mpq_compiler *compiler) { compiler->cancelled = true; }

static int compileTo(mpq_compiler *compiler, const mpq_source *source,
                     ArrayRef<mpq_setting> settings,
                     const ModelDestination &destination,
                     mpq_summary *summary) {
  CompilerCall call(*compiler, *source, "compilation");
  if (llvm::Error error = call.apply(settings))
    return toStatus(std::move(error));
  FailureOr<CompileSummary> result = compile(
      compiler->context, call.model, destination, call.options, call.monitor);
  if (succeeded(result) && summary) {
    *summary = {-1, -1, -1, -1, -1, -1, -1};
    summary->integer_macs = result->integerMACs.value_or(-1);
    summary->float_macs = result->floatMACs.value_or(-1);
    summary->workspace_bytes = result->workspace.value_or(-1);
    summary->live_bytes = result->liveBytes.value_or(-1);
    if (result->sizes) {
      summary->code_bytes = result->sizes->code;
      summary->constants_bytes = result->sizes->constants;
      summary->weights_bytes = result->sizes->weights;
    }
  }
  return call.finish(result);
}

int mpq_compile(mpq_compiler *compiler, const mpq_source *source,
                const mpq_setting *settings, size_t num_settings,
                const char *path, mpq_summary *summary) {
  return compileTo(compiler, source, {settings, num_settings}, {path, nullptr},
                   summary);
}

int mpq_compile_to_memory(mpq_compiler *compiler, const mpq_source *source,
                          const mpq_setting *settings, size_t num_settings,
                          mpq_blob **result, mpq_summary *summary) {
  auto blob = std::make_unique<mpq_blob>();
  int status = compileTo(compiler, source, {settings, num_settings},
                         {"", &blob->data}, summary);
  *result = status == MPQ_OK ? blob.release() : nullptr;
  return status;
}

//===----------------------------------------------------------------------===//
// Calibration
//===----------------------------------------------------------------------===//

static uint32_t getDType(NpyType type) {
  for (uint32_t dtype = MPQ_BOOL; dtype <= MPQ_F64; ++dtype)
    if (getNpyType(dtype) == type)
      return dtype;
  llvm_unreachable("models have no inputs of other types");
}

namespace {
/// Samples that the caller's function gives.
class CallbackSamples final : public SampleSource {
public:
  CallbackSamples(mpq_sample_fn function, void *user)
      : function(function), user(user) {}

  llvm::Error open(ArrayRef<InputSpec> expected) override {
    inputs = expected.vec();
    for (const InputSpec &input : inputs)
      infos.push_back({input.name.c_str(), input.shape.data(),
                       getDType(input.type), uint32_t(input.shape.size()), 0});
    return llvm::Error::success();
  }

  llvm::Expected<std::optional<Sample>> next() override {
    std::vector<mpq_tensor> tensors(inputs.size());
    int answer =
        function(user, infos.data(), uint32_t(inputs.size()), tensors.data());
    if (answer == 0)
      return std::nullopt;
    wasCancelled = answer < 0;
    if (wasCancelled)
      return llvm::createStringError("calibration was cancelled");
    Sample sample{"sample " + std::to_string(count++), {}};
    for (auto [tensor, input] : llvm::zip_equal(tensors, inputs)) {
      NpyArray &array = sample.arrays.emplace_back();
      std::optional<NpyType> type = getNpyType(tensor.dtype);
      if (!type || !tensor.data)
        return llvm::createStringError(
            "'" + sample.name + "': expected " + input.describe() +
            " for input '" + input.name + "' but got " +
            (tensor.data ? "dtype " + std::to_string(tensor.dtype) : "none"));
      array.type = *type;
      array.shape.assign(tensor.dims, tensor.dims + tensor.rank);
      // Before so many bytes are read.
      if (llvm::Error error = checkSample(array, input, sample.name))
        return error;
      auto *bytes = static_cast<const char *>(tensor.data);
      array.data.assign(bytes,
                        bytes + array.getNumElements() * getNpyTypeSize(*type));
      if (llvm::Error error = checkSample(array, input, sample.name))
        return error;
    }
    return sample;
  }

  bool wasCancelled = false;

private:
  mpq_sample_fn function;
  void *user;
  std::vector<InputSpec> inputs;
  std::vector<mpq_tensor_info> infos;
  size_t count = 0;
};
} // namespace

int mpq_calibrate(mpq_compiler *compiler, const mpq_source *source,
                  mpq_sample_fn next, void *user, const mpq_setting *settings,
                  size_t num_settings, const char *path) {
  CompilerCall call(*compiler, *source, "calibration");
  if (llvm::Error error = call.apply({settings, num_settings}))
    return toStatus(std::move(error));
  CallbackSamples samples(next, user);
  LogicalResult result =
      calibrateModel(compiler->context, call.model, samples, {path, nullptr},
                     call.options, call.monitor);
  int status = call.finish(result);
  return samples.wasCancelled ? int(MPQ_CANCELLED) : status;
}

int mpq_merge_profiles(const char *const *paths, size_t num_paths,
                       const char *output) {
  std::vector<std::string> names(paths, paths + num_paths);
  if (llvm::Error error = mergeProfiles(names, output))
    return toStatus(std::move(error));
  return MPQ_OK;
}
