//===- TileKernels.cpp - loops over work items, rows and register tiles ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Obeys #mpq.strategy on the kernel. Every tile has static extents: where a
// tile does not divide an extent the last one starts earlier and computes some
// elements twice (rows and pixels), or the remainder is split off (columns,
// whose packed vectors must stay whole). Overlapping writes store equal values,
// also from two threads; what accumulates in place must not overlap.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace mpq {
#define GEN_PASS_DEF_TILEKERNELSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Bytes of weights that stay in a first-level cache beside an image.
static constexpr int64_t kFirstLevelShare = 16 << 10;

//===----------------------------------------------------------------------===//
// Loop nests that tiling puts around its tiles
//===----------------------------------------------------------------------===//

namespace {
/// How one level of tiling makes its loops: given extents and tile sizes
/// (static; 0 and whole extents make no loop), opens loops with the
/// destinations as iteration arguments and returns the tile's offsets.
using OpenLoops = llvm::function_ref<SmallVector<OpFoldResult>(
    RewriterBase &, Location, ArrayRef<int64_t> extents,
    ArrayRef<int64_t> tiles, SmallVectorImpl<scf::ForOp> &loops,
    SmallVectorImpl<Value> &destinations)>;
} // namespace

static scf::ForOp openLoop(RewriterBase &rewriter, Location loc, Value lower,
                           Value upper, Value step,
                           SmallVectorImpl<scf::ForOp> &loops,
                           SmallVectorImpl<Value> &destinations) {
  auto loop =
      scf::ForOp::create(rewriter, loc, lower, upper, step, destinations);
  rewriter.setInsertionPointToStart(loop.getBody());
  loops.push_back(loop);
  destinations.assign(loop.getRegionIterArgs().begin(),
                      loop.getRegionIterArgs().end());
  return loop;
}

/// min(position, extent - tile): the last tile overlaps the one before.
static OpFoldResult overlap(RewriterBase &rewriter, Location loc,
                            OpFoldResult position, int64_t extent,
                            int64_t tile) {
  if (extent % tile == 0)
    return position;
  AffineExpr s0 = rewriter.getAffineSymbolExpr(0);
  AffineMap map =
      AffineMap::get(0, 1, {s0, rewriter.getAffineConstantExpr(extent - tile)},
                     rewriter.getContext());
  return affine::makeComposedFoldedAffineMin(rewriter, loc, map, {position});
}

/// One loop for each tiled dimension, in order, but columns outside unless they
/// go `last`.
static SmallVector<OpFoldResult>
openTileLoopsInOrder(RewriterBase &rewriter, Location loc,
                     ArrayRef<int64_t> extents, ArrayRef<int64_t> tiles,
                     SmallVectorImpl<scf::ForOp> &loops,
                     SmallVectorImpl<Value> &destinations, bool columnsLast) {
  SmallVector<OpFoldResult> offsets(extents.size(), rewriter.getIndexAttr(0));
  unsigned columns = extents.size() - 1;
  SmallVector<unsigned> order =
      llvm::to_vector(llvm::seq<unsigned>(0, columns));
  order.insert(columnsLast ? order.end() : order.begin(), columns);
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(rewriter, loc, value);
  };
  for (unsigned d : order) {
    // Without any loop upstream would not fuse: columns always get theirs.
    if (tiles[d] == extents[d] && d != columns)
      continue;
    scf::ForOp loop = openLoop(rewriter, loc, constant(0), constant(extents[d]),
                               constant(tiles[d]), loops, destinations);
    offsets[d] =
        overlap(rewriter, loc, loop.getInductionVar(), extents[d], tiles[d]);
  }
  return offsets;
}

/// Columns outside: a panel of weights serves all rows.
static SmallVector<OpFoldResult>
openTileLoops(RewriterBase &rewriter, Location loc, ArrayRef<int64_t> extents,
              ArrayRef<int64_t> tiles, SmallVectorImpl<scf::ForOp> &loops,
              SmallVectorImpl<Value> &destinations) {
  return openTileLoopsInOrder(rewriter, loc, extents, tiles, loops,
                              destinations, /*columnsLast=*/false);
}

