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

#include "llvm/ADT/STLFunctionalExtras.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mpq {

/// Work items of a matrix unit have whole pairs of vectors.
inline constexpr int64_t kMatrixVectors = 2;

/// Pixels along each image dimension and vectors of columns whose sums stay in
/// registers, and the estimated cycles of the whole kernel.
struct RegisterTile {
  int64_t rows = 1, columns = 1;
  int64_t vectors = 1;
  double cycles = std::numeric_limits<double>::infinity();
};

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

/// The cheapest tile for pixels `stride` bytes apart and `totalVectors` of
/// columns, with `registers` of the vector unit: at least four. `splits`: the
/// last tile may be a smaller one (splitsLastTile).
RegisterTile chooseTile(int64_t height, int64_t width, int64_t stride,
                        int64_t totalVectors, int64_t registers,
                        const TileCost &cost, bool splits);

/// Depthwise bytes: one vector of channels, whose neighbouring pixels are put
/// side by side once for all outputs of the tile that they reach. Tiles of
/// equal width, because the last one would compute pixels twice.
RegisterTile chooseNeighbourTile(int64_t height, int64_t width,
                                 int64_t registers);

/// Blocks of `rows` pixels for a matrix unit, side by side in an image row and
/// below each other, by `vectors` of columns; 0 rows: vectors are faster.
struct MatrixTile {
  int64_t rows = 0, alongRow = 1, alongColumn = 1, vectors = 0;
  double cycles = std::numeric_limits<double>::infinity();
};

/// With fewer rows the matrix unit's fixed time outweighs its width.
inline constexpr int64_t kLeastMatrixRows = 4;

/// The cheapest tile for `steps` of `stepBytes` of the reduction; 0 rows and
/// infinite cycles if the image has fewer pixels than `leastRows`.
MatrixTile chooseMatrixTile(int64_t height, int64_t width, int64_t totalVectors,
                            int64_t steps, int64_t stepBytes,
                            const TileUnit &unit, int64_t leastRows);

/// Blocks of rows and of columns for about `items` work items. Each block of
/// rows reads all weights, each block of columns the image, and the image of a
/// block once for each panel if it does not stay in the second-level cache:
/// the fewest bytes from behind it, among the numbers of column blocks that
/// `canHave` accepts. K. Goto and R. van de Geijn, Anatomy of High-Performance
/// Matrix Multiplication, 2008.
std::pair<int64_t, int64_t>
chooseBlocks(int64_t imageBytes, int64_t weightBytes, int64_t items,
             int64_t rows, llvm::function_ref<bool(int64_t)> canHave);

} // namespace mpq

#endif // MPQ_LIB_CODEGEN_CPU_PRODUCTCOST_H
