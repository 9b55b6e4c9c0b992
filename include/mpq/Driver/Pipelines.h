//===- Pipelines.h - the phases from assign to lower as pipelines ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_PIPELINES_H
#define MPQ_DRIVER_PIPELINES_H

#include "mpq/Calibration/Profile.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Driver/CompileOptions.h"
#include "mpq/Transforms/Assign/Passes.h"
#include "mpq/Transforms/Calibrate/Passes.h"

#include "mlir/Pass/PassOptions.h"

#include <string>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mpq {

/// The precision of products without a rule that a goal stands for.
PrecisionKind getPrecisionKind(PrecisionGoal goal);

/// Options of the phases assign and quantize.
struct QuantizePipelineOptions
    : mlir::PassPipelineOptions<QuantizePipelineOptions> {
  Option<std::string> profile{
      *this, "profile",
      llvm::cl::desc("Path of a calibration profile to apply first")};
  Option<RangeMethod> method{
      *this, "method",
      llvm::cl::desc("How ranges are picked from the profile where the recipe "
                     "does not say"),
      llvm::cl::init(RangeMethod::MinMax), RangeMethodValues()};
  Option<std::string> recipe{*this, "recipe",
                             llvm::cl::desc("Path of a recipe")};
  Option<PrecisionKind> precision{
      *this, "precision",
      llvm::cl::desc("Precision of products without a rule"),
      llvm::cl::init(PrecisionKind::Int8),
      llvm::cl::values(
          clEnumValN(PrecisionKind::Int8, "int8", "8 bits where possible"),
          clEnumValN(PrecisionKind::Int16, "int16",
                     "activations in 16 bits, weights in 8"),
          clEnumValN(PrecisionKind::Int4, "int4", "4-bit weights"),
          clEnumValN(PrecisionKind::Int2, "int2", "2-bit weights"),
          clEnumValN(PrecisionKind::BF16, "bf16", "bfloat16 factors, f32 sums"),
          clEnumValN(PrecisionKind::F16, "f16",
                     "16-bit IEEE factors, f32 sums"),
          clEnumValN(PrecisionKind::FP8E4M3, "fp8_e4m3",
                     "weights of FP8 E4M3, a scale for each channel"),
          clEnumValN(PrecisionKind::FP8E5M2, "fp8_e5m2",
                     "weights of FP8 E5M2, a scale for each channel"),
          clEnumValN(PrecisionKind::MXFP8, "mxfp8",
                     "weights in MX blocks of FP8 E4M3"),
          clEnumValN(PrecisionKind::MXFP4, "mxfp4",
                     "weights in MX blocks of FP4 E2M1"),
          clEnumValN(PrecisionKind::MXInt8, "mxint8",
                     "weights in MX blocks of 8-bit integers"),
          clEnumValN(PrecisionKind::F32, "f32", "float"))};
  Option<std::string> report{
      *this, "report",
      llvm::cl::desc("Path of the JSON file to write a record of each product "
                     "to")};
};

/// What is decided about each operation, with the recipe of `options`.
void buildAssignPipeline(mlir::OpPassManager &manager,
                         const AssignPrecisionPassOptions &options);

/// Ranges of a profile (if there is one), precisions, QDQ form.
void buildQuantizePipeline(mlir::OpPassManager &manager,
                           const QuantizePipelineOptions &options);

/// QDQ form to integer linalg, checked.
void buildLowerPipeline(mlir::OpPassManager &manager);

/// TOSA, float and quantized, to linalg.
void buildImportTosaPipeline(mlir::OpPassManager &manager);

/// Registers `mpq-import-tosa-pipeline`, `mpq-quantize-pipeline` and
/// `mpq-lower-pipeline`.
void registerQuantizationPipelines();

} // namespace mpq

#endif // MPQ_DRIVER_PIPELINES_H
