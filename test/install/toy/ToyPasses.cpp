//===- ToyPasses.cpp - toy's own passes around MPQ's ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compiler with an operation of its own lowers it after quantization; MPQ
// makes integers of the linalg that comes out. Its pattern sets run together
// with the compiler's own, which none of the two could replace by passes.
//
//===----------------------------------------------------------------------===//

#include "Toy.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpq/Conversion/Passes.h"

using namespace mlir;

namespace {
//===----------------------------------------------------------------------===//
// toy-simplify
//===----------------------------------------------------------------------===//

struct CancelReversals : OpRewritePattern<toy::ReverseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(toy::ReverseOp op,
                                PatternRewriter &rewriter) const override {
    auto first = op.getInput().getDefiningOp<toy::ReverseOp>();
    if (!first)
      return rewriter.notifyMatchFailure(op, "its operand is not reversed");
    rewriter.replaceOp(op, first.getInput());
    return success();
  }
};

/// Two reversals around a quantization meet only when MPQ moves the first one
/// onto the integers: the patterns have to run together.
struct Simplify : PassWrapper<Simplify, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Simplify)
  StringRef getArgument() const override { return "toy-simplify"; }
  StringRef getDescription() const override {
    return "moves on integers, and reversals that cancel";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, linalg::LinalgDialect,
                    tensor::TensorDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<CancelReversals>(&getContext());
    mpq::populateMoveOnIntegersPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

//===----------------------------------------------------------------------===//
// toy-to-linalg
//===----------------------------------------------------------------------===//

struct LowerConstant : OpRewritePattern<toy::ConstantOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(toy::ConstantOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, op.getValue());
    return success();
  }
};

struct LowerDense : OpRewritePattern<toy::DenseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(toy::DenseOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    MLIRContext *context = op.getContext();
    Value empty = tensor::EmptyOp::create(
        rewriter, loc, op.getType().getShape(), rewriter.getF32Type());
    Value init = linalg::BroadcastOp::create(rewriter, loc, op.getBias(), empty,
                                             ArrayRef<int64_t>{0})
                     ->getResult(0);
    AffineExpr b, o, i;
    bindDims(context, b, o, i);
    SmallVector<AffineMap> maps{AffineMap::get(3, 0, {b, i}, context),
                                AffineMap::get(3, 0, {o, i}, context),
                                AffineMap::get(3, 0, {b, o}, context)};
    using utils::IteratorType;
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(
        op, TypeRange{op.getType()}, ValueRange{op.getInput(), op.getWeights()},
        ValueRange{init}, maps,
        ArrayRef<IteratorType>{IteratorType::parallel, IteratorType::parallel,
                               IteratorType::reduction},
        [](OpBuilder &builder, Location at, ValueRange args) {
          Value term = arith::MulFOp::create(builder, at, args[0], args[1]);
          Value sum = arith::AddFOp::create(builder, at, args[2], term);
          linalg::YieldOp::create(builder, at, sum);
        });
    return success();
  }
};

/// An elementwise generic of the result's shape that reads operand 0 by `map`.
template <typename OpTy, typename Fn>
void replaceByGeneric(OpTy op, PatternRewriter &rewriter, AffineMap map,
                      Fn &&body) {
  RankedTensorType type = op.getType();
  Value empty = tensor::EmptyOp::create(rewriter, op.getLoc(), type.getShape(),
                                        type.getElementType());
  rewriter.replaceOpWithNewOp<linalg::GenericOp>(
      op, TypeRange{type}, ValueRange{op.getInput()}, ValueRange{empty},
      ArrayRef<AffineMap>{map, rewriter.getMultiDimIdentityMap(type.getRank())},
      SmallVector<utils::IteratorType>(type.getRank(),
                                       utils::IteratorType::parallel),
      [&](OpBuilder &builder, Location at, ValueRange args) {
        linalg::YieldOp::create(builder, at, body(builder, at, args[0]));
      });
}

struct LowerRelu : OpRewritePattern<toy::ReluOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(toy::ReluOp op,
                                PatternRewriter &rewriter) const override {
    replaceByGeneric(op, rewriter, rewriter.getMultiDimIdentityMap(2),
                     [](OpBuilder &builder, Location at, Value x) -> Value {
                       Value zero = arith::ConstantOp::create(
                           builder, at, builder.getF32FloatAttr(0.0));
                       return arith::MaximumFOp::create(builder, at, x, zero);
                     });
    return success();
  }
};

struct LowerReverse : OpRewritePattern<toy::ReverseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(toy::ReverseOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getType();
    SmallVector<AffineExpr> exprs;
    for (int64_t d = 0; d < type.getRank(); ++d)
      exprs.push_back(rewriter.getAffineDimExpr(d));
    exprs.back() = type.getShape().back() - 1 - exprs.back();
    replaceByGeneric(op, rewriter,
                     AffineMap::get(type.getRank(), 0, exprs, op.getContext()),
                     [](OpBuilder &, Location, Value x) { return x; });
    return success();
  }
};

struct ToLinalg : PassWrapper<ToLinalg, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ToLinalg)
  StringRef getArgument() const override { return "toy-to-linalg"; }
  StringRef getDescription() const override { return "toy to linalg"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, linalg::LinalgDialect,
                    tensor::TensorDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerConstant, LowerDense, LowerRelu, LowerReverse>(
        &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void toy::registerPasses() {
  PassRegistration<Simplify>();
  PassRegistration<ToLinalg>();
}
