//===- MoveOnIntegers.cpp - data movement between quantized values ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A reshape of dequantized values is a dequantization of reshaped integers.
// With one scale per tensor that holds for every operation that moves values,
// and for the maximum, because quantization is monotone. Moving 8 bits instead
// of 32 quarters the memory traffic, and it brings dequantizations next to the
// products that want them. Dequantizations sink and quantizations rise, so the
// greedy driver ends after as many steps as there are movements.
//
//===----------------------------------------------------------------------===//

#include "Parameters.h"

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpq/Dialect/MPQInterfaces.h"

namespace mpq {
#define GEN_PASS_DEF_MOVEONINTEGERSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

static Value createFilled(OpBuilder &builder, Location loc, Value like,
                          Type storage, int64_t value) {
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, like), storage);
  Value scalar =
      arith::ConstantOp::create(builder, loc, getStorageAttr(storage, value));
  return linalg::FillOp::create(builder, loc, scalar, empty).getResult(0);
}

/// The f32 number every element of `value` has, if that is known.
static std::optional<APFloat> getSplat(Value value) {
  FloatAttr number;
  if (auto fill = value.getDefiningOp<linalg::FillOp>()) {
    if (matchPattern(fill.getInputs()[0], m_Constant(&number)))
      return number.getValue();
    return std::nullopt;
  }
  SplatElementsAttr splat;
  if (matchPattern(value, m_Constant(&splat)) &&
      isa<FloatType>(splat.getElementType()))
    return splat.getSplatValue<APFloat>();
  return std::nullopt;
}

/// Builds `op` on integers of `parameters`: `integers` stand for its scale
/// preserving operands. Null when there is no such operation.
static Value rebuildOnIntegers(OpBuilder &builder, ScaleRelationOpInterface op,
                               const DenseMap<OpOperand *, Value> &integers,
                               const TensorParameters &parameters) {
  Location loc = op.getLoc();
  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  RankedTensorType newType = resultType.clone(parameters.storage);
  Value first = integers.lookup(op.getScalePreservingOperands().front());

  if (auto pad = dyn_cast<tensor::PadOp>(op.getOperation())) {
    FloatAttr padding;
    matchPattern(pad.getConstantPaddingValue(), m_Constant(&padding));
    int64_t value = padding.getValue().isZero() ? parameters.zeroPoint
                                                : parameters.getLowest();
    Value scalar = arith::ConstantOp::create(
        builder, loc, getStorageAttr(parameters.storage, value));
    return tensor::PadOp::create(builder, loc, newType, first,
                                 pad.getMixedLowPad(), pad.getMixedHighPad(),
                                 scalar, pad.getNofold());
  }
  if (auto pool = dyn_cast<linalg::PoolingNhwcMaxOp>(op.getOperation())) {
    std::optional<APFloat> start = getSplat(pool.getOutputs()[0]);
    if (!start || !start->isNegative() ||
        !(start->isInfinity() || start->isLargest()))
      return {};
    Value init = createFilled(builder, loc, pool.getOutputs()[0],
                              parameters.storage, parameters.getLowest());
    Value window = tensor::EmptyOp::create(
        builder, loc, tensor::getMixedSizes(builder, loc, pool.getInputs()[1]),
        parameters.storage);
    SmallVector<Value> inputs{first, window};
    if (parameters.isUnsigned)
      return linalg::PoolingNhwcMaxUnsignedOp::create(
                 builder, loc, TypeRange{newType}, inputs, ValueRange{init},
                 pool.getStrides(), pool.getDilations())
          .getResult(0);
    return linalg::PoolingNhwcMaxOp::create(
               builder, loc, TypeRange{newType}, inputs, ValueRange{init},
               pool.getStrides(), pool.getDilations())
        .getResult(0);
  }

  SmallVector<Value> operands(op->getOperands());
  IRMapping mapping;
  for (auto [operand, integer] : integers) {
    if (operand->getOwner() == op.getOperation())
      operands[operand->getOperandNumber()] = integer;
    else
      mapping.map(operand->get(), integer); // the tensor of a gather's extract
  }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op.getOperation())) {
    OpOperand *init = linalgOp.getDpsInitOperand(0);
    operands[init->getOperandNumber()] = tensor::EmptyOp::create(
        builder, loc, tensor::getMixedSizes(builder, loc, init->get()),
        parameters.storage);
  }
  for (auto [index, operand] : llvm::enumerate(operands))
    if (operand != op->getOperand(index))
      mapping.map(op->getOperand(index), operand);
  Operation *clone = builder.clone(*op.getOperation(), mapping);
  clone->setOperands(operands);
  clone->getResult(0).setType(newType);
  clone->removeAttr(MPQDialect::getRangesAttrName());
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(clone)) {
    for (OpOperand &operand : clone->getOpOperands())
      linalgOp.getMatchingBlockArgument(&operand).setType(
          getElementTypeOrSelf(operand.get().getType()));
    linalgOp.getBlock()->walk([&](tensor::ExtractOp extract) {
      extract.getResult().setType(
          getElementTypeOrSelf(extract.getTensor().getType()));
    });
  }
  return clone->getResult(0);
}

