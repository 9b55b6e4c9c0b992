//===- PackProducts.cpp - products to mpq.contract, mpq.conv ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Walks linear-algebra products, named or generic, f32 (perhaps with weights of
// 16 bits, or bf16 for a matrix unit) or u8 x s8, recognises
// matrix products and convolutions by their indexing maps (linalg's own
// inference of dimensions), and packs their constant weights in plain C++ into
// the vectors the kernels load: [ceil(N/L)][ceil(K/G)][L*G]. A right-hand side
// that is an activation is packed at run time by one generic (PackBytes.h).
//
//===----------------------------------------------------------------------===//

#include "NarrowFactors.h"
#include "PackedWeights.h"

#include "mpq/Analysis/HalfFactors.h"
#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/DepthwisePacking.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <map>

namespace mpq {
#define GEN_PASS_DEF_PACKPRODUCTSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Channels up to which the taps of a window's row become one sum.
static constexpr int64_t kMostMergedChannels = 8;

//===----------------------------------------------------------------------===//
// What multiplies what
//===----------------------------------------------------------------------===//

namespace {
enum class Arithmetic { Float, Integer };
} // namespace

/// f32 products, or i32 += extui(i8) * extsi(i8); std::nullopt for others.
static std::optional<Arithmetic> classify(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      !op.hasPureTensorSemantics())
    return std::nullopt;
  auto element = [&](unsigned i) {
    return getElementTypeOrSelf(op->getOperand(i).getType());
  };
  if (element(0).isF32() && element(1).isF32() && element(2).isF32())
    return Arithmetic::Float;
  if (!element(0).isInteger(8) || !element(1).isInteger(8) ||
      !element(2).isInteger(32))
    return std::nullopt;
  Block *body = op.getBlock();
  auto extendedBy = [&](unsigned i, auto kind) {
    BlockArgument argument = body->getArgument(i);
    return argument.hasOneUse() &&
           isa<decltype(kind)>(*argument.getUsers().begin());
  };
  if (extendedBy(0, arith::ExtUIOp()) && extendedBy(1, arith::ExtSIOp()))
    return Arithmetic::Integer;
  return std::nullopt;
}

/// Elements of the sum that a matrix unit takes at once, if the order of the
/// sum is its (N-H3).
static IntegerAttr getMatrixStep(linalg::LinalgOp op) {
  return op->getAttrOfType<IntegerAttr>(MPQDialect::getMatrixStepAttrName());
}

/// Elements of the sum side by side in a lane.
static int64_t getGroup(linalg::LinalgOp op, Arithmetic arithmetic) {
  return arithmetic == Arithmetic::Integer ? 4 : getMatrixStep(op) ? 2 : 1;
}

/// The right operand, of 16 bits if it is widened from a constant.
static Value getWeights(linalg::LinalgOp op) {
  Value narrow = getNarrowConstant(op->getOperand(1));
  return narrow ? narrow : op->getOperand(1);
}

/// The dimension of `operand` that loop `loop` indexes alone.
static std::optional<unsigned> dimOf(linalg::LinalgOp op, unsigned operand,
                                     unsigned loop) {
  AffineMap map = op.getMatchingIndexingMap(&op->getOpOperand(operand));
  return map.getResultPosition(getAffineDimExpr(loop, op.getContext()));
}

/// `value` with all its dimensions as one.
static Value flatten(OpBuilder &builder, Value value) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  if (rank == 1)
    return value;
  SmallVector<ReassociationIndices> all(1);
  llvm::append_range(all[0], llvm::seq<int64_t>(0, rank));
  return tensor::CollapseShapeOp::create(builder, value.getLoc(), value, all);
}

