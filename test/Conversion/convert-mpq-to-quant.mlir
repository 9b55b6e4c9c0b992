// QDQ form in upstream's types, and back again: nothing is lost on the way.
// RUN: quant-opt %s --mpq-convert-mpq-to-quant | FileCheck %s
// RUN: quant-opt %s --mpq-convert-mpq-to-quant --mpq-convert-quant-to-mpq | quant-opt --canonicalize -o %t.after
// RUN: quant-opt %s --canonicalize -o %t.before
// RUN: diff %t.before %t.after

#tensor = affine_map<(d0, d1) -> ()>
#column = affine_map<(d0, d1) -> (d1)>
#blocks = affine_map<(d0, d1) -> (d0 floordiv 2, d1)>

// Parameters leave no constants behind.
// CHECK-LABEL: func @pair
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>
// CHECK-NOT: arith.constant
// CHECK: %[[Q:.*]] = quant.qcast %[[X]] {mpq.scaling = #mpq.scaling<multiply>} : tensor<2x3xf32> to tensor<2x3x!quant.uniform<u8:f32, 5.000000e-01:200>>
// CHECK: %[[I:.*]] = quant.scast %[[Q]] : {{.*}} to tensor<2x3xi8>
// CHECK: %[[S:.*]] = quant.scast %[[I]] : tensor<2x3xi8> to tensor<2x3x!quant.uniform<u8:f32, 5.000000e-01:200>>
// CHECK: %[[D:.*]] = quant.dcast %[[S]]
// CHECK: return %[[D]]
func.func @pair(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<200> : tensor<i8>
  %q = mpq.quantize %x, %s, %z by #tensor unsigned {scaling = #mpq.scaling<multiply>}
    : tensor<2x3xf32>, tensor<f32>, tensor<i8> -> tensor<2x3xi8>
  %d = mpq.dequantize %q, %s, %z by #tensor unsigned : tensor<2x3xi8>, tensor<f32>, tensor<i8> -> tensor<2x3xf32>
  return %d : tensor<2x3xf32>
}

// CHECK-LABEL: func @axis
// CHECK: quant.qcast %{{.*}} {mpq.rounding = #mpq.rounding<half_up>, mpq.zero_point_order = #mpq.zero_point_order<before>} : tensor<2x3xf32> to tensor<2x3x!quant.uniform<i8<-127:127>:f32:1, {1.000000e+00,2.000000e+00:-1,5.000000e-01:4}>>
// CHECK: quant.dcast %{{.*}} : tensor<2x3x!quant.uniform<i8<-127:127>:f32:1, {{.*}}>> to tensor<2x3xf32>
func.func @axis(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %s = arith.constant dense<[1.0, 2.0, 0.5]> : tensor<3xf32>
  %z = arith.constant dense<[0, -1, 4]> : tensor<3xi8>
  %q = mpq.quantize %x, %s, %z by #column {clamp_range = array<i64: -127, 127>, rounding = #mpq.rounding<half_up>, zero_point_order = #mpq.zero_point_order<before>}
    : tensor<2x3xf32>, tensor<3xf32>, tensor<3xi8> -> tensor<2x3xi8>
  %d = mpq.dequantize %q, %s, %z by #column : tensor<2x3xi8>, tensor<3xf32>, tensor<3xi8> -> tensor<2x3xf32>
  return %d : tensor<2x3xf32>
}

// CHECK-LABEL: func @blocks
// CHECK: quant.dcast %{{.*}} : tensor<4x2x!quant.uniform<i4:f32:{0:2, 1:1}, {{\{}}{2.000000e+00, 4.000000e+00:3}, {3.000000e+00:-1, 1.000000e+00}}>>
func.func @blocks(%x: tensor<4x2xi4>) -> tensor<4x2xf32> {
  %s = arith.constant dense<[[2.0, 4.0], [3.0, 1.0]]> : tensor<2x2xf32>
  %z = arith.constant dense<[[0, 3], [-1, 0]]> : tensor<2x2xi4>
  %d = mpq.dequantize %x, %s, %z by #blocks : tensor<4x2xi4>, tensor<2x2xf32>, tensor<2x2xi4> -> tensor<4x2xf32>
  return %d : tensor<4x2xf32>
}

// CHECK-LABEL: func @scalar
// CHECK: quant.qcast %{{.*}} : f32 to !quant.uniform<i8:f32, 5.000000e-01:-1>
func.func @scalar(%x: f32) -> i8 {
  %s = arith.constant 0.5 : f32
  %z = arith.constant -1 : i8
  %q = mpq.quantize %x, %s, %z : f32, f32, i8 -> i8
  return %q : i8
}
