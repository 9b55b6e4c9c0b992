// RUN: quant-opt %s --mpq-normalize-signedness --split-input-file | FileCheck %s

// A quantization and all its dequantizations change sides together: the zero
// point -1 becomes 127 and the clamp range moves along.
#map = affine_map<(d0) -> ()>
// CHECK-LABEL: @quantized_here
// CHECK-DAG: %[[S:.*]] = arith.constant dense<5.000000e-01>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<127> : tensor<i8>
// CHECK: %[[Q:.*]] = mpq.quantize %{{.*}}, %[[S]], %[[Z]] by #{{.*}} unsigned {clamp_range = array<i64: 1, 255>}
// CHECK: mpq.dequantize %[[Q]], %[[S]], %[[Z]] by #{{.*}} unsigned
func.func @quantized_here(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<-1> : tensor<i8>
  %q = mpq.quantize %x, %s, %z by #map {clamp_range = array<i64: -127, 127>} : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  %d = mpq.dequantize %q, %s, %z by #map : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  return %d : tensor<4xf32>
}

// -----

// An argument has its bits flipped; a constant (weights) does not.
#map = affine_map<(d0) -> ()>
// CHECK-LABEL: @argument
// CHECK: %[[F:.*]] = linalg.generic
// CHECK: arith.xori %{{.*}}, %{{.*}} : i8
// CHECK: mpq.dequantize %[[F]], %{{.*}} unsigned
// CHECK: mpq.dequantize %{{.*}} by #{{[^ ]*}} :
func.func @argument(%q: tensor<4xi8>) -> (tensor<4xf32>, tensor<4xf32>) {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %w = arith.constant dense<[1, 2, 3, 4]> : tensor<4xi8>
  %d = mpq.dequantize %q, %s, %z by #map : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  %dw = mpq.dequantize %w, %s, %z by #map : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  return %d, %dw : tensor<4xf32>, tensor<4xf32>
}

// -----

// The integers themselves leave the function: their signedness is its interface.
#map = affine_map<(d0) -> ()>
// CHECK-LABEL: @returned
// CHECK: mpq.quantize %{{.*}} by #{{[^ ]*}} :
func.func @returned(%x: tensor<4xf32>) -> tensor<4xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %q = mpq.quantize %x, %s, %z by #map : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}
