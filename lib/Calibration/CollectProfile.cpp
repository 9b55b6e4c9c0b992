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
                                            llvm::StringRef fingerprint,
                                            const SampleRunner &run,
                                            const SampleProgress &progress) {
  Collector collector;
  size_t done = 0;
  while (true) {
    llvm::Expected<std::optional<Sample>> sample = samples.next();
    if (!sample)
      return sample.takeError();
    if (!*sample)
      break;
    if (llvm::Error error = run((*sample)->arrays, collector))
      return error;
    if (llvm::Error error = collector.finishSample((*sample)->name))
      return error;
    ++done;
    if (progress && !progress(done, samples.getSize()))
      return llvm::createStringError("calibration was cancelled");
  }
  if (done == 0)
    return llvm::createStringError(
        "expected calibration samples but there are none");
  return collector.takeProfile(fingerprint);
}
