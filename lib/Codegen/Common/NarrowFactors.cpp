//===- NarrowFactors.cpp - factors of 16 bits in memory ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NarrowFactors.h"

#include "mpq/Analysis/HalfFactors.h"
#include "mpq/Dialect/ConstantData.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mpq;

/// The generic of a rounding, without the widening.
static Value narrowOnly(OpBuilder &builder, linalg::GenericOp rounding,
                        RankedTensorType type) {
  Location loc = rounding.getLoc();
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                        type.getElementType());
  return linalg::GenericOp::create(
             builder, loc, type, rounding.getInputs(), empty,
             rounding.getIndexingMapsArray(), rounding.getIteratorTypesArray(),
             [&](OpBuilder &b, Location l, ValueRange args) {
               linalg::YieldOp::create(
                   b, l,
                   arith::TruncFOp::create(b, l, type.getElementType(), args[0])
                       .getResult());
             })
      .getResult(0);
}

Value mpq::narrowActivation(OpBuilder &builder, Value value) {
  FloatType half = getRoundedType(value);
  auto type = cast<RankedTensorType>(value.getType()).clone(half);
  OpBuilder::InsertionGuard guard(builder);
  if (linalg::GenericOp rounding = getRounding(value)) {
    builder.setInsertionPointAfter(rounding);
    return narrowOnly(builder, rounding, type);
  }
  Operation *move = value.getDefiningOp();
  Value source = narrowActivation(builder, getMovedOperand(value)->get());
  builder.setInsertionPointAfter(move);
  Location loc = move->getLoc();
  if (auto transpose = dyn_cast<linalg::TransposeOp>(move)) {
    Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), half);
    return linalg::TransposeOp::create(builder, loc, source, empty,
                                       transpose.getPermutation())
        ->getResult(0);
  }
  if (auto pad = dyn_cast<tensor::PadOp>(move)) {
    Value zero = arith::ConstantOp::create(builder, loc,
                                           builder.getFloatAttr(half, 0.0));
    return tensor::PadOp::create(builder, loc, type, source,
                                 pad.getMixedLowPad(), pad.getMixedHighPad(),
                                 zero);
  }
  IRMapping mapping;
  mapping.map(getMovedOperand(value)->get(), source);
  Operation *narrow = builder.clone(*move, mapping);
  narrow->getResult(0).setType(type);
  return narrow->getResult(0);
}

void mpq::widenConstants(Operation *root) {
  root->walk([](arith::ExtFOp op) {
    Value narrow = getNarrowConstant(op.getResult());
    if (!narrow)
      return;
    if (!op->use_empty()) {
      auto half = cast<FloatType>(getElementTypeOrSelf(narrow.getType()));
      std::optional<SmallVector<char>> bytes = readConstantBytes(narrow);
      if (!bytes)
        return;
      SmallVector<float> wide;
      for (size_t i = 0; i < bytes->size(); i += sizeof(uint16_t)) {
        uint16_t bits;
        std::memcpy(&bits, bytes->data() + i, sizeof(bits));
        APFloat value(half.getFloatSemantics(), APInt(16, bits));
        bool exact;
        value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                      &exact);
        wide.push_back(value.convertToFloat());
      }
      OpBuilder builder(op);
      op.replaceAllUsesWith(createConstant(builder, narrow.getLoc(),
                                           cast<RankedTensorType>(op.getType()),
                                           wide));
    }
    op.erase();
  });
}
