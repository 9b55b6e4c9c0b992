//===- MPQBlockOps.cpp - weights in blocks: verifiers and tiling ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles cover rows and columns of the result; the blocks of the sum stay
// together, because their accumulators live in registers.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mpq;

//===----------------------------------------------------------------------===//
// choose_params
//===----------------------------------------------------------------------===//

LogicalResult ChooseParamsOp::verify() {
  AffineMap map = getParamMap();
  RankedTensorType input = getInput().getType(), scale = getScale().getType();
  if (map.getNumDims() != input.getRank() || map.getNumSymbols() != 0 ||
      map.getNumResults() != scale.getRank()) // (H1)
    return emitOpError("expected a parameter map from ")
           << input.getRank() << " dimensions to " << scale.getRank()
           << " but got " << getParamMapAttr();
  if (scale.getShape() != getZeroPoint().getType().getShape()) // (H2)
    return emitOpError("requires scale and zero point of equal shape but got ")
           << scale << " and " << getZeroPoint().getType();
  // Leading dimensions, and perhaps blocks of the last one.
  unsigned kept = map.getNumResults();
  int64_t block = 0;
  bool ok = kept <= map.getNumDims();
  if (ok && isBlocked()) {
    auto binary = dyn_cast<AffineBinaryOpExpr>(map.getResult(--kept));
    ok = binary && binary.getKind() == AffineExprKind::FloorDiv &&
         binary.getLHS() == getAffineDimExpr(kept, getContext()) &&
         isa<AffineConstantExpr>(binary.getRHS());
    if (ok)
      block = cast<AffineConstantExpr>(binary.getRHS()).getValue();
    ok = ok && block > 0;
  }
  for (unsigned d = 0; ok && d < kept; ++d)
    ok = map.getResult(d) == getAffineDimExpr(d, getContext());
  if (!ok) // (H1)
    return emitOpError(
               "expected a parameter map to leading dimensions, or to all but "
               "the last and that one floordiv a positive constant, but got ")
           << getParamMapAttr();
  SmallVector<int64_t> wanted(input.getShape().take_front(kept));
  if (block)
    wanted.push_back(
        input.isDynamicDim(kept)
            ? ShapedType::kDynamic
            : llvm::divideCeilSigned(input.getDimSize(kept), block));
  if (failed(verifyCompatibleShape(scale.getShape(), wanted))) // (H2)
    return emitOpError("expected scales of shape [")
           << wanted << "] but got " << scale;
  return success();
}

//===----------------------------------------------------------------------===//
// block_contract
//===----------------------------------------------------------------------===//

/// Four rows of a plane are bytes of one lane, so that one instruction sums
/// them up; codes of floats are half a register apart, where those of a row
/// become a vector of f16 that is widened.
BlockContractOp::Place BlockContractOp::getPlace(int64_t k, int64_t lane,
                                                 int64_t lanes) {
  int64_t planes = getPlanes(), bits = getBits(), inStep = k % (4 * planes);
  int64_t step = k / (4 * planes);
  if (!getFormat())
    return {step, 4 * lane + inStep % 4, inStep / 4 * bits};
  int64_t bit = inStep / 2 * bits;
  return {step, 2 * (inStep % 2 * lanes + lane) + bit / 8, bit % 8};
}

LogicalResult BlockContractOp::verify() {
  RankedTensorType lhs = getLhs().getType(), weights = getWeights().getType(),
                   scales = getScales().getType(), init = getInit().getType();
  int64_t bits = getBits(), block = getBlock();
  if ((bits != 2 && bits != 4 && bits != 8) ||
      lhs.getDimSize(0) != init.getDimSize(0)) // (B1)
    return emitOpError("requires 2, 4 or 8 bits and lhs and init of equal rows "
                       "but got ")
           << bits << " bits, " << lhs << " and " << init;
  int64_t depth = lhs.getDimSize(1), columns = init.getDimSize(1);
  if (ShapedType::isDynamic(depth) || block <= 0 || depth % block != 0) // (B2)
    return emitOpError("expected blocks that divide ")
           << depth << " but got " << block;
  Type scale = scales.getElementType();
  if ((getScaleBase() && !scale.isInteger(8)) ||
      (!scale.isF32() && !isPacked())) // (B7)
    return emitOpError(
               "expected scales in f32 or, if packed, f16 or bytes with "
               "or without a scale_base but got ")
           << scales;
  if (std::optional<Type> format = getFormat(); // (B8)
      format && (format->getIntOrFloatBitWidth() != uint64_t(bits) ||
                 isInteger() || getZeroPoints() || getZeroPoint() != 0))
    return emitOpError("expected an f32 lhs, no zero points and ")
           << format->getIntOrFloatBitWidth() << " bits for " << *format
           << " but got " << lhs << " and " << bits << " bits";
  int64_t blocks = depth / block, lanes = getLanes();
  SmallVector<int64_t> wantedWeights{depth, columns},
      wantedScales{blocks, columns}, wantedZeros = wantedScales;
  unsigned width = bits;
  if (isPacked()) {
    int64_t vectors = ShapedType::isDynamic(columns)
                          ? columns
                          : llvm::divideCeilSigned(columns, lanes);
    wantedWeights = {vectors, blocks * getSteps(), 4 * lanes};
    wantedZeros = {vectors, blocks, lanes};
    wantedScales = {vectors, blocks, getScaleBase() ? 3 * lanes : lanes};
    width = 8;
  }
  bool ok =
      weights.getElementTypeBitWidth() == width &&
      succeeded(verifyCompatibleShape(weights.getShape(), wantedWeights)) &&
      succeeded(verifyCompatibleShape(scales.getShape(), wantedScales));
  if (getZeroPoints())
    ok &= getZeroPoints().getType().getElementTypeBitWidth() == width &&
          succeeded(verifyCompatibleShape(getZeroPoints().getType().getShape(),
                                          wantedZeros));
  if (!ok) // (B3)
    return emitOpError("expected weights of shape [")
           << wantedWeights << "] and " << width
           << " bits with parameters of shape [" << wantedScales << "] but got "
           << weights << " and " << scales;
  auto isOfBlocks = [&](RankedTensorType type) {
    return succeeded(
        verifyCompatibleShape(type.getShape(), {lhs.getDimSize(0), blocks}));
  };
  if (isInteger() != bool(getLhsScales()) ||
      (getLhsScales() && !isOfBlocks(getLhsScales().getType()))) // (B4)
    return emitOpError("expected lhs_scales for each of ")
           << blocks << " blocks of an integer lhs, and for no other";
  if ((isInteger() && isPacked()) != bool(getLhsSums()) ||
      (getLhsSums() && !isOfBlocks(getLhsSums().getType()))) // (B5)
    return emitOpError("expected lhs_sums for each of ")
           << blocks << " blocks of an integer lhs and packed weights, and for "
           << "no other";
  if (isInteger() && (block << (7 + bits)) > (int64_t(1) << 31)) // (B6)
    return emitOpError("expected blocks of at most ")
           << (int64_t(1) << (24 - bits)) << " but got " << block;
  return success();
}