/// Columns inside, for weights that stay in the first-level cache: neighbouring
/// channels of a depthwise image share lines.
static SmallVector<OpFoldResult>
openDepthwiseLoops(RewriterBase &rewriter, Location loc,
                   ArrayRef<int64_t> extents, ArrayRef<int64_t> tiles,
                   SmallVectorImpl<scf::ForOp> &loops,
                   SmallVectorImpl<Value> &destinations) {
  return openTileLoopsInOrder(rewriter, loc, extents, tiles, loops,
                              destinations, /*columnsLast=*/true);
}

/// One loop over work items `begin..end`, delinearized over the blocks.
static SmallVector<OpFoldResult>
openWorkLoop(RewriterBase &rewriter, Location loc, Value begin, Value end,
             ArrayRef<int64_t> extents, ArrayRef<int64_t> grain,
             SmallVectorImpl<scf::ForOp> &loops,
             SmallVectorImpl<Value> &destinations) {
  SmallVector<OpFoldResult> offsets(extents.size(), rewriter.getIndexAttr(0));
  Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
  scf::ForOp loop =
      openLoop(rewriter, loc, begin, end, one, loops, destinations);
  AffineExpr s0 = rewriter.getAffineSymbolExpr(0);
  int64_t inner = 1;
  for (unsigned d = extents.size(); d-- > 0;) {
    int64_t blocks = llvm::divideCeilSigned(extents[d], grain[d]);
    if (blocks == 1)
      continue;
    OpFoldResult position = affine::makeComposedFoldedAffineApply(
        rewriter, loc, (s0.floorDiv(inner) % blocks) * grain[d],
        {loop.getInductionVar()});
    offsets[d] = overlap(rewriter, loc, position, extents[d], grain[d]);
    inner *= blocks;
  }
  return offsets;
}

//===----------------------------------------------------------------------===//
// Tiling with upstream's driver
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> staticExtents(ArrayRef<Range> ranges) {
  return llvm::map_to_vector(ranges, [](const Range &range) {
    return *getConstantIntValue(range.size);
  });
}

