//===- CalibrationState.cpp - calibration that outlives its process ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A profile of some samples twice and of others not at all looks like any other
// profile. So samples are compared by contents, not only by name, when they are
// read again: that takes little beside running the model on them.
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/CalibrationState.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/xxhash.h"

using namespace mpq;
using llvm::Twine;

/// What a crash may cost, at most.
static constexpr size_t kSamplesBetween = 256;
static constexpr std::chrono::seconds kTimeBetween(5);

static uint64_t getDigest(const Sample &sample) {
  uint64_t digest = 0;
  for (const NpyArray &array : sample.arrays)
    digest = digest * 31 + llvm::xxh3_64bits(llvm::StringRef(
                               array.data.data(), array.data.size()));
  return digest;
}

llvm::Expected<CalibrationState>
CalibrationState::open(llvm::StringRef path, llvm::StringRef fingerprint) {
  CalibrationState state;
  state.path = path.str();
  state.profile.fingerprint = fingerprint.str();
  state.lastSaved = std::chrono::steady_clock::now();
  if (path.empty() || !llvm::sys::fs::exists(path))
    return state;
  llvm::Expected<Profile> read = Profile::read(path);
  if (!read)
    return read.takeError();
  std::string remedy = ": remove the file to calibrate from the start";
  if (read->fingerprint != fingerprint)
    return llvm::createStringError(
        "the calibration in '" + path +
        "' is of another model: expected fingerprint '" + fingerprint +
        "' but got '" + read->fingerprint + "'" + remedy);
  if (read->done.empty())
    return llvm::createStringError(
        "expected '" + path +
        "' to be the state of a calibration but it is a finished profile: "
        "name another file with --resume");
  state.profile = std::move(*read);
  return state;
}

llvm::Expected<bool> CalibrationState::recognize(size_t position,
                                                 const Sample &sample) const {
  if (position >= profile.done.size())
    return false;
  const SampleMark &mark = profile.done[position];
  if (mark.name != sample.name)
    return llvm::createStringError(
        "the calibration in '" + path + "' is of other samples: number " +
        Twine(position) + " was '" + mark.name + "' but is '" + sample.name +
        "': remove the file to calibrate from the start");
  if (mark.digest != getDigest(sample))
    return llvm::createStringError(
        "the calibration in '" + path + "' is of other samples: '" + mark.name +
        "' has changed: remove the file to calibrate from the start");
  return true;
}

llvm::Error CalibrationState::add(const Sample &sample, Collector &collector) {
  if (path.empty())
    return llvm::Error::success();
  profile.done.push_back({sample.name, getDigest(sample)});
  if (++unsaved < kSamplesBetween &&
      std::chrono::steady_clock::now() - lastSaved < kTimeBetween)
    return llvm::Error::success();
  return save(collector);
}

llvm::Error CalibrationState::save(Collector &collector) {
  if (path.empty() || profile.done.empty())
    return llvm::Error::success();
  if (llvm::Error error =
          profile.merge(collector.takeProfile(profile.fingerprint)))
    return error;
  unsaved = 0;
  if (llvm::Error error = profile.write(path))
    return error;
  lastSaved = std::chrono::steady_clock::now();
  return llvm::Error::success();
}

llvm::Expected<Profile> CalibrationState::finish(size_t count,
                                                 Collector &collector) {
  if (count < profile.done.size())
    return llvm::createStringError(
        "the calibration in '" + path + "' is of other samples: '" +
        profile.done[count].name +
        "' is missing: remove the file to calibrate from the start");
  if (count == 0)
    return llvm::createStringError(
        "expected calibration samples but there are none");
  if (unsaved > 0)
    if (llvm::Error error = save(collector))
      return error;
  if (llvm::Error error =
          profile.merge(collector.takeProfile(profile.fingerprint)))
    return error;
  profile.done.clear();
  return std::move(profile);
}
