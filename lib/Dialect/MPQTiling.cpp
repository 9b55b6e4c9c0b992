//===- MPQTiling.cpp - TilingInterface of the packed products ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles cover rows and columns; the reduction stays whole, because it lives in
// registers. Column offsets are multiples of the packed lanes, and of the
// filters of a group where there are several groups.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/AffineExpr.h"

using namespace mlir;
using namespace mpq;

namespace {
/// Builds slices of operands at one place and collects them.
class Slicer {
public:
  Slicer(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  OpFoldResult constant(int64_t value) { return builder.getIndexAttr(value); }

  /// expr(symbol 0 = value), folded when the value is constant.
  OpFoldResult apply(AffineExpr expr, OpFoldResult value) {
    return affine::makeComposedFoldedAffineApply(builder, loc, expr, {value});
  }

  Value slice(Value source, ArrayRef<OpFoldResult> offsets,
              ArrayRef<OpFoldResult> sizes) {
    SmallVector<OpFoldResult> strides(offsets.size(), constant(1));
    auto op = tensor::ExtractSliceOp::create(builder, loc, source, offsets,
                                             sizes, strides);
    slices.push_back(op);
    return op.getResult();
  }

  /// The whole extent of a dimension.
  OpFoldResult extent(Value source, int64_t dim) {
    return tensor::getMixedSize(builder, loc, source, dim);
  }

  OpBuilder &builder;
  Location loc;
  SmallVector<Operation *> slices;
};
} // namespace

/// One parallel loop for each dimension of the result.
template <typename OpTy>
static SmallVector<Range> resultDomain(OpTy op, OpBuilder &builder) {
  SmallVector<Range> domain;
  for (int64_t d = 0, e = op.getInit().getType().getRank(); d < e; ++d)
    domain.push_back(
        {builder.getIndexAttr(0),
         tensor::getMixedSize(builder, op.getLoc(), op.getInit(), d),
         builder.getIndexAttr(1)});
  return domain;
}

/// Packed columns: vectors of `lanes` from a multiple of `lanes`.
static std::pair<OpFoldResult, OpFoldResult> packedColumns(Slicer &slicer,
                                                           OpFoldResult offset,
                                                           OpFoldResult size,
                                                           int64_t lanes) {
  AffineExpr s0 = slicer.builder.getAffineSymbolExpr(0);
  return {slicer.apply(s0.floorDiv(lanes), offset),
          slicer.apply(s0.ceilDiv(lanes), size)};
}

template <typename OpTy>
static TilingResult tiledResult(OpTy op, Slicer &slicer,
                                ArrayRef<Value> operands) {
  SmallVector<Value> all(operands);
  Operation *tiled = clone(slicer.builder, op.getOperation(),
                           {operands.back().getType()}, all);
  return {{tiled}, SmallVector<Value>(tiled->getResults()), slicer.slices};
}

//===----------------------------------------------------------------------===//
// contract
//===----------------------------------------------------------------------===//

SmallVector<utils::IteratorType> ContractOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(getInit().getType().getRank(),
                                          utils::IteratorType::parallel);
}

SmallVector<Range> ContractOp::getIterationDomain(OpBuilder &builder) {
  return resultDomain(*this, builder);
}

FailureOr<TilingResult>
ContractOp::getTiledImplementation(OpBuilder &builder,
                                   ArrayRef<OpFoldResult> offsets,
                                   ArrayRef<OpFoldResult> sizes) {
  Slicer slicer(builder, getLoc());
  int64_t rank = getLhs().getType().getRank();
  auto [column, columns] =
      packedColumns(slicer, offsets.back(), sizes.back(), getLanes());

  SmallVector<OpFoldResult> lhsOffsets(offsets.drop_back());
  SmallVector<OpFoldResult> lhsSizes(sizes.drop_back());
  lhsOffsets.push_back(slicer.constant(0));
  lhsSizes.push_back(slicer.extent(getLhs(), rank - 1));

  SmallVector<OpFoldResult> rhsOffsets, rhsSizes;
  int64_t rhsRank = getRhs().getType().getRank();
  if (rhsRank == 4) {
    rhsOffsets.push_back(offsets[0]);
    rhsSizes.push_back(sizes[0]);
  }
  rhsOffsets.append({column, slicer.constant(0), slicer.constant(0)});
  rhsSizes.append({columns, slicer.extent(getRhs(), rhsRank - 2),
                   slicer.extent(getRhs(), rhsRank - 1)});

  SmallVector<Value> operands{slicer.slice(getLhs(), lhsOffsets, lhsSizes),
                              slicer.slice(getRhs(), rhsOffsets, rhsSizes)};
  if (getBias()) {
    SmallVector<OpFoldResult> biasOffsets{offsets.back()},
        biasSizes{sizes.back()};
    if (getBias().getType().getRank() == 2) {
      biasOffsets.insert(biasOffsets.begin(), offsets[0]);
      biasSizes.insert(biasSizes.begin(), sizes[0]);
    }
    operands.push_back(slicer.slice(getBias(), biasOffsets, biasSizes));
  }
  operands.push_back(slicer.slice(getInit(), offsets, sizes));
  return tiledResult(*this, slicer, operands);
}

