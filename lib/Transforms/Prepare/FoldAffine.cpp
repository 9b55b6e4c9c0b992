//===- FoldAffine.cpp - affine chains become weights and biases ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Batch normalization after a convolution is the convolution of scaled weights
// with a shifted bias (B. Jacob et al., "Quantization and Training of Neural
// Networks for Efficient Integer-Arithmetic-Only Inference", 2018,
// section 3.2). The same holds for every constant scale and shift along output
// channels, and for one scale and shift of the whole input. Numbers are
// combined in double and rounded to f32 once.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/ConstantData.h"
#include "mpq/Transforms/Prepare/AffineForm.h"
#include "mpq/Transforms/Prepare/Layout.h"
#include "mpq/Transforms/Prepare/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mpq {
#define GEN_PASS_DEF_FOLDAFFINEPASS
#include "mpq/Transforms/Prepare/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
/// Where a product's output channels are: dimension `result[i]` of its result
/// is dimension `weights[i]` of operand 1.
struct Channels {
  SmallVector<int64_t> result, weights;
};
} // namespace

static std::optional<Channels> getChannels(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<Channels>>(op)
      .Case<linalg::Conv2DNhwcHwcfOp>([](auto) { return Channels{{3}, {3}}; })
      .Case<linalg::Conv2DNchwFchwOp>([](auto) { return Channels{{1}, {0}}; })
      .Case<linalg::Conv2DNhwgcGfhwcOp>(
          [](auto) { return Channels{{3, 4}, {0, 1}}; })
      .Case<linalg::Conv2DNgchwGfchwOp>(
          [](auto) { return Channels{{1, 2}, {0, 1}}; })
      .Case<linalg::DepthwiseConv2DNhwcHwcOp>(
          [](auto) { return Channels{{3}, {2}}; })
      .Case<linalg::DepthwiseConv2DNchwChwOp>(
          [](auto) { return Channels{{1}, {0}}; })
      .Case<linalg::MatmulOp>([](linalg::MatmulOp matmul) {
        return matmul.hasUserDefinedMaps()
                   ? std::optional<Channels>()
                   : std::optional<Channels>(Channels{{1}, {1}});
      })
      .Case<linalg::BatchMatmulOp>([](linalg::BatchMatmulOp matmul) {
        return matmul.hasUserDefinedMaps()
                   ? std::optional<Channels>()
                   : std::optional<Channels>(Channels{{0, 2}, {0, 2}});
      })
      .Default([](Operation *) { return std::nullopt; });
}

//===----------------------------------------------------------------------===//
// Coefficients through reshapes
//===----------------------------------------------------------------------===//

/// An array along a reshape's (static) result as one along its source;
/// std::nullopt if no such array exists.
static std::optional<ChannelArray> throughView(Operation *view,
                                               const ChannelArray &array) {
  ChannelArray result;
  result.values = array.values;
  if (auto transpose = dyn_cast<linalg::TransposeOp>(view)) {
    for (int64_t dim : array.dims)
      result.dims.push_back(transpose.getPermutation()[dim]);
    result.extents = array.extents;
    return result;
  }
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(view)) {
    auto groups = collapse.getReassociationIndices();
    for (int64_t dim : array.dims)
      for (int64_t source : groups[dim]) {
        result.dims.push_back(source);
        result.extents.push_back(collapse.getSrcType().getDimSize(source));
      }
    return result;
  }
  auto expand = cast<tensor::ExpandShapeOp>(view);
  // Along all dimensions of the groups involved, which are one each before.
  SmallVector<int64_t> dims, extents;
  for (auto [source, group] :
       llvm::enumerate(expand.getReassociationIndices())) {
    if (llvm::none_of(group, [&](int64_t dim) {
          return llvm::is_contained(array.dims, dim);
        }))
      continue;
    result.dims.push_back(source);
    result.extents.push_back(expand.getSrcType().getDimSize(source));
    for (int64_t dim : group) {
      dims.push_back(dim);
      extents.push_back(expand.getResultType().getDimSize(dim));
    }
  }
  result.values = array.along(dims, extents).values;
  return result;
}

static bool isView(Operation *op) {
  if (!isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp,
                       linalg::TransposeOp>(op))
    return false;
  return llvm::all_of(op->getOperandTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  });
}

//===----------------------------------------------------------------------===//
// Weights and bias
//===----------------------------------------------------------------------===//

