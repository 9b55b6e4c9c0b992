//===- Emission.h - from the LLVM dialect to files and memory ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last phase. A module after codegen (ModuleInfo.h) becomes LLVM IR,
// assembly, an object or a shared library with the C interface of
// mpq-runtime/model.h. LLVM never sees the weights: they are written into the
// finished object.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TARGET_EMISSION_H
#define MPQ_TARGET_EMISSION_H

#include "mpq/Codegen/ModuleInfo.h"
#include "mpq/Dialect/MPQDialect.h"

#include "llvm/Support/MemoryBuffer.h"

#include <functional>
#include <memory>

namespace mpq {

/// The section of an object that holds its weights.
inline constexpr llvm::StringLiteral kWeightsSection = ".rodata.mpq_weights";

enum class EmissionFormat { LLVMIR, Assembly, Object };

struct EmissionOptions {
  TargetAttr target;
  EmissionFormat format = EmissionFormat::Object;
  /// Add mpq_<name>_* and the weights; otherwise only <model>_main is visible.
  bool cInterface = true;
  /// LLVM's optimization level, 0 to 3.
  unsigned optimizationLevel = 3;
  /// Asked during the work; true ends it with an error. May be empty.
  std::function<bool()> isCancelled;
};

/// Translates, optimizes and writes `module`. LLVM IR and assembly leave the
/// weights as an external symbol.
mlir::FailureOr<llvm::SmallString<0>> emit(mlir::ModuleOp module,
                                           const EmissionOptions &options);

/// Makes an artifact with code for several machines of one architecture, which
/// takes the first that it can run when it is loaded (docs/Artifact.md).
class VariantEmitter {
public:
  /// Without a target, and with the C interface.
  explicit VariantEmitter(EmissionOptions options);
  ~VariantEmitter();

  /// Translates and optimizes the code for `target`, which is called `name`;
  /// better ones come first. `module` is not needed afterwards, nor are the
  /// weights of earlier variants that those of this one begin with.
  mlir::LogicalResult add(mlir::ModuleOp module, TargetAttr target,
                          llvm::StringRef name);

  /// Writes the artifact.
  mlir::FailureOr<llvm::SmallString<0>> write(mlir::Location loc);

private:
  class Impl;
  std::unique_ptr<Impl> impl;
};

/// The shared library of an object that emit made, linked with ld.lld, which is
/// sought beside this LLVM and in PATH. `name` is the one the library is known
/// by to those linked with it.
mlir::FailureOr<std::unique_ptr<llvm::MemoryBuffer>>
linkSharedLibrary(mlir::Location loc, llvm::StringRef object,
                  llvm::StringRef name);

/// The C header that declares the functions of the artifact.
void writeCHeader(const ModuleInfo &info, llvm::raw_ostream &os);

/// Where the bytes of an object went.
struct ObjectSizes {
  uint64_t code = 0, constants = 0, weights = 0;
};
llvm::Expected<ObjectSizes> measureObject(llvm::MemoryBufferRef object);

} // namespace mpq

#endif // MPQ_TARGET_EMISSION_H
