//===- Artifact.h - a shared library made by quant-compile, loaded ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TARGET_ARTIFACT_H
#define MPQ_TARGET_ARTIFACT_H

#include "mpq-runtime/model.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace mpq {

/// A loaded artifact and one model created from it.
class Artifact {
public:
  /// Loads the library at `path` and finds the model it exports.
  static llvm::Expected<std::unique_ptr<Artifact>> open(llvm::StringRef path);
  ~Artifact();

  const mpq_model_info &getInfo() const { return *info; }

  /// Creates the model, replacing an earlier one; the report hook is ours.
  llvm::Error create(mpq_options options);

  llvm::Error run(const mpq_tensor *inputs, mpq_tensor *outputs,
                  void *workspace = nullptr);

private:
  Artifact() = default;

  void *library = nullptr;
  const mpq_model_info *info = nullptr;
  mpq_create_fn createFn = nullptr;
  mpq_run_fn runFn = nullptr;
  mpq_destroy_fn destroyFn = nullptr;
  mpq_model *model = nullptr;
};

} // namespace mpq

#endif // MPQ_TARGET_ARTIFACT_H
