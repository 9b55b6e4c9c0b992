//===- MPQDialect.cpp - registration of the mpq dialect ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/MPQDialect.h"
#include "MPQBytecode.h"

#include "mlir/IR/DialectImplementation.h"
#include "mpq/Dialect/MPQInterfaces.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mpq;

#include "mpq/Dialect/MPQDialect.cpp.inc"

#include "mpq/Dialect/MPQInterfaces.cpp.inc"

void MPQDialect::initialize() {
  registerAttributes();
  registerBytecode(*this);
  addOperations<
#define GET_OP_LIST
#include "mpq/Dialect/MPQOps.cpp.inc"
      >();
}

/// Checks the discardable attributes that carry decisions, so that a misspelt
/// one is an error where it stands and not a silent default later.
LogicalResult MPQDialect::verifyOperationAttribute(Operation *op,
                                                   NamedAttribute attribute) {
  StringRef name = attribute.getName();
  Attribute value = attribute.getValue();
  auto expect = [&](bool ok, StringRef what) -> LogicalResult {
    if (ok)
      return success();
    return op->emitError("expected attribute '")
           << name << "' to be " << what << " but got " << value;
  };
  if (name == getRangesAttrName()) {
    auto array = dyn_cast<ArrayAttr>(value);
    bool ok = array && array.size() == op->getNumResults() &&
              llvm::all_of(array, llvm::IsaPred<RangeAttr, UnitAttr>);
    return expect(ok, "an array with an #mpq.range (or unit for unknown) for "
                      "each result");
  }
  auto getLastExtent = [&]() -> int64_t {
    if (op->getNumResults() != 1)
      return ShapedType::kDynamic;
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    return type && type.getRank() ? type.getShape().back()
                                  : ShapedType::kDynamic;
  };
  if (name == getChannelRangesAttrName()) { // (C1)
    auto ranges = dyn_cast<ChannelRangesAttr>(value);
    return expect(ranges && ranges.getMinima().size() == getLastExtent(),
                  "an #mpq.channel_ranges with an entry for each index of the "
                  "only result's last dimension");
  }
  if (name == getBiasCorrectionAttrName()) {
    auto correction = dyn_cast<DenseF32ArrayAttr>(value);
    return expect(correction && correction.size() == getLastExtent(),
                  "an array<f32> with an entry for each index of the only "
                  "result's last dimension");
  }
  if (name == getEqualizationAttrName()) {
    auto equalization = dyn_cast<EqualizationAttr>(value);
    return expect(equalization &&
                      equalization.getFactors().size() == getLastExtent(),
                  "an #mpq.equalization with a factor for each index of the "
                  "only result's last dimension");
  }
  if (name == getPrecisionAttrName()) {
    auto precision = dyn_cast<PrecisionAttr>(value);
    if (!precision || precision.getKind() != PrecisionKind::F32 ||
        precision.getReason() || !isa<QuantizableOpInterface>(op)) // (P1)
      return expect(precision != nullptr, "an #mpq.precision");
    return expect(false, "integers, or f32 with a reason");
  }
  if (name == getDynamicAttrName()) {
    auto precision = op->getAttrOfType<PrecisionAttr>(getPrecisionAttrName());
    return expect(isa<UnitAttr>(value) && precision &&
                      precision.getKind() == PrecisionKind::Int8,
                  "a unit attribute on a product of precision int8");
  }
  if (name == getStreamAheadAttrName()) {
    auto ahead = dyn_cast<DenseI64ArrayAttr>(value);
    return expect(isa<scf::ForOp>(op) && ahead && ahead.size() == 2 &&
                      ahead[0] > 0 && ahead[1] >= 0,
                  "two i64 on an scf.for, the first of them positive and the "
                  "second not negative");
  }
  if (name == getStoredAttrName()) {
    auto precision = dyn_cast<PrecisionAttr>(value);
    bool ok = precision && precision.getKind() == PrecisionKind::Int8 &&
              op->getNumResults() == 1;
    return expect(ok, "#mpq.precision<int8> on an operation of one result");
  }
  if (name == getScaleGroupAttrName())
    return expect(isa<StringAttr>(value) && op->getNumResults() == 1,
                  "a string on an operation of one result");
  if (name == getBlocksAttrName())
    return expect(isa<BlocksAttr>(value), "an #mpq.blocks");
  if (name == getMatrixStepAttrName()) {
    auto step = dyn_cast<IntegerAttr>(value);
    return expect(step && step.getType().isInteger(64) && step.getInt() > 0 &&
                      step.getInt() % 2 == 0,
                  "an even positive i64");
  }
  if (name == getWeightRoundingAttrName())
    return expect(isa<WeightRoundingAttr>(value), "an #mpq.weight_rounding");
  if (name == getRoundedWeightsAttrName()) { // (W2)
    auto rounded = dyn_cast<RoundedWeightsAttr>(value);
    auto product = dyn_cast<QuantizableOpInterface>(op);
    if (!rounded || !product || !product.isProduct())
      return expect(false, "an #mpq.rounded_weights on a product");
    auto type =
        dyn_cast<ShapedType>(product.getWeightOperand().get().getType());
    if (type.getShape() == rounded.getIntegers().getShapedType().getShape())
      return success();
    return op->emitError("expected '")
           << name << "' for weights of type " << type << " but got integers "
           << "of type " << rounded.getIntegers().getType();
  }
  if (name == getStrategyAttrName())
    return expect(isa<StrategyAttr>(value), "an #mpq.strategy");
  if (name == getTargetAttrName())
    return expect(isa<TargetAttr>(value), "an #mpq.target");
  if (name == getKernelWorkAttrName()) {
    auto work = dyn_cast<DenseI64ArrayAttr>(value);
    bool ok = work && work.size() % 4 == 0 &&
              llvm::all_of(work.asArrayRef(), [](int64_t n) { return n >= 0; });
    return expect(ok, "an array<i64> of four non-negative counts a kernel");
  }
  if (name == getKernelAttrName())
    return expect(isa<UnitAttr>(value), "a unit attribute");
  return success();
}

LogicalResult MPQDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                   unsigned index,
                                                   NamedAttribute attribute) {
  StringRef name = attribute.getName();
  Attribute value = attribute.getValue();
  auto expect = [&](bool ok, StringRef what) -> LogicalResult {
    if (ok)
      return success();
    return op->emitError("expected attribute '")
           << name << "' of argument " << index << " to be " << what
           << " but got " << value;
  };
  if (name == getNameAttrName())
    return expect(isa<StringAttr>(value), "a string");
  if (name == getRangeAttrName())
    return expect(isa<RangeAttr>(value), "an #mpq.range");
  if (name == getUnsignedAttrName() || name == getRowMaskAttrName())
    return expect(isa<UnitAttr>(value), "a unit attribute");
  return success();
}
