//===- ChannelExtremes.cpp - extremes of the last dimension ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/ChannelExtremes.h"

#include <algorithm>
#include <cassert>
#include <limits>

using namespace mpq;

ChannelExtremes::ChannelExtremes(int64_t channels)
    : min(channels, std::numeric_limits<float>::max()),
      max(channels, std::numeric_limits<float>::lowest()) {}

void ChannelExtremes::observe(llvm::ArrayRef<float> values) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  size_t channels = min.size();
  assert(channels != 0 && values.size() % channels == 0);
  // Comparisons with NaN are false: selects that a compiler vectorizes.
  for (; !values.empty(); values = values.drop_front(channels))
    for (size_t c = 0; c < channels; ++c) {
      float value = values[c];
      bool finite = value >= -kLargest && value <= kLargest;
      min[c] = finite && value < min[c] ? value : min[c];
      max[c] = finite && value > max[c] ? value : max[c];
    }
}

void ChannelExtremes::merge(const ChannelExtremes &other) {
  if (empty())
    *this = other;
  assert((other.empty() || min.size() == other.min.size()) &&
         "channels of one value of one model");
  for (size_t c = 0; c < other.min.size(); ++c) {
    min[c] = std::min(min[c], other.min[c]);
    max[c] = std::max(max[c], other.max[c]);
  }
}
