//===- LowerBlockProducts.cpp - products of weights in blocks ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scales that change inside of a sum have no place in a linalg.generic of
// integers, so these products get an operation of their own. Activations stay
// float, or are quantized as the model runs: then with the blocks of the
// weights as a dimension, which code generation reduces over.
//
//===----------------------------------------------------------------------===//

#include "DynamicParameters.h"
#include "Parameters.h"
#include "ProductParts.h"

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"

#include "llvm/Support/raw_ostream.h"

#include <cmath>

namespace mpq {
#define GEN_PASS_DEF_LOWERBLOCKPRODUCTSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

namespace {
/// Constant weights [K][N] and their parameters [G][N].
struct BlockWeights {
  int64_t depth, columns, bits, block, blocks;
  SmallVector<char> weights, zeroPoints; // unsigned, one byte each
  SmallVector<float> scales;
  bool uniform;      // all zero points are equal
  TypeAttr format{}; // of codes of floats
};
} // namespace

static bool hasIntegers(DequantizeOp op) {
  return getElementTypeOrSelf(op.getInput().getType()).isInteger();
}

/// Scales from here on could exceed f32 when codes of floats are packed.
static constexpr float kLargestCodeScale = 0x1p100f;

/// Whether codes of floats are those of numbers, with zero points of 0 and
/// scales that leave room.
static bool holdsNumbers(const ConstantView &codes, const ConstantView &scales,
                         const ConstantView &zeroPoints) {
  auto all = [](const ConstantView &data, auto holds) {
    for (int64_t i = 0; i < (data.isSplat() ? 1 : data.size()); ++i)
      if (!holds(data.getFloat(i)))
        return false;
    return true;
  };
  return all(codes, [](float value) { return std::isfinite(value); }) &&
         all(scales, [](float value) { return value < kLargestCodeScale; }) &&
         all(zeroPoints, [](float value) { return value == 0; });
}

/// Reads the weights of a product from below `value`, whose dimensions are
/// (k, n), or (n, k) if `transposed`.
static std::optional<BlockWeights> readWeights(Value value, bool transposed) {
  if (auto transpose = value.getDefiningOp<linalg::TransposeOp>()) {
    transposed ^= transpose.getPermutation()[0] == 1;
    value = transpose.getInput();
  }
  auto dequantize = value.getDefiningOp<DequantizeOp>();
  if (!dequantize)
    return std::nullopt;
  auto data = ConstantView::get(dequantize.getInput()),
       scale = ConstantView::get(dequantize.getScale()),
       zero = ConstantView::get(dequantize.getZeroPoint());
  auto type = cast<RankedTensorType>(dequantize.getInput().getType());
  if (!data || !scale || !zero || type.getElementTypeBitWidth() > 8)
    return std::nullopt;
  BlockWeights w;
  w.bits = type.getElementTypeBitWidth();
  w.depth = type.getDimSize(transposed);
  w.columns = type.getDimSize(!transposed);
  if (w.depth == 0 || w.columns == 0)
    return std::nullopt;

  // Where the parameters of (k, n) are.
  ArrayRef<int64_t> paramShape =
      cast<RankedTensorType>(dequantize.getScale().getType()).getShape();
  int64_t stride = 1, depthStride = 0, columnStride = 0;
  w.block = w.depth;
  AffineMap map = *dequantize.getParamMap();
  for (int64_t d = int64_t(paramShape.size()) - 1; d >= 0; --d) {
    AffineExpr expr = map.getResult(d);
    int64_t divisor = 1;
    if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) {
      divisor = cast<AffineConstantExpr>(binary.getRHS()).getValue();
      expr = binary.getLHS();
    }
    bool isDepth = (cast<AffineDimExpr>(expr).getPosition() == 0) != transposed;
    if (isDepth) {
      w.block = std::min(divisor, w.depth);
      depthStride = stride;
    } else if (divisor == 1) {
      columnStride = stride;
    } else {
      return std::nullopt;
    }
    stride *= paramShape[d];
  }
  w.blocks = llvm::divideCeilSigned(w.depth, w.block);
  if (w.blocks == 1)
    w.block = llvm::alignTo(w.depth, 4);
  if (w.block % 4 != 0)
    return std::nullopt;

