//===- PropagateTransposes.cpp - absorb and settle transposes ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass itself and its steps 2 and 3. Sinking (SinkTransposes.cpp) leaves
// the transposes that met an operation with a layout of its own: a product, a
// reshape that mixes dimensions, a unit, the end of the function. The steps are
// separate because absorbing what sinking just moved would never end.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Prepare/Layout.h"
#include "mpq/Transforms/Prepare/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mpq {
#define GEN_PASS_DEF_PROPAGATETRANSPOSESPASS
#include "mpq/Transforms/Prepare/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// An elementwise generic with one result, used once, that writes in some
/// permutation of its loops.
static linalg::GenericOp getElementwise(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || !op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      !value.hasOneUse() || op.getNumParallelLoops() != op.getNumLoops() ||
      !op.getIndexingMapMatchingResult(op->getResult(0)).isPermutation())
    return nullptr;
  return op;
}

/// The permutation that makes an operand read in ascending loop order, if the
/// operand covers all loops one dimension each.
static std::optional<SmallVector<int64_t>> getFullPermutation(AffineMap map) {
  if (!map.isPermutation())
    return std::nullopt;
  SmallVector<int64_t> inverse;
  for (AffineExpr expr : map.getResults())
    inverse.push_back(cast<AffineDimExpr>(expr).getPosition());
  return invertPermutationVector(inverse);
}

using PermuteFn = function_ref<Value(Value, ArrayRef<int64_t>)>;

/// The generic with a permuted result: loops run in the order of the new
/// result. Inputs over all loops are permuted by `permuteInput`, which may
/// return the value unchanged to have it read through a permuted map.
static Value permuteElementwise(RewriterBase &rewriter, linalg::GenericOp op,
                                ArrayRef<int64_t> permutation,
                                PermuteFn permuteInput) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  AffineMap written = op.getIndexingMapMatchingResult(op->getResult(0));
  SmallVector<unsigned> order;
  for (int64_t dim : permutation)
    order.push_back(written.getDimPosition(dim));
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<AffineExpr> loops(order.size());
  for (auto [now, before] : llvm::enumerate(order))
    loops[before] = rewriter.getAffineDimExpr(now);
  for (AffineMap &map : maps)
    map = map.replaceDimsAndSymbols(loops, {}, loops.size(), 0);

  SmallVector<Value> operands;
  for (auto [operand, map] : llvm::zip_equal(op->getOperands(), maps)) {
    auto full = getFullPermutation(map);
    bool init = operands.size() == static_cast<size_t>(op.getNumDpsInputs());
    Value value = operand;
    if (full && !isIdentityPermutation(*full)) {
      value = init || isFreelyPermutable(operand)
                  ? permute(rewriter, op.getLoc(), operand, *full)
                  : permuteInput(operand, *full);
      if (value != operand)
        map = readTransposed(map, *full);
    }
    operands.push_back(value);
  }
  Value init = operands.pop_back_val();
  auto copy = linalg::GenericOp::create(
      rewriter, op.getLoc(), TypeRange(init.getType()), operands,
      ValueRange(init), rewriter.getAffineMapArrayAttr(maps),
      op.getIteratorTypes(), /*doc=*/nullptr, /*library_call=*/nullptr);
  copy->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  rewriter.cloneRegionBefore(op.getRegion(), copy.getRegion(),
                             copy.getRegion().begin());
  // Loop numbers in the body changed as well.
  copy.walk([&](linalg::IndexOp index) {
    if (index->getParentOp() == copy)
      index.setDim(cast<AffineDimExpr>(loops[index.getDim()]).getPosition());
  });
  return copy->getResult(0);
}

//===----------------------------------------------------------------------===//
// Absorb
//===----------------------------------------------------------------------===//

/// True if the value's computation can be repeated in another layout at no
/// cost, because all it reads at full size is transposed already or constant.
static bool canFollow(Value value) {
  if (value.getDefiningOp<linalg::TransposeOp>() || isFreelyPermutable(value))
    return true;
  if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>())
    return value.hasOneUse() && collapse.getResultType().hasStaticShape() &&
           canFollow(collapse.getSrc());
  linalg::GenericOp op = getElementwise(value);
  if (!op)
    return false;
  bool any = false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (!op.getMatchingIndexingMap(input).isPermutation())
      continue;
    if (!canFollow(input->get()))
      return false;
    any |= !isFreelyPermutable(input->get());
  }
  return any;
}