/// Calls fn(channel, value) for each weight in memory order; `dims` ascend.
template <typename Fn>
static void forEachWeight(SmallVectorImpl<float> &weights,
                          ArrayRef<int64_t> shape, ArrayRef<int64_t> dims,
                          Fn fn) {
  // Channels change along the last of the dimensions, and stay for the `tail`
  // weights behind it: one division for a whole row of channels.
  SmallVector<int64_t> strides = computeStrides(shape);
  int64_t last = dims.back(), row = shape[last], tail = strides[last];
  float *weight = weights.data();
  for (int64_t i = 0, e = weights.size(); i < e; i += row * tail) {
    int64_t base = 0;
    for (int64_t dim : dims)
      base = base * shape[dim] + i / strides[dim] % shape[dim];
    for (int64_t channel = base; channel < base + row; ++channel)
      for (int64_t k = 0; k < tail; ++k)
        fn(channel, *weight++);
  }
}

namespace {
/// A product with its constants in hand.
struct Product {
  static std::optional<Product> get(Operation *op) {
    auto channels = op ? getChannels(op) : std::nullopt;
    if (!channels || op->getNumResults() != 1)
      return std::nullopt;
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    auto bias = readUniformInit(op->getOperand(2));
    if (!type || !type.hasStaticShape() || !type.getElementType().isF32() ||
        !bias)
      return std::nullopt;
    Product product{op, *channels, {}, *bias};
    for (int64_t dim : channels->result)
      product.extents.push_back(type.getDimSize(dim));
    if (llvm::any_of(bias->dims, [&](int64_t dim) {
          return !llvm::is_contained(channels->result, dim);
        }))
      return std::nullopt;
    product.bias = bias->along(channels->result, product.extents);
    return product;
  }

  std::optional<SmallVector<float>> readWeights() const {
    return readConstant<float>(op->getOperand(1));
  }
  RankedTensorType getWeightsType() const {
    return cast<RankedTensorType>(op->getOperand(1).getType());
  }
  void setWeights(PatternRewriter &rewriter,
                  const SmallVectorImpl<float> &weights) {
    Value old = op->getOperand(1);
    op->setOperand(
        1, createConstant(rewriter, old.getLoc(), getWeightsType(), weights));
  }
  void setBias(PatternRewriter &rewriter) {
    op->setOperand(
        2, createUniformInit(rewriter, getHelperLocation(op->getLoc(), "bias"),
                             cast<RankedTensorType>(op->getResult(0).getType()),
                             bias));
  }

  Operation *op;
  Channels channels;
  SmallVector<int64_t> extents;
  ChannelArray bias; // along channels.result
};

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// affine(product(x)) -> product'(x), also with reshapes in between.
struct FoldIntoProducer : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    auto match = matchAffineForm(op);
    if (!match)
      return rewriter.notifyMatchFailure(op, "not an affine function");
    auto [operand, form] = *match;
    SmallVector<Operation *> views;
    Value value = operand->get();
    for (; value.hasOneUse() && isView(value.getDefiningOp());
         value = views.back()->getOperand(0)) {
      views.push_back(value.getDefiningOp());
      auto scale = throughView(views.back(), form.scale);
      auto shift = throughView(views.back(), form.shift);
      if (!scale || !shift)
        return rewriter.notifyMatchFailure(op, "channels are mixed");
      form = {*scale, *shift};
    }
    auto product =
        value.hasOneUse() ? Product::get(value.getDefiningOp()) : std::nullopt;
    if (!product)
      return rewriter.notifyMatchFailure(
          op, "the input is no product with a constant bias used once");
    const Channels &channels = product->channels;
    for (const ChannelArray *array : {&form.scale, &form.shift})
      if (llvm::any_of(array->dims, [&](int64_t dim) {
            return !llvm::is_contained(channels.result, dim);
          }))
        return rewriter.notifyMatchFailure(
            op, "coefficients vary along more than output channels");
    ChannelArray scale = form.scale.along(channels.result, product->extents);
    ChannelArray shift = form.shift.along(channels.result, product->extents);
    std::optional<SmallVector<float>> weights;
    if (!scale.isUniform(1.0)) {
      weights = product->readWeights();
      if (!weights)
        return rewriter.notifyMatchFailure(op, "the weights are not constant");
      forEachWeight(*weights, product->getWeightsType().getShape(),
                    channels.weights, [&](int64_t channel, float &weight) {
                      weight =
                          static_cast<float>(weight * scale.values[channel]);
                    });
    }
    for (auto [bias, a, b] :
         llvm::zip_equal(product->bias.values, scale.values, shift.values))
      bias = bias * a + b;

