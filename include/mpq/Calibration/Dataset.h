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

/// Samples as `DIR/<input>/<sample>.npy`: one file a sample and input, files of
/// equal names belong together. Opening checks that every sample is complete;
/// arrays are read one sample at a time.
class Dataset {
public:
  static llvm::Expected<Dataset> open(llvm::StringRef directory,
                                      llvm::ArrayRef<InputSpec> inputs);

  size_t size() const { return samples.size(); }
  /// The file name that the sample's arrays share.
  llvm::StringRef getSampleName(size_t index) const { return samples[index]; }

  /// The arrays of one sample in the order of the inputs, of the type and shape
  /// the model expects, without NaN or infinity.
  llvm::Expected<std::vector<NpyArray>> read(size_t index) const;

private:
  std::string getPath(llvm::StringRef input, llvm::StringRef sample) const;

  std::string directory;
  std::vector<InputSpec> inputs;
  std::vector<std::string> samples; // sorted: the order is the same everywhere
};

} // namespace mpq

#endif // MPQ_CALIBRATION_DATASET_H