  // Signed weights become unsigned ones with a zero point in the middle.
  bool isFloat = isa<FloatType>(type.getElementType());
  if (isFloat) {
    if (!holdsNumbers(*data, *scale, *zero))
      return std::nullopt;
    w.format = TypeAttr::get(type.getElementType());
  }
  bool isUnsigned = isFloat || dequantize.getIsUnsigned();
  int64_t flip = isUnsigned ? 0 : int64_t(1) << (w.bits - 1);
  for (int64_t g = 0; g < w.blocks; ++g)
    for (int64_t n = 0; n < w.columns; ++n) {
      int64_t parameter = g * depthStride + n * columnStride;
      w.scales.push_back(scale->getFloat(parameter));
      w.zeroPoints.push_back(char(zero->getInt(parameter, isUnsigned) + flip));
    }
  w.uniform = llvm::all_equal(w.zeroPoints);
  w.weights.assign(w.blocks * w.block * w.columns, 0);
  for (int64_t k = 0; k < w.depth; ++k)
    for (int64_t n = 0; n < w.columns; ++n)
      w.weights[k * w.columns + n] =
          char(data->getInt(transposed ? n * w.depth + k : k * w.columns + n,
                            isUnsigned) +
               flip);
  return w;
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {
struct LowerBlockProduct : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    if (!linalg::isaContractionOpInterface(op) || op.hasDynamicShape() ||
        !op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "no contraction of static shape");
    auto dims = linalg::inferContractionDims(op);
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (failed(dims) || dims->m.size() != 1 || dims->n.size() != 1 ||
        dims->k.size() != 1 || !dims->batch.empty() ||
        !type.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "not one matrix product in f32");
    auto place = [&](unsigned operand, unsigned loop) {
      return op.getMatchingIndexingMap(&op->getOpOperand(operand))
          .getResultPosition(rewriter.getAffineDimExpr(loop));
    };
    if (place(0, dims->m[0]) != 0u || place(0, dims->k[0]) != 1u ||
        place(2, dims->m[0]) != 0u || place(2, dims->n[0]) != 1u)
      return rewriter.notifyMatchFailure(op, "not row-major");
    Value lhs = op->getOperand(0);
    std::optional<DynamicActivation> dynamic = matchDynamic(lhs);
    // Static activations and one scale for each column: a product of integers.
    if (auto dequantize = lhs.getDefiningOp<DequantizeOp>();
        dequantize && !dynamic && getTensorParameters(dequantize))
      if (auto weights = op->getOperand(1).getDefiningOp<DequantizeOp>();
          weights && hasIntegers(weights) &&
          llvm::none_of(
              weights.getParamMap()->getResults(),
              [](AffineExpr expr) { return isa<AffineBinaryOpExpr>(expr); }))
        return rewriter.notifyMatchFailure(op, "a static integer product");
    std::optional<BlockWeights> w =
        readWeights(op->getOperand(1), place(1, dims->k[0]) == 1u);
    if (!w)
      return rewriter.notifyMatchFailure(
          op, "no constant weights in blocks of columns and multiples of 4");
    bool sameBlocks = dynamic && !dynamic->params.getIsUnsigned() &&
                      dynamic->params.getScale().getType().getRank() > 0 &&
                      (dynamic->params.getBlock() == w->block ||
                       dynamic->params.getBlock() >= w->depth);
    if (!sameBlocks || w->format ||
        (w->block << (7 + w->bits)) > (int64_t(1) << 31))
      dynamic = std::nullopt;

    Location loc = op.getLoc();
    int64_t rows = type.getDimSize(0), depth = w->blocks * w->block;
    Value lhsScales;
    if (dynamic) {
      std::tie(lhs, lhsScales) = quantizeRows(rewriter, loc, *dynamic, *w);
    } else if (depth != w->depth) {
      lhs = splitLast(rewriter, loc, lhs, w->blocks, w->block);
    }
    if (cast<RankedTensorType>(lhs.getType()).getRank() == 3)
      lhs = tensor::CollapseShapeOp::create(
          rewriter, loc, lhs, ArrayRef<ReassociationIndices>{{0}, {1, 2}});

    Type storage = rewriter.getIntegerType(w->bits);
    Value weights = createConstant(
        rewriter, loc, RankedTensorType::get({depth, w->columns}, storage),
        ArrayRef<char>(w->weights));
    Value scales = createConstant(
        rewriter, loc,
        RankedTensorType::get({w->blocks, w->columns}, rewriter.getF32Type()),
        ArrayRef<float>(w->scales));
    Value zeroPoints;
    if (!w->uniform)
      zeroPoints = createConstant(
          rewriter, loc,
          RankedTensorType::get({w->blocks, w->columns}, storage),
          ArrayRef<char>(w->zeroPoints));
    Value empty = tensor::EmptyOp::create(rewriter, loc, {rows, w->columns},
                                          rewriter.getF32Type());
    Value result = BlockContractOp::create(
        rewriter, loc, type, lhs, weights, scales, zeroPoints, lhsScales,
        /*lhs_sums=*/Value(), empty, w->bits, w->block,
        w->uniform ? uint8_t(w->zeroPoints[0]) : 0,
        /*scale_base=*/IntegerAttr(), w->format);
    if (!startsAtZero(op->getOperand(2))) {
      AffineMap identity = rewriter.getMultiDimIdentityMap(2);
      result =
          createGeneric(rewriter, loc, type.getShape(), type.getElementType(),
                        {result, op->getOperand(2)}, {identity, identity}, {},
                        [](OpBuilder &b, Location l, ValueRange args) -> Value {
                          return arith::AddFOp::create(b, l, args[0], args[1]);
                        });
    }
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  static bool startsAtZero(Value init) {
    if (auto fill = init.getDefiningOp<linalg::FillOp>())
      return matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
    return matchPattern(init, m_AnyZeroFloat());
  }

  /// The quantized rows [M][G][B] and their scales [M][G].
  static std::pair<Value, Value> quantizeRows(OpBuilder &builder, Location loc,
                                              DynamicActivation &dynamic,
                                              const BlockWeights &w) {
    Value blocks =
        splitLast(builder, loc, dynamic.params.getInput(), w.blocks, w.block);
    ArrayRef<int64_t> shape =
        cast<RankedTensorType>(blocks.getType()).getShape();
    AffineMap identity = builder.getMultiDimIdentityMap(3),
              ofBlock = identity.getMajorSubMap(2);
    Value scales;
    if (w.blocks > 1 && dynamic.params.getBlock() >= w.depth) {
      // One scale for a row serves all blocks.
      Value whole =
          splitLast(builder, loc, dynamic.params.getInput(), 1, w.depth);
      AffineMap first = AffineMap::get(
          2, 0, {builder.getAffineDimExpr(0), builder.getAffineConstantExpr(0)},
          builder.getContext());
      scales = createGeneric(
          builder, loc, {shape[0], shape[1]}, builder.getF32Type(),
          createScales(builder, loc, whole), first, {},
          [](OpBuilder &, Location, ValueRange args) { return args[0]; });
    } else {
      scales = createScales(builder, loc, blocks);
    }
    QuantizeOp quantize = dynamic.quantize;
    Value rows = createGeneric(
        builder, loc, shape, builder.getI8Type(), {blocks, scales},
        {identity, ofBlock}, {},
        [&](OpBuilder &b, Location l, ValueRange args) -> Value {
          Value zero = arith::ConstantOp::create(b, l, b.getI8IntegerAttr(0));
          return QuantizeOp::create(
              b, l, b.getI8Type(), args[0], args[1], zero, AffineMapAttr(),
              /*is_unsigned=*/false, quantize.getRounding(),
              quantize.getScaling(), quantize.getZeroPointOrder(),
              quantize.getClampRangeAttr());
        });
    return {rows, scales};
  }
};

/// What no product has taken.
struct LowerChooseParams : OpRewritePattern<ChooseParamsOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ChooseParamsOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getInput().getType().hasStaticShape() || op.getIsUnsigned())
      return rewriter.notifyMatchFailure(op, "not signed, of static shape");
    Location loc = op.getLoc();
    Value scales = createScales(rewriter, loc, getBlocks(rewriter, op));
    auto type = op.getScale().getType();
    if (type != scales.getType()) // one pair for the whole tensor
      scales = tensor::CollapseShapeOp::create(
          rewriter, loc, type, scales, ArrayRef<ReassociationIndices>{});
    Value zeros = arith::ConstantOp::create(
        rewriter, loc, rewriter.getZeroAttr(op.getZeroPoint().getType()));
    rewriter.replaceOp(op, {scales, zeros});
    return success();
  }
};

