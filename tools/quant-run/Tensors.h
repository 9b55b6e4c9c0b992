//===- Tensors.h - named arrays in and out of quant-run ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What every mode does alike: `--input x=a.npy` against a signature, results
// into a folder.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TOOLS_QUANT_RUN_TENSORS_H
#define MPQ_TOOLS_QUANT_RUN_TENSORS_H

#include "mpq/Support/NpyFile.h"

#include <string>
#include <vector>

namespace mpq::run {

/// One input or output of a model.
struct TensorSpec {
  std::string name;
  NpyType type;
  llvm::SmallVector<int64_t> shape;
};

/// Reads the file of each input. `arguments` are `name=file` texts; every input
/// needs exactly one, of its type and shape.
llvm::Expected<std::vector<NpyArray>>
readInputs(llvm::ArrayRef<TensorSpec> specs,
           llvm::ArrayRef<std::string> arguments);

/// The file of an output: its name with '/' replaced.
std::string getOutputFileName(llvm::StringRef name);

/// Writes each output to `<directory>/<name>.npy`. The folder is made if
/// needed.
llvm::Error writeOutputs(llvm::StringRef directory,
                         llvm::ArrayRef<TensorSpec> specs,
                         llvm::ArrayRef<llvm::ArrayRef<char>> data);

} // namespace mpq::run

#endif // MPQ_TOOLS_QUANT_RUN_TENSORS_H
