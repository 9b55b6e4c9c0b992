//===- PerfMap.h - names of JIT code for Linux perf ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_TARGET_PERFMAP_H
#define MPQ_LIB_TARGET_PERFMAP_H

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace mpq {

/// If the environment sets MPQ_PERF_MAP to something else than 0, what `jit`
/// loads from now on is appended to /tmp/perf-<pid>.map, which `perf report`
/// reads.
void writePerfMap(llvm::orc::LLJIT &jit);

} // namespace mpq

#endif // MPQ_LIB_TARGET_PERFMAP_H
