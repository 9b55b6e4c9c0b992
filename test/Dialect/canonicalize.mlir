// What folds, and what must not.
// RUN: quant-opt %s --canonicalize | FileCheck %s

#map = affine_map<(d0) -> ()>

// Quantizing what was dequantized with the same parameters gives the integers.
// CHECK-LABEL: @back_to_integers
// CHECK-SAME: %[[Q:.*]]: tensor<4xi8>
// CHECK-NEXT: return %[[Q]]
func.func @back_to_integers(%q: tensor<4xi8>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<4xi8> {
  %x = mpq.dequantize %q, %s, %z by #map unsigned : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  %r = mpq.quantize %x, %s, %z by #map unsigned : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %r : tensor<4xi8>
}

// The same on scalars.
// CHECK-LABEL: @back_to_integer
// CHECK-SAME: %[[Q:.*]]: i8, %
// CHECK-NEXT: return %[[Q]]
func.func @back_to_integer(%q: i8, %s: f32, %z: i8) -> i8 {
  %x = mpq.dequantize %q, %s, %z : i8, f32, i8 -> f32
  %r = mpq.quantize %x, %s, %z : f32, f32, i8 -> i8
  return %r : i8
}

// CHECK-LABEL: @other_scale
// CHECK: mpq.dequantize
// CHECK: mpq.quantize
func.func @other_scale(%q: tensor<4xi8>, %s: tensor<f32>, %t: tensor<f32>, %z: tensor<i8>) -> tensor<4xi8> {
  %x = mpq.dequantize %q, %s, %z by #map unsigned : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  %r = mpq.quantize %x, %t, %z by #map unsigned : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %r : tensor<4xi8>
}

// CHECK-LABEL: @other_signedness
// CHECK: mpq.dequantize
// CHECK: mpq.quantize
func.func @other_signedness(%q: tensor<4xi8>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<4xi8> {
  %x = mpq.dequantize %q, %s, %z by #map unsigned : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  %r = mpq.quantize %x, %s, %z by #map : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %r : tensor<4xi8>
}

// A clamp that is narrower than the storage changes numbers.
// CHECK-LABEL: @clamped
// CHECK: mpq.dequantize
// CHECK: mpq.quantize
func.func @clamped(%q: tensor<4xi8>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<4xi8> {
  %x = mpq.dequantize %q, %s, %z by #map : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  %r = mpq.quantize %x, %s, %z by #map {clamp_range = array<i64: -127, 127>} : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %r : tensor<4xi8>
}

// f16 cannot hold every dequantized integer.
// CHECK-LABEL: @through_f16
// CHECK: mpq.dequantize
// CHECK: mpq.quantize
func.func @through_f16(%q: tensor<4xi16>, %s: tensor<f32>, %z: tensor<i16>) -> tensor<4xi16> {
  %x = mpq.dequantize %q, %s, %z by #map : tensor<4xi16>, tensor<f32>, tensor<i16> -> tensor<4xf16>
  %r = mpq.quantize %x, %s, %z by #map : tensor<4xf16>, tensor<f32>, tensor<i16> -> tensor<4xi16>
  return %r : tensor<4xi16>
}

// Dequantizing what was quantized is what quantization does to a network.
// CHECK-LABEL: @quantization
// CHECK: mpq.quantize
// CHECK: mpq.dequantize
func.func @quantization(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<4xf32> {
  %q = mpq.quantize %x, %s, %z by #map : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  %r = mpq.dequantize %q, %s, %z by #map : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// Quantized weights stay integers, and a constant is quantized only by the pass
// that does so.
// CHECK-LABEL: @constants
// CHECK: mpq.dequantize
// CHECK: mpq.quantize
func.func @constants() -> (tensor<2xf32>, tensor<2xi8>) {
  %q = arith.constant dense<[1, 2]> : tensor<2xi8>
  %x = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %r = mpq.dequantize %q, %s, %z by #map : tensor<2xi8>, tensor<f32>, tensor<i8> -> tensor<2xf32>
  %t = mpq.quantize %x, %s, %z by #map : tensor<2xf32>, tensor<f32>, tensor<i8> -> tensor<2xi8>
  return %r, %t : tensor<2xf32>, tensor<2xi8>
}
