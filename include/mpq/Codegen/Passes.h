//===- Passes.h - from linalg to kernels in the LLVM dialect ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CODEGEN_PASSES_H
#define MPQ_CODEGEN_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class OpPassManager;
class RewritePatternSet;
} // namespace mlir

namespace mpq {

class TargetInfo;

#define GEN_PASS_DECL
#include "mpq/Codegen/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mpq/Codegen/Passes.h.inc"

/// Patterns of `mpq-expand-math`.
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns);

/// Patterns of `mpq-inline-units`.
void populateInlineUnitsPatterns(mlir::RewritePatternSet &patterns);

/// mpq.dot4 to the target's instructions.
void populateLowerDotPatterns(mlir::RewritePatternSet &patterns,
                              const TargetInfo &target);

/// Bits to numbers by tables of 16 entries.
void populateLowerLookupPatterns(mlir::RewritePatternSet &patterns);

/// Rounding to even and conversion as one instruction of `target`.
void populateLowerRoundingPatterns(mlir::RewritePatternSet &patterns,
                                   const TargetInfo &target);

/// Products with constant weights to mpq.contract and mpq.conv.
void populatePackProductsPatterns(mlir::RewritePatternSet &patterns,
                                  const TargetInfo &target);

/// The phase `codegen`: lowered linalg in a module with `mpq.target` to the
/// LLVM dialect with the attributes of ModuleInfo.
void buildCodegenPipeline(mlir::OpPassManager &manager);

/// The first half of it: kernels on tensors, formed and placed, with their
/// strategies. What tests look at and tuning changes.
void buildFormKernelsPipeline(mlir::OpPassManager &manager);

/// The second half: each kernel as its strategy says, to the LLVM dialect.
void buildGenerateKernelsPipeline(mlir::OpPassManager &manager);

} // namespace mpq

#endif // MPQ_CODEGEN_PASSES_H
