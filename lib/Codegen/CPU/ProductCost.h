//===- ProductCost.h - cycles and bytes of tiled products ------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The cost model behind mpq-select-strategy: which register tile takes a
// product the fewest cycles, and which blocks read the fewest bytes. Images are
// height x width pixels; a matrix has height 1 and its rows are the pixels.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_CODEGEN_CPU_PRODUCTCOST_H
#define MPQ_LIB_CODEGEN_CPU_PRODUCTCOST_H

#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/MPQDialect.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <limits>

namespace mpq {

/// Work items of a matrix unit have whole pairs of vectors.
inline constexpr int64_t kMatrixVectors = 2;

/// Pixels along each image dimension and vectors of columns whose sums stay in
/// registers, and the estimated cycles of the whole kernel.
struct Tile {
  int64_t rows = 1, columns = 1;
  int64_t vectors = 1;
  double cycles = std::numeric_limits<double>::infinity();
  /// Pixels of a row that one tile register takes; 0: vector registers.
  int64_t matrixRows = 0;
};

/// Puts `tile` behind those that are as cheap.
void insertByCycles(llvm::SmallVectorImpl<Tile> &ranked, const Tile &tile);

/// Cycles that a product of given extents takes with a register tile, on a core
/// that starts two vector multiply-adds and two loads and decodes six
/// instructions per cycle: Intel since Ice Lake, AMD since Zen 4.
class TileCost {
public:
  /// `groups`: length of the reduction in groups that one multiply-add takes.
  /// `windows`: how often the reduction's innermost loop starts for a tile.
  TileCost(int64_t groups, int64_t windows, int64_t vectorBytes, bool integer)
      : groups(groups), windows(windows), vectorBytes(vectorBytes),
        latency(integer ? 5 : 4) {}

  /// Cycles of one tile of so many pixels and vectors of columns.
  double ofTile(int64_t pixels, int64_t vectors) const {
    double products = pixels * vectors;
    double cycles =
        std::max({products / 2, latency, (pixels + vectors) / kLoads,
                  (products + pixels + vectors + 4) / 6});
    if (groups * vectors * vectorBytes > kFirstLevelShare)
      cycles = std::max(cycles, vectors * vectorBytes / kSecondLevelBytes);
    // Latency at the start, bias, addresses; then the consumer on registers.
    return groups * cycles + windows * kLoopStart + kTileStart + products;
  }

  /// Cycles of `tiles` positions in the image with all columns.
  double ofAll(int64_t tiles, int64_t pixels, int64_t vectors,
               int64_t totalVectors) const {
    double cycles = (totalVectors / vectors) * ofTile(pixels, vectors);
    if (totalVectors % vectors)
      cycles += ofTile(pixels, totalVectors % vectors);
    return cycles * tiles;
  }

private:
  /// Bytes of weights that stay in a first-level cache beside the image.
  static constexpr int64_t kFirstLevelShare = 24 << 10;
  /// Bytes per cycle from the second level, as streams of weights reach them
  /// that had to be fetched into it.
  static constexpr double kSecondLevelBytes = 14;
  /// Loads a cycle where each multiply-add needs one: nearly two.
  static constexpr double kLoads = 1.7;
  static constexpr double kLoopStart = 4;
  static constexpr double kTileStart = 30;

  int64_t groups, windows, vectorBytes;
  double latency;
};

/// Tiles for pixels `stride` bytes apart and `totalVectors` of columns, with
/// `registers` of the vector unit (at least four), cheapest first. `splits`:
/// the last tile may be a smaller one (splitsLastTile).
llvm::SmallVector<Tile> rankTiles(int64_t height, int64_t width, int64_t stride,
                                  int64_t totalVectors, int64_t registers,
                                  const TileCost &cost, bool splits);

/// Depthwise bytes: one vector of channels, whose neighbouring pixels are put
/// side by side once for all outputs of the tile that they reach
/// (DepthwisePacking.h). The last tile may compute pixels twice.
Tile chooseNeighbourTile(int64_t height, int64_t width, ConvOp conv,
                         int64_t registers);

/// With fewer rows the matrix unit's fixed time outweighs its width.
inline constexpr int64_t kLeastMatrixRows = 4;

/// Tiles of a matrix unit for `steps` of `stepBytes` of the reduction, cheapest
/// first: blocks of pixels, side by side in an image row or below each other,
/// by vectors of columns. None if the image has fewer pixels than `leastRows`.
llvm::SmallVector<Tile> rankMatrixTiles(int64_t height, int64_t width,
                                        int64_t totalVectors, int64_t steps,
                                        int64_t stepBytes, const TileUnit &unit,
                                        int64_t leastRows);

/// How many blocks of rows and of columns a product is cut into.
struct ProductBlocks {
  int64_t rows = 1, columns = 1;
};

/// Blocks for about `items` work items, the fewest bytes from behind the
/// second-level cache first: each block of rows reads all weights, each block
/// of columns the image, and the image of a block once for each panel if it
/// does not stay in that cache. At least one, with one block of columns; others
/// with numbers of column blocks that `canHave` accepts. K. Goto and R. van de
/// Geijn, Anatomy of High-Performance Matrix Multiplication, 2008.
llvm::SmallVector<ProductBlocks>
rankBlocks(int64_t imageBytes, int64_t weightBytes, int64_t items, int64_t rows,
           llvm::function_ref<bool(int64_t)> canHave);

} // namespace mpq

#endif // MPQ_LIB_CODEGEN_CPU_PRODUCTCOST_H