/// Tiles `root` (result loops only) and fuses its producers into the tiles.
/// Returns the tiled root.
static FailureOr<TilingInterface> tileAndFuse(RewriterBase &rewriter,
                                              TilingInterface root,
                                              ArrayRef<int64_t> sizes,
                                              OpenLoops openLoops,
                                              bool fusesTurns = false) {
  scf::SCFTileAndFuseOptions options;
  using Control = scf::SCFTileAndFuseOptions::ControlFnResult;
  options.setFusionControlFn([&](tensor::ExtractSliceOp, OpResult producer,
                                 bool) -> std::optional<Control> {
    auto generic = dyn_cast<linalg::GenericOp>(producer.getOwner());
    if (generic && !fusesTurns && isTurn(generic))
      return std::nullopt;
    return Control{};
  });
  SmallVector<OpFoldResult> tileSizes =
      getAsIndexOpFoldResult(root.getContext(), sizes);
  options.tilingOptions.setTileSizes(tileSizes);
  options.tilingOptions.setLoopType(scf::SCFTilingOptions::LoopType::CustomOp);
  SmallVector<scf::ForOp> nest;
  options.tilingOptions.setCustomLoopGenerationFns(
      [&](RewriterBase &rewriter, Location loc, ArrayRef<Range> ranges,
          ArrayRef<OpFoldResult>, ValueRange destinations)
          -> FailureOr<scf::SCFTilingOptions::CustomLoopHeaderInfo> {
        SmallVector<int64_t> extents = staticExtents(ranges), tiles(extents);
        for (auto [tile, size] : llvm::zip(tiles, sizes))
          if (size)
            tile = size;
        scf::SCFTilingOptions::CustomLoopHeaderInfo header;
        SmallVector<Value> inner(destinations);
        header.tileOffset =
            openLoops(rewriter, loc, extents, tiles, nest, inner);
        header.tileSizes = getAsIndexOpFoldResult(rewriter.getContext(), tiles);
        header.destinationTensors = inner;
        for (scf::ForOp loop : nest)
          header.loops.push_back(loop);
        return header;
      },
      [&](RewriterBase &rewriter, Location loc, ArrayRef<LoopLikeOpInterface>,
          ValueRange results, ArrayRef<SmallVector<OpFoldResult>> offsets,
          ArrayRef<SmallVector<OpFoldResult>> sizes,
          ValueRange destinations) -> LogicalResult {
        SmallVector<Value> yielded;
        for (auto [result, offset, size, destination] :
             llvm::zip_equal(results, offsets, sizes, destinations)) {
          SmallVector<OpFoldResult> strides(offset.size(),
                                            rewriter.getIndexAttr(1));
          yielded.push_back(tensor::InsertSliceOp::create(
              rewriter, loc, result, destination, offset, size, strides));
        }
        for (scf::ForOp loop : llvm::reverse(nest)) {
          rewriter.setInsertionPointToEnd(loop.getBody());
          scf::YieldOp::create(rewriter, loc, yielded);
          yielded.assign(loop.getResults().begin(), loop.getResults().end());
        }
        return success();
      });
  RewritePatternSet cleanup(root.getContext());
  tensor::ExtractSliceOp::getCanonicalizationPatterns(cleanup,
                                                      root.getContext());
  tensor::populateMergeConsecutiveInsertExtractSlicePatterns(cleanup);
  options.cleanupPatterns = std::move(cleanup);
  rewriter.setInsertionPoint(root);
  FailureOr<scf::SCFTileAndFuseResult> result =
      scf::tileConsumerAndFuseProducersUsingSCF(rewriter, root, options);
  if (failed(result))
    return failure();
  for (auto [from, to] : result->replacements)
    rewriter.replaceAllUsesWith(from, to);
  return cast<TilingInterface>(result->tiledAndFusedOps.front());
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

static bool staysInFirstLevel(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.getNumElements() *
             llvm::divideCeil(type.getElementTypeBitWidth(), 8) <=
         kFirstLevelShare;
}

static int64_t getExtent(TilingInterface op, unsigned d) {
  return cast<RankedTensorType>(op->getResult(0).getType()).getDimSize(d);
}

/// Whole tiles along dimension `d`, and what they leave, if anything.
static SmallVector<TilingInterface> splitRemainder(RewriterBase &rewriter,
                                                   TilingInterface op,
                                                   unsigned d, int64_t tile) {
  int64_t extent = getExtent(op, d), whole = extent / tile * tile;
  if (whole == 0 || whole == extent)
    return {op};
  rewriter.setInsertionPoint(op);
  auto [main, rest] =
      linalg::splitOp(rewriter, op, d, rewriter.getIndexAttr(whole));
  return {main, rest};
}

/// Register tiles of a product, all of them static: the remainder of the
/// columns is split off, and that of dimension `rows`, if it is given, where
/// overlapping tiles would compute too much twice.
static LogicalResult tileProduct(RewriterBase &rewriter, TilingInterface root,
                                 ArrayRef<int64_t> tile, OpenLoops openLoops,
                                 std::optional<unsigned> rows) {
  unsigned column = tile.size() - 1;
  auto tilePart = [&](TilingInterface part) {
    SmallVector<int64_t> sizes;
    for (auto [d, size] : llvm::enumerate(tile))
      sizes.push_back(size ? std::min(size, getExtent(part, d))
                           : getExtent(part, d));
    return tileAndFuse(rewriter, part, sizes, openLoops);
  };
  for (TilingInterface part :
       splitRemainder(rewriter, root, column, tile[column])) {
    SmallVector<TilingInterface> pieces{part};
    if (rows && splitsLastTile(getExtent(part, *rows), tile[*rows])) {
      // Inside the loop over columns: all rows share a panel of weights.
      SmallVector<int64_t> panel(tile.size(), 0);
      panel[column] = std::min(tile[column], getExtent(part, column));
      FailureOr<TilingInterface> columns =
          tileAndFuse(rewriter, part, panel, openLoops);
      if (failed(columns))
        return failure();
      pieces = splitRemainder(rewriter, *columns, *rows, tile[*rows]);
    }
    for (TilingInterface piece : pieces)
      if (failed(tilePart(piece)))
        return failure();
  }
  return success();
}

/// Rows of a row-wise group: clones every operation on a few rows, because
/// fusion through slices would compute a producer once for each of its users.
static LogicalResult tileRows(RewriterBase &rewriter, func::FuncOp kernel,
                              ArrayRef<linalg::GenericOp> ops,
                              ArrayRef<int64_t> rows, int64_t rowsAtOnce) {
  linalg::GenericOp last = ops.back();
  Location loc = last.getLoc();
  unsigned numRowDims = rows.size();
  rewriter.setInsertionPoint(last);
  SmallVector<scf::ForOp> loops;
  // Rows are filled one by one.
  Value init = last.getDpsInits()[0];
  auto lastFill = init.getDefiningOp<linalg::FillOp>();
  SmallVector<Value> destinations{lastFill ? lastFill.getOutputs()[0] : init};
  SmallVector<int64_t> grain(numRowDims, 1);
  grain.back() = rowsAtOnce;
  Value begin = kernel.getArgument(kernel.getNumArguments() - 2);
  Value end = kernel.getArgument(kernel.getNumArguments() - 1);
  SmallVector<OpFoldResult> rowOffsets =
      openWorkLoop(rewriter, loc, begin, end, rows, grain, loops, destinations);

  auto isRowed = [&](AffineMap map) {
    if (map.getNumResults() < numRowDims)
      return false;
    for (unsigned d = 0; d < numRowDims; ++d)
      if (map.getResult(d) != getAffineDimExpr(d, map.getContext()))
        return false;
    return true;
  };
  auto rowType = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getShape());
    llvm::copy(grain, shape.begin());
    return RankedTensorType::get(shape, type.getElementType());
  };
  auto slice = [&](Value value) -> Value {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<OpFoldResult> offsets(rowOffsets), sizes, strides;
    offsets.resize(type.getRank(), rewriter.getIndexAttr(0));
    for (int64_t extent : rowType(value).getShape())
      sizes.push_back(rewriter.getIndexAttr(extent));
    strides.resize(type.getRank(), rewriter.getIndexAttr(1));
    return tensor::ExtractSliceOp::create(rewriter, loc, rowType(value), value,
                                          offsets, sizes, strides);
  };
  // What stands for a value inside the loop: the row of it.
  DenseMap<Value, Value> row;
  std::function<Value(Value)> getRow = [&](Value value) -> Value {
    Value &known = row[value];
    if (known)
      return known;
    Operation *def = value.getDefiningOp();
    Value made;
    if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(def)) {
      made = tensor::EmptyOp::create(rewriter, loc, rowType(value).getShape(),
                                     rowType(value).getElementType());
    } else if (auto fill = dyn_cast_or_null<linalg::FillOp>(def)) {
      made = linalg::FillOp::create(rewriter, loc, fill.getInputs()[0],
                                    getRow(fill.getOutputs()[0]))
                 .getResult(0);
    } else {
      made = slice(value);
    }
    return row[value] = made;
  };
  row[init] = slice(destinations[0]);
  if (lastFill)
    row[init] = linalg::FillOp::create(rewriter, loc, lastFill.getInputs()[0],
                                       row[init])
                    .getResult(0);
  for (linalg::GenericOp op : ops) {
    SmallVector<Value> operands;
    for (OpOperand &operand : op->getOpOperands())
      operands.push_back(isRowed(op.getMatchingIndexingMap(&operand))
                             ? getRow(operand.get())
                             : operand.get());
    auto cloned = cast<linalg::GenericOp>(
        clone(rewriter, op, {operands.back().getType()}, operands));
    row[op.getResult(0)] = cloned.getResult(0);
  }
  SmallVector<OpFoldResult> offsets(rowOffsets), sizes, strides;
  Value result = row[last.getResult(0)];
  auto type = cast<RankedTensorType>(result.getType());
  offsets.resize(type.getRank(), rewriter.getIndexAttr(0));
  for (int64_t extent : type.getShape())
    sizes.push_back(rewriter.getIndexAttr(extent));
  strides.resize(type.getRank(), rewriter.getIndexAttr(1));
  Value inserted = tensor::InsertSliceOp::create(
      rewriter, loc, result, destinations[0], offsets, sizes, strides);
  scf::YieldOp::create(rewriter, loc, inserted);
  rewriter.replaceOp(last, loops.front().getResults());
  for (linalg::GenericOp op : llvm::reverse(ops.drop_back()))
    rewriter.eraseOp(op);
  return success();
}

