//===- PackedWeights.cpp - constant weights as kernels load them ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights of 4 and 2 bits are kept so in the file and in memory. A kernel of
// its own widens them right before the product, into the workspace, so that the
// product is that of 8 bits on every machine (N-W4), vectors or matrix unit:
// one pass over the weights for all rows of an image.
//
//===----------------------------------------------------------------------===//

#include "PackedWeights.h"

#include "mpq/Dialect/ConstantData.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cstring>

using namespace mlir;
using namespace mpq;

/// Fewer bytes than that are not worth a kernel that widens them.
static constexpr int64_t kLeastBytes = 2048;

void WeightPacker::set(int64_t column, int64_t depth, const char *element) {
  int64_t index =
      ((column / lanes * groups + depth / group) * lanes + column % lanes) *
          group +
      depth % group;
  std::memcpy(bytes.data() + index * elementBytes, element, elementBytes);
}

PackedWeights WeightPacker::finish(Type element) const {
  PackedWeights result;
  result.type =
      RankedTensorType::get({vectors, groups, lanes * group}, element);
  int64_t count = bytes.size();
  int lowest = 0, highest = 0;
  if (element.isInteger(8) && count >= kLeastBytes)
    for (char byte : bytes) {
      lowest = std::min(lowest, int(int8_t(byte)));
      highest = std::max(highest, int(int8_t(byte)));
    }
  int range = highest - lowest;
  for (int64_t bits : {4, 2})
    if (range > 0 && range < (1 << bits) && count % (8 / bits) == 0)
      result.bits = bits;
  if (result.bits == 8) {
    result.constant = cast<TypedAttr>(createConstantAttr(result.type, bytes));
    return result;
  }
  result.lowest = lowest;
  int64_t parts = 8 / result.bits, part = count / parts;
  SmallVector<char> narrow(part, 0);
  for (int64_t i = 0; i < count; ++i)
    narrow[i % part] |=
        char((int(int8_t(bytes[i])) - lowest) << (i / part * result.bits));
  result.constant = cast<TypedAttr>(
      createConstantAttr(RankedTensorType::get({part}, element), narrow));
  return result;
}

Value PackedWeights::create(OpBuilder &builder, Location loc) const {
  Value held = arith::ConstantOp::create(builder, loc, constant);
  if (bits == 8)
    return held;
  int64_t parts = 8 / bits, part = type.getNumElements() / parts;
  Type byte = type.getElementType();
  SmallVector<int8_t> shifts;
  for (int64_t p = 0; p < parts; ++p)
    shifts.push_back(int8_t(p * bits));
  Value amounts = createConstant(builder, loc,
                                 RankedTensorType::get({parts}, byte), shifts);
  Value empty = tensor::EmptyOp::create(builder, loc, {parts, part}, byte);
  AffineExpr p = builder.getAffineDimExpr(0), i = builder.getAffineDimExpr(1);
  MLIRContext *context = builder.getContext();
  Value wide =
      linalg::GenericOp::create(
          builder, loc, empty.getType(), ValueRange{held, amounts}, empty,
          SmallVector<AffineMap>{AffineMap::get(2, 0, i, context),
                                 AffineMap::get(2, 0, p, context),
                                 builder.getMultiDimIdentityMap(2)},
          SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
          [&](OpBuilder &b, Location l, ValueRange args) {
            auto constant = [&](int64_t value) {
              return arith::ConstantOp::create(b, l,
                                               b.getIntegerAttr(byte, value));
            };
            Value bitsOnly = arith::AndIOp::create(
                b, l, arith::ShRUIOp::create(b, l, args[0], args[1]),
                constant((1 << bits) - 1));
            linalg::YieldOp::create(
                b, l,
                arith::AddIOp::create(b, l, bitsOnly, constant(lowest))
                    .getResult());
          })
          .getResult(0);
  Value flat = tensor::CollapseShapeOp::create(
      builder, loc, wide, ArrayRef<ReassociationIndices>{{0, 1}});
  return tensor::ExpandShapeOp::create(
      builder, loc, type, flat, ArrayRef<ReassociationIndices>{{0, 1, 2}});
}
