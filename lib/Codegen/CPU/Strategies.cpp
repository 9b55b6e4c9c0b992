//===- Strategies.cpp - tile sizes and parallel splits ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products get the register tiles and the blocks that cost least
// (ProductCost.h), everything else loops that keep lines whole.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Strategies.h"
#include "ProductCost.h"

#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Codegen/WindowRun.h"
#include "mpq/Dialect/ConstantData.h"

#include <numeric>

using namespace mlir;
using namespace mpq;

/// Work items a kernel is cut into when it is large enough: several for each
/// thread, so that uneven progress evens out.
static constexpr int64_t kWorkItems = 8;
/// Smallest work item, in bytes that an elementwise kernel reads or writes and
/// in multiply-adds of a product in f32: several times what waking a thread and
/// fetching lines from its cache take.
static constexpr int64_t kElementwiseGrain = 96 << 10;
static constexpr int64_t kProductGrain = 1 << 19;
/// Blocks along a dimension that operands have innermost hold whole lines: of
/// bytes if there are enough, else of words.
static constexpr int64_t kTransposedBlock = 64;
static constexpr int64_t kTransposedWords = 16;

/// Bytes of a line of the cache.
static constexpr int64_t kLine = 64;
/// Rows of a row-wise group at once, and their elements: operations leave them
/// in the first-level cache for each other.
static constexpr int64_t kMostRowsAtOnce = 4;
static constexpr int64_t kMostRowElements = 2048;

/// Registers a depthwise tile may use: eight accumulators hide the latency.
static constexpr int64_t kDepthwiseRegisters = 20;

/// Bytes of an image that stay in a second-level cache.
static constexpr int64_t kSecondLevelShare = 512 << 10;

/// Registers that the AVX2 sequence of mpq.dot4 keeps between its steps.
static constexpr int64_t kPairwiseTemporaries = 6;

/// Vectors of columns in a tile of weights in blocks, whose streams from memory
/// the hardware still follows, and its rows. One quantized row takes more where
/// the registers suffice: a tile's end waits for the next one's first weights.
static constexpr int64_t kBlockVectors = 4;
static constexpr int64_t kRowVectors = 8;
static constexpr int64_t kBlockRows = 8;
/// Quantized rows of a work item, which stay in the second-level cache.
static constexpr int64_t kMostBlockRows = 256;

/// Tiles of one width that are considered, and how much more than the cheapest
/// one they may cost by the model.
static constexpr int64_t kSimilarTiles = 3;
static constexpr double kHopeless = 1.4;

static int64_t getBytes(Value tensor) {
  return getBufferBytes(cast<RankedTensorType>(tensor.getType()));
}

/// A block size along `extent` that makes `items` blocks of whole tiles, or up
/// to twice as many where threads share those more evenly. The last block
/// overlaps the one before.
static int64_t blockOf(int64_t extent, int64_t tile, int64_t items) {
  int64_t tiles = llvm::divideCeilSigned(extent, tile);
  items = std::clamp<int64_t>(items, 1, tiles);
  // How much longer than a perfect share threads take, summed over their
  // number.
  auto getUnevenness = [&](int64_t block) {
    int64_t blocks = llvm::divideCeilSigned(tiles, block), sum = 0;
    for (int64_t threads = 1; threads <= std::min(items, kWorkItems);
         threads *= 2)
      sum += threads * llvm::divideCeilSigned(blocks, threads) * block - tiles;
    return sum;
  };
  int64_t most = llvm::divideCeilSigned(tiles, items), best = most;
  for (int64_t block = most - 1; 2 * block >= most; --block)
    if (getUnevenness(block) < getUnevenness(best))
      best = block;
  return std::min(extent, best * tile);
}

/// Blocks of a loop that some map divides (a nearest resize reads `d floordiv
/// k`) start at multiples of the divisor: slices round their offset down.
static int64_t getAlignment(const KernelOps &ops, unsigned loop) {
  int64_t alignment = 1;
  for (linalg::GenericOp generic : ops.generics)
    for (AffineMap map : generic.getIndexingMapsArray())
      map.walkExprs([&](AffineExpr expr) {
        auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
        if (!binary || (binary.getKind() != AffineExprKind::FloorDiv &&
                        binary.getKind() != AffineExprKind::Mod))
          return;
        auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
        if (divisor && binary.getLHS().isFunctionOfDim(loop))
          alignment = std::lcm(alignment, divisor.getValue());
      });
  return alignment;
}

