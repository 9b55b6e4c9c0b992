//===- NormalizeSignedness.cpp - signed activations become unsigned ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dot-product instructions multiply u8 by s8. Rather than teach every later
// stage four signedness pairs, activations get one form here.
//
//===----------------------------------------------------------------------===//

#include "Parameters.h"

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"

namespace mpq {
#define GEN_PASS_DEF_NORMALIZESIGNEDNESSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// `zeroPoint + 128` read as unsigned: the same bits with the top one flipped.
static Value shiftZeroPoint(OpBuilder &builder, Value zeroPoint) {
  std::optional<ConstantView> data = ConstantView::get(zeroPoint);
  if (!data)
    return {};
  SmallVector<int8_t> shifted;
  for (int64_t i = 0; i < data->size(); ++i)
    shifted.push_back(int8_t(data->getInt(i, /*isUnsigned=*/true) ^ 0x80));
  auto type = cast<RankedTensorType>(zeroPoint.getType());
  return createConstant(builder, zeroPoint.getLoc(), type, shifted);
}

static bool isSignedByte(Value value, bool isUnsigned) {
  return !isUnsigned && isa<RankedTensorType>(value.getType()) &&
         getElementTypeOrSelf(value.getType()).isInteger(8);
}

/// Whether only dequantizations with constant parameters read the integers of
/// `op`, so that it can change its signedness together with them.
static bool canBecomeUnsigned(QuantizeOp op) {
  return isSignedByte(op.getResult(), op.getIsUnsigned()) &&
         ConstantView::get(op.getZeroPoint()) &&
         llvm::all_of(op->getUsers(), [&](Operation *user) {
           auto dequantize = dyn_cast<DequantizeOp>(user);
           return dequantize && dequantize.getInput() == op.getResult() &&
                  ConstantView::get(dequantize.getZeroPoint());
         });
}

namespace {
struct QuantizeUnsigned : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    if (!canBecomeUnsigned(op))
      return rewriter.notifyMatchFailure(
          op, "not signed bytes that only dequantizations read");
    Value zeroPoint = shiftZeroPoint(rewriter, op.getZeroPoint());
    for (Operation *user : op->getUsers()) {
      auto dequantize = cast<DequantizeOp>(user);
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPoint(dequantize);
      Value shifted = shiftZeroPoint(rewriter, dequantize.getZeroPoint());
      rewriter.modifyOpInPlace(dequantize, [&] {
        dequantize.getZeroPointMutable().set(shifted);
        dequantize.setIsUnsigned(true);
      });
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.getZeroPointMutable().set(zeroPoint);
      op.setIsUnsigned(true);
      if (std::optional<ArrayRef<int64_t>> range = op.getClampRange())
        op.setClampRange(
            ArrayRef<int64_t>{(*range)[0] + 128, (*range)[1] + 128});
    });
    return success();
  }
};

/// Signed integers that nobody here quantized: flip the top bit.
struct DequantizeUnsigned : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DequantizeOp op,
                                PatternRewriter &rewriter) const override {
    Value input = op.getInput();
    if (!isSignedByte(input, op.getIsUnsigned()))
      return rewriter.notifyMatchFailure(op, "not a signed 8-bit tensor");
    if (auto quantize = input.getDefiningOp<QuantizeOp>();
        quantize && canBecomeUnsigned(quantize))
      return rewriter.notifyMatchFailure(op, "changes with its quantization");
    if (matchPattern(input, m_Constant()))
      return rewriter.notifyMatchFailure(op, "a constant: weights stay signed");
    Value zeroPoint = shiftZeroPoint(rewriter, op.getZeroPoint());
    if (!zeroPoint)
      return rewriter.notifyMatchFailure(op, "the zero point is not constant");
    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(input.getType());
    Value empty = tensor::EmptyOp::create(
        rewriter, loc, tensor::getMixedSizes(rewriter, loc, input),
        type.getElementType());
    AffineMap map = rewriter.getMultiDimIdentityMap(type.getRank());
    SmallVector<utils::IteratorType> iterators(type.getRank(),
                                               utils::IteratorType::parallel);
    auto flip = linalg::GenericOp::create(
        rewriter, loc, TypeRange{type}, ValueRange{input}, ValueRange{empty},
        ArrayRef<AffineMap>{map, map}, iterators,
        [](OpBuilder &b, Location l, ValueRange args) {
          Value top = arith::ConstantOp::create(
              b, l, getStorageAttr(args[0].getType(), 0x80));
          linalg::YieldOp::create(
              b, l, arith::XOrIOp::create(b, l, args[0], top).getResult());
        });
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputMutable().set(flip.getResult(0));
      op.getZeroPointMutable().set(zeroPoint);
      op.setIsUnsigned(true);
    });
    return success();
  }
};

struct NormalizeSignedness
    : mpq::impl::NormalizeSignednessPassBase<NormalizeSignedness> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateNormalizeSignednessPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateNormalizeSignednessPatterns(RewritePatternSet &patterns) {
  patterns.add<QuantizeUnsigned, DequantizeUnsigned>(patterns.getContext());
}
