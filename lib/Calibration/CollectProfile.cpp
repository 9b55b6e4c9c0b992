//===- CollectProfile.cpp - the loop over calibration samples ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How the model runs (compiled or interpreted) is the caller's business.
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/CollectProfile.h"

using namespace mpq;

llvm::Expected<Profile> mpq::collectProfile(SampleSource &samples,
                                            CalibrationState state,
                                            const SampleRunner &run,
                                            const SampleProgress &progress) {
  Collector collector;
  size_t done = 0;
  while (true) {
    llvm::Expected<std::optional<Sample>> sample = samples.next();
    if (!sample) // what was seen before counts, if the sample is mended
      return llvm::joinErrors(sample.takeError(), state.save(collector));
    if (!*sample)
      break;
    llvm::Expected<bool> isKnown = state.recognize(done, **sample);
    if (!isKnown)
      return isKnown.takeError();
    if (!*isKnown) {
      if (llvm::Error error = run((*sample)->arrays, collector))
        return llvm::createStringError("sample '" + (*sample)->name + "': " +
                                       llvm::toString(std::move(error)));
      if (llvm::Error error = collector.finishSample((*sample)->name))
        return error;
      if (llvm::Error error = state.add(**sample, collector))
        return error;
    }
    ++done;
    if (progress && !progress(done, samples.getSize()))
      return llvm::joinErrors(
          llvm::createStringError("calibration was cancelled"),
          state.save(collector));
  }
  return state.finish(done, collector);
}
