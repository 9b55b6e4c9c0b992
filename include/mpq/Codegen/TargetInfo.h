//===- TargetInfo.h - the questions codegen asks about a machine ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared code never tests target names or features: it asks here.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_CODEGEN_TARGETINFO_H
#define MPQ_CODEGEN_TARGETINFO_H

#include "mpq/Dialect/MPQDialect.h"

namespace mpq {

/// How a target computes mpq.dot4 with unsigned times signed bytes.
enum class DotUnit {
  Vpdpbusd512,  ///< AVX512-VNNI: one instruction on 16 lanes
  Vpdpbusd256,  ///< AVX-VNNI: one instruction on 8 lanes
  PairwiseWords ///< AVX2: widening to words and two pairwise products
};

/// Limits of a matrix unit that computes mpq.dot_tile.
struct TileUnit {
  int64_t rows = 16;  ///< of the left side and the accumulator, at most
  int64_t bytes = 64; ///< of a row of either side

  /// Bytes of a run of `depth` that one step takes, so that all steps are
  /// alike: the largest part in whole groups of four. 0 if that is less than
  /// half of what the unit can take, for want of divisors.
  int64_t getStep(int64_t depth) const;
};

/// Facts about an #mpq.target. Vector sizes are in 32-bit lanes.
class TargetInfo {
public:
  explicit TargetInfo(TargetAttr target);

  /// The target of the module `op` lies in: `mpq.target` on an ancestor, or an
  /// error at `op` when there is none.
  static mlir::FailureOr<TargetInfo> get(mlir::Operation *op);

  /// 32-bit elements in one vector register.
  int64_t getVectorLanes32() const { return lanes; }
  /// Vector registers.
  int64_t getNumVectorRegisters() const { return lanes == 16 ? 32 : 16; }
  DotUnit getDotUnit() const { return dotUnit; }
  /// AMX-INT8, or nothing. Its columns are the lanes of a vector register.
  std::optional<TileUnit> getTileUnit() const { return tileUnit; }
  /// AMX-BF16, or nothing; its columns are those of the other.
  std::optional<TileUnit> getHalfTileUnit() const { return halfTileUnit; }

private:
  int64_t lanes;
  DotUnit dotUnit;
  std::optional<TileUnit> tileUnit, halfTileUnit;
};

} // namespace mpq

#endif // MPQ_CODEGEN_TARGETINFO_H
