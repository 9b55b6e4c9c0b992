//===- VectorizeTransposes.cpp - rearranged tensors, turned in tiles ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A generic that moves elements is bound by memory, so its tiles keep the
// elements' own width. Rows of 16 bytes are turned by interleaving inside the
// 128-bit blocks of a register, where shuffles are cheapest; the blocks are
// independent. They lie side by side either in what is written (long rows of
// the result: whole lines are stored) or in what is read (short rows of the
// result, long ones of the operand). The last tile of an extent starts earlier
// and writes some elements twice.
//
// Rows of two or four elements that lie side by side are read together, and
// their columns picked out.
//
// Loops that both sides have innermost make one wider element (the two pixels
// of a transposed convolution with stride 2). Loops that only the operand has
// side by side make one row of it.
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

/// Bytes of a row of the operand that are read before the next rows: whole
/// lines, so that none is fetched twice, and neighbours that hardware fetches
/// with them.
static constexpr int64_t kStripBytes = 256;
/// Rows of fewer bytes follow each other so closely that hardware fetches them
/// anyway; then as many bytes of a row of the result are written before the
/// next one.
static constexpr int64_t kShortRow = 128;
static constexpr int64_t kRunBytes = 512;
static constexpr int64_t kBytesInBlock = 16;
/// Extents (colours) up to which elements are interleaved instead.
static constexpr int64_t kFewest = 4;

namespace {
/// Tiles of `blocks` blocks along one loop: `count` of them from `start` on, of
/// which all but the last `fresh` elements were written before.
struct Segment {
  int64_t start, count, blocks, fresh;
};

/// A place along a loop.
struct Place {
  Value start;
  int64_t offset = 0;

  Place operator+(int64_t by) const { return {start, offset + by}; }
};

class TransposeEmitter {
public:
  TransposeEmitter(RewriterBase &rewriter, linalg::GenericOp op,
                   int64_t vectorBytes)
      : b(rewriter), op(op), loc(op.getLoc()), vectorBytes(vectorBytes),
        extents(op.getStaticLoopRanges()), indices(extents.size()),
        inMap(op.getMatchingIndexingMap(op.getDpsInputOperand(0))),
        outMap(op.getMatchingIndexingMap(op.getDpsInitOperand(0))),
        type(getElementTypeOrSelf(op.getDpsInputs()[0].getType())) {}

  /// Failure only after an error; unchanged if other code is better.
  LogicalResult emit();

private:
  bool findLoops();
  bool canSeparate();
  FailureOr<Value> separate(Value init, ArrayRef<unsigned> outer);

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }

  Value materialize(Place place) {
    if (std::optional<int64_t> known = getConstantIntValue(place.start))
      return constant(*known + place.offset);
    if (!place.offset)
      return place.start;
    return arith::AddIOp::create(b, loc, place.start, constant(place.offset));
  }

