//===- Cancellation.h - passes that do not begin any more ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A phase is a pass pipeline and may last seconds. MLIR asks a handler of the
// context before it runs a pass, so a phase ends with the pass it is in.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_DRIVER_CANCELLATION_H
#define MPQ_LIB_DRIVER_CANCELLATION_H

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/Pass.h"

#include <functional>

namespace mpq {

/// While it lives, passes are skipped once `isCancelled` says so; whoever runs
/// them asks again afterwards, and a pass that runs others may fail for want of
/// them. A handler that the context already has stays.
class CancellationScope {
public:
  CancellationScope(mlir::MLIRContext &context,
                    const std::function<bool()> &isCancelled)
      : context(context), isActive(isCancelled && !context.hasActionHandler()) {
    if (!isActive)
      return;
    context.registerActionHandler(
        [&isCancelled](llvm::function_ref<void()> run,
                       const mlir::tracing::Action &action) {
          if (!llvm::isa<mlir::PassExecutionAction>(action) || !isCancelled())
            run();
        });
  }
  ~CancellationScope() {
    if (isActive)
      context.registerActionHandler(nullptr);
  }
  CancellationScope(const CancellationScope &) = delete;
  CancellationScope &operator=(const CancellationScope &) = delete;

private:
  mlir::MLIRContext &context;
  bool isActive;
};

} // namespace mpq

#endif // MPQ_LIB_DRIVER_CANCELLATION_H