/// Groups of the reduction in a product's packed weights.
static int64_t getDepthInGroups(Operation *product) {
  auto weights = cast<RankedTensorType>(product->getOperand(1).getType());
  return weights.getDimSize(weights.getRank() - 2);
}

/// Of the leading parallel loops of the last operation those before its lanes:
/// all, where pixels that are reduced lie between.
static unsigned getLoopsBeforeLanes(const KernelOps &ops,
                                    ArrayRef<int64_t> extents) {
  auto last = cast<linalg::LinalgOp>(ops.last);
  AffineMap map = last.getMatchingIndexingMap(last.getDpsInitOperand(0));
  if (extents.empty())
    return 0;
  unsigned innermost = extents.size() - 1;
  return map.getResults().back().isFunctionOfDim(innermost) ? innermost
                                                            : innermost + 1;
}

/// True if an input of the last operation has loop `loop` innermost.
static bool isInnermostInOperand(const KernelOps &ops, unsigned loop) {
  auto last = cast<linalg::LinalgOp>(ops.last);
  return llvm::any_of(last.getDpsInputOperands(), [&](OpOperand *operand) {
    AffineMap map = last.getMatchingIndexingMap(operand);
    // A vector of one value for each channel is no line to share.
    return map.getNumResults() > 1 &&
           map.getResults().back().isFunctionOfDim(loop);
  });
}

/// True if loop `loop` is the outermost of more than one step in each tensor
/// operand, as the rows of pixels that a transposed convolution rearranges.
static bool isOutermostInOperands(const KernelOps &ops, unsigned loop) {
  auto last = cast<linalg::LinalgOp>(ops.last);
  return llvm::all_of(last.getDpsInputOperands(), [&](OpOperand *operand) {
    auto type = dyn_cast<RankedTensorType>(operand->get().getType());
    AffineMap map = last.getMatchingIndexingMap(operand);
    for (unsigned d = 0; type && d < map.getNumResults(); ++d)
      if (type.getDimSize(d) != 1)
        return map.getResult(d) == getAffineDimExpr(loop, last->getContext());
    return true;
  });
}

namespace {
struct Decision {
  SmallVector<int64_t> tile, grain;
  int64_t matrixRows = 0;
};
} // namespace

/// Parallel loops a strategy speaks of: result dimensions, or rows.
static SmallVector<int64_t> getExtents(const KernelOps &ops) {
  if (!ops.rows.empty())
    return ops.rows;
  auto type = cast<RankedTensorType>(ops.last->getResult(0).getType());
  if (auto generic = dyn_cast<linalg::LinalgOp>(ops.last)) {
    // Loops, of which the leading parallel ones can be split.
    SmallVector<int64_t> extents;
    for (auto [extent, iterator] : llvm::zip(generic.getStaticLoopRanges(),
                                             generic.getIteratorTypesArray())) {
      if (iterator != utils::IteratorType::parallel)
        break;
      extents.push_back(extent);
    }
    return extents;
  }
  return SmallVector<int64_t>(type.getShape());
}

/// Rows of a row-wise group that are computed operation by operation: while
/// one row's reduction waits for itself, another one goes on.
static int64_t getRowsAtOnce(const KernelOps &ops) {
  int64_t length = 1;
  for (linalg::GenericOp generic : ops.generics)
    length = std::max(length, llvm::product_of(generic.getStaticLoopRanges()) /
                                  llvm::product_of(ops.rows));
  for (int64_t rows = kMostRowsAtOnce; rows > 1; --rows)
    if (ops.rows.back() % rows == 0 && rows * length <= kMostRowElements)
      return rows;
  return 1;
}

namespace {
/// A packed product as its tiles and blocks see it.
class ProductShape {
public:
  /// `extents`: of the result.
  ProductShape(Operation *product, ArrayRef<int64_t> extents,
               const TargetInfo &target);

  /// Cheapest first.
  SmallVector<Decision> getDecisions(size_t most);

private:
  /// The tiles inside blocks, cheapest first.
  SmallVector<Tile> getTiles(ProductBlocks blocks);
  Decision decide(ProductBlocks blocks, const Tile &tile);
  bool canHave(int64_t columnBlocks) const;

