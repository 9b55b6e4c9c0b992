//===- VectorizeTransposes.cpp - rearranged tensors, turned in tiles ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A generic that only moves elements is bound by memory, so its tiles keep the
// elements' own width. Rows of 16 bytes are turned by interleaving inside the
// 128-bit blocks of a register, where shuffles are cheapest; the blocks are
// independent. They lie side by side either in what is written (long rows of
// the result: whole lines are stored) or in what is read (short rows of the
// result, long ones of the operand). The last tile of an extent starts earlier
// and writes some elements twice.
//
//===----------------------------------------------------------------------===//

#include "BodyVectorizer.h"
#include "TransposeTile.h"
#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mpq {
#define GEN_PASS_DEF_VECTORIZETRANSPOSESPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Bytes of a row of the result that are written before the next row: long
/// enough to be a stream that hardware follows, while what is read meanwhile
/// stays in the first-level cache.
static constexpr int64_t kRunBytes = 512;
/// Extents (colours) up to which elements are interleaved instead.
static constexpr int64_t kFewest = 4;

namespace {
/// Tiles of `blocks` blocks along one loop: `count` of them from `start` on, of
/// which all but the last `fresh` elements were written before.
struct Segment {
  int64_t start, count, blocks, fresh;
};

class TransposeEmitter {
public:
  TransposeEmitter(RewriterBase &rewriter, linalg::GenericOp op,
                   int64_t vectorBytes)
      : b(rewriter), op(op), loc(op.getLoc()), vectorBytes(vectorBytes),
        extents(op.getStaticLoopRanges()), indices(extents.size()),
        inMap(op.getMatchingIndexingMap(op.getDpsInputOperand(0))),
        outMap(op.getMatchingIndexingMap(op.getDpsInitOperand(0))) {}

  /// False, and nothing done, if other code is better.
  bool emit();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }

  Value moved(Value start, int64_t by) {
    if (std::optional<int64_t> known = getConstantIntValue(start))
      return constant(*known + by);
    return by ? Value(arith::AddIOp::create(b, loc, start, constant(by)))
              : start;
  }

  SmallVector<Value> position(AffineMap map, Value row, Value column) {
    SmallVector<Value> at(indices);
    at[lane] = row;
    at[inner] = column;
    return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
      return emitAffineExpr(b, loc, expr, at);
    });
  }

  Value read(Value row, Value column, int64_t count) {
    Value zero =
        arith::ConstantOp::create(b, loc, b.getZeroAttr(getElementType()));
    return vector::TransferReadOp::create(
        b, loc, VectorType::get({count}, getElementType()),
        op.getDpsInputs()[0], position(inMap, row, column),
        std::optional<Value>(zero), ArrayRef<bool>{true});
  }

  Value write(Value vector, Value destination, Value row, Value column) {
    return vector::TransferWriteOp::create(b, loc, vector, destination,
                                           position(outMap, row, column),
                                           ArrayRef<bool>{true})
        .getResult();
  }

  /// Elements `from` to `from + count` of a vector.
  Value part(Value vector, int64_t from, int64_t count) {
    if (cast<VectorType>(vector.getType()).getDimSize(0) == count)
      return vector;
    return vector::ShuffleOp::create(
        b, loc, vector, vector,
        llvm::to_vector(llvm::seq<int64_t>(from, from + count)));
  }

  /// A vector of one block whose last elements mean nothing.
  Value widen(Value vector) {
    int64_t count = cast<VectorType>(vector.getType()).getDimSize(0);
    if (count >= unit)
      return vector;
    SmallVector<int64_t> mask(unit, 0);
    std::iota(mask.begin(), mask.begin() + count, 0);
    return vector::ShuffleOp::create(b, loc, vector, vector, mask);
  }

  /// Vectors of a power of two one behind the other.
  Value join(ArrayRef<Value> parts) {
    if (parts.size() == 1)
      return parts.front();
    Value low = join(parts.take_front(parts.size() / 2));
    Value high = join(parts.drop_front(parts.size() / 2));
    int64_t count = 2 * cast<VectorType>(low.getType()).getDimSize(0);
    return vector::ShuffleOp::create(
        b, loc, low, high, llvm::to_vector(llvm::seq<int64_t>(0, count)));
  }

  Type getElementType() {
    return getElementTypeOrSelf(op.getDpsInputs()[0].getType());
  }

  SmallVector<Segment> split(int64_t extent, int64_t blocks);
  Value emitTile(Value destination, Segment rows, Segment columns);
  Value loops(ArrayRef<unsigned> dims, Value carried,
              function_ref<Value(Value)> body);
  Value walk(unsigned loop, Segment segment, Value from, Value to,
             Value carried, function_ref<Value(Value)> body);
  Value walkRuns(Segment rows, Segment columns, Value carried);

  RewriterBase &b;
  linalg::GenericOp op;
  Location loc;
  int64_t vectorBytes;
  SmallVector<int64_t> extents;
  SmallVector<Value> indices;
  AffineMap inMap, outMap;
  /// Innermost loops of the result ("rows" of the operand) and of the operand.
  unsigned lane = 0, inner = 0;
  /// Elements of a block of 128 bits.
  int64_t unit = 0;
  /// Whether blocks lie side by side in the result.
  bool wideResult = false;
};
} // namespace

