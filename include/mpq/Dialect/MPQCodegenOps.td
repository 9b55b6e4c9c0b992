//===- MPQCodegenOps.td - packed products for codegen -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// linalg's named operations cannot say mixed signedness, packed weights or a
// bias (docs/Rationale.md); these four exist between `lower` and registers.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_DIALECT_MPQCODEGENOPS_TD
#define MPQ_DIALECT_MPQCODEGENOPS_TD

include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/TilingInterface.td"
include "mpq/Dialect/MPQBase.td"

class MPQ_PackedProductOp<string mnemonic> : MPQ_Op<mnemonic, [Pure,
    DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<TilingInterface,
      ["getLoopIteratorTypes", "getIterationDomain", "getTiledImplementation",
       "getResultTilePosition", "generateResultTileValue",
       "getIterationDomainTileFromResultTile"]>]> {
  let hasVerifier = 1;
  code commonDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    /// Consecutive reduction elements in one lane: 4 bytes, 2 of bf16 for a
    /// matrix unit, or 1 float.
    int64_t getGroup();
    /// Output columns in one packed vector.
    int64_t getLanes();
    /// True for integer products (i32 accumulators).
    bool isInteger();
  }];
}

def ContractOp : MPQ_PackedProductOp<"contract"> {
  let summary = "matrix product with packed right-hand side and bias";
  let description = [{
    ```
    result[b,m,n] = bias[n] + sum_k lhs[b,m,k] * rhs[b?,k,n]
    ```

    in ascending `k`: by f32 fma, or exactly in i32 with `lhs` unsigned and
    `rhs` signed. `rhs` is packed `[ceil(N/L)][ceil(K/G)][L*G]` (with a leading
    batch dimension, or without to share it): `L` lanes of columns, groups of
    `G = 4` bytes or 1 float along `k`, zero padded. The bias may have a leading
    batch dimension, too; without one sums start at zero. The contents of `init`
    are never read.

    Beside an `lhs` of f32, `rhs` may be of 16 bits and is widened. With `step`,
    both are bf16 in groups of `G = 2`, and the sum is that of a matrix unit in
    steps of so many elements (docs/Numerics.md, N-H3).

    Constraints:
    * (C1) lhs and init have rank 2, or 3 with equal batch extents.
    * (C2) element types are i8, i8 -> i32, or f32, f32 (f16, bf16) -> f32, or
      bf16, bf16 -> f32 with `step`, and the bias has the result's element type.
    * (C3) rhs is packed as above for the extents of lhs and init.
    * (C4) the bias has N elements, in each of the batch if it has two
      dimensions.
    * (C5) `step` is even and divides K.

    Example:
    ```mlir
    %r = mpq.contract ins(%a, %w : tensor<32x64xi8>, tensor<3x16x64xi8>)
         bias(%b : tensor<48xi32>) outs(%e : tensor<32x48xi32>) -> tensor<32x48xi32>
    ```
  }];
  let arguments = (ins RankedTensorOf<[I8, BF16, F32]>:$lhs,
      RankedTensorOf<[I8, F16, BF16, F32]>:$rhs,
      Optional<TensorRankOf<[I32, F32], [1, 2]>>:$bias,
      RankedTensorOf<[I32, F32]>:$init, OptionalAttr<I64Attr>:$step);
  let results = (outs RankedTensorOf<[I32, F32]>:$result);
  let assemblyFormat = [{
    `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)`
    (`bias` `(` $bias^ `:` type($bias) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict `->` type($result)
  }];
  let extraClassDeclaration = commonDeclaration;
}

def ConvOp : MPQ_PackedProductOp<"conv"> {
  let summary = "convolution of a padded NHWC image with packed weights and bias";
  let description = [{
    ```
    result[b,y,x,f] = bias[f] + sum_{i,j,c} image[b, y*s0+i*d0, x*s1+j*d1, g(f)*C + c]
                                            * weights[f,i,j,c]
    ```

    in ascending `(i, j, c)`, arithmetic as in `mpq.contract`. Padding has
    happened (with the zero point, so that sums stay exact). Weights are packed
    `[ceil(F/L)][KH*KW*ceil(C/G)][L*G]`.

    A grouped convolution (`groups` of more than 1) has the filters and the
    channels of its groups side by side: with `F` and `C` those of one group,
    `g(f) = f floordiv F`, and each group's weights begin at whole vectors,
    `[groups*ceil(F/L)][KH*KW*ceil(C/G)][L*G]`. Its tiles are whole groups, and
    a tile of one group is a dense convolution of a slice of the channels.

    Depthwise convolutions (`depthwise`, one input channel for each output
    channel) are packed `[ceil(F/L)][KH*KW][L]` in f32. Of bytes they are packed
    `[ceil(F/L)][KH*P*R][L*4]`: for each row of the window and each of `P = 4 /
    gcd(4, stride)` places where a window can begin in four neighbouring pixels,
    the `R` groups of four that it reaches into, with zeros around it
    (DepthwisePacking.h).

    With few channels, groups of `G` channels would be mostly padding. An image
    whose pixels lie side by side as one channel (`[N][H][W*C][1]`, window
    `KH x KW*C`, strides times `C`) may be `merged`: groups run along a row of
    the window, `[ceil(F/L)][KH*ceil(KW/G)][L*G]`. The last group of a row holds
    its last `G` taps, with weights of zero for those that the group before has,
    so that nothing beyond the row is read.

    Constraints:
    * (V1) image and init have rank 4 and equal batch extents.
    * (V2) element types as (C2).
    * (V3) the image is large enough for window, strides and dilations.
    * (V4) weights are packed as above.
    * (V5) the bias has an element for each filter.
    * (V6) window, strides and dilations are pairs of positive numbers.
    * (V7) groups is positive and divides channels and filters; it is 1 for
      depthwise convolutions.
    * (V8) a merged convolution has one channel and one group, is not depthwise,
      and reads at least `G` adjacent taps in each row of its window.
    * (V9) `step`, of which (C2) speaks, is even and divides the channels of a
      dense convolution.

    Example:
    ```mlir
    %r = mpq.conv ins(%x, %w : tensor<1x58x58x64xi8>, tensor<4x144x64xi8>)
         outs(%e : tensor<1x56x56x64xi32>)
         {window = array<i64: 3, 3>, strides = array<i64: 1, 1>,
          dilations = array<i64: 1, 1>} -> tensor<1x56x56x64xi32>
    ```
  }];
  let arguments = (ins TensorRankOf<[I8, BF16, F32], [4]>:$image,
      TensorRankOf<[I8, F16, BF16, F32], [3]>:$weights,
      Optional<TensorRankOf<[I32, F32], [1]>>:$bias,
      TensorRankOf<[I32, F32], [4]>:$init,
      DenseI64ArrayAttr:$window, DenseI64ArrayAttr:$strides,
      DenseI64ArrayAttr:$dilations, UnitAttr:$depthwise,
      DefaultValuedAttr<I64Attr, "1">:$groups, UnitAttr:$merged,
      OptionalAttr<I64Attr>:$step);
  let results = (outs TensorRankOf<[I32, F32], [4]>:$result);
  let assemblyFormat = [{
    `ins` `(` $image `,` $weights `:` type($image) `,` type($weights) `)`
    (`bias` `(` $bias^ `:` type($bias) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict `->` type($result)
  }];
  let extraClassDeclaration = commonDeclaration # [{
    /// Filters of one group.
    int64_t getGroupFilters() {
      return getInit().getType().getShape().back() / getGroups();
    }
    /// Image channels of one group.
    int64_t getGroupChannels() {
      return getImage().getType().getShape().back() / getGroups();
    }
    /// Elements along the depth after which groups of weights begin anew.
    int64_t getPackedSegment() {
      if (getDepthwise())
        return getWindow()[0] * getWindow()[1];
      return getMerged() ? getWindow()[1] : getGroupChannels();
    }
  }];
}

