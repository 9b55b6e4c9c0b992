//===- LowerProducts.cpp - integer matrix products and convolutions ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One rewrite for every product, because its indexing maps say all that
// matters: which dimensions of the weights index output channels, and which are
// summed. The constant part of the sum is computed here from the weights, once.
//
//===----------------------------------------------------------------------===//

#include "ProductParts.h"

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQInterfaces.h"

#include <cmath>
#include <limits>

namespace mpq {
#define GEN_PASS_DEF_LOWERPRODUCTSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

//===----------------------------------------------------------------------===//
// Construction
//===----------------------------------------------------------------------===//

/// `acc - zw * sum qx` for weights whose zero point could not be removed: a
/// second reduction of the activations over the same windows.
static Value subtractActivationSums(OpBuilder &builder, ProductParts &parts,
                                    Value acc) {
  Location loc = parts.op.getLoc();
  Type i32 = builder.getI32Type();
  AffineMap inputMap = parts.op.getMatchingIndexingMap(parts.activation);
  AffineMap outputMap =
      parts.op.getMatchingIndexingMap(parts.op.getDpsInitOperand(0));
  SmallVector<int64_t> extents = parts.op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> iterators = parts.op.getIteratorTypesArray();

  // Loops that only choose weights do not change the sum.
  llvm::SmallBitVector unused(extents.size());
  for (unsigned loop = 0; loop < extents.size(); ++loop)
    unused[loop] = !inputMap.isFunctionOfDim(loop);
  SmallVector<AffineExpr> windowDims, sumDims, sumOperandDims;
  SmallVector<int64_t> windowShape, sumShape;
  for (unsigned loop = 0; loop < extents.size(); ++loop)
    if (iterators[loop] == utils::IteratorType::reduction && !unused[loop]) {
      windowDims.push_back(builder.getAffineDimExpr(loop));
      windowShape.push_back(extents[loop]);
    }
  for (auto [d, expr] : llvm::enumerate(outputMap.getResults())) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (unused[loop])
      continue;
    sumDims.push_back(expr);
    sumShape.push_back(extents[loop]);
    sumOperandDims.push_back(builder.getAffineDimExpr(d));
  }
  unsigned loops = extents.size();
  MLIRContext *context = builder.getContext();
  SmallVector<AffineMap> maps{inputMap,
                              AffineMap::get(loops, 0, windowDims, context),
                              AffineMap::get(loops, 0, sumDims, context)};
  SmallVector<utils::IteratorType> kept;
  for (unsigned loop = 0; loop < loops; ++loop)
    if (!unused[loop])
      kept.push_back(iterators[loop]);
  for (AffineMap &map : maps)
    map = compressDims(map, unused);
  auto sumType = RankedTensorType::get(sumShape, i32);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value empty = tensor::EmptyOp::create(builder, loc, sumShape, i32);
  Value init = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  Value window =
      tensor::EmptyOp::create(builder, loc, windowShape, builder.getI8Type());
  Value sums =
      linalg::GenericOp::create(
          builder, loc, TypeRange{sumType}, ValueRange{parts.integers, window},
          ValueRange{init}, maps, kept,
          [](OpBuilder &b, Location l, ValueRange args) {
            Value x = arith::ExtUIOp::create(b, l, b.getI32Type(), args[0]);
            linalg::YieldOp::create(
                b, l, arith::AddIOp::create(b, l, args[2], x).getResult());
          })
          .getResult(0);

  auto type = cast<RankedTensorType>(acc.getType());
  SmallVector<Value> inputs{acc, sums};
  SmallVector<AffineMap> elementMaps{
      builder.getMultiDimIdentityMap(type.getRank()),
      AffineMap::get(type.getRank(), 0, sumOperandDims, context)};
  ChannelConstant zeroPoint(builder, parts, ArrayRef<int32_t>(parts.remainder));
  zeroPoint.appendTo(inputs, elementMaps);
  return createElementwise(
      builder, loc, type, inputs, elementMaps,
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value term =
            arith::MulIOp::create(b, l, args[1], zeroPoint.get(b, l, args));
        return arith::SubIOp::create(b, l, args[0], term);
      });
}

