//===- PrefetchWeights.cpp - fetch the next panel of weights early ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weights of a model exceed the second-level cache, so every run reads them
// from behind it. The first tile of rows that uses a panel then waits for
// memory, while the others find it in the cache. Here all of them share the
// work: each fetches its part of the next panel's lines while it computes, at
// every step of the reduction those that belong to that step.
//
// T. Mowry et al., Design and Evaluation of a Compiler Algorithm for
// Prefetching, 1992.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mpq {
#define GEN_PASS_DEF_PREFETCHWEIGHTSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Weights below this size are small beside the images of their kernel.
static constexpr int64_t kSmallWeights = 128 << 10;

/// True if `value` is computed from `iv`.
static bool dependsOn(Value value, Value iv) {
  if (value == iv)
    return true;
  Operation *op = value.getDefiningOp();
  return op && llvm::any_of(op->getOperands(), [&](Value operand) {
           return dependsOn(operand, iv);
         });
}

/// Steps of a loop with constant bounds; 0 for others.
static int64_t getTripCount(scf::ForOp loop) {
  auto lower = getConstantIntValue(loop.getLowerBound());
  auto upper = getConstantIntValue(loop.getUpperBound());
  auto step = getConstantIntValue(loop.getStep());
  if (!lower || *lower != 0 || !upper || !step)
    return 0;
  return llvm::divideCeilSigned(*upper, *step);
}

namespace {
/// A read of packed weights: panel [vectors][groups][bytes] of an argument, one
/// group at a time or, for a matrix unit, several.
struct PanelRead {
  memref::SubViewOp panel;
  vector::TransferReadOp read;

  int64_t getGroups() {
    VectorType type = read.getVectorType();
    return type.getRank() == 2 ? type.getDimSize(0) : 1;
  }

  static std::optional<PanelRead> get(vector::TransferReadOp read) {
    auto panel = read.getBase().getDefiningOp<memref::SubViewOp>();
    if (!panel || !isa<BlockArgument>(panel.getSource()))
      return std::nullopt;
    MemRefType weights = panel.getSourceType();
    if (weights.getRank() != 3 || !weights.hasStaticShape() ||
        panel.getType().getRank() != 3 ||
        panel.getType().getShape().drop_front() !=
            weights.getShape().drop_front() ||
        read.getVectorType().getRank() > 2 ||
        read.getVectorType().getShape().take_back() !=
            weights.getShape().take_back() ||
        getBufferBytes(weights) < kSmallWeights)
      return std::nullopt;
    return PanelRead{panel, read};
  }
};

struct PrefetchWeights : mpq::impl::PrefetchWeightsPassBase<PrefetchWeights> {
  void runOnOperation() override {
    if (!getOperation()->hasAttr(MPQDialect::getKernelAttrName()))
      return;
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) {
      if (loop.getBody()->getOps<scf::ForOp>().empty())
        loops.push_back(loop);
    });
    for (scf::ForOp loop : loops)
      for (auto read : loop.getBody()->getOps<vector::TransferReadOp>())
        if (std::optional<PanelRead> panel = PanelRead::get(read);
            panel && dependsOn(read.getIndices()[1], loop.getInductionVar())) {
          prefetchNext(*panel);
          break;
        }
  }

  static void prefetchNext(PanelRead at) {
    // The outermost loop over tiles that use one panel.
    Value first = getFirstVector(at.panel);
    scf::ForOp tiles;
    for (auto loop = dyn_cast<scf::ForOp>(at.panel->getParentOp());
         loop && getTripCount(loop) > 1 &&
         !(first && dependsOn(first, loop.getInductionVar()));
         loop = dyn_cast<scf::ForOp>(loop->getParentOp()))
      tiles = loop;
    if (!tiles)
      return;
    OpBuilder b(at.read);
    Location loc = at.read.getLoc();
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, loc, value);
    };
    int64_t vectors = at.panel.getType().getDimSize(0);
    int64_t count = getTripCount(tiles);
    Value tile = arith::DivUIOp::create(b, loc, tiles.getInductionVar(),
                                        tiles.getStep());
    Value next = arith::AddIOp::create(
        b, loc,
        getValueOrCreateConstantIndexOp(b, loc, at.panel.getMixedOffsets()[0]),
        index(vectors));
    Value last = index(at.panel.getSourceType().getDimSize(0) - 1);
    // What all tiles together fetch while they take one step: all lines of it.
    int64_t groups = at.getGroups(), lines = vectors * groups;
    int64_t share = llvm::divideCeilSigned(lines, count);
    Value mine = arith::MulIOp::create(b, loc, tile, index(share));
    for (int64_t i = 0; i < share; ++i) {
      Value line = arith::AddIOp::create(b, loc, mine, index(i));
      line = arith::MinUIOp::create(b, loc, line, index(lines - 1));
      Value vector = arith::DivUIOp::create(b, loc, line, index(groups));
      Value group = arith::AddIOp::create(
          b, loc, at.read.getIndices()[1],
          arith::RemUIOp::create(b, loc, line, index(groups)));
      vector = arith::AddIOp::create(b, loc, next, vector);
      vector = arith::MinUIOp::create(b, loc, vector, last);
      SmallVector<Value> place{vector, group, index(0)};
      memref::PrefetchOp::create(b, loc, at.panel.getSource(), place,
                                 /*isWrite=*/false, /*localityHint=*/2,
                                 /*isDataCache=*/true);
    }
  }

  /// Where the panel begins, if that is computed.
  static Value getFirstVector(memref::SubViewOp panel) {
    return dyn_cast<Value>(panel.getMixedOffsets()[0]);
  }
};
} // namespace
