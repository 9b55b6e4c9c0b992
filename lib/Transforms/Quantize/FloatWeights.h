//===- FloatWeights.h - constant weights of FP8 and MX formats ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_TRANSFORMS_QUANTIZE_FLOATWEIGHTS_H
#define MPQ_LIB_TRANSFORMS_QUANTIZE_FLOATWEIGHTS_H

#include "mpq/Dialect/MPQInterfaces.h"

namespace mpq {

/// Gives a matrix product of precision fp8_e4m3 or fp8_e5m2 weights of that
/// type with a scale for each column, one of mxfp8, mxfp4 or mxint8 weights in
/// the blocks of that format.
mlir::LogicalResult quantizeToFormat(QuantizableOpInterface product);

} // namespace mpq

#endif // MPQ_LIB_TRANSFORMS_QUANTIZE_FLOATWEIGHTS_H
