//===- Passes.td - passes of the phase lower -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The phase `lower` in order: signedness, movement, clamps, products, the rest, and the
// verifier at its border. `mpq-lower-pipeline` runs them all. Behind them, the
// borders to upstream dialects.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_CONVERSION_PASSES_TD
#define MPQ_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def NormalizeSignednessPass : Pass<"mpq-normalize-signedness"> {
  let summary = "store signed 8-bit activations as unsigned ones";
  let description = [{
    Products are u8 x s8 on every target, so an s8 activation `q` with zero point
    `z` becomes the u8 activation `q + 128` with zero point `z + 128`: the same
    real number. Quantizations produce the unsigned form directly; values that
    enter the function as integers pass through one `xori 0x80`. Constants stay
    as they are, and so does a value whose zero point is not constant.

    ```mlir
    %q = mpq.quantize %x, %s, %m1 by #map : ... -> tensor<4xi8>
    %d = mpq.dequantize %q, %s, %m1 by #map : ...
    // becomes, with %z = 127:
    %q = mpq.quantize %x, %s, %z by #map unsigned : ... -> tensor<4xi8>
    %d = mpq.dequantize %q, %s, %z by #map unsigned : ...
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect"];
}

def MoveOnIntegersPass : Pass<"mpq-move-on-integers"> {
  let summary = "move values as integers";
  let description = [{
    An operation that only moves values (ScaleRelationOpInterface) of dequantized
    operands with one scale is computed on the integers, and the dequantization
    follows it; a quantization of a moved value precedes the movement. Padding
    with zero becomes padding with the zero point, with minus infinity (maximum
    pools) padding with the smallest integer. Parameters must be per tensor;
    parameters along an axis stay where they are.

    ```mlir
    %d = mpq.dequantize %q, %s, %z by #map unsigned : ...
    %p = tensor.collapse_shape %d [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
    // becomes
    %p = tensor.collapse_shape %q [[0, 1]] : tensor<2x3xi8> into tensor<6xi8>
    %d = mpq.dequantize %p, %s, %z by #map1 unsigned : ...
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect"];
}

def AbsorbClampsPass : Pass<"mpq-absorb-clamps"> {
  let summary = "drop activations that quantization does anyway";
  let description = [{
    `q(max(x, c))` is `q(x)` if `c` is quantized to the smallest integer: a Relu
    before a quantization with the smallest integer as zero point. The same for
    a minimum and the largest integer. Equal bit for bit, NaN included.
    Parameters must be per tensor, and the quantization the only consumer.

    ```mlir
    // with a zero point of 0 and unsigned integers
    %r = arith.maximumf %x, %c0 : f32      // yielded by a linalg.generic
    %q = mpq.quantize %generic, %s, %z by #map unsigned : ...
    // becomes
    %q = mpq.quantize %what_x_is, %s, %z by #map unsigned : ...
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect"];
}

def AbsorbFactorsPass : Pass<"mpq-absorb-factors"> {
  let summary = "quantize with the factors of an equalization";
  let description = [{
    A value that is multiplied by constant powers of two and then quantized by
    multiplication with the inverse of one scale is multiplied by both at once,
    and quantized with the scale 1: products with powers of two are exact, so
    the integers are the same. The quantization must be the only reader, and no
    factor may become subnormal or infinite.

    ```mlir
    %e = linalg.generic ... ins(%x, %powers ...) { arith.mulf }
    %q = mpq.quantize %e, %s, %z by #map unsigned {scaling = #mpq.scaling<multiply>} ...
    // becomes
    %e = linalg.generic ... ins(%x, %powers_over_s ...) { arith.mulf }
    %q = mpq.quantize %e, %one, %z by #map unsigned {scaling = #mpq.scaling<multiply>} ...
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect"];
}

def LowerDynamicProductsPass : Pass<"mpq-lower-dynamic-products"> {
  let summary = "compute products of activations quantized as the model runs";
  let description = [{
    An activation that is quantized to unsigned bytes with parameters from
    `mpq.choose_params`, and a product of it whose scale `s` and zero point `z`
    do not change inside of the sum (one pair for each row, or each image),
    become integer linalg. With constant weights of scale `t` (docs/Numerics.md,
    N-W3):

    ```
    f32(sum qx qw - z sum qw) * (s * t) + what the sum starts from
    ```

    where the sums of weights are constants. A right operand that is computed, in
    signed bytes with parameters from `mpq.choose_params` that do not change along
    the sum, has its sums computed as well. What could exceed 31 bits stays
    float, and so does a product of weights with zero points that do not become
    signed bytes.

    Scale, `f32(1 / s)` and zero point of a row lie side by side in one tensor,
    `tensor<..x3xf32>`, which its quantization and all products of it read.

    ```mlir
    %s, %z = mpq.choose_params %x by #rows unsigned : ...
    %q = mpq.quantize %x, %s, %z by #rows unsigned : ...
    %d = mpq.dequantize %q, %s, %z by #rows unsigned : ...
    %r = linalg.matmul ins(%d, %weights ...)
    // becomes
    %low = linalg.generic ... { arith.minimumf }  // and %high
    %p = linalg.generic ... ins(%low, %high ...)  // tensor<4x3xf32>
    %q = linalg.generic ... ins(%x, %p, %p ...) { mpq.quantize }
    %sum = linalg.generic ... ins(%q, %w ...) { extui, extsi, muli, addi }
    %r = linalg.generic ... ins(%sum, %p, %p ...)
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect", "mpq::MPQDialect"];
}

def LowerBlockProductsPass : Pass<"mpq-lower-block-products"> {
  let summary = "compute products whose weights have a scale for each block";
  let description = [{
    A matrix product with constant weights of 2, 4 or 8 bits below
    `mpq.dequantize`, whose scales may change along the sum, becomes
    `mpq.block_contract`. An activation that is quantized with parameters from
    `mpq.choose_params`, of the same blocks or of a whole row, is multiplied in
    integers; any other stays float. Rows are filled up with zeros to whole
    blocks. Left alone are blocks that are no multiple of 4, and products of
    static 8-bit activations with one scale for each column, which
    mpq-lower-products takes.

    Codes of floats (f8E4M3FN, f8E5M2, f4E2M1FN) are weights likewise, of float
    activations, if all are numbers and scales below 2^100. Those that no product
    has taken become f32, with a remark.

    `mpq.choose_params` that no product has taken become reductions.

    ```mlir
    %d = mpq.dequantize %w, %s, %z by affine_map<(d0, d1) -> (d0 floordiv 32, d1)> unsigned
       : tensor<64x48xi4>, tensor<2x48xf32>, tensor<2x48xi4> -> tensor<64x48xf32>
    %y = linalg.matmul ins(%x, %d : ...) outs(%zero : ...)
    // becomes, with constants %z = 8:
    %y = mpq.block_contract ins(%x, %w : tensor<2x64xf32>, tensor<64x48xi4>)
         scales(%s : tensor<2x48xf32>) outs(%e : ...) {bits = 4, block = 32, zero_point = 8}
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::math::MathDialect",
                           "mlir::tensor::TensorDialect", "mpq::MPQDialect"];
}

def LowerActivationProductsPass : Pass<"mpq-lower-activation-products"> {
  let summary = "compute products of two quantized activations in integers";
  let description = [{
    A matrix product (one loop each for rows, columns and the sum, at most one
    batch loop) of two dequantized activations, per tensor and of 8 bits, as in
    attention, becomes a `linalg.generic` of u8 x s8 on the integers, and one
    for each pair of bytes where operands have 16 bits (docs/Numerics.md, N-W6):

    ```
    sum (qa - za) (qb - zb) = sum qa qb - zb sum qa - za sum qb + K za zb
    ```

    An unsigned right operand becomes a signed one by flipping its top bit, which
    moves its zero point by 128, and a signed left operand an unsigned one.
    The sums over the right operand's columns are a product with one row of `za`,
    so that code generation packs the operand once for both; with the constant
    they initialize the accumulator. The sums over the left operand's rows are
    subtracted afterwards. Neither is computed where its factor is 0: for
    a left operand of zero point 0, as behind a softmax, and for a right one of
    zero point 128.

    Results end as those of mpq-lower-products do. A sum that could exceed 31
    bits stays in float.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::math::MathDialect",
                           "mlir::tensor::TensorDialect", "mpq::MPQDialect"];
}

def LowerProductsPass : Pass<"mpq-lower-products"> {
  let summary = "compute products of quantized operands in integers";
  let description = [{
    A product (QuantizableOpInterface) of a dequantized u8 activation with
    per-tensor parameters and dequantized constant weights with parameters per
    tensor or output channel becomes a `linalg.generic` on integers (B. Jacob et
    al., Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference, 2018, equation 7):

    ```
    sum (qx - zx) (qw - zw) = sum qx qw - zx sum qw - zw (sum qx - K zx)
    ```

    Terms without `qx` and the bias, rounded to the accumulator's scale, are the
    constant i32 that initializes the accumulator. `zw` is subtracted from the
    weights where the difference fits 8 signed bits (always for symmetric ones);
    otherwise the sums of `qx` are computed. A product whose only consumer is a
    per-tensor quantization ends in a scalar `mpq.requantize`; any other in
    `sitofp` and a multiplication with `f32(sx * sw)`.

    The magnitude of every partial sum is bounded from the weights; a product
    that could exceed 31 bits stays in float, like one whose operands do not have
    the form above, with a `missed` remark of category `mpq-lower`.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect", "mpq::MPQDialect"];
}

def LowerWideProductsPass : Pass<"mpq-lower-wide-products"> {
  let summary = "compute products of activations in 16 bits in integers";
  let description = [{
    A product of a dequantized activation of 16 bits with per-tensor parameters
    and constant weights as those of mpq-lower-products becomes two: of the high
    bytes, and of the low ones (docs/Numerics.md, N-W6).

    ```
    q = 256 high + low
    sum (q - z) w = 256 (sum high w - zh sum w) + (sum low w - zl sum w)
    ```

    Bytes are unsigned: the high ones of signed integers have the top bit
    flipped, and a zero point 128 larger. All products that read a value have
    its bytes in common. The bias is in what the low sum starts from.

    ```mlir
    %high = linalg.generic ... ins(%q ...) { arith.shrsi, trunci, xori }
    %low = linalg.generic ... ins(%q ...) { arith.trunci }
    %0 = linalg.generic ... ins(%high, %w ...) { extui, extsi, muli, addi }
    %1 = linalg.generic ... ins(%low, %w ...) { extui, extsi, muli, addi }
    %y = linalg.generic ... ins(%0, %1 ...)
        { addf(mulf(sitofp, 256.0), sitofp), mulf }
    ```

    A sum that could exceed 31 bits stays in float, and so does a product of
    weights with zero points that do not leave signed bytes.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::math::MathDialect",
                           "mlir::tensor::TensorDialect", "mpq::MPQDialect"];
}

def LowerQDQPass : Pass<"mpq-lower-qdq"> {
  let summary = "put quantization into the bodies of generics";
  let description = [{
    Every tensor form of `mpq.quantize`, `mpq.dequantize` and `mpq.requantize`
    becomes an elementwise `linalg.generic` with the scalar form in its body:
    constant parameters per tensor are scalars, all others operands with the
    parameter map as indexing map. A dequantization is repeated for each of its
    users, so that each can take it into its own kernel.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect", "mpq::MPQDialect"];
}

def AvoidSlowFloatsPass : Pass<"mpq-avoid-slow-floats"> {
  let summary = "no division by constants, no subnormal factors";
  let description = [{
    In f32: `x / c` becomes `x * f32(1 / c)` where `c` and the inverse are normal
    numbers and `x` is no sum over a dimension (a mean of quantized numbers lies
    on ties of the next quantization, which an ulp decides), and elements below 2^-100 of constants that are only multiplied
    (weights, scales of channels) become 0. Both change results by less than
    rounding does; a product with a subnormal number takes a hundred times as
    long as another.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect"];
}

def SplitReductionsPass : Pass<"mpq-split-reductions"> {
  let summary = "reduce large images row by row";
  let description = [{
    A reduction of an image of at least 256 KiB (rows and columns of pixels, with
    channels innermost) becomes two: over the columns of each row, which threads
    can share, then over the rows. Sums of floats are added in that order then.

    ```mlir
    %s = linalg.generic ... ["parallel", "reduction", "reduction", "parallel"]
        ins(%image : tensor<1x160x160x96xf32>) outs(%zero : tensor<1x96xf32>)
    // becomes
    %r = linalg.generic ... ["parallel", "parallel", "reduction", "parallel"]
        ins(%image : tensor<1x160x160x96xf32>) outs(... : tensor<1x160x96xf32>)
    %s = linalg.generic ... ["parallel", "reduction", "parallel"]
        ins(%r : tensor<1x160x96xf32>) outs(%zero : tensor<1x96xf32>)
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect"];
}

def VerifyLoweredPass : Pass<"mpq-verify-lowered"> {
  let summary = "check what the phase lower promises";
  let description = [{
    Fails on tensor forms of quantization and on integer products that are not
    u8 x s8, and names the operation and what it works on.
  }];
}

//===----------------------------------------------------------------------===//
// Borders
//===----------------------------------------------------------------------===//

def ConvertMPQToQuantPass : Pass<"mpq-convert-mpq-to-quant"> {
  let summary = "express QDQ form in upstream's quantized types";
  let description = [{
    `mpq.quantize` becomes `quant.qcast` to a type `!quant.uniform` and a
    `quant.scast` to the integers it stores, `mpq.dequantize` the reverse.
    Parameters per tensor, per axis and per block give the three forms of the
    type, `clamp_range` its storage limits. Signatures keep their integers.
    Rounding, scaling and order of the zero point, which upstream leaves open,
    go along as attributes `mpq.rounding`, `mpq.scaling` and
    `mpq.zero_point_order` where they are not the default.

    Fails, before anything is changed, on parameters that are not constant, on
    vectors, on blocks that do not divide their dimension and on
    `mpq.requantize`.

    Upstream folds `quant.dcast(quant.qcast(x))` to `x`: canonicalizing the
    result removes the quantization.

    ```mlir
    %q = mpq.quantize %x, %s, %z by #map unsigned : ... -> tensor<4xi8>
    // becomes, with constants %s = 0.5 and %z = 3:
    %t = quant.qcast %x : tensor<4xf32> to tensor<4x!quant.uniform<u8:f32, 0.5:3>>
    %q = quant.scast %t : tensor<4x!quant.uniform<u8:f32, 0.5:3>> to tensor<4xi8>
    ```
  }];
  let dependentDialects = ["mlir::quant::QuantDialect"];
}

def ConvertQuantToMPQPass : Pass<"mpq-convert-quant-to-mpq"> {
  let summary = "make operands of the scales in quantized types";
  let description = [{
    Values of types `!quant.uniform` (per tensor, per axis, sub-channel) become
    signless integers of the storage type, in signatures too, where unsigned
    ones get `mpq.unsigned`. `quant.qcast` becomes `mpq.quantize`, `quant.dcast`
    `mpq.dequantize`; `quant.scast` disappears. Storage limits become
    `clamp_range`. Upstream does not say how `qcast` rounds: here to the nearest,
    ties to even, unless the attributes of `mpq-convert-mpq-to-quant` say
    otherwise. Operations that move values (ScaleRelationOpInterface) move the
    integers.

    Fails, before anything is changed, on types that have no such form, and on
    operations that compute on quantized types. Nothing is folded: upstream takes
    `dcast(qcast(x))` for `x`, so run this pass before any canonicalization.

    ```mlir
    func.func @f(%x: tensor<4x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<4xf32> {
      %y = quant.dcast %x : tensor<4x!quant.uniform<u8:f32, 0.5:3>> to tensor<4xf32>
    // becomes, with constants %s = 0.5 and %z = 3:
    func.func @f(%x: tensor<4xi8> {mpq.unsigned}) -> tensor<4xf32> {
      %y = mpq.dequantize %x, %s, %z by #map unsigned : ... -> tensor<4xf32>
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mpq::MPQDialect"];
}

def NormalizeIntegerProductsPass : Pass<"mpq-normalize-integer-products"> {
  let summary = "give integer products of other compilers the form after lower";
  let description = [{
    A linalg operation on tensors that sums `(x - zx) * (w - zw)` in i32, with
    constant zero points, becomes a `linalg.generic` on unsigned `x` and signed
    `w`. Signed activations have their top bit flipped (above padding), `zw` is
    subtracted from the weights, and

    ```
    sum (x - zx) (w - zw) = sum (x + 128) (w - zw) - (zx + 128) sum (w - zw)
    ```

    puts the rest into what the sum starts from, or, if that is not constant,
    into an addition behind. All arithmetic is modulo 2^32 on both sides: no
    result changes. Where the weights are computed or `w - zw` needs more than 8
    bits, the operands are widened to i32 first.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect"];
}

#endif // MPQ_CONVERSION_PASSES_TD
