// Precisions bf16 and f16: factors are rounded where they enter a product.
// RUN: quant-opt %s --mpq-quantize --split-input-file --mlir-print-local-scope --verify-diagnostics | FileCheck %s

// Weights are constants of 16 bits, tiny ones 0; what reads the value otherwise
// reads it as it was. The attribute stays: it says what was decided.
// CHECK-LABEL: @bf16
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x4xf32>
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<3x4xf32>)
// CHECK: %[[N:.*]] = arith.truncf %{{.*}} : f32 to bf16
// CHECK: %[[F:.*]] = arith.extf %[[N]] : bf16 to f32
// CHECK: linalg.yield %[[F]]
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}1.000000e+00], [1.007810e+00], [0.000000e+00], [-3.{{.*}}e+38]]> : tensor<4x1xbf16>
// CHECK: %[[WIDE:.*]] = arith.extf %[[W]] : tensor<4x1xbf16> to tensor<4x1xf32>
// CHECK: linalg.matmul {mpq.precision = #mpq.precision<bf16>} ins(%[[R]], %[[WIDE]]
// CHECK: linalg.exp ins(%[[X]]
func.func @bf16(%x: tensor<3x4xf32>, %i: tensor<3x1xf32>, %j: tensor<3x4xf32>) -> (tensor<3x1xf32>, tensor<3x4xf32>) {
  %w = arith.constant dense<[[1.001], [1.005], [1.0e-31], [-3.0e38]]> : tensor<4x1xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<bf16>} ins(%x, %w : tensor<3x4xf32>, tensor<4x1xf32>) outs(%i : tensor<3x1xf32>) -> tensor<3x1xf32>
  %e = linalg.exp ins(%x : tensor<3x4xf32>) outs(%j : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y, %e : tensor<3x1xf32>, tensor<3x4xf32>
}

// -----

// Before padding, which nothing but products reads; weights of two products are
// one constant. Two activations are both rounded.
// CHECK-LABEL: @moved
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x4x4x2xf32>
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[X]]
// CHECK: arith.truncf %{{.*}} : f32 to f16
// CHECK: %[[W:.*]] = arith.extf %{{.*}} : tensor<2x2x2x3xf16> to tensor<2x2x2x3xf32>
// CHECK-NOT: arith.constant {{.*}}xf16>
// CHECK: %[[P:.*]] = tensor.pad %[[R]]
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} ins(%[[P]], %[[W]]
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} ins(%[[P]], %[[W]]
// CHECK: linalg.matmul
func.func @moved(%x: tensor<1x4x4x2xf32>, %i: tensor<1x4x4x3xf32>, %a: tensor<2x2xf32>, %b: tensor<2x2xf32>)
    -> (tensor<1x4x4x3xf32>, tensor<1x4x4x3xf32>, tensor<2x2xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.1> : tensor<2x2x2x3xf32>
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 0, 0, 0] {
  ^bb0(%n: index, %h: index, %v: index, %c: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x2xf32> to tensor<1x5x5x2xf32>
  %y = linalg.conv_2d_nhwc_hwcf {mpq.precision = #mpq.precision<f16>} ins(%p, %w : tensor<1x5x5x2xf32>, tensor<2x2x2x3xf32>) outs(%i : tensor<1x4x4x3xf32>) -> tensor<1x4x4x3xf32>
  %z = linalg.conv_2d_nhwc_hwcf {mpq.precision = #mpq.precision<f16>} ins(%p, %w : tensor<1x5x5x2xf32>, tensor<2x2x2x3xf32>) outs(%i : tensor<1x4x4x3xf32>) -> tensor<1x4x4x3xf32>
  %m = linalg.matmul {mpq.precision = #mpq.precision<f16>} ins(%a, %b : tensor<2x2xf32>, tensor<2x2xf32>) outs(%a : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y, %z, %m : tensor<1x4x4x3xf32>, tensor<1x4x4x3xf32>, tensor<2x2xf32>
}
