//===- Passes.h - from QDQ form to integer linalg ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CONVERSION_PASSES_H
#define MPQ_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

#include <memory>

namespace mlir {
class RewritePatternSet;
class TypeConverter;
} // namespace mlir

namespace mpq {

#define GEN_PASS_DECL
#include "mpq/Conversion/Passes.h.inc"

/// Signed 8-bit activations become unsigned ones.
void populateNormalizeSignednessPatterns(mlir::RewritePatternSet &patterns);

/// Operations that move values work on integers instead of dequantized values.
void populateMoveOnIntegersPatterns(mlir::RewritePatternSet &patterns);

/// Activations that clamp as the quantization behind them does disappear.
void populateAbsorbClampsPatterns(mlir::RewritePatternSet &patterns);

/// Powers of two before a quantization become part of its scale.
void populateAbsorbFactorsPatterns(mlir::RewritePatternSet &patterns);

/// Products with constant weights of few bits, whose scales change along the
/// sum.
void populateLowerBlockProductsPatterns(mlir::RewritePatternSet &patterns);

/// Products of two dequantized activations become integer products.
void populateLowerActivationProductsPatterns(mlir::RewritePatternSet &patterns);

/// Products of dequantized activations and constants become integer products.
void populateLowerProductsPatterns(mlir::RewritePatternSet &patterns);
void populateLowerWideProductsPatterns(mlir::RewritePatternSet &patterns);

/// Tensor forms of quantize, dequantize and requantize become generics.
void populateLowerQDQPatterns(mlir::RewritePatternSet &patterns);

/// Quantization to casts of upstream's dialect quant.
void populateConvertMPQToQuantPatterns(mlir::RewritePatternSet &patterns);

/// Casts of quant, and what moves quantized values, for a dialect conversion
/// whose `converter` makes storage integers of quantized types and that does
/// not fold.
void populateConvertQuantToMPQPatterns(const mlir::TypeConverter &converter,
                                       mlir::RewritePatternSet &patterns);

/// Integer products of other compilers to u8 x s8.
void populateNormalizeIntegerProductsPatterns(
    mlir::RewritePatternSet &patterns);

#define GEN_PASS_REGISTRATION
#include "mpq/Conversion/Passes.h.inc"

} // namespace mpq

#endif // MPQ_CONVERSION_PASSES_H
