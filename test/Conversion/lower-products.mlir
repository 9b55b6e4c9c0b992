// Products of quantized operands: equation, bias, zero points, epilogue forms.
// RUN: quant-opt %s --mpq-lower-products --split-input-file | FileCheck %s

#map = affine_map<(d0, d1) -> ()>
#col = affine_map<(d0, d1) -> (d1)>

// The bias (8, -16 in units of the accumulator) and -10 times the column sums of
// the weights (9, -4) start the sum; the only consumer becomes a requantization
// by sx * sw / sy.
// CHECK-LABEL: @requantized
// CHECK-DAG: %[[B:.*]] = arith.constant dense<[-82, 24]> : tensor<2xi32>
// CHECK-DAG: %[[M:.*]] = arith.constant dense<[2.500000e-01, 1.250000e-01]> : tensor<2xf32>
// CHECK: %[[I:.*]] = linalg.broadcast ins(%[[B]] : tensor<2xi32>) {{.*}} dimensions = [0]
// CHECK: %[[A:.*]] = linalg.generic {{.*}}"reduction"]} ins(%{{.*}}, %{{.*}} : tensor<4x3xi8>, tensor<3x2xi8>) outs(%[[I]]
// CHECK: ^bb0(%[[X:.*]]: i8, %[[W:.*]]: i8, %[[S:.*]]: i32):
// CHECK-DAG: %[[XE:.*]] = arith.extui %[[X]]
// CHECK-DAG: %[[WE:.*]] = arith.extsi %[[W]]
// CHECK: %[[P:.*]] = arith.muli %[[XE]], %[[WE]]
// CHECK: arith.addi %[[S]], %[[P]]
// CHECK: linalg.generic {{.*}} ins(%[[A]], %[[M]] : tensor<4x2xi32>, tensor<2xf32>)
// CHECK: mpq.requantize %{{.*}}, %{{.*}}, %{{.*}} unsigned : i32, f32, i8 -> i8
func.func @requantized(%q: tensor<4x3xi8>) -> tensor<4x2xi8> {
  %sx = arith.constant dense<0.5> : tensor<f32>
  %zx = arith.constant dense<10> : tensor<i8>
  %w = arith.constant dense<[[1, -2], [3, 4], [5, -6]]> : tensor<3x2xi8>
  %sw = arith.constant dense<[0.25, 0.125]> : tensor<2xf32>
  %zw = arith.constant dense<0> : tensor<2xi8>
  %bias = arith.constant dense<[1.0, -1.0]> : tensor<2xf32>
  %d = mpq.dequantize %q, %sx, %zx by #map unsigned : tensor<4x3xi8>, tensor<f32>, tensor<i8> -> tensor<4x3xf32>
  %dw = mpq.dequantize %w, %sw, %zw by #col : tensor<3x2xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<3x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %init = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<4x2xf32>) dimensions = [0]
  %r = linalg.matmul ins(%d, %dw : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  %q2 = mpq.quantize %r, %sx, %zx by #map unsigned : tensor<4x2xf32>, tensor<f32>, tensor<i8> -> tensor<4x2xi8>
  return %q2 : tensor<4x2xi8>
}

// -----

// A convolution whose result is used as a float; a bias that ONNX stored as
// integers in the accumulator's scale is taken as it is.
#map = affine_map<(d0, d1, d2, d3) -> ()>
#filter = affine_map<(d0, d1, d2, d3) -> (d3)>
#one = affine_map<(d0) -> (d0)>
// CHECK-DAG: #[[$IN:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1 * 2 + d4, d2 * 2 + d5, d6)>
// CHECK-LABEL: @convolution
// CHECK-DAG: %[[B:.*]] = arith.constant dense<[1007, -3]> : tensor<2xi32>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[1.250000e-01, 2.500000e-01]> : tensor<2xf32>
// CHECK: linalg.broadcast ins(%[[B]] : tensor<2xi32>) {{.*}} dimensions = [0, 1, 2]
// CHECK: %[[A:.*]] = linalg.generic {indexing_maps = [#[[$IN]],
// CHECK: linalg.generic {{.*}} ins(%[[A]], %[[S]] : tensor<1x3x3x2xi32>, tensor<2xf32>)
// CHECK: arith.sitofp
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: linalg.yield
func.func @convolution(%q: tensor<1x7x7x1xi8>) -> tensor<1x3x3x2xf32> {
  %sx = arith.constant dense<0.5> : tensor<f32>
  %zx = arith.constant dense<1> : tensor<i8>
  %w = arith.constant dense<[[[[0, 1]], [[0, 1]]], [[[-7, 1]], [[0, 0]]]]> : tensor<2x2x1x2xi8>
  %sw = arith.constant dense<[0.25, 0.5]> : tensor<2xf32>
  %zw = arith.constant dense<0> : tensor<2xi8>
  %bq = arith.constant dense<[1000, 0]> : tensor<2xi32>
  %bs = arith.constant dense<[0.125, 0.25]> : tensor<2xf32>
  %bz = arith.constant dense<0> : tensor<2xi32>
  %d = mpq.dequantize %q, %sx, %zx by #map unsigned : tensor<1x7x7x1xi8>, tensor<f32>, tensor<i8> -> tensor<1x7x7x1xf32>
  %dw = mpq.dequantize %w, %sw, %zw by #filter : tensor<2x2x1x2xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<2x2x1x2xf32>
  %db = mpq.dequantize %bq, %bs, %bz by #one : tensor<2xi32>, tensor<2xf32>, tensor<2xi32> -> tensor<2xf32>
  %e = tensor.empty() : tensor<1x3x3x2xf32>
  %init = linalg.broadcast ins(%db : tensor<2xf32>) outs(%e : tensor<1x3x3x2xf32>) dimensions = [0, 1, 2]
  %r = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>} ins(%d, %dw : tensor<1x7x7x1xf32>, tensor<2x2x1x2xf32>)
       outs(%init : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  return %r : tensor<1x3x3x2xf32>
}

// -----

// u8 weights with zero point 128 are s8 weights; the whole zero point goes.
#map = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: @unsigned_weights
// CHECK: arith.constant dense<{{\[}}[-128, 0], [1, 127]]> : tensor<2x2xi8>
// CHECK-NOT: arith.subi
func.func @unsigned_weights(%q: tensor<4x2xi8>) -> tensor<4x2xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %w = arith.constant dense<[[0, 128], [129, 255]]> : tensor<2x2xi8>
  %zw = arith.constant dense<128> : tensor<i8>
  %d = mpq.dequantize %q, %s, %z by #map unsigned : tensor<4x2xi8>, tensor<f32>, tensor<i8> -> tensor<4x2xf32>
  %dw = mpq.dequantize %w, %s, %zw by #map unsigned : tensor<2x2xi8>, tensor<f32>, tensor<i8> -> tensor<2x2xf32>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %init = linalg.fill ins(%c0 : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul ins(%d, %dw : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// A zero point that does not fit leaves sums of the activations: one for each
// window position, here over rows.
#map = affine_map<(d0, d1) -> ()>
// CHECK-DAG: #[[$ROWS:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: @asymmetric_weights
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[}}[-128, 0], [1, 127]]> : tensor<2x2xi8>
// CHECK-DAG: %[[Z:.*]] = arith.constant -118 : i32
// 2 activations zero point 3: -3 * (sum of weights + 2 * 118)
// CHECK-DAG: %[[B:.*]] = arith.constant dense<[-327, -1089]> : tensor<2xi32>
// CHECK: %[[A:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[W]]
// CHECK: %[[SUMS:.*]] = linalg.generic {{.*}}["parallel", "reduction"]} {{.*}} outs(%{{.*}} : tensor<4xi32>)
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$ROWS]], #{{.*}}]{{.*}} ins(%[[A]], %[[SUMS]]
// CHECK: %[[T:.*]] = arith.muli %{{.*}}, %[[Z]]
// CHECK: arith.subi %{{.*}}, %[[T]]
func.func @asymmetric_weights(%q: tensor<4x2xi8>) -> tensor<4x2xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i8>
  %w = arith.constant dense<[[0, 128], [129, 255]]> : tensor<2x2xi8>
  %zw = arith.constant dense<10> : tensor<i8>
  %d = mpq.dequantize %q, %s, %z by #map unsigned : tensor<4x2xi8>, tensor<f32>, tensor<i8> -> tensor<4x2xf32>
  %dw = mpq.dequantize %w, %s, %zw by #map unsigned : tensor<2x2xi8>, tensor<f32>, tensor<i8> -> tensor<2x2xf32>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %init = linalg.fill ins(%c0 : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul ins(%d, %dw : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// A bias far beyond the accumulator, or one that is no constant, is added in
