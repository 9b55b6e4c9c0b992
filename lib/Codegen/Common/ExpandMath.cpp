//===- ExpandMath.cpp - functions and quantization as IEEE operations ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// math operations on vectors become scalar calls of libm in LLVM, and libm
// differs between machines. Here the builder of Formulas.h emits operations, so
// code computes what the interpreter does and vectorizes.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Numerics/NarrowFloats.h"
#include "mpq/Numerics/QuantizeForm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpq/Dialect/MPQDialect.h"

namespace mpq {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
/// Primitive operations on scalars, or on vectors of one shape.
class OperationBuilder {
public:
  using Float = Value;
  using Int = Value;
  using Bool = Value;

  OperationBuilder(OpBuilder &builder, Location loc, Type like)
      : builder(builder), loc(loc), like(like) {}

  /// The type of `element` scalars shaped as the values are.
  Type shaped(Type element) const {
    auto vector = dyn_cast<VectorType>(like);
    return vector ? Type(vector.clone(element)) : element;
  }
  Type floatType() const { return shaped(builder.getF32Type()); }
  Type intType(unsigned width) const {
    return shaped(builder.getIntegerType(width));
  }
  template <typename OpTy, typename... Args> Value make(Args &&...args) {
    return OpTy::create(builder, loc, std::forward<Args>(args)...);
  }
  Value constant(Type type, TypedAttr scalar) {
    if (auto vector = dyn_cast<VectorType>(type))
      return make<arith::ConstantOp>(DenseElementsAttr::get(vector, scalar));
    return make<arith::ConstantOp>(scalar);
  }

  Value real(float value) {
    return constant(floatType(), builder.getF32FloatAttr(value));
  }
  Value integer(int32_t value) {
    return constant(intType(32), builder.getI32IntegerAttr(value));
  }
  Value add(Value a, Value b) { return make<arith::AddFOp>(a, b); }
  Value sub(Value a, Value b) { return make<arith::SubFOp>(a, b); }
  Value mul(Value a, Value b) { return make<arith::MulFOp>(a, b); }
  Value div(Value a, Value b) { return make<arith::DivFOp>(a, b); }
  Value fma(Value a, Value b, Value c) { return make<math::FmaOp>(a, b, c); }
  Value abs(Value a) { return make<math::AbsFOp>(a); }
  Value sqrt(Value a) { return make<math::SqrtOp>(a); }
  Value floor(Value a) { return make<math::FloorOp>(a); }
  Value trunc(Value a) { return make<math::TruncOp>(a); }
  Value roundeven(Value a) { return make<math::RoundEvenOp>(a); }
  Value copysign(Value a, Value b) { return make<math::CopySignOp>(a, b); }
  Value less(Value a, Value b) {
    return make<arith::CmpFOp>(arith::CmpFPredicate::OLT, a, b);
  }
  Value equal(Value a, Value b) {
    return make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, a, b);
  }
  Value select(Value c, Value a, Value b) {
    return make<arith::SelectOp>(c, a, b);
  }
  Value bits(Value a) { return make<arith::BitcastOp>(intType(32), a); }
  Value fromBits(Value a) { return make<arith::BitcastOp>(floatType(), a); }
  Value addi(Value a, Value b) { return make<arith::AddIOp>(a, b); }
  Value subi(Value a, Value b) { return make<arith::SubIOp>(a, b); }
  Value andi(Value a, Value b) { return make<arith::AndIOp>(a, b); }
  Value shiftLeft(Value a, int n) { return make<arith::ShLIOp>(a, integer(n)); }
  Value shiftRight(Value a, int n) {
    return make<arith::ShRSIOp>(a, integer(n));
  }
  Value toInt(Value a) { return make<arith::FPToSIOp>(intType(32), a); }
  Value toFloat(Value a) { return make<arith::SIToFPOp>(floatType(), a); }

  /// A storage integer as i32 (or wider).
  Value widen(Value a, bool isUnsigned, unsigned width = 32) {
    if (getElementTypeOrSelf(a.getType()).isInteger(width))
      return a;
    if (isUnsigned)
      return make<arith::ExtUIOp>(intType(width), a);
    return make<arith::ExtSIOp>(intType(width), a);
  }
  Value narrow(Value a, Type type) {
    return a.getType() == type ? a : make<arith::TruncIOp>(type, a);
  }
  /// A narrower float as f32, and back.
  Value widenFloat(Value a) {
    return a.getType() == floatType() ? a : make<arith::ExtFOp>(floatType(), a);
  }
  Value narrowFloat(Value a, Type type) {
    return a.getType() == type ? a : make<arith::TruncFOp>(type, a);
  }

private:
  OpBuilder &builder;
  Location loc;
  Type like;
};

