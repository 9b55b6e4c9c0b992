//===- PackBlockProducts.cpp - weights in blocks to planes of bytes ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Types of less than a byte end here: no memref of them is legal. A kernel
// reads the vectors of its columns one after the other, so that weights stream
// from memory; low and high bits of a byte are rows of the same column, so that
// unpacking never moves anything between lanes.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Numerics/NarrowFloats.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace mpq {
#define GEN_PASS_DEF_PACKBLOCKPRODUCTSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Products of more rows compute rather than read.
static constexpr int64_t kMostRowsOfNarrowScales = 4;

/// The rows' sums of each block, negated and times the zero point if there is
/// one for all.
static Value createSums(OpBuilder &builder, BlockContractOp op) {
  Location loc = op.getLoc();
  int64_t rows = op.getLhs().getType().getDimSize(0), blocks = op.getBlocks(),
          block = op.getBlock();
  Type i32 = builder.getI32Type();
  Value split = tensor::ExpandShapeOp::create(
      builder, loc,
      RankedTensorType::get({rows, blocks, block}, builder.getI8Type()),
      op.getLhs(), ArrayRef<ReassociationIndices>{{0}, {1, 2}});
  Value empty = tensor::EmptyOp::create(builder, loc, {rows, blocks}, i32);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value start = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  AffineMap identity = builder.getMultiDimIdentityMap(3),
            ofBlock = identity.getMajorSubMap(2),
            inPlace = builder.getMultiDimIdentityMap(2);
  auto parallel = utils::IteratorType::parallel;
  Value sums =
      linalg::GenericOp::create(
          builder, loc, TypeRange{empty.getType()}, split, start,
          ArrayRef<AffineMap>{identity, ofBlock},
          ArrayRef<utils::IteratorType>{parallel, parallel,
                                        utils::IteratorType::reduction},
          [](OpBuilder &b, Location l, ValueRange args) {
            Value x = arith::ExtSIOp::create(b, l, args[1].getType(), args[0]);
            linalg::YieldOp::create(
                b, l, arith::AddIOp::create(b, l, args[1], x).getResult());
          })
          .getResult(0);
  int64_t factor = op.getZeroPoints() ? -1 : -int64_t(op.getZeroPoint());
  return linalg::GenericOp::create(
             builder, loc, TypeRange{empty.getType()}, sums, empty,
             ArrayRef<AffineMap>{inPlace, inPlace},
             ArrayRef<utils::IteratorType>{parallel, parallel},
             [&](OpBuilder &b, Location l, ValueRange args) {
               Value times = arith::ConstantOp::create(
                   b, l, b.getI32IntegerAttr(int32_t(factor)));
               linalg::YieldOp::create(
                   b, l,
                   arith::MulIOp::create(b, l, args[0], times).getResult());
             })
      .getResult(0);
}

/// Parameters [G][N] of `elementBytes` as [ceil(N/L)][G][L].
static SmallVector<char> packParameters(ArrayRef<char> plain, int64_t blocks,
                                        int64_t columns, int64_t lanes,
                                        int64_t elementBytes) {
  int64_t vectors = llvm::divideCeilSigned(columns, lanes);
  SmallVector<char> packed(vectors * blocks * lanes * elementBytes, 0);
  for (int64_t g = 0; g < blocks; ++g)
    for (int64_t n = 0; n < columns; ++n)
      std::memcpy(
          packed.data() +
              ((n / lanes * blocks + g) * lanes + n % lanes) * elementBytes,
          plain.data() + (g * columns + n) * elementBytes, elementBytes);
  return packed;
}

/// Weights [K][N] as [ceil(N/L)][G*S][4*L].
static SmallVector<char> packWeights(ArrayRef<char> plain, BlockContractOp op,
                                     int64_t columns, int64_t lanes) {
  int64_t blocks = op.getBlocks(), block = op.getBlock(), bits = op.getBits(),
          steps = op.getSteps();
  int64_t vectors = llvm::divideCeilSigned(columns, lanes);
  uint8_t mask = uint8_t((1 << bits) - 1);
  SmallVector<char> packed(vectors * blocks * steps * 4 * lanes, 0);
  for (int64_t k = 0; k < blocks * block; ++k) {
    int64_t g = k / block;
    for (int64_t n = 0; n < columns; ++n) {
      auto place = op.getPlace(k % block, n % lanes, lanes);
      int64_t step = (n / lanes * blocks + g) * steps + place.step;
      packed[step * 4 * lanes + place.byte] |=
          char((uint8_t(plain[k * columns + n]) & mask) << place.shift);
    }
  }
  return packed;
}

namespace {
/// Scales [G][N] in as few bytes as hold their values.
struct NarrowScales {
  Type type;
  SmallVector<char> elements;      // f16, f32, or exponents
  SmallVector<char> low{}, high{}; // or two and one byte above a base
  std::optional<uint32_t> base{};
};
} // namespace