/// Covers an extent with tiles of `blocks` blocks, then with one of just as
/// many as the rest needs.
SmallVector<Segment> TransposeEmitter::split(int64_t extent, int64_t blocks) {
  int64_t tile = blocks * unit, whole = extent / tile;
  SmallVector<Segment> segments;
  if (whole)
    segments.push_back({0, whole, blocks, tile});
  int64_t rest = extent % tile;
  if (!rest)
    return segments;
  int64_t last = llvm::PowerOf2Ceil(llvm::divideCeil(rest, unit));
  segments.push_back(
      {std::max<int64_t>(0, extent - last * unit), 1, last, rest});
  return segments;
}

/// One tile at the current indices.
Value TransposeEmitter::emitTile(Value destination, Segment rows,
                                 Segment columns) {
  Value row = indices[lane], column = indices[inner];
  int64_t blocks = wideResult ? rows.blocks : columns.blocks;
  // Less than a block only where the whole extent is less.
  int64_t numRows = std::min(rows.blocks * unit, extents[lane]);
  int64_t numColumns = std::min(columns.blocks * unit, extents[inner]);
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < unit; ++i) {
    if (!wideResult) {
      vectors.push_back(i < numRows
                            ? widen(read(moved(row, i), column, numColumns))
                            : vectors.back());
      continue;
    }
    SmallVector<Value> parts;
    for (int64_t block = 0; block < blocks; ++block)
      parts.push_back(
          widen(read(moved(row, block * unit + i), column, numColumns)));
    vectors.push_back(join(parts));
  }
  vectors = transposeInBlocks(b, loc, vectors, unit);
  for (int64_t k = 0; k < unit; ++k)
    for (int64_t block = 0; block < (wideResult ? 1 : blocks); ++block) {
      int64_t at = block * unit + k;
      if (at >= numColumns || at < numColumns - columns.fresh)
        continue;
      Value vector =
          wideResult ? vectors[k]
                     : part(part(vectors[k], block * unit, unit), 0, numRows);
      destination = write(vector, destination, row, moved(column, at));
    }
  return destination;
}