/// Blocks of what only other operations of the kernel read are all that is
/// needed of it.
static void shrinkEmpties(RewriterBase &rewriter, func::FuncOp kernel) {
  SmallVector<tensor::ExtractSliceOp> slices;
  kernel.walk([&](tensor::ExtractSliceOp slice) {
    if (slice.getSource().getDefiningOp<tensor::EmptyOp>() &&
        slice.getType().hasStaticShape())
      slices.push_back(slice);
  });
  for (tensor::ExtractSliceOp slice : slices) {
    rewriter.setInsertionPoint(slice);
    rewriter.replaceOpWithNewOp<tensor::EmptyOp>(
        slice, slice.getType().getShape(), slice.getType().getElementType());
  }
}

/// A strategy written by hand must fit its kernel: one entry for each loop,
/// columns in whole packed vectors, no overlap in what accumulates in place.
static LogicalResult verifyStrategy(func::FuncOp kernel, const KernelOps &ops,
                                    StrategyAttr strategy) {
  if (!ops.last)
    return kernel.emitError("expected a kernel with a linalg operation or "
                            "product");
  if (accumulatesInPlace(ops.last)) {
    SmallVector<int64_t> extents =
        cast<linalg::LinalgOp>(ops.last).getStaticLoopRanges();
    for (auto [extent, block] : llvm::zip(extents, strategy.getGrain()))
      if (block != 0 && extent % block != 0)
        return kernel.emitError("expected blocks that divide ")
               << extent << ", because the kernel accumulates in place, but "
               << "the strategy has " << block;
  }
  if (!ops.rows.empty()) {
    ArrayRef<int64_t> grain = strategy.getGrain(), rows = ops.rows;
    bool ok = grain.size() == rows.size() &&
              (grain.back() == 0 || rows.back() % grain.back() == 0);
    for (auto [block, extent] : llvm::zip(grain.drop_back(), rows))
      ok &= block == 1 || extent == 1;
    if (!ok)
      return kernel.emitError("expected blocks of one row, or of rows that "
                              "divide the last of the extents ")
             << rows << ", but the strategy has " << grain;
  }
  if (!ops.product)
    return success();
  auto type = cast<RankedTensorType>(ops.product->getResult(0).getType());
  if (int64_t(strategy.getTile().size()) != type.getRank())
    return kernel.emitError("expected a strategy of ")
           << type.getRank() << " entries but got "
           << strategy.getTile().size();
  auto conv = dyn_cast<ConvOp>(ops.product);
  int64_t lanes = getProductLanes(ops.product);
  int64_t columns = type.getShape().back(), blockUnit = lanes;
  unsigned tileRank = strategy.getTile().size();
  int64_t tile = strategy.getTile().back(),
          block = strategy.getGrain()[ops.getLoopOf(tileRank - 1)];
  // Register tiles are those of one group, work items are whole groups.
  if (conv && conv.getGroups() > 1) {
    columns = blockUnit = conv.getGroupFilters();
    if (tile > columns)
      return kernel.emitError("expected tiles inside of a group of ")
             << columns << " columns but the strategy has " << tile;
  }
  auto checkColumns = [&](int64_t size, int64_t unit,
                          StringRef what) -> LogicalResult {
    if (size == 0 || size == columns || size % unit == 0)
      return success();
    return kernel.emitError("expected columns in multiples of ")
           << unit << " " << what << " but the strategy has " << size;
  };
  if (failed(checkColumns(tile, lanes, "lanes")))
    return failure();
  return checkColumns(block, blockUnit,
                      blockUnit == lanes ? "lanes" : "filters of a group");
}

