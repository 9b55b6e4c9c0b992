//===- ProductLayout.h - where the factors of a product lie ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_ANALYSIS_PRODUCTLAYOUT_H
#define MPQ_ANALYSIS_PRODUCTLAYOUT_H

#include "mpq/Dialect/MPQInterfaces.h"

#include <optional>

namespace mpq {

/// A product with constant weights as matrix products, one for each group:
/// group g, row m and column n of the result are the sum over k of
///
///   activation[groups[g] + rows[m] + sums[k]] *
///       weights[weightGroups[g] + weightColumns[n] + weightSums[k]]
///
/// with offsets in row-major order. Rows of a convolution are its positions,
/// and sums go over its window.
struct ProductLayout {
  llvm::SmallVector<int64_t> groups, rows, sums;
  llvm::SmallVector<int64_t> weightGroups, weightColumns, weightSums;
  /// The output channels, as the scales of weights are numbered:
  /// channel of group g and column n = channelGroups[g] + channelColumns[n].
  llvm::SmallVector<int64_t> channelGroups, channelColumns;
  /// Whether the channels are the last dimension of the result.
  bool hasLastChannels = false;

  /// std::nullopt for dynamic shapes and for maps that are not linear.
  static std::optional<ProductLayout> get(QuantizableOpInterface product);
};

} // namespace mpq

#endif // MPQ_ANALYSIS_PRODUCTLAYOUT_H
