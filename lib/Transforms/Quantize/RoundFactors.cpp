//===- RoundFactors.cpp - products of factors of 16 bits ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The counterpart of QDQ form for floats: values are rounded where they enter a
// product and stay f32 in type, so that every pass and the interpreter see an
// ordinary product. Codegen finds the narrow weights behind the widening.
//
//===----------------------------------------------------------------------===//

#include "RoundFactors.h"

#include "mpq/Analysis/HalfFactors.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"

#include <cmath>

using namespace mlir;
using namespace mpq;

/// Weights below this one become 0, as those in f32 do
/// (lib/Conversion/AvoidSlowFloats.cpp).
static constexpr float kSmallestWeight = 0x1p-100f;

static FloatType getHalfType(QuantizableOpInterface product) {
  auto precision =
      product->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
  MLIRContext *context = product.getContext();
  if (precision.getKind() == PrecisionKind::BF16)
    return BFloat16Type::get(context);
  return Float16Type::get(context);
}

/// The weights rounded to `half`, widened again.
static Value roundWeights(OpBuilder &builder, Value weights,
                          const ConstantView &data, FloatType half) {
  auto type = cast<RankedTensorType>(weights.getType());
  SmallVector<uint16_t> narrow(data.size());
  for (auto [i, bits] : llvm::enumerate(narrow)) {
    float weight = data.getFloat(i);
    llvm::APFloat value(std::fabs(weight) < kSmallestWeight ? 0.0f : weight);
    bool inexact;
    value.convert(half.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &inexact);
    bits = uint16_t(value.bitcastToAPInt().getZExtValue());
  }
  Location loc = weights.getLoc();
  Value constant = createConstant(builder, loc, type.clone(half), narrow);
  return arith::ExtFOp::create(builder, loc, type, constant);
}

/// `value` rounded to `half`, in f32.
static Value roundActivation(OpBuilder &builder, Value value, FloatType half) {
  auto type = cast<RankedTensorType>(value.getType());
  Location loc = value.getLoc();
  builder.setInsertionPointAfterValue(value);
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                        type.getElementType());
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, type, value, empty, ArrayRef{identity, identity},
             iterators,
             [&](OpBuilder &b, Location l, ValueRange args) {
               Value narrow = arith::TruncFOp::create(b, l, half, args[0]);
               Value wide =
                   arith::ExtFOp::create(b, l, args[1].getType(), narrow);
               linalg::YieldOp::create(b, l, wide);
             })
      .getResult(0);
}

LogicalResult mpq::roundFactors(ArrayRef<QuantizableOpInterface> products) {
  DenseMap<std::pair<Operation *, Type>, Value> rounded;
  llvm::SetVector<Operation *> constants;
  // Uses to round, by the type.
  llvm::MapVector<FloatType, llvm::SetVector<OpOperand *>> uses;
  for (QuantizableOpInterface product : products) {
    FloatType half = getHalfType(product);
    if (!product.isProduct())
      return product.emitOpError("expected a product of f32 tensors for "
                                 "precision ")
             << half;
    uses[half].insert(&product.getActivationOperand());
    OpOperand &weights = product.getWeightOperand();
    std::optional<ConstantView> data = ConstantView::get(weights.get());
    if (!data) {
      uses[half].insert(&weights);
      continue;
    }
    Operation *constant = weights.get().getDefiningOp();
    Value &narrow = rounded[{constant, half}];
    if (!narrow) {
      OpBuilder builder(product.getContext());
      builder.setInsertionPointAfter(constant);
      narrow = roundWeights(builder, weights.get(), *data, half);
      constants.insert(constant);
    }
    weights.set(narrow);
  }
  for (Operation *constant : constants)
    if (constant->use_empty())
      constant->erase();

  for (auto &[half, operands] : uses) {
    // Before what moves the elements, if nothing else reads them behind it:
    // there they are in registers.
    for (size_t i = 0; i < operands.size(); ++i) {
      Value value = operands[i]->get();
      OpOperand *source = getMovedOperand(value);
      bool readByThemOnly = llvm::all_of(value.getUses(), [&](OpOperand &use) {
        return operands.contains(&use);
      });
      if (source && readByThemOnly)
        operands.insert(source);
    }
    llvm::MapVector<Value, SmallVector<OpOperand *>> byValue;
    for (OpOperand *operand : operands)
      byValue[operand->get()].push_back(operand);
    for (auto &[value, readers] : byValue) {
      OpOperand *source = getMovedOperand(value);
      if (source && operands.contains(source))
        continue;
      OpBuilder builder(value.getContext());
      Value narrow = roundActivation(builder, value, half);
      for (OpOperand *reader : readers)
        reader->set(narrow);
    }
  }
  return success();
}