  SmallVector<Value> position(AffineMap map, Place row, Place column) {
    SmallVector<Value> at(indices);
    at[lane] = materialize(row);
    // Tiles of columns begin at multiples of the inner columns' extents.
    int64_t inner = 1;
    for (unsigned loop : llvm::reverse(ArrayRef(columnLoops).drop_front())) {
      at[loop] = constant(column.offset / inner % extents[loop]);
      inner *= extents[loop];
    }
    Place outer{column.start, column.offset / inner};
    if (std::optional<int64_t> known = getConstantIntValue(column.start))
      outer.start = constant(*known / inner);
    else if (inner != 1)
      outer.start =
          arith::DivUIOp::create(b, loc, column.start, constant(inner));
    at[columnLoops.front()] = materialize(outer);
    return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
      return emitAffineExpr(b, loc, expr, at);
    });
  }

  Value read(Place row, Place column, int64_t count) {
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
    return vector::TransferReadOp::create(
        b, loc, VectorType::get({count * group}, type), op.getDpsInputs()[0],
        position(inMap, row, column), std::optional<Value>(zero),
        ArrayRef<bool>{true});
  }

  Value write(Value vector, Value destination, Place row, Place column) {
    return vector::TransferWriteOp::create(b, loc, vector, destination,
                                           position(outMap, row, column),
                                           ArrayRef<bool>{true})
        .getResult();
  }

  int64_t getCount(Value vector) {
    return cast<VectorType>(vector.getType()).getDimSize(0);
  }

  /// `count` groups of a vector from `from` on.
  Value part(Value vector, int64_t from, int64_t count) {
    if (getCount(vector) == count * group)
      return vector;
    return vector::ShuffleOp::create(
        b, loc, vector, vector,
        llvm::to_vector(
            llvm::seq<int64_t>(from * group, (from + count) * group)));
  }

  /// A vector of one block whose last elements mean nothing.
  Value widen(Value vector) {
    int64_t count = getCount(vector);
    if (count >= unit * group)
      return vector;
    SmallVector<int64_t> mask(unit * group, 0);
    std::iota(mask.begin(), mask.begin() + count, 0);
    return vector::ShuffleOp::create(b, loc, vector, vector, mask);
  }

  /// Vectors of a power of two one behind the other.
  Value join(ArrayRef<Value> parts) {
    if (parts.size() == 1)
      return parts.front();
    Value low = join(parts.take_front(parts.size() / 2));
    Value high = join(parts.drop_front(parts.size() / 2));
    return vector::ShuffleOp::create(
        b, loc, low, high,
        llvm::to_vector(llvm::seq<int64_t>(0, 2 * getCount(low))));
  }

  FailureOr<Value> compute(Value vector);
  SmallVector<Segment> split(int64_t extent, int64_t blocks);
  Value emitTile(Value destination, Segment rows, Segment columns);
  Value loops(ArrayRef<unsigned> dims, Value carried,
              function_ref<Value(Value)> body);
  Value walk(Place &place, Segment segment, Value from, Value to, Value carried,
             function_ref<Value(Value)> body);
  Value walkStrips(ArrayRef<Segment> strips, int64_t bytes,
                   ArrayRef<Segment> others, bool alongRows, Value carried);

  RewriterBase &b;
  linalg::GenericOp op;
  Location loc;
  int64_t vectorBytes;
  SmallVector<int64_t> extents;
  SmallVector<Value> indices;
  AffineMap inMap, outMap;
  Type type;
  /// The result's innermost loop beside the group, which walks along a row of
  /// the result, and the operand's, the innermost of them last.
  unsigned lane = 0;
  SmallVector<unsigned> columnLoops;
  Place row, column;
  /// Elements that stay together, and groups in a block of 128 bits.
  int64_t group = 1, unit = 0, numColumns = 1;
  /// Whether blocks lie side by side in the result.
  bool wideResult = false;
  /// An operation of the body had no vector form.
  bool hasFailed = false;
};
} // namespace

/// Names the loops; false if there is nothing to turn.
bool TransposeEmitter::findLoops() {
  auto loopOf = [](AffineMap map, int64_t result) -> std::optional<unsigned> {
    if (result < 0)
      return std::nullopt;
    auto dim = dyn_cast<AffineDimExpr>(map.getResult(result));
    return dim ? std::optional<unsigned>(dim.getPosition()) : std::nullopt;
  };
  for (AffineExpr expr : outMap.getResults())
    if (!isa<AffineDimExpr, AffineConstantExpr>(expr))
      return false;
  int64_t bits = type.getIntOrFloatBitWidth();
  int64_t in = inMap.getNumResults() - 1, out = outMap.getNumResults() - 1;
  std::optional<unsigned> last = loopOf(outMap, out);
  if (!last)
    return false;
  if (loopOf(inMap, in) == last) {
    group = extents[*last];
    if (in == 0 || out == 0 || group * bits > 64 ||
        !llvm::isPowerOf2_64(group) ||
        !areDenseDimensions(op.getDpsInputs()[0], in - 1) ||
        !areDenseDimensions(op.getDpsInits()[0], out - 1))
      return false;
    indices[*last] = constant(0);
    last = loopOf(outMap, --out);
    --in;
    if (!last)
      return false;
  }
  lane = *last;
  unit = 128 / (group * bits);
  for (; in >= 0; --in) {
    std::optional<unsigned> loop = loopOf(inMap, in);
    if (!loop || *loop == lane ||
        (!columnLoops.empty() &&
         (unit % numColumns || !areDenseDimensions(op.getDpsInputs()[0], in))))
      break;
    columnLoops.insert(columnLoops.begin(), *loop);
    numColumns *= extents[*loop];
  }
  // Loops that turn other dimensions, too, are not understood.
  for (auto [r, expr] : llvm::enumerate(inMap.getResults()))
    if (!isa<AffineDimExpr>(expr) &&
        llvm::any_of(columnLoops,
                     [&](unsigned loop) { return expr.isFunctionOfDim(loop); }))
      return false;
  if (columnLoops.empty())
    return false;
  int64_t rows = extents[lane];
  return canSeparate() ||
         (std::max(rows, numColumns) >= unit &&
          std::min(rows, numColumns) > (group > 1 ? 1 : kFewest));
}

