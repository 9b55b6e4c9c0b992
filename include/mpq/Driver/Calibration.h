//===- Calibration.h - a prepared model and samples become a profile ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_CALIBRATION_H
#define MPQ_DRIVER_CALIBRATION_H

#include "mpq/Calibration/CollectProfile.h"
#include "mpq/Calibration/RowMask.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/LLVM.h"

namespace mpq {

/// Makes an instrumented module run. The module outlives the runner and may be
/// changed.
using CalibrationEngine =
    llvm::function_ref<mlir::FailureOr<SampleRunner>(mlir::ModuleOp)>;

/// Runs a copy of `prepared` with observers on the samples and returns what
/// they saw. Everything wrong with the data is one diagnostic; no sample is
/// skipped. `statePath`, if not empty, names a file that keeps what was seen
/// (CalibrationState.h): a run that was interrupted goes on from it.
mlir::FailureOr<Profile> calibrate(mlir::ModuleOp prepared,
                                   SampleSource &samples,
                                   CalibrationEngine engine,
                                   const SampleProgress &progress = {},
                                   llvm::StringRef statePath = {});

/// Opens `samples` for the inputs of the module's one public function.
mlir::LogicalResult openSamples(mlir::ModuleOp module, SampleSource &samples);

/// Calls `use` with the arrays of each sample. Errors are said at `loc`, also
/// that there are no samples, which `purpose` needs: "correct biases with".
mlir::LogicalResult
forEachSample(mlir::Location loc, SampleSource &samples,
              const SampleProgress &progress, llvm::StringRef purpose,
              llvm::function_ref<llvm::Error(llvm::ArrayRef<NpyArray>)> use);

/// Says which rows of values count for what samples decide on: those where the
/// input of this name is not 0 (RowMask.h). An error if the model has no such
/// input, or no product reads a value with a row for each of its elements.
mlir::LogicalResult setRowMask(mlir::ModuleOp module, llvm::StringRef input);

/// What setRowMask said.
std::optional<RowMask> getRowMask(mlir::ModuleOp module);

/// What an instrumented run tells of one value, and which of its rows count.
using ObserveFn = llvm::function_ref<void(
    llvm::StringRef id, llvm::ArrayRef<float> values, const CountedRows &rows)>;
using ObservedRunner =
    std::function<llvm::Error(llvm::ArrayRef<NpyArray> inputs, ObserveFn)>;

/// Compiles the module for this machine; it must go through lower and codegen,
/// and is not needed afterwards. An error once `isCancelled` says so.
mlir::FailureOr<ObservedRunner>
makeObservedRunner(mlir::ModuleOp instrumented,
                   const std::function<bool()> &isCancelled = {});

/// Runs `observed`, a float model whose decided precisions are left out, on all
/// samples, as forEachSample does.
mlir::LogicalResult observeSamples(mlir::OwningOpRef<mlir::ModuleOp> observed,
                                   SampleSource &samples,
                                   const SampleProgress &progress,
                                   const std::function<bool()> &isCancelled,
                                   llvm::StringRef purpose, ObserveFn tell);

/// How many channels of a value of this shape a profile tells apart: its last
/// dimension, or 0.
int64_t getObservedChannels(llvm::ArrayRef<int64_t> shape);

/// The engine that compiles the module for this machine.
mlir::FailureOr<SampleRunner>
makeJITRunner(mlir::ModuleOp instrumented,
              const std::function<bool()> &isCancelled = {});

/// The engine that interprets the module: slow, for any module.
mlir::FailureOr<SampleRunner> makeReferenceRunner(mlir::ModuleOp instrumented);

} // namespace mpq

#endif // MPQ_DRIVER_CALIBRATION_H
