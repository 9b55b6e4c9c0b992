//===- Passes.h - passes of the phase "prepare" -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TRANSFORMS_PREPARE_PASSES_H
#define MPQ_TRANSFORMS_PREPARE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class OpPassManager;
class RewritePatternSet;
} // namespace mlir

namespace mpq {

#define GEN_PASS_DECL
#include "mpq/Transforms/Prepare/Passes.h.inc"

/// Patterns of `mpq-convert-to-nhwc`.
void populateConvertToNHWCPatterns(mlir::RewritePatternSet &patterns);

/// Patterns of `mpq-fold-affine`.
void populateFoldAffinePatterns(mlir::RewritePatternSet &patterns);

/// Patterns of `mpq-fold-constants`.
void populateFoldConstantsPatterns(mlir::RewritePatternSet &patterns);

/// Patterns of `mpq-recognize-units`.
void populateRecognizeUnitsPatterns(mlir::RewritePatternSet &patterns);

/// Step 1 of `mpq-propagate-transposes`: transposes move behind consumers.
void populateSinkTransposePatterns(mlir::RewritePatternSet &patterns);
/// Step 2: transposes move up to other transposes.
void populateAbsorbTransposePatterns(mlir::RewritePatternSet &patterns);
/// Step 3: transposes become reshapes or parts of indexing maps.
void populateSettleTransposePatterns(mlir::RewritePatternSet &patterns);

/// The phase `prepare`, registered as `mpq-prepare-pipeline`.
void buildPreparePipeline(mlir::OpPassManager &manager);

/// Registers `mpq-prepare-pipeline`.
void registerPreparePipeline();

#define GEN_PASS_REGISTRATION
#include "mpq/Transforms/Prepare/Passes.h.inc"

} // namespace mpq

#endif // MPQ_TRANSFORMS_PREPARE_PASSES_H