  Operation *product;
  ConvOp conv; // or null
  ArrayRef<int64_t> extents;
  const TargetInfo &target;
  unsigned rank = extents.size();
  /// The dimension that blocks of rows divide.
  unsigned split;
  bool integer, depthwise;
  /// Sums of bf16 in the order of a matrix unit are for it alone.
  std::optional<int64_t> halfStep;
  std::optional<TileUnit> unit; // that may compute it
  int64_t lanes, groupCount;
  int64_t columns, vectors; // of a group of channels
  int64_t height, width, depth;
  int64_t items;
};
} // namespace

ProductShape::ProductShape(Operation *product, ArrayRef<int64_t> extents,
                           const TargetInfo &target)
    : product(product), conv(dyn_cast<ConvOp>(product)), extents(extents),
      target(target) {
  auto contract = dyn_cast<ContractOp>(product);
  split = conv ? 1 : rank - 2;
  integer = conv ? conv.isInteger() : contract.isInteger();
  depthwise = conv && conv.getDepthwise();
  halfStep = conv ? conv.getStep() : contract.getStep();
  if (halfStep)
    unit = TileUnit();
  else if (integer)
    unit = target.getTileUnit();
  lanes = conv ? conv.getLanes() : contract.getLanes();
  // Tiles never leave a group.
  groupCount = conv ? conv.getGroups() : 1;
  columns = extents.back() / groupCount;
  vectors = llvm::divideCeilSigned(columns, lanes);
  height = conv ? extents[1] : 1;
  width = extents[rank - 2];
  // Packed depthwise weights of bytes are repeated.
  depth = depthwise ? conv.getWindow()[0] * conv.getWindow()[1]
                    : getDepthInGroups(product) *
                          (conv ? conv.getGroup() : contract.getGroup());
  int64_t work = depth * extents.back() * height * width;
  // Depthwise bytes come at an eighth of the others' rate.
  int64_t grain = integer && !depthwise ? 2 * kProductGrain : kProductGrain;
  items = std::clamp<int64_t>(work / grain, 1, kWorkItems);
}

bool ProductShape::canHave(int64_t columnBlocks) const {
  if (columnBlocks == 1)
    return true;
  int64_t part = vectors / columnBlocks;
  return groupCount == 1 && columns % lanes == 0 &&
         vectors % columnBlocks == 0 &&
         // Tiles of a matrix unit.
         (!unit || vectors % kMatrixVectors || part % kMatrixVectors == 0);
}

SmallVector<Tile> ProductShape::getTiles(ProductBlocks blocks) {
  int64_t registers = target.getNumVectorRegisters();
  // A depthwise tap is read for one product only: more accumulators would hide
  // no more latency, and the unrolled window grows with them.
  if (depthwise)
    registers = std::min<int64_t>(registers, kDepthwiseRegisters);
  // The sequence of words needs registers for halves of both factors.
  if (integer && target.getDotUnit() == DotUnit::PairwiseWords)
    registers -= kPairwiseTemporaries;
  if (depthwise && integer)
    return {chooseNeighbourTile(height, width, conv, registers)};

  int64_t windows = conv && !depthwise ? conv.getWindow()[0] : 1;
  if (conv && !depthwise && !conv.getMerged())
    windows *= conv.getWindow()[1];
  auto image = cast<RankedTensorType>(product->getOperand(0).getType());
  int64_t stride = image.getShape().back() *
                   getElementBytes(image.getElementType()) *
                   (conv ? conv.getStrides()[1] : 1);
  // Blocks of rows and of columns have as many rows each.
  int64_t parts = blocks.columns > 1 ? blocks.rows : 1;
  auto weights = cast<RankedTensorType>(product->getOperand(1).getType());
  TileCost cost(getDepthInGroups(product), windows,
                weights.getShape().back() *
                    getElementBytes(weights.getElementType()),
                integer);
  SmallVector<Tile> tiles;
  if (!halfStep)
    tiles = rankTiles(conv ? height / parts : 1, conv ? width : width / parts,
                      stride, vectors / blocks.columns, registers, cost,
                      /*splits=*/!depthwise);
  if (unit && !depthwise && lanes == target.getVectorLanes32() &&
      !(conv && conv.getMerged()) &&
      (groupCount == 1 || columns % lanes == 0)) {
    int64_t run = conv ? getWindowRun(conv) : image.getShape().back();
    if (int64_t step = halfStep.value_or(unit->getStep(run)))
      for (const Tile &tile :
           rankMatrixTiles(height, width, vectors / blocks.columns,
                           depth / step, halfStep ? 2 * step : step, *unit,
                           halfStep ? 1 : kLeastMatrixRows))
        insertByCycles(tiles, tile);
  }
  return tiles;
}

