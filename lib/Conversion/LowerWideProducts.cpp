//===- LowerWideProducts.cpp - products of activations in 16 bits ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instructions for 16 bits are half as fast as those for bytes, want weights of
// 16 bits, and overflow after some hundred products. Two products of bytes take
// as long, read the packed weights that there are, and are exact.
//
//===----------------------------------------------------------------------===//

#include "Planes.h"
#include "ProductParts.h"

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <limits>

namespace mpq {
#define GEN_PASS_DEF_LOWERWIDEPRODUCTSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Whether no partial sum of any channel leaves 31 bits.
static bool fits(const ProductParts &parts, ArrayRef<int64_t> start) {
  return llvm::all_of(llvm::zip_equal(start, parts.bound), [](auto channel) {
    auto [first, bound] = channel;
    return std::abs(first) + bound <= std::numeric_limits<int32_t>::max();
  });
}

namespace {
struct LowerWideProduct : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    auto product = dyn_cast<QuantizableOpInterface>(op.getOperation());
    if (!product || !product.isProduct())
      return rewriter.notifyMatchFailure(op, "not a product");
    auto activation =
        product.getActivationOperand().get().getDefiningOp<DequantizeOp>();
    std::optional<TensorParameters> input;
    if (activation)
      input = getTensorParameters(activation);
    if (!input || !input->storage.isInteger(16))
      return rewriter.notifyMatchFailure(
          op, "the activation is not in 16 bits, per tensor");
    // What a zero point of 1 would subtract: the sums of the weights.
    ProductParts parts;
    StringRef reason;
    if (failed(splitProduct(
            product, parts, reason,
            TensorParameters{input->scale, 1, true, rewriter.getI8Type()})))
      return rewriter.notifyMatchFailure(op, reason);
    if (parts.hasRemainder())
      return rewriter.notifyMatchFailure(
          op, "the weights have zero points that do not leave signed bytes");

    SmallVector<Plane> planes = getPlanes(*input, /*isUnsigned=*/true);
    SmallVector<SmallVector<int64_t>> starts;
    for (const Plane &plane : planes) {
      starts.push_back(
          llvm::map_to_vector(parts.correction, [&](int64_t correction) {
            return plane.zeroPoint * correction;
          }));
      if (!fits(parts, starts.back()))
        return rewriter.notifyMatchFailure(op, "its sum may exceed 31 bits");
    }
    // The lowest plane's sums are in the accumulator's scale.
    Bias bias = analyzeBias(parts);
    if (bias.kind == Bias::Integer) {
      SmallVector<int64_t> start(starts.back());
      for (auto [s, b] : llvm::zip_equal(start, bias.integers))
        s += b;
      if (fits(parts, start))
        starts.back() = start;
      else
        bias.kind = Bias::Float;
    }

    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
    SmallVector<Value> inputs;
    SmallVector<unsigned> shifts;
    for (auto [plane, start] : llvm::zip_equal(planes, starts)) {
      parts.integers = createPlane(rewriter, activation.getInput(), plane);
      inputs.push_back(createIntegerProduct(
          rewriter, parts, createInit(rewriter, parts, start)));
      shifts.push_back(plane.shift);
    }
    SmallVector<AffineMap> maps(inputs.size(), identity);
    ChannelConstant scale(rewriter, parts, ArrayRef<float>(parts.scales));
    scale.appendTo(inputs, maps);
    if (bias.kind == Bias::Float) {
      inputs.push_back(op.getDpsInits()[0]);
      maps.push_back(identity);
    }
    rewriter.replaceOp(
        op, createElementwise(
                rewriter, loc, type, inputs, maps,
                [&](OpBuilder &b, Location l, ValueRange args) -> Value {
                  Value number = combinePlanes(
                      b, l, SmallVector<Value>(args.take_front(shifts.size())),
                      shifts);
                  return scaleSum(b, l, number, scale.get(b, l, args),
                                  bias.kind == Bias::Float
                                      ? args[inputs.size() - 1]
                                      : Value());
                }));
    return success();
  }
};

struct LowerWideProducts
    : mpq::impl::LowerWideProductsPassBase<LowerWideProducts> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateLowerWideProductsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateLowerWideProductsPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerWideProduct>(patterns.getContext());
}
