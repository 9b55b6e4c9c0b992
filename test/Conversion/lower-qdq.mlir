// Tensor forms become generics: constants per tensor in the body, the rest as
// operands with the parameter map.
// RUN: quant-opt %s --mpq-lower-qdq --mpq-verify-lowered --split-input-file | FileCheck %s

#map = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: @per_tensor
// CHECK-DAG: %[[S:.*]] = arith.constant 5.000000e-01 : f32
// CHECK-DAG: %[[Z:.*]] = arith.constant -56 : i8
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<4x8xf32>) outs
// CHECK: mpq.quantize %{{.*}}, %[[S]], %[[Z]] unsigned {clamp_range = array<i64: 0, 254>, scaling = #mpq.scaling<multiply>} : f32, f32, i8 -> i8
func.func @per_tensor(%x: tensor<4x8xf32>) -> tensor<4x8xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<-56> : tensor<i8>
  %q = mpq.quantize %x, %s, %z by #map unsigned {clamp_range = array<i64: 0, 254>, scaling = #mpq.scaling<multiply>}
     : tensor<4x8xf32>, tensor<f32>, tensor<i8> -> tensor<4x8xi8>
  return %q : tensor<4x8xi8>
}

// -----

#blocks = affine_map<(d0, d1) -> (d0, d1 floordiv 4)>
// CHECK-DAG: #[[$BLOCKS:.*]] = affine_map<(d0, d1) -> (d0, d1 floordiv 4)>
// CHECK-LABEL: @blocks
// CHECK-SAME: %[[X:.*]]: tensor<4x8xi4>, %[[S:.*]]: tensor<4x2xf32>
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$BLOCKS]], #{{.*}}]
// CHECK-SAME: ins(%[[X]], %[[S]] : tensor<4x8xi4>, tensor<4x2xf32>)
// CHECK: mpq.dequantize %{{.*}}, %{{.*}}, %{{.*}} : i4, f32, i4 -> f32
func.func @blocks(%x: tensor<4x8xi4>, %s: tensor<4x2xf32>) -> tensor<4x8xf32> {
  %z = arith.constant dense<0> : tensor<4x2xi4>
  %d = mpq.dequantize %x, %s, %z by #blocks : tensor<4x8xi4>, tensor<4x2xf32>, tensor<4x2xi4> -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// -----

// Storage of 16, 2 and 4 bits; parameters that are only known at run time.
#map = affine_map<(d0) -> ()>
// CHECK-LABEL: @widths
// CHECK: mpq.quantize %{{.*}} : f32, f32, i16 -> i16
// CHECK: mpq.quantize %{{.*}} unsigned : f32, f32, i2 -> i2
// CHECK: mpq.requantize %{{.*}} : i32, f32, i4 -> i4
func.func @widths(%x: tensor<8xf32>, %a: tensor<8xi32>, %s: tensor<f32>, %z: tensor<i16>) -> (tensor<8xi16>, tensor<8xi2>, tensor<8xi4>) {
  %z2 = arith.constant dense<-1> : tensor<i2>
  %z4 = arith.constant dense<-1> : tensor<i4>
  %q = mpq.quantize %x, %s, %z by #map : tensor<8xf32>, tensor<f32>, tensor<i16> -> tensor<8xi16>
  %t = mpq.quantize %x, %s, %z2 by #map unsigned : tensor<8xf32>, tensor<f32>, tensor<i2> -> tensor<8xi2>
  %r = mpq.requantize %a, %s, %z4 by #map : tensor<8xi32>, tensor<f32>, tensor<i4> -> tensor<8xi4>
  return %q, %t, %r : tensor<8xi16>, tensor<8xi2>, tensor<8xi4>
}

// -----

// Each user of a dequantized value gets its own.
#map = affine_map<(d0) -> ()>
// CHECK-LABEL: @users
// CHECK-COUNT-2: mpq.dequantize
// CHECK-NOT: mpq.dequantize
func.func @users(%x: tensor<8xi8>, %s: tensor<f32>, %z: tensor<i8>) -> (tensor<8xf32>, tensor<8xf32>) {
  %d = mpq.dequantize %x, %s, %z by #map : tensor<8xi8>, tensor<f32>, tensor<i8> -> tensor<8xf32>
  %a = arith.addf %d, %d : tensor<8xf32>
  %b = arith.negf %d : tensor<8xf32>
  return %a, %b : tensor<8xf32>, tensor<8xf32>
}
