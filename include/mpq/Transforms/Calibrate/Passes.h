//===- Passes.h - passes of the calibrate phase ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TRANSFORMS_CALIBRATE_PASSES_H
#define MPQ_TRANSFORMS_CALIBRATE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "mpq/Calibration/RangeMethod.h"
#include "mpq/Dialect/MPQDialect.h"

#include <string>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mpq {

/// Makes the range methods the values of a pass option.
struct RangeMethodValues {
  template <typename Opt> void apply(Opt &option) const {
    for (const RangeMethodInfo &info : getRangeMethods())
      option.getParser().addLiteralOption(info.name, info.method,
                                          info.description);
  }
};

#define GEN_PASS_DECL
#include "mpq/Transforms/Calibrate/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mpq/Transforms/Calibrate/Passes.h.inc"

/// The phase calibrate around the run of the instrumented model, registered as
/// `mpq-instrument-pipeline` and `mpq-calibrate-pipeline`.
void buildInstrumentPipeline(mlir::OpPassManager &manager);
void buildCalibratePipeline(mlir::OpPassManager &manager,
                            const ApplyProfilePassOptions &options);
void registerCalibratePipelines();

/// Identity of a prepared model: its operations, types and weights, but not
/// its locations, names, ranges and observers. The same in every run, before
/// and after mpq-insert-observers.
std::string getModelFingerprint(mlir::ModuleOp module);

} // namespace mpq

#endif // MPQ_TRANSFORMS_CALIBRATE_PASSES_H
