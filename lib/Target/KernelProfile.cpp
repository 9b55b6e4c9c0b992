//===- KernelProfile.cpp - where the time of a compiled model goes ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The hook is called twice a kernel, so it only reads the clock. Everything
// else waits until somebody asks.
//
//===----------------------------------------------------------------------===//

#include "mpq/Target/KernelProfile.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

#include <algorithm>
#include <cstddef>

using namespace mpq;
using llvm::json::OStream;

KernelProfile::KernelProfile(const mpq_model_info &info, unsigned threads,
                             bool keepEvents)
    : info(info), threads(threads), keepEvents(keepEvents),
      times(info.num_kernels) {
  clear();
  // Members are added at the end: older artifacts describe fewer.
  if (info.size >=
      offsetof(mpq_model_info, kernel_work) + sizeof(info.kernel_work))
    work = info.kernel_work;
}

void KernelProfile::hook(void *profiler, int64_t kernel, int32_t begin) {
  auto *self = static_cast<KernelProfile *>(profiler);
  KernelTimes::hook(&self->times, kernel, begin);
  if (!begin && self->keepEvents)
    self->events.push_back(
        {kernel, self->times.entries[kernel].begin, Clock::now()});
}

void KernelProfile::clear() {
  times.clear();
  events.clear();
  runs = 0;
  finished.assign(times.entries.size(), 0);
  least.assign(times.entries.size(), 0);
}

void KernelProfile::finishRun() {
  for (size_t i = 0; i < times.entries.size(); ++i) {
    double total = times.entries[i].total.count();
    double ofRun = total - finished[i];
    least[i] = runs ? std::min(least[i], ofRun) : ofRun;
    finished[i] = total;
  }
  ++runs;
}

double KernelProfile::getMilliseconds(size_t kernel) const {
  return times.entries[kernel].total.count() /
         double(std::max<uint64_t>(runs, 1));
}

std::optional<KernelFloor> KernelProfile::getFloor(size_t kernel) const {
  if (!work || !peaks)
    return std::nullopt;
  return getKernelFloor(work[kernel], peaks->best, threads);
}

double KernelProfile::getTotal() const {
  double total = 0;
  for (size_t i = 0; i < times.entries.size(); ++i)
    total += getMilliseconds(i);
  return total;
}

void KernelProfile::print(llvm::raw_ostream &os) const {
  double total = getTotal(), floors = 0;
  auto order = llvm::to_vector(llvm::seq<size_t>(0, times.entries.size()));
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::make_pair(-getMilliseconds(a), a) <
           std::make_pair(-getMilliseconds(b), b);
  });
  bool hasFloors = work && peaks;
  os << "   ms/run      %  calls/run  ";
  if (hasFloors)
    os << "floor ms  of peak  bound    ";
  os << "kernel\n";
  auto printFloor = [&](double milliseconds, double floor,
                        llvm::StringRef bound) {
    if (!hasFloors)
      return;
    double share = milliseconds > 0 ? 100 * floor / milliseconds : 0;
    os << llvm::format("%8.4f  %6.1f%%  ", floor, share)
       << llvm::left_justify(bound, 9);
  };
  for (size_t i : order) {
    double milliseconds = getMilliseconds(i);
    os << llvm::format("%9.4f  %5.1f  %9lld  ", milliseconds,
                       total > 0 ? 100 * milliseconds / total : 0.0,
                       static_cast<long long>(times.entries[i].calls /
                                              std::max<uint64_t>(runs, 1)));
    if (std::optional<KernelFloor> floor = getFloor(i)) {
      printFloor(milliseconds, floor->seconds * 1e3, floor->bound);
      floors += floor->seconds * 1e3;
    }
    os << info.kernels[i] << '\n';
  }
  os << llvm::format("%9.4f  100.0             ", total);
  printFloor(total, floors, "");
  os << "all kernels\n";
  if (hasFloors)
    os << llvm::format(
        "peak of one thread: %.1f integer and %.1f float "
        "giga-multiply-accumulates a second, %.1f to %.1f GB/s\n",
        peaks->best.integerMACsPerSecond / 1e9,
        peaks->best.floatMACsPerSecond / 1e9,
        peaks->best.bandwidths.back().bytesPerSecond / 1e9,
        peaks->best.bandwidths.front().bytesPerSecond / 1e9);
}

