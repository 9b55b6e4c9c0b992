//===- SelectStrategy.cpp - tile sizes and parallel split ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Changes no code: writes #mpq.strategy and the number of work items.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/Strategies.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mpq {
#define GEN_PASS_DEF_SELECTSTRATEGYPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
struct SelectStrategy : mpq::impl::SelectStrategyPassBase<SelectStrategy> {
  using SelectStrategyPassBase::SelectStrategyPassBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    func::FuncOp kernel = getOperation();
    if (!kernel->hasAttr(MPQDialect::getKernelAttrName()))
      return;
    KernelOps ops = KernelOps::get(kernel);
    if (!ops.last) {
      kernel.emitError("expected a kernel with a linalg operation or product");
      return signalPassFailure();
    }
    auto strategy =
        kernel->getAttrOfType<StrategyAttr>(MPQDialect::getStrategyAttrName());
    if (!strategy)
      strategy = getStrategies(ops, *target).front();
    setStrategy(kernel, ops, strategy);
  }
};
} // namespace
