//===- SinkTransposes.cpp - transposes move behind their consumers ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Step 1 of mpq-propagate-transposes. Each pattern takes one operation over one
// transposed operand; since operations form a DAG and transposes only move
// towards results, the rewriting ends after (transposes x operations) steps.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Transforms/Prepare/Layout.h"
#include "mpq/Transforms/Prepare/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/PatternMatch.h"

#include <numeric>

using namespace mlir;
using namespace mpq;

/// transpose(value), as the location of everything put behind an operation.
static Value transposeBack(PatternRewriter &rewriter, Operation *op,
                           Value value, ArrayRef<int64_t> permutation) {
  return createTranspose(rewriter, getHelperLocation(op->getLoc(), "nchw"),
                         value, permutation);
}

static linalg::TransposeOp getTranspose(Value value) {
  auto transpose = value.getDefiningOp<linalg::TransposeOp>();
  return transpose && transpose.hasPureTensorSemantics() ? transpose : nullptr;
}

/// The loops in the order in which an operand's dimensions run over them;
/// std::nullopt if a dimension mixes loops or a loop appears twice.
static std::optional<SmallVector<unsigned>> getLoopOrder(AffineMap map) {
  SmallVector<unsigned> order;
  for (AffineExpr expr : map.getResults()) {
    SmallVector<unsigned> dims;
    for (unsigned d = 0; d < map.getNumDims(); ++d)
      if (expr.isFunctionOfDim(d))
        dims.push_back(d);
    if (dims.size() > 1 ||
        (dims.size() == 1 && llvm::is_contained(order, dims[0])))
      return std::nullopt;
    llvm::append_range(order, dims);
  }
  return order;
}

/// The permutation of an operand's dimensions that makes its loops ascend.
static SmallVector<int64_t> getAscendingPermutation(AffineMap map) {
  SmallVector<int64_t> slots, sorted;
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    if (!isa<AffineConstantExpr>(expr))
      slots.push_back(i);
  auto order = getLoopOrder(map);
  SmallVector<int64_t> permutation =
      llvm::to_vector(llvm::seq<int64_t>(map.getNumResults()));
  if (!order || order->size() != slots.size())
    return permutation;
  SmallVector<int64_t> by(slots.size());
  std::iota(by.begin(), by.end(), 0);
  llvm::sort(by,
             [&](int64_t a, int64_t b) { return (*order)[a] < (*order)[b]; });
  for (auto [slot, from] : llvm::zip_equal(slots, by))
    permutation[slot] = slots[from];
  return permutation;
}

/// The loop order most of the widest activations are read in. Ties go to the
/// order that differs from the present one: it is where a transpose was.
static SmallVector<unsigned> chooseLoopOrder(linalg::GenericOp op) {
  SmallVector<unsigned> identity =
      llvm::to_vector(llvm::seq<unsigned>(op.getNumLoops()));
  std::map<SmallVector<unsigned>, int> votes;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (isFreelyPermutable(input->get()))
      continue;
    auto order = getLoopOrder(op.getMatchingIndexingMap(input));
    if (order && order->size() == op.getNumLoops())
      ++votes[*order];
  }
  SmallVector<unsigned> best = identity;
  int most = votes.count(identity) ? votes[identity] : 0;
  for (auto &[order, count] : votes)
    if (order != identity && count >= most) {
      best = order;
      most = count;
    }
  return best;
}