def Dot4Op : MPQ_Op<"dot4", [Pure]> {
  let summary = "four-byte dot products added to 32-bit lanes";
  let description = [{
    ```
    result[i] = acc[i] + sum_{j<4} lhs[4*i+j] * rhs[4*i+j]    # wraps at 32 bits
    ```

    The `i8` operands are read as their signedness says. Targets map it to one
    instruction (`vpdpbusd`, `sdot`, `udot`, `usdot`, `vqdot`) or a sequence
    with equal results.

    Constraint (T1): for `n` lanes both operands have `4 n` bytes.

    Example:
    ```mlir
    %r = mpq.dot4 %acc, %a unsigned, %b signed
       : vector<16xi32>, vector<64xi8>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[1], [I32]>:$acc,
      VectorOfRankAndType<[1], [I8]>:$lhs, VectorOfRankAndType<[1], [I8]>:$rhs,
      UnitAttr:$lhs_unsigned, UnitAttr:$rhs_unsigned);
  let results = (outs VectorOfRankAndType<[1], [I32]>:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def DotTileOp : MPQ_Op<"dot_tile", [Pure,
    AllTypesMatch<["acc", "result"]>]> {
  let summary = "a matrix product in tile registers";
  let description = [{
    ```
    result[m][n] = acc[m][n]                                  # wraps at 32 bits
        + sum_{k} lhs[m][k] * rhs[k / 4][4 * n + k % 4]
    ```

    `lhs` is unsigned, `rhs` signed and in the order of packed weights. One
    instruction of matrix extensions (AMX `tdpbusd`); `mpq.dot4` with the rows
    as registers of their own. With operands of bf16 it is one step of N-H3 in
    docs/Numerics.md (AMX `tdpbf16ps`), in groups of two.

    Constraint (T2): with groups of `G = 4` bytes or 2 of bf16, `lhs` is
    `M x GK`, `rhs` is `K x GN` and `acc` is `M x N`, of i32 or f32.

    Example:
    ```mlir
    %r = mpq.dot_tile %acc, %a, %b
       : vector<14x16xi32>, vector<14x64xi8>, vector<16x64xi8>
    ```
  }];
  let arguments = (ins VectorOfRankAndType<[2], [I32, F32]>:$acc,
      VectorOfRankAndType<[2], [I8, BF16]>:$lhs,
      VectorOfRankAndType<[2], [I8, BF16]>:$rhs);
  let results = (outs VectorOfRankAndType<[2], [I32, F32]>:$result);
  let assemblyFormat = [{
    $acc `,` $lhs `,` $rhs attr-dict `:` type($acc) `,` type($lhs) `,` type($rhs)
  }];
  let hasVerifier = 1;
}

#endif // MPQ_DIALECT_MPQCODEGENOPS_TD
