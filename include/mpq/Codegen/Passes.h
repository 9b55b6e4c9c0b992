//===- Passes.h - passes of the codegen phase ---===//
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
class RewritePatternSet;
} // namespace mlir

namespace mpq {

#define GEN_PASS_DECL
#include "mpq/Codegen/Passes.h.inc"

/// Patterns of `mpq-expand-math`.
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns);
/// Patterns of `mpq-inline-units`.
void populateInlineUnitsPatterns(mlir::RewritePatternSet &patterns);

#define GEN_PASS_REGISTRATION
#include "mpq/Codegen/Passes.h.inc"

} // namespace mpq

#endif // MPQ_CODEGEN_PASSES_H