/// Sequential loops over `dims` with one carried value.
Value TransposeEmitter::loops(ArrayRef<unsigned> dims, Value carried,
                              function_ref<Value(Value)> body) {
  if (dims.empty())
    return body(carried);
  unsigned d = dims.front();
  if (extents[d] == 1) {
    indices[d] = constant(0);
    return loops(dims.drop_front(), carried, body);
  }
  auto loop = scf::ForOp::create(b, loc, constant(0), constant(extents[d]),
                                 constant(1), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  indices[d] = loop.getInductionVar();
  scf::YieldOp::create(
      b, loc, loops(dims.drop_front(), loop.getRegionIterArg(0), body));
  return loop.getResult(0);
}

/// Tiles of one segment along a loop, between `from` and `to` of its elements.
Value TransposeEmitter::walk(unsigned loop, Segment segment, Value from,
                             Value to, Value carried,
                             function_ref<Value(Value)> body) {
  if (segment.count == 1) {
    indices[loop] = constant(segment.start);
    return body(carried);
  }
  auto tiles = scf::ForOp::create(b, loc, from, to,
                                  constant(segment.blocks * unit), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(tiles.getBody());
  indices[loop] = tiles.getInductionVar();
  scf::YieldOp::create(b, loc, body(tiles.getRegionIterArg(0)));
  return tiles.getResult(0);
}

/// All tiles of two segments: along `columns`, in runs of `rows`.
Value TransposeEmitter::walkRuns(Segment rows, Segment columns, Value carried) {
  auto end = [&](Segment segment) {
    return constant(segment.start + segment.count * segment.blocks * unit);
  };
  auto run = [&](Value from, Value to, Value carried) {
    return walk(inner, columns, constant(columns.start), end(columns), carried,
                [&](Value carried) {
                  return walk(lane, rows, from, to, carried,
                              [&](Value carried) {
                                return emitTile(carried, rows, columns);
                              });
                });
  };
  int64_t most = kRunBytes / 16 * unit;
  if (rows.count * rows.blocks * unit <= most)
    return run(constant(rows.start), end(rows), carried);
  auto runs = scf::ForOp::create(b, loc, constant(rows.start), end(rows),
                                 constant(most), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(runs.getBody());
  Value from = runs.getInductionVar();
  Value to = arith::MinSIOp::create(b, loc, moved(from, most), end(rows));
  scf::YieldOp::create(b, loc, run(from, to, runs.getRegionIterArg(0)));
  return runs.getResult(0);
}

bool TransposeEmitter::emit() {
  // Unit dimensions inside the lanes are left to others.
  auto last = dyn_cast<AffineDimExpr>(outMap.getResults().back());
  if (!last)
    return false;
  lane = last.getPosition();
  SmallVector<OpOperand *> strided;
  std::optional<unsigned> found = getTransposedLoop(op, lane, strided);
  if (!found)
    return false;
  inner = *found;
  for (AffineExpr expr : outMap.getResults())
    if (!isa<AffineDimExpr, AffineConstantExpr>(expr))
      return false;
  int64_t bits = getElementType().getIntOrFloatBitWidth();
  unit = 128 / bits;
  int64_t mostBlocks = vectorBytes / 16;
  auto blocksOf = [&](int64_t extent) {
    return std::min<int64_t>(
        mostBlocks,
        llvm::bit_floor(uint64_t(std::max<int64_t>(1, extent / unit))));
  };
  int64_t rowBlocks = blocksOf(extents[lane]),
          columnBlocks = blocksOf(extents[inner]);
  if (std::max(extents[lane], extents[inner]) < unit ||
      std::min(extents[lane], extents[inner]) <= kFewest)
    return false;
  wideResult = rowBlocks >= columnBlocks;
  (wideResult ? columnBlocks : rowBlocks) = 1;

  SmallVector<unsigned> outer;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (d != lane && d != inner)
      outer.push_back(d);
  b.setInsertionPoint(op);
  Value init = op.getDpsInits()[0];
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    init = fill.getOutputs()[0];
  Value result = loops(outer, init, [&](Value carried) {
    for (Segment rows : split(extents[lane], rowBlocks))
      for (Segment columns : split(extents[inner], columnBlocks))
        carried = walkRuns(rows, columns, carried);
    return carried;
  });
  b.replaceOp(op, result);
  return true;
}

/// Merges neighbouring loops that all operands have side by side in memory, in
/// the same order: longer rows to turn.
static linalg::GenericOp mergeLoops(RewriterBase &rewriter,
                                    linalg::GenericOp op) {
  AffineMap outMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (unsigned d = 0; d + 1 < outMap.getNumResults(); ++d) {
    auto first = dyn_cast<AffineDimExpr>(outMap.getResult(d));
    auto second = dyn_cast<AffineDimExpr>(outMap.getResult(d + 1));
    if (!first || !second || first.getPosition() + 1 != second.getPosition())
      continue;
    unsigned loop = first.getPosition();
    ReassociationIndices pair{loop, loop + 1};
    bool adjacent = llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      if (!map.isProjectedPermutation() ||
          !linalg::areDimSequencesPreserved({map}, {pair}))
        return false;
      for (unsigned r = 0; r + 1 < map.getNumResults(); ++r)
        if (map.getResult(r) == first)
          return areDenseDimensions(operand.get(), r);
      return false;
    });
    if (!adjacent)
      continue;
    SmallVector<ReassociationIndices> folded;
    for (unsigned l = 0; l < outMap.getNumDims(); ++l)
      if (l == loop)
        folded.push_back(pair);
      else if (l != loop + 1)
        folded.push_back({l});
    rewriter.setInsertionPoint(op);
    FailureOr<linalg::CollapseResult> merged =
        linalg::collapseOpIterationDims(op, folded, rewriter);
    if (failed(merged))
      continue;
    rewriter.replaceOp(op, merged->results);
    return mergeLoops(rewriter, cast<linalg::GenericOp>(merged->collapsedOp));
  }
  return op;
}

/// True if the body hands its only operand through.
static bool onlyMoves(linalg::GenericOp op) {
  return isElementwise(op) && op.getNumDpsInputs() == 1 &&
         !op.hasDynamicShape() &&
         isa<RankedTensorType>(op.getDpsInputs()[0].getType()) &&
         op.getBody()->getTerminator()->getOperand(0) ==
             op.getBody()->getArgument(0);
}

namespace {
struct VectorizeTransposes
    : mpq::impl::VectorizeTransposesPassBase<VectorizeTransposes> {
  using VectorizeTransposesPassBase::VectorizeTransposesPassBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    SmallVector<linalg::GenericOp> moves;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (onlyMoves(op))
        moves.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::GenericOp op : moves)
      TransposeEmitter(rewriter, mergeLoops(rewriter, op),
                       4 * target->getVectorLanes32())
          .emit();
  }
};
} // namespace
