//===- JIT.h - a compiled module in the memory of this process ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TARGET_JIT_H
#define MPQ_TARGET_JIT_H

#include "mpq-runtime/context.h"
#include "mpq/Codegen/ModuleInfo.h"
#include "mpq/Dialect/MPQDialect.h"

#include <memory>
#include <mutex>
#include <vector>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace mpq {

/// The same object that a file would get, loaded instead of linked. It owns
/// code, weights and a workspace for each run that there was at once.
class JITModel {
public:
  /// Compiles `module` (ModuleInfo.h), which is not needed afterwards. An
  /// error once `isCancelled` says so.
  static mlir::FailureOr<std::unique_ptr<JITModel>>
  create(mlir::ModuleOp module, TargetAttr target,
         unsigned optimizationLevel = 3,
         const std::function<bool()> &isCancelled = {});
  ~JITModel();

  /// Its types belong to the context of the module it was made from.
  const ModuleInfo &getInfo() const { return info; }

  /// The packed weights, which may be changed between runs.
  llvm::MutableArrayRef<char> getWeights();

  /// A context that computes on the calling thread; set its other hooks.
  static mpq_context getSequentialContext();

  /// One pointer to dense row-major data for each input and output. Several
  /// threads may call it at once.
  void run(llvm::ArrayRef<const void *> inputs, llvm::ArrayRef<void *> outputs,
           const mpq_context &context = getSequentialContext());

private:
  JITModel();

  struct AlignedFree {
    void operator()(char *memory) const;
  };
  using AlignedBuffer = std::unique_ptr<char[], AlignedFree>;
  static AlignedBuffer allocate(size_t bytes);

  ModuleInfo info;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  AlignedBuffer weights;
  std::mutex mutex;
  std::vector<AlignedBuffer> idleWorkspaces;
  size_t weightsSize = 0;
  mpq_main_fn main = nullptr;
};

} // namespace mpq

#endif // MPQ_TARGET_JIT_H
