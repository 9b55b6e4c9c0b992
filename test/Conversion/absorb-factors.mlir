// Powers of two before a quantization become part of its factor.
// RUN: quant-opt %s --mpq-absorb-factors | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#last = affine_map<(d0, d1) -> (d1)>
#none = affine_map<(d0, d1) -> ()>

// CHECK-LABEL: @absorbed
// CHECK: %[[F:.*]] = arith.constant dense<[1.000000e+00, 2.500000e-01]>
// CHECK: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
// CHECK: %[[E:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[F]]
// CHECK: mpq.quantize %[[E]], %[[ONE]],
func.func @absorbed(%x: tensor<4x2xf32>, %e: tensor<4x2xf32>) -> tensor<4x2xi8> {
  %f = arith.constant dense<[2.0, 0.5]> : tensor<2xf32>
  %s = arith.constant dense<2.0> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i8>
  %m = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %f : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4x2xf32>
  %q = mpq.quantize %m, %s, %z by #none unsigned {scaling = #mpq.scaling<multiply>} : tensor<4x2xf32>, tensor<f32>, tensor<i8> -> tensor<4x2xi8>
  return %q : tensor<4x2xi8>
}

// Three has digits of its own, division by the scale rounds differently, another reader wants the value as it is, and a
// subnormal factor would have lost digits.
// CHECK-LABEL: @kept
// CHECK-COUNT-2: mpq.quantize %{{.*}}, %[[S:.*]], %{{.*}}
// CHECK-LABEL: @small
// CHECK: %[[T:.*]] = arith.constant dense<1.7{{.*}}e+38>
// CHECK: mpq.quantize %{{.*}}, %[[T]],
func.func @kept(%x: tensor<4x2xf32>, %e: tensor<4x2xf32>) -> (tensor<4x2xi8>, tensor<4x2xi8>, tensor<4x2xf32>) {
  %three = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %two = arith.constant dense<[2.0, 2.0]> : tensor<2xf32>
  %s = arith.constant dense<4.0> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i8>
  // CHECK-NOT: dense<1.000000e+00>
  %m = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %three : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4x2xf32>
  %q = mpq.quantize %m, %s, %z by #none unsigned {scaling = #mpq.scaling<multiply>} : tensor<4x2xf32>, tensor<f32>, tensor<i8> -> tensor<4x2xi8>
  %n = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %two : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4x2xf32>
  %r = mpq.quantize %n, %s, %z by #none unsigned {scaling = #mpq.scaling<multiply>} : tensor<4x2xf32>, tensor<f32>, tensor<i8> -> tensor<4x2xi8>
  return %q, %r, %n : tensor<4x2xi8>, tensor<4x2xi8>, tensor<4x2xf32>
}

func.func @small(%x: tensor<4x2xf32>, %e: tensor<4x2xf32>) -> tensor<4x2xi8> {
  %f = arith.constant dense<[2.0, 0.5]> : tensor<2xf32>
  %s = arith.constant dense<1.7e38> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i8>
  %m = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %f : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4x2xf32>
  %q = mpq.quantize %m, %s, %z by #none unsigned {scaling = #mpq.scaling<multiply>} : tensor<4x2xf32>, tensor<f32>, tensor<i8> -> tensor<4x2xi8>
  return %q : tensor<4x2xi8>
}
