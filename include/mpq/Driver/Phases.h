//===- Phases.h - the eight phases by name ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_PHASES_H
#define MPQ_DRIVER_PHASES_H

#include "mlir/IR/BuiltinOps.h"
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

/// Notes in a module that a file will hold which phase it has been through:
/// `mpq.phase = "quantize"`, from that phase on. Earlier ones may be repeated
/// with other options.
void setLastPhase(mlir::ModuleOp module, Phase phase);
std::optional<Phase> getLastPhase(mlir::ModuleOp module);

} // namespace mpq

#endif // MPQ_DRIVER_PHASES_H
