//===- Dataset.h - calibration samples in a folder ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CALIBRATION_DATASET_H
#define MPQ_CALIBRATION_DATASET_H

#include "mpq/Support/NpyFile.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace mpq {

/// What a model expects of one input.
struct InputSpec {
  std::string name;
  NpyType type = NpyType::F32;
  llvm::SmallVector<int64_t> shape;

  /// As errors write it: "float32 1x3x48x320".
  std::string describe() const;
};

/// One input of every kind that the model has, in their order.
struct Sample {
  std::string name; // for errors
  std::vector<NpyArray> arrays;
};

/// Where calibration gets its samples from, one at a time: memory does not grow
/// with their number.
class SampleSource {
public:
  virtual ~SampleSource() = default;
  /// Told once, before the first sample, what the model expects.
  virtual llvm::Error open(llvm::ArrayRef<InputSpec> inputs) = 0;
  /// How many samples there are, if that is known beforehand.
  virtual std::optional<size_t> getSize() const { return std::nullopt; }
  /// The next sample, or nothing after the last.
  virtual llvm::Expected<std::optional<Sample>> next() = 0;
};

/// An error unless `array` has the type and shape of `input` and no NaN or
/// infinity among the data it has; `place` says which array it is.
llvm::Error checkSample(const NpyArray &array, const InputSpec &input,
                        llvm::StringRef place);

/// Samples as `DIR/<input>/<sample>.npy`: one file a sample and input, files of
/// equal names belong together. Opening checks that every sample is complete.
/// Or as `DIR/<sample>.npz`: one file a sample, with an array for each input.
/// Arrays are read one sample at a time.
class Dataset final : public SampleSource {
public:
  explicit Dataset(llvm::StringRef directory) : directory(directory) {}

  llvm::Error open(llvm::ArrayRef<InputSpec> inputs) override;
  std::optional<size_t> getSize() const override { return samples.size(); }
  llvm::Expected<std::optional<Sample>> next() override;

private:
  std::string getPath(llvm::StringRef input, llvm::StringRef sample) const;
  llvm::Expected<std::vector<NpyArray>> readArchive(llvm::StringRef path) const;

  std::string directory;
  std::vector<InputSpec> inputs;
  bool areArchives = false;
  std::vector<std::string> samples; // sorted: the order is the same everywhere
  size_t position = 0;
};

} // namespace mpq

#endif // MPQ_CALIBRATION_DATASET_H
