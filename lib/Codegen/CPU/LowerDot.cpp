//===- LowerDot.cpp - mpq.dot4 to x86 instructions ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM 22 forms vpdpbusd from no generic pattern, so the intrinsic is emitted
// by name. Without it, bytes are widened to words: vpmaddubsw would be shorter
// but saturates at 16 bits.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mpq {
#define GEN_PASS_DEF_LOWERDOTPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

static Value callIntrinsic(OpBuilder &b, Location loc, Type type,
                           StringRef name, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name),
                                       operands)
      .getResult(0);
}

static Value splat(OpBuilder &b, Location loc, VectorType type, int64_t value) {
  return arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(type,
                             b.getIntegerAttr(type.getElementType(), value)));
}

/// The largest element, as unsigned, that a mask leaves; 255 if there is none.
static int64_t getLargestUnsigned(Value bytes) {
  APInt mask;
  auto masked = bytes.getDefiningOp<arith::AndIOp>();
  return masked && matchPattern(masked.getRhs(), m_ConstantInt(&mask))
             ? int64_t(mask.getZExtValue())
             : 255;
}

namespace {
struct LowerDotPattern : OpRewritePattern<Dot4Op> {
  LowerDotPattern(MLIRContext *context, const TargetInfo &target)
      : OpRewritePattern(context), target(target) {}

  LogicalResult matchAndRewrite(Dot4Op op, PatternRewriter &b) const override {
    Location loc = op.getLoc();
    int64_t lanes = op.getType().getDimSize(0);
    if (op.getRhsUnsigned() && !op.getLhsUnsigned()) {
      // The sum does not mind the order of factors.
      b.replaceOpWithNewOp<Dot4Op>(op, op.getType(), op.getAcc(), op.getRhs(),
                                   op.getLhs(), b.getUnitAttr(), UnitAttr());
      return success();
    }
    bool mixed = op.getLhsUnsigned() && !op.getRhsUnsigned();
    DotUnit unit = target.getDotUnit();
    if (mixed && unit == DotUnit::Vpdpbusd512 && lanes == 16) {
      b.replaceOp(op, callIntrinsic(b, loc, op.getType(),
                                    "llvm.x86.avx512.vpdpbusd.512",
                                    {op.getAcc(), op.getLhs(), op.getRhs()}));
      return success();
    }
    if (mixed && unit != DotUnit::PairwiseWords && lanes == 8) {
      b.replaceOp(op, callIntrinsic(b, loc, op.getType(),
                                    "llvm.x86.avx512.vpdpbusd.256",
                                    {op.getAcc(), op.getLhs(), op.getRhs()}));
      return success();
    }
    if (lanes != target.getVectorLanes32())
      return b.notifyMatchFailure(op, "lanes differ from the target's vectors");

    auto words = VectorType::get({2 * lanes}, b.getI16Type());
    StringRef pairwise =
        lanes == 16 ? "llvm.x86.avx512.pmaddw.d.512" : "llvm.x86.avx2.pmadd.wd";
    // Weights of few bits: no sum of two products leaves 16 bits.
    if (mixed && 2 * 128 * getLargestUnsigned(op.getLhs()) <= INT16_MAX) {
      Value pairs = callIntrinsic(b, loc, words,
                                  lanes == 16 ? "llvm.x86.avx512.pmaddubs.w.512"
                                              : "llvm.x86.avx2.pmadd.ub.sw",
                                  {op.getLhs(), op.getRhs()});
      Value sum = callIntrinsic(b, loc, op.getType(), pairwise,
                                {pairs, splat(b, loc, words, 1)});
      b.replaceOpWithNewOp<arith::AddIOp>(op, op.getAcc(), sum);
      return success();
    }

    // Even and odd bytes as words; each pairwise product sums two of a group.
    Value eight = splat(b, loc, words, 8);
    auto widen = [&](Value bytes, bool isUnsigned) -> std::pair<Value, Value> {
      Value both = vector::BitCastOp::create(b, loc, words, bytes);
      Value high = arith::ShLIOp::create(b, loc, both, eight);
      if (isUnsigned)
        return {arith::ShRUIOp::create(b, loc, high, eight),
                arith::ShRUIOp::create(b, loc, both, eight)};
      return {arith::ShRSIOp::create(b, loc, high, eight),
              arith::ShRSIOp::create(b, loc, both, eight)};
    };
    auto [lhsEven, lhsOdd] = widen(op.getLhs(), op.getLhsUnsigned());
    auto [rhsEven, rhsOdd] = widen(op.getRhs(), op.getRhsUnsigned());
    Value even =
        callIntrinsic(b, loc, op.getType(), pairwise, {lhsEven, rhsEven});
    Value odd = callIntrinsic(b, loc, op.getType(), pairwise, {lhsOdd, rhsOdd});
    Value sum = arith::AddIOp::create(b, loc, even, odd);
    b.replaceOpWithNewOp<arith::AddIOp>(op, op.getAcc(), sum);
    return success();
  }

  TargetInfo target;
};

struct LowerDot : mpq::impl::LowerDotPassBase<LowerDot> {
  using LowerDotPassBase::LowerDotPassBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    populateLowerDotPatterns(patterns, *target);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    WalkResult left = getOperation()->walk([&](Dot4Op op) {
      op.emitOpError("has ") << op.getType().getDimSize(0)
                             << " lanes, which the target has no product for";
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace

void mpq::populateLowerDotPatterns(RewritePatternSet &patterns,
                                   const TargetInfo &target) {
  patterns.add<LowerDotPattern>(patterns.getContext(), target);
}