static std::string toText(const char *name) {
  return llvm::json::fixUTF8(name);
}

/// The attributes of a peak.
static void writePeak(OStream &json, const MachinePeak &peak) {
  json.attribute("integer_macs_per_second", peak.integerMACsPerSecond);
  json.attribute("float_macs_per_second", peak.floatMACsPerSecond);
  json.attributeArray("bandwidths", [&] {
    for (const MachinePeak::Bandwidth &bandwidth : peak.bandwidths)
      json.object([&] {
        json.attribute("bytes", bandwidth.bytes);
        json.attribute("bytes_per_second", bandwidth.bytesPerSecond);
      });
  });
}

void KernelProfile::writeJSON(llvm::raw_ostream &os) const {
  OStream json(os, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("format", "mpq-kernel-times");
    json.attribute("version", 1);
    json.attribute("model", toText(info.name));
    json.attribute("target", toText(info.target));
    if (const char *variant = mpq_get_variant(&info))
      json.attribute("variant", toText(variant));
    json.attribute("threads", threads);
    json.attribute("runs", runs);
    json.attribute("milliseconds", getTotal());
    if (peaks) {
      json.attributeObject("peak", [&] { writePeak(json, peaks->best); });
      json.attributeObject("median_peak",
                           [&] { writePeak(json, peaks->median); });
    }
    json.attributeArray("kernels", [&] {
      for (size_t i = 0; i < times.entries.size(); ++i)
        json.object([&] {
          double milliseconds = getMilliseconds(i);
          json.attribute("name", toText(info.kernels[i]));
          json.attribute("milliseconds", milliseconds);
          json.attribute("least_milliseconds", least[i]);
          json.attribute("calls", times.entries[i].calls);
          if (work) {
            json.attribute("integer_macs", work[i].integer_macs);
            json.attribute("float_macs", work[i].float_macs);
            json.attribute("bytes_read", work[i].bytes_read);
            json.attribute("bytes_written", work[i].bytes_written);
          }
          if (std::optional<KernelFloor> floor = getFloor(i)) {
            json.attribute("floor_milliseconds", floor->seconds * 1e3);
            json.attribute("bound", floor->bound);
            if (milliseconds > 0)
              json.attribute("share_of_peak",
                             floor->seconds * 1e3 / milliseconds);
          }
        });
    });
  });
  os << '\n';
}

void KernelProfile::writeTrace(llvm::raw_ostream &os) const {
  OStream json(os);
  auto since = [&](Clock::time_point time) {
    return std::chrono::duration<double, std::micro>(time -
                                                     events.front().begin)
        .count();
  };
  json.object([&] {
    json.attribute("displayTimeUnit", "ms");
    json.attributeArray("traceEvents", [&] {
      json.object([&] {
        json.attribute("name", "process_name");
        json.attribute("ph", "M");
        json.attribute("pid", 1);
        json.attributeObject(
            "args", [&] { json.attribute("name", toText(info.name)); });
      });
      for (const Event &event : events)
        json.object([&] {
          json.attribute("name", toText(info.kernels[event.kernel]));
          json.attribute("cat", "kernel");
          json.attribute("ph", "X");
          json.attribute("pid", 1);
          json.attribute("tid", 1);
          json.attribute("ts", since(event.begin));
          json.attribute("dur", since(event.end) - since(event.begin));
          if (!work)
            return;
          const mpq_kernel_work &counts = work[event.kernel];
          json.attributeObject("args", [&] {
            json.attribute("integer_macs", counts.integer_macs);
            json.attribute("float_macs", counts.float_macs);
            json.attribute("bytes_read", counts.bytes_read);
            json.attribute("bytes_written", counts.bytes_written);
          });
        });
    });
  });
  os << '\n';
}
