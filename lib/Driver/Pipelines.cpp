//===- Pipelines.cpp - the phases from assign to lower as pipelines ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The phases by name, for quant-opt and for the stock mlir-opt with our
// plug-in: a linalg file that no importer of ours wrote goes the same way.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/Pipelines.h"

#include "mlir/Conversion/TosaToArith/TosaToArith.h"
#include "mlir/Conversion/TosaToLinalg/TosaToLinalg.h"
#include "mlir/Conversion/TosaToTensor/TosaToTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Tosa/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Conversion/Passes.h"
#include "mpq/Transforms/Assign/Passes.h"
#include "mpq/Transforms/Calibrate/Passes.h"
#include "mpq/Transforms/Prepare/Passes.h"
#include "mpq/Transforms/Quantize/Passes.h"

using namespace mlir;
using namespace mpq;

PrecisionKind mpq::getPrecisionKind(PrecisionGoal goal) {
  switch (goal) {
  case PrecisionGoal::F32:
    return PrecisionKind::F32;
  case PrecisionGoal::Int8:
    return PrecisionKind::Int8;
  case PrecisionGoal::Int16:
    return PrecisionKind::Int16;
  case PrecisionGoal::Int4:
    return PrecisionKind::Int4;
  case PrecisionGoal::Int2:
    return PrecisionKind::Int2;
  case PrecisionGoal::BF16:
    return PrecisionKind::BF16;
  case PrecisionGoal::F16:
    return PrecisionKind::F16;
  case PrecisionGoal::FP8E4M3:
    return PrecisionKind::FP8E4M3;
  case PrecisionGoal::FP8E5M2:
    return PrecisionKind::FP8E5M2;
  case PrecisionGoal::MXFP8:
    return PrecisionKind::MXFP8;
  case PrecisionGoal::MXFP4:
    return PrecisionKind::MXFP4;
  case PrecisionGoal::MXInt8:
    return PrecisionKind::MXInt8;
  }
  llvm_unreachable("unknown precision");
}

void mpq::buildAssignPipeline(OpPassManager &manager,
                              const AssignPrecisionPassOptions &options) {
  manager.addPass(createAssignPrecisionPass(options));
  manager.addPass(createAssignEqualizationPass(
      AssignEqualizationPassOptions{options.recipe}));
  manager.addPass(createEqualizeChannelsPass());
  manager.addPass(
      createAssignStoragePass(AssignStoragePassOptions{options.recipe}));
}

void mpq::buildQuantizePipeline(OpPassManager &manager,
                                const QuantizePipelineOptions &options) {
  if (!options.profile.empty() || !options.recipe.empty()) {
    ApplyProfilePassOptions apply;
    apply.profile = options.profile;
    apply.recipe = options.recipe;
    apply.method = options.method;
    manager.addPass(createApplyProfilePass(apply));
  }
  AssignPrecisionPassOptions assign;
  assign.recipe = options.recipe;
  assign.precision = options.precision;
  assign.report = options.report;
  buildAssignPipeline(manager, assign);
  manager.addPass(createCorrectBiasPass());
  manager.addPass(createQuantizePass());
}

void mpq::buildLowerPipeline(OpPassManager &manager) {
  manager.addPass(createNormalizeSignednessPass());
  manager.addPass(createMoveOnIntegersPass());
  manager.addPass(createAbsorbClampsPass());
  manager.addPass(createLowerDynamicProductsPass());
  manager.addPass(createLowerBlockProductsPass());
  manager.addPass(createLowerActivationProductsPass());
  manager.addPass(createLowerWideProductsPass());
  manager.addPass(createLowerProductsPass());
  manager.addPass(createAbsorbFactorsPass());
  manager.addPass(createLowerQDQPass());
  manager.addPass(createAvoidSlowFloatsPass());
  manager.addPass(createSplitReductionsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createVerifyLoweredPass());
  manager.addPass(createAssignMatrixStepsPass());
}

void mpq::buildImportTosaPipeline(OpPassManager &manager) {
  // Upstream's order, with the kernel layout that `prepare` promises.
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(tosa::createTosaOptionalDecompositionsPass());
  functions.addPass(createCanonicalizerPass());
  functions.addPass(tosa::createTosaInferShapesPass());
  functions.addPass(tosa::createTosaMakeBroadcastablePass());
  TosaToLinalgNamedOptions named;
  named.preferConv2DKernelLayoutHWCF = true;
  functions.addPass(tosa::createTosaToLinalgNamed(named));
  functions.addPass(createCanonicalizerPass());
  functions.addPass(tosa::createTosaLayerwiseConstantFoldPass());
  functions.addPass(tosa::createTosaMakeBroadcastablePass());
  functions.addPass(tosa::createTosaToLinalg());
  manager.addPass(createTosaToTensorPass());
  // `tosa.rescale` is exact: a multiplication, a rounding addition and a shift
  // in 64 bits, which this spells in arith.
  TosaToArithPassOptions arith;
  arith.includeApplyRescale = true;
  manager.addPass(createTosaToArithPass(arith));
  manager.addPass(createSimplifyDepthwiseConvPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createFoldConstantsPass()); // weights change their layout
  manager.addPass(createNormalizeIntegerProductsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void mpq::registerQuantizationPipelines() {
  PassPipelineRegistration<>("mpq-import-tosa-pipeline",
                             "TOSA, float and quantized, to linalg",
                             buildImportTosaPipeline);
  PassPipelineRegistration<QuantizePipelineOptions>(
      "mpq-quantize-pipeline",
      "Ranges of a profile, a precision for each product, QDQ form",
      buildQuantizePipeline);
  PassPipelineRegistration<>("mpq-lower-pipeline",
                             "QDQ form to integer linalg, checked",
                             buildLowerPipeline);
}
