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

llvm::Expected<Profile> mpq::collectProfile(const Dataset &dataset,
                                            llvm::StringRef fingerprint,
                                            const SampleRunner &run,
                                            const SampleProgress &progress) {
  Collector collector;
  for (size_t i = 0, e = dataset.size(); i < e; ++i) {
    llvm::Expected<std::vector<NpyArray>> inputs = dataset.read(i);
    if (!inputs)
      return inputs.takeError();
    if (llvm::Error error = run(*inputs, collector))
      return error;
    if (llvm::Error error = collector.finishSample(dataset.getSampleName(i)))
      return error;
    if (progress)
      progress(i + 1, e);
  }
  return collector.takeProfile(fingerprint);
}
