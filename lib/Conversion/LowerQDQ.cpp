//===- LowerQDQ.cpp - tensor forms become generics ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code generation knows one shape of elementwise work: a linalg.generic.
// Putting the scalar forms into bodies lets upstream fusion join them with
// whatever surrounds them, so quantization costs registers instead of memory.
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
#include "mpq/Dialect/ConstantView.h"

namespace mpq {
#define GEN_PASS_DEF_LOWERQDQPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Collects a parameter of an elementwise body: a constant with one value is a
/// scalar in the body, anything else an operand with the parameter map.
namespace {
class BodyParameters {
public:
  BodyParameters(Value input, AffineMap paramMap) : paramMap(paramMap) {
    inputs.push_back(input);
    maps.push_back(AffineMap::getMultiDimIdentityMap(
        cast<RankedTensorType>(input.getType()).getRank(), input.getContext()));
  }
  void add(Value parameter) {
    Type element = getElementTypeOrSelf(parameter.getType());
    std::optional<ConstantView> data = ConstantView::get(parameter);
    if (data && (data->size() == 1 || data->isSplat())) {
      if (element.isF32())
        scalars.push_back(FloatAttr::get(element, data->getFloat(0)));
      else
        scalars.push_back(getStorageAttr(element, data->getInt(0, true)));
      return;
    }
    scalars.push_back(nullptr);
    inputs.push_back(parameter);
    maps.push_back(paramMap);
  }
  /// The value of each parameter inside the body with block arguments `args`.
  SmallVector<Value> materialize(OpBuilder &b, Location loc, ValueRange args) {
    SmallVector<Value> values;
    unsigned next = 1;
    for (TypedAttr scalar : scalars)
      values.push_back(scalar ? Value(arith::ConstantOp::create(b, loc, scalar))
                              : args[next++]);
    return values;
  }

  AffineMap paramMap;
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  SmallVector<TypedAttr> scalars;
};
} // namespace

/// An elementwise generic of `type` over `parameters.inputs`, whose body clones
/// `op` in its scalar form.
static Value createScalarForm(OpBuilder &builder, Operation *op,
                              BodyParameters &parameters) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Location loc = op->getLoc();
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, op->getOperand(0)),
      type.getElementType());
  SmallVector<AffineMap> maps(parameters.maps);
  maps.push_back(builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, TypeRange{type}, parameters.inputs,
             ValueRange{empty}, maps, iterators,
             [&](OpBuilder &b, Location l, ValueRange args) {
               SmallVector<Value> operands{args[0]};
               llvm::append_range(operands, parameters.materialize(b, l, args));
               OperationState state(l, op->getName(), operands,
                                    type.getElementType(), op->getAttrs());
               Operation *scalar = b.create(state);
               scalar->removeAttr("param_map");
               linalg::YieldOp::create(b, l, scalar->getResults());
             })
      .getResult(0);
}

namespace {
template <typename OpTy> struct LowerTensorForm : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!op.getParamMap())
      return rewriter.notifyMatchFailure(op, "already in scalar form");
    if (isa<DequantizeOp>(op.getOperation()) &&
        isa<FloatType>(getElementTypeOrSelf(op->getOperand(0))))
      return rewriter.notifyMatchFailure(op, "no kernel reads codes of floats");
    BodyParameters parameters(op->getOperand(0), *op.getParamMap());
    parameters.add(op->getOperand(1));
    parameters.add(op->getOperand(2));
    if (isa<DequantizeOp>(op.getOperation())) {
      // Each user gets its own, to take into its own kernel.
      llvm::SetVector<Operation *> users(op->user_begin(), op->user_end());
      for (Operation *user : users) {
        rewriter.setInsertionPoint(op);
        Value copy = createScalarForm(rewriter, op, parameters);
        rewriter.modifyOpInPlace(
            user, [&] { user->replaceUsesOfWith(op->getResult(0), copy); });
      }
      rewriter.eraseOp(op);
      return success();
    }
    rewriter.replaceOp(op, createScalarForm(rewriter, op, parameters));
    return success();
  }
};

struct LowerQDQ : mpq::impl::LowerQDQPassBase<LowerQDQ> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateLowerQDQPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateLowerQDQPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerTensorForm<QuantizeOp>, LowerTensorForm<DequantizeOp>,
               LowerTensorForm<RequantizeOp>>(patterns.getContext());
}