/// The bias a product starts from: numbers broadcast along the dimensions from
/// `channel` of the init as a vector, nothing for zero; failure if the init is
/// anything else.
static FailureOr<Value> getBias(OpBuilder &builder, Value init,
                                unsigned channel) {
  auto type = cast<RankedTensorType>(init.getType());
  ArrayRef<int64_t> channels = type.getShape().drop_front(channel);
  int64_t numChannels = llvm::product_of(channels);
  if (auto fill = init.getDefiningOp<linalg::FillOp>()) {
    if (matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) ||
        matchPattern(fill.getInputs()[0], m_Zero()))
      return Value();
    Attribute value;
    if (!matchPattern(fill.getInputs()[0], m_Constant(&value)))
      return failure();
    auto vectorType =
        RankedTensorType::get({numChannels}, type.getElementType());
    return arith::ConstantOp::create(builder, init.getLoc(),
                                     DenseElementsAttr::get(vectorType, value))
        .getResult();
  }
  if (auto broadcast = init.getDefiningOp<linalg::BroadcastOp>()) {
    // One vector for each matrix of a batch.
    if (channel == 2 && broadcast.getDimensions() == ArrayRef<int64_t>{1})
      return broadcast.getInput();
    if (broadcast.getDimensions().size() != channel ||
        llvm::any_of(broadcast.getDimensions(),
                     [&](int64_t d) { return d >= int64_t(channel); }))
      return failure();
    return flatten(builder, broadcast.getInput());
  }
  if (auto generic = init.getDefiningOp<linalg::GenericOp>()) {
    // A broadcast spelled as a generic.
    if (generic.getNumDpsInputs() != 1 || generic.getNumReductionLoops() ||
        !generic.getMatchingIndexingMap(generic.getDpsInitOperand(0))
             .isIdentity() ||
        generic.getBody()->getTerminator()->getOperand(0) !=
            generic.getBody()->getArgument(0))
      return failure();
    AffineMap map = generic.getIndexingMapsArray()[0];
    if (map.getNumResults() != channels.size())
      return failure();
    for (auto [d, expr] : llvm::enumerate(map.getResults()))
      if (expr != getAffineDimExpr(channel + d, init.getContext()))
        return failure();
    return flatten(builder, generic.getInputs()[0]);
  }
  auto bytes = readConstantBytes(init);
  if (bytes && llvm::all_of(*bytes, [](char c) { return c == 0; }))
    return Value();
  // A whole init of one row is the vector itself.
  if (!init.getDefiningOp<tensor::EmptyOp>() &&
      type.getNumElements() == numChannels)
    return flatten(builder, init);
  return failure();
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

namespace {
/// Row-major walk over a constant's bytes: element (i, j, ...) by strides.
struct ConstantView {
  SmallVector<char> bytes;
  int64_t elementBytes;
  SmallVector<int64_t> strides;

  static FailureOr<ConstantView> get(Value value) {
    auto bytes = readConstantBytes(value);
    if (!bytes)
      return failure();
    auto type = cast<RankedTensorType>(value.getType());
    return ConstantView{std::move(*bytes),
                        getElementBytes(type.getElementType()),
                        computeStrides(type.getShape())};
  }
  const char *at(int64_t element) const {
    return bytes.data() + element * elementBytes;
  }
};
} // namespace

static Value emptyLike(OpBuilder &builder, Location loc,
                       RankedTensorType type) {
  return tensor::EmptyOp::create(builder, loc, type.getShape(),
                                 type.getElementType());
}

//===----------------------------------------------------------------------===//
// Matrix products
//===----------------------------------------------------------------------===//

