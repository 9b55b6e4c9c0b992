//===- Compiler.h - one compilation and its state ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_DRIVER_COMPILER_H
#define MPQ_LIB_DRIVER_COMPILER_H

#include "Cancellation.h"
#include "Targets.h"

#include "mpq/Driver/Calibration.h"
#include "mpq/Driver/Compilation.h"
#include "mpq/Driver/Report.h"

#include "mlir/IR/BuiltinOps.h"

#include <functional>

namespace mpq {

/// One compilation: options with their defaults filled in, and its state.
class Compiler {
public:
  Compiler(mlir::MLIRContext &context, const ModelSource &source,
           const ModelDestination &destination, const CompileOptions &options,
           const CompilationMonitor &monitor)
      : context(context), source(source), destination(destination),
        options(options), monitor(monitor),
        cancellation(context, monitor.isCancelled),
        loc(mlir::UnknownLoc::get(&context)) {}

  mlir::FailureOr<CompileSummary> run();
  mlir::LogicalResult calibrate(SampleSource &samples);

private:
  mlir::LogicalResult resolve();
  mlir::LogicalResult requirePhase(bool given, llvm::StringRef option,
                                   Phase phase);
  mlir::LogicalResult checkRecipe();
  mlir::LogicalResult checkDecisions();
  mlir::LogicalResult checkTargetActs();
  void warnOfIdleDecisions();
  mlir::LogicalResult checkTargets();
  mlir::LogicalResult checkOutput();
  mlir::LogicalResult load();
  mlir::LogicalResult runPhase(Phase phase);
  mlir::LogicalResult formTunedKernels();
  mlir::LogicalResult recordPhase(Phase phase);
  /// Codegen and the first half of emission, for each of several targets.
  mlir::LogicalResult compileVariants();
  void summarize(const ModuleInfo &variant);
  mlir::LogicalResult writeReport();
  mlir::LogicalResult writeModule();
  mlir::LogicalResult writeONNX();
  std::unique_ptr<VariantEmitter> createEmitter() const;
  mlir::FailureOr<llvm::SmallString<0>> emitCode();
  mlir::LogicalResult write();
  bool writesHeader() const;
  std::string getHeaderPath() const;
  mlir::LogicalResult
  writeFile(llvm::StringRef path,
            llvm::function_ref<void(llvm::raw_ostream &)> write);
  mlir::LogicalResult
  writeOutput(llvm::function_ref<void(llvm::raw_ostream &)> write);

  bool reportSample(size_t done, std::optional<size_t> total);
  /// An error if the caller wants no more.
  mlir::LogicalResult checkCancelled();
  /// Runs `work` and reports the time it took.
  mlir::LogicalResult timed(llvm::StringRef what,
                            llvm::function_ref<mlir::LogicalResult()> work);

  mlir::MLIRContext &context;
  const ModelSource &source;
  ModelDestination destination;
  const CompileOptions &options;
  const CompilationMonitor &monitor;
  CancellationScope cancellation;
  const SampleProgress progress =
      std::bind_front(&Compiler::reportSample, this);
  mlir::Location loc;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  Phase from = Phase::Prepare, to = Phase::Emit;
  OutputKind kind = OutputKind::SharedLibrary;
  PrecisionGoal precision = PrecisionGoal::F32;
  /// What the recipe's `stored` asks for.
  bool storesIntegers = false;
  /// Whether the recipe gives weights of 4 or 2 bits to all products.
  bool hasFewBits = false;
  /// The result is a profile.
  bool calibrates = false;
  /// The best first.
  llvm::SmallVector<NamedTarget> targets;
  /// Takes the code for several machines; otherwise made at the end.
  std::unique_ptr<VariantEmitter> emitter;
  /// What codegen says; of several variants, the best one.
  std::optional<ModuleInfo> info;
  CompileSummary summary;
  std::optional<ReportBuilder> record; // if there is a report to write
};

/// Whether files of this kind hold a module.
bool isMLIR(OutputKind kind);

} // namespace mpq

#endif // MPQ_LIB_DRIVER_COMPILER_H
