//===- NormalizeForKernels.cpp - fuse elementwise chains ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What formation then sees are roots and single elementwise generics: chains of
// float operations between two products have become one body, whose values
// never leave registers.
//
//===----------------------------------------------------------------------===//

#include "PackBytes.h"
#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Numerics/ReductionOrder.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mpq {
#define GEN_PASS_DEF_NORMALIZEFORKERNELSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// The product or reduction whose kernel `value` would be computed in: the
/// latest one that reaches it through single-use elementwise operations.
static Operation *findRootOf(Value value) {
  Operation *def = value.getDefiningOp();
  if (!def || !def->hasOneUse())
    return nullptr;
  if (isRoot(def))
    return def;
  auto generic = dyn_cast<linalg::GenericOp>(def);
  if (!generic || !isElementwise(generic))
    return nullptr;
  Operation *latest = nullptr;
  for (Value input : generic.getInputs())
    if (Operation *root = findRootOf(input))
      if (!latest || latest->isBeforeInBlock(root))
        latest = root;
  return latest;
}

/// Cheap to compute once for each user, and smaller to read: narrow values
/// widened, broadcasts.
static bool isCheapToRepeat(linalg::GenericOp op) {
  if (!isElementwise(op) || op.getNumDpsInputs() > 3)
    return false;
  int64_t inputBits = 0, outputBits = 0;
  auto bits = [](Type type) -> int64_t {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor ? tensor.getNumElements() * tensor.getElementTypeBitWidth()
                  : 0;
  };
  for (Value input : op.getInputs())
    inputBits += bits(input.getType());
  outputBits = bits(op.getResult(0).getType());
  int64_t operations =
      llvm::count_if(op.getBody()->without_terminator(), [](Operation &inner) {
        return !inner.hasTrait<OpTrait::ConstantLike>();
      });
  return operations <= 4 && 2 * inputBits <= outputBits;
}

/// Fusion must not turn one kind of reduction into another: their roundings
/// differ (docs/Numerics.md). Contractions stay what they are, and a product
/// that feeds a plain sum would make one.
static bool changesReductionOrder(linalg::GenericOp producer,
                                  linalg::GenericOp consumer) {
  if (!consumer.getNumReductionLoops())
    return false;
  if (getReductionInfo(consumer).order == ReductionOrder::Contraction)
    return true;
  auto product = producer.getBody()
                     ->getTerminator()
                     ->getOperand(0)
                     .getDefiningOp<arith::MulFOp>();
  return product && producer.getNumDpsInputs() == 2 &&
         isa<BlockArgument>(product.getLhs()) &&
         isa<BlockArgument>(product.getRhs()) &&
         product.getLhs() != product.getRhs();
}

/// True if `op` makes narrower elements of what a product leaves behind a
/// reshape, such as the requantization of a pointwise convolution: it will join
/// the product's kernel.
static bool narrowsProduct(linalg::GenericOp op) {
  unsigned width =
      getElementTypeOrSelf(op.getResult(0).getType()).getIntOrFloatBitWidth();
  return llvm::any_of(op.getInputs(), [&](Value input) {
    auto reshape = input.getDefiningOp<tensor::ExpandShapeOp>();
    return reshape && reshape->hasOneUse() && findRootOf(reshape.getSrc()) &&
           reshape.getResultType().getElementTypeBitWidth() > width;
  });
}

static bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer || !isElementwise(producer))
    return false;
  if (consumer.getNumDpsInputs() + producer.getNumDpsInputs() > 12)
    return false;
  if (changesReductionOrder(producer, consumer))
    return false;
  // Packing shuffles bytes, whatever is computed on them meanwhile.
  if (isBytePacking(consumer) &&
      llvm::any_of(producer.getInputs(), [](Value input) {
        return !getElementTypeOrSelf(input.getType()).isInteger(8);
      }))
    return false;
  if (isPermutation(consumer) && narrowsProduct(producer))
    return false;
  bool cheap = isCheapToRepeat(producer);
  if (!cheap && !operand->get().hasOneUse())
    return false;
  // A window reads each element several times.
  bool isWindow =
      !consumer.getMatchingIndexingMap(operand).isProjectedPermutation(
          /*allowZeroInResults=*/true);
  if (isWindow && consumer.getNumReductionLoops() && !cheap)
    return false;
  // One kernel computes one product: a chain that comes from an earlier product
  // ends in memory, at its own width.
  Operation *root = findRootOf(operand->get());
  if (!root)
    return true;
  if (consumer.getNumReductionLoops())
    return false;
  for (Value other : consumer.getInputs()) {
    if (other == operand->get())
      continue;
    Operation *otherRoot = findRootOf(other);
    if (otherRoot && root->isBeforeInBlock(otherRoot))
      return false;
  }
  // The root's loops must stay those of the fused operation.
  return consumer.getMatchingIndexingMap(operand).isIdentity();
}

/// Reshapes of products move behind the elementwise operations on them.
static bool shouldCollapse(OpOperand *operand) {
  auto reshape = operand->get().getDefiningOp<tensor::ExpandShapeOp>();
  if (!reshape || !findRootOf(reshape.getSrc()) || !reshape->hasOneUse())
    return false;
  // A transpose that packing takes over needs the dimensions.
  auto user = dyn_cast<linalg::GenericOp>(operand->getOwner());
  return !user || user->use_empty() ||
         !llvm::all_of(user->getUsers(), [](Operation *next) {
           auto packing = dyn_cast<linalg::GenericOp>(next);
           return packing && isBytePacking(packing);
         });
}

/// Columns of a product that fill a vector: its epilogue wastes no lanes.
static constexpr int64_t kFewestColumns = 16;

/// A generic without a body of its own: its input in the order of its maps.
static Value permute(OpBuilder &b, Location loc, linalg::GenericOp like,
                     Value input, RankedTensorType type) {
  Value empty =
      tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
  return linalg::GenericOp::create(
             b, loc, type, input, empty, like.getIndexingMapsArray(),
             like.getIteratorTypesArray(),
             [](OpBuilder &b, Location loc, ValueRange args) {
               linalg::YieldOp::create(b, loc, args[0]);
             })
      .getResult(0);
}

namespace {
/// A function of single elements behind a product whose elements are rearranged
/// (the pixels of a transposed convolution) is computed in front of that: it
/// joins the product's kernel, and what moves is often narrower.
struct ComputeBeforeRearranging : OpRewritePattern<linalg::GenericOp> {
  /// Before what elementwise fusion would make of the parts.
  explicit ComputeBeforeRearranging(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getNumDpsInputs() != 1 || op.getNumResults() != 1 ||
        !isElementwise(op) || isPermutation(op) ||
        !op.payloadUsesValueFromOperand(op.getDpsInputOperand(0)) ||
        op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)) ||
        !llvm::all_of(op.getIndexingMapsArray(),
                      [](AffineMap map) { return map.isIdentity(); }) ||
        op.getBody()
            ->walk([](linalg::IndexOp) { return WalkResult::interrupt(); })
            .wasInterrupted())
      return rewriter.notifyMatchFailure(op, "no function of single elements");
    SmallVector<Operation *> moves; // the last one first
    Value source = op.getInputs()[0];
    bool permutes = false;
    while (Operation *def = source.getDefiningOp()) {
      auto generic = dyn_cast<linalg::GenericOp>(def);
      if (!def->hasOneUse() ||
          !(isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(def) ||
            (generic && isPermutation(generic))))
        break;
      permutes |= bool(generic);
      moves.push_back(def);
      source = generic ? generic.getInputs()[0] : def->getOperand(0);
    }
    auto type = dyn_cast<RankedTensorType>(source.getType());
    if (!permutes || !type || !findRootOf(source))
      return rewriter.notifyMatchFailure(op, "no rearranged product");
    if (type.getShape().back() < kFewestColumns)
      return rewriter.notifyMatchFailure(op, "would waste lanes");

    Type element = getElementTypeOrSelf(op.getResult(0).getType());
    auto with = [&](Value value) {
      return cast<RankedTensorType>(value.getType()).clone(element);
    };
    Location loc = op.getLoc();
    Value empty =
        tensor::EmptyOp::create(rewriter, loc, type.getShape(), element);
    SmallVector<AffineMap> maps(
        2, rewriter.getMultiDimIdentityMap(type.getRank()));
    SmallVector<utils::IteratorType> loops(type.getRank(),
                                           utils::IteratorType::parallel);
    auto early = linalg::GenericOp::create(rewriter, loc, with(source), source,
                                           empty, maps, loops);
    rewriter.cloneRegionBefore(op.getRegion(), early.getRegion(),
                               early.getRegion().begin());
    Value moved = early.getResult(0);
    for (Operation *move : llvm::reverse(moves)) {
      Location at = move->getLoc();
      RankedTensorType moveType = with(move->getResult(0));
      if (auto expand = dyn_cast<tensor::ExpandShapeOp>(move))
        moved = tensor::ExpandShapeOp::create(rewriter, at, moveType, moved,
                                              expand.getReassociationIndices());
      else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(move))
        moved = tensor::CollapseShapeOp::create(
            rewriter, at, moveType, moved, collapse.getReassociationIndices());
      else
        moved = permute(rewriter, at, cast<linalg::GenericOp>(move), moved,
                        moveType);
    }
    rewriter.replaceOp(op, moved);
    return success();
  }
};
} // namespace

