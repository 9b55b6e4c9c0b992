//===- LowerRounding.cpp - rounding conversions in one instruction ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every quantized value is rounded to even and converted. LLVM 22 keeps that as
// vrndscaleps (two micro-operations) and vcvttps2dq, although vcvtps2dq does
// both: a third of the time of an epilogue. Where a value does not fit an i32
// the conversion is poison either way.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mpq {
#define GEN_PASS_DEF_LOWERROUNDINGPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Sixteen lanes, to nearest even whatever the machine's state says.
static Value convertToNearest(OpBuilder &b, Location loc, VectorType words,
                              Value x) {
  auto constant = [&](Type type, Attribute value) -> Value {
    return LLVM::ConstantOp::create(b, loc, type, value);
  };
  Value unused = arith::ConstantOp::create(b, loc, b.getZeroAttr(words));
  Value all = constant(b.getI16Type(), b.getI16IntegerAttr(-1));
  Value toNearest = constant(b.getI32Type(), b.getI32IntegerAttr(8));
  return LLVM::CallIntrinsicOp::create(
             b, loc, words,
             b.getStringAttr("llvm.x86.avx512.mask.cvtps2dq.512"),
             ValueRange{x, unused, all, toNearest})
      .getResult(0);
}

namespace {
struct LowerRoundingPattern : OpRewritePattern<arith::FPToSIOp> {
  LowerRoundingPattern(MLIRContext *context, const TargetInfo &target)
      : OpRewritePattern(context), lanes(target.getVectorLanes32()) {}

  LogicalResult matchAndRewrite(arith::FPToSIOp op,
                                PatternRewriter &b) const override {
    auto rounded = op.getIn().getDefiningOp<math::RoundEvenOp>();
    if (!rounded)
      return b.notifyMatchFailure(op, "not of a value rounded to even");
    Location loc = op.getLoc();
    auto floats = VectorType::get({lanes}, b.getF32Type());
    auto words = VectorType::get({lanes}, b.getI32Type());
    if (op.getIn().getType() != floats || op.getType() != words)
      return b.notifyMatchFailure(op, "not a register of f32 to i32");
    if (lanes == 8) {
      b.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
          op, words, b.getStringAttr("llvm.x86.avx.cvt.ps2dq.256"),
          ValueRange{rounded.getOperand()});
      return success();
    }
    if (lanes != 16)
      return b.notifyMatchFailure(op, "no instruction for this vector");
    b.replaceOp(op, convertToNearest(b, loc, words, rounded.getOperand()));
    return success();
  }

  int64_t lanes;
};

/// Narrowing of rounded values that are clamped to the bytes: the machine's
/// conversion makes 2^31 of what is too large, which unsigned saturation also
/// carries to 255, so no upper limit is needed before it.
struct SaturateBytes : OpRewritePattern<arith::TruncIOp> {
  SaturateBytes(MLIRContext *context, const TargetInfo &target)
      : OpRewritePattern(context), lanes(target.getVectorLanes32()) {}

  LogicalResult matchAndRewrite(arith::TruncIOp op,
                                PatternRewriter &b) const override {
    auto words = VectorType::get({lanes}, b.getI32Type());
    if (lanes != 16 || op.getIn().getType() != words ||
        !getElementTypeOrSelf(op.getType()).isInteger(8))
      return b.notifyMatchFailure(op, "not a register of i32 to bytes");
    Value shifted = op.getIn(), zeroPoint;
    int64_t offset = 0;
    if (auto add = shifted.getDefiningOp<arith::AddIOp>()) {
      APInt number;
      if (!matchPattern(add.getRhs(), m_ConstantInt(&number)))
        return b.notifyMatchFailure(op, "the zero point is not constant");
      offset = number.getSExtValue();
      zeroPoint = add.getRhs();
      shifted = add.getLhs();
    }
    auto convert = shifted.getDefiningOp<arith::FPToSIOp>();
    auto rounded = convert ? convert.getIn().getDefiningOp<math::RoundEvenOp>()
                           : math::RoundEvenOp();
    if (!rounded)
      return b.notifyMatchFailure(op, "not of a value rounded to even");
    Value low, unclamped;
    if (!isBounded(rounded.getOperand(), 255 - offset, /*above=*/true, low) ||
        !isBounded(low, -offset, /*above=*/false, unclamped))
      return b.notifyMatchFailure(op, "not clamped to what a byte holds");
    Location loc = op.getLoc();
    Value integer = convertToNearest(b, loc, words, low);
    if (zeroPoint)
      integer = arith::AddIOp::create(b, loc, integer, zeroPoint);
    Value limit = arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(words, b.getI32IntegerAttr(255)));
    integer = arith::MinUIOp::create(b, loc, integer, limit);
    b.replaceOpWithNewOp<arith::TruncIOp>(op, op.getType(), integer);
    return success();
  }

private:
  /// True if `value` is `inner` with `limit` as its bound.
  static bool isBounded(Value value, int64_t limit, bool above, Value &inner) {
    auto select = value.getDefiningOp<arith::SelectOp>();
    auto compare = select ? select.getCondition().getDefiningOp<arith::CmpFOp>()
                          : arith::CmpFOp();
    if (!compare || compare.getPredicate() != arith::CmpFPredicate::OLT)
      return false;
    Value bound = select.getFalseValue();
    inner = select.getTrueValue();
    APFloat number(0.0f);
    return matchPattern(bound, m_ConstantFloat(&number)) &&
           number.convertToDouble() == double(limit) &&
           compare.getLhs() == (above ? inner : bound) &&
           compare.getRhs() == (above ? bound : inner);
  }

  int64_t lanes;
};

struct LowerRounding : mpq::impl::LowerRoundingPassBase<LowerRounding> {
  using LowerRoundingPassBase::LowerRoundingPassBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    // Whole narrowings first: they need the conversion as it was.
    RewritePatternSet narrowings(&getContext());
    narrowings.add<SaturateBytes>(&getContext(), *target);
    RewritePatternSet patterns(&getContext());
    populateLowerRoundingPatterns(patterns, *target);
    if (failed(applyPatternsGreedily(getOperation(), std::move(narrowings))) ||
        failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateLowerRoundingPatterns(RewritePatternSet &patterns,
                                        const TargetInfo &target) {
  patterns.add<LowerRoundingPattern>(patterns.getContext(), target);
}