namespace {
struct LowerProduct : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    auto product = dyn_cast<QuantizableOpInterface>(op.getOperation());
    if (!product || !product.isProduct())
      return rewriter.notifyMatchFailure(op, "not a product");
    ProductParts parts;
    StringRef reason;
    if (failed(splitProduct(product, parts, reason)))
      return rewriter.notifyMatchFailure(op, reason);

    // The largest magnitude any partial sum can have (N-R2).
    Bias bias = analyzeBias(parts);
    auto fits = [&](bool withBias) {
      for (int64_t c = 0; c < parts.channels; ++c) {
        int64_t start = parts.correction[c];
        if (withBias)
          start += bias.integers[c];
        if (std::abs(start) + parts.bound[c] >
            std::numeric_limits<int32_t>::max())
          return false;
      }
      return true;
    };
    if (!fits(/*withBias=*/false))
      return rewriter.notifyMatchFailure(op, "its sum may exceed 31 bits");
    if (bias.kind == Bias::Integer && !fits(/*withBias=*/true))
      bias.kind = Bias::Float;

    Location loc = op.getLoc();
    SmallVector<int64_t> start(parts.correction);
    if (bias.kind == Bias::Integer)
      for (auto [s, b] : llvm::zip_equal(start, bias.integers))
        s += b;
    Value acc = createIntegerProduct(rewriter, parts,
                                     createInit(rewriter, parts, start));
    if (parts.hasRemainder())
      acc = subtractActivationSums(rewriter, parts, acc);

    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    SmallVector<Value> inputs{acc};
    SmallVector<AffineMap> maps{
        rewriter.getMultiDimIdentityMap(type.getRank())};
    Type f32 = rewriter.getF32Type();
    QuantizeOp quantize = getOnlyQuantize(op);
    if (quantize && bias.kind != Bias::Float) {
      TensorParameters output = *getTensorParameters(quantize);
      SmallVector<float> multipliers;
      for (float scale : parts.scales)
        multipliers.push_back(scale / output.scale);
      ChannelConstant multiplier(rewriter, parts, ArrayRef<float>(multipliers));
      multiplier.appendTo(inputs, maps);
      auto narrow = cast<RankedTensorType>(quantize.getType());
      Value result = createElementwise(
          rewriter, quantize.getLoc(), narrow, inputs, maps,
          [&](OpBuilder &b, Location l, ValueRange args) -> Value {
            Value zeroPoint = arith::ConstantOp::create(
                b, l, getStorageAttr(output.storage, output.zeroPoint));
            return RequantizeOp::create(
                b, l, output.storage, args[0], multiplier.get(b, l, args),
                zeroPoint, AffineMapAttr(), quantize.getIsUnsignedAttr(),
                quantize.getClampRangeAttr());
          });
      rewriter.replaceOp(quantize, result);
      rewriter.eraseOp(op);
      return success();
    }

    ChannelConstant scale(rewriter, parts, ArrayRef<float>(parts.scales));
    scale.appendTo(inputs, maps);
    if (bias.kind == Bias::Float) {
      inputs.push_back(op.getDpsInits()[0]);
      maps.push_back(maps.front());
    }
    rewriter.replaceOp(
        op, createElementwise(
                rewriter, loc, type, inputs, maps,
                [&](OpBuilder &b, Location l, ValueRange args) -> Value {
                  Value number = arith::SIToFPOp::create(b, l, f32, args[0]);
                  return scaleSum(b, l, number, scale.get(b, l, args),
                                  bias.kind == Bias::Float
                                      ? args[inputs.size() - 1]
                                      : Value());
                }));
    return success();
  }
};

struct LowerProducts : mpq::impl::LowerProductsPassBase<LowerProducts> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateLowerProductsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    // What still has a dequantized operand stays in float: say why.
    getOperation()->walk([](QuantizableOpInterface product) {
      if (!product.isProduct() ||
          llvm::none_of(product->getOperands(), [](Value operand) {
            return operand.getDefiningOp<DequantizeOp>() != nullptr;
          }))
        return;
      ProductParts parts;
      StringRef reason = "its sum may exceed 31 bits";
      (void)splitProduct(product, parts, reason);
      remark::missed(
          product.getLoc(),
          remark::RemarkOpts::name("float-product").category("mpq-lower"))
          << remark::reason("{0}", reason.str());
    });
  }
};
} // namespace

void mpq::populateLowerProductsPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerProduct>(patterns.getContext());
}