/// Packs an activation at run time: (b, n0, k0, c) reads column n0 * L + c / G
/// and row k0 * G + c % G of the batch's matrix, after padding to whole
/// vectors.
static Value packActivation(PatternRewriter &rewriter, Location loc, Value rhs,
                            std::optional<unsigned> batchDim, unsigned kDim,
                            unsigned nDim, int64_t lanes, int64_t group) {
  auto type = cast<RankedTensorType>(rhs.getType());
  int64_t rank = type.getRank();
  int64_t vectors = llvm::divideCeilSigned(type.getDimSize(nDim), lanes);
  int64_t groups = llvm::divideCeilSigned(type.getDimSize(kDim), group);
  SmallVector<int64_t> whole(type.getShape());
  whole[nDim] = vectors * lanes;
  whole[kDim] = groups * group;
  if (type.getShape() != ArrayRef<int64_t>(whole)) {
    auto padded = RankedTensorType::get(whole, type.getElementType());
    SmallVector<OpFoldResult> low(rank, rewriter.getIndexAttr(0)), high;
    for (auto [from, to] : llvm::zip_equal(type.getShape(), whole))
      high.push_back(rewriter.getIndexAttr(to - from));
    Value zero = arith::ConstantOp::create(
        rewriter, loc, rewriter.getZeroAttr(type.getElementType()));
    rhs = tensor::PadOp::create(rewriter, loc, padded, rhs, low, high, zero);
  }
  SmallVector<int64_t> shape{vectors, groups, lanes * group};
  unsigned batch = batchDim ? 1 : 0;
  SmallVector<AffineExpr> source(rank);
  if (batchDim) {
    shape.insert(shape.begin(), type.getDimSize(*batchDim));
    source[*batchDim] = rewriter.getAffineDimExpr(0);
  }
  AffineExpr n0 = rewriter.getAffineDimExpr(batch),
             k0 = rewriter.getAffineDimExpr(batch + 1),
             c = rewriter.getAffineDimExpr(batch + 2);
  source[nDim] = n0 * lanes + c.floorDiv(group);
  source[kDim] = k0 * group + c % group;
  auto packed = RankedTensorType::get(shape, type.getElementType());
  SmallVector<AffineMap> maps{
      AffineMap::get(batch + 3, 0, source, rewriter.getContext()),
      rewriter.getMultiDimIdentityMap(batch + 3)};
  SmallVector<utils::IteratorType> iterators(batch + 3,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             rewriter, loc, packed, rhs, emptyLike(rewriter, loc, packed), maps,
             iterators,
             [](OpBuilder &b, Location l, ValueRange args) {
               linalg::YieldOp::create(b, l, args[0]);
             })
      .getResult(0);
}

/// Packed forms of constants, by the constant, its dimensions of the sum and of
/// columns, and the group: the products of a sequence's steps share one.
using PackedConstants =
    std::map<std::tuple<const void *, unsigned, unsigned, int64_t>,
             PackedWeights>;

/// (b?, m, k) x (b?, k, n), the left row-major, the right in any order.
static LogicalResult packContraction(PatternRewriter &rewriter,
                                     linalg::LinalgOp op, Arithmetic arithmetic,
                                     const linalg::ContractionDimensions &dims,
                                     int64_t lanes, PackedConstants &known) {
  if (dims.m.size() != 1 || dims.n.size() != 1 || dims.k.size() != 1 ||
      dims.batch.size() > 1)
    return rewriter.notifyMatchFailure(op,
                                       "more than one m, n, k or batch loop");
  Location loc = op.getLoc();
  unsigned batch = dims.batch.size();
  Value lhs = op->getOperand(0), rhs = getWeights(op);
  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  bool rowMajor = dimOf(op, 0, dims.m[0]) == batch &&
                  dimOf(op, 0, dims.k[0]) == batch + 1 &&
                  dimOf(op, 2, dims.m[0]) == batch &&
                  dimOf(op, 2, dims.n[0]) == batch + 1 &&
                  resultType.getRank() == batch + 2;
  if (batch)
    rowMajor &= dimOf(op, 0, dims.batch[0]) == 0u &&
                dimOf(op, 2, dims.batch[0]) == 0u &&
                dimOf(op, 1, dims.batch[0]).has_value();
  if (!rowMajor)
    return rewriter.notifyMatchFailure(op, "left side or result not row-major");
  FailureOr<Value> bias = getBias(rewriter, op->getOperand(2), batch + 1);
  if (failed(bias))
    return rewriter.notifyMatchFailure(op, "init is no broadcast vector");

  auto rhsType = cast<RankedTensorType>(rhs.getType());
  unsigned kDim = *dimOf(op, 1, dims.k[0]), nDim = *dimOf(op, 1, dims.n[0]);
  int64_t depth = rhsType.getDimSize(kDim), columns = rhsType.getDimSize(nDim);
  int64_t group = getGroup(op, arithmetic);
  Value packed;
  TypedAttr constant;
  if (batch == 0 && matchPattern(rhs, m_Constant(&constant))) {
    PackedWeights &shared =
        known[{constant.getAsOpaquePointer(), kDim, nDim, group}];
    FailureOr<ConstantView> weights = ConstantView::get(rhs);
    if (!shared.constant && succeeded(weights)) {
      WeightPacker packer(columns, depth, lanes, group, weights->elementBytes);
      for (int64_t n = 0; n < columns; ++n)
        for (int64_t k = 0; k < depth; ++k)
          packer.set(n, k,
                     weights->at(n * weights->strides[nDim] +
                                 k * weights->strides[kDim]));
      shared = packer.finish(rhsType.getElementType());
    }
    if (shared.constant)
      packed = shared.create(rewriter, loc);
  }
  IntegerAttr step = getMatrixStep(op);
  if (step && packed)
    lhs = narrowActivation(rewriter, lhs);
  if (!packed) {
    rhs = op->getOperand(1);
    if (step || rhsType.getRank() != batch + 2)
      return rewriter.notifyMatchFailure(op, "right side not a matrix");
    packed = packActivation(rewriter, loc, rhs,
                            batch ? dimOf(op, 1, dims.batch[0])
                                  : std::optional<unsigned>(),
                            kDim, nDim, lanes, group);
  }
  rewriter.replaceOpWithNewOp<ContractOp>(op, resultType, lhs, packed, *bias,
                                          emptyLike(rewriter, loc, resultType),
                                          step);
  return success();
}

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

