//===- Channels.h - how products read the channels of a value ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Channels are the indices along the last dimension of an activation.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_ANALYSIS_CHANNELS_H
#define MPQ_ANALYSIS_CHANNELS_H

#include "mpq/Dialect/MPQInterfaces.h"

#include <optional>

namespace mpq {

/// True for reshapes and zero padding whose result has the operand's channels,
/// each with its values or zeros.
bool keepsChannels(mlir::Operation *op);

/// The dimension of the product's constant f32 weights that is its activation's
/// channel; std::nullopt if there is none.
std::optional<int64_t> getChannelDimOfWeights(QuantizableOpInterface product);

/// True for a product that `mpq.precision` says is to be computed in integers
/// of ranges known beforehand: int8, or weights of fewer bits without blocks.
bool isIntegerProduct(mlir::Operation *op);

/// The same for activations that have constant parameters, from a range.
bool isStaticIntegerProduct(mlir::Operation *op);

} // namespace mpq

#endif // MPQ_ANALYSIS_CHANNELS_H
