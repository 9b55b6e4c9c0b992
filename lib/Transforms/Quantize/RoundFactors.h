//===- RoundFactors.h - products of factors of 16 bits ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_TRANSFORMS_QUANTIZE_ROUNDFACTORS_H
#define MPQ_LIB_TRANSFORMS_QUANTIZE_ROUNDFACTORS_H

#include "mpq/Dialect/MPQInterfaces.h"

namespace mpq {

/// Rounds both factors of products of precision bf16 or f16: constant weights
/// become constants of 16 bits that are widened, activations pass through a
/// generic that narrows and widens them.
mlir::LogicalResult
roundFactors(mlir::ArrayRef<QuantizableOpInterface> products);

} // namespace mpq

#endif // MPQ_LIB_TRANSFORMS_QUANTIZE_ROUNDFACTORS_H