/// True if `value`, or what elementwise operations make of it, is padded.
static bool isPadded(Value value) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (isa<tensor::PadOp>(user))
      return true;
    auto generic = dyn_cast<linalg::GenericOp>(user);
    return generic && isElementwise(generic) && isPadded(generic.getResult(0));
  });
}

/// NHWC images, filters in any order of (kh, kw, c, f); grouped ones as NHWGC
/// images and filters of (g, kh, kw, c, f).
static LogicalResult packConvolution(PatternRewriter &rewriter,
                                     linalg::LinalgOp op, Arithmetic arithmetic,
                                     const linalg::ConvolutionDimensions &dims,
                                     int64_t lanes) {
  bool depthwise = dims.depth.size() == 1 && dims.outputChannel.empty();
  bool dense = dims.depth.empty() && dims.outputChannel.size() == 1 &&
               dims.inputChannel.size() == 1;
  bool grouped = dims.depth.size() == 1 && dims.outputChannel.size() == 1 &&
                 dims.inputChannel.size() == 1;
  if (dims.batch.size() != 1 || dims.outputImage.size() != 2 ||
      (!dense && !depthwise && !grouped))
    return rewriter.notifyMatchFailure(
        op, "not a dense, grouped or depthwise 2-D form");
  Location loc = op.getLoc();
  unsigned channelLoop = depthwise ? dims.depth[0] : dims.outputChannel[0];
  unsigned inputLoop = depthwise ? dims.depth[0] : dims.inputChannel[0];
  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  auto imageType = cast<RankedTensorType>(op->getOperand(0).getType());
  unsigned channelPlace = grouped ? 4 : 3;
  if (resultType.getRank() != channelPlace + 1 ||
      imageType.getRank() != channelPlace + 1 ||
      dimOf(op, 2, dims.batch[0]) != 0u ||
      dimOf(op, 2, dims.outputImage[0]) != 1u ||
      dimOf(op, 2, dims.outputImage[1]) != 2u ||
      dimOf(op, 2, channelLoop) != channelPlace ||
      dimOf(op, 0, dims.batch[0]) != 0u ||
      dimOf(op, 0, inputLoop) != channelPlace ||
      (grouped && (dimOf(op, 0, dims.depth[0]) != 3u ||
                   dimOf(op, 2, dims.depth[0]) != 3u)))
    return rewriter.notifyMatchFailure(op, "image or result not NHWC");
  FailureOr<Value> bias = getBias(rewriter, op->getOperand(2), 3);
  if (failed(bias))
    return rewriter.notifyMatchFailure(op, "init is no broadcast vector");
  FailureOr<ConstantView> weights = ConstantView::get(getWeights(op));
  if (failed(weights))
    return rewriter.notifyMatchFailure(op, "filters not constant");

  auto filterType = cast<RankedTensorType>(getWeights(op).getType());
  unsigned rowDim = *dimOf(op, 1, dims.filterLoop[0]);
  unsigned columnDim = *dimOf(op, 1, dims.filterLoop[1]);
  unsigned channelDim = *dimOf(op, 1, channelLoop);
  unsigned inputDim = *dimOf(op, 1, inputLoop);
  int64_t kh = filterType.getDimSize(rowDim),
          kw = filterType.getDimSize(columnDim);
  int64_t filters = filterType.getDimSize(channelDim);
  int64_t channels = depthwise ? 1 : filterType.getDimSize(inputDim);
  int64_t groups = 1, groupStride = 0;
  if (grouped) {
    unsigned groupDim = *dimOf(op, 1, dims.depth[0]);
    groups = filterType.getDimSize(groupDim);
    groupStride = weights->strides[groupDim];
  }
  // Each group of a grouped convolution begins at a whole vector.
  int64_t groupColumns = llvm::divideCeilSigned(filters, lanes) * lanes;
  int64_t columns = (groups - 1) * groupColumns + filters;
  int64_t group = getGroup(op, arithmetic);
  IntegerAttr step = getMatrixStep(op);
  Value image = op->getOperand(0);
  // Few channels: groups along a row of the window, over pixels side by side.
  int64_t rowDepth = kw * channels;
  bool merged = dense && kw > 1 && channels <= kMostMergedChannels &&
                dims.dilations[1] == 1 && rowDepth >= group && !step &&
                !isPadded(image);
  // Dense: whole groups of channels for each tap. Depthwise: taps, of bytes in
  // groups of neighbours.
  int64_t tapDepth =
      depthwise ? 1 : llvm::divideCeilSigned(channels, group) * group;
  int64_t packedRow = llvm::divideCeilSigned(rowDepth, group) * group;
  DepthwisePacking taps({kh, kw}, dims.strides, dims.dilations);
  bool neighbours = depthwise && arithmetic == Arithmetic::Integer;
  int64_t phases = neighbours ? taps.getNumPhases() : 1;
  int64_t depth = kh * (merged ? packedRow : kw * tapDepth);
  WeightPacker packer(columns, neighbours ? taps.getNumGroups() * group : depth,
                      lanes, group, weights->elementBytes);
  auto getDepth = [&](int64_t i, int64_t phase, int64_t j, int64_t c) {
    if (neighbours)
      return taps.getDepth(i, phase, j);
    if (!merged)
      return (i * kw + j) * tapDepth + c;
    // The last group of a row is that of its last elements.
    int64_t k = j * channels + c;
    if (k >= rowDepth / group * group)
      k += packedRow - rowDepth;
    return i * packedRow + k;
  };
  for (int64_t n = 0; n < columns; ++n) {
    int64_t f = n % groupColumns;
    if (f >= filters)
      continue;
    int64_t start =
        n / groupColumns * groupStride + f * weights->strides[channelDim];
    for (int64_t i = 0; i < kh; ++i)
      for (int64_t j = 0; j < kw; ++j)
        for (int64_t c = 0; c < channels; ++c)
          for (int64_t phase = 0; phase < phases; ++phase)
            packer.set(
                n, getDepth(i, phase, j, c),
                weights->at(start + i * weights->strides[rowDim] +
                            j * weights->strides[columnDim] +
                            (depthwise ? 0 : c * weights->strides[inputDim])));
  }
  Value packed =
      packer.finish(filterType.getElementType()).create(rewriter, loc);

  // A 1x1 convolution of stride 1 is a matrix product over all pixels, unless a
  // neighbour wants its image inside a halo, which has no rows to merge.
  bool pointwise =
      dense && kh == 1 && kw == 1 &&
      llvm::all_equal({dims.strides[0], dims.strides[1], int64_t(1)}) &&
      !isPadded(image) && !isPadded(op->getResult(0));
  if (step) {
    image = narrowActivation(rewriter, image);
    imageType = cast<RankedTensorType>(image.getType());
  }
  if (pointwise) {
    SmallVector<ReassociationIndices> rows{{0, 1, 2}, {3}};
    int64_t pixels = imageType.getNumElements() / channels;
    auto flat =
        RankedTensorType::get({pixels, filters}, resultType.getElementType());
    Value lhs = tensor::CollapseShapeOp::create(rewriter, loc, image, rows);
    Value product = ContractOp::create(rewriter, loc, flat, lhs, packed, *bias,
                                       emptyLike(rewriter, loc, flat), step);
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, resultType, product,
                                                       rows);
    return success();
  }
  // The channels of all groups are side by side in memory: no copies.
  SmallVector<ReassociationIndices> sideBySide{{0}, {1}, {2}, {3, 4}};
  auto convType = resultType;
  if (grouped) {
    image = tensor::CollapseShapeOp::create(rewriter, loc, image, sideBySide);
    SmallVector<int64_t> shape(resultType.getShape().take_front(3));
    shape.push_back(groups * filters);
    convType = RankedTensorType::get(shape, resultType.getElementType());
  }
  SmallVector<int64_t> window{kh, kw};
  SmallVector<int64_t> strides(dims.strides.begin(), dims.strides.end());
  if (merged) {
    SmallVector<int64_t> shape(imageType.getShape());
    shape = {shape[0], shape[1], shape[2] * channels};
    auto rows = RankedTensorType::get(shape, imageType.getElementType());
    image = tensor::CollapseShapeOp::create(
        rewriter, loc, rows, image,
        ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3}});
    shape.push_back(1);
    image = tensor::ExpandShapeOp::create(
        rewriter, loc, RankedTensorType::get(shape, imageType.getElementType()),
        image, ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3}});
    window[1] *= channels;
    strides[1] *= channels;
  }
  auto unitIf = [&](bool set) {
    return set ? rewriter.getUnitAttr() : UnitAttr();
  };
  Value result = ConvOp::create(
      rewriter, loc, convType, image, packed, *bias,
      emptyLike(rewriter, loc, convType), rewriter.getDenseI64ArrayAttr(window),
      rewriter.getDenseI64ArrayAttr(strides),
      rewriter.getDenseI64ArrayAttr(dims.dilations), unitIf(depthwise),
      rewriter.getI64IntegerAttr(groups), unitIf(merged), step);
  if (grouped)
    result = tensor::ExpandShapeOp::create(rewriter, loc, resultType, result,
                                           sideBySide);
  rewriter.replaceOp(op, result);
  return success();
}

