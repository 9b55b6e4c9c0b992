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

/// Told after each sample how many are done, and of how many.
using SampleProgress = std::function<void(size_t done, size_t total)>;

/// The profile of a model over a data set. Samples are read while the model
/// runs, one at a time, so memory does not grow with their number.
llvm::Expected<Profile> collectProfile(const Dataset &dataset,
                                       llvm::StringRef fingerprint,
                                       const SampleRunner &run,
                                       const SampleProgress &progress);

} // namespace mpq

#endif // MPQ_CALIBRATION_COLLECTPROFILE_H