/// True if few columns (a power of two) and the rows lie side by side in the
/// operand, so that vectors hold whole rows.
bool TransposeEmitter::canSeparate() {
  if (group > 1 || numColumns < 2 || numColumns > kFewest ||
      !llvm::isPowerOf2_64(numColumns) || extents[lane] < unit)
    return false;
  int64_t at = int64_t(inMap.getNumResults() - columnLoops.size()) - 1;
  return at >= 0 && inMap.getResult(at) == b.getAffineDimExpr(lane) &&
         areDenseDimensions(op.getDpsInputs()[0], at);
}

/// Reads whole rows and picks the elements of each column out of them.
FailureOr<Value> TransposeEmitter::separate(Value init,
                                            ArrayRef<unsigned> outer) {
  Value source = op.getDpsInputs()[0];
  int64_t rank = inMap.getNumResults(),
          first = rank - 1 - int64_t(columnLoops.size());
  SmallVector<ReassociationIndices> merged;
  for (int64_t d = 0; d <= first; ++d)
    merged.push_back({d});
  for (int64_t d = first + 1; d < rank; ++d)
    merged.back().push_back(d);
  source = tensor::CollapseShapeOp::create(b, loc, source, merged);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  // Rows for a register to read, or to write 32-bit lanes; the unit of
  // segments is this many.
  int64_t elements = vectorBytes * 8 / type.getIntOrFloatBitWidth();
  int64_t height = std::max(elements / numColumns, vectorBytes / 4);
  while (height > extents[lane])
    height /= 2;
  unit = height;
  Value result = loops(outer, init, [&](Value carried) {
    for (Segment rows : split(extents[lane], 1))
      carried = walk(
          row, rows, constant(0), constant(rows.count * height), carried,
          [&](Value carried) {
            SmallVector<Value> at = position(inMap, row, {constant(0)});
            at.resize(first + 1);
            at.back() =
                arith::MulIOp::create(b, loc, at.back(), constant(numColumns));
            Value whole = vector::TransferReadOp::create(
                b, loc, VectorType::get({height * numColumns}, type), source,
                at, std::optional<Value>(zero), ArrayRef<bool>{true});
            for (int64_t k = 0; k < numColumns; ++k) {
              SmallVector<int64_t> mask;
              for (int64_t r = 0; r < height; ++r)
                mask.push_back(r * numColumns + k);
              FailureOr<Value> computed = compute(
                  vector::ShuffleOp::create(b, loc, whole, whole, mask));
              if (failed(computed)) {
                hasFailed = true;
                return carried;
              }
              carried = write(*computed, carried, row, Place{constant(0)} + k);
            }
            return carried;
          });
    return carried;
  });
  if (hasFailed)
    return failure();
  return result;
}

/// The body on a vector of any elements.
FailureOr<Value> TransposeEmitter::compute(Value vector) {
  if (op.getBody()->getTerminator()->getOperand(0) ==
      op.getBody()->getArgument(0))
    return vector;
  BodyVectorizer body(b, op, getCount(vector), lane, indices);
  body.map(op.getBody()->getArgument(0), vector);
  return body.run();
}

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

