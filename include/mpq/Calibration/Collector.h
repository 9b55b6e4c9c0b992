//===- Collector.h - gathers a profile from instrumented runs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CALIBRATION_COLLECTOR_H
#define MPQ_CALIBRATION_COLLECTOR_H

#include "mpq/Calibration/Profile.h"

#include "llvm/ADT/StringMap.h"

namespace mpq {

/// Receives the observations of instrumented runs. Not thread safe: parallel
/// runs use one collector each and merge the profiles, which loses nothing.
class Collector {
public:
  /// `channels`: the last dimension of the value, 0 if only the whole counts.
  void observe(llvm::StringRef id, llvm::ArrayRef<float> values,
               int64_t channels = 0);

  /// Ends one sample. An error, naming the first value id in the order of
  /// observation, if a value was NaN in it.
  llvm::Error finishSample(llvm::StringRef sample);

  /// Everything since the start or the last call, as a profile of the model.
  Profile takeProfile(llvm::StringRef fingerprint);

private:
  struct Statistics {
    Histogram histogram;
    ChannelExtremes channels;
  };
  llvm::StringMap<Statistics> values;
  uint64_t samples = 0;
  std::string firstNaN;
  uint64_t nansInFirst = 0, elementsInFirst = 0;
};

} // namespace mpq

#endif // MPQ_CALIBRATION_COLLECTOR_H
