//===- Passes.td - passes of the phase "quantize" -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_TRANSFORMS_QUANTIZE_PASSES_TD
#define MPQ_TRANSFORMS_QUANTIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuantizePass : Pass<"mpq-quantize", "::mlir::ModuleOp"> {
  let summary = "put products in integers into QDQ form";
  let description = [{
    Obeys `mpq.precision` and decides nothing. For each product that says `int8`,
    or `int4` or `int2` without blocks:

    * The value its activation comes from, seen through operations that only move
      values, is quantized right after its producer: unsigned 8 bits per tensor,
      scale and zero point from its range extended to hold 0,

      ```
      scale = f32(max - min) / 255, zero_point = round(-min / scale)
      ```

      and all its users, other than the function's return, read the dequantized
      value, so that memory holds 8 bits. Values that meet in a concatenation on
      the way share the union of their ranges.
    * Its weights become an integer constant of signed 8 bits under a
      dequantization with one scale for each output channel, `max |w| / 127`,
      and zero points 0. A channel of tiny weights takes 1/4096 of the largest
      scale, so that its bias still fits the accumulator.

    With precision int4 or int2 weights become integers of so many bits: for
    each output channel like those of int8, or in the blocks that `mpq.blocks`
    says, then without quantizing activations that stay float. Where `mpq.rounded_weights` brings integers and scales,
    weights are these.

    Weights of a matrix product of precision fp8_e4m3 or fp8_e5m2 become a
    constant of this type, with one scale for each column; those of mxfp8, mxfp4
    and mxint8 one of f8E4M3FN, f4E2M1FN or i8, with a power of two for each block
    of 32 (docs/Numerics.md, N-E5). Activations stay float, unless `mpq.blocks`
    says of mxint8 that they are quantized as the model runs.

    Fails on an activation without a range, on weights that are not finite
    constants, and on a `mpq.weight_rounding` that still waits for samples.

    ```mlir
    %r = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %w ...
    // becomes
    %q = mpq.quantize %x, %s, %z by #map unsigned {scaling = #mpq.scaling<multiply>} ...
    %d = mpq.dequantize %q, %s, %z by #map unsigned ...
    %dw = mpq.dequantize %wq, %sw, %zw by #columns ...
    %r = linalg.matmul ins(%d, %dw ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mpq::MPQDialect"];
}

def CorrectBiasPass : Pass<"mpq-correct-bias"> {
  let summary = "add measured corrections to the biases of products";
  let description = [{
    Obeys `mpq.bias_correction`: adds its numbers to what the product starts
    from, a constant for each index of its last dimension. A product that starts
    from something else stays as it is, with a remark.

    ```mlir
    %r = linalg.matmul {mpq.bias_correction = array<f32: 0.5, -1.0>} ins(...) outs(%fill ...
    // becomes, if %fill is filled with 1
    %b = linalg.broadcast ins(%c ...   // [1.5, 0.0]
    %r = linalg.matmul ins(...) outs(%b ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // MPQ_TRANSFORMS_QUANTIZE_PASSES_TD
