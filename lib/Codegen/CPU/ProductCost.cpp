//===- ProductCost.cpp - cycles and bytes of tiled products ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Among the register tiles that fit (M * NV accumulators, NV weight vectors and
// a broadcast in the register file) the one with the fewest cycles for the
// kernel's extents. A tile costs its reduction, bound by whatever is slowest
// (multiply-adds, their latency, loads, decoding, weights from the second-level
// cache), and a constant for its start and end: a tile of few accumulators is
// never the cheapest only because it wastes no column. Rows and columns that a
// tile does not divide are computed twice or wasted, and counted. S. Williams
// et al., Roofline, 2009; the latencies are of A. Fog's tables.
//
//===----------------------------------------------------------------------===//

#include "ProductCost.h"

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Dialect/DepthwisePacking.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"

#include <limits>
#include <numeric>
#include <tuple>

using namespace mlir;
using namespace mpq;

/// Bytes of a line of the cache.
static constexpr int64_t kLine = 64;
/// Sets of a first-level cache, and lines of an image in each: eight ways at
/// least, of which weights take some.
static constexpr int64_t kSets = 64;
static constexpr int64_t kPixelsOfSet = 7;

/// Bytes of an image block that stay in a second-level cache beside a panel of
/// weights, and panels that read it again otherwise, at least.
static constexpr int64_t kSecondLevelBlock = 3 << 19;
static constexpr int64_t kPanels = 8;

/// What two kinds of tiles instead of one must gain.
static constexpr double kMoreCode = 1.05;

/// Outputs of a depthwise tile of bytes: their code is all unrolled.
static constexpr int64_t kNeighbourAccumulators = 16;
/// Instructions that put four pixels side by side, and that write an output.
static constexpr int64_t kJoinCost = 5;
static constexpr int64_t kNeighbourEndCost = 8;
/// Cycles from one dot product to the next one with the same sum.
static constexpr int64_t kDotLatency = 5;

void mpq::insertByCycles(SmallVectorImpl<Tile> &ranked, const Tile &tile) {
  auto isCheaper = [](const Tile &a, const Tile &b) {
    return a.cycles < b.cycles;
  };
  ranked.insert(llvm::upper_bound(ranked, tile, isCheaper), tile);
}

/// Pixels of a tile, `stride` bytes apart, whose lines stay in the first-level
/// cache while they are read: of strides that are multiples of a page all lines
/// fall into one of its sets.
static int64_t getMostPixels(int64_t stride) {
  int64_t sets =
      stride % kLine == 0 ? kSets / std::gcd(stride / kLine, kSets) : kSets;
  return sets * kPixelsOfSet;
}

SmallVector<Tile> mpq::rankTiles(int64_t height, int64_t width, int64_t stride,
                                 int64_t totalVectors, int64_t registers,
                                 const TileCost &cost, bool splits) {
  SmallVector<Tile> ranked;
  int64_t mostPixels = getMostPixels(stride);
  int64_t mostVectors = std::min<int64_t>(totalVectors, 4);
  for (int64_t vectors = 1; vectors <= mostVectors; ++vectors)
    for (int64_t columns = 1; columns <= std::min<int64_t>(width, 28);
         ++columns)
      for (int64_t rows = 1; rows <= std::min<int64_t>(height, 28); ++rows) {
        // More rows of an image only when a row is narrower than the tile.
        if (rows > 1 && columns < width)
          break;
        int64_t pixels = rows * columns;
        if (pixels * vectors + vectors + 1 > registers - 1 ||
            pixels > mostPixels)
          break;
        // Tiles in the dimension that they may not divide, and rows of tiles.
        int64_t extent = rows > 1 ? height : width,
                tile = rows > 1 ? rows : columns, count = rows > 1 ? 1 : height;
        double cycles;
        if (splits && splitsLastTile(extent, tile))
          cycles =
              kMoreCode * (cost.ofAll(extent / tile * count, pixels, vectors,
                                      totalVectors) +
                           cost.ofAll(count, extent % tile * (pixels / tile),
                                      vectors, totalVectors));
        else
          cycles = cost.ofAll(llvm::divideCeilSigned(extent, tile) * count,
                              pixels, vectors, totalVectors);
        insertByCycles(ranked, {rows, columns, vectors, cycles});
      }
  return ranked;
}

/// Four accumulators, two of each side or one left side: with fewer, loads
/// would be the limit. Eight tile registers hold no more, for accumulators are
/// read out of memory when the next tile has begun.
static constexpr std::pair<int64_t, int64_t> kMatrixShapes[] = {
    {2, 2}, {1, 4}}; // blocks, vectors
/// Cycles of a product: one for each row of the left side, but some at least;
/// for each row of a result, to memory and back, and for each line of the
/// result that is written in part; for a tile, until its first step and after
/// its last one.
static constexpr double kMatrixLeast = 9;
static constexpr double kMatrixResultRow = 3;
static constexpr double kMatrixPartLine = 6;
static constexpr double kMatrixStart = 60;
/// Bytes of weights that stay in a first-level cache, and how many come in a
/// cycle from the second one otherwise.
static constexpr int64_t kMatrixPanel = 32 << 10;
static constexpr double kMatrixSecondLevel = 32;

