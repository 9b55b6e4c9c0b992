//===- InitAllPasses.h - registration of every pass and pipeline ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_INITALLPASSES_H
#define MPQ_INITALLPASSES_H

namespace mpq {

/// Registers the project's passes and the named pipelines of its phases.
void registerAllPasses();

} // namespace mpq

#endif // MPQ_INITALLPASSES_H