namespace {
//===----------------------------------------------------------------------===//
// linalg.generic
//===----------------------------------------------------------------------===//

struct SinkThroughGeneric : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "expected tensors");
    if (llvm::none_of(op.getInputs(), getTranspose))
      return rewriter.notifyMatchFailure(op, "no input is a transpose");
    rewriter.modifyOpInPlace(op, [&] { readSources(op); });
    SmallVector<unsigned> order = chooseLoopOrder(op);
    if (llvm::is_sorted(order))
      return success();
    auto interchanged = linalg::interchangeGenericOp(rewriter, op, order);
    if (failed(interchanged))
      return success(); // the maps were changed already
    permuteConstants(*interchanged, rewriter);
    return permuteResults(*interchanged, rewriter);
  }

  static void readSources(linalg::GenericOp op) {
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    for (OpOperand *input : op.getDpsInputOperands()) {
      auto transpose = getTranspose(input->get());
      if (!transpose)
        continue;
      AffineMap &map = maps[input->getOperandNumber()];
      map = readThroughTranspose(map, transpose.getPermutation());
      input->set(transpose.getInput());
    }
    op.setIndexingMapsAttr(
        Builder(op.getContext()).getAffineMapArrayAttr(maps));
  }

  /// Constants follow the loop order at compile time.
  static void permuteConstants(linalg::GenericOp op,
                               PatternRewriter &rewriter) {
    rewriter.setInsertionPoint(op);
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap &map = maps[input->getOperandNumber()];
      SmallVector<int64_t> permutation = getAscendingPermutation(map);
      if (isIdentityPermutation(permutation) ||
          !isFreelyPermutable(input->get()))
        continue;
      Value value = permute(rewriter, op.getLoc(), input->get(), permutation);
      rewriter.modifyOpInPlace(op, [&] { input->set(value); });
      map = readTransposed(map, permutation);
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
    });
  }

  /// Results are written in loop order, transposes restore the old layout.
  static LogicalResult permuteResults(linalg::GenericOp op,
                                      PatternRewriter &rewriter) {
    rewriter.setInsertionPoint(op);
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    SmallVector<SmallVector<int64_t>> permutations;
    SmallVector<Value> inits;
    SmallVector<Type> types;
    for (OpOperand &init : op.getDpsInitsMutable()) {
      AffineMap &map = maps[init.getOperandNumber()];
      permutations.push_back(getAscendingPermutation(map));
      inits.push_back(
          permute(rewriter, op.getLoc(), init.get(), permutations.back()));
      types.push_back(inits.back().getType());
      map = readTransposed(map, permutations.back());
    }
    auto copy = linalg::GenericOp::create(
        rewriter, op.getLoc(), types, op.getInputs(), inits,
        rewriter.getAffineMapArrayAttr(maps), op.getIteratorTypes(),
        /*doc=*/nullptr, /*library_call=*/nullptr);
    copy->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.inlineRegionBefore(op.getRegion(), copy.getRegion(),
                                copy.getRegion().begin());
    SmallVector<Value> results;
    for (auto [result, permutation] :
         llvm::zip_equal(copy.getResults(), permutations))
      results.push_back(transposeBack(rewriter, op, result,
                                      invertPermutationVector(permutation)));
    rewriter.replaceOp(op, results);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// tensor operations
//===----------------------------------------------------------------------===//

template <typename T>
static SmallVector<T> unpermute(ArrayRef<T> values, ArrayRef<int64_t> p) {
  return applyPermutation(values, invertPermutationVector(p));
}

struct SinkThroughPad : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::PadOp op,
                                PatternRewriter &rewriter) const override {
    auto transpose = getTranspose(op.getSource());
    if (!transpose)
      return rewriter.notifyMatchFailure(op, "the source is no transpose");
    Value padding = op.getConstantPaddingValue();
    if (!padding)
      return rewriter.notifyMatchFailure(op, "padding depends on the place");
    ArrayRef<int64_t> p = transpose.getPermutation();
    auto low = unpermute<OpFoldResult>(op.getMixedLowPad(), p);
    auto high = unpermute<OpFoldResult>(op.getMixedHighPad(), p);
    auto type = op.getResultType();
    if (Operation *constant = padding.getDefiningOp();
        constant && constant->getParentOp() == op) // inside the region
      padding = rewriter.clone(*constant)->getResult(0);
    auto pad = tensor::PadOp::create(
        rewriter, op.getLoc(), type.clone(unpermute(type.getShape(), p)),
        transpose.getInput(), low, high, padding, op.getNofold());
    rewriter.replaceOp(op, transposeBack(rewriter, op, pad, p));
    return success();
  }
};

struct SinkThroughExtractSlice : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    auto transpose = getTranspose(op.getSource());
    if (!transpose)
      return rewriter.notifyMatchFailure(op, "the source is no transpose");
    if (!op.getResultType().hasStaticShape())
      return rewriter.notifyMatchFailure(op, "expected a static shape");
    ArrayRef<int64_t> p = transpose.getPermutation();
    auto slice = tensor::ExtractSliceOp::create(
        rewriter, op.getLoc(), transpose.getInput(),
        unpermute<OpFoldResult>(op.getMixedOffsets(), p),
        unpermute<OpFoldResult>(op.getMixedSizes(), p),
        unpermute<OpFoldResult>(op.getMixedStrides(), p));
    Value result = transposeBack(rewriter, op, slice, p);
    // A slice that drops unit dimensions is a slice and a reshape.
    rewriter.replaceOp(op, createReshape(rewriter, op.getLoc(), result,
                                         op.getResultType().getShape()));
    return success();
  }
};

struct SinkThroughConcat : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ConcatOp op,
                                PatternRewriter &rewriter) const override {
    linalg::TransposeOp first;
    int64_t transposed = 0, others = 0;
    for (Value input : op.getInputs()) {
      auto transpose = getTranspose(input);
      if (!first)
        first = transpose;
      if (transpose && transpose.getPermutation() == first.getPermutation())
        ++transposed;
      else if (!isFreelyPermutable(input))
        ++others;
    }
    // An input of another layout gets a transpose of its own: worth it only
    // when most of them lose theirs.
    if (transposed == 0 || others >= transposed)
      return rewriter.notifyMatchFailure(op, "most inputs are no transposes of "
                                             "one permutation");
    ArrayRef<int64_t> p = first.getPermutation();
    SmallVector<int64_t> inverse = invertPermutationVector(p);
    SmallVector<Value> inputs;
    for (Value input : op.getInputs())
      inputs.push_back(permute(rewriter, getHelperLocation(op.getLoc(), "nhwc"),
                               input, inverse));
    auto concat =
        tensor::ConcatOp::create(rewriter, op.getLoc(), p[op.getDim()], inputs);
    rewriter.replaceOp(op, transposeBack(rewriter, op, concat, p));
    return success();
  }
};

