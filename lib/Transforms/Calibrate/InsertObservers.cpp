//===- InsertObservers.cpp - observe the values quantization asks for ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which values get quantized is decided later, from the ranges among others, so
// all candidates are observed: an observer costs a pass over the values in a
// run that happens once.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/ValueId.h"
#include "mpq/Transforms/Calibrate/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

#include "llvm/ADT/SmallPtrSet.h"

namespace mpq {
#define GEN_PASS_DEF_INSERTOBSERVERSPASS
#include "mpq/Transforms/Calibrate/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Operations whose results hold elements of their operands only (and the
/// value of a padding, which the analysis knows).
static bool movesElements(Operation *op) {
  return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ReshapeOp,
             tensor::CastOp, tensor::ExtractSliceOp, tensor::PadOp,
             linalg::TransposeOp, linalg::BroadcastOp>(op);
}

namespace {
struct InsertObservers : mpq::impl::InsertObserversPassBase<InsertObservers> {
  void runOnOperation() override;
};
} // namespace

void InsertObservers::runOnOperation() {
  FunctionOpInterface function = getOperation();
  if (function.isExternal())
    return;
  ValueIds ids(function);
  OpBuilder builder(&getContext());
  auto observe = [&](Value value) -> LogicalResult {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.getElementType().isF32())
      return success();
    StringRef id = ids.lookup(value);
    if (!type.hasStaticShape())
      return emitError(value.getLoc(), "expected value '")
             << id << "' to have a static shape to observe it but got " << type;
    ObserveOp::create(builder, value.getLoc(), value,
                      builder.getStringAttr(id));
    return success();
  };

  builder.setInsertionPointToStart(&function.getFunctionBody().front());
  for (BlockArgument argument : function.getArguments())
    if (failed(observe(argument)))
      return signalPassFailure();

  // Values that depend on no argument: constants, fills, and what is made of
  // them. They are the same in every run.
  llvm::SmallPtrSet<Operation *, 32> fixed;
  for (Block &block : function.getFunctionBody()) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (isa<ObserveOp>(op) || op.hasTrait<OpTrait::IsTerminator>())
        continue;
      bool dependsOnInputs = llvm::any_of(op.getOperands(), [&](Value operand) {
        Operation *source = operand.getDefiningOp();
        return !source || !fixed.contains(source);
      });
      // Bodies may also read values from outside.
      op.walk([&](Operation *nested) {
        for (Value operand : nested->getOperands()) {
          Operation *source = operand.getDefiningOp();
          if (operand.getParentBlock() == &block &&
              !(source && fixed.contains(source)))
            dependsOnInputs = true;
        }
      });
      if (!dependsOnInputs && isMemoryEffectFree(&op)) {
        fixed.insert(&op);
        continue;
      }
      if (movesElements(&op))
        continue;
      builder.setInsertionPointAfter(&op);
      for (Value result : op.getResults())
        if (failed(observe(result)))
          return signalPassFailure();
    }
  }
}
