//===- ChannelExtremes.h - smallest and largest value of each channel ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One scale for a tensor whose channels differ by orders of magnitude leaves
// the small ones a few steps. What equalization needs to know of it is this.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CALIBRATION_CHANNELEXTREMES_H
#define MPQ_CALIBRATION_CHANNELEXTREMES_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace mpq {

/// Smallest and largest finite value of each channel, the last dimension of a
/// tensor. Like a Histogram a function of the set of observed values: it
/// depends neither on their order nor on how they were grouped.
class ChannelExtremes {
public:
  ChannelExtremes() = default;
  /// Nothing observed yet of so many channels.
  explicit ChannelExtremes(int64_t channels);
  /// The state with these extremes; `min` and `max` are as long.
  ChannelExtremes(std::vector<float> min, std::vector<float> max)
      : min(std::move(min)), max(std::move(max)) {}

  /// Adds whole rows of one number for each channel. Infinities and NaNs are
  /// ignored.
  void observe(llvm::ArrayRef<float> values);
  /// The extremes of both; an empty one takes the other's channels.
  void merge(const ChannelExtremes &other);

  /// No channels: of values of less than two dimensions nothing is kept.
  bool empty() const { return min.empty(); }
  /// One for each channel; a channel without a finite value has a `min` above
  /// its `max`.
  llvm::ArrayRef<float> getMin() const { return min; }
  llvm::ArrayRef<float> getMax() const { return max; }

  bool operator==(const ChannelExtremes &other) const {
    return min == other.min && max == other.max;
  }

private:
  std::vector<float> min, max;
};

} // namespace mpq

#endif // MPQ_CALIBRATION_CHANNELEXTREMES_H
