//===- Planes.cpp - integers of 16 bits as two planes of bytes ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Planes are made where the integers are, and padded like them: there the
// kernel that makes them writes into the padded buffer.
//
//===----------------------------------------------------------------------===//

#include "Planes.h"
#include "ProductParts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mpq;

Value mpq::createPlane(OpBuilder &builder, Value integers, const Plane &plane) {
  auto [shift, zeroPoint, flips] = plane;
  auto pad = integers.getDefiningOp<tensor::PadOp>();
  Value padding = pad ? pad.getConstantPaddingValue() : Value();
  APInt number;
  if (padding && matchPattern(padding, m_ConstantInt(&number))) {
    Value source = createPlane(builder, pad.getSource(), plane);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfter(pad);
    Type byte = builder.getI8Type();
    int64_t value = number.getSExtValue() >> shift ^ (flips ? 0x80 : 0);
    Value scalar = arith::ConstantOp::create(builder, pad.getLoc(),
                                             getStorageAttr(byte, value));
    return tensor::PadOp::create(
        builder, pad.getLoc(), pad.getResultType().clone(byte), source,
        pad.getMixedLowPad(), pad.getMixedHighPad(), scalar, pad.getNofold());
  }
  auto type = cast<RankedTensorType>(integers.getType());
  Type byte = builder.getI8Type();
  if (type.getElementType() == byte && !flips)
    return integers;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(integers);
  return createElementwise(
      builder, integers.getLoc(), type.clone(byte), integers,
      builder.getMultiDimIdentityMap(type.getRank()),
      [&, shift = shift, flips = flips](OpBuilder &b, Location loc,
                                        ValueRange args) -> Value {
        Value part = args[0];
        if (shift) {
          Value amount = arith::ConstantOp::create(
              b, loc, getStorageAttr(type.getElementType(), shift));
          part = arith::ShRSIOp::create(b, loc, part, amount);
        }
        if (part.getType() != byte)
          part = arith::TruncIOp::create(b, loc, byte, part);
        if (flips) {
          Value top =
              arith::ConstantOp::create(b, loc, getStorageAttr(byte, 0x80));
          part = arith::XOrIOp::create(b, loc, part, top);
        }
        return part;
      });
}

SmallVector<Plane> mpq::getPlanes(const TensorParameters &parameters,
                                  bool isUnsigned) {
  SmallVector<Plane> planes;
  unsigned bits = parameters.storage.getIntOrFloatBitWidth();
  for (unsigned shift = bits; shift;) {
    shift -= 8;
    // Only the highest byte has the integers' sign.
    bool isHighest = shift + 8 == bits;
    bool hasSign = isHighest && !parameters.isUnsigned;
    bool flips = hasSign == isUnsigned;
    int64_t zeroPoint = parameters.zeroPoint >> shift;
    if (!isHighest)
      zeroPoint &= 0xff;
    if (flips)
      zeroPoint += isUnsigned ? 128 : -128;
    planes.push_back({shift, zeroPoint, flips});
  }
  return planes;
}

Value mpq::combinePlanes(OpBuilder &builder, Location loc, ArrayRef<Value> sums,
                         ArrayRef<unsigned> shifts) {
  Type f32 = builder.getF32Type();
  Value total;
  for (auto [sum, shift] : llvm::zip_equal(sums, shifts)) {
    Value number = arith::SIToFPOp::create(builder, loc, f32, sum);
    auto getFactor = [&] {
      return arith::ConstantOp::create(
          builder, loc, FloatAttr::get(f32, double(int64_t(1) << shift)));
    };
    if (total && shift)
      total = math::FmaOp::create(builder, loc, number, getFactor(), total);
    else if (total)
      total = arith::AddFOp::create(builder, loc, total, number);
    else
      total = shift ? arith::MulFOp::create(builder, loc, number, getFactor())
                          .getResult()
                    : number;
  }
  return total;
}
