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

static bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer || !isElementwise(producer))
    return false;
  if (consumer.getNumDpsInputs() + producer.getNumDpsInputs() > 12)
    return false;
  if (changesReductionOrder(producer, consumer))
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
  return reshape && findRootOf(reshape.getSrc()) && reshape->hasOneUse();
}

namespace {
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
