// RUN: rm -rf %t && mkdir %t
// RUN: echo '{"precision": "mxint8", "activations": "dynamic"}' > %t/dynamic.json
// RUN: quant-opt %s --mpq-assign-precision="precision=mxfp4 report=%t/r.json" | FileCheck %s
// RUN: FileCheck %s --check-prefix=REPORT --input-file=%t/r.json
// RUN: quant-opt %s --mpq-assign-precision="precision=fp8_e5m2" --remarks-filter=mpq-assign -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: quant-opt %s --mpq-assign-precision="recipe=%t/dynamic.json" | FileCheck %s --check-prefix=DYNAMIC

// Formats need no ranges, only matrix products with constant weights below 2^100.
// REPORT: "id": "first"
// REPORT: "precision": "mxfp4"
// REPORT: "reason": null
// REMARK-DAG: attention 'scores' stays in f32: only matrix products with constant weights have them in fp8_e5m2
// REMARK-DAG: conv 'image' stays in f32: only matrix products with constant weights have them in fp8_e5m2
// REMARK-DAG: matmul 'huge' stays in f32: its weights reach {{.*}}, and those in fp8_e5m2 have to be below 2^100

// CHECK-LABEL: @main
func.func @main(%x: tensor<4x2xf32>, %y: tensor<2x2xf32>, %img: tensor<1x2x2x1xf32>, %i: tensor<4x2xf32>, %j: tensor<1x2x2x1xf32>)
    -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<1x2x2x1xf32>) {
  %w = arith.constant dense<1.0> : tensor<2x2xf32>
  %large = arith.constant dense<-2.0e30> : tensor<2x2xf32>
  %k = arith.constant dense<1.0> : tensor<1x1x1x1xf32>
  // CHECK: linalg.matmul {mpq.precision = #mpq.precision<mxfp4>}
  // DYNAMIC: linalg.matmul {mpq.blocks = #mpq.blocks<32, activations = int8>, mpq.precision = #mpq.precision<mxint8>}
  %0 = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("first")
  // CHECK: linalg.matmul {mpq.precision = #mpq.precision<f32, "only matrix products with constant weights have them in mxfp4">}
  %1 = linalg.matmul ins(%x, %y : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("scores")
  // CHECK: linalg.matmul {mpq.precision = #mpq.precision<f32, "its weights reach
  %2 = linalg.matmul ins(%x, %large : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("huge")
  // CHECK: linalg.conv_2d_nhwc_hwcf {{{.*}}mpq.precision = #mpq.precision<f32, "only matrix
  %3 = linalg.conv_2d_nhwc_hwcf ins(%img, %k : tensor<1x2x2x1xf32>, tensor<1x1x1x1xf32>) outs(%j : tensor<1x2x2x1xf32>) -> tensor<1x2x2x1xf32> loc("image")
  return %0, %1, %2, %3 : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<1x2x2x1xf32>
}
