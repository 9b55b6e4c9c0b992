//===- CollectProfile.h - the loop over calibration samples ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CALIBRATION_COLLECTPROFILE_H
#define MPQ_CALIBRATION_COLLECTPROFILE_H

#include "mpq/Calibration/Collector.h"
#include "mpq/Calibration/Dataset.h"

#include <functional>

namespace mpq {

/// Runs the instrumented model on the inputs of one sample, giving the
/// collector what it observes.
using SampleRunner = std::function<llvm::Error(llvm::ArrayRef<NpyArray> inputs,
                                               Collector &collector)>;

/// Told after each sample how many are done, and of how many if that is known;
/// answers whether to go on.
using SampleProgress =
    std::function<bool(size_t done, std::optional<size_t> total)>;

/// The profile of a model over samples of an open source. An error if there are
/// none, or if `progress` asked to stop.
llvm::Expected<Profile> collectProfile(SampleSource &samples,
                                       llvm::StringRef fingerprint,
                                       const SampleRunner &run,
                                       const SampleProgress &progress);

} // namespace mpq

#endif // MPQ_CALIBRATION_COLLECTPROFILE_H
