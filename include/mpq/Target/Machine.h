//===- Machine.h - the machines code is generated for ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TARGET_MACHINE_H
#define MPQ_TARGET_MACHINE_H

#include "mpq/Dialect/MPQDialect.h"

#include <memory>

namespace llvm {
class MCSubtargetInfo;
class TargetMachine;
} // namespace llvm

namespace mpq {

/// The machine this process runs on. Its features list every enabled feature,
/// and those a CPU of its name has but this one lacks.
TargetAttr getHostTarget(mlir::MLIRContext *context);

/// The target called `name` on the command line: "host" or one of
/// getTargetNames(); null for another name.
TargetAttr getNamedTarget(mlir::MLIRContext *context, llvm::StringRef name);

/// The names getNamedTarget knows.
llvm::ArrayRef<llvm::StringRef> getTargetNames();

/// True if the system lets this process use tile registers; asks it to.
bool mayUseTileRegisters();

/// True if this machine has all that code for `target` may use.
bool runsOnHost(TargetAttr target);

/// What LLVM knows of the features of `target`; null if it does not know the
/// triple.
std::unique_ptr<llvm::MCSubtargetInfo> createSubtargetInfo(TargetAttr target);

/// LLVM's code generator for `target`: position independent, small code model,
/// no contraction of floating point. Unknown triples, CPUs and features are
/// errors at `loc`.
mlir::FailureOr<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(mlir::Location loc, TargetAttr target);

} // namespace mpq

#endif // MPQ_TARGET_MACHINE_H
