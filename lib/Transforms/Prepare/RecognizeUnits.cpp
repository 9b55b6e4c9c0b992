//===- RecognizeUnits.cpp - composites of foreign linalg ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantizing the inside of a softmax or a norm destroys it, so a quantizer has
// to see one operation. Matching is by structure (which reduction feeds what),
// since front ends fuse the elementwise parts differently.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Transforms/Prepare/AffineForm.h"
#include "mpq/Transforms/Prepare/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"

#include "llvm/ADT/SetVector.h"

namespace mpq {
#define GEN_PASS_DEF_RECOGNIZEUNITSPASS
#include "mpq/Transforms/Prepare/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

using Members = llvm::SetVector<Operation *>;

//===----------------------------------------------------------------------===//
// Building a unit
//===----------------------------------------------------------------------===//

static SetVector<Value> getReadValues(Operation *op) {
  SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  return values;
}

/// Replaces `root` by a unit of copies of the members. Constants, empties and
/// fills are copied into it; other tensors become operands.
static LogicalResult wrap(PatternRewriter &rewriter, StringRef kind,
                          Operation *root, Members members) {
  if (root->getParentOfType<UnitOp>())
    return rewriter.notifyMatchFailure(root, "already inside a unit");
  members.insert(root);
  Members copied = members;
  SetVector<Value> inputs;
  for (size_t i = 0; i < copied.size(); ++i)
    for (Value value : getReadValues(copied[i])) {
      Operation *def = value.getDefiningOp();
      if (def && copied[i]->isAncestor(def))
        continue;
      if (def && (def->hasTrait<OpTrait::ConstantLike>() ||
                  isa<tensor::EmptyOp, linalg::FillOp>(def)))
        copied.insert(def);
      else if (!isa<RankedTensorType>(value.getType()))
        return rewriter.notifyMatchFailure(root, "a scalar is not constant");
      else if (!def || !members.contains(def))
        inputs.insert(value);
    }
  for (Operation *member : members)
    if (member != root)
      for (Operation *user : member->getUsers())
        if (!members.contains(user))
          return rewriter.notifyMatchFailure(root, "a part has another use");

  SmallVector<Operation *> order(copied.begin(), copied.end());
  llvm::sort(order, [](Operation *a, Operation *b) {
    return a->getBlock() == b->getBlock() ? a->isBeforeInBlock(b)
                                          : a->getBlock() < b->getBlock();
  });
  if (llvm::any_of(order, [&](Operation *op) {
        return op->getBlock() != root->getBlock();
      }))
    return rewriter.notifyMatchFailure(root, "it spans blocks");
  auto unit = UnitOp::create(rewriter, root->getLoc(), root->getResultTypes(),
                             kind, inputs.getArrayRef());
  IRMapping mapping;
  Block *body = unit.getBody().empty() ? rewriter.createBlock(&unit.getBody())
                                       : &unit.getBody().front();
  for (Value input : inputs)
    mapping.map(input, body->addArgument(input.getType(), input.getLoc()));
  rewriter.setInsertionPointToEnd(body);
  for (Operation *op : order)
    rewriter.clone(*op, mapping);
  YieldOp::create(rewriter, root->getLoc(),
                  ValueRange(mapping.lookup(root->getResult(0))));
  rewriter.replaceOp(root, unit.getResults());
  return success();
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// The defining generic with one result; reshapes on the way (kept dimensions)
/// and the generic itself become members.
static linalg::GenericOp getPart(Value value, Members &members) {
  while (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
      value.getDefiningOp())) {
    members.insert(value.getDefiningOp());
    value = value.getDefiningOp()->getOperand(0);
  }
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || !op.hasPureTensorSemantics() || op->getNumResults() != 1)
    return nullptr;
  members.insert(op);
  return op;
}

static bool isElementwise(linalg::GenericOp op) {
  return op && op.getNumParallelLoops() == op.getNumLoops();
}

