//===- SeparateTurns.cpp - layout changes beside products, alone ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A network comes and goes in NCHW, and kernels compute in NHWC. Images that
// are turned before or after a product cost as much as memory is slow, unless
// the product's kernel turns them in blocks that stay in the cache
// (FormKernels). For that, what is computed on a product's result moves in
// front of the turn: on registers, and what is turned is often narrower. And an
// image is turned in the shape in which the product reads it.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mpq {
#define GEN_PASS_DEF_SEPARATETURNSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// A generic that turns `input` by `map`.
static Value createTurn(OpBuilder &b, Location loc, Value input, AffineMap map,
                        ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, getElementTypeOrSelf(input));
  Value empty = tensor::EmptyOp::create(b, loc, shape, type.getElementType());
  SmallVector<utils::IteratorType> loops(shape.size(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, type, input, empty,
             ArrayRef{map, b.getMultiDimIdentityMap(shape.size())}, loops,
             [](OpBuilder &b, Location loc, ValueRange args) {
               linalg::YieldOp::create(b, loc, args[0]);
             })
      .getResult(0);
}

/// The operand that is turned in a loop nest with units, of which a view takes
/// care: what then is left may join the kernel in front.
static OpOperand *findTurnWithUnits(linalg::GenericOp op) {
  if (!onlyMoves(op) || isTurn(op))
    return nullptr;
  OpOperand *operand = op.getDpsInputOperand(0);
  return isTurned(op, *operand) && operand->get().hasOneUse() &&
                 operand->get().getDefiningOp<linalg::GenericOp>()
             ? operand
             : nullptr;
}

/// The operand that is a product's result and is turned.
static OpOperand *findTurnedProduct(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || op.hasIndexSemantics() ||
      !op.getMatchingBlockArgument(op.getDpsInitOperand(0)).use_empty() ||
      op.getBody()
          ->walk([](tensor::ExtractOp) { return WalkResult::interrupt(); })
          .wasInterrupted())
    return nullptr;
  for (OpOperand *operand : op.getDpsInputOperands())
    if (isa_and_nonnull<ContractOp, ConvOp>(operand->get().getDefiningOp()) &&
        operand->get().hasOneUse() && isTurned(op, *operand) && !isTurn(op))
      return operand;
  return nullptr;
}

/// Computes what `op` does in the order of the loops of what it turns, often a
/// product, and turns that.
static void computeBeforeTurn(RewriterBase &rewriter, linalg::GenericOp op,
                              OpOperand &product) {
  AffineMap turn = op.getMatchingIndexingMap(&product);
  auto productType = cast<RankedTensorType>(product.get().getType());
  unsigned rank = productType.getRank();
  auto resultType = cast<RankedTensorType>(op.getResult(0).getType());
  // Loops of the turn in terms of the product's; others have one step.
  SmallVector<AffineExpr> loops(turn.getNumDims(),
                                rewriter.getAffineConstantExpr(0));
  for (unsigned d = 0; d < rank; ++d)
    loops[turn.getDimPosition(d)] = rewriter.getAffineDimExpr(d);
  SmallVector<AffineMap> maps;
  for (OpOperand *operand : op.getDpsInputOperands())
    maps.push_back(op.getMatchingIndexingMap(operand).replaceDimsAndSymbols(
        loops, {}, rank, 0));
  maps.push_back(rewriter.getMultiDimIdentityMap(rank));
  rewriter.setInsertionPoint(op);
  Value computed = product.get();
  if (!onlyMoves(op)) {
    Value empty =
        tensor::EmptyOp::create(rewriter, op.getLoc(), productType.getShape(),
                                resultType.getElementType());
    SmallVector<utils::IteratorType> parallel(rank,
                                              utils::IteratorType::parallel);
    auto early =
        linalg::GenericOp::create(rewriter, op.getLoc(), empty.getType(),
                                  op.getInputs(), empty, maps, parallel);
    rewriter.cloneRegionBefore(op.getRegion(), early.getRegion(),
                               early.getRegion().begin());
    computed = early.getResult(0);
  }

  // Dimensions of the result that the product lacks come back as a view.
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> kept(turn.getNumDims(),
                               rewriter.getAffineConstantExpr(0));
  SmallVector<ReassociationIndices> groups;
  ReassociationIndices units;
  for (unsigned d = 0; d < turn.getNumDims(); ++d) {
    units.push_back(d);
    if (!turn.isFunctionOfDim(d))
      continue;
    kept[d] = rewriter.getAffineDimExpr(shape.size());
    shape.push_back(resultType.getDimSize(d));
    groups.push_back(std::move(units));
    units.clear();
  }
  llvm::append_range(groups.back(), units);
  Value turned =
      createTurn(rewriter, op.getLoc(), computed,
                 turn.replaceDimsAndSymbols(kept, {}, shape.size(), 0), shape);
  if (shape.size() != size_t(resultType.getRank()))
    turned = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), resultType,
                                           turned, groups);
  rewriter.replaceOp(op, turned);
}