static NarrowScales narrow(ArrayRef<char> plain, MLIRContext *context) {
  NarrowScales narrow{Float32Type::get(context), SmallVector<char>(plain)};
  int64_t count = plain.size() / sizeof(uint32_t);
  SmallVector<uint32_t> bits(count);
  std::memcpy(bits.data(), plain.data(), plain.size());
  // Powers of two, as those of the Microscaling formats are.
  if (llvm::all_of(bits, [](uint32_t scale) {
        return (scale & 0x807fffff) == 0 && scale != 0 && scale < 0x7f800000;
      })) {
    narrow.type = IntegerType::get(context, 8);
    narrow.elements = llvm::map_to_vector(
        bits, [](uint32_t scale) { return char(scale >> 23); });
    return narrow;
  }
  SmallVector<char> halves;
  for (uint32_t scale : bits) {
    APFloat value(APFloat::IEEEsingle(), APInt(32, scale));
    bool loses = false;
    value.convert(APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven, &loses);
    if (loses || value.isNaN())
      break;
    auto half = uint16_t(value.bitcastToAPInt().getZExtValue());
    halves.append({char(half), char(half >> 8)});
  }
  if (int64_t(halves.size()) == 2 * count) {
    narrow.type = Float16Type::get(context);
    narrow.elements = std::move(halves);
    return narrow;
  }
  auto [lowest, highest] = std::minmax_element(bits.begin(), bits.end());
  if (*highest - *lowest >= uint32_t(1) << 24)
    return narrow;
  narrow.type = IntegerType::get(context, 8);
  narrow.base = *lowest;
  for (uint32_t scale : bits) {
    uint32_t above = scale - *lowest;
    narrow.low.append({char(above), char(above >> 8)});
    narrow.high.push_back(char(above >> 16));
  }
  return narrow;
}

static LogicalResult pack(RewriterBase &rewriter, BlockContractOp op,
                          int64_t lanes) {
  auto weights = readConstantBytes(op.getWeights()),
       scales = readConstantBytes(op.getScales());
  std::optional<SmallVector<char>> zeroPoints;
  if (op.getZeroPoints())
    zeroPoints = readConstantBytes(op.getZeroPoints());
  if (!weights || !scales || bool(zeroPoints) != bool(op.getZeroPoints()))
    return op.emitOpError("expected constant weights and parameters");
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  int64_t columns = op.getInit().getType().getDimSize(1),
          blocks = op.getBlocks();
  int64_t vectors = llvm::divideCeilSigned(columns, lanes);
  Type i8 = rewriter.getI8Type();
  Value packedWeights = createConstant(
      rewriter, loc,
      RankedTensorType::get({vectors, blocks * op.getSteps(), 4 * lanes}, i8),
      ArrayRef<char>(packWeights(*weights, op, columns, lanes)));
  auto parameters = [&](ArrayRef<char> plain, Type type) {
    return createConstant(
        rewriter, loc, RankedTensorType::get({vectors, blocks, lanes}, type),
        ArrayRef<char>(packParameters(plain, blocks, columns, lanes,
                                      getElementBytes(type))));
  };
  if (op.getFormat()) { // the exponent's bias is that of f16 in kernels
    float factor = formulas::NarrowFormat::power(
        15 - formulas::getNarrowFormat(*op.getFormat())->bias);
    for (size_t at = 0; at < scales->size(); at += sizeof(float)) {
      float scale;
      std::memcpy(&scale, scales->data() + at, sizeof(float));
      scale *= factor;
      std::memcpy(scales->data() + at, &scale, sizeof(float));
    }
  }
  // Few rows wait for what they read; many would pay for making it wide again.
  NarrowScales narrowed{rewriter.getF32Type(), std::move(*scales)};
  if (op.getInit().getType().getDimSize(0) <= kMostRowsOfNarrowScales)
    narrowed = narrow(narrowed.elements, rewriter.getContext());
  Value packedScales, packedZeros;
  IntegerAttr base;
  if (narrowed.base) {
    base = rewriter.getI32IntegerAttr(int32_t(*narrowed.base));
    SmallVector<char> low = packParameters(narrowed.low, blocks, columns, lanes,
                                           2),
                      high = packParameters(narrowed.high, blocks, columns,
                                            lanes, 1),
                      both;
    for (int64_t g = 0; g < vectors * blocks; ++g) {
      llvm::append_range(both, ArrayRef(low).slice(g * lanes * 2, lanes * 2));
      llvm::append_range(both, ArrayRef(high).slice(g * lanes, lanes));
    }
    packedScales = createConstant(
        rewriter, loc, RankedTensorType::get({vectors, blocks, 3 * lanes}, i8),
        ArrayRef<char>(both));
  } else {
    packedScales = parameters(narrowed.elements, narrowed.type);
  }
  if (zeroPoints) {
    for (char &value : *zeroPoints)
      value = char(uint8_t(value) & ((1 << op.getBits()) - 1));
    packedZeros = parameters(*zeroPoints, i8);
  }
  rewriter.replaceOpWithNewOp<BlockContractOp>(
      op, op.getType(), op.getLhs(), packedWeights, packedScales, packedZeros,
      op.getLhsScales(), op.isInteger() ? createSums(rewriter, op) : Value(),
      op.getInit(), op.getBits(), op.getBlock(), op.getZeroPoint(), base,
      op.getFormatAttr());
  return success();
}

namespace {
struct PackBlockProducts
    : mpq::impl::PackBlockProductsPassBase<PackBlockProducts> {
  using PackBlockProductsPassBase::PackBlockProductsPassBase;

  void runOnOperation() override {
    SmallVector<BlockContractOp> products;
    getOperation()->walk([&](BlockContractOp op) {
      if (!op.isPacked())
        products.push_back(op);
    });
    if (products.empty())
      return;
    FailureOr<TargetInfo> target = TargetInfo::get(getOperation());
    if (failed(target))
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    for (BlockContractOp op : products)
      if (failed(pack(rewriter, op, target->getVectorLanes32())))
        return signalPassFailure();
  }
};
} // namespace
