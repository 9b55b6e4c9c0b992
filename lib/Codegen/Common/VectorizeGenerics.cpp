//===- VectorizeGenerics.cpp - elementwise loops, reductions ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three shapes, all with static extents:
//  * elementwise: lanes along the innermost result dimension; operands with
//    another innermost dimension are turned tile by tile in registers;
//  * reductions beside the lanes (windows, images of NHWC): one accumulator for
//    each lane, in ascending order from the init (N-S2);
//  * row reductions: 16 interleaved partial results and a fixed tree (N-S1),
//    whatever the target's vector length.
// Full vectors run in a loop, the tail is peeled with masks.
//
//===----------------------------------------------------------------------===//

#include "GenericEmitter.h"
#include "PackBytes.h"
#include "TransposeTile.h"
#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Numerics/ReductionOrder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

namespace mpq {
#define GEN_PASS_DEF_VECTORIZEGENERICSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Operations of a body that is unrolled over a tile turned in registers.
static constexpr int64_t kMostTurned = 40;
/// Innermost extents (colours) up to which results are interleaved instead.
static constexpr int64_t kMostInterleaved = 4;

LogicalResult GenericEmitter::emit() {
  b.setInsertionPoint(op);
  for (AffineExpr expr : outMap.getResults())
    if (!isa<AffineDimExpr, AffineConstantExpr>(expr))
      return op.emitError("expected each result dimension to be a loop");
  order = getReductionInfo(op);
  if (std::optional<ReductionInfo> integers = matchIntegerRow(op))
    order = *integers;
  FailureOr<Value> result;
  if (op.getNumReductionLoops() && order.order == ReductionOrder::Row) {
    result = emitRowReduction(order.rowDimension);
  } else {
    // The innermost result dimension that is no unit carries the lanes.
    std::optional<unsigned> lane;
    unsigned laneDim = 0;
    for (auto [d, expr] : llvm::enumerate(outMap.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        if (extents[dim.getPosition()] == 1 && lane)
          continue;
        lane = dim.getPosition();
        laneDim = d;
      }
    if (!lane)
      return op.emitError("expected a result with at least one dimension");
    SmallVector<OpOperand *> strided;
    std::optional<unsigned> inner;
    if (!op.getNumReductionLoops() && laneDim + 1 == outMap.getNumResults() &&
        llvm::hasNItemsOrLess(op.getBlock()->without_terminator(), kMostTurned))
      inner = getTransposedLoop(op, *lane, strided);
    if (inner && extents[*lane] <= kMostInterleaved &&
        hasAdjacentRows(*lane, *inner))
      result = emitInterleaved(*lane, *inner);
    else
      result = inner ? emitTransposed(*lane, laneDim, *inner, strided)
                     : emitBesideLanes(*lane, laneDim);
  }
  if (failed(result))
    return failure();
  b.replaceOp(op, *result);
  return success();
}

FailureOr<Value> GenericEmitter::emitBesideLanes(unsigned lane,
                                                 unsigned laneDim) {
  SmallVector<unsigned> outer, reduced;
  for (unsigned d = 0; d < extents.size(); ++d) {
    if (d == lane)
      continue;
    (op.getIteratorTypesArray()[d] == utils::IteratorType::parallel ? outer
                                                                    : reduced)
        .push_back(d);
  }
  if (extents.empty())
    return op.emitError("expected at least one loop");
  Value destination = getDestination(!reduced.empty());
  if (!reduced.empty())
    return loops(outer, destination, [&](Value destination) {
      return laneLoop(lane, lanes * getVectorsAtOnce(lane), destination,
                      [&](Value destination, int64_t valid) {
                        return emitSums(lane, laneDim, reduced, destination,
                                        valid);
                      });
    });
  return loops(outer, destination, [&](Value destination) {
    return laneLoop(lane, lanes, destination,
                    [&](Value destination, int64_t valid) -> FailureOr<Value> {
                      FailureOr<Value> value = vectorBody(lane, lanes, Value());
                      if (failed(value))
                        return failure();
                      return write(*value, destination, laneDim, valid);
                    });
  });
}

/// Bytes between elements of `operand` that loop `dim` reads one after another.
int64_t GenericEmitter::getRowBytes(OpOperand *operand, unsigned dim) {
  auto type = cast<RankedTensorType>(operand->get().getType());
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  ArrayRef<AffineExpr> exprs = op.getMatchingIndexingMap(operand).getResults();
  for (unsigned d = exprs.size(); d-- > 0 && !exprs[d].isFunctionOfDim(dim);)
    bytes *= type.getDimSize(d);
  return bytes;
}

/// Lanes along `lane`, tiles of lanes x lanes with `inner`: the rows of
/// `strided` operands are read along `inner` and turned, then the body runs for
/// each position of `inner`.
FailureOr<Value> GenericEmitter::emitTransposed(unsigned lane, unsigned laneDim,
                                                unsigned inner,
                                                ArrayRef<OpOperand *> strided) {
  SmallVector<unsigned> outer;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (d != lane && d != inner)
      outer.push_back(d);
  auto tile = [&](Value destination, int64_t columns,
                  int64_t rows) -> FailureOr<Value> {
    Value innerStart = indices[inner], laneStart = indices[lane];
    auto moved = [&](Value start, int64_t by) {
      if (std::optional<int64_t> known = getConstantIntValue(start))
        return Value(constant(*known + by));
      return arith::AddIOp::create(b, loc, start, constant(by)).getResult();
    };
    SmallVector<SmallVector<Value>> tiles;
    for (OpOperand *operand : strided) {
      SmallVector<Value> read(lanes);
      for (int64_t r = 0; r < rows; ++r) {
        SmallVector<Value> at(indices);
        at[lane] = moved(laneStart, r);
        read[r] = BodyVectorizer(b, op, lanes, inner, at).readOperand(operand);
      }
      tiles.push_back(transposeTile(b, loc, read));
    }
    for (int64_t c = 0; c < columns; ++c) {
      indices[inner] = moved(innerStart, c);
      for (auto [operand, vectors] : llvm::zip_equal(strided, tiles))
        turned[operand] = vectors[c];
      FailureOr<Value> value = vectorBody(lane, lanes, Value());
      if (failed(value))
        return failure();
      destination = *write(*value, destination, laneDim, rows);
    }
    indices[inner] = innerStart;
    turned.clear();
    return destination;
  };
  // The inner loop goes on where the rows of one tile lie far apart: as many
  // streams as rows that the processor can prefetch, instead of one line of
  // each at a time. The other side stays in the cache meanwhile.
  bool alongInner = getRowBytes(strided.front(), lane) >
                    getRowBytes(op.getDpsInitOperand(0), inner);
  return loops(outer, getDestination(/*readsInit=*/false), [&](Value carried) {
    if (alongInner)
      return laneLoop(lane, lanes, carried, [&](Value carried, int64_t rows) {
        return laneLoop(inner, lanes, carried,
                        [&](Value carried, int64_t columns) {
                          return tile(carried, columns, rows);
                        });
      });
    return laneLoop(inner, lanes, carried, [&](Value carried, int64_t columns) {
      return laneLoop(lane, lanes, carried, [&](Value carried, int64_t rows) {
        return tile(carried, columns, rows);
      });
    });
  });
}

/// Few results innermost: each is computed with lanes along `inner`, where its
/// operands are consecutive, and all of them are written side by side.
FailureOr<Value> GenericEmitter::emitInterleaved(unsigned lane,
                                                 unsigned inner) {
  SmallVector<unsigned> outer;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (d != lane && d != inner)
      outer.push_back(d);
  Value destination = getDestination(/*readsInit=*/false);
  Type type = destination.getType();
  int64_t rank = outMap.getNumResults(), parts = extents[lane];
  SmallVector<ReassociationIndices> rows;
  for (int64_t d = 0; d + 1 < rank; ++d)
    rows.push_back({d});
  rows.back().push_back(rank - 1);
  destination = tensor::CollapseShapeOp::create(b, loc, destination, rows);

  auto shuffle = [&](Value x, Value y, ArrayRef<int64_t> mask) {
    return vector::ShuffleOp::create(b, loc, x, y, mask).getResult();
  };
  FailureOr<Value> result = loops(outer, destination, [&](Value carried) {
    return laneLoop(
        inner, lanes, carried,
        [&](Value carried, int64_t valid) -> FailureOr<Value> {
          // Pairs one behind the other; twice the last of an odd number.
          SmallVector<Value> values, pairs;
          for (int64_t part = 0; part < parts; ++part) {
            indices[lane] = constant(part);
            FailureOr<Value> value = vectorBody(inner, lanes, Value());
            if (failed(value))
              return failure();
            values.push_back(*value);
          }
          SmallVector<int64_t> both =
              llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes));
          for (int64_t part = 0; part < parts; part += 2)
            pairs.push_back(shuffle(
                values[part], values[std::min(part + 1, parts - 1)], both));
          SmallVector<int64_t> order;
          for (int64_t l = 0; l < lanes; ++l)
            for (int64_t part = 0; part < parts; ++part)
              order.push_back(part * lanes + l);
          Value all = shuffle(pairs.front(), pairs.back(), order);
          indices[lane] = constant(0);
          SmallVector<Value> at = resultPosition();
          at.pop_back();
          at.back() = arith::MulIOp::create(b, loc, at.back(), constant(parts));
          return writeLanes(b, loc, all, carried, at, valid * parts);
        });
  });
  if (failed(result))
    return failure();
  return tensor::ExpandShapeOp::create(b, loc, type, *result, rows).getResult();
}

namespace {
struct VectorizeGenerics
    : mpq::impl::VectorizeGenericsPassBase<VectorizeGenerics> {
  using VectorizeGenericsPassBase::VectorizeGenericsPassBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::CopyOp> copies;
    getOperation()->walk([&](linalg::CopyOp op) { copies.push_back(op); });
    for (linalg::CopyOp op : copies) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op)))
        return signalPassFailure();
    }
    SmallVector<linalg::GenericOp> generics;
    getOperation()->walk([&](linalg::GenericOp op) { generics.push_back(op); });
    for (linalg::GenericOp op : generics) {
      if (op.hasDynamicShape() || op.getNumResults() != 1) {
        op.emitError("expected one result and static extents: run "
                     "mpq-tile-kernels first");
        return signalPassFailure();
      }
      int64_t lanes = target->getVectorLanes32();
      if (failed(isBytePacking(op, lanes)
                     ? emitBytePacking(rewriter, op, lanes)
                     : GenericEmitter(rewriter, op, lanes).emit()))
        return signalPassFailure();
    }
    // Fills whose value a reduction took over have no users left.
    getOperation()->walk([&](linalg::FillOp fill) {
      if (fill->use_empty())
        rewriter.eraseOp(fill);
    });
  }
};
} // namespace
