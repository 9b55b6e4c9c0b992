//===- SplitReductions.cpp - sums over images, row by row ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A reduction has one order and is never split over threads (N-S2), and global
// pools have no other loop to split: on large images all threads but one would
// wait, which also fetches what the others have just written. Reduced in two
// steps, rows of pixels belong to whom they belonged before. Of floats this is
// another order of addition: it stands in the IR before anything computes it.
//
//===----------------------------------------------------------------------===//

#include "mpq/Conversion/Passes.h"
#include "mpq/Dialect/ConstantData.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace mpq {
#define GEN_PASS_DEF_SPLITREDUCTIONSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Images below this size stay in the cache of one core.
static constexpr int64_t kLargeImage = 256 << 10;

/// The operation that combines the result with each element, if the body has
/// nothing else.
static Operation *getCombiner(linalg::GenericOp op) {
  Block &body = *op.getBlock();
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      !llvm::hasNItems(body, 2))
    return nullptr;
  Operation *combiner = &body.front();
  bool combines =
      combiner->getNumOperands() == 2 &&
      llvm::is_contained(combiner->getOperands(), Value(body.getArgument(0))) &&
      llvm::is_contained(combiner->getOperands(), Value(body.getArgument(1)));
  return combines && arith::getNeutralElement(combiner) ? combiner : nullptr;
}

/// The outermost of several loops that `op` reduces, if pixels lie inside it,
/// channels innermost, and images are large.
static std::optional<unsigned> getImageRows(linalg::GenericOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getOperand(0).getType());
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  if (!type || !type.hasStaticShape() ||
      !op.getIndexingMapsArray().front().isIdentity() || reduced.size() < 2 ||
      reduced.back() + 1 == op.getNumLoops() ||
      type.getDimSize(reduced.front()) == 1)
    return std::nullopt;
  int64_t images =
      llvm::product_of(type.getShape().take_front(reduced.front()));
  if (getBufferBytes(type) / images < kLargeImage)
    return std::nullopt;
  return reduced.front();
}

/// Reduces the loops behind `rows` first, then `rows`.
static void splitReduction(RewriterBase &rewriter, linalg::GenericOp op,
                           unsigned rows, Operation *combiner) {
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  unsigned loops = op.getNumLoops();
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(op.getOperand(0).getType()).getShape();
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  iterators[rows] = utils::IteratorType::parallel;
  // Dimensions of the partial results: all that are not reduced yet.
  SmallVector<AffineExpr> partial;
  SmallVector<utils::IteratorType> left;
  SmallVector<int64_t> extents;
  auto init = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<AffineExpr> renamed(loops);
  for (unsigned d = 0; d < loops; ++d)
    if (iterators[d] == utils::IteratorType::parallel) {
      renamed[d] = rewriter.getAffineDimExpr(partial.size());
      left.push_back(op.getIteratorTypesArray()[d]);
      partial.push_back(rewriter.getAffineDimExpr(d));
      extents.push_back(shape[d]);
    }
  Type type = getElementTypeOrSelf(op.getResultTypes().front());
  Value neutral = arith::ConstantOp::create(
      rewriter, loc, *arith::getNeutralElement(combiner));
  Value empty = tensor::EmptyOp::create(rewriter, loc, extents, type);
  Value start =
      linalg::FillOp::create(rewriter, loc, neutral, empty).getResult(0);
  auto reduce = [&](Value input, Value into, ArrayRef<AffineMap> maps,
                    ArrayRef<utils::IteratorType> iterators) {
    auto generic = linalg::GenericOp::create(rewriter, loc, into.getType(),
                                             input, into, maps, iterators);
    rewriter.cloneRegionBefore(op.getRegion(), generic.getRegion(),
                               generic.getRegion().begin());
    return generic;
  };
  MLIRContext *context = rewriter.getContext();
  linalg::GenericOp ofRows =
      reduce(op.getOperand(0), start,
             {rewriter.getMultiDimIdentityMap(loops),
              AffineMap::get(loops, 0, partial, context)},
             iterators);
  linalg::GenericOp ofAll =
      reduce(ofRows.getResult(0), op.getDpsInits()[0],
             {rewriter.getMultiDimIdentityMap(partial.size()),
              init.replaceDimsAndSymbols(renamed, {}, partial.size(), 0)},
             left);
  ofAll->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  rewriter.replaceOp(op, ofAll);
}

namespace {
struct SplitReductions : mpq::impl::SplitReductionsPassBase<SplitReductions> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> generics;
    getOperation()->walk([&](linalg::GenericOp op) { generics.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (linalg::GenericOp op : generics) {
      Operation *combiner = getCombiner(op);
      std::optional<unsigned> rows = getImageRows(op);
      if (combiner && rows)
        splitReduction(rewriter, op, *rows, combiner);
    }
  }
};
} // namespace
