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
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mpq {
#define GEN_PASS_DEF_LOWERROUNDINGPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

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
    auto constant = [&](Type type, Attribute value) -> Value {
      return LLVM::ConstantOp::create(b, loc, type, value);
    };
    // All lanes; to nearest even whatever the machine's state says.
    Value unused = arith::ConstantOp::create(b, loc, b.getZeroAttr(words));
    Value all = constant(b.getI16Type(), b.getI16IntegerAttr(-1));
    Value toNearest = constant(b.getI32Type(), b.getI32IntegerAttr(8));
    b.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op, words, b.getStringAttr("llvm.x86.avx512.mask.cvtps2dq.512"),
        ValueRange{rounded.getOperand(), unused, all, toNearest});
    return success();
  }

  int64_t lanes;
};

struct LowerRounding : mpq::impl::LowerRoundingPassBase<LowerRounding> {
  using LowerRoundingPassBase::LowerRoundingPassBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    populateLowerRoundingPatterns(patterns, *target);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateLowerRoundingPatterns(RewritePatternSet &patterns,
                                        const TargetInfo &target) {
  patterns.add<LowerRoundingPattern>(patterns.getContext(), target);
}