/// The tensor that is reduced along its innermost dimension by one operation.
template <typename... Combiners> static Value getReduced(linalg::GenericOp op) {
  if (!op || op.getNumReductionLoops() != 1 || op.getInputs().size() != 1 ||
      !linalg::isReductionIterator(op.getIteratorTypesArray().back()) ||
      !op.getMatchingIndexingMap(op.getDpsInputOperand(0)).isIdentity())
    return nullptr;
  auto body = op.getBody()->without_terminator();
  if (!llvm::hasSingleElement(body) || !isa<Combiners...>(*body.begin()) ||
      op.getBody()->getTerminator()->getOperand(0) !=
          (*body.begin()).getResult(0) ||
      !llvm::is_contained((*body.begin()).getOperands(),
                          op.getBody()->getArgument(0)) ||
      !llvm::is_contained((*body.begin()).getOperands(),
                          op.getBody()->getArgument(1)))
    return nullptr;
  return op.getInputs()[0];
}

/// The operand that a scalar of an elementwise body comes from.
static Value getOperandOf(linalg::GenericOp op, Value scalar) {
  auto argument = dyn_cast<BlockArgument>(scalar);
  return argument && argument.getOwner() == op.getBody() &&
                 argument.getArgNumber() < op.getInputs().size()
             ? op.getInputs()[argument.getArgNumber()]
             : nullptr;
}

/// The one operation an elementwise generic applies, if it is an `OpTy`.
template <typename OpTy> static OpTy getOnly(linalg::GenericOp op) {
  if (!isElementwise(op))
    return nullptr;
  auto body = op.getBody()->without_terminator();
  auto only =
      llvm::hasSingleElement(body) ? dyn_cast<OpTy>(*body.begin()) : OpTy();
  return only && op.getBody()->getTerminator()->getOperand(0) ==
                     only->getResult(0)
             ? only
             : nullptr;
}

namespace {
//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

struct WrapNamedSoftmax : OpRewritePattern<linalg::SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::SoftmaxOp op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op.getInput().getType());
    if (!type || op->getNumResults() != 1 ||
        static_cast<int64_t>(op.getDimension()) != type.getRank() - 1)
      return rewriter.notifyMatchFailure(op,
                                         "not along the innermost dimension");
    // Spell it out, so that there is one form of unit.
    rewriter.setInsertionPoint(op);
    auto results = op.decomposeOperation(rewriter);
    if (failed(results))
      return rewriter.notifyMatchFailure(op, "no decomposition");
    if (Operation *last = results->front().getDefiningOp())
      last->setLoc(op.getLoc());
    rewriter.replaceOp(op, *results);
    return success();
  }
};

struct WrapSoftmax : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp root,
                                PatternRewriter &rewriter) const override {
    Members members;
    auto quotient = getOnly<arith::DivFOp>(root);
    Value numerator =
        quotient ? getOperandOf(root, quotient.getLhs()) : Value();
    Value denominator =
        quotient ? getOperandOf(root, quotient.getRhs()) : Value();
    if (!numerator || !denominator)
      return rewriter.notifyMatchFailure(root, "not a quotient");
    auto exp = getPart(numerator, members);
    if (getReduced<arith::AddFOp>(getPart(denominator, members)) != numerator ||
        !isElementwise(exp))
      return rewriter.notifyMatchFailure(root, "not divided by its row sums");
    // exp(x - max) in one body or two.
    auto power = dyn_cast_or_null<math::ExpOp>(
        exp.getBody()->getTerminator()->getOperand(0).getDefiningOp());
    if (!power)
      return rewriter.notifyMatchFailure(root,
                                         "not a quotient of exponentials");
    auto subtract = power.getOperand().getDefiningOp<arith::SubFOp>();
    auto owner = exp;
    if (!subtract) {
      Value shifted = getOperandOf(exp, power.getOperand());
      owner = shifted ? getPart(shifted, members) : nullptr;
      subtract = getOnly<arith::SubFOp>(owner);
    }
    Value x = subtract ? getOperandOf(owner, subtract.getLhs()) : Value();
    Value max = subtract ? getOperandOf(owner, subtract.getRhs()) : Value();
    if (!x || !max ||
        getReduced<arith::MaximumFOp, arith::MaxNumFOp>(
            getPart(max, members)) != x)
      return rewriter.notifyMatchFailure(root,
                                         "the row maximum is not subtracted");
    return wrap(rewriter, "softmax", root, std::move(members));
  }
};