// float.
#map = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: @float_bias
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x2xi32>, tensor<4x2xf32>)
// CHECK: arith.sitofp
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
func.func @float_bias(%q: tensor<4x2xi8>) -> tensor<4x2xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %w = arith.constant dense<[[0, 1], [2, 3]]> : tensor<2x2xi8>
  %d = mpq.dequantize %q, %s, %z by #map unsigned : tensor<4x2xi8>, tensor<f32>, tensor<i8> -> tensor<4x2xf32>
  %dw = mpq.dequantize %w, %s, %z by #map : tensor<2x2xi8>, tensor<f32>, tensor<i8> -> tensor<2x2xf32>
  %c = arith.constant 1.0e12 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %init = linalg.fill ins(%c : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul ins(%d, %dw : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// Depthwise: every channel is summed for itself; 4-bit weights widen to bytes.
#map = affine_map<(d0, d1, d2, d3) -> ()>
#channel = affine_map<(d0, d1, d2) -> (d2)>
// CHECK-LABEL: @depthwise
// CHECK-DAG: arith.constant dense<{{.*}}> : tensor<2x1x2xi8>
// CHECK-DAG: arith.constant dense<[2, -6]> : tensor<2xi32>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x3x3x2xi8>, tensor<2x1x2xi8>)
func.func @depthwise(%q: tensor<1x3x3x2xi8>) -> tensor<1x2x3x2xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<2> : tensor<i8>
  %w = arith.constant dense<[[[1, 2]], [[-2, 1]]]> : tensor<2x1x2xi4>
  %sw = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %zw = arith.constant dense<0> : tensor<2xi4>
  %d = mpq.dequantize %q, %s, %z by #map unsigned : tensor<1x3x3x2xi8>, tensor<f32>, tensor<i8> -> tensor<1x3x3x2xf32>
  %dw = mpq.dequantize %w, %sw, %zw by #channel : tensor<2x1x2xi4>, tensor<2xf32>, tensor<2xi4> -> tensor<2x1x2xf32>
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x3x2xf32>
  %init = linalg.fill ins(%c : f32) outs(%e : tensor<1x2x3x2xf32>) -> tensor<1x2x3x2xf32>
  %r = linalg.depthwise_conv_2d_nhwc_hwc ins(%d, %dw : tensor<1x3x3x2xf32>, tensor<2x1x2xf32>) outs(%init : tensor<1x2x3x2xf32>) -> tensor<1x2x3x2xf32>
  return %r : tensor<1x2x3x2xf32>
}
