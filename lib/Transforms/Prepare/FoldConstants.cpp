//===- FoldConstants.cpp - operations on constants run at compile time ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream folds `dense` attributes element by element and leaves resources
// alone, so weights behind a reshape or a cast would not look constant to the
// passes that pack or quantize them. Here whole buffers move; arithmetic is
// limited to what IEEE 754 rounds correctly, so that folding changes no bit.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Transforms/Prepare/Layout.h"
#include "mpq/Transforms/Prepare/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <map>
#include <variant>

namespace mpq {
#define GEN_PASS_DEF_FOLDCONSTANTSPASS
#include "mpq/Transforms/Prepare/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Results may be this much larger than what they are computed from.
static constexpr int64_t kMostGrowth = 4096;

static bool hasStaticShape(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() &&
         getElementBytes(type.getElementType()) > 0;
}

/// Copies a block of `sizes` elements between row-major tensors.
static void copyBlock(ArrayRef<int64_t> sizes, char *out,
                      ArrayRef<int64_t> outStrides, const char *in,
                      ArrayRef<int64_t> inStrides, int64_t bytes) {
  if (sizes.empty()) {
    std::memcpy(out, in, bytes);
    return;
  }
  if (sizes.size() == 1 && outStrides[0] == 1 && inStrides[0] == 1) {
    std::memcpy(out, in, sizes[0] * bytes);
    return;
  }
  for (int64_t i = 0; i < sizes[0]; ++i)
    copyBlock(sizes.drop_front(), out + i * outStrides[0] * bytes,
              outStrides.drop_front(), in + i * inStrides[0] * bytes,
              inStrides.drop_front(), bytes);
}

//===----------------------------------------------------------------------===//
// Elementwise arithmetic
//===----------------------------------------------------------------------===//

namespace {
/// All values one SSA value of a body takes, in loop order.
using Lane = std::variant<std::vector<float>, std::vector<int64_t>>;

class Evaluator {
public:
  Evaluator(linalg::GenericOp op, ArrayRef<int64_t> extents)
      : op(op), extents(extents), size(computeProduct(extents)) {}

  /// Gathers an operand's elements in loop order.
  LogicalResult load(OpOperand &operand) {
    auto type = cast<RankedTensorType>(operand.get().getType());
    Type element = type.getElementType();
    auto bytes = readConstantBytes(operand.get());
    auto offsets = getOffsets(op.getMatchingIndexingMap(&operand), type);
    if (!bytes || !offsets)
      return failure();
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (element.isF32())
      return gather<float, float>(argument, *bytes, *offsets);
    if (element.isInteger(8))
      return gather<int8_t, int64_t>(argument, *bytes, *offsets);
    if (element.isInteger(32))
      return gather<int32_t, int64_t>(argument, *bytes, *offsets);
    if (element.isInteger(64))
      return gather<int64_t, int64_t>(argument, *bytes, *offsets);
    return failure();
  }

  LogicalResult run(Operation &inner) {
    if (isa<arith::ConstantOp>(inner))
      return success();
    if (inner.getNumResults() != 1)
      return failure();
    Value result = inner.getResult(0);
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      lanes[result.getAsOpaquePointer()] = iterate(index.getDim());
      return success();
    }
    SmallVector<const Lane *> in;
    for (Value operand : inner.getOperands()) {
      in.push_back(get(operand));
      if (!in.back())
        return failure();
    }
    if (auto f = floatFunction(inner))
      return bind(result, map<float>(*in[0], *in[in.size() - 1], *f));
    if (auto f = integerFunction(inner))
      return bind(result, map<int64_t>(*in[0], *in[in.size() - 1], *f));
    if (isa<arith::SIToFPOp>(inner) && result.getType().isF32())
      return bind(result, convert<float>(std::get<1>(*in[0])));
    if (isa<arith::ExtSIOp, arith::IndexCastOp>(inner))
      return bind(result, *in[0]);
    return failure();
  }