/// One tile at the current place.
Value TransposeEmitter::emitTile(Value destination, Segment rows,
                                 Segment columns) {
  int64_t blocks = wideResult ? rows.blocks : columns.blocks;
  // Less than a block only where the whole extent is less.
  int64_t height = std::min(rows.blocks * unit, extents[lane]);
  int64_t width = std::min(columns.blocks * unit, numColumns);
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < unit; ++i) {
    if (!wideResult) {
      vectors.push_back(i < height ? widen(read(row + i, column, width))
                                   : vectors.back());
      continue;
    }
    SmallVector<Value> parts;
    for (int64_t block = 0; block < blocks; ++block)
      parts.push_back(widen(read(row + (block * unit + i), column, width)));
    vectors.push_back(join(parts));
  }
  vectors = transposeInBlocks(b, loc, vectors, unit, group);
  for (int64_t k = 0; k < unit; ++k) {
    FailureOr<Value> computed = compute(vectors[k]);
    if (failed(computed)) {
      hasFailed = true;
      return destination;
    }
    for (int64_t block = 0; block < (wideResult ? 1 : blocks); ++block) {
      int64_t at = block * unit + k;
      if (at >= width || at < width - columns.fresh)
        continue;
      Value vector = *computed;
      if (!wideResult)
        vector = part(part(vector, block * unit, unit), 0, height);
      destination = write(vector, destination, row, column + at);
    }
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
Value TransposeEmitter::walk(Place &place, Segment segment, Value from,
                             Value to, Value carried,
                             function_ref<Value(Value)> body) {
  if (segment.count == 1) {
    place = {constant(segment.start)};
    return body(carried);
  }
  auto tiles = scf::ForOp::create(b, loc, from, to,
                                  constant(segment.blocks * unit), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(tiles.getBody());
  place = {tiles.getInductionVar()};
  scf::YieldOp::create(b, loc, body(tiles.getRegionIterArg(0)));
  return tiles.getResult(0);
}

/// All tiles, in strips of some bytes along rows or columns: each strip by all
/// of the other extent.
Value TransposeEmitter::walkStrips(ArrayRef<Segment> strips, int64_t bytes,
                                   ArrayRef<Segment> others, bool alongRows,
                                   Value carried) {
  auto end = [&](Segment segment) {
    return constant(segment.start + segment.count * segment.blocks * unit);
  };
  Place &along = alongRows ? row : column, &across = alongRows ? column : row;
  for (Segment strip : strips) {
    auto walkStrip = [&](Value from, Value to, Value carried) {
      for (Segment other : others)
        carried = walk(
            across, other, constant(other.start), end(other), carried,
            [&](Value carried) {
              return walk(along, strip, from, to, carried, [&](Value carried) {
                return alongRows ? emitTile(carried, strip, other)
                                 : emitTile(carried, other, strip);
              });
            });
      return carried;
    };
    int64_t most = bytes / 16 * unit;
    if (strip.count * strip.blocks * unit <= most) {
      carried = walkStrip(constant(strip.start), end(strip), carried);
      continue;
    }
    auto loop = scf::ForOp::create(b, loc, constant(strip.start), end(strip),
                                   constant(most), carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value from = loop.getInductionVar();
    Value to =
        arith::MinSIOp::create(b, loc, materialize({from, most}), end(strip));
    scf::YieldOp::create(b, loc, walkStrip(from, to, loop.getRegionIterArg(0)));
    carried = loop.getResult(0);
  }
  return carried;
}

LogicalResult TransposeEmitter::emit() {
  b.setInsertionPoint(op);
  if (!findLoops())
    return success();
  SmallVector<unsigned> outer;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (d != lane && !llvm::is_contained(columnLoops, d) && !indices[d])
      outer.push_back(d);
  Value init = op.getDpsInits()[0];
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    init = fill.getOutputs()[0];
  if (canSeparate()) {
    FailureOr<Value> result = separate(init, outer);
    if (failed(result))
      return failure();
    b.replaceOp(op, *result);
    return success();
  }
  auto blocksOf = [&](int64_t extent) {
    uint64_t blocks = std::max<int64_t>(1, extent / unit);
    return std::min<int64_t>(vectorBytes / 16, llvm::bit_floor(blocks));
  };
  int64_t rowBlocks = blocksOf(extents[lane]),
          columnBlocks = blocksOf(numColumns);
  wideResult = rowBlocks >= columnBlocks && extents[lane] >= unit;
  (wideResult ? columnBlocks : rowBlocks) = 1;

  Value result = loops(outer, init, [&](Value carried) {
    SmallVector<Segment> rows = split(extents[lane], rowBlocks),
                         columns = split(numColumns, columnBlocks);
    if (unit == kBytesInBlock && numColumns < kShortRow)
      return walkStrips(rows, kRunBytes, columns, /*alongRows=*/true, carried);
    return walkStrips(columns, kStripBytes, rows, /*alongRows=*/false, carried);
  });
  if (hasFailed)
    return failure();
  b.replaceOp(op, result);
  return success();
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

/// True if the body makes each element of the result out of one of its only
/// operand: the same one, or one of the same size where vectors of 32-bit lanes
/// are whole registers.
static bool movesElements(linalg::GenericOp op) {
  if (!isElementwise(op) || op.getNumDpsInputs() != 1 || op.hasDynamicShape() ||
      !isa<RankedTensorType>(op.getDpsInputs()[0].getType()) ||
      op.getMatchingBlockArgument(op.getDpsInputOperand(0)).use_empty() ||
      !op.getMatchingBlockArgument(op.getDpsInitOperand(0)).use_empty())
    return false;
  Type from = getElementTypeOrSelf(op.getDpsInputs()[0].getType()),
       to = getElementTypeOrSelf(op.getResult(0).getType());
  if (!from.isIntOrFloat() || from.getIntOrFloatBitWidth() % 8 ||
      from.getIntOrFloatBitWidth() > 32)
    return false;
  Block &body = *op.getBody();
  if (body.getTerminator()->getOperand(0) == body.getArgument(0))
    return true;
  return from.isF32() && to.isF32() &&
         llvm::none_of(body, [](Operation &inner) {
           return isa<linalg::IndexOp, tensor::ExtractOp>(inner);
         });
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
      if (movesElements(op))
        moves.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::GenericOp op : moves)
      if (failed(TransposeEmitter(rewriter, mergeLoops(rewriter, op),
                                  4 * target->getVectorLanes32())
                     .emit()))
        return signalPassFailure();
  }
};
} // namespace
