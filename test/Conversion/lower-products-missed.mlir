// Products that stay in float say why.
// RUN: quant-opt %s --mpq-lower-products --split-input-file --remarks-filter=mpq-lower --remark-format=emitRemark -verify-diagnostics

#map = affine_map<(d0, d1) -> ()>
func.func @signed(%q: tensor<4x2xi8>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %w = arith.constant dense<[[0, 1], [2, 3]]> : tensor<2x2xi8>
  %d = mpq.dequantize %q, %s, %z by #map : tensor<4x2xi8>, tensor<f32>, tensor<i8> -> tensor<4x2xf32>
  %dw = mpq.dequantize %w, %s, %z by #map : tensor<2x2xi8>, tensor<f32>, tensor<i8> -> tensor<2x2xf32>
  // expected-remark @below {{the activation is not stored in unsigned 8 bits}}
  %r = linalg.matmul ins(%d, %dw : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

#map = affine_map<(d0, d1) -> ()>
func.func @attention(%q: tensor<4x2xi8>, %k: tensor<2x2xi8>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %d = mpq.dequantize %q, %s, %z by #map unsigned : tensor<4x2xi8>, tensor<f32>, tensor<i8> -> tensor<4x2xf32>
  %dk = mpq.dequantize %k, %s, %z by #map unsigned : tensor<2x2xi8>, tensor<f32>, tensor<i8> -> tensor<2x2xf32>
  // expected-remark @below {{the weights are not constant}}
  %r = linalg.matmul ins(%d, %dk : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

#map = affine_map<(d0, d1) -> ()>
#rows = affine_map<(d0, d1) -> (d0)>
func.func @scale_in_sum(%q: tensor<4x2xi8>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %w = arith.constant dense<[[0, 1], [2, 3]]> : tensor<2x2xi8>
  %sw = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %zw = arith.constant dense<0> : tensor<2xi8>
  %d = mpq.dequantize %q, %s, %z by #map unsigned : tensor<4x2xi8>, tensor<f32>, tensor<i8> -> tensor<4x2xf32>
  %dw = mpq.dequantize %w, %sw, %zw by #rows : tensor<2x2xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<2x2xf32>
  // expected-remark @below {{the weights' scale changes inside a sum}}
  %r = linalg.matmul ins(%d, %dw : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// 70000 products of 255 and 127 exceed 2^31.
#map = affine_map<(d0, d1) -> ()>
func.func @overflow(%q: tensor<1x70000xi8>, %init: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %w = arith.constant dense<127> : tensor<70000x1xi8>
  %d = mpq.dequantize %q, %s, %z by #map unsigned : tensor<1x70000xi8>, tensor<f32>, tensor<i8> -> tensor<1x70000xf32>
  %dw = mpq.dequantize %w, %s, %z by #map : tensor<70000x1xi8>, tensor<f32>, tensor<i8> -> tensor<70000x1xf32>
  // expected-remark @below {{its sum may exceed 31 bits}}
  %r = linalg.matmul ins(%d, %dw : tensor<1x70000xf32>, tensor<70000x1xf32>) outs(%init : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %r : tensor<1x1xf32>
}
