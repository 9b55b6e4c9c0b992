//===- CalibrationState.h - calibration that outlives its process ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Large data sets take hours. Profiles of parts merge exactly, so the one of
// the samples that are done is all there is to keep.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CALIBRATION_CALIBRATIONSTATE_H
#define MPQ_CALIBRATION_CALIBRATIONSTATE_H

#include "mpq/Calibration/Collector.h"
#include "mpq/Calibration/Dataset.h"

#include <chrono>

namespace mpq {

/// What a calibration has seen, in memory or also in a file: a profile with the
/// field `done`, which lists the samples. The file is replaced as a whole, so
/// whenever the process ends, one of the last seconds is there.
class CalibrationState {
public:
  /// The state of the file `path`, or the first one if there is no such file.
  /// An error if it is of another model or no state. Without a path nothing is
  /// written.
  static llvm::Expected<CalibrationState> open(llvm::StringRef path,
                                               llvm::StringRef fingerprint);

  /// Whether the sample in this position of the data has been seen; an error if
  /// another one was.
  llvm::Expected<bool> recognize(size_t position, const Sample &sample) const;

  /// Adds a sample, the last one that `collector` has finished. Every few
  /// samples and seconds takes what the collector has and writes the file.
  llvm::Error add(const Sample &sample, Collector &collector);

  /// Takes what the collector has of added samples and writes the file.
  llvm::Error save(Collector &collector);

  /// The profile after the last of `count` samples, which stays in the file,
  /// too. An error if there were none, or some of the state's are missing.
  llvm::Expected<Profile> finish(size_t count, Collector &collector);

private:
  std::string path;
  Profile profile;
  size_t unsaved = 0;
  std::chrono::steady_clock::time_point lastSaved;
};

} // namespace mpq

#endif // MPQ_CALIBRATION_CALIBRATIONSTATE_H
