//===- Collector.cpp - gathers a profile from instrumented runs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/Collector.h"

using namespace mpq;

void Collector::observe(llvm::StringRef id, llvm::ArrayRef<float> data,
                        int64_t channels) {
  Statistics &statistics = values[id];
  Histogram &histogram = statistics.histogram;
  uint64_t before = histogram.getNaNCount();
  histogram.observe(data);
  if (channels) {
    if (statistics.channels.empty())
      statistics.channels = ChannelExtremes(channels);
    statistics.channels.observe(data);
  }
  // Generated code cannot be interrupted, so the error waits for the end of the
  // sample. The first one is the cause of those after it.
  if (histogram.getNaNCount() != before && firstNaN.empty()) {
    firstNaN = id.str();
    nansInFirst = histogram.getNaNCount() - before;
    elementsInFirst = data.size();
  }
}

llvm::Error Collector::finishSample(llvm::StringRef sample) {
  ++samples;
  if (firstNaN.empty())
    return llvm::Error::success();
  return llvm::createStringError(
      "value '" + firstNaN + "' has " + llvm::Twine(nansInFirst) +
      " NaN among " + llvm::Twine(elementsInFirst) + " elements in sample '" +
      sample +
      "': expected calibration data for which the float model is "
      "finite");
}

Profile Collector::takeProfile(llvm::StringRef fingerprint) {
  Profile profile;
  profile.fingerprint = fingerprint.str();
  profile.samples = samples;
  for (auto &entry : values) {
    std::string id = entry.getKey().str();
    if (!entry.getValue().channels.empty())
      profile.channels.emplace(id, std::move(entry.getValue().channels));
    profile.values.emplace(id, std::move(entry.getValue().histogram));
  }
  *this = Collector();
  return profile;
}
