//===- Passes.td - passes of the codegen phase -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CODEGEN_PASSES_TD
#define MPQ_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

def ExpandMathPass : Pass<"mpq-expand-math"> {
  let summary = "Spell out functions and quantization as IEEE operations";
  let description = [{
    Rewrites `math.exp`, `log`, `tanh`, `erf`, `rsqrt` and `powf`, and the
    scalar and vector forms of `mpq.quantize`, `mpq.dequantize` and
    `mpq.requantize`, into `arith` operations, `math.fma`, `math.floor`,
    `math.roundeven` and the like, by the formulas of
    `include/mpq/Numerics/Formulas.h`: the very text that the reference
    interpreter runs, so both agree bit for bit. Works on f32 and vectors of it
    anywhere, in bodies of linalg operations too; f16 and bf16 are widened.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def InlineUnitsPass : Pass<"mpq-inline-units"> {
  let summary = "open the regions of mpq.unit";
  let description = [{
    Replaces every `mpq.unit` by the operations in its region; block arguments
    become the operands. The operation that computes the unit's result takes the
    unit's location, and with it the value id. Runs after quantization decided
    about units as wholes.
  }];
}

#endif // MPQ_CODEGEN_PASSES_TD