/// The reassociation of the dimensions of `image` that corresponds to one of
/// `turned`, or nothing if merged dimensions lie apart. `map` says where
/// dimensions of the image are in `turned`.
static std::optional<SmallVector<ReassociationIndices>>
mergeBeforeTurn(RankedTensorType image, AffineMap map,
                ArrayRef<ReassociationIndices> turned,
                SmallVectorImpl<unsigned> &order) {
  SmallVector<unsigned> groupOf(map.getNumDims());
  for (auto [g, group] : llvm::enumerate(turned))
    for (int64_t d : group)
      groupOf[d] = g;
  SmallVector<ReassociationIndices> merged;
  ReassociationIndices units;
  int64_t previous = -1;
  for (unsigned d = 0; d < map.getNumResults(); ++d) {
    unsigned loop = map.getDimPosition(d);
    if (image.getDimSize(d) == 1) {
      // Units join the dimension behind them.
      units.push_back(d);
      continue;
    }
    bool continues = !merged.empty() && groupOf[loop] == order.back();
    if (continues && int64_t(loop) < previous)
      return std::nullopt;
    if (!continues) {
      if (llvm::is_contained(order, groupOf[loop]))
        return std::nullopt;
      merged.emplace_back();
      order.push_back(groupOf[loop]);
    }
    llvm::append_range(merged.back(), units);
    units.clear();
    merged.back().push_back(d);
    previous = loop;
  }
  if (merged.size() != turned.size())
    return std::nullopt;
  llvm::append_range(merged.back(), units);
  return merged;
}

/// Turns an image in the shape in which a product reads it.
static void mergeTurn(RewriterBase &rewriter, tensor::CollapseShapeOp op) {
  auto turn = op.getSrc().getDefiningOp<linalg::GenericOp>();
  if (!turn || !onlyMoves(turn) ||
      !isTurned(turn, *turn.getDpsInputOperand(0)) || !turn->hasOneUse() ||
      !isa<BlockArgument>(getStorage(turn.getInputs()[0])))
    return;
  Value image = turn.getInputs()[0];
  SmallVector<unsigned> order;
  std::optional<SmallVector<ReassociationIndices>> merged =
      mergeBeforeTurn(cast<RankedTensorType>(image.getType()),
                      turn.getMatchingIndexingMap(turn.getDpsInputOperand(0)),
                      op.getReassociationIndices(), order);
  if (!merged)
    return;
  rewriter.setInsertionPoint(op);
  Value flat =
      tensor::CollapseShapeOp::create(rewriter, op.getLoc(), image, *merged);
  SmallVector<AffineExpr> exprs;
  for (unsigned loop : order)
    exprs.push_back(rewriter.getAffineDimExpr(loop));
  AffineMap map = AffineMap::get(order.size(), 0, exprs, rewriter.getContext());
  rewriter.replaceOp(op, createTurn(rewriter, turn.getLoc(), flat, map,
                                    op.getType().getShape()));
  rewriter.eraseOp(turn);
}

namespace {
struct SeparateTurns : mpq::impl::SeparateTurnsPassBase<SeparateTurns> {
  using SeparateTurnsPassBase::SeparateTurnsPassBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::GenericOp> generics;
    SmallVector<tensor::CollapseShapeOp> views;
    getOperation()->walk([&](Operation *op) {
      if (auto generic = dyn_cast<linalg::GenericOp>(op))
        generics.push_back(generic);
      auto view = dyn_cast<tensor::CollapseShapeOp>(op);
      if (view && view->hasOneUse() &&
          isa<ContractOp>(*view->getUsers().begin()))
        views.push_back(view);
    });
    for (linalg::GenericOp generic : generics)
      if (OpOperand *operand = findTurnWithUnits(generic))
        computeBeforeTurn(rewriter, generic, *operand);
      else if (OpOperand *product = findTurnedProduct(generic);
               product && isLargeTurn(product->get()))
        computeBeforeTurn(rewriter, generic, *product);
    for (tensor::CollapseShapeOp view : views)
      if (isLargeTurn(view.getSrc()))
        mergeTurn(rewriter, view);
  }
};
} // namespace