/// Divides by a constant without a division, which takes as long as ten other
/// instructions.
class QuotientBuilder : public OperationBuilder {
public:
  using OperationBuilder::OperationBuilder;

  Value div(Value a, Value b) {
    APFloat divisor(0.0f);
    if (!matchPattern(b, m_ConstantFloat(&divisor)))
      return OperationBuilder::div(a, b);
    float d = divisor.convertToFloat();
    if (!(d >= 1 / formulas::kLargestQuotient &&
          d <= formulas::kLargestQuotient))
      return OperationBuilder::div(a, b);
    return formulas::divideByConstant(static_cast<OperationBuilder &>(*this), a,
                                      d);
  }
};

/// True for scalars and vectors of floats up to 32 bits; tensors stay.
bool isExpandable(Type type) {
  Type element = getElementTypeOrSelf(type);
  return (isa<VectorType>(type) || type == element) &&
         (element.isF32() || element.isF16() || element.isBF16());
}

using Formula = Value (*)(OperationBuilder &, Value);

template <typename OpTy, Formula formula>
struct ExpandUnary : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!isExpandable(op.getType()))
      return rewriter.notifyMatchFailure(op,
                                         "not a scalar or vector of floats");
    OperationBuilder builder(rewriter, op.getLoc(), op.getType());
    Value result = formula(builder, builder.widenFloat(op.getOperand()));
    rewriter.replaceOp(op, builder.narrowFloat(result, op.getType()));
    return success();
  }
};

struct ExpandPow : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::PowFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isExpandable(op.getType()))
      return rewriter.notifyMatchFailure(op,
                                         "not a scalar or vector of floats");
    OperationBuilder builder(rewriter, op.getLoc(), op.getType());
    Value x = builder.widenFloat(op.getLhs()),
          y = builder.widenFloat(op.getRhs());
    APFloat exponent(0.0f);
    Value result;
    if (getElementTypeOrSelf(op.getType()).isF32() &&
        matchPattern(op.getRhs(), m_ConstantFloat(&exponent)))
      result = formulas::powConstant(builder, x, exponent.convertToFloat());
    else
      result = formulas::pow(builder, x, y);
    rewriter.replaceOp(op, builder.narrowFloat(result, op.getType()));
    return success();
  }
};

struct ExpandQuantize : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    if (!isExpandable(op.getInput().getType()))
      return rewriter.notifyMatchFailure(op, "tensor form");
    QuotientBuilder divider(rewriter, op.getLoc(), op.getType());
    OperationBuilder &builder = divider;
    Value input = builder.widenFloat(op.getInput());
    Value zeroPoint = builder.widen(op.getZeroPoint(), op.getIsUnsigned());
    formulas::QuantizeForm form = formulas::getQuantizeForm(op);
    Value result =
        form.multiply
            ? formulas::quantize(builder, input, op.getScale(), zeroPoint, form)
            : formulas::quantize(divider, input, op.getScale(), zeroPoint,
                                 form);
    rewriter.replaceOp(op, builder.narrow(result, op.getType()));
    return success();
  }
};

struct ExpandDequantize : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DequantizeOp op,
                                PatternRewriter &rewriter) const override {
    if (!isExpandable(op.getType()))
      return rewriter.notifyMatchFailure(op, "tensor form");
    OperationBuilder builder(rewriter, op.getLoc(), op.getType());
    bool isUnsigned = op.getIsUnsigned();
    if (isa<FloatType>(getElementTypeOrSelf(op.getInput().getType()))) {
      Value difference = builder.sub(builder.widenFloat(op.getInput()),
                                     builder.widenFloat(op.getZeroPoint()));
      Value result = builder.mul(difference, op.getScale());
      rewriter.replaceOp(op, builder.narrowFloat(result, op.getType()));
      return success();
    }
    // 32-bit inputs subtract in 64 bits and round once, to f32 (N-D1).
    bool isWide = getElementTypeOrSelf(op.getInput().getType()).isInteger(32);
    unsigned width = isWide ? 64 : 32;
    Value result = formulas::dequantize(
        builder, builder.widen(op.getInput(), isUnsigned, width), op.getScale(),
        builder.widen(op.getZeroPoint(), isUnsigned, width));
    rewriter.replaceOp(op, builder.narrowFloat(result, op.getType()));
    return success();
  }
};

