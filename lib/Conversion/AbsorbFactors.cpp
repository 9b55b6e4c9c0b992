//===- AbsorbFactors.cpp - one multiplication before quantization ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Equalized values are multiplied by powers of two before quantization
// multiplies them by the inverse of its scale. A power of two changes no digit
// of a product, so both factors may become one constant.
//
//===----------------------------------------------------------------------===//

#include "Parameters.h"

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpq/Dialect/ConstantData.h"

#include <cmath>

namespace mpq {
#define GEN_PASS_DEF_ABSORBFACTORSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// The constant by which `generic` multiplies its first input and does nothing
/// else, or null.
static OpOperand *findFactors(linalg::GenericOp generic) {
  if (generic.getNumDpsInputs() != 2 || generic.getNumReductionLoops() ||
      !llvm::hasSingleElement(generic.getBody()->without_terminator()))
    return nullptr;
  auto product = dyn_cast<arith::MulFOp>(generic.getBody()->front());
  if (!product || product.getLhs() != generic.getBody()->getArgument(0) ||
      product.getRhs() != generic.getBody()->getArgument(1))
    return nullptr;
  return generic.getDpsInputOperand(1);
}

static bool isPowerOfTwo(float value) {
  int exponent;
  return std::isnormal(value) &&
         std::fabs(std::frexp(value, &exponent)) == 0.5f;
}

namespace {
struct AbsorbFactors : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto generic = op.getInput().getDefiningOp<linalg::GenericOp>();
    OpOperand *operand =
        generic && generic->hasOneUse() ? findFactors(generic) : nullptr;
    std::optional<TensorParameters> parameters = getTensorParameters(op);
    if (!operand || !parameters || op.getScaling() != Scaling::Multiply ||
        parameters->scale == 1.0f)
      return rewriter.notifyMatchFailure(
          op, "its input is not multiplied for it alone");
    auto factors = readConstant<float>(operand->get());
    if (!factors || !llvm::all_of(*factors, isPowerOfTwo))
      return rewriter.notifyMatchFailure(op, "the factors are no constants "
                                             "that change no digit");
    float inverse = 1.0f / parameters->scale;
    for (float &factor : *factors) {
      factor *= inverse;
      if (!std::isnormal(factor))
        return rewriter.notifyMatchFailure(op, "a factor would lose digits");
    }
    rewriter.setInsertionPoint(generic);
    Value combined = createConstant(
        rewriter, operand->get().getLoc(),
        cast<RankedTensorType>(operand->get().getType()), *factors);
    rewriter.modifyOpInPlace(generic, [&] { operand->set(combined); });
    auto scaleType = cast<RankedTensorType>(op.getScale().getType());
    SmallVector<float> ones(scaleType.getNumElements(), 1.0f);
    Value one =
        createConstant(rewriter, op.getScale().getLoc(), scaleType, ones);
    rewriter.modifyOpInPlace(op, [&] { op.getScaleMutable().set(one); });
    return success();
  }
};

struct AbsorbFactorsPass : mpq::impl::AbsorbFactorsPassBase<AbsorbFactorsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateAbsorbFactorsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateAbsorbFactorsPatterns(RewritePatternSet &patterns) {
  patterns.add<AbsorbFactors>(patterns.getContext());
}
