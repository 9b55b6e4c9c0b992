//===- MPQAttrs.cpp - attributes of the mpq dialect ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/MPQDialect.h"

#include "mlir/IR/DialectImplementation.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace mpq;

#include "mpq/Dialect/MPQEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "mpq/Dialect/MPQAttrs.cpp.inc"

LogicalResult RangeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                APFloat minValue, APFloat maxValue,
                                RangeOrigin) {
  double min = minValue.convertToDouble(), max = maxValue.convertToDouble();
  if (!std::isfinite(min) || !std::isfinite(max) || min > max) // (R1)
    return emitError() << "expected finite bounds with min <= max but got "
                       << min << " and " << max;
  return success();
}

LogicalResult
ChannelRangesAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          DenseF32ArrayAttr minima, DenseF32ArrayAttr maxima) {
  if (minima.size() != maxima.size()) // (C1)
    return emitError() << "expected as many minima as maxima but got "
                       << minima.size() << " and " << maxima.size();
  return success();
}

LogicalResult
EqualizationAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                         DenseF32ArrayAttr factors, RangeAttr range,
                         PrecisionKind others) {
  for (float factor : factors.asArrayRef()) { // (E1)
    int exponent;
    if (!(factor > 0) || std::frexp(factor, &exponent) != 0.5f)
      return emitError() << "expected powers of two as factors but got "
                         << factor;
  }
  if (others != PrecisionKind::F32 && others != PrecisionKind::Int8)
    return emitError() << "expected others to be f32 or int8 but got "
                       << stringifyPrecisionKind(others);
  return success();
}

LogicalResult BlocksAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t size, PrecisionKind activations,
                                 bool) {
  if (size < 0 || size % 4 != 0 ||
      (activations != PrecisionKind::F32 &&
       activations != PrecisionKind::Int8)) // (K1)
    return emitError() << "expected blocks of a multiple of 4 and activations "
                          "in f32 or int8 but got "
                       << size << " and "
                       << stringifyPrecisionKind(activations);
  return success();
}

LogicalResult
RoundedWeightsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                           WeightRoundingAttr, DenseF64ArrayAttr errors,
                           ElementsAttr integers, ElementsAttr scales,
                           ElementsAttr zeroPoints) {
  if (errors.size() != 3 || !scales.getElementType().isF32() ||
      !isa<IntegerType>(integers.getElementType()) ||
      (zeroPoints &&
       (zeroPoints.getElementType() != integers.getElementType() ||
        zeroPoints.getShapedType().getShape() !=
            scales.getShapedType().getShape()))) // (W1)
    return emitError() << "expected three errors, integers, f32 scales, and "
                          "zero points like both but got "
                       << errors << ", " << integers.getType() << ", "
                       << scales.getType() << " and "
                       << (zeroPoints ? zeroPoints.getType() : Type());
  return success();
}

LogicalResult StrategyAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   ArrayRef<int64_t> tile,
                                   ArrayRef<int64_t> grain,
                                   int64_t matrixRows) {
  bool negative = llvm::any_of(tile, [](int64_t v) { return v < 0; }) ||
                  llvm::any_of(grain, [](int64_t v) { return v < 0; });
  if (tile.size() != grain.size() || negative) // (S1)
    return emitError()
           << "expected tile and grain of one length without negative entries";
  if (matrixRows != 0 && (matrixRows < 0 || tile.size() < 2 ||
                          tile.drop_back().back() % matrixRows != 0)) // (S2)
    return emitError() << "expected matrix_rows to divide the rows of the tile "
                          "but got "
                       << matrixRows;
  return success();
}

void MPQDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "mpq/Dialect/MPQAttrs.cpp.inc"
      >();
}