static Value follow(RewriterBase &rewriter, Value value,
                    ArrayRef<int64_t> permutation) {
  if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>()) {
    auto groups = collapse.getReassociationIndices();
    SmallVector<int64_t> source;
    SmallVector<ReassociationIndices> targetGroups;
    for (int64_t group : permutation) {
      ReassociationIndices &target = targetGroups.emplace_back();
      for (int64_t dim : groups[group]) {
        target.push_back(source.size());
        source.push_back(dim);
      }
    }
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(collapse);
    return tensor::CollapseShapeOp::create(
        rewriter, collapse.getLoc(),
        follow(rewriter, collapse.getSrc(), source), targetGroups);
  }
  if (linalg::GenericOp op = getElementwise(value))
    return permuteElementwise(rewriter, op, permutation,
                              [&](Value input, ArrayRef<int64_t> p) {
                                return follow(rewriter, input, p);
                              });
  return permute(rewriter, getHelperLocation(value.getLoc(), "nhwc"), value,
                 permutation);
}

namespace {
struct AbsorbTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || !canFollow(op.getInput()))
      return rewriter.notifyMatchFailure(op, "the source cannot follow");
    rewriter.replaceOp(op,
                       follow(rewriter, op.getInput(), op.getPermutation()));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Settle
//===----------------------------------------------------------------------===//

/// Moving unit dimensions among others moves no element.
struct ReshapeUnitTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getInput().getType());
    if (!op.hasPureTensorSemantics() || !type.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "expected static tensors");
    SmallVector<int64_t> wide;
    for (int64_t dim : op.getPermutation())
      if (type.getDimSize(dim) != 1)
        wide.push_back(dim);
    if (!llvm::is_sorted(wide))
      return rewriter.notifyMatchFailure(op, "it moves elements");
    rewriter.replaceOp(
        op,
        createReshape(rewriter, op.getLoc(), op.getInput(),
                      applyPermutation(type.getShape(), op.getPermutation())));
    return success();
  }
};

/// transpose(pad(x)) moves the smaller tensor first.
struct TransposeBeforePad : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto pad = op.getInput().getDefiningOp<tensor::PadOp>();
    Value padding = pad ? pad.getConstantPaddingValue() : Value();
    if (!padding || !pad->hasOneUse() ||
        padding.getParentBlock() == pad.getBody())
      return rewriter.notifyMatchFailure(op, "the source is no plain padding");
    ArrayRef<int64_t> p = op.getPermutation();
    Value source = createTranspose(rewriter, op.getLoc(), pad.getSource(), p);
    auto type = pad.getResultType();
    rewriter.replaceOpWithNewOp<tensor::PadOp>(
        op, type.clone(applyPermutation(type.getShape(), p)), source,
        applyPermutation<OpFoldResult>(pad.getMixedLowPad(), p),
        applyPermutation<OpFoldResult>(pad.getMixedHighPad(), p), padding,
        pad.getNofold());
    return success();
  }
};

/// transpose(elementwise(x)) becomes an elementwise operation that writes the
/// other layout.
struct WriteTransposed : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    linalg::GenericOp producer =
        op.hasPureTensorSemantics() ? getElementwise(op.getInput()) : nullptr;
    if (!producer)
      return rewriter.notifyMatchFailure(op, "the source is not elementwise");
    rewriter.replaceOp(
        op, permuteElementwise(
                rewriter, producer, op.getPermutation(),
                [](Value input, ArrayRef<int64_t>) { return input; }));
    return success();
  }
};

/// generic(transpose(x)) reads x through a permuted map.
struct ReadTransposed : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "expected tensors");
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    SmallVector<Value> inputs(op.getInputs());
    for (auto [input, map] : llvm::zip(inputs, maps))
      if (auto transpose = input.getDefiningOp<linalg::TransposeOp>()) {
        map = readThroughTranspose(map, transpose.getPermutation());
        input = transpose.getInput();
      }
    if (llvm::equal(inputs, op.getInputs()))
      return rewriter.notifyMatchFailure(op, "no input is a transpose");
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputsMutable().assign(inputs);
      op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
    });
    return success();
  }
};

struct PropagateTransposes
    : mpq::impl::PropagateTransposesPassBase<PropagateTransposes> {
  void runOnOperation() override {
    for (auto populate :
         {populateSinkTransposePatterns, populateAbsorbTransposePatterns,
          populateSettleTransposePatterns}) {
      RewritePatternSet patterns(&getContext());
      populate(patterns);
      if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
        return signalPassFailure();
    }
  }
};
} // namespace

void mpq::populateAbsorbTransposePatterns(RewritePatternSet &patterns) {
  patterns.add<AbsorbTranspose>(patterns.getContext());
}

void mpq::populateSettleTransposePatterns(RewritePatternSet &patterns) {
  patterns.add<ReshapeUnitTranspose, TransposeBeforePad>(patterns.getContext(),
                                                         /*benefit=*/3);
  patterns.add<WriteTransposed>(patterns.getContext(), /*benefit=*/2);
  patterns.add<ReadTransposed>(patterns.getContext(), /*benefit=*/1);
}
