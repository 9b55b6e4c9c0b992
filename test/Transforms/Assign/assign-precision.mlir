// Every product gets a precision; those in float say why, as remark and in the
// report.
// RUN: quant-opt %s --mpq-assign-precision="report=%t.json" | FileCheck %s
// RUN: FileCheck %s --check-prefix=REPORT < %t.json
// RUN: quant-opt %s --mpq-assign-precision --remarks-filter=mpq-assign 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: quant-opt %s --mpq-assign-precision="precision=f32" | FileCheck %s --check-prefix=FLOAT
// RUN: quant-opt %s --mpq-assign-precision="recipe=%S/Inputs/recipe.json" | FileCheck %s --check-prefix=RECIPE

// RUN: quant-opt %s --mpq-assign-precision="precision=int4" | FileCheck %s --check-prefix=INT4
// RUN: echo '{"precision": "int4", "activations": "static", "rules": [{"op": "conv", "precision": "int2"}]}' > %t.static
// RUN: quant-opt %s --mpq-assign-precision="recipe=%t.static" | FileCheck %s --check-prefix=STATIC
// RUN: quant-opt %s --mpq-assign-precision="precision=bf16" | FileCheck %s --check-prefix=BF16
// RUN: quant-opt %s --mpq-assign-precision="precision=f16" | FileCheck %s --check-prefix=F16
// RUN: echo '{"rules": [{"op": "attention", "precision": "bf16"}]}' > %t.half
// RUN: quant-opt %s --mpq-assign-precision="recipe=%t.half" | FileCheck %s --check-prefix=RULE
// RUN: echo '{"precision": "int2", "block": 64, "activations": "dynamic"}' > %t.recipe
// RUN: quant-opt %s --mpq-assign-precision="recipe=%t.recipe" | FileCheck %s --check-prefix=INT2

// Weights of few bits need no range, but a matrix product with constants.
// Convolutions have them for whole channels, with ranges known beforehand, and
// so do matrix products of which the recipe says so.
// STATIC-NOT: mpq.blocks
// STATIC: linalg.matmul {mpq.precision = #mpq.precision<int4>}
// STATIC: linalg.matmul {mpq.precision = #mpq.precision<f32, "no range is known of its input 'first'">}
// STATIC: linalg.matmul {mpq.precision = #mpq.precision<f32, "no range is known of its input 'y'">}
// STATIC: linalg.matmul {mpq.precision = #mpq.precision<f32, "its weights are not constant">}
// STATIC: linalg.matmul {mpq.precision = #mpq.precision<f32, "its weights hold
// STATIC: linalg.conv_2d_nhwc_hwcf {{{.*}}mpq.precision = #mpq.precision<int2>}
// INT4-COUNT-2: linalg.matmul {mpq.blocks = #mpq.blocks<32, activations = f32>, mpq.precision = #mpq.precision<int4>}
// INT4: linalg.matmul {mpq.precision = #mpq.precision<f32, "only matrix products with constant weights have them in blocks of few bits">}
// INT4: linalg.matmul {mpq.precision = #mpq.precision<f32, "only matrix products with constant weights have them in blocks of few bits">}
// INT4: linalg.matmul {mpq.precision = #mpq.precision<f32, "its weights hold
// INT4: linalg.conv_2d_nhwc_hwcf {{{.*}}mpq.precision = #mpq.precision<int4>}
// INT2-COUNT-2: linalg.matmul {mpq.blocks = #mpq.blocks<64, activations = int8>, mpq.precision = #mpq.precision<int2>}

// 16 bits need no range, but finite weights, and numbers that f16 can hold.
// BF16-LABEL: @main
// BF16-COUNT-4: linalg.matmul {mpq.precision = #mpq.precision<bf16>}
// BF16: linalg.matmul {mpq.precision = #mpq.precision<f32, "its weights hold
// BF16: linalg.conv_2d_nhwc_hwcf {{{.*}}mpq.precision = #mpq.precision<bf16>}
// BF16-LABEL: @beyond
// BF16-COUNT-2: #mpq.precision<bf16>
// F16-LABEL: @main
// F16-COUNT-4: linalg.matmul {mpq.precision = #mpq.precision<f16>}
// F16-LABEL: @beyond
// F16: linalg.matmul {mpq.precision = #mpq.precision<f32, "its weights hold 70000.{{.*}}">}
// F16: linalg.matmul {mpq.precision = #mpq.precision<f32, "its input reaches -{{.*}}, which f16 cannot hold">}
// RULE-LABEL: @main
// RULE: #mpq.precision<int8>
// RULE: #mpq.precision<f32
// RULE-COUNT-2: #mpq.precision<bf16>

