//===- HalfFactors.cpp - values rounded to 16 bits in f32 ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Analysis/HalfFactors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mpq;

linalg::GenericOp mpq::getRounding(Value value) {
  auto generic = value.getDefiningOp<linalg::GenericOp>();
  if (!generic || generic.getNumDpsInputs() != 1 ||
      generic.getNumDpsInits() != 1 || generic.getNumReductionLoops() ||
      !llvm::all_of(generic.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return nullptr;
  auto wide = generic.getBody()
                  ->getTerminator()
                  ->getOperand(0)
                  .getDefiningOp<arith::ExtFOp>();
  auto narrow =
      wide ? wide.getIn().getDefiningOp<arith::TruncFOp>() : arith::TruncFOp();
  bool ok = narrow && narrow.getIn() == generic.getBody()->getArgument(0) &&
            narrow.getIn().getType() == wide.getType() &&
            wide.getType().isF32() &&
            (narrow.getType().isF16() || narrow.getType().isBF16());
  return ok ? generic : nullptr;
}

OpOperand *mpq::getMovedOperand(Value value) {
  Operation *def = value.getDefiningOp();
  if (auto pad = dyn_cast_or_null<tensor::PadOp>(def)) {
    Value padding = pad.getConstantPaddingValue();
    return padding && matchPattern(padding, m_PosZeroFloat())
               ? &pad.getSourceMutable()
               : nullptr;
  }
  if (isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp,
                      tensor::ExtractSliceOp, linalg::TransposeOp>(def))
    return &def->getOpOperand(0);
  return nullptr;
}

FloatType mpq::getRoundedType(Value value) {
  while (OpOperand *moved = getMovedOperand(value))
    value = moved->get();
  linalg::GenericOp rounding = getRounding(value);
  if (!rounding)
    return nullptr;
  Operation *wide =
      rounding.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  return cast<FloatType>(wide->getOperand(0).getType());
}

Value mpq::getNarrowConstant(Value value) {
  auto wide = value.getDefiningOp<arith::ExtFOp>();
  Type element = wide ? getElementTypeOrSelf(wide.getIn().getType()) : Type();
  bool ok = wide && (element.isF16() || element.isBF16()) &&
            isa<RankedTensorType>(wide.getType()) &&
            getElementTypeOrSelf(wide.getType()).isF32() &&
            wide.getIn().getDefiningOp<arith::ConstantOp>();
  return ok ? wide.getIn() : Value();
}
