//===- ConvertToNHWC.cpp - channels last for convolutions and pools ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A register tile of a convolution holds vectors of output channels, so
// channels are innermost from here on. This file only swaps the named
// operations; moving the transposes away is another pass's work.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Prepare/Layout.h"
#include "mpq/Transforms/Prepare/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mpq {
#define GEN_PASS_DEF_CONVERTTONHWCPASS
#include "mpq/Transforms/Prepare/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
/// One row of the table in Passes.td. Image and result share a permutation; an
/// empty filter permutation leaves the second operand (a pool's window) alone.
template <typename From, typename To>
struct ToChannelsLast : OpRewritePattern<From> {
  ToChannelsLast(MLIRContext *context, ArrayRef<int64_t> image,
                 ArrayRef<int64_t> filter)
      : OpRewritePattern<From>(context), image(image), filter(filter) {}

  LogicalResult matchAndRewrite(From op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "expected tensors");
    Location loc = op.getLoc();
    Location last = getHelperLocation(loc, "nhwc");
    Value input = permute(rewriter, last, op.getInputs()[0], image);
    Value window = op.getInputs()[1];
    if (!filter.empty())
      window = permute(rewriter, last, window, filter);
    Value init = permute(rewriter, last, op.getOutputs()[0], image);
    auto conv = To::create(rewriter, loc, TypeRange(init.getType()),
                           ValueRange{input, window}, ValueRange(init),
                           op.getStrides(), op.getDilations());
    rewriter.replaceOp(op,
                       createTranspose(rewriter, getHelperLocation(loc, "nchw"),
                                       conv->getResult(0),
                                       invertPermutationVector(image)));
    return success();
  }

  SmallVector<int64_t> image, filter;
};

struct ConvertToNHWC : mpq::impl::ConvertToNHWCPassBase<ConvertToNHWC> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateConvertToNHWCPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateConvertToNHWCPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  const SmallVector<int64_t> image{0, 2, 3, 1};
  patterns
      .add<ToChannelsLast<linalg::Conv2DNchwFchwOp, linalg::Conv2DNhwcHwcfOp>>(
          context, image, ArrayRef<int64_t>{2, 3, 1, 0});
  patterns.add<
      ToChannelsLast<linalg::Conv2DNgchwGfchwOp, linalg::Conv2DNhwgcGfhwcOp>>(
      context, ArrayRef<int64_t>{0, 3, 4, 1, 2},
      ArrayRef<int64_t>{0, 1, 3, 4, 2});
  patterns.add<ToChannelsLast<linalg::DepthwiseConv2DNchwChwOp,
                              linalg::DepthwiseConv2DNhwcHwcOp>>(
      context, image, ArrayRef<int64_t>{1, 2, 0});
  patterns
      .add<ToChannelsLast<linalg::PoolingNchwMaxOp, linalg::PoolingNhwcMaxOp>,
           ToChannelsLast<linalg::PoolingNchwSumOp, linalg::PoolingNhwcSumOp>>(
          context, image, ArrayRef<int64_t>{});
}