Decision ProductShape::decide(ProductBlocks blocks, const Tile &tile) {
  Decision decision;
  decision.tile.assign(rank, 1);
  decision.grain.assign(rank, 0);
  decision.matrixRows = tile.matrixRows;
  decision.tile[rank - 1] = std::min(columns, tile.vectors * lanes);
  decision.tile[rank - 2] = tile.columns;
  if (conv)
    decision.tile[1] = tile.rows;

  if (extents[0] > 1 && rank > 2)
    decision.grain[0] = 1;
  int64_t parts = items;
  if (depthwise) {
    // Tiles walk over the image once for each vector of channels: a block of
    // rows that stays in the cache meanwhile is read from memory once.
    ArrayRef<int64_t> image = conv.getImage().getType().getShape();
    int64_t rowBytes = image[2] * image[3] * (integer ? 1 : 4);
    int64_t rows = std::max<int64_t>(1, kSecondLevelShare / rowBytes /
                                            conv.getStrides()[0]);
    parts = std::max(parts, llvm::divideCeilSigned(height, rows));
  }
  if (blocks.columns > 1) {
    decision.grain[rank - 1] = columns / blocks.columns;
    if (blocks.rows > 1)
      decision.grain[split] = extents[split] / blocks.rows;
  } else if (extents[split] > decision.tile[split]) {
    decision.grain[split] =
        blockOf(extents[split], decision.tile[split], parts);
  } else if (int64_t unit = groupCount > 1 ? columns : decision.tile[rank - 1];
             extents.back() % unit == 0) {
    // Few rows: split the columns, which needs whole panels, or groups, in each
    // block.
    for (int64_t count = parts; count > 1; --count)
      if (extents.back() / unit % count == 0) {
        decision.grain[rank - 1] = extents.back() / count;
        break;
      }
  }
  return decision;
}

/// The cheapest tiles, of each kind and width kSimilarTiles, none that costs
/// kHopeless times the cheapest one.
static SmallVector<Tile> selectDifferentTiles(ArrayRef<Tile> ranked) {
  SmallVector<Tile> selected;
  for (const Tile &tile : ranked) {
    auto isSimilar = [&](const Tile &other) {
      return other.vectors == tile.vectors &&
             (other.matrixRows != 0) == (tile.matrixRows != 0);
    };
    if (tile.cycles <= kHopeless * ranked.front().cycles &&
        llvm::count_if(selected, isSimilar) < kSimilarTiles)
      selected.push_back(tile);
  }
  return selected;
}

SmallVector<Decision> ProductShape::getDecisions(size_t most) {
  SmallVector<ProductBlocks> blocks = rankBlocks(
      getBytes(product->getOperand(0)), getBytes(product->getOperand(1)), items,
      extents[split], [&](int64_t count) { return canHave(count); });
  // The cheapest blocks with different tiles, then other blocks.
  SmallVector<Tile> tiles = selectDifferentTiles(getTiles(blocks.front()));
  SmallVector<Decision> decisions;
  for (const Tile &tile : ArrayRef(tiles).take_front(most - most / 3))
    decisions.push_back(decide(blocks.front(), tile));
  for (ProductBlocks other : ArrayRef(blocks).drop_front())
    if (decisions.size() < most)
      decisions.push_back(decide(other, getTiles(other).front()));
  return decisions;
}

