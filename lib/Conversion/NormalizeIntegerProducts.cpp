//===- NormalizeIntegerProducts.cpp - integer products of other compilers
//---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// TOSA multiplies signed by signed bytes and subtracts zero points inside of
// the sum. Code generation has one form, unsigned by signed with all constant
// terms in what the sum starts from. Both are equal modulo 2^32, so no result
// changes:
//
//   sum (x - zx) (w - zw) = sum (x + 128) (w - zw) - (zx + 128) sum (w - zw)
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
#define GEN_PASS_DEF_NORMALIZEINTEGERPRODUCTSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

namespace {
/// One side of the product: an element of `operand`, widened to i32, minus a
/// constant.
struct Factor {
  OpOperand *operand = nullptr;
  bool isUnsigned = false;
  int64_t zeroPoint = 0;
};
} // namespace

/// The integer `value` has in every iteration, if that is known.
static std::optional<int64_t> getConstant(linalg::LinalgOp op, Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getOwner() == op.getBlock())
    value = op.getMatchingOpOperand(argument)->get();
  if (APInt number; matchPattern(value, m_ConstantInt(&number)))
    return number.getSExtValue();
  return std::nullopt;
}

static std::optional<Factor> matchFactor(linalg::LinalgOp op, Value value) {
  Factor factor;
  if (auto difference = value.getDefiningOp<arith::SubIOp>()) {
    std::optional<int64_t> zeroPoint = getConstant(op, difference.getRhs());
    if (!zeroPoint)
      return std::nullopt;
    factor.zeroPoint = *zeroPoint;
    value = difference.getLhs();
  }
  if (auto extension = value.getDefiningOp<arith::ExtUIOp>()) {
    factor.isUnsigned = true;
    value = extension.getIn();
  } else if (auto extension = value.getDefiningOp<arith::ExtSIOp>()) {
    value = extension.getIn();
  } else {
    return std::nullopt;
  }
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != op.getBlock())
    return std::nullopt;
  factor.operand = op.getMatchingOpOperand(argument);
  return factor;
}

/// The factors of a body `acc + a * b` on i32.
static std::optional<std::pair<Factor, Factor>>
matchProduct(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() == 0 ||
      !getElementTypeOrSelf(op.getDpsInits()[0].getType()).isInteger(32))
    return std::nullopt;
  auto sum = op.getBlock()
                 ->getTerminator()
                 ->getOperand(0)
                 .getDefiningOp<arith::AddIOp>();
  if (!sum)
    return std::nullopt;
  BlockArgument acc = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  Value term = sum.getLhs() == acc   ? sum.getRhs()
               : sum.getRhs() == acc ? sum.getLhs()
                                     : Value();
  auto product = term ? term.getDefiningOp<arith::MulIOp>() : arith::MulIOp();
  if (!product)
    return std::nullopt;
  std::optional<Factor> a = matchFactor(op, product.getLhs()),
                        b = matchFactor(op, product.getRhs());
  if (!a || !b || a->operand == b->operand)
    return std::nullopt;
  return std::pair(*a, *b);
}

//===----------------------------------------------------------------------===//
// Construction
//===----------------------------------------------------------------------===//

static SmallVector<utils::IteratorType> getParallel(int64_t rank) {
  return SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel);
}

/// An elementwise generic on one tensor.
static Value
createUnary(OpBuilder &builder, Location loc, Value input, Type element,
            function_ref<Value(OpBuilder &, Location, Value)> body) {
  auto type = cast<RankedTensorType>(input.getType());
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, input), element);
  AffineMap map = builder.getMultiDimIdentityMap(type.getRank());
  return linalg::GenericOp::create(
             builder, loc, TypeRange{type.clone(element)}, ValueRange{input},
             ValueRange{empty}, ArrayRef<AffineMap>{map, map},
             getParallel(type.getRank()),
             [&](OpBuilder &b, Location l, ValueRange args) {
               linalg::YieldOp::create(b, l, body(b, l, args[0]));
             })
      .getResult(0);
}

