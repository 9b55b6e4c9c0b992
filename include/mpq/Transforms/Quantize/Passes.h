//===- Passes.h - passes of the phase "quantize" ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TRANSFORMS_QUANTIZE_PASSES_H
#define MPQ_TRANSFORMS_QUANTIZE_PASSES_H

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Rounding/RoundWeights.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <optional>

namespace mpq {

#define GEN_PASS_DECL
#include "mpq/Transforms/Quantize/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mpq/Transforms/Quantize/Passes.h.inc"

/// The integers for weights with one scale for each channel (`precision` int8,
/// int4 or int2), of which the largest has this magnitude.
WeightGrid getChannelGrid(PrecisionKind precision, float largestWeight);

/// Bits of a weight: 8, 4 or 2.
unsigned getWeightBits(PrecisionKind precision);

/// The integers for weights of few bits in these blocks.
WeightGrid getBlockGrid(PrecisionKind precision, BlocksAttr blocks);

/// What each channel of the last dimension of `init` starts from, if that is
/// all the same for the other dimensions: what mpq-correct-bias can change.
std::optional<llvm::SmallVector<float>> readBias(mlir::Value init,
                                                 int64_t channels);

} // namespace mpq

#endif // MPQ_TRANSFORMS_QUANTIZE_PASSES_H
