//===- Passes.td - passes of the calibrate phase -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_TRANSFORMS_CALIBRATE_PASSES_TD
#define MPQ_TRANSFORMS_CALIBRATE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ApplyProfilePass : Pass<"mpq-apply-profile", "::mlir::ModuleOp"> {
  let summary = "write the ranges of a calibration profile on the values";
  let description = [{
    Sets `mpq.ranges` on the operations and `mpq.range` on the arguments whose
    value ids the profile has, with origin `calibration`. Ranges that are there
    already (of a recipe) stay. Values that were infinite in some sample get no
    range, with a remark; values the profile does not have are left to interval
    analysis.

    A range is picked from a value's histogram by `method`, or as the recipe
    (docs/Recipes.md) says. A range that the recipe gives as numbers replaces
    any other and has origin `recipe`; with such ranges alone no profile is
    needed.

    Fails if the profile cannot be read or is of another model: its fingerprint
    must be the module's, unless it has none. Fails on a rule of the recipe that
    matches no value.

    ```mlir
    %0 = linalg.matmul ins(%x, %w : ...) outs(%i : ...) -> tensor<4x8xf32>
    ```
    becomes
    ```mlir
    %0 = linalg.matmul {mpq.ranges = [#mpq.range<-1.5, 2.25, calibration>]}
         ins(%x, %w : ...) outs(%i : ...) -> tensor<4x8xf32>
    ```
  }];
  let options = [
    Option<"profile", "profile", "std::string", /*default=*/"\"\"",
           "Path of the profile">,
    Option<"method", "method", "::mpq::RangeMethod",
           /*default=*/"::mpq::RangeMethod::MinMax",
           "How ranges are picked from histograms where the recipe does not "
           "say", [{::mpq::RangeMethodValues()}]>,
    Option<"percentile", "percentile", "double", /*default=*/"99.99",
           "Share of the values the percentile method keeps, in percent: above "
           "50, at most 100">,
    Option<"recipe", "recipe", "std::string", /*default=*/"\"\"",
           "Path of a recipe; its `method` and `ranges` override the method">,
  ];
  let dependentDialects = ["::mpq::MPQDialect"];
}

def InferRangesPass : InterfacePass<"mpq-infer-ranges",
                                    "::mlir::FunctionOpInterface"> {
  let summary = "write the ranges that interval analysis finds on the values";
  let description = [{
    Completes `mpq.ranges` for the f32 results that have none, with origin
    `interval`, where the analysis (`RangeAnalysis`) knows finite bounds from
    the ranges of the operands. Annotation only: passes that need a range ask
    the analysis itself.
  }];
  let dependentDialects = ["::mpq::MPQDialect"];
}

def InsertObserversPass : InterfacePass<"mpq-insert-observers",
                                        "::mlir::FunctionOpInterface"> {
  let summary = "observe every value whose range quantization may ask for";
  let description = [{
    Puts an `mpq.observe` with the value's id behind every f32 tensor that an
    operation at the top level of the function computes, and behind the
    function's f32 arguments. Not observed are constants and what is computed
    from constants alone, fills, and values whose range is that of an operand:
    reshapes, transposes, slices and padding. Nothing inside a unit is.

    Fails on a value with a dynamic shape.

    ```mlir
    %0 = linalg.matmul ins(%x, %w : ...) outs(%i : ...) -> tensor<4x8xf32>
    mpq.observe %0 as "linear_0" : tensor<4x8xf32>
    ```
  }];
  let dependentDialects = ["::mpq::MPQDialect"];
}

def StripObserversPass : Pass<"mpq-strip-observers"> {
  let summary = "remove every mpq.observe";
  let description = [{
    The instrumented module becomes the prepared one again.
  }];
}

#endif // MPQ_TRANSFORMS_CALIBRATE_PASSES_TD
