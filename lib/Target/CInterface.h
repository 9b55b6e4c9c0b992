//===- CInterface.h - the exported functions of an artifact ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_TARGET_CINTERFACE_H
#define MPQ_LIB_TARGET_CINTERFACE_H

#include "mpq/Codegen/ModuleInfo.h"
#include "mpq/Dialect/MPQDialect.h"

#include "llvm/IR/Module.h"

namespace mpq {

/// The code of one artifact for one machine.
struct ArtifactVariant {
  /// Of the target; what MPQ_VARIANT says.
  std::string name;
  TargetAttr target;
  /// Without the weights.
  ModuleInfo info;
  /// Where its weights, if it has some, begin among those of the artifact.
  std::optional<uint64_t> weightsOffset;
  /// Optimized, with a main function that others can call.
  std::unique_ptr<llvm::Module> module;
  std::string mainSymbol;
};

/// Adds the constant mpq_artifact, with the best variant first, to `module`.
/// `weights` is the start of all weights.
/// Declarations in `module` stand for main functions.
mlir::FailureOr<llvm::Constant *>
addDescriptor(mlir::Location loc, llvm::ArrayRef<ArtifactVariant> variants,
              llvm::Constant *weights, llvm::Module &module);

/// The module of an artifact, without the code of its variants: the descriptor
/// (the best variant first), the exported functions that use it, and the
/// runtime behind them. All of it runs on any machine of the architecture.
/// `weightsSize` zeros are put where the weights will be, or nothing if they
/// are not defined here.
mlir::FailureOr<std::unique_ptr<llvm::Module>>
createCInterface(mlir::Location loc, llvm::ArrayRef<ArtifactVariant> variants,
                 uint64_t weightsSize, bool defineWeights);

/// The functions that an artifact exports.
llvm::SmallVector<std::string> getExportedNames(llvm::StringRef model);

/// Takes all definitions but those called `names` out of sight of other
/// modules.
void internalize(llvm::Module &module, llvm::ArrayRef<std::string> names);

} // namespace mpq

#endif // MPQ_LIB_TARGET_CINTERFACE_H
