//===- Passes.td - passes of the phase "prepare" -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Float to float. Sorted by name; docs/Architecture.md, "After prepare", says
// what the phase promises.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_TRANSFORMS_PREPARE_PASSES
#define MPQ_TRANSFORMS_PREPARE_PASSES

include "mlir/Pass/PassBase.td"

def ConvertToNHWCPass : Pass<"mpq-convert-to-nhwc"> {
  let summary = "convolutions and pools with the channel innermost";
  let description = [{
    Rewrites the named convolutions and pools of linalg that have channels
    before the window into those that have them last, between two transposes:

    | from | to |
    |---|---|
    | `conv_2d_nchw_fchw` | `conv_2d_nhwc_hwcf` |
    | `conv_2d_ngchw_gfchw` | `conv_2d_nhwgc_gfhwc` |
    | `depthwise_conv_2d_nchw_chw` | `depthwise_conv_2d_nhwc_hwc` |
    | `pooling_nchw_max`, `pooling_nchw_sum` | `pooling_nhwc_max`, `pooling_nhwc_sum` |

    Constant weights and broadcast biases change at compile time. The transposes
    are left to `mpq-propagate-transposes`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FoldAffinePass : Pass<"mpq-fold-affine"> {
  let summary = "constant scales and shifts become weights and biases";
  let description = [{
    An elementwise `linalg.generic` that computes `a * x + b` with constants
    (one number, or numbers along some dimensions; any spelling in `addf`, `subf`,
    `mulf`, `divf`, `negf` and, on constants, `sqrt`, `rsqrt`)

    * after a convolution or matrix product whose result has no other use, with
      coefficients along output channels: scales the weights, and scales and
      shifts the bias in the init operand. Reshapes and transposes may stand in
      between. Weights must be constant unless `a` is 1;
    * before one, with one `a` and one `b`: likewise. Not through padding unless
      `b` is 0, and not when `x` is a sum (the mean of a pool stays whole);
    * after another such operation: the two become one.

    Coefficients are combined in double and rounded to f32 once; every fold
    changes a result by a few units in the last place. The product takes the
    value id of the operation it absorbed.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FoldConstantsPass : Pass<"mpq-fold-constants"> {
  let summary = "evaluate operations on constant tensors";
  let description = [{
    Transposes, reshapes, slices and concatenations of constants, and elementwise
    generics whose inputs are all constant and whose body is exact or correctly
    rounded (`addf`, `subf`, `mulf`, `divf`, `negf`, `absf`, `sqrt`, 64-bit integer
    arithmetic, `sitofp`), move or compute whole buffers, resources included.

    A result that would be more than 4096 elements larger than the inputs is left
    to run time, and so are the fills and broadcasts that initialize products.
    `mpq.dequantize` is never folded; transposes and reshapes of a dequantized
    constant move to its integers (and, where a dimension is split, to its
    parameters), so that products find the dequantization next to them.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def PropagateTransposesPass : Pass<"mpq-propagate-transposes"> {
  let summary = "move transposes through a function until they cancel";
  let description = [{
    Three steps, each to its fixed point:

    1. *Sink*: a transpose moves behind its consumer. Any `linalg.generic` reads
       the source directly through a permuted map, then takes the loop order of
       its largest inputs and leaves the transpose behind its result; pads,
       slices, concatenations, reshapes, quantize and dequantize follow their
       operand. Two transposes in a row become one or none.
    2. *Absorb*: a transpose whose source is computed from another transpose
       (or constants) by operations that can follow moves up to it.
    3. *Settle*: a transpose that moves only unit dimensions becomes a reshape; one
       of a padded tensor moves before the padding; what is left is folded into
       the maps of the elementwise operation that produces its source or that
       consumes its result.

    Every step moves work of unchanged or smaller size: a transpose never moves
    behind an operation that enlarges it except pads, broadcasts and
    nearest-neighbour resizes, whose cost it shares anyway.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def RecognizeUnitsPass : Pass<"mpq-recognize-units"> {
  let summary = "softmax and layer norm of foreign linalg become mpq.unit";
  let description = [{
    Our importer keeps composites together; linalg that came from elsewhere has
    them spelled out. Recognized, along the innermost dimension:

    * `"softmax"`: `linalg.softmax`, or generics `exp(x - max(x)) / sum(exp(x -
      max(x)))`;
    * `"layer_norm"`: generics `(x - mean(x)) * r` or `/ r` where `r` is computed
      row by row, with a `sqrt` or `rsqrt`, from the sum of the squares of
      `x - mean(x)`, and constant scales and shifts behind it.

    Intermediate results must have no other use. The unit computes with the very
    operations it replaces.
  }];
  let dependentDialects = ["::mpq::MPQDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

#endif // MPQ_TRANSFORMS_PREPARE_PASSES