struct ExpandRequantize : OpRewritePattern<RequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RequantizeOp op,
                                PatternRewriter &rewriter) const override {
    if (!isExpandable(op.getMultiplier().getType()))
      return rewriter.notifyMatchFailure(op, "tensor form");
    OperationBuilder builder(rewriter, op.getLoc(), op.getType());
    Value result = formulas::requantize(
        builder, op.getAccumulator(), op.getMultiplier(),
        builder.widen(op.getZeroPoint(), op.getIsUnsigned()),
        formulas::getQuantizeForm(op));
    rewriter.replaceOp(op, builder.narrow(result, op.getType()));
    return success();
  }
};

/// To nearest even, by integers: the processor's own conversion flushes
/// subnormal numbers (vcvtneps2bf16). NaN must not overflow into a number.
struct ExpandNarrowing : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isExpandable(op.getType()) ||
        !getElementTypeOrSelf(op.getType()).isBF16() ||
        !getElementTypeOrSelf(op.getIn().getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32 to bf16");
    OperationBuilder b(rewriter, op.getLoc(), op.getType());
    Value bits = b.bits(op.getIn());
    Value odd = b.make<arith::AndIOp>(b.shiftRight(bits, 16), b.integer(1));
    Value rounded = b.addi(b.addi(bits, b.integer(0x7fff)), odd);
    Value isNumber = b.equal(op.getIn(), op.getIn());
    rounded = b.select(isNumber, rounded, b.integer(0x7fc00000));
    Value half = b.narrow(b.shiftRight(rounded, 16), b.intType(16));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), half);
    return success();
  }
};

/// The bits of a bf16 are the upper half of an f32's.
struct ExpandWidening : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isExpandable(op.getType()) ||
        !getElementTypeOrSelf(op.getIn().getType()).isBF16())
      return rewriter.notifyMatchFailure(op, "not bf16 to f32");
    OperationBuilder b(rewriter, op.getLoc(), op.getType());
    Value half = b.make<arith::BitcastOp>(b.intType(16), op.getIn());
    rewriter.replaceOp(op, b.fromBits(b.shiftLeft(b.widen(half, true), 16)));
    return success();
  }
};

/// The codes of narrow floats as integers; null if `type` has none.
Type getCodeType(OperationBuilder &b, Type type) {
  Type element = getElementTypeOrSelf(type);
  bool isNarrow =
      formulas::getNarrowFormat(element) || isa<Float8E8M0FNUType>(element);
  return isNarrow ? b.intType(element.getIntOrFloatBitWidth()) : Type();
}

/// N-E2 and N-E4.
struct ExpandToCodes : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    OperationBuilder b(rewriter, op.getLoc(), op.getType());
    Type codes = getCodeType(b, op.getType());
    if (!codes || !isExpandable(op.getIn().getType()))
      return rewriter.notifyMatchFailure(op, "not to floats of 8 or 4 bits");
    Value input = b.widenFloat(op.getIn());
    const formulas::NarrowFormat *format =
        formulas::getNarrowFormat(getElementTypeOrSelf(op.getType()));
    Value code = format ? formulas::narrowToCode(b, input, *format)
                        : formulas::narrowToExponent(b, input);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(),
                                                  b.narrow(code, codes));
    return success();
  }
};

/// N-E1 and N-E4.
struct ExpandFromCodes : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    OperationBuilder b(rewriter, op.getLoc(), op.getType());
    Type codes = getCodeType(b, op.getIn().getType());
    if (!codes || !isExpandable(op.getType()))
      return rewriter.notifyMatchFailure(op, "not from floats of 8 or 4 bits");
    Value code = b.widen(b.make<arith::BitcastOp>(codes, op.getIn()), true);
    const formulas::NarrowFormat *format =
        formulas::getNarrowFormat(getElementTypeOrSelf(op.getIn().getType()));
    Value result = format ? formulas::widenCode(b, code, *format)
                          : formulas::widenExponent(b, code);
    rewriter.replaceOp(op, b.narrowFloat(result, op.getType()));
    return success();
  }
};

struct ExpandMathPass : mpq::impl::ExpandMathPassBase<ExpandMathPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateExpandMathPatterns(patterns);
    // Upstream folds functions of constants with the host's libm; ours differ.
    GreedyRewriteConfig config;
    config.enableFolding(false);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateExpandMathPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandUnary<math::ExpOp, formulas::exp<OperationBuilder>>,
               ExpandUnary<math::LogOp, formulas::log<OperationBuilder>>,
               ExpandUnary<math::TanhOp, formulas::tanh<OperationBuilder>>,
               ExpandUnary<math::ErfOp, formulas::erf<OperationBuilder>>,
               ExpandUnary<math::RsqrtOp, formulas::rsqrt<OperationBuilder>>,
               ExpandPow, ExpandQuantize, ExpandDequantize, ExpandRequantize,
               ExpandNarrowing, ExpandWidening, ExpandToCodes, ExpandFromCodes>(
      patterns.getContext());
}
