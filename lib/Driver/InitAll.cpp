//===- InitAll.cpp - registration of dialects, models and passes ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/InitAllDialects.h"
#include "mpq/InitAllPasses.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Conversion/Passes.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Driver/Pipelines.h"
#include "mpq/Models/Models.h"
#include "mpq/Transforms/Assign/Passes.h"
#include "mpq/Transforms/Calibrate/Passes.h"
#include "mpq/Transforms/Prepare/Passes.h"
#include "mpq/Transforms/Quantize/Passes.h"
#include "mpq/Tune/Passes.h"

void mpq::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  registry.insert<MPQDialect>();
  registerModels(registry);
}

void mpq::registerAllPasses() {
  registerMPQAssignPasses();
  registerMPQCalibratePasses();
  registerCalibratePipelines();
  registerMPQCodegenPasses();
  mlir::PassPipelineRegistration<>(
      "mpq-codegen-pipeline", "lowered linalg to kernels in the LLVM dialect",
      buildCodegenPipeline);
  mlir::PassPipelineRegistration<>("mpq-form-kernels-pipeline",
                                   "lowered linalg to kernels on tensors",
                                   buildFormKernelsPipeline);
  mlir::PassPipelineRegistration<>("mpq-generate-kernels-pipeline",
                                   "kernels on tensors to the LLVM dialect",
                                   buildGenerateKernelsPipeline);
  registerMPQConversionPasses();
  registerMPQPreparePasses();
  registerPreparePipeline();
  registerMPQQuantizePasses();
  registerQuantizationPipelines();
  registerMPQTunePasses();
}