  const Lane *get(Value value) {
    if (auto it = lanes.find(value.getAsOpaquePointer()); it != lanes.end())
      return &it->second;
    Attribute attr;
    if (!matchPattern(value, m_Constant(&attr)))
      return nullptr;
    if (auto number = dyn_cast<FloatAttr>(attr);
        number && value.getType().isF32())
      lanes[value.getAsOpaquePointer()] =
          std::vector<float>(size, number.getValue().convertToFloat());
    else if (auto number = dyn_cast<IntegerAttr>(attr))
      lanes[value.getAsOpaquePointer()] =
          std::vector<int64_t>(size, number.getInt());
    else
      return nullptr;
    return &lanes.find(value.getAsOpaquePointer())->second;
  }

private:
  LogicalResult bind(Value value, Lane lane) {
    lanes[value.getAsOpaquePointer()] = std::move(lane);
    return success();
  }

  /// Element offsets of an operand read through `map`, if every dimension
  /// depends on one loop.
  std::optional<std::vector<int64_t>> getOffsets(AffineMap map,
                                                 RankedTensorType type) {
    SmallVector<std::vector<int64_t>> tables;
    for (int64_t extent : extents)
      tables.emplace_back(extent, 0);
    int64_t base = 0;
    SmallVector<int64_t> strides = computeStrides(type.getShape());
    for (auto [expr, stride] : llvm::zip_equal(map.getResults(), strides)) {
      SmallVector<unsigned> loops;
      for (unsigned d = 0; d < map.getNumDims(); ++d)
        if (expr.isFunctionOfDim(d))
          loops.push_back(d);
      if (loops.size() > 1)
        return std::nullopt;
      if (loops.empty()) {
        base += cast<AffineConstantExpr>(expr).getValue() * stride;
        continue;
      }
      AffineMap single = AffineMap::get(map.getNumDims(), 0, expr);
      SmallVector<int64_t> at(map.getNumDims(), 0);
      for (int64_t i = 0; i < extents[loops[0]]; ++i) {
        at[loops[0]] = i;
        tables[loops[0]][i] += single.compose(at)[0] * stride;
      }
    }
    std::vector<int64_t> offsets{base};
    for (const std::vector<int64_t> &table : tables) {
      std::vector<int64_t> next;
      next.reserve(offsets.size() * table.size());
      for (int64_t outer : offsets)
        for (int64_t inner : table)
          next.push_back(outer + inner);
      offsets = std::move(next);
    }
    return offsets;
  }

  template <typename Stored, typename Computed>
  LogicalResult gather(Value argument, ArrayRef<char> bytes,
                       const std::vector<int64_t> &offsets) {
    auto *data = reinterpret_cast<const Stored *>(bytes.data());
    std::vector<Computed> values;
    values.reserve(offsets.size());
    for (int64_t offset : offsets)
      values.push_back(data[offset]);
    return bind(argument, std::move(values));
  }

  Lane iterate(int64_t loop) {
    int64_t inner = computeProduct(extents.drop_front(loop + 1));
    std::vector<int64_t> values(size);
    for (int64_t i = 0; i < size; ++i)
      values[i] = i / inner % extents[loop];
    return values;
  }

  template <typename T, typename Fn>
  static Lane map(const Lane &a, const Lane &b, Fn fn) {
    std::vector<T> result = std::get<std::vector<T>>(a);
    for (auto [x, y] : llvm::zip_equal(result, std::get<std::vector<T>>(b)))
      x = fn(x, y);
    return result;
  }
  template <typename T>
  static Lane convert(const std::vector<int64_t> &values) {
    return std::vector<T>(values.begin(), values.end());
  }

  using FloatFn = float (*)(float, float);
  static std::optional<FloatFn> floatFunction(Operation &inner) {
    if (!inner.getResult(0).getType().isF32() ||
        llvm::any_of(inner.getOperandTypes(),
                     [](Type t) { return !t.isF32(); }))
      return std::nullopt;
    return llvm::TypeSwitch<Operation *, std::optional<FloatFn>>(&inner)
        .Case<arith::AddFOp>(
            [](auto) { return +[](float a, float b) { return a + b; }; })
        .Case<arith::SubFOp>(
            [](auto) { return +[](float a, float b) { return a - b; }; })
        .Case<arith::MulFOp>(
            [](auto) { return +[](float a, float b) { return a * b; }; })
        .Case<arith::DivFOp>(
            [](auto) { return +[](float a, float b) { return a / b; }; })
        .Case<arith::NegFOp>(
            [](auto) { return +[](float a, float) { return -a; }; })
        .Case<math::AbsFOp>(
            [](auto) { return +[](float a, float) { return std::fabs(a); }; })
        .Case<math::SqrtOp>(
            [](auto) { return +[](float a, float) { return std::sqrt(a); }; })
        .Default([](Operation *) { return std::nullopt; });
  }

