//===- Profile.h - the calibration profile and its file ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an instrumented run leaves behind: for each value id a histogram, and
// the extremes of its channels.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CALIBRATION_PROFILE_H
#define MPQ_CALIBRATION_PROFILE_H

#include "mpq/Calibration/ChannelExtremes.h"
#include "mpq/Calibration/Histogram.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <map>
#include <string>
#include <vector>

namespace mpq {

/// A sample by its name and a digest of its contents.
struct SampleMark {
  std::string name;
  uint64_t digest;
};

/// Statistics of a model's values over calibration samples.
///
/// The file is JSON (docs/ProfileFormat.md):
///   {"format": "mpq-profile", "version": 1, "fingerprint": "...",
///    "samples": 64, "values": {"<value id>": {"min": -1.5, "max": 2.25,
///    "count": 4096, "infinities": 0, "exponent": -9, "first": -768,
///    "bins": [1, 0, ...], "channels": {"min": [...], "max": [...]}}, ...}}
struct Profile {
  static constexpr int64_t kVersion = 1;

  /// Identity of the model the values belong to. Empty: of no model in
  /// particular (files written by hand).
  std::string fingerprint;
  /// Number of samples the model ran on.
  uint64_t samples = 0;
  /// Which ones, while calibration goes on (CalibrationState.h); else empty.
  std::vector<SampleMark> done;
  /// Ordered, so that equal profiles are equal files.
  std::map<std::string, Histogram> values;
  /// Of some of the values. Not in files written by hand.
  std::map<std::string, ChannelExtremes> channels;

  /// Adds the samples of another profile of the same model; an error if the
  /// fingerprints differ. `done` stays as it is.
  llvm::Error merge(const Profile &other);

  std::string toJSON() const;
  /// `source` names the text in errors.
  static llvm::Expected<Profile> fromJSON(llvm::StringRef text,
                                          llvm::StringRef source);

  /// Replaces `path` by the whole profile or leaves it as it was.
  llvm::Error write(llvm::StringRef path) const;
  static llvm::Expected<Profile> read(llvm::StringRef path);
};

/// Writes the profile of all samples of the profiles in `paths`, which are of
/// one model; bit for bit that of a calibration with all of them at once.
llvm::Error mergeProfiles(llvm::ArrayRef<std::string> paths,
                          llvm::StringRef output);

} // namespace mpq

#endif // MPQ_CALIBRATION_PROFILE_H