/// What is turned stays in the second-level cache, as blocks of whole lines.
static Decision adaptToTurns(Decision decision, const KernelOps &ops,
                             ArrayRef<int64_t> extents) {
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(ops.product->getResult(0).getType()).getShape();
  unsigned split = isa<ConvOp>(ops.product) ? 1 : shape.size() - 2;
  int64_t &block = decision.grain[split], &columns = decision.grain.back();
  // Blocks of columns would each turn the image.
  if (ops.imageTurn)
    columns = 0;
  int64_t bytes = 0; // of a row
  if (linalg::GenericOp turn = ops.imageTurn)
    bytes += getBytes(turn.getResult(0)) / shape[split];
  if (linalg::GenericOp turn = ops.resultTurn)
    bytes += getBytes(turn.getResult(0)) / shape[split] *
             (columns ? columns : shape.back()) / shape.back();
  int64_t unit = decision.tile[split], lines = std::lcm(unit, kTransposedWords);
  if (split == shape.size() - 2 && lines * bytes <= kTurnedBlockBytes)
    unit = lines;
  int64_t most = std::max(unit, kTurnedBlockBytes / bytes / unit * unit);
  int64_t wanted = block ? llvm::divideCeil(block, unit) * unit
                         : (columns ? shape[split] : most);
  block = std::min(wanted, most);
  if (block >= shape[split])
    block = 0;
  SmallVector<int64_t> grain(extents.size(), 0);
  for (auto [d, size] : llvm::enumerate(decision.grain))
    grain[ops.getLoopOf(d)] = size;
  decision.grain = grain;
  return decision;
}

/// Weights in blocks are read from memory: work items are columns, so that
/// each weight is read once. Integer tiles have two sums for each result, of
/// which those in float may leave the registers between blocks. More rows
/// than kBlockRows would push each other out of the first-level cache, where
/// they lie a power of two apart; few rows take more vectors, whose chains of
/// sums hide the latency.
static Decision decideBlockProduct(BlockContractOp product,
                                   const TargetInfo &target) {
  auto type = product.getInit().getType();
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1),
          lanes = product.getLanes();
  int64_t registers = target.getNumVectorRegisters();
  if (product.isInteger() && target.getDotUnit() == DotUnit::PairwiseWords)
    registers -= kPairwiseTemporaries;
  int64_t sums = product.isInteger() ? registers / 2 : registers - 4;
  int64_t mostRows = std::min(kBlockRows, std::max<int64_t>(sums / 2, 1));
  int64_t tileRows =
      llvm::divideCeilSigned(rows, llvm::divideCeilSigned(rows, mostRows));
  int64_t allVectors = llvm::divideCeilSigned(columns, lanes);
  int64_t vectors = std::clamp<int64_t>(sums / tileRows, 1, kBlockVectors);
  vectors = std::min(vectors, allVectors);
  if (product.isInteger() && rows == 1 && sums >= 2 * kRowVectors &&
      columns % (kRowVectors * kWorkItems * lanes) == 0)
    vectors = kRowVectors;
  Decision decision;
  decision.tile = {tileRows, std::min(columns, vectors * lanes)};
  decision.grain = {rows > kMostBlockRows ? kMostBlockRows : 0, 0};
  int64_t work = rows * columns * product.getLhs().getType().getDimSize(1);
  int64_t items = std::clamp<int64_t>(work / kProductGrain, 1, kWorkItems);
  // Whole panels in each block, and no remainder.
  if (columns % decision.tile[1] == 0)
    for (int64_t blocks = items; blocks > 1; --blocks)
      if (columns / decision.tile[1] % blocks == 0) {
        decision.grain[1] = columns / blocks;
        break;
      }
  // The last block may overlap the one before, at whole vectors.
  if (!decision.grain[1] && items > 1 && columns % lanes == 0)
    decision.grain[1] = std::min<int64_t>(
        columns, llvm::alignTo(llvm::divideCeilSigned(columns, items),
                               decision.tile[1]));
  return decision;
}