  /// Only 64-bit arithmetic: narrower types would have to wrap.
  using IntegerFn = int64_t (*)(int64_t, int64_t);
  static std::optional<IntegerFn> integerFunction(Operation &inner) {
    Type type = inner.getResult(0).getType();
    if (!type.isInteger(64) && !type.isIndex())
      return std::nullopt;
    return llvm::TypeSwitch<Operation *, std::optional<IntegerFn>>(&inner)
        .Case<arith::AddIOp>([](auto) {
          return +[](int64_t a, int64_t b) {
            return int64_t(uint64_t(a) + uint64_t(b));
          };
        })
        .Case<arith::SubIOp>([](auto) {
          return +[](int64_t a, int64_t b) {
            return int64_t(uint64_t(a) - uint64_t(b));
          };
        })
        .Case<arith::MulIOp>([](auto) {
          return +[](int64_t a, int64_t b) {
            return int64_t(uint64_t(a) * uint64_t(b));
          };
        })
        .Default([](Operation *) { return std::nullopt; });
  }

  linalg::GenericOp op;
  ArrayRef<int64_t> extents;
  int64_t size;
  // References to lanes survive insertions.
  std::map<const void *, Lane> lanes;
};

struct FoldGeneric : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
        op.getNumParallelLoops() != op.getNumLoops() ||
        !hasStaticShape(op->getResult(0)) ||
        !op.getIndexingMapMatchingResult(op->getResult(0)).isIdentity() ||
        op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)))
      return rewriter.notifyMatchFailure(op, "not a static elementwise result");
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    int64_t read = 0;
    for (Value input : op.getInputs()) {
      if (!isConstant(input))
        return rewriter.notifyMatchFailure(op, "an input is not constant");
      read += cast<RankedTensorType>(input.getType()).getNumElements();
    }
    if (op.getInputs().empty() || type.getNumElements() > read + kMostGrowth)
      return rewriter.notifyMatchFailure(op, "the result is much larger");
    Evaluator evaluator(op, type.getShape());
    for (OpOperand *input : op.getDpsInputOperands())
      if (failed(evaluator.load(*input)))
        return rewriter.notifyMatchFailure(op, "an input cannot be read");
    for (Operation &inner : op.getBody()->without_terminator())
      if (failed(evaluator.run(inner)))
        return rewriter.notifyMatchFailure(op,
                                           "the body is not evaluated here");
    const Lane *lane =
        evaluator.get(op.getBody()->getTerminator()->getOperand(0));
    if (!lane)
      return rewriter.notifyMatchFailure(op, "the body is not evaluated here");
    Value folded;
    if (auto *floats = std::get_if<std::vector<float>>(lane))
      folded =
          createConstant(rewriter, op.getLoc(), type, ArrayRef<float>(*floats));
    else if (type.getElementType().isInteger(64))
      folded = createConstant(rewriter, op.getLoc(), type,
                              ArrayRef<int64_t>(std::get<1>(*lane)));
    else
      return rewriter.notifyMatchFailure(op, "expected f32 or i64 elements");
    rewriter.replaceOp(op, folded);
    return success();
  }

  static bool isConstant(Value value) {
    return hasStaticShape(value) && matchPattern(value, m_Constant());
  }
};

//===----------------------------------------------------------------------===//
// Moves
//===----------------------------------------------------------------------===//

struct FoldConstantTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    if ((!matchPattern(op.getInput(), m_Constant()) &&
         !op.getInput().getDefiningOp<DequantizeOp>()) ||
        !isFreelyPermutable(op.getInput()))
      return rewriter.notifyMatchFailure(op, "the input is not constant");
    rewriter.replaceOp(
        op, permute(rewriter, op.getLoc(), op.getInput(), op.getPermutation()));
    return success();
  }
};

/// Reshapes share the data of a resource.
template <typename OpTy> struct FoldConstantReshape : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    DenseResourceElementsAttr attr;
    if (!hasStaticShape(op.getResult()) ||
        !matchPattern(op.getSrc(), m_Constant(&attr)))
      return rewriter.notifyMatchFailure(op, "the source is no resource");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(
        op, DenseResourceElementsAttr::get(op.getResultType(),
                                           attr.getRawHandle()));
    return success();
  }
};