/// Codes of floats that no product has taken become numbers here: only
/// kernels of products widen them.
struct WidenCodes : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DequantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (hasIntegers(op) || !type || !type.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "no codes of floats to f32");
    auto codes = ConstantView::get(op.getInput()),
         scales = ConstantView::get(op.getScale()),
         zeroPoints = ConstantView::get(op.getZeroPoint());
    if (!codes || !scales || !zeroPoints)
      return rewriter.notifyMatchFailure(op, "not constant");
    SmallVector<float> numbers;
    AffineMap map = *op.getParamMap();
    auto paramType = cast<RankedTensorType>(op.getScale().getType());
    SmallVector<int64_t> strides = computeSuffixProduct(paramType.getShape());
    forEachElement(type.getShape(), [&](int64_t i, ArrayRef<int64_t> at) {
      int64_t parameter = 0;
      for (auto [expr, stride] : llvm::zip_equal(map.getResults(), strides)) {
        auto blocks = dyn_cast<AffineBinaryOpExpr>(expr);
        auto dim = cast<AffineDimExpr>(blocks ? blocks.getLHS() : expr);
        int64_t divisor =
            blocks ? cast<AffineConstantExpr>(blocks.getRHS()).getValue() : 1;
        parameter += at[dim.getPosition()] / divisor * stride;
      }
      numbers.push_back((codes->getFloat(i) - zeroPoints->getFloat(parameter)) *
                        scales->getFloat(parameter));
    });
    remark::missed(op.getLoc(),
                   remark::RemarkOpts::name("float").category("mpq-lower"))
        << remark::add("weights of {0} become f32: they are no numbers in "
                       "columns or blocks of a matrix product",
                       toString(codes->getElementType()));
    rewriter.replaceOp(op,
                       createConstant(rewriter, op.getLoc(), type, numbers));
    return success();
  }

private:
  static std::string toString(Type type) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return text;
  }
};

struct LowerBlockProducts
    : mpq::impl::LowerBlockProductsPassBase<LowerBlockProducts> {
  void runOnOperation() override {
    RewritePatternSet products(&getContext()), rest(&getContext());
    populateLowerBlockProductsPatterns(products);
    rest.add<LowerChooseParams, WidenCodes>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(products))) ||
        failed(applyPatternsGreedily(getOperation(), std::move(rest))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateLowerBlockProductsPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerBlockProduct>(patterns.getContext());
}
