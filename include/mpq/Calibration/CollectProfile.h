//===- CollectProfile.h - the loop over calibration samples ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CALIBRATION_COLLECTPROFILE_H
#define MPQ_CALIBRATION_COLLECTPROFILE_H

#include "mpq/Calibration/CalibrationState.h"
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

/// The profile of the state's model over samples of an open source. Samples
/// that the state has are read, to see that they are the same, but not run. An
/// error if there are no samples, or if `progress` asked to stop.
llvm::Expected<Profile> collectProfile(SampleSource &samples,
                                       CalibrationState state,
                                       const SampleRunner &run,
                                       const SampleProgress &progress);

} // namespace mpq

#endif // MPQ_CALIBRATION_COLLECTPROFILE_H
