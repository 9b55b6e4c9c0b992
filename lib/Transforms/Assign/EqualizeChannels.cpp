//===- EqualizeChannels.cpp - outlier channels move into the weights ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One scale for a tensor leaves the channels that are much smaller than others
// a handful of steps. Dividing channels and multiplying the weights that meet
// them costs nothing in float and little precision in the weights, none at all
// in depthwise convolutions (Nagel et al., "Data-Free Quantization Through
// Weight Equalization and Bias Correction", ICCV 2019; Xiao et al.,
// "SmoothQuant", ICML 2023).
//
//===----------------------------------------------------------------------===//

#include "ChannelReaders.h"

#include "mpq/Transforms/Assign/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/ValueId.h"

namespace mpq {
#define GEN_PASS_DEF_EQUALIZECHANNELSPASS
#include "mpq/Transforms/Assign/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// `value` times one factor for each index along its last dimension. Factors
/// are powers of two: the multiplication is exact.
static Value createScaled(OpBuilder &builder, Location loc, Value value,
                          ArrayRef<float> factors) {
  auto type = cast<RankedTensorType>(value.getType());
  Value scales = createConstant(
      builder, loc,
      RankedTensorType::get({type.getShape().back()}, builder.getF32Type()),
      factors);
  Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                       type.getElementType());
  int64_t rank = type.getRank();
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  AffineMap last = AffineMap::get(rank, 0, builder.getAffineDimExpr(rank - 1));
  return linalg::GenericOp::create(
             builder, loc, type, ValueRange{value, scales}, init,
             ArrayRef<AffineMap>{identity, last, identity},
             SmallVector<utils::IteratorType>(rank,
                                              utils::IteratorType::parallel),
             [](OpBuilder &body, Location at, ValueRange arguments) {
               Value product =
                   arith::MulFOp::create(body, at, arguments[0], arguments[1]);
               linalg::YieldOp::create(body, at, product);
             })
      .getResult(0);
}

/// Multiplies the weights by the factor of their index along `dim`.
static void scaleWeights(OpBuilder &builder, QuantizableOpInterface product,
                         int64_t dim, ArrayRef<float> factors) {
  Value weights = product.getWeightOperand().get();
  auto type = cast<RankedTensorType>(weights.getType());
  SmallVector<float> elements = *readConstant<float>(weights);
  int64_t stride = 1;
  for (int64_t extent : type.getShape().drop_front(dim + 1))
    stride *= extent;
  int64_t channels = type.getDimSize(dim);
  for (auto [index, element] : llvm::enumerate(elements))
    element *= factors[int64_t(index) / stride % channels];
  builder.setInsertionPoint(product);
  product.getWeightOperand().set(
      createConstant(builder, weights.getLoc(), type, elements));
  if (weights.use_empty())
    weights.getDefiningOp()->erase();
}

static LogicalResult equalize(Operation *op, StringRef id,
                              EqualizationAttr equalization) {
  Value value = op->getResult(0);
  SmallVector<ChannelReader> readers = findChannelReaders(value).readers;
  if (readers.empty())
    return op->emitError("expected an integer product with constant weights to "
                         "read '")
           << id << "', which is to be equalized for it";
  ArrayRef<float> factors = equalization.getFactors().asArrayRef();
  SmallVector<float> inverses;
  for (float factor : factors)
    inverses.push_back(1.0f / factor);

  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  auto getLoc = [&](StringRef suffix) {
    return NameLoc::get(builder.getStringAttr(id + suffix), op->getLoc());
  };
  Value divided = createScaled(builder, getLoc("#equalized"), value, inverses);
  divided.getDefiningOp()->setAttr(
      MPQDialect::getRangesAttrName(),
      builder.getArrayAttr({equalization.getRange()}));

  llvm::MapVector<Operation *, Operation *> moved;
  for (ChannelReader &reader : readers) {
    Value source = divided;
    for (Operation *move : reader.moves) {
      Operation *&copy = moved[move];
      if (!copy) {
        builder.setInsertionPointAfter(move);
        copy = builder.clone(*move);
        copy->setOperand(0, source);
        // The profile's range is that of the original.
        copy->removeAttr(MPQDialect::getRangesAttrName());
      }
      source = copy->getResult(0);
    }
    reader.product.getActivationOperand().set(source);
    scaleWeights(builder, reader.product, reader.weightDim, factors);
  }
  for (auto [move, copy] : llvm::reverse(moved))
    if (move->use_empty())
      move->erase();

  if (equalization.getOthers() == PrecisionKind::F32)
    return success();
  auto isOther = [&](OpOperand &use) {
    return use.getOwner() != divided.getDefiningOp() &&
           !use.getOwner()->hasTrait<OpTrait::IsTerminator>() &&
           !isa<ObserveOp>(use.getOwner());
  };
  if (llvm::none_of(value.getUses(), isOther))
    return success();
  builder.setInsertionPointAfterValue(divided);
  Value restored = createScaled(builder, getLoc("#restored"), divided, factors);
  value.replaceUsesWithIf(restored, isOther);
  return success();
}

namespace {
struct EqualizeChannels
    : mpq::impl::EqualizeChannelsPassBase<EqualizeChannels> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<FunctionOpInterface>()) {
      if (function.isExternal())
        continue;
      ValueIds ids(function);
      SmallVector<Operation *> annotated;
      for (Operation &op : function.getFunctionBody().front())
        if (op.hasAttr(MPQDialect::getEqualizationAttrName()))
          annotated.push_back(&op);
      for (Operation *op : annotated) {
        auto equalization = cast<EqualizationAttr>(
            op->removeAttr(MPQDialect::getEqualizationAttrName()));
        if (failed(equalize(op, ids.lookup(op->getResult(0)), equalization)))
          return signalPassFailure();
      }
    }
  }
};
} // namespace