SmallVector<utils::IteratorType> BlockContractOp::getLoopIteratorTypes() {
  return {utils::IteratorType::parallel, utils::IteratorType::parallel};
}

SmallVector<Range> BlockContractOp::getIterationDomain(OpBuilder &builder) {
  SmallVector<Range> domain;
  for (int64_t d : {0, 1})
    domain.push_back({builder.getIndexAttr(0),
                      tensor::getMixedSize(builder, getLoc(), getInit(), d),
                      builder.getIndexAttr(1)});
  return domain;
}

FailureOr<TilingResult>
BlockContractOp::getTiledImplementation(OpBuilder &builder,
                                        ArrayRef<OpFoldResult> offsets,
                                        ArrayRef<OpFoldResult> sizes) {
  if (!isPacked())
    return emitOpError("expected packed weights: run mpq-pack-products first");
  Location loc = getLoc();
  AffineExpr s0 = builder.getAffineSymbolExpr(0);
  auto apply = [&](AffineExpr expr, OpFoldResult value) {
    return affine::makeComposedFoldedAffineApply(builder, loc, expr, {value});
  };
  OpFoldResult vector = apply(s0.floorDiv(getLanes()), offsets[1]),
               vectors = apply(s0.ceilDiv(getLanes()), sizes[1]),
               zero = builder.getIndexAttr(0);
  SmallVector<Operation *> slices;
  auto slice = [&](Value source, SmallVector<OpFoldResult> at,
                   SmallVector<OpFoldResult> extents) -> Value {
    int64_t rank = cast<RankedTensorType>(source.getType()).getRank();
    for (int64_t d = at.size(); d < rank; ++d) {
      at.push_back(zero);
      extents.push_back(tensor::getMixedSize(builder, loc, source, d));
    }
    SmallVector<OpFoldResult> strides(rank, builder.getIndexAttr(1));
    auto op = tensor::ExtractSliceOp::create(builder, loc, source, at, extents,
                                             strides);
    slices.push_back(op);
    return op;
  };
  SmallVector<Value> operands{slice(getLhs(), {offsets[0]}, {sizes[0]}),
                              slice(getWeights(), {vector}, {vectors}),
                              slice(getScales(), {vector}, {vectors})};
  if (getZeroPoints())
    operands.push_back(slice(getZeroPoints(), {vector}, {vectors}));
  for (Value ofRows : {getLhsScales(), getLhsSums()})
    if (ofRows)
      operands.push_back(slice(ofRows, {offsets[0]}, {sizes[0]}));
  operands.push_back(slice(getInit(), SmallVector<OpFoldResult>(offsets),
                           SmallVector<OpFoldResult>(sizes)));
  Operation *tiled = mlir::clone(builder, getOperation(),
                                 {operands.back().getType()}, operands);
  return TilingResult{{tiled}, SmallVector<Value>(tiled->getResults()), slices};
}

LogicalResult BlockContractOp::getResultTilePosition(
    OpBuilder &, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets.assign(offsets.begin(), offsets.end());
  resultSizes.assign(sizes.begin(), sizes.end());
  return success();
}

LogicalResult BlockContractOp::getIterationDomainTileFromResultTile(
    OpBuilder &, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVectorImpl<OpFoldResult> &domainOffsets,
    SmallVectorImpl<OpFoldResult> &domainSizes) {
  domainOffsets.assign(offsets.begin(), offsets.end());
  domainSizes.assign(sizes.begin(), sizes.end());
  return success();
}

FailureOr<TilingResult>
BlockContractOp::generateResultTileValue(OpBuilder &builder, unsigned,
                                         ArrayRef<OpFoldResult> offsets,
                                         ArrayRef<OpFoldResult> sizes) {
  return getTiledImplementation(builder, offsets, sizes);
}