struct SinkThroughExpandShape : OpRewritePattern<tensor::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExpandShapeOp op,
                                PatternRewriter &rewriter) const override {
    auto transpose = getTranspose(op.getSrc());
    if (!transpose || !op.getResultType().hasStaticShape())
      return rewriter.notifyMatchFailure(op,
                                         "the source is no static transpose");
    auto groups = op.getReassociationIndices();
    ArrayRef<int64_t> p = transpose.getPermutation();
    SmallVector<int64_t> shape, back(op.getResultType().getRank());
    SmallVector<ReassociationIndices> sourceGroups(p.size());
    for (auto [source, group] : llvm::enumerate(invertPermutationVector(p)))
      for (int64_t dim : groups[group]) {
        back[dim] = shape.size();
        sourceGroups[source].push_back(shape.size());
        shape.push_back(op.getResultType().getDimSize(dim));
      }
    Value expanded = tensor::ExpandShapeOp::create(
        rewriter, op.getLoc(), op.getResultType().clone(shape),
        transpose.getInput(), sourceGroups);
    rewriter.replaceOp(op, transposeBack(rewriter, op, expanded, back));
    return success();
  }
};

/// A group of collapsed dimensions must be neighbours in the source too, unit
/// dimensions aside.
struct SinkThroughCollapseShape : OpRewritePattern<tensor::CollapseShapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::CollapseShapeOp op,
                                PatternRewriter &rewriter) const override {
    auto transpose = getTranspose(op.getSrc());
    if (!transpose || !op.getSrcType().hasStaticShape() ||
        op.getResultType().getRank() == 0)
      return rewriter.notifyMatchFailure(op,
                                         "the source is no static transpose");
    ArrayRef<int64_t> p = transpose.getPermutation();
    auto source = cast<RankedTensorType>(transpose.getInput().getType());
    // Where each wide source dimension stands among the wide ones.
    SmallVector<int64_t> place(p.size(), -1);
    int64_t wide = 0;
    for (int64_t d = 0, e = p.size(); d < e; ++d)
      if (source.getDimSize(d) != 1)
        place[d] = wide++;
    // (source dimension, group): the order of the result's dimensions there.
    SmallVector<std::pair<int64_t, int64_t>> order;
    for (auto [group, dims] : llvm::enumerate(op.getReassociationIndices())) {
      int64_t first = p[dims[0]], last = -1;
      for (int64_t dim : dims) {
        int64_t at = place[p[dim]];
        if (at < 0)
          continue;
        if (last >= 0 && at != last + 1)
          return rewriter.notifyMatchFailure(
              op, "collapsed dimensions are apart in the transpose's source");
        first = last < 0 ? p[dim] : first;
        last = at;
      }
      order.push_back({first, static_cast<int64_t>(group)});
    }
    llvm::sort(order);
    SmallVector<int64_t> shape, back(order.size());
    for (auto [i, entry] : llvm::enumerate(order)) {
      back[entry.second] = i;
      shape.push_back(op.getResultType().getDimSize(entry.second));
    }
    Value collapsed =
        createReshape(rewriter, op.getLoc(), transpose.getInput(), shape);
    rewriter.replaceOp(op, transposeBack(rewriter, op, collapsed, back));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// mpq and linalg.transpose
//===----------------------------------------------------------------------===//

template <typename OpTy> struct SinkThroughQDQ : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    auto transpose = getTranspose(op.getInput());
    if (!transpose || !op.getParamMap())
      return rewriter.notifyMatchFailure(op, "the input is no transpose");
    ArrayRef<int64_t> p = transpose.getPermutation();
    auto copy = cast<OpTy>(rewriter.clone(*op));
    copy.getInputMutable().set(transpose.getInput());
    copy.setParamMapAttr(AffineMapAttr::get(
        permuteParameterMap(*op.getParamMap(), invertPermutationVector(p))));
    auto type = cast<RankedTensorType>(op.getResult().getType());
    copy.getResult().setType(type.clone(unpermute(type.getShape(), p)));
    rewriter.replaceOp(op, transposeBack(rewriter, op, copy.getResult(), p));
    return success();
  }
};

/// Transposes of transposes and of values that are permuted at compile time.
struct FoldTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "expected tensors");
    ArrayRef<int64_t> permutation = op.getPermutation();
    if (!isIdentityPermutation(permutation) && !getTranspose(op.getInput()) &&
        !isFreelyPermutable(op.getInput()))
      return rewriter.notifyMatchFailure(op, "nothing to fold with");
    rewriter.replaceOp(
        op, permute(rewriter, op.getLoc(), op.getInput(), permutation));
    return success();
  }
};
} // namespace

void mpq::populateSinkTransposePatterns(RewritePatternSet &patterns) {
  patterns.add<FoldTranspose, SinkThroughCollapseShape, SinkThroughConcat,
               SinkThroughExpandShape, SinkThroughExtractSlice,
               SinkThroughGeneric, SinkThroughPad, SinkThroughQDQ<QuantizeOp>,
               SinkThroughQDQ<DequantizeOp>>(patterns.getContext());
}
