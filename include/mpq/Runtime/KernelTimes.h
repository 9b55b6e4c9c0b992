//===- KernelTimes.h - the time inside each kernel ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_RUNTIME_KERNELTIMES_H
#define MPQ_RUNTIME_KERNELTIMES_H

#include <chrono>
#include <cstdint>
#include <vector>

namespace mpq {

/// What the profile hook of an artifact collects; the artifact runs on one
/// thread at a time.
struct KernelTimes {
  using Clock = std::chrono::steady_clock;

  struct Entry {
    Clock::time_point begin;
    std::chrono::duration<double, std::milli> total{};
    int64_t calls = 0;
  };

  explicit KernelTimes(uint32_t numKernels) : entries(numKernels) {}

  /// An mpq_profile_fn; `self` is the KernelTimes.
  static void hook(void *self, int64_t kernel, int32_t begin) {
    Entry &entry = static_cast<KernelTimes *>(self)->entries[kernel];
    if (begin) {
      entry.begin = Clock::now();
      return;
    }
    entry.total += Clock::now() - entry.begin;
    ++entry.calls;
  }

  void clear() { entries.assign(entries.size(), Entry()); }

  std::vector<Entry> entries;
};

} // namespace mpq

#endif // MPQ_RUNTIME_KERNELTIMES_H