namespace {
/// move(dequantize(q)) -> dequantize(move(q)).
struct SinkDequantize : OpInterfaceRewritePattern<ScaleRelationOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(ScaleRelationOpInterface op,
                                PatternRewriter &rewriter) const override {
    SmallVector<OpOperand *> moved = op.getScalePreservingOperands();
    if (moved.empty() || !op.movesIntegers())
      return rewriter.notifyMatchFailure(op, "does more than move integers");
    std::optional<TensorParameters> parameters;
    DequantizeOp source;
    for (OpOperand *operand : moved) {
      auto dequantize = operand->get().getDefiningOp<DequantizeOp>();
      if (!dequantize) {
        std::optional<APFloat> splat = getSplat(operand->get());
        if ((splat && splat->isZero()) ||
            operand->get().getDefiningOp<tensor::EmptyOp>())
          continue;
        return rewriter.notifyMatchFailure(op, "an operand is not dequantized");
      }
      if (matchPattern(dequantize.getInput(), m_Constant()))
        return rewriter.notifyMatchFailure(op, "an operand is constant");
      std::optional<TensorParameters> own = getTensorParameters(dequantize);
      if (!own || dequantize.getParamMap()->getNumResults() != 0 ||
          !getElementTypeOrSelf(dequantize.getType()).isF32())
        return rewriter.notifyMatchFailure(op, "parameters are not per tensor");
      if (parameters && !(*parameters == *own))
        return rewriter.notifyMatchFailure(op, "operands differ in parameters");
      parameters = own;
      source = dequantize;
    }
    if (!source)
      return rewriter.notifyMatchFailure(op, "no operand is dequantized");
    DenseMap<OpOperand *, Value> integers;
    for (OpOperand *operand : moved) {
      if (auto dequantize = operand->get().getDefiningOp<DequantizeOp>())
        integers[operand] = dequantize.getInput();
      else
        integers[operand] =
            createFilled(rewriter, op.getLoc(), operand->get(),
                         parameters->storage, parameters->zeroPoint);
    }
    Value result = rebuildOnIntegers(rewriter, op, integers, *parameters);
    if (!result)
      return rewriter.notifyMatchFailure(op, "has no form on integers");
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    AffineMap map = getPerTensorMap(op->getContext(), type.getRank());
    rewriter.replaceOpWithNewOp<DequantizeOp>(
        op, type, result, source.getScale(), source.getZeroPoint(),
        AffineMapAttr::get(map), source.getIsUnsignedAttr());
    return success();
  }
};

/// quantize(move(x)) -> move(quantize(x)).
struct RaiseQuantize : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto move = op.getInput().getDefiningOp<ScaleRelationOpInterface>();
    if (!move || !move->hasOneUse())
      return rewriter.notifyMatchFailure(op, "input is not moved for it alone");
    std::optional<TensorParameters> parameters = getTensorParameters(op);
    if (!parameters || op.getParamMap()->getNumResults() != 0 ||
        !getElementTypeOrSelf(op.getInput().getType()).isF32())
      return rewriter.notifyMatchFailure(op, "parameters are not per tensor");
    SmallVector<OpOperand *> moved = move.getScalePreservingOperands();
    if (moved.empty() || !move.movesIntegers())
      return rewriter.notifyMatchFailure(op, "input is not only moved");
    for (OpOperand *operand : moved)
      if (operand->getOwner() != move.getOperation() ||
          !operand->get().hasOneUse() ||
          matchPattern(operand->get(), m_Constant()) ||
          operand->get().getDefiningOp<linalg::FillOp>() ||
          operand->get().getDefiningOp<tensor::EmptyOp>())
        return rewriter.notifyMatchFailure(
            op, "a moved value has other users or is constant");
    rewriter.setInsertionPoint(move);
    DenseMap<OpOperand *, Value> integers;
    for (OpOperand *operand : moved) {
      auto type = cast<RankedTensorType>(operand->get().getType());
      AffineMap map = getPerTensorMap(op->getContext(), type.getRank());
      auto quantize = cast<QuantizeOp>(rewriter.clone(*op));
      quantize.getInputMutable().set(operand->get());
      quantize.getResult().setType(type.clone(parameters->storage));
      quantize.setParamMap(map);
      integers[operand] = quantize;
    }
    Value result = rebuildOnIntegers(rewriter, move, integers, *parameters);
    if (!result) {
      for (auto [operand, integer] : integers)
        rewriter.eraseOp(integer.getDefiningOp());
      return rewriter.notifyMatchFailure(op, "has no form on integers");
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// quantize(dequantize(q)) -> q for parameters that are equal as numbers.
struct CancelPair : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto dequantize = op.getInput().getDefiningOp<DequantizeOp>();
    if (!dequantize || op.getClampRange() ||
        dequantize.getInput().getType() != op.getType() ||
        !getElementTypeOrSelf(dequantize.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "input is not dequantized alike");
    std::optional<TensorParameters> from = getTensorParameters(dequantize),
                                    to = getTensorParameters(op);
    if (!from || !to || !(*from == *to))
      return rewriter.notifyMatchFailure(op, "parameters differ");
    rewriter.replaceOp(op, dequantize.getInput());
    return success();
  }
};

struct MoveOnIntegers : mpq::impl::MoveOnIntegersPassBase<MoveOnIntegers> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMoveOnIntegersPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateMoveOnIntegersPatterns(RewritePatternSet &patterns) {
  patterns.add<SinkDequantize, RaiseQuantize, CancelPair>(
      patterns.getContext());
}