namespace {
/// An operand beside a reshaped product, of which some dimensions are units (a
/// mask that is one for the whole batch), loses them: otherwise its map would
/// keep the product's loops apart, and the operation would stay a kernel of its
/// own.
struct DropUnitsBesideProduct : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isElementwise(op) ||
        llvm::none_of(op.getDpsInputOperands(), [](OpOperand *operand) {
          return shouldCollapse(operand);
        }))
      return rewriter.notifyMatchFailure(op, "not beside a reshaped product");
    SmallVector<int64_t> extents = op.getStaticLoopRanges();
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    bool changed = false;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand->get().getType());
      AffineMap &map = maps[operand->getOperandNumber()];
      if (!type || map.isIdentity())
        continue;
      // Units join the dimension behind them, the last ones that before them.
      SmallVector<ReassociationIndices> groups;
      SmallVector<AffineExpr> kept;
      SmallVector<int64_t> shape;
      ReassociationIndices group;
      for (auto [d, expr] : llvm::enumerate(map.getResults())) {
        group.push_back(d);
        auto dim = dyn_cast<AffineDimExpr>(expr);
        if (dim && extents[dim.getPosition()] == 1)
          continue;
        groups.push_back(std::move(group));
        group.clear();
        kept.push_back(expr);
        shape.push_back(type.getDimSize(d));
      }
      if (kept.empty() || kept.size() == map.getNumResults())
        continue;
      llvm::append_range(groups.back(), group);
      Value dropped = tensor::CollapseShapeOp::create(
          rewriter, op.getLoc(),
          RankedTensorType::get(shape, type.getElementType()), operand->get(),
          groups);
      map = AffineMap::get(map.getNumDims(), 0, kept, op.getContext());
      rewriter.modifyOpInPlace(op, [&] {
        operand->set(dropped);
        op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
      });
      changed = true;
    }
    return success(changed);
  }
};

struct NormalizeForKernels
    : mpq::impl::NormalizeForKernelsPassBase<NormalizeForKernels> {
  using NormalizeForKernelsPassBase::NormalizeForKernelsPassBase;

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> named;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (!isa<linalg::GenericOp, linalg::FillOp>(op))
        named.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op))) {
        op->emitError("cannot generalize '") << op->getName() << "'";
        return signalPassFailure();
      }
    }
    RewritePatternSet patterns(&getContext());
    patterns.add<ComputeBeforeRearranging, DropUnitsBesideProduct>(
        &getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::populateFoldReshapeOpsByCollapsingPatterns(patterns,
                                                       shouldCollapse);
    tensor::populateReassociativeReshapeFoldingPatterns(patterns);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns,
                                                         &getContext());
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    GreedyRewriteConfig config;
    config.setMaxIterations(GreedyRewriteConfig::kNoLimit);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
