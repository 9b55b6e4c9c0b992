//===- Phases.h - the eight phases by name ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_PHASES_H
#define MPQ_DRIVER_PHASES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace mpq {

/// In the order in which a module passes through them.
enum class Phase {
  Import,
  Prepare,
  Calibrate,
  Assign,
  Quantize,
  Lower,
  Codegen,
  Emit
};

/// The names of all phases, indexed by Phase.
llvm::ArrayRef<llvm::StringRef> getPhaseNames();

/// The name of a phase on the command line, and back.
llvm::StringRef stringifyPhase(Phase phase);
std::optional<Phase> symbolizePhase(llvm::StringRef name);

} // namespace mpq

#endif // MPQ_DRIVER_PHASES_H