/// Where the parameters of a dequantization are once its tensor is reshaped.
struct ReshapedParameters {
  SmallVector<AffineExpr> map;
  SmallVector<int64_t> shape; // of scale and zero point
  /// How often all of them, and each of them, are repeated.
  int64_t outer = 1, inner = 1;

  /// `groups` are the reshape's, of the result if it `expands`. A dimension
  /// split in two splits the parameters that follow it; merging it with others
  /// repeats them, if they follow it alone.
  LogicalResult compute(DequantizeOp op, ArrayRef<int64_t> from,
                        ArrayRef<int64_t> to,
                        ArrayRef<ReassociationIndices> groups, bool expands) {
    auto scale = dyn_cast<RankedTensorType>(op.getScale().getType());
    if (!scale || !op.getParamMap())
      return failure();
    for (auto [expr, extent] :
         llvm::zip_equal(op.getParamMap()->getResults(), scale.getShape())) {
      int64_t dim = 0;
      expr.walk([&](AffineExpr part) {
        if (auto position = dyn_cast<AffineDimExpr>(part))
          dim = position.getPosition();
      });
      const ReassociationIndices *group =
          expands ? &groups[dim]
                  : llvm::find_if(groups, [&](const ReassociationIndices &g) {
                      return llvm::is_contained(g, dim);
                    });
      SmallVector<int64_t> wide;
      llvm::copy_if(*group, std::back_inserter(wide), [&](int64_t d) {
        return (expands ? to[d] : from[d]) != 1;
      });
      if (expands && wide.size() > 1 && isa<AffineDimExpr>(expr)) {
        for (int64_t d : wide) {
          map.push_back(getAffineDimExpr(d, op.getContext()));
          shape.push_back(to[d]);
        }
        continue;
      }
      if (!expands && !wide.empty() && (wide.size() > 1 || wide[0] != dim)) {
        if (scale.getRank() != 1 || !isa<AffineDimExpr>(expr))
          return failure();
        for (int64_t d : *group)
          (d < dim ? outer : inner) *= d == dim ? 1 : from[d];
        int64_t target = group - groups.begin();
        map.push_back(getAffineDimExpr(target, op.getContext()));
        shape.push_back(outer * extent * inner);
        continue;
      }
      if (wide.size() > 1)
        return failure();
      int64_t target = !expands       ? group - groups.begin()
                       : wide.empty() ? group->front()
                                      : wide[0];
      SmallVector<AffineExpr> dims(from.size(),
                                   getAffineDimExpr(target, op.getContext()));
      map.push_back(expr.replaceDims(dims));
      shape.push_back(extent);
    }
    return success();
  }
};

/// reshape(dequantize(constant)) -> dequantize(reshape(constant)), so that
/// products see the dequantization.
template <typename OpTy>
struct ReshapeDequantizedConstant : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    auto dequantize = op.getSrc().template getDefiningOp<DequantizeOp>();
    if (!dequantize || !hasStaticShape(op.getResult()) ||
        !matchPattern(dequantize.getInput(), m_Constant()))
      return rewriter.notifyMatchFailure(
          op, "the source is no dequantized constant");
    RankedTensorType type = op.getResultType();
    SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
    ReshapedParameters parameters;
    if (failed(parameters.compute(dequantize, op.getSrcType().getShape(),
                                  type.getShape(), groups,
                                  std::is_same_v<OpTy, tensor::ExpandShapeOp>)))
      return rewriter.notifyMatchFailure(
          op, "it merges dimensions that have parameters with others");
    Location loc = dequantize.getLoc();
    Value scale = dequantize.getScale(), zeroPoint = dequantize.getZeroPoint();
    if (parameters.outer * parameters.inner != 1) {
      if (parameters.outer * parameters.inner > kMostGrowth)
        return rewriter.notifyMatchFailure(op,
                                           "parameters would grow too much");
      scale = repeatConstantVector(rewriter, loc, scale, parameters.outer,
                                   parameters.inner);
      zeroPoint = repeatConstantVector(rewriter, loc, zeroPoint,
                                       parameters.outer, parameters.inner);
      if (!scale || !zeroPoint)
        return rewriter.notifyMatchFailure(op, "parameters are not constant");
    }
    auto stored = cast<RankedTensorType>(dequantize.getInput().getType());
    Value integers = OpTy::create(rewriter, loc, stored.clone(type.getShape()),
                                  dequantize.getInput(), groups);
    rewriter.replaceOpWithNewOp<DequantizeOp>(
        op, type, integers,
        createReshape(rewriter, loc, scale, parameters.shape),
        createReshape(rewriter, loc, zeroPoint, parameters.shape),
        AffineMapAttr::get(
            AffineMap::get(type.getRank(), 0, parameters.map, op.getContext())),
        dequantize.getIsUnsignedAttr());
    return success();
  }
};