    rewriter.setInsertionPoint(product->op);
    rewriter.modifyOpInPlace(product->op, [&] {
      // The last operation of the chain computes the folded value now.
      if (views.empty())
        product->op->setLoc(op.getLoc());
      else
        product->op->setLoc(getHelperLocation(op.getLoc(), "product"));
      if (weights)
        product->setWeights(rewriter, *weights);
      product->setBias(rewriter);
    });
    for (auto [i, view] : llvm::enumerate(views))
      view->setLoc(
          i == 0 ? op.getLoc()
                 : getHelperLocation(op.getLoc(), "view" + std::to_string(i)));
    rewriter.replaceOp(op, operand->get());
    return success();
  }
};

/// product(a * x + b) -> product'(x) for numbers a and b. A padded input has
/// zeros that b would not reach, so b must be 0 there.
struct FoldIntoConsumer : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    auto match = matchAffineForm(op);
    if (!match)
      return rewriter.notifyMatchFailure(op, "not an affine function");
    auto [operand, form] = *match;
    double scale = form.scale.values[0], shift = form.shift.values[0];
    if (!form.scale.isUniform(scale) || !form.shift.isUniform(shift))
      return rewriter.notifyMatchFailure(op, "coefficients vary");
    // The mean of a pool is a sum and a scale; they are quantized together.
    Operation *source = operand->get().getDefiningOp();
    auto structured = dyn_cast_or_null<linalg::LinalgOp>(source);
    if (structured && structured.getNumReductionLoops() > 0 &&
        !getChannels(source))
      return rewriter.notifyMatchFailure(op, "it scales a sum");

    SmallVector<Operation *> views;
    Value value = op->getResult(0);
    while (true) {
      if (!value.hasOneUse())
        return rewriter.notifyMatchFailure(op, "the result has other uses");
      Operation *user = *value.user_begin();
      if (auto pad = dyn_cast<tensor::PadOp>(user)) {
        Value padding = pad.getConstantPaddingValue();
        if (shift != 0 || !padding || !matchPattern(padding, m_AnyZeroFloat()))
          return rewriter.notifyMatchFailure(op, "the shift is padded");
      } else if (!isView(user) || user->getOperand(0) != value) {
        break;
      }
      views.push_back(user);
      value = user->getResult(0);
    }
    auto product = Product::get(*value.user_begin());
    if (!product || product->op->getOperand(0) != value ||
        product->op->getOperand(1) == value)
      return rewriter.notifyMatchFailure(op, "not the input of a product");
    auto weights = product->readWeights();
    if (!weights)
      return rewriter.notifyMatchFailure(op, "the weights are not constant");
    forEachWeight(*weights, product->getWeightsType().getShape(),
                  product->channels.weights,
                  [&](int64_t channel, float &weight) {
                    product->bias.values[channel] += weight * shift;
                    weight = static_cast<float>(weight * scale);
                  });
    rewriter.setInsertionPoint(product->op);
    rewriter.modifyOpInPlace(product->op, [&] {
      product->setWeights(rewriter, *weights);
      product->setBias(rewriter);
    });
    for (Operation *view : views)
      view->setLoc(getHelperLocation(view->getLoc(), "unscaled"));
    rewriter.replaceOp(op, operand->get());
    return success();
  }
};

/// affine(affine(x)) -> affine(x); one body of many operations -> at most two.
struct MergeAffine : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    auto match = matchAffineForm(op);
    if (!match || !op.getMatchingIndexingMap(match->first).isIdentity())
      return rewriter.notifyMatchFailure(op, "not an affine function");
    auto [operand, form] = *match;
    Value value = operand->get();
    auto inner = value.getDefiningOp<linalg::GenericOp>();
    auto innerMatch =
        inner && value.hasOneUse() ? matchAffineForm(inner) : std::nullopt;
    if (innerMatch &&
        inner.getMatchingIndexingMap(innerMatch->first).isIdentity()) {
      form = compose(form, innerMatch->second);
      value = innerMatch->first->get();
    } else if (llvm::range_size(op.getBody()->without_terminator()) <= 4 &&
               !(form.scale.isUniform(1.0) && form.shift.isUniform(0.0))) {
      // Two operations and their two constants are what is created below.
      return rewriter.notifyMatchFailure(op, "nothing to merge");
    }
    rewriter.replaceOp(op,
                       createAffineForm(rewriter, op.getLoc(), value, form));
    return success();
  }
};

struct FoldAffine : mpq::impl::FoldAffinePassBase<FoldAffine> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateFoldAffinePatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateFoldAffinePatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<FoldIntoProducer>(context, /*benefit=*/3);
  patterns.add<MergeAffine>(context, /*benefit=*/2);
  patterns.add<FoldIntoConsumer>(context, /*benefit=*/1);
}
