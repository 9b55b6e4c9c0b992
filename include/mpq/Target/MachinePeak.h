//===- MachinePeak.h - what this machine can do at most ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TARGET_MACHINEPEAK_H
#define MPQ_TARGET_MACHINEPEAK_H

#include "mpq-runtime/model.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <vector>

namespace mpq {

/// Rates of one thread.
struct MachinePeak {
  double integerMACsPerSecond = 0, floatMACsPerSecond = 0;
  struct Bandwidth {
    int64_t bytes; // of the memory that is read again and again
    double bytesPerSecond;
  };
  /// By rising size: from the first cache to main memory.
  std::vector<Bandwidth> bandwidths;
};

/// What many short measurements gave (docs/Profiling.md): at best, and as often
/// below as above, neighbours on the machine included.
struct MachinePeaks {
  MachinePeak best, median;

  /// Runs short loops of the dot product, the fused multiply-add and the vector
  /// loads of a target, given as `mpq_model_info` does; takes a quarter of a
  /// second. An error if the machine is no x86 or lacks the target's features.
  static llvm::Expected<MachinePeaks> measure(llvm::StringRef target);
};

/// The time that a kernel takes at least, and what bounds it.
struct KernelFloor {
  double seconds = 0;
  llvm::StringLiteral bound = "memory"; // or "integer", "float"
};

/// Work divided by the peaks of `threads` threads: arithmetic and memory
/// traffic at once, so the larger counts. Bytes move at the rate of a working
/// set of their size.
KernelFloor getKernelFloor(const mpq_kernel_work &work, const MachinePeak &peak,
                           unsigned threads);

} // namespace mpq

#endif // MPQ_TARGET_MACHINEPEAK_H
