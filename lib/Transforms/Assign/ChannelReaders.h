//===- ChannelReaders.h - products that read a value channel by channel ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_TRANSFORMS_ASSIGN_CHANNELREADERS_H
#define MPQ_LIB_TRANSFORMS_ASSIGN_CHANNELREADERS_H

#include "mpq/Dialect/MPQInterfaces.h"

#include "llvm/ADT/SmallVector.h"

namespace mpq {

/// An integer product with constant f32 weights that multiplies each channel of
/// a value (index along its last dimension) by weights of that channel alone.
struct ChannelReader {
  QuantizableOpInterface product;
  /// Reshapes and zero padding between the value and the product, which keep
  /// the last dimension; the first one reads the value.
  llvm::SmallVector<mlir::Operation *> moves;
  /// The dimension of the weights that is the channel.
  int64_t weightDim;
};

struct ChannelReaders {
  llvm::SmallVector<ChannelReader> readers;
  /// Other integer products read the value, too, behind operations that do not
  /// keep the last dimension, or as their right side.
  bool hasUnreachable = false;
};

/// The integer products (of `mpq.precision` int8) that read `value`.
ChannelReaders findChannelReaders(mlir::Value value);

} // namespace mpq

#endif // MPQ_LIB_TRANSFORMS_ASSIGN_CHANNELREADERS_H
