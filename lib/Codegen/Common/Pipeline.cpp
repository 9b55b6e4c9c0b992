//===- Pipeline.cpp - the order of the codegen passes ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mpq;

static void addCleanup(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void mpq::buildFormKernelsPipeline(OpPassManager &manager) {
  manager.addPass(createAssignMatrixStepsPass());
  manager.addNestedPass<func::FuncOp>(createInlineUnitsPass());
  manager.addNestedPass<func::FuncOp>(createPackProductsPass());
  manager.addNestedPass<func::FuncOp>(createPackBlockProductsPass());
  addCleanup(manager);
  manager.addNestedPass<func::FuncOp>(createNormalizeForKernelsPass());
  addCleanup(manager);
  manager.addNestedPass<func::FuncOp>(createSeparateTurnsPass());
  manager.addPass(createFormKernelsPass());
  addCleanup(manager);
  manager.addPass(createPlaceInBuffersPass());
  manager.addPass(createPlanMemoryPass());
  manager.addPass(createMergeKernelsPass());
  manager.addNestedPass<func::FuncOp>(createSelectStrategyPass());
  manager.addNestedPass<func::FuncOp>(createCountKernelWorkPass());
}

void mpq::buildCodegenPipeline(OpPassManager &manager) {
  buildFormKernelsPipeline(manager);
  buildGenerateKernelsPipeline(manager);
}

void mpq::buildGenerateKernelsPipeline(OpPassManager &manager) {
  // Kernel by kernel, so that MLIR's threads share the work.
  OpPassManager &kernels = manager.nest<func::FuncOp>();
  kernels.addPass(createOverlapWindowsPass());
  kernels.addPass(createTileKernelsPass());
  addCleanup(kernels);
  kernels.addPass(createExpandMathPass());
  kernels.addPass(createVectorizeProductsPass());
  kernels.addPass(createVectorizeBlockProductsPass());
  kernels.addPass(createVectorizeTransposesPass());
  kernels.addPass(createVectorizeGenericsPass());
  addCleanup(kernels);
  kernels.addPass(createBufferizeKernelsPass());
  kernels.addPass(createPrefetchWeightsPass());
  kernels.addPass(createStreamWeightsPass());

  // To the LLVM dialect.
  kernels.addPass(createLowerTilesPass());
  kernels.addPass(createLowerDotPass());
  kernels.addPass(createLowerLookupPass());
  kernels.addPass(createLowerRoundingPass());
  kernels.addPass(createConvertVectorToSCFPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  addCleanup(kernels);
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertMathToLLVMPass());
  ConvertVectorToLLVMPassOptions vectorOptions;
  vectorOptions.reassociateFPReductions = false;
  kernels.addPass(createConvertVectorToLLVMPass(vectorOptions));
  kernels.addPass(createArithToLLVMConversionPass());
  kernels.addPass(createConvertIndexToLLVMPass());
  kernels.addPass(createUBToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions funcOptions;
  funcOptions.useBarePtrCallConv = true;
  manager.addPass(createConvertFuncToLLVMPass(funcOptions));
  manager.addPass(createConvertControlFlowToLLVMPass());
  addCleanup(manager.nest<LLVM::LLVMFuncOp>());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createDispatchKernelsPass());
}
