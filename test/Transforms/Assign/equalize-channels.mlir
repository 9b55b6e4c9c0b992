// Integer products read channels divided by factors, which their weights are multiplied by.
// RUN: quant-opt %s --split-input-file --verify-diagnostics --mpq-equalize-channels | FileCheck %s

// Both products read one divided value; the residual path reads the original.
// CHECK-LABEL: @matmuls
// CHECK: %[[HIDDEN:.*]] = math.absf
// CHECK: %[[INVERSES:.*]] = arith.constant dense<[1.000000e+00, 2.500000e-01, 1.000000e+00]> : tensor<3xf32>
// CHECK: %[[E:.*]] = linalg.generic {{.*}} ins(%[[HIDDEN]], %[[INVERSES]] : {{.*}} attrs = {mpq.ranges = [#mpq.range<-1.000000e+00, 6.000000e+00, recipe>]}
// CHECK: arith.mulf
// CHECK: %[[MOVED:.*]] = tensor.collapse_shape %[[E]]
// CHECK-NOT: tensor.collapse_shape
// CHECK: %[[W1:.*]] = arith.constant dense<{{\[}}[1.000000e+00, 2.000000e+00], [1.200000e+01, 1.600000e+01], [5.000000e+00, 6.000000e+00]]>
// CHECK: linalg.matmul {{.*}}ins(%[[MOVED]], %[[W1]]
// CHECK: %[[W2:.*]] = arith.constant dense<{{\[}}[1.000000e+00], [8.000000e+00], [3.000000e+00]]>
// CHECK: linalg.matmul {{.*}}ins(%[[MOVED]], %[[W2]]
// CHECK: arith.addf %[[HIDDEN]], %[[HIDDEN]]
func.func @matmuls(%x: tensor<1x4x3xf32>, %i: tensor<4x2xf32>, %j: tensor<4x1xf32>) -> (tensor<4x2xf32>, tensor<4x1xf32>, tensor<1x4x3xf32>) {
  %w1 = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %w2 = arith.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %h = math.absf %x {mpq.equalization = #mpq.equalization<[1.0, 4.0, 1.0], <-1.0, 6.0, recipe>, others = f32>} : tensor<1x4x3xf32>
  %m = tensor.collapse_shape %h [[0, 1], [2]] : tensor<1x4x3xf32> into tensor<4x3xf32>
  %a = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%m, %w1 : tensor<4x3xf32>, tensor<3x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  %b = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%m, %w2 : tensor<4x3xf32>, tensor<3x1xf32>) outs(%j : tensor<4x1xf32>) -> tensor<4x1xf32>
  %r = arith.addf %h, %h : tensor<1x4x3xf32>
  return %a, %b, %r : tensor<4x2xf32>, tensor<4x1xf32>, tensor<1x4x3xf32>
}

// -----

// A depthwise convolution behind padding; what else reads the value reads the divided one again times the factors.
// The product in float reads those, too.
// CHECK-LABEL: @depthwise
// CHECK: %[[HIDDEN:.*]] = math.absf
// CHECK: %[[E:.*]] = linalg.generic {{.*}} ins(%[[HIDDEN]],
// CHECK: %[[FACTORS:.*]] = arith.constant dense<[8.000000e+00, 5.000000e-01]>
// CHECK: %[[RESTORED:.*]] = linalg.generic {{.*}} ins(%[[E]], %[[FACTORS]]
// CHECK: %[[PADDED:.*]] = tensor.pad %[[RESTORED]]
// CHECK: %[[PADDED2:.*]] = tensor.pad %[[E]]
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}[8.000000e+00, 1.000000e+00]], {{\[}}[2.400000e+01, 2.000000e+00]]]>
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc {{.*}}mpq.precision = #mpq.precision<int8>{{.*}} ins(%[[PADDED2]], %[[W]]
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc {{.*}}"too small"{{.*}} ins(%[[PADDED]],
// CHECK: arith.addf %[[RESTORED]], %[[RESTORED]]
func.func @depthwise(%x: tensor<1x3x1x2xf32>, %i: tensor<1x4x1x2xf32>) -> (tensor<1x4x1x2xf32>, tensor<1x4x1x2xf32>, tensor<1x3x1x2xf32>) {
  %w = arith.constant dense<[[[1.0, 2.0]], [[3.0, 4.0]]]> : tensor<2x1x2xf32>
  %zero = arith.constant 0.0 : f32
  %h = math.absf %x {mpq.equalization = #mpq.equalization<[8.0, 0.5], <0.0, 6.0, calibration>, others = int8>} : tensor<1x3x1x2xf32>
  %p = tensor.pad %h low[0, 1, 0, 0] high[0, 1, 0, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x3x1x2xf32> to tensor<1x5x1x2xf32>
  %a = linalg.depthwise_conv_2d_nhwc_hwc {mpq.precision = #mpq.precision<int8>} ins(%p, %w : tensor<1x5x1x2xf32>, tensor<2x1x2xf32>) outs(%i : tensor<1x4x1x2xf32>) -> tensor<1x4x1x2xf32>
  %b = linalg.depthwise_conv_2d_nhwc_hwc {mpq.precision = #mpq.precision<f32, "too small">} ins(%p, %w : tensor<1x5x1x2xf32>, tensor<2x1x2xf32>) outs(%i : tensor<1x4x1x2xf32>) -> tensor<1x4x1x2xf32>
  %r = arith.addf %h, %h : tensor<1x3x1x2xf32>
  return %a, %b, %r : tensor<1x4x1x2xf32>, tensor<1x4x1x2xf32>, tensor<1x3x1x2xf32>
}

// -----

func.func @no_reader(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{expected an integer product with constant weights to read}}
  %h = math.absf %x {mpq.equalization = #mpq.equalization<[1.0, 4.0, 1.0], <-1.0, 6.0, recipe>, others = f32>} : tensor<3xf32>
  return %h : tensor<3xf32>
}
