//===- MPQBlockOps.td - weights in blocks, dynamic scales -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scales that change inside of a sum (weights of few bits in blocks) and scales
// that are computed while the model runs.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_DIALECT_MPQBLOCKOPS_TD
#define MPQ_DIALECT_MPQBLOCKOPS_TD

include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"
include "mpq/Dialect/MPQBase.td"

def ChooseParamsOp : MPQ_Op<"choose_params", [Pure]> {
  let summary = "scale and zero point of values that are known at run time";
  let description = [{
    One pair for each block `p` of the parameter map. For signed 8 bits it is
    symmetric (docs/Numerics.md, N-Y1):

    ```
    scale[p]      = max(max_{i in p} |input[i]| * f32(1 / 127), 2^-100)
    zero_point[p] = 0
    ```

    For unsigned 8 bits it is affine, of a range that holds 0 (N-Y2):

    ```
    lo, hi        = min(0, min_{i in p} input[i]), max(0, max_{i in p} input[i])
    scale[p]      = max((hi - lo) * f32(1 / 255), 2^-100)
    zero_point[p] = round_half_even(clamp(-lo * f32(1 / scale[p]), 0, 255))
    ```

    With a NaN in the block the scale is NaN, and the zero point 0. The map keeps
    some leading dimensions (a block is a row, a matrix, the whole tensor), or
    all but the last, which blocks divide.

    Constraints:
    * (H1) with `n` the last dimension, the map is `(d0, .., dn) -> (d0, .., dm)`
      for any `m < n`, or to nothing, or to all before `dn` and `dn floordiv c`.
    * (H2) scale and zero point have the shape of the blocks.

    Example:
    ```mlir
    %s, %z = mpq.choose_params %x by affine_map<(d0, d1) -> (d0, d1 floordiv 32)>
       : tensor<4x64xf32> -> tensor<4x2xf32>, tensor<4x2xi8>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F32]>:$input, AffineMapAttr:$param_map,
                       UnitAttr:$is_unsigned);
  let results = (outs RankedTensorOf<[F32]>:$scale,
                      RankedTensorOf<[I8]>:$zero_point);
  let assemblyFormat = [{
    $input `by` $param_map (`unsigned` $is_unsigned^)? attr-dict
    `:` type($input) `->` type($scale) `,` type($zero_point)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Whether blocks divide the last dimension.
    bool isBlocked() {
      ::mlir::AffineMap map = getParamMap();
      return map.getNumResults() > 0 &&
             map.getNumResults() == map.getNumDims();
    }
    /// Consecutive elements of the last dimension, or of those that the map
    /// leaves out, that share parameters.
    int64_t getBlock() {
      ::mlir::AffineMap map = getParamMap();
      if (!isBlocked())
        return ::llvm::product_of(
            getInput().getType().getShape().drop_front(map.getNumResults()));
      auto divided = ::mlir::cast<::mlir::AffineBinaryOpExpr>(
          map.getResult(map.getNumDims() - 1));
      return ::mlir::cast<::mlir::AffineConstantExpr>(divided.getRHS()).getValue();
    }
  }];
}

def BlockContractOp : MPQ_Op<"block_contract", [Pure, AttrSizedOperandSegments,
    DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<TilingInterface,
      ["getLoopIteratorTypes", "getIterationDomain", "getTiledImplementation",
       "getResultTilePosition", "generateResultTileValue",
       "getIterationDomainTileFromResultTile"]>]> {
  let summary = "matrix product with weights that have a scale for each block";
  let description = [{
    Block `g` of the sum covers `block` consecutive `k`. With `w` the unsigned
    weights and `z` their zero point (`zero_points[g,n]`, else `zero_point`):

    ```
    f32 lhs:  sum = fma(lhs[m,k], f32(w[k,n] - z) * scales[g,n], sum)   ascending k
    i8 lhs:   p   = sum_{k in g} lhs[m,k] * (w[k,n] - z)                exactly, i32
              sum = fma(f32(p), scales[g,n] * lhs_scales[m,g], sum)     ascending g
    ```

    The sum starts at zero, `lhs` is signed. The contents of `init` are never
    read (docs/Numerics.md, N-W1 and N-W2).

    After `lower` the weights are `tensor<K x N x i2|i4|i8>` and the parameters
    `[G][N]`. For kernels everything is packed in vectors of `L` columns: weights
    as bytes `[ceil(N/L)][G*S][4*L]`, where a byte has `P = 8 / bits` planes and
    `S = ceil(block / (4 * P))`. Bits `p * bits` and up of byte `4 * l + j` of
    step `s` of a block are the weight of column `l` and row
    `(s * P + p) * 4 + j` in the block: one mask makes four rows. Parameters are
    `[ceil(N/L)][G][L]`, zero points as bytes. `lhs_sums[m,g]` is then
    `-sum_{k in g} lhs[m,k]`, times `zero_point` unless there are `zero_points`.

    Packed scales may be narrower than f32, with the same values: f16, bytes that
    are the exponents of f32 (E8M0), or, with `scale_base`, bytes
    `[ceil(N/L)][G][3*L]`. These are the lower 16 bits of the difference between
    the bits of each scale and `scale_base`, then the upper 8 bits of each.

    With a `format` (f8E4M3FN, f8E5M2 or f4E2M1FN) weights are its codes, of
    numbers, and `f32(w - z)` is the number of a code (N-W5). Such weights are
    packed for lanes of 16 bits, as parts of an f16: with `q = k mod (4 * P)` in
    the step, bits `(q / 2) * bits` and up of lane `(q mod 2) * L + l`. Packed
    scales are then times `2^(15 - b)` for an exponent bias of `b`, which is what
    the number is more than the f16 with these exponent bits.

    Constraints:
    * (B1) lhs and init have rank 2 and equal rows, and bits is 2, 4 or 8.
    * (B2) block divides K.
    * (B3) weights and parameters have one of the two forms above.
    * (B4) lhs_scales are `[M][G]`, given for integer lhs only.
    * (B5) lhs_sums are `[M][G]`, given for packed weights and integer lhs only.
    * (B6) no exact sum of a block exceeds 31 bits.
    * (B7) scale_base is given for scales of 3 bytes, and only packed scales are
      narrower than f32.
    * (B8) a format has as many bits as the weights, an f32 lhs and no zero
      points.

    Example:
    ```mlir
    %r = mpq.block_contract ins(%q, %w : tensor<2x64xi8>, tensor<64x48xi4>)
         scales(%s : tensor<2x48xf32>) lhs_scales(%t : tensor<2x2xf32>)
         outs(%e : tensor<2x48xf32>) {bits = 4, block = 32, zero_point = 8}
    ```
  }];
  let arguments = (ins TensorRankOf<[I8, F32], [2]>:$lhs,
      TensorRankOf<[I<2>, I<4>, I8], [2, 3]>:$weights,
      TensorRankOf<[F32, F16, I8], [2, 3]>:$scales,
      Optional<TensorRankOf<[I<2>, I<4>, I8], [2, 3]>>:$zero_points,
      Optional<TensorRankOf<[F32], [2]>>:$lhs_scales,
      Optional<TensorRankOf<[I32], [2]>>:$lhs_sums,
      TensorRankOf<[F32], [2]>:$init,
      I64Attr:$bits, I64Attr:$block, DefaultValuedAttr<I64Attr, "0">:$zero_point,
      OptionalAttr<I32Attr>:$scale_base,
      OptionalAttr<TypeAttrOf<AnyTypeOf<[F8E4M3FN, F8E5M2, F4E2M1FN]>>>:$format);
  let results = (outs TensorRankOf<[F32], [2]>:$result);
  let assemblyFormat = [{
    `ins` `(` $lhs `,` $weights `:` type($lhs) `,` type($weights) `)`
    `scales` `(` $scales `:` type($scales) `)`
    (`zero_points` `(` $zero_points^ `:` type($zero_points) `)`)?
    (`lhs_scales` `(` $lhs_scales^ `:` type($lhs_scales) `)`)?
    (`lhs_sums` `(` $lhs_sums^ `:` type($lhs_sums) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    bool isInteger() { return getLhs().getType().getElementType().isInteger(8); }
    /// Weights are in the form of kernels.
    bool isPacked() { return getWeights().getType().getRank() == 3; }
    int64_t getBlocks() {
      return getLhs().getType().getDimSize(1) / int64_t(getBlock());
    }
    /// Columns in one packed vector.
    int64_t getLanes() { return getWeights().getType().getShape().back() / 4; }
    /// Planes of weights in a byte.
    int64_t getPlanes() { return 8 / int64_t(getBits()); }
    /// Where the packed weight of row `k` in a block is, in lane `lane` of a
    /// vector of `lanes`: the step, its byte, and the bit in that.
    struct Place {
      int64_t step, byte, shift;
    };
    Place getPlace(int64_t k, int64_t lane, int64_t lanes);
    /// Packed vectors of a block, for each vector of columns.
    int64_t getSteps() {
      return ::llvm::divideCeilSigned(getBlock(), 4 * getPlanes());
    }
  }];
}

#endif // MPQ_DIALECT_MPQBLOCKOPS_TD
