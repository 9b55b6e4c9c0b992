// Measured corrections are added to what products start from.
// RUN: quant-opt %s --mpq-correct-bias --remarks-filter=mpq-quantize --remark-format=emitRemark --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: @filled
// CHECK: %[[V:.*]] = arith.constant dense<[1.500000e+00, 0.000000e+00]>
// CHECK: %[[B:.*]] = linalg.broadcast ins(%[[V]] : tensor<2xf32>) outs(%{{.*}} : tensor<4x2xf32>) dimensions = [0]
// CHECK: linalg.matmul ins(%{{.*}}) outs(%[[B]]
// CHECK-NOT: mpq.bias_correction
func.func @filled(%x: tensor<4x3xf32>, %w: tensor<3x2xf32>) -> tensor<4x2xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %f = linalg.fill ins(%one : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul {mpq.bias_correction = array<f32: 0.5, -1.0>} ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%f : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// A bias for each channel of an image.
// CHECK-LABEL: @broadcast
// CHECK: %[[V:.*]] = arith.constant dense<[1.250000e+00, 1.000000e+00]>
// CHECK: linalg.broadcast ins(%[[V]] : tensor<2xf32>) outs(%{{.*}}) dimensions = [0, 1, 2]
func.func @broadcast(%x: tensor<1x3x1x2xf32>, %w: tensor<2x1x2xf32>) -> tensor<1x2x1x2xf32> {
  %b = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<1x2x1x2xf32>
  %f = linalg.broadcast ins(%b : tensor<2xf32>) outs(%e : tensor<1x2x1x2xf32>) dimensions = [0, 1, 2]
  %r = linalg.depthwise_conv_2d_nhwc_hwc {mpq.bias_correction = array<f32: 0.25, -1.0>} ins(%x, %w : tensor<1x3x1x2xf32>, tensor<2x1x2xf32>) outs(%f : tensor<1x2x1x2xf32>) -> tensor<1x2x1x2xf32>
  return %r : tensor<1x2x1x2xf32>
}

// -----

// What is added to a computed value would be a computation.
func.func @computed(%x: tensor<4x3xf32>, %w: tensor<3x2xf32>, %f: tensor<4x2xf32>) -> tensor<4x2xf32> {
  // expected-remark @unknown {{the bias of 'y' is not corrected: it is no constant of the last dimension}}
  %r = linalg.matmul {mpq.bias_correction = array<f32: 0.5, -1.0>} ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%f : tensor<4x2xf32>) -> tensor<4x2xf32> loc("y")
  return %r : tensor<4x2xf32>
}

// -----

func.func @extent(%x: tensor<4x3xf32>, %w: tensor<3x2xf32>, %f: tensor<4x2xf32>) -> tensor<4x2xf32> {
  // expected-error @+1 {{expected attribute 'mpq.bias_correction' to be an array<f32> with an entry for each index of the only result's last dimension}}
  %r = linalg.matmul {mpq.bias_correction = array<f32: 0.5>} ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%f : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
