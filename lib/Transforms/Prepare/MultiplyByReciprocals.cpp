//===- MultiplyByReciprocals.cpp - no division by a constant ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This changes results by up to 1 ulp, so it belongs to the phase that is free
// to (prepare, before anything is calibrated) and not to code generation, which
// computes what the IR says.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Prepare/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mpq {
#define GEN_PASS_DEF_MULTIPLYBYRECIPROCALSPASS
#include "mpq/Transforms/Prepare/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
struct MultiplyByReciprocal : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    APFloat divisor(0.0f);
    if (!matchPattern(op.getRhs(), m_ConstantFloat(&divisor)))
      return rewriter.notifyMatchFailure(op, "the divisor is not constant");
    APFloat reciprocal(divisor.getSemantics(), 1);
    reciprocal.divide(divisor, APFloat::rmNearestTiesToEven);
    if (!divisor.isNormal() || !reciprocal.isNormal())
      return rewriter.notifyMatchFailure(op, "the reciprocal is not normal");
    Value factor = arith::ConstantOp::create(
        rewriter, op.getLoc(), FloatAttr::get(op.getType(), reciprocal));
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, op.getLhs(), factor);
    return success();
  }
};

struct MultiplyByReciprocalsPass
    : mpq::impl::MultiplyByReciprocalsPassBase<MultiplyByReciprocalsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMultiplyByReciprocalsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateMultiplyByReciprocalsPatterns(RewritePatternSet &patterns) {
  patterns.add<MultiplyByReciprocal>(patterns.getContext());
}
