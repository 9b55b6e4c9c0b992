//===- InlineUnits.cpp - open the regions of mpq.unit ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernel formation fuses a unit's operations like any others, so units end when
// codegen begins.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mpq {
#define GEN_PASS_DEF_INLINEUNITSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
struct InlineUnit : OpRewritePattern<UnitOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(UnitOp op,
                                PatternRewriter &rewriter) const override {
    Block *body = &op.getBody().front();
    auto yield = cast<YieldOp>(body->getTerminator());
    SmallVector<Value> results(yield.getValues());
    // A unit with several results names only itself: its helpers keep theirs.
    if (results.size() == 1)
      if (Operation *last = results[0].getDefiningOp())
        last->setLoc(op.getLoc());
    for (Value &result : results) // arguments that are yielded directly
      if (auto argument = dyn_cast<BlockArgument>(result))
        result = op.getInputs()[argument.getArgNumber()];
    rewriter.eraseOp(yield);
    rewriter.inlineBlockBefore(body, op, op.getInputs());
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct InlineUnits : mpq::impl::InlineUnitsPassBase<InlineUnits> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateInlineUnitsPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace

void mpq::populateInlineUnitsPatterns(RewritePatternSet &patterns) {
  patterns.add<InlineUnit>(patterns.getContext());
}