/// Signed bytes as unsigned ones: the top bit flipped, above padding so that
/// the producer's kernel takes it.
static Value flipTopBit(OpBuilder &builder, Location loc, Value bytes) {
  Type byte = builder.getI8Type();
  if (auto pad = bytes.getDefiningOp<tensor::PadOp>())
    if (std::optional<int64_t> value =
            getConstantIntValue(OpFoldResult(pad.getConstantPaddingValue()))) {
      Value source = flipTopBit(builder, loc, pad.getSource());
      Value padding = arith::ConstantOp::create(
          builder, loc, getStorageAttr(byte, *value ^ 0x80));
      return tensor::PadOp::create(builder, loc, pad.getType(), source,
                                   pad.getMixedLowPad(), pad.getMixedHighPad(),
                                   padding, pad.getNofold());
    }
  return createUnary(builder, loc, bytes, byte,
                     [&](OpBuilder &b, Location l, Value x) -> Value {
                       Value top = arith::ConstantOp::create(
                           b, l, getStorageAttr(byte, 0x80));
                       return arith::XOrIOp::create(b, l, x, top);
                     });
}

/// The factor as i32 numbers in memory, for products no instruction computes.
static Value widen(OpBuilder &builder, Location loc, const Factor &factor) {
  Type i32 = builder.getI32Type();
  return createUnary(
      builder, loc, factor.operand->get(), i32,
      [&](OpBuilder &b, Location l, Value x) -> Value {
        Value wide = factor.isUnsigned
                         ? Value(arith::ExtUIOp::create(b, l, i32, x))
                         : Value(arith::ExtSIOp::create(b, l, i32, x));
        if (factor.zeroPoint == 0)
          return wide;
        Value zeroPoint = arith::ConstantOp::create(
            b, l, b.getI32IntegerAttr(int32_t(factor.zeroPoint)));
        return arith::SubIOp::create(b, l, wide, zeroPoint);
      });
}

namespace {
/// The constant part of a product, a number for each output channel (parallel
/// loop that indexes the weights), row-major in the output's order.
struct Channels {
  SmallVector<int64_t> dims, extents; // of the output
  int64_t count = 1;
  SmallVector<int64_t> weightStrides; // from weight coordinates to the number

  static std::optional<Channels> find(linalg::LinalgOp op, OpOperand *weight) {
    AffineMap weightMap = op.getMatchingIndexingMap(weight);
    AffineMap outputMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    SmallVector<int64_t> loops = op.getStaticLoopRanges();
    if (!weightMap.isProjectedPermutation() ||
        !outputMap.isProjectedPermutation())
      return std::nullopt;
    // Each weight must count once for each element of the output it is in.
    for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypesArray())) {
      bool isParallel = iterator == utils::IteratorType::parallel;
      if (isParallel ? weightMap.isFunctionOfDim(loop) &&
                           !outputMap.isFunctionOfDim(loop)
                     : !weightMap.isFunctionOfDim(loop))
        return std::nullopt;
    }
    Channels channels;
    DenseMap<unsigned, int64_t> strideOf;
    for (int64_t d = int64_t(outputMap.getNumResults()) - 1; d >= 0; --d) {
      unsigned loop = outputMap.getDimPosition(d);
      if (!weightMap.isFunctionOfDim(loop))
        continue;
      channels.dims.insert(channels.dims.begin(), d);
      channels.extents.insert(channels.extents.begin(), loops[loop]);
      strideOf[loop] = channels.count;
      channels.count *= loops[loop];
    }
    for (unsigned i = 0; i < weightMap.getNumResults(); ++i)
      channels.weightStrides.push_back(
          strideOf.lookup(weightMap.getDimPosition(i)));
    return channels;
  }
};
} // namespace