//===----------------------------------------------------------------------===//
// conv
//===----------------------------------------------------------------------===//

SmallVector<utils::IteratorType> ConvOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(4, utils::IteratorType::parallel);
}

SmallVector<Range> ConvOp::getIterationDomain(OpBuilder &builder) {
  return resultDomain(*this, builder);
}

FailureOr<TilingResult>
ConvOp::getTiledImplementation(OpBuilder &builder,
                               ArrayRef<OpFoldResult> offsets,
                               ArrayRef<OpFoldResult> sizes) {
  Slicer slicer(builder, getLoc());
  AffineExpr s0 = builder.getAffineSymbolExpr(0);
  auto [column, columns] =
      packedColumns(slicer, offsets[3], sizes[3], getLanes());
  // A tile of several groups starts at whole ones.
  int64_t filters = getGroupFilters(), tileGroups = 1;
  if (getGroups() > 1) {
    std::optional<int64_t> size = getConstantIntValue(sizes[3]);
    if (!size || *size % filters != 0)
      return emitOpError("expected a tile of whole groups of ")
             << filters << " filters but got "
             << (size ? Twine(*size) : Twine("a dynamic number"));
    tileGroups = *size / filters;
    int64_t vectors = llvm::divideCeilSigned(filters, getLanes());
    column = slicer.apply(s0.floorDiv(filters) * vectors, offsets[3]);
    columns = slicer.constant(tileGroups * vectors);
  }

  SmallVector<OpFoldResult> imageOffsets{offsets[0]}, imageSizes{sizes[0]};
  for (int d : {0, 1}) {
    int64_t stride = getStrides()[d];
    int64_t reach = (getWindow()[d] - 1) * getDilations()[d] + 1;
    imageOffsets.push_back(slicer.apply(s0 * stride, offsets[d + 1]));
    imageSizes.push_back(slicer.apply((s0 - 1) * stride + reach, sizes[d + 1]));
  }
  // A depthwise filter reads its own channel, a grouped one those of its group,
  // a dense one reads all.
  if (getDepthwise()) {
    imageOffsets.push_back(offsets[3]);
    imageSizes.push_back(sizes[3]);
  } else if (getGroups() > 1) {
    int64_t channels = getGroupChannels();
    imageOffsets.push_back(
        slicer.apply(s0.floorDiv(filters) * channels, offsets[3]));
    imageSizes.push_back(slicer.constant(tileGroups * channels));
  } else {
    imageOffsets.push_back(slicer.constant(0));
    imageSizes.push_back(slicer.extent(getImage(), 3));
  }

  SmallVector<Value> operands{
      slicer.slice(getImage(), imageOffsets, imageSizes),
      slicer.slice(getWeights(),
                   {column, slicer.constant(0), slicer.constant(0)},
                   {columns, slicer.extent(getWeights(), 1),
                    slicer.extent(getWeights(), 2)})};
  if (getBias())
    operands.push_back(slicer.slice(getBias(), offsets[3], sizes[3]));
  operands.push_back(slicer.slice(getInit(), offsets, sizes));
  TilingResult tiled = tiledResult(*this, slicer, operands);
  cast<ConvOp>(tiled.tiledOps[0]).setGroups(tileGroups);
  return tiled;
}

//===----------------------------------------------------------------------===//
// The result tile is the iteration tile.
//===----------------------------------------------------------------------===//

#define MPQ_RESULT_TILE_IS_DOMAIN_TILE(OP)                                     \
  LogicalResult OP::getResultTilePosition(                                     \
      OpBuilder &, unsigned, ArrayRef<OpFoldResult> offsets,                   \
      ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,  \
      SmallVector<OpFoldResult> &resultSizes) {                                \
    resultOffsets.assign(offsets.begin(), offsets.end());                      \
    resultSizes.assign(sizes.begin(), sizes.end());                            \
    return success();                                                          \
  }                                                                            \
  LogicalResult OP::getIterationDomainTileFromResultTile(                      \
      OpBuilder &, unsigned, ArrayRef<OpFoldResult> offsets,                   \
      ArrayRef<OpFoldResult> sizes,                                            \
      SmallVectorImpl<OpFoldResult> &domainOffsets,                            \
      SmallVectorImpl<OpFoldResult> &domainSizes) {                            \
    domainOffsets.assign(offsets.begin(), offsets.end());                      \
    domainSizes.assign(sizes.begin(), sizes.end());                            \
    return success();                                                          \
  }                                                                            \
  FailureOr<TilingResult> OP::generateResultTileValue(                         \
      OpBuilder &builder, unsigned, ArrayRef<OpFoldResult> offsets,            \
      ArrayRef<OpFoldResult> sizes) {                                          \
    return getTiledImplementation(builder, offsets, sizes);                    \
  }

MPQ_RESULT_TILE_IS_DOMAIN_TILE(ContractOp)
MPQ_RESULT_TILE_IS_DOMAIN_TILE(ConvOp)
#undef MPQ_RESULT_TILE_IS_DOMAIN_TILE