SmallVector<Tile> mpq::rankMatrixTiles(int64_t height, int64_t width,
                                       int64_t totalVectors, int64_t steps,
                                       int64_t stepBytes, const TileUnit &unit,
                                       int64_t leastRows) {
  auto ofTile = [&](int64_t rows, int64_t blocks, int64_t vectors) {
    double products = std::max<double>(rows, kMatrixLeast) * blocks * vectors;
    double panel = vectors * 16 * stepBytes;
    double loads = (blocks * rows + vectors * stepBytes / 4) / 2.0;
    if (steps * panel > kMatrixPanel)
      loads = std::max(loads, panel / kMatrixSecondLevel);
    double result = kMatrixResultRow * rows * blocks * vectors;
    if (vectors % 4) // 16 bytes each
      result += kMatrixPartLine * rows * blocks;
    return steps * std::max(products, loads) + result + kMatrixStart;
  };
  SmallVector<Tile> ranked;
  auto consider = [&](int64_t rows, int64_t alongRow, int64_t alongColumn,
                      int64_t vectors) {
    int64_t tiles = llvm::divideCeilSigned(width, rows * alongRow) *
                    llvm::divideCeilSigned(height, alongColumn);
    int64_t blocks = alongRow * alongColumn;
    double cycles =
        tiles * (totalVectors / vectors) * ofTile(rows, blocks, vectors);
    if (totalVectors % vectors)
      cycles += tiles * ofTile(rows, blocks, totalVectors % vectors);
    insertByCycles(ranked,
                   {alongColumn, rows * alongRow, vectors, cycles, rows});
  };
  for (auto [blocks, vectors] : kMatrixShapes)
    for (auto [alongRow, alongColumn] :
         {std::pair<int64_t, int64_t>{blocks, 1}, {1, blocks}, {1, 1}})
      for (int64_t rows = std::min(width / alongRow, unit.rows);
           rows >= leastRows && alongColumn <= height; --rows)
        consider(rows, alongRow, alongColumn, vectors);
  return ranked;
}

Tile mpq::chooseNeighbourTile(int64_t height, int64_t width, ConvOp conv,
                              int64_t registers) {
  DepthwisePacking taps(conv);
  int64_t accumulators =
      std::min(kNeighbourAccumulators, std::max<int64_t>(1, registers - 4));
  Tile best;
  best.cycles = std::numeric_limits<double>::max();
  for (int64_t columns = std::min(accumulators, width); columns > 0;
       --columns) {
    llvm::DenseSet<int64_t> groups;
    int64_t dots = 0;
    for (int64_t column = 0; column < columns; ++column) {
      int64_t first = column * conv.getStrides()[1];
      for (int64_t g = 0; g < taps.getGroupsOfRow(); ++g)
        if (taps.reaches(taps.getPhase(first), g)) {
          groups.insert(first / DepthwisePacking::group + g);
          ++dots;
        }
    }
    for (int64_t rows = 1; rows <= std::min(height, accumulators / columns);
         ++rows) {
      llvm::DenseSet<int64_t> imageRows;
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < taps.rows; ++i)
          imageRows.insert(row * conv.getStrides()[0] +
                           i * conv.getDilations()[0]);
      // Two vector instructions in a cycle.
      double cycles = std::max<double>(
          (kJoinCost * imageRows.size() * groups.size() +
           rows * (dots * taps.rows + columns * kNeighbourEndCost)) /
              2.0,
          kDotLatency * taps.rows * taps.getGroupsOfRow());
      cycles *= llvm::divideCeilSigned(height, rows) *
                llvm::divideCeilSigned(width, columns);
      if (cycles < best.cycles) {
        best.rows = rows;
        best.columns = columns;
        best.cycles = cycles;
      }
    }
  }
  return best;
}

SmallVector<ProductBlocks>
mpq::rankBlocks(int64_t imageBytes, int64_t weightBytes, int64_t items,
                int64_t rows, llvm::function_ref<bool(int64_t)> canHave) {
  SmallVector<std::pair<int64_t, ProductBlocks>> ranked;
  for (int64_t columnBlocks = 1; columnBlocks <= items; ++columnBlocks) {
    int64_t rowBlocks = items / columnBlocks;
    // The rows of a pure split are rounded to tiles later.
    if (!canHave(columnBlocks) || (columnBlocks > 1 && (rows % rowBlocks != 0)))
      continue;
    int64_t bytes = rowBlocks * weightBytes + columnBlocks * imageBytes;
    if (imageBytes / rowBlocks > kSecondLevelBlock)
      bytes += kPanels * imageBytes;
    ranked.push_back({bytes, {rowBlocks, columnBlocks}});
  }
  // Among equals, few blocks of columns.
  llvm::sort(ranked, [](const auto &a, const auto &b) {
    return std::tie(a.first, a.second.columns) <
           std::tie(b.first, b.second.columns);
  });
  return llvm::to_vector(llvm::make_second_range(ranked));
}