namespace {
struct TileKernels : mpq::impl::TileKernelsPassBase<TileKernels> {
  using TileKernelsPassBase::TileKernelsPassBase;

  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!kernel->hasAttr(MPQDialect::getKernelAttrName()))
      return;
    auto strategy =
        kernel->getAttrOfType<StrategyAttr>(MPQDialect::getStrategyAttrName());
    if (!strategy) {
      kernel.emitError("expected an '")
          << MPQDialect::getStrategyAttrName()
          << "' attribute: run mpq-select-strategy first";
      return signalPassFailure();
    }
    IRRewriter rewriter(&getContext());
    KernelOps ops = KernelOps::get(kernel);
    if (failed(verifyStrategy(kernel, ops, strategy)))
      return signalPassFailure();
    if (!ops.rows.empty()) {
      int64_t rowsAtOnce = strategy.getGrain().back();
      if (rowsAtOnce == 0)
        rowsAtOnce = ops.rows.back();
      if (failed(
              tileRows(rewriter, kernel, ops.generics, ops.rows, rowsAtOnce)))
        return signalPassFailure();
      return;
    }
    // The dimension that register tiles may not divide.
    std::optional<unsigned> rows;
    if (strategy.getMatrixRows() == 0) {
      auto image = dyn_cast_or_null<ConvOp>(ops.product);
      if (image && !image.getDepthwise())
        rows = strategy.getTile()[1] > 1 ? 1 : 2;
      else if (isa_and_nonnull<ContractOp>(ops.product))
        rows = strategy.getTile().size() - 2;
    }
    auto last = cast<TilingInterface>(ops.last);
    Value begin = kernel.getArgument(kernel.getNumArguments() - 2);
    Value end = kernel.getArgument(kernel.getNumArguments() - 1);
    // Loops of a reduction stay whole: only result dimensions are split.
    SmallVector<int64_t> grain(strategy.getGrain());
    grain.resize(last.getLoopIteratorTypes().size(), 0);
    FailureOr<TilingInterface> block = last;
    bool oneItem = llvm::all_of(grain, [](int64_t size) { return size == 0; });
    if (!oneItem)
      block = tileAndFuse(
          rewriter, last, grain,
          [&](RewriterBase &rewriter, Location loc, ArrayRef<int64_t> extents,
              ArrayRef<int64_t> tiles, SmallVectorImpl<scf::ForOp> &loops,
              SmallVectorImpl<Value> &destinations) {
            return openWorkLoop(rewriter, loc, begin, end, extents, tiles,
                                loops, destinations);
          },
          /*fusesTurns=*/true);
    if (failed(block)) {
      kernel.emitError("cannot tile this kernel");
      return signalPassFailure();
    }
    if (ops.resultTurn || ops.imageTurn) {
      shrinkEmpties(rewriter, kernel);
      if (ops.resultTurn)
        block = cast<TilingInterface>((*block)->getOperand(0).getDefiningOp());
    }
    // A pool and what reads it, a row of the image at a time: what is between
    // them stays in the first-level cache.
    unsigned rank =
        cast<RankedTensorType>(last->getResult(0).getType()).getRank();
    if (!ops.product && ops.generics.size() > 1 && rank > 2) {
      SmallVector<int64_t> row(rank - 2, 1);
      row.resize(grain.size(), 0);
      block = tileAndFuse(rewriter, *block, row, openTileLoops);
      if (failed(block)) {
        kernel.emitError("cannot tile this kernel's rows");
        return signalPassFailure();
      }
      shrinkEmpties(rewriter, kernel);
    }
    // One group of filters at a time: a dense convolution of some channels.
    ConvOp conv;
    kernel.walk([&](ConvOp op) { conv = op; });
    if (conv && conv.getGroups() > 1)
      block = tileAndFuse(rewriter, *block, {0, 0, 0, conv.getGroupFilters()},
                          openTileLoops);
    bool depthwise = conv && conv.getDepthwise();
    if (ops.product && succeeded(block) &&
        failed(tileProduct(rewriter, *block, strategy.getTile(),
                           depthwise && staysInFirstLevel(conv.getWeights())
                               ? openDepthwiseLoops
                               : openTileLoops,
                           rows))) {
      kernel.emitError("cannot tile this kernel's product");
      return signalPassFailure();
    }
  }
};
} // namespace
