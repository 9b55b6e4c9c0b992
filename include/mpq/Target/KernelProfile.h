//===- KernelProfile.h - where the time of a compiled model goes ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TARGET_KERNELPROFILE_H
#define MPQ_TARGET_KERNELPROFILE_H

#include "mpq/Runtime/KernelTimes.h"
#include "mpq/Target/MachinePeak.h"

#include "llvm/Support/raw_ostream.h"

#include <optional>
#include <string>
#include <vector>

namespace mpq {

/// Fills from the profile hook of a model that runs on one thread at a time
/// (its pool may have more), and says it in three ways (docs/Profiling.md).
class KernelProfile {
public:
  /// `info` outlives the profile. With `keepEvents` every call is kept, for
  /// traces.
  KernelProfile(const mpq_model_info &info, unsigned threads, bool keepEvents);

  /// An mpq_profile_fn for which `profiler` is a KernelProfile.
  static void hook(void *profiler, int64_t kernel, int32_t begin);

  /// Forgets what was seen; the next call starts the first run.
  void clear();
  /// Ends one run.
  void finishRun();

  /// Floors need the work of kernels, which old artifacts do not tell.
  bool knowsWork() const { return work != nullptr; }
  void setPeaks(MachinePeaks measured) { peaks = std::move(measured); }
  /// Known with the peaks and the work.
  std::optional<KernelFloor> getFloor(size_t kernel) const;

  /// A table by falling time.
  void print(llvm::raw_ostream &os) const;
  /// Times, work and floors of all kernels, in the order of execution.
  void writeJSON(llvm::raw_ostream &os) const;
  /// The calls as a trace that chrome://tracing and Perfetto open.
  void writeTrace(llvm::raw_ostream &os) const;

private:
  using Clock = KernelTimes::Clock;
  struct Event {
    int64_t kernel;
    Clock::time_point begin, end;
  };

  double getMilliseconds(size_t kernel) const;
  double getTotal() const;

  const mpq_model_info &info;
  const mpq_kernel_work *work = nullptr;
  unsigned threads;
  bool keepEvents;
  KernelTimes times;
  std::vector<Event> events;
  uint64_t runs = 0;
  /// Of each kernel, in milliseconds: until the last run ended, and the least
  /// of a run, which what else the machine does delays least.
  std::vector<double> finished, least;
  std::optional<MachinePeaks> peaks;
};

} // namespace mpq

#endif // MPQ_TARGET_KERNELPROFILE_H
