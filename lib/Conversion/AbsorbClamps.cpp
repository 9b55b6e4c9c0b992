//===- AbsorbClamps.cpp - activations that quantization does anyway ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantization clamps to the limits of its integers. A Relu or Clip before it
// whose bound is quantized to such a limit changes nothing: quantization is
// monotone, so q(max(x, c)) = max(q(x), q(c)), and q(c) is the smallest
// integer. Without it, the quantization is the product's only consumer, and
// both become one multiplication (mpq.requantize).
//
//===----------------------------------------------------------------------===//

#include "Parameters.h"

#include "mpq/Conversion/Passes.h"
#include "mpq/Numerics/FloatOps.h"
#include "mpq/Numerics/QuantizeForm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mpq {
#define GEN_PASS_DEF_ABSORBCLAMPSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// The value that `clamp` bounds if what `op` makes of the bound is the limit
/// on that side; null otherwise. NaN stays NaN through the clamp.
static Value getUnclamped(Operation *clamp, QuantizeOp op,
                          const TensorParameters &parameters) {
  bool isLower = isa_and_nonnull<arith::MaximumFOp>(clamp);
  if (!isLower && !isa_and_nonnull<arith::MinimumFOp>(clamp))
    return {};
  for (unsigned bound : {1, 0}) {
    APFloat number(0.0f);
    if (!matchPattern(clamp->getOperand(bound), m_ConstantFloat(&number)) ||
        number.isNaN())
      continue;
    FloatOps ops;
    formulas::QuantizeForm form = formulas::getQuantizeForm(op);
    int32_t limit =
        formulas::quantize(ops, number.convertToFloat(), parameters.scale,
                           int32_t(parameters.zeroPoint), form);
    if (limit == (isLower ? form.low : form.high))
      return clamp->getOperand(1 - bound);
  }
  return {};
}

namespace {
struct AbsorbClamp : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto generic = op.getInput().getDefiningOp<linalg::GenericOp>();
    if (!generic || !generic->hasOneUse() || generic.getNumReductionLoops() ||
        !getElementTypeOrSelf(op.getInput().getType()).isF32())
      return rewriter.notifyMatchFailure(op, "input is not computed for it");
    std::optional<TensorParameters> parameters = getTensorParameters(op);
    if (!parameters || !(parameters->scale > 0))
      return rewriter.notifyMatchFailure(op, "parameters are not per tensor");
    auto yield = cast<linalg::YieldOp>(generic.getBody()->getTerminator());
    Value kept =
        getUnclamped(yield.getOperand(0).getDefiningOp(), op, *parameters);
    if (!kept)
      return rewriter.notifyMatchFailure(op, "its limits are not the clamp's");

    // Nothing but the clamp: the quantization reads what it read.
    if (auto argument = dyn_cast<BlockArgument>(kept);
        argument && argument.getOwner() == generic.getBody()) {
      OpOperand *operand = generic.getMatchingOpOperand(argument);
      AffineMap map = generic.getMatchingIndexingMap(operand);
      if (generic.isDpsInput(operand) && map.isIdentity() &&
          map == generic.getMatchingIndexingMap(generic.getDpsInitOperand(0)) &&
          operand->get().getType() == generic.getResult(0).getType()) {
        rewriter.replaceOp(generic, operand->get());
        return success();
      }
    }
    rewriter.modifyOpInPlace(generic, [&] { yield->setOperand(0, kept); });
    return success();
  }
};

struct AbsorbClamps : mpq::impl::AbsorbClampsPassBase<AbsorbClamps> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateAbsorbClampsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateAbsorbClampsPatterns(RewritePatternSet &patterns) {
  patterns.add<AbsorbClamp>(patterns.getContext());
}
