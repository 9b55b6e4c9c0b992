//===- Passes.td - passes of the phase "assign" -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_TRANSFORMS_ASSIGN_PASSES_TD
#define MPQ_TRANSFORMS_ASSIGN_PASSES_TD

include "mlir/Pass/PassBase.td"

def AssignPrecisionPass : Pass<"mpq-assign-precision", "::mlir::ModuleOp"> {
  let summary = "decide which products compute in integers";
  let description = [{
    Writes `mpq.precision` on every product (QuantizableOpInterface): what the
    recipe (docs/Recipes.md) says, else `precision`. A product that cannot be
    quantized gets f32 whatever is asked for, because of its shape, its weights
    (computed, or not finite), an activation without a range, or a sum that could
    exceed 31 bits. Products whose operands are already dequantized, as in
    imported QDQ models, are left alone.

    With `int4` and `int2` convolutions, and matrix products if the recipe's
    `activations` are `static`, are integer products like those of `int8`; other
    matrix products get a `mpq.blocks`, and need no ranges.

    Products with constant weights for which the recipe's `rounding` or `scales`
    want samples get a `mpq.weight_rounding`, too.

    Every product left in float is a `missed` remark of category `mpq-assign`
    with the reason. `report` names a JSON file that gets a record for every
    product in program order: `id`, `op`, `precision`, `reason` (null for
    integers) and `macs`. The file appears complete or not at all.

    ```mlir
    %r = linalg.matmul ins(%x, %w ...
    // becomes
    %r = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %w ...
    ```
  }];
  let options = [
    Option<"recipe", "recipe", "std::string", /*default=*/"\"\"",
           "Path of a recipe; its rules override the default precision">,
    Option<"precision", "precision", "::mpq::PrecisionKind",
           /*default=*/"::mpq::PrecisionKind::Int8",
           "Precision of products without a rule", [{::llvm::cl::values(
             clEnumValN(::mpq::PrecisionKind::Int8, "int8",
                        "8-bit activations and weights where possible"),
             clEnumValN(::mpq::PrecisionKind::Int16, "int16",
                        "activations in 16 bits, weights in 8"),
             clEnumValN(::mpq::PrecisionKind::Int4, "int4",
                        "4-bit weights"),
             clEnumValN(::mpq::PrecisionKind::Int2, "int2",
                        "2-bit weights"),
             clEnumValN(::mpq::PrecisionKind::BF16, "bf16",
                        "bfloat16 factors, f32 sums"),
             clEnumValN(::mpq::PrecisionKind::F16, "f16",
                        "16-bit IEEE factors, f32 sums"),
             clEnumValN(::mpq::PrecisionKind::FP8E4M3, "fp8_e4m3",
                        "weights of FP8 E4M3, a scale for each channel"),
             clEnumValN(::mpq::PrecisionKind::FP8E5M2, "fp8_e5m2",
                        "weights of FP8 E5M2, a scale for each channel"),
             clEnumValN(::mpq::PrecisionKind::MXFP8, "mxfp8",
                        "weights in MX blocks of FP8 E4M3"),
             clEnumValN(::mpq::PrecisionKind::MXFP4, "mxfp4",
                        "weights in MX blocks of FP4 E2M1"),
             clEnumValN(::mpq::PrecisionKind::MXInt8, "mxint8",
                        "weights in MX blocks of 8-bit integers"),
             clEnumValN(::mpq::PrecisionKind::F32, "f32", "float"))}]>,
    Option<"report", "report", "std::string", /*default=*/"\"\"",
           "Path of the JSON file to write a record of each product to">,
  ];
  let dependentDialects = ["::mpq::MPQDialect"];
}

def AssignStoragePass : Pass<"mpq-assign-storage", "::mlir::ModuleOp"> {
  let summary = "decide which results memory holds in 8 bits";
  let description = [{
    Where the recipe says `"stored": "int8"`, writes `mpq.stored` on operations
    whose results are in memory between an integer product and readers that are
    no products: both sides of an addition but the one that is computed last,
    what a pool and a gate read. The result is the end of the elementwise
    operations that the product computes in registers, has a known range and at
    least 8192 elements. What integer products read is in 8 bits anyway; what
    products in float, units (softmax, norms) or the function's return read is
    left in float.

    ```mlir
    %a = linalg.conv_2d_nhwc_hwcf {mpq.precision = #mpq.precision<int8>} ...
    %b = linalg.conv_2d_nhwc_hwcf {mpq.precision = #mpq.precision<int8>} ...
    %r = linalg.generic ... ins(%a, %b ...) { arith.addf }
    // %a becomes
    %a = linalg.conv_2d_nhwc_hwcf {mpq.precision = #mpq.precision<int8>,
                                   mpq.stored = #mpq.precision<int8>} ...
    ```
  }];
  let options = [
    Option<"recipe", "recipe", "std::string", /*default=*/"\"\"",
           "Path of a recipe; without one, nothing happens">,
  ];
  let dependentDialects = ["::mpq::MPQDialect"];
}

def AssignEqualizationPass : Pass<"mpq-assign-equalization", "::mlir::ModuleOp"> {
  let summary = "decide which activations move outlier channels into weights";
  let description = [{
    Writes `mpq.equalization` on operations whose result integer products with
    constant weights read: with the factors that the recipe's `equalize` lists,
    or, unless the recipe says `"equalize": "none"` or lists some, with the
    powers of two for which rounding costs these products least, if that is at
    least 1 dB better than without (the file has the formula). That takes
    `mpq.channel_ranges`, which a profile brings and this pass removes.
    `others` is what the recipe's `stored` says.

    Every value that is equalized automatically is a `passed` remark of category
    `mpq-assign` with the expected gain. Fails if a listed value is not there,
    has fewer channels, or is read by no such product.

    ```mlir
    %x = linalg.generic {mpq.channel_ranges = #mpq.channel_ranges<[-1.0, 0.0], [1.0, 8.0]>} ...
    %r = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %w ...
    // %x becomes
    %x = linalg.generic {mpq.equalization = #mpq.equalization<[1.0, 8.0], <-1.0, 1.0, calibration>, others = f32>} ...
    ```
  }];
  let options = [
    Option<"recipe", "recipe", "std::string", /*default=*/"\"\"",
           "Path of a recipe">,
  ];
  let dependentDialects = ["::mpq::MPQDialect"];
}

def EqualizeChannelsPass : Pass<"mpq-equalize-channels", "::mlir::ModuleOp"> {
  let summary = "move outlier channels from activations into weights";
  let description = [{
    Obeys `mpq.equalization`: the integer products with constant weights that
    read the result, directly or through reshapes and zero padding that keep its
    last dimension, read it divided by the factors; their weights are multiplied
    by them. Factors are powers of two, so products in float would compute what
    they did. With `others = int8` what else reads the result reads the divided
    one times the factors, so that memory need not hold it in float.

    ```mlir
    %x = linalg.generic {mpq.equalization = #mpq.equalization<[1.0, 8.0], <-1.0, 1.0, calibration>, others = f32>} ...
    %r = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %w ...
    // becomes
    %x = linalg.generic ...
    %e = linalg.generic ... ins(%x, %inverses ...) { arith.mulf }
    %r = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%e, %w2 ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect", "::mpq::MPQDialect"];
}

#endif // MPQ_TRANSFORMS_ASSIGN_PASSES_TD