// REPORT: [
// REPORT: "id": "first"
// REPORT: "op": "matmul"
// REPORT: "precision": "int8"
// REPORT: "reason": null
// REPORT: "macs": 16
// REPORT: "id": "second"
// REPORT: "precision": "f32"
// REPORT: "reason": "no range is known of its input 'first'"
// REPORT: "id": "scores"
// REPORT: "op": "attention"
// REPORT: "reason": "no range is known of its input 'y'"
// REPORT: "id": "mixed"
// REPORT: "op": "attention"
// REPORT: "reason": null
// REPORT: "id": "bad"
// REPORT: "reason": "its weights hold {{.*}}nan
// REPORT: "id": "image"
// REPORT: "op": "conv"
// REPORT: "macs": 4

// REMARK-DAG: matmul 'second' stays in f32: no range is known of its input 'first'
// REMARK-DAG: attention 'scores' stays in f32: no range is known of its input 'y'
// REMARK-DAG: operation 'curve' stays in f32: it is no product

// A later rule wins; one that asks for the impossible changes nothing.
// RECIPE: linalg.matmul {mpq.precision = #mpq.precision<int8>}
// RECIPE: linalg.matmul {mpq.precision = #mpq.precision<f32, "no range is known of its input 'first'">}
// RECIPE: linalg.matmul {mpq.precision = #mpq.precision<f32, "no range is known of its input 'y'">}
// RECIPE: linalg.matmul {mpq.precision = #mpq.precision<int8>}
// RECIPE: linalg.matmul {mpq.precision = #mpq.precision<f32, "its weights hold
// RECIPE: linalg.conv_2d_nhwc_hwcf {{{.*}}mpq.precision = #mpq.precision<f32, "rule 2 of the recipe">

// FLOAT-COUNT-8: #mpq.precision<f32, "precision f32 is the default">

// CHECK-LABEL: @main
func.func @main(%x: tensor<4x2xf32> {mpq.name = "x", mpq.range = #mpq.range<0.0, 1.0, calibration>}, %y: tensor<2x2xf32> {mpq.name = "y"},
                %v: tensor<2x2xf32> {mpq.name = "v", mpq.range = #mpq.range<-1.0, 1.0, calibration>},
                %img: tensor<1x2x2x1xf32> {mpq.name = "img", mpq.range = #mpq.range<0.0, 1.0, calibration>},
                %i: tensor<4x2xf32>, %j: tensor<1x2x2x1xf32>)
    -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<1x2x2x1xf32>) {
  %w = arith.constant dense<1.0> : tensor<2x2xf32>
  %nan = arith.constant dense<[[1.0, 0x7FC00000], [1.0, 2.0]]> : tensor<2x2xf32>
  %k = arith.constant dense<1.0> : tensor<1x1x1x1xf32>
  // CHECK: linalg.matmul {mpq.precision = #mpq.precision<int8>}
  %0 = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("first")
  // CHECK: linalg.matmul {mpq.precision = #mpq.precision<f32, "no range is known of its input 'first'">}
  %1 = linalg.matmul ins(%0, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("second")
  // CHECK: linalg.matmul {mpq.precision = #mpq.precision<f32, "no range is known of its input 'y'">}
  %2 = linalg.matmul ins(%x, %y : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("scores")
  // CHECK: linalg.matmul {mpq.precision = #mpq.precision<int8>}
  %5 = linalg.matmul ins(%x, %v : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("mixed")
  // CHECK: linalg.matmul {mpq.precision = #mpq.precision<f32, "its weights hold
  %3 = linalg.matmul ins(%x, %nan : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("bad")
  // CHECK: linalg.conv_2d_nhwc_hwcf {{{.*}}mpq.precision = #mpq.precision<int8>}
  %4 = linalg.conv_2d_nhwc_hwcf ins(%img, %k : tensor<1x2x2x1xf32>, tensor<1x1x1x1xf32>) outs(%j : tensor<1x2x2x1xf32>) -> tensor<1x2x2x1xf32> loc("image")
  return %1, %2, %3, %4 : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<1x2x2x1xf32>
}

func.func private @activation(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %y = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32> loc("curve")
  return %y : tensor<4xf32>
}

func.func @beyond(%x: tensor<4x2xf32> {mpq.range = #mpq.range<0.0, 1.0, calibration>}, %far: tensor<4x2xf32> {mpq.range = #mpq.range<-1.0e5, 1.0, calibration>},
                  %i: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %large = arith.constant dense<7.0e4> : tensor<2x2xf32>
  %w = arith.constant dense<1.0> : tensor<2x2xf32>
  %0 = linalg.matmul ins(%x, %large : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("large")
  %1 = linalg.matmul ins(%far, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("far")
  return %0, %1 : tensor<4x2xf32>, tensor<4x2xf32>
}