struct FoldConstantSlice : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    if (!hasStaticShape(op.getSource()) || !hasStaticShape(op.getResult()) ||
        llvm::any_of(op.getStaticOffsets(), ShapedType::isDynamic) ||
        llvm::any_of(op.getStaticStrides(), ShapedType::isDynamic))
      return rewriter.notifyMatchFailure(op, "expected static numbers");
    auto bytes = readConstantBytes(op.getSource());
    if (!bytes)
      return rewriter.notifyMatchFailure(op, "the source is not constant");
    RankedTensorType type = op.getType();
    int64_t width = getElementBytes(type.getElementType()), offset = 0;
    SmallVector<int64_t> strides =
        computeStrides(op.getSourceType().getShape());
    for (auto [stride, at, step] : llvm::zip_equal(
             strides, op.getStaticOffsets(), op.getStaticStrides())) {
      offset += at * stride;
      stride *= step;
    }
    SmallVector<char> result(type.getNumElements() * width);
    if (!result.empty())
      copyBlock(op.getStaticSizes(), result.data(),
                computeStrides(op.getStaticSizes()),
                bytes->data() + offset * width, strides, width);
    rewriter.replaceOp(op, createConstant(rewriter, op.getLoc(), type, result));
    return success();
  }
};

struct FoldConstantConcat : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ConcatOp op,
                                PatternRewriter &rewriter) const override {
    if (!hasStaticShape(op.getResult()))
      return rewriter.notifyMatchFailure(op, "expected a static shape");
    auto type = cast<RankedTensorType>(op.getResult().getType());
    int64_t width = getElementBytes(type.getElementType()), offset = 0;
    SmallVector<char> result(type.getNumElements() * width);
    SmallVector<int64_t> strides = computeStrides(type.getShape());
    for (Value input : op.getInputs()) {
      auto bytes =
          hasStaticShape(input) ? readConstantBytes(input) : std::nullopt;
      if (!bytes)
        return rewriter.notifyMatchFailure(op, "an input is not constant");
      auto shape = cast<RankedTensorType>(input.getType()).getShape();
      if (!bytes->empty())
        copyBlock(shape, result.data() + offset * strides[op.getDim()] * width,
                  strides, bytes->data(), computeStrides(shape), width);
      offset += shape[op.getDim()];
    }
    rewriter.replaceOp(op, createConstant(rewriter, op.getLoc(), type, result));
    return success();
  }
};

/// A broadcast along unit dimensions is a reshape; others stay, since a vector
/// and its shape are cheaper than a full tensor.
struct FoldConstantBroadcast : OpRewritePattern<linalg::BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::BroadcastOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || !hasStaticShape(op->getResult(0)))
      return rewriter.notifyMatchFailure(op, "expected a static tensor");
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (type.getNumElements() != op.getInput().getType().getNumElements())
      return rewriter.notifyMatchFailure(op, "the result is larger");
    auto bytes = readConstantBytes(op.getInput());
    if (!bytes)
      return rewriter.notifyMatchFailure(op, "the input is not constant");
    rewriter.replaceOp(op, createConstant(rewriter, op.getLoc(), type, *bytes));
    return success();
  }
};

struct FoldConstants : mpq::impl::FoldConstantsPassBase<FoldConstants> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateFoldConstantsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateFoldConstantsPatterns(RewritePatternSet &patterns) {
  patterns.add<FoldConstantBroadcast, FoldConstantConcat,
               FoldConstantReshape<tensor::CollapseShapeOp>,
               FoldConstantReshape<tensor::ExpandShapeOp>, FoldConstantSlice,
               FoldConstantTranspose, FoldGeneric,
               ReshapeDequantizedConstant<tensor::CollapseShapeOp>,
               ReshapeDequantizedConstant<tensor::ExpandShapeOp>>(
      patterns.getContext());
}