static Decision decideElementwise(const KernelOps &ops,
                                  ArrayRef<int64_t> extents) {
  Decision decision;
  decision.tile.assign(extents.size(), 0);
  decision.grain.assign(extents.size(), 0);
  int64_t work = 0;
  auto count = [&](linalg::LinalgOp op) {
    // A window reads elements several times.
    int64_t steps = llvm::product_of(op.getStaticLoopRanges());
    for (Value operand : op->getOperands())
      work = std::max(work,
                      steps * getElementBytes(getElementTypeOrSelf(operand)));
  };
  count(cast<linalg::LinalgOp>(ops.last)); // perhaps a copy
  for (linalg::GenericOp generic : ops.generics)
    count(generic);
  int64_t items = std::clamp<int64_t>(work / kElementwiseGrain, 1, kWorkItems);
  // The innermost dimension carries the lanes. Rather not split one that is
  // innermost in an operand: it is turned in tiles, and its lines would be
  // read again for each block.
  std::optional<unsigned> split;
  unsigned end = getLoopsBeforeLanes(ops, extents);
  for (unsigned d = 0; d < end && !split; ++d)
    if (extents[d] >= items && isOutermostInOperands(ops, d) &&
        !isInnermostInOperand(ops, d))
      split = d;
  for (bool transposed : {false, true})
    for (unsigned d = 0; d < end && !split; ++d)
      if (extents[d] != 1 && isInnermostInOperand(ops, d) == transposed)
        split = d;
  if (split) {
    unsigned d = *split;
    int64_t extent = extents[d];
    int64_t alignment = getAlignment(ops, d);
    if (isInnermostInOperand(ops, d))
      alignment = std::lcm(alignment, kTransposedBlock * items <= extent
                                          ? kTransposedBlock
                                          : kTransposedWords);
    // Blocks of whole lines: no store crosses one, no line has two writers.
    int64_t bytes = getBytes(ops.last->getResult(0)) /
                    std::accumulate(extents.begin(), extents.begin() + d + 1,
                                    int64_t(1), std::multiplies<int64_t>());
    if (int64_t lines = std::lcm(alignment, kLine / std::gcd(bytes, kLine));
        lines * items <= extent)
      alignment = lines;
    int64_t block = blockOf(extent, alignment, items);
    // Blocks that do not divide the extent overlap.
    if (accumulatesInPlace(ops.last))
      while (extent % block)
        block = std::min(block + alignment, extent);
    decision.grain[d] = block;
  }
  return decision;
}

static SmallVector<Decision>
getDecisions(const KernelOps &ops, const TargetInfo &target, size_t most) {
  SmallVector<int64_t> extents = getExtents(ops);
  if (!ops.rows.empty()) {
    Decision decision{SmallVector<int64_t>(extents.size(), 1),
                      SmallVector<int64_t>(extents.size(), 1)};
    decision.grain.back() = getRowsAtOnce(ops);
    return {decision};
  }
  if (auto blocks = dyn_cast_or_null<BlockContractOp>(ops.product))
    return {decideBlockProduct(blocks, target)};
  if (!ops.product)
    return {decideElementwise(ops, extents)};
  auto type = cast<RankedTensorType>(ops.product->getResult(0).getType());
  SmallVector<Decision> decisions =
      ProductShape(ops.product, type.getShape(), target).getDecisions(most);
  if (ops.imageTurn || ops.resultTurn)
    for (Decision &decision : decisions)
      decision = adaptToTurns(decision, ops, extents);
  return decisions;
}

SmallVector<StrategyAttr> mpq::getStrategies(const KernelOps &ops,
                                             const TargetInfo &target,
                                             size_t most) {
  SmallVector<StrategyAttr> strategies;
  SmallVector<int64_t> extents = getExtents(ops);
  for (Decision &decision : getDecisions(ops, target, most)) {
    for (auto [extent, block] : llvm::zip(extents, decision.grain))
      if (block == extent)
        block = 0; // whole
    auto strategy = StrategyAttr::get(ops.last->getContext(), decision.tile,
                                      decision.grain, decision.matrixRows);
    if (!llvm::is_contained(strategies, strategy))
      strategies.push_back(strategy);
  }
  return strategies;
}

void mpq::setStrategy(func::FuncOp kernel, const KernelOps &ops,
                      StrategyAttr strategy) {
  int64_t items = 1;
  for (auto [extent, block] : llvm::zip(getExtents(ops), strategy.getGrain()))
    if (block != 0 && block != extent)
      items *= llvm::divideCeilSigned(extent, block);
  kernel->setAttr(MPQDialect::getStrategyAttrName(), strategy);
  kernel->setAttr(MPQDialect::getWorkItemsAttrName(),
                  Builder(kernel).getI64IntegerAttr(items));
}
