//===- Pipeline.cpp - the phase prepare as one pipeline ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order: units first, before anything reaches into them; affine chains
// while products and their batch norms are neighbours in any layout, and once
// more after layouts, when reshapes are gone.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Prepare/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mpq;

void mpq::buildPreparePipeline(OpPassManager &manager) {
  manager.addPass(createRecognizeUnitsPass());
  manager.addPass(createFoldConstantsPass());
  manager.addPass(createFoldAffinePass());
  manager.addPass(createConvertToNHWCPass());
  manager.addPass(createPropagateTransposesPass());
  manager.addPass(createFoldAffinePass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void mpq::registerPreparePipeline() {
  PassPipelineRegistration<>("mpq-prepare-pipeline",
                             "the phase prepare: float to float",
                             buildPreparePipeline);
}
