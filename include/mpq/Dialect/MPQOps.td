//===- MPQOps.td - operations of the mpq dialect -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operations of QDQ form and structure. The codegen operations are in
// MPQCodegenOps.td. Numbers in constraints, like (Q1), name the line of the
// verifier and the negative test (test/Dialect/invalid-*.mlir).
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_DIALECT_MPQOPS_TD
#define MPQ_DIALECT_MPQOPS_TD

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mpq/Dialect/MPQBase.td"
include "mpq/Dialect/MPQAttrs.td"

//===----------------------------------------------------------------------===//
// QDQ form
//===----------------------------------------------------------------------===//

def QuantizeOp : MPQ_Op<"quantize", [Pure]> {
  let summary = "round real numbers to integers of a scale";
  let description = [{
    For element `i` with parameters `s = scale[p(i)]`, `z = zero_point[p(i)]`
    (`p` is the parameter map; identity on scalars and vectors):

    ```
    r   = scaling == multiply ? input[i] * f32(1 / s)  # two f32 roundings
                              : input[i] / s           # one f32 rounding
    lo, hi = clamp_range, else the storage type's limits
    zero_point_order == after:
      result[i] = z + round(clamp(r, lo - z, hi - z))
    zero_point_order == before:
      result[i] = round(clamp(r + f32(z), lo, hi))     # one more f32 rounding
    ```

    The clamp is done in f32 before the conversion, so that infinities and
    large values saturate; NaN becomes `lo`. `round` is `rounding`: to nearest
    with ties to even (default), ties up, or ties away from zero. Inputs of 16
    bits are widened to f32 first. The zero point is read with the signedness of
    the result (docs/Numerics.md, N-Q1 to N-Q6).

    The parameter map has one result for each dimension of `scale`: a dimension
    `d` (axis), or `d floordiv c` (blocks of `c`); `() ` results mean one
    parameter per tensor.

    Constraints:
    * (Q1) input and result have the same shape.
    * (Q2) scale and zero point have the same shape.
    * (Q3) the zero point has the element type of the result.
    * (Q4) a tensor form has a parameter map with one dimension for each of the
      input's and one result for each of the scale's; scalar and vector forms
      have none and all operands have the same shape.
    * (Q5) a map result is a dimension, or a dimension floordiv a positive
      constant.
    * (Q6) the extent of the scale is the extent (in blocks) of the dimension.
    * (Q7) the clamp range is `[lo, hi]` inside the storage type's limits, and
      holds the constant zero point.
    * (Q8) a constant scale is positive and finite.

    Example:
    ```mlir
    %q = mpq.quantize %x, %s, %z by affine_map<(d0, d1) -> (d1)> unsigned
       : tensor<4x8xf32>, tensor<8xf32>, tensor<8xi8> -> tensor<4x8xi8>
    ```
  }];
  let arguments = (ins MPQ_FloatLike:$input, MPQ_F32Like:$scale,
      MPQ_StorageLike:$zero_point, OptionalAttr<AffineMapAttr>:$param_map,
      UnitAttr:$is_unsigned,
      DefaultValuedAttr<MPQ_Rounding, "::mpq::Rounding::HalfEven">:$rounding,
      DefaultValuedAttr<MPQ_Scaling, "::mpq::Scaling::Divide">:$scaling,
      DefaultValuedAttr<MPQ_ZeroPointOrder,
                        "::mpq::ZeroPointOrder::AfterRounding">:$zero_point_order,
      OptionalAttr<DenseI64ArrayAttr>:$clamp_range);
  let results = (outs MPQ_StorageLike:$result);
  let assemblyFormat = [{
    $input `,` $scale `,` $zero_point (`by` $param_map^)?
    (`unsigned` $is_unsigned^)? attr-dict
    `:` type($input) `,` type($scale) `,` type($zero_point) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let extraClassDeclaration = [{
    /// The limits the result is clamped to: clamp_range or the storage's.
    std::pair<int64_t, int64_t> getLimits();
  }];
}

def DequantizeOp : MPQ_Op<"dequantize", [Pure]> {
  let summary = "the real numbers that integers of a scale stand for";
  let description = [{
    ```
    result[i] = f32(input[i] - zero_point[p(i)]) * scale[p(i)]   # one rounding
    ```

    The subtraction is exact in i32 (64 bits for i32 inputs, then rounded to
    f32); 16-bit results are rounded from f32. Floats of 8 and 4 bits are widened
    and subtracted in f32 (N-E1); their zero points are 0 as a rule. Never folded with constants:
    that would turn quantized weights back into floats (docs/Numerics.md,
    N-D1).

    Constraints (D1) to (D6) are (Q1) to (Q6) with input and result exchanged;
    (D8) is (Q8). (D9) floats are not `unsigned`.

    Example:
    ```mlir
    %x = mpq.dequantize %q, %s, %z by affine_map<(d0, d1) -> ()> unsigned
       : tensor<4x8xi8>, tensor<f32>, tensor<i8> -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins MPQ_DequantizableLike:$input, MPQ_F32Like:$scale,
      MPQ_DequantizableLike:$zero_point, OptionalAttr<AffineMapAttr>:$param_map,
      UnitAttr:$is_unsigned);
  let results = (outs MPQ_FloatLike:$result);
  let assemblyFormat = [{
    $input `,` $scale `,` $zero_point (`by` $param_map^)?
    (`unsigned` $is_unsigned^)? attr-dict
    `:` type($input) `,` type($scale) `,` type($zero_point) `->` type($result)
  }];
  let hasVerifier = 1;
}

def RequantizeOp : MPQ_Op<"requantize", [Pure]> {
  let summary = "an integer accumulator to integers of another scale";
  let description = [{
    ```
    r = f32(acc[i]) * multiplier[p(i)]                 # two f32 roundings
    result[i] = z + round_half_even(clamp(r, lo - z, hi - z)),  z = zero_point[p(i)]
    ```

    `multiplier = f32(f32(sx * sw) / sy)` for an accumulator of scale `sx * sw`
    and a result of scale `sy` (docs/Numerics.md, N-R1). The zero point has the
    storage type of the result.

    Constraints (A1) to (A8) are (Q1) to (Q8) for accumulator, multiplier and
    result.

    Example:
    ```mlir
    %q = mpq.requantize %acc, %m, %z by affine_map<(d0, d1) -> (d1)> unsigned
       : tensor<4x8xi32>, tensor<8xf32>, tensor<8xi8> -> tensor<4x8xi8>
    ```
  }];
  let arguments = (ins MPQ_I32Like:$accumulator, MPQ_F32Like:$multiplier,
      MPQ_StorageLike:$zero_point, OptionalAttr<AffineMapAttr>:$param_map,
      UnitAttr:$is_unsigned, OptionalAttr<DenseI64ArrayAttr>:$clamp_range);
  let results = (outs MPQ_StorageLike:$result);
  let assemblyFormat = [{
    $accumulator `,` $multiplier `,` $zero_point (`by` $param_map^)?
    (`unsigned` $is_unsigned^)? attr-dict
    `:` type($accumulator) `,` type($multiplier) `,` type($zero_point)
    `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The limits the result is clamped to: clamp_range or the storage's.
    std::pair<int64_t, int64_t> getLimits();
  }];
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def ObserveOp : MPQ_Op<"observe", [MemoryEffects<[MemWrite]>]> {
  let summary = "record the values of a tensor during calibration";
  let description = [{
    Adds every element of `value` to the calibration statistics of `id`. It has
    no result and writes a resource, so nothing removes it before the
    instrumented module is compiled, where it becomes one runtime call.

    Constraints:
    * (O1) the id is not empty.
    * (O2) the tensor has a static shape.

    Example:
    ```mlir
    mpq.observe %x as "conv2d_0.tmp_0" : tensor<1x16x24x160xf32>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F32]>:$value, StrAttr:$id);
  let assemblyFormat = "$value `as` $id attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def UnitOp : MPQ_Op<"unit", [IsolatedFromAbove, RecursiveMemoryEffects,
    SingleBlockImplicitTerminator<"::mpq::YieldOp">]> {
  let summary = "a composite operation and its decomposition";
  let description = [{
    A single-block region that computes a composite (`kind`: "softmax",
    "layer_norm", "gelu", ...) with ordinary linalg operations; the block
    arguments are the operands. To a quantizer it is one operation: nothing
    inside is observed or quantized. `mpq-inline-units` opens it.

    Constraints:
    * (U1) block arguments have the types of the operands.
    * (U2) the yield has the types of the results.
    * (U3) the kind is not empty.

    Example:
    ```mlir
    %r = mpq.unit "relu_twice" (%a = %x : tensor<4xf32>) -> tensor<4xf32> {
      mpq.yield %a : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$kind, Variadic<AnyRankedTensor>:$inputs);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def YieldOp : MPQ_Op<"yield", [Pure, Terminator, ReturnLike,
                               HasParent<"::mpq::UnitOp">]> {
  let summary = "the results of a unit";
  let description = [{
    Ends the region of an `mpq.unit`; its operands become the unit's results.

    Example:
    ```mlir
    mpq.yield %a : tensor<4xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{}]>];
}

include "mpq/Dialect/MPQBlockOps.td"
include "mpq/Dialect/MPQCodegenOps.td"

#endif // MPQ_DIALECT_MPQOPS_TD
