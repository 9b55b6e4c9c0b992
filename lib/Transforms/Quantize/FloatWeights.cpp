//===- FloatWeights.cpp - constant weights of FP8 and MX formats ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A scale of f32 puts the largest weight of a column on the largest number of
// the format. Scales of the Microscaling formats are powers of two, chosen as
// OCP's specification says (version 1.0, section 6.3): the exponent of the
// largest weight less that of the format's largest number, so that weights may
// saturate. The integers of mxint8 are those of every other block of integers.
//
//===----------------------------------------------------------------------===//

#include "FloatWeights.h"

#include "BlockWeights.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Numerics/FloatOps.h"
#include "mpq/Numerics/NarrowFloats.h"

#include <cmath>

using namespace mlir;
using namespace mpq;

/// Scales are no smaller (N-0a), and blocks of zeros have this one.
static constexpr float kSmallestScale = 0x1p-100f;

namespace {
/// How weights of a precision are stored.
struct Storage {
  Type type;
  bool hasBlocks; // of the Microscaling formats
};
} // namespace

static Storage getStorage(PrecisionKind precision, MLIRContext *context) {
  switch (precision) {
  case PrecisionKind::FP8E4M3:
    return {Float8E4M3FNType::get(context), false};
  case PrecisionKind::FP8E5M2:
    return {Float8E5M2Type::get(context), false};
  case PrecisionKind::MXFP8:
    return {Float8E4M3FNType::get(context), true};
  case PrecisionKind::MXFP4:
    return {Float4E2M1FNType::get(context), true};
  case PrecisionKind::MXInt8:
    return {IntegerType::get(context, 8), true};
  default:
    llvm_unreachable("no precision of a format");
  }
}

/// N-E5: the scale of weights up to `largest`.
static float getScale(const Storage &storage,
                      const formulas::NarrowFormat *format, float largest) {
  float scale;
  if (storage.hasBlocks) {
    // Integers have one bit in front of the point and six behind it.
    int exponent = format ? std::ilogb(format->largestNumber) : 6;
    scale = largest > 0 ? std::ldexp(1.0f, std::ilogb(largest) - exponent) : 0;
  } else {
    scale = largest / format->largestNumber;
  }
  return std::max(scale, kSmallestScale);
}

/// N-E5: the code of a weight.
static char getCode(const formulas::NarrowFormat *format, float weight,
                    float scale) {
  FloatOps ops;
  float scaled = weight / scale;
  if (format)
    return char(formulas::narrowToCode(
        ops, formulas::saturate(ops, scaled, *format), *format));
  return char(std::clamp(FloatOps::roundeven(scaled), -127.0f, 127.0f));
}

LogicalResult mpq::quantizeToFormat(QuantizableOpInterface product) {
  auto precision =
      product->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
  Value weights = product.getWeightOperand().get();
  auto type = cast<RankedTensorType>(weights.getType());
  FailureOr<ConstantView> data = getMatrixWeights(product);
  if (failed(data))
    return failure();
  SmallVector<int64_t> channels = product.getWeightChannelDims();
  OpBuilder builder(product);
  Storage storage = getStorage(precision.getKind(), product.getContext());
  const formulas::NarrowFormat *format =
      formulas::getNarrowFormat(storage.type);

  int64_t column = channels[0], row = 1 - column;
  int64_t depth = type.getDimSize(row), columns = type.getDimSize(column);
  int64_t block =
      storage.hasBlocks ? std::min(kMicroscalingBlock, depth) : depth;
  int64_t blocks = block ? llvm::divideCeilSigned(depth, block) : 0;
  // Where an element and its scale are.
  auto at = [&](int64_t k, int64_t n) {
    return column == 1 ? k * columns + n : n * depth + k;
  };
  auto parameter = [&](int64_t g, int64_t n) {
    return column == 1 ? g * columns + n : n * blocks + g;
  };
  SmallVector<char> codes(depth * columns);
  SmallVector<float> scales(blocks * columns);
  for (int64_t g = 0; g < blocks; ++g)
    for (int64_t n = 0; n < columns; ++n) {
      int64_t end = std::min(depth, (g + 1) * block);
      float largest = 0;
      for (int64_t k = g * block; k < end; ++k) {
        float value = data->getFloat(at(k, n));
        if (!std::isfinite(value))
          return product.emitOpError("expected finite weights but got ")
                 << value;
        largest = std::max(largest, std::fabs(value));
      }
      float scale = getScale(storage, format, largest);
      scales[parameter(g, n)] = scale;
      for (int64_t k = g * block; k < end; ++k)
        codes[at(k, n)] = getCode(format, data->getFloat(at(k, n)), scale);
    }

  SmallVector<int64_t> shape{columns};
  SmallVector<AffineExpr> exprs{builder.getAffineDimExpr(column)};
  if (storage.hasBlocks) {
    shape.insert(shape.begin() + row, blocks);
    exprs.insert(exprs.begin() + row,
                 builder.getAffineDimExpr(row).floorDiv(block));
  }
  Location loc = weights.getLoc();
  auto scaleType = RankedTensorType::get(shape, builder.getF32Type());
  Value s = createConstant(builder, loc, scaleType, scales);
  Value z = createConstant(builder, loc, scaleType.clone(storage.type),
                           ArrayRef<char>(SmallVector<char>(scales.size(), 0)));
  Value w = createConstant(builder, loc, type.clone(storage.type),
                           ArrayRef<char>(codes));
  auto map = AffineMap::get(2, 0, exprs, builder.getContext());
  product.getWeightOperand().set(
      DequantizeOp::create(builder, loc, type, w, s, z, AffineMapAttr::get(map),
                           /*is_unsigned=*/false));
  if (weights.use_empty())
    weights.getDefiningOp()->erase();
  if (auto wanted =
          product->getAttrOfType<BlocksAttr>(MPQDialect::getBlocksAttrName());
      wanted && wanted.getActivations() == PrecisionKind::Int8) {
    OpOperand &activation = product.getActivationOperand();
    activation.set(quantizeRows(builder, product.getLoc(), activation.get(),
                                std::max<int64_t>(block, 1)));
  }
  return success();
}