/// What the sum starts from if it is a constant for each channel.
static std::optional<SmallVector<int32_t>> readInit(Value init,
                                                    const Channels &channels) {
  APInt number;
  if (auto fill = init.getDefiningOp<linalg::FillOp>()) {
    if (!matchPattern(fill.getInputs()[0], m_ConstantInt(&number)))
      return std::nullopt;
    return SmallVector<int32_t>(channels.count, number.getSExtValue());
  }
  if (matchPattern(init, m_ConstantInt(&number)))
    return SmallVector<int32_t>(channels.count, number.getSExtValue());
  Value source;
  SmallVector<int64_t> dims; // of the init, one for each of the source's
  if (auto broadcast = init.getDefiningOp<linalg::BroadcastOp>()) {
    source = broadcast.getInput();
    for (int64_t d = 0; d < cast<ShapedType>(init.getType()).getRank(); ++d)
      if (!llvm::is_contained(broadcast.getDimensions(), d))
        dims.push_back(d);
  } else if (auto generic = init.getDefiningOp<linalg::GenericOp>();
             generic && linalg::isaBroadcastOpInterface(generic)) {
    source = generic.getInputs()[0];
    AffineMap map = generic.getIndexingMapsArray()[0];
    for (unsigned i = 0; i < map.getNumResults(); ++i)
      dims.push_back(map.getDimPosition(i));
  } else {
    return std::nullopt;
  }
  std::optional<ConstantView> numbers = ConstantView::get(source);
  if (!numbers || dims != channels.dims)
    return std::nullopt;
  SmallVector<int32_t> start;
  for (int64_t c = 0; c < channels.count; ++c)
    start.push_back(numbers->getInt(c, /*isUnsigned=*/false));
  return start;
}

/// A tensor like `init` of one number for each channel.
static Value createStart(OpBuilder &builder, Location loc, Value init,
                         const Channels &channels, ArrayRef<int32_t> numbers) {
  auto type = cast<RankedTensorType>(init.getType());
  Value vector = createConstant(
      builder, loc,
      RankedTensorType::get(channels.extents, builder.getI32Type()), numbers);
  SmallVector<int64_t> missing;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (!llvm::is_contained(channels.dims, d))
      missing.push_back(d);
  if (missing.empty())
    return vector;
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, init),
      builder.getI32Type());
  return linalg::BroadcastOp::create(builder, loc, vector, empty, missing)
      ->getResult(0);
}

/// `value` plus one constant for each channel.
static Value addConstants(OpBuilder &builder, Location loc, Value value,
                          const Channels &channels, ArrayRef<int32_t> numbers) {
  auto type = cast<RankedTensorType>(value.getType());
  Value vector = createConstant(
      builder, loc,
      RankedTensorType::get(channels.extents, builder.getI32Type()), numbers);
  SmallVector<AffineExpr> exprs;
  for (int64_t d : channels.dims)
    exprs.push_back(builder.getAffineDimExpr(d));
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  AffineMap map = AffineMap::get(type.getRank(), 0, exprs, value.getContext());
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, value),
      type.getElementType());
  return linalg::GenericOp::create(
             builder, loc, TypeRange{type}, ValueRange{value, vector},
             ValueRange{empty}, ArrayRef<AffineMap>{identity, map, identity},
             getParallel(type.getRank()),
             [](OpBuilder &b, Location l, ValueRange args) {
               linalg::YieldOp::create(
                   b, l,
                   arith::AddIOp::create(b, l, args[0], args[1]).getResult());
             })
      .getResult(0);
}