//===----------------------------------------------------------------------===//
// Layer norm
//===----------------------------------------------------------------------===//

struct WrapLayerNorm : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  /// Starts at the sum of squares; collects what leads to it and what follows.
  LogicalResult matchAndRewrite(linalg::GenericOp sum,
                                PatternRewriter &rewriter) const override {
    Value squares = getReduced<arith::AddFOp>(sum);
    if (!squares)
      return rewriter.notifyMatchFailure(sum, "not a row sum");
    Members members;
    members.insert(sum);
    auto square = getOnly<arith::MulFOp>(getPart(squares, members));
    Value centered;
    if (square) {
      auto owner = cast<linalg::GenericOp>(square->getParentOp());
      centered = getOperandOf(owner, square.getLhs());
      if (centered != getOperandOf(owner, square.getRhs()))
        centered = nullptr;
    }
    if (!centered)
      return rewriter.notifyMatchFailure(sum, "not a sum of squares");
    auto center = getPart(centered, members);
    auto difference = getOnly<arith::SubFOp>(center);
    Value x = difference ? getOperandOf(center, difference.getLhs()) : Value();
    Value mean =
        difference ? getOperandOf(center, difference.getRhs()) : Value();
    auto meanOp = mean ? getPart(mean, members) : linalg::GenericOp();
    auto scaled = meanOp ? matchAffineForm(meanOp) : std::nullopt;
    if (!x || !scaled || !scaled->second.shift.isUniform(0.0) ||
        getReduced<arith::AddFOp>(getPart(scaled->first->get(), members)) != x)
      return rewriter.notifyMatchFailure(sum, "the row mean is not subtracted");

    // From the sum row by row to the operation that scales the rows.
    bool root = false;
    Operation *last = sum;
    while (true) {
      Operation *user = last->hasOneUse() ? *last->user_begin() : nullptr;
      if (!isa_and_nonnull<linalg::GenericOp, tensor::ExpandShapeOp,
                           tensor::CollapseShapeOp>(user))
        return rewriter.notifyMatchFailure(sum, "the deviation has other uses");
      last = user;
      auto generic = dyn_cast<linalg::GenericOp>(user);
      if (generic) {
        if (!isElementwise(generic))
          return rewriter.notifyMatchFailure(sum, "the deviation is reduced");
        generic.getBody()->walk([&](Operation *op) {
          root |= isa<math::SqrtOp, math::RsqrtOp>(op);
        });
        if (llvm::is_contained(generic.getInputs(), centered))
          break;
      }
      members.insert(last);
    }
    if (!root)
      return rewriter.notifyMatchFailure(sum, "no square root");
    // Learned scales and shifts along the row.
    while (last->hasOneUse()) {
      auto next = dyn_cast<linalg::GenericOp>(*last->user_begin());
      auto form = next ? matchAffineForm(next) : std::nullopt;
      if (!form)
        break;
      members.insert(last);
      last = next;
    }
    rewriter.setInsertionPoint(last);
    return wrap(rewriter, "layer_norm", last, std::move(members));
  }
};

struct RecognizeUnits : mpq::impl::RecognizeUnitsPassBase<RecognizeUnits> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateRecognizeUnitsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateRecognizeUnitsPatterns(RewritePatternSet &patterns) {
  patterns.add<WrapLayerNorm, WrapNamedSoftmax, WrapSoftmax>(
      patterns.getContext());
}