namespace {
struct PackProduct : OpInterfaceRewritePattern<linalg::LinalgOp> {
  PackProduct(MLIRContext *context, int64_t lanes)
      : OpInterfaceRewritePattern(context), lanes(lanes) {}

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<Arithmetic> arithmetic = classify(op);
    if (!arithmetic)
      return rewriter.notifyMatchFailure(op, "not f32 x f32 or u8 x s8");
    if (linalg::isaContractionOpInterface(op))
      if (auto dims = linalg::inferContractionDims(op); succeeded(dims))
        return packContraction(rewriter, op, *arithmetic, *dims, lanes, known);
    if (linalg::isaConvolutionOpInterface(op))
      if (auto dims = linalg::inferConvolutionDims(op); succeeded(dims))
        return packConvolution(rewriter, op, *arithmetic, *dims, lanes);
    return rewriter.notifyMatchFailure(op,
                                       "neither contraction nor convolution");
  }

  int64_t lanes;
  mutable PackedConstants known;
};

struct PackProducts : mpq::impl::PackProductsPassBase<PackProducts> {
  using PackProductsPassBase::PackProductsPassBase;

  void runOnOperation() override {
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    populatePackProductsPatterns(patterns, *target);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    widenConstants(getOperation());
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (!getMatrixStep(op))
        return;
      op.emitOpError("expected a matrix product or dense convolution of "
                     "factors rounded to bf16, row-major and with constant "
                     "weights and bias, for '")
          << MPQDialect::getMatrixStepAttrName() << "'";
      signalPassFailure();
    });
  }
};
} // namespace

void mpq::populatePackProductsPatterns(RewritePatternSet &patterns,
                                       const TargetInfo &target) {
  patterns.add<PackProduct>(patterns.getContext(), target.getVectorLanes32());
}
