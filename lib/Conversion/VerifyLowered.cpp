//===- VerifyLowered.cpp - what the phase lower promises ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code generation relies on the form after `lower` (docs/Architecture.md). This
// pass turns a broken promise into an error at the operation that breaks it.
//
//===----------------------------------------------------------------------===//

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mpq/Dialect/MPQDialect.h"

namespace mpq {
#define GEN_PASS_DEF_VERIFYLOWEREDPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// The offender's input is where the cause usually lies.
static void noteInput(InFlightDiagnostic &diagnostic, Value input) {
  if (Operation *def = input.getDefiningOp())
    diagnostic.attachNote(def->getLoc()) << "its input is computed here";
}

/// An integer product widens exactly one operand from unsigned and one from
/// signed bytes.
static LogicalResult verifyProduct(linalg::GenericOp op) {
  if (op.getNumReductionLoops() == 0)
    return success();
  for (auto mul : op.getBody()->getOps<arith::MulIOp>()) {
    auto lhsUnsigned = mul.getLhs().getDefiningOp<arith::ExtUIOp>();
    auto rhsUnsigned = mul.getRhs().getDefiningOp<arith::ExtUIOp>();
    auto lhsSigned = mul.getLhs().getDefiningOp<arith::ExtSIOp>();
    auto rhsSigned = mul.getRhs().getDefiningOp<arith::ExtSIOp>();
    bool widensBoth = (lhsUnsigned || lhsSigned) && (rhsUnsigned || rhsSigned);
    if (!widensBoth || (lhsUnsigned && rhsSigned) || (lhsSigned && rhsUnsigned))
      continue;
    return op.emitOpError("expected an integer product to widen one unsigned "
                          "and one signed operand");
  }
  return success();
}

namespace {
struct VerifyLowered : mpq::impl::VerifyLoweredPassBase<VerifyLowered> {
  void runOnOperation() override {
    bool ok = true;
    getOperation()->walk([&](Operation *op) {
      if (isa<QuantizeOp, DequantizeOp, RequantizeOp>(op) &&
          isa<RankedTensorType>(op->getResult(0).getType())) {
        InFlightDiagnostic diagnostic =
            op->emitOpError("expected only scalar forms after lower but got a "
                            "tensor form on ")
            << op->getOperand(0).getType();
        noteInput(diagnostic, op->getOperand(0));
        ok = false;
      }
      if (auto generic = dyn_cast<linalg::GenericOp>(op))
        ok &= succeeded(verifyProduct(generic));
    });
    if (!ok)
      signalPassFailure();
  }
};
} // namespace
