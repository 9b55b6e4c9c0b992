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
  manager.addNestedPass<func::FuncOp>(createInlineUnitsPass());
  manager.addNestedPass<func::FuncOp>(createPackProductsPass());
  manager.addNestedPass<func::FuncOp>(createPackBlockProductsPass());
  addCleanup(manager);
  manager.addNestedPass<func::FuncOp>(createNormalizeForKernelsPass());
  addCleanup(manager);
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

  // On tensors, kernel by kernel.
  manager.addNestedPass<func::FuncOp>(createOverlapWindowsPass());
  manager.addNestedPass<func::FuncOp>(createTileKernelsPass());
  addCleanup(manager);
  manager.addNestedPass<func::FuncOp>(createExpandMathPass());
  manager.addNestedPass<func::FuncOp>(createVectorizeProductsPass());
  manager.addNestedPass<func::FuncOp>(createVectorizeBlockProductsPass());
  manager.addNestedPass<func::FuncOp>(createVectorizeGenericsPass());
  addCleanup(manager);
  manager.addPass(createBufferizeKernelsPass());
  manager.addNestedPass<func::FuncOp>(createPrefetchWeightsPass());
  manager.addNestedPass<func::FuncOp>(createStreamWeightsPass());

  // To the LLVM dialect.
  manager.addNestedPass<func::FuncOp>(createLowerTilesPass());
  manager.addNestedPass<func::FuncOp>(createLowerDotPass());
  manager.addNestedPass<func::FuncOp>(createLowerLookupPass());
  manager.addNestedPass<func::FuncOp>(createLowerRoundingPass());
  manager.addNestedPass<func::FuncOp>(createConvertVectorToSCFPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  addCleanup(manager);
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertMathToLLVMPass());
  ConvertVectorToLLVMPassOptions vectorOptions;
  vectorOptions.reassociateFPReductions = false;
  manager.addPass(createConvertVectorToLLVMPass(vectorOptions));
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertIndexToLLVMPass());
  ConvertFuncToLLVMPassOptions funcOptions;
  funcOptions.useBarePtrCallConv = true;
  manager.addPass(createConvertFuncToLLVMPass(funcOptions));
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createUBToLLVMConversionPass());
  addCleanup(manager);
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createDispatchKernelsPass());
}