/// `init + sum a * b` with the loops of `op`; `extend` widens inside the body.
static Value createProduct(OpBuilder &builder, linalg::LinalgOp op,
                           ArrayRef<Value> inputs, ArrayRef<OpOperand *> from,
                           Value init, bool extend) {
  SmallVector<AffineMap> maps{
      op.getMatchingIndexingMap(from[0]), op.getMatchingIndexingMap(from[1]),
      op.getMatchingIndexingMap(op.getDpsInitOperand(0))};
  return linalg::GenericOp::create(
             builder, op.getLoc(), TypeRange{init.getType()}, inputs,
             ValueRange{init}, maps, op.getIteratorTypesArray(),
             [&](OpBuilder &b, Location l, ValueRange args) {
               Value x = args[0], w = args[1];
               if (extend) {
                 x = arith::ExtUIOp::create(b, l, b.getI32Type(), x);
                 w = arith::ExtSIOp::create(b, l, b.getI32Type(), w);
               }
               Value term = arith::MulIOp::create(b, l, x, w);
               linalg::YieldOp::create(
                   b, l,
                   arith::AddIOp::create(b, l, args[2], term).getResult());
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

namespace {
struct NormalizeProduct : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    auto factors = matchProduct(op);
    if (!factors)
      return rewriter.notifyMatchFailure(op, "not a sum of integer products");
    auto [x, w] = *factors;
    auto isConstant = [](const Factor &factor) {
      return ConstantView::get(factor.operand->get()).has_value();
    };
    if (isConstant(x) && !isConstant(w))
      std::swap(x, w);
    auto isByte = [](const Factor &factor) {
      return getElementTypeOrSelf(factor.operand->get().getType()).isInteger(8);
    };
    if (isa<linalg::GenericOp>(op.getOperation()) && isByte(x) && isByte(w) &&
        x.isUnsigned && !w.isUnsigned && x.zeroPoint == 0 && w.zeroPoint == 0 &&
        x.operand->getOperandNumber() == 0)
      return rewriter.notifyMatchFailure(op, "has the form already");

    Location loc = op.getLoc();
    Value init = op.getDpsInits()[0];
    std::optional<ConstantView> weights = ConstantView::get(w.operand->get());
    std::optional<Channels> channels = Channels::find(op, w.operand);
    auto weightType = cast<RankedTensorType>(w.operand->get().getType());
    SmallVector<int8_t> bytes;
    SmallVector<int32_t> correction;
    bool fits = weights && channels && isByte(x);
    if (fits) {
      int64_t zeroPoint = x.zeroPoint + (x.isUnsigned ? 0 : 128);
      correction.assign(channels->count, 0);
      SmallVector<int64_t> at(weightType.getRank(), 0);
      for (int64_t i = 0; i < weights->size(); ++i) {
        int64_t value = weights->getInt(i, w.isUnsigned) - w.zeroPoint;
        fits &= value >= -128 && value <= 127;
        bytes.push_back(int8_t(value));
        int64_t channel = 0;
        for (auto [coordinate, stride] :
             llvm::zip_equal(at, channels->weightStrides))
          channel += coordinate * stride;
        // Modulo 2^32, as the sum itself.
        correction[channel] = int32_t(uint32_t(correction[channel]) -
                                      uint32_t(zeroPoint * value));
        for (int64_t d = weightType.getRank() - 1; d >= 0; --d) {
          if (++at[d] < weightType.getDimSize(d))
            break;
          at[d] = 0;
        }
      }
    }
    if (!fits) {
      rewriter.replaceOp(
          op, createProduct(rewriter, op,
                            {widen(rewriter, loc, x), widen(rewriter, loc, w)},
                            {x.operand, w.operand}, init, /*extend=*/false));
      return success();
    }
    Value activation = x.operand->get();
    if (!x.isUnsigned)
      activation = flipTopBit(rewriter, loc, activation);
    Value weight =
        createConstant(rewriter, w.operand->get().getLoc(),
                       weightType.clone(rewriter.getI8Type()), bytes);
    bool corrects = llvm::any_of(correction, [](int32_t c) { return c != 0; });
    std::optional<SmallVector<int32_t>> start;
    if (corrects && (start = readInit(init, *channels))) {
      for (auto [s, c] : llvm::zip_equal(*start, correction))
        s = int32_t(uint32_t(s) + uint32_t(c));
      init = createStart(rewriter, loc, init, *channels, *start);
    }
    Value result = createProduct(rewriter, op, {activation, weight},
                                 {x.operand, w.operand}, init, /*extend=*/true);
    if (corrects && !start)
      result = addConstants(rewriter, loc, result, *channels, correction);
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct NormalizeIntegerProducts
    : mpq::impl::NormalizeIntegerProductsPassBase<NormalizeIntegerProducts> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateNormalizeIntegerProductsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateNormalizeIntegerProductsPatterns(
    RewritePatternSet &patterns) {
  patterns.add<NormalizeProduct>(patterns.getContext());
}
