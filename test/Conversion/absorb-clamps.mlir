// A clamp disappears where the quantization behind it clamps at the same place.
// RUN: quant-opt %s --mpq-absorb-clamps --split-input-file | FileCheck %s

#id = affine_map<(d0) -> (d0)>
#m1 = affine_map<(d0) -> ()>
// CHECK-LABEL: @relu
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
// CHECK-NOT: linalg.generic
// CHECK: mpq.quantize %[[X]]
func.func @relu(%x: tensor<4xf32>) -> tensor<4xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %c0 : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  %q = mpq.quantize %r, %s, %z by #m1 unsigned : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

// A zero point above the smallest integer leaves room for negative numbers.
#id = affine_map<(d0) -> (d0)>
#m1 = affine_map<(d0) -> ()>
// CHECK-LABEL: @relu_with_room
// CHECK: arith.maximumf
func.func @relu_with_room(%x: tensor<4xf32>) -> tensor<4xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<1> : tensor<i8>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %c0 : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  %q = mpq.quantize %r, %s, %z by #m1 unsigned : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

// Both sides of a clip behind a sum; 6 is 255 times the scale. What computes
// the sum stays.
#id = affine_map<(d0) -> (d0)>
#m1 = affine_map<(d0) -> ()>
// CHECK-LABEL: @clip
// CHECK: %[[S:.*]] = arith.addf
// CHECK-NEXT: linalg.yield %[[S]]
func.func @clip(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xi8> {
  %s = arith.constant dense<0.0235294122> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %c0 = arith.constant 0.0 : f32
  %c6 = arith.constant 6.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %y : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.addf %a, %b : f32
    %m = arith.maximumf %t, %c0 : f32
    %n = arith.minimumf %m, %c6 : f32
    linalg.yield %n : f32
  } -> tensor<4xf32>
  %q = mpq.quantize %r, %s, %z by #m1 unsigned : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

// A bound inside of the range stays, and so does a clamp that others read.
#id = affine_map<(d0) -> (d0)>
#m1 = affine_map<(d0) -> ()>
// CHECK-LABEL: @kept
// CHECK: arith.minimumf
// CHECK: arith.maximumf
func.func @kept(%x: tensor<4xf32>) -> (tensor<4xi8>, tensor<4xi8>, tensor<4xf32>) {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %c0 = arith.constant 0.0 : f32
  %c6 = arith.constant 6.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.minimumf %a, %c6 : f32
    linalg.yield %n : f32
  } -> tensor<4xf32>
  %q = mpq.quantize %r, %s, %z by #m1 unsigned : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%f : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %c0 : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  %p = mpq.quantize %t, %s, %z by #m1 unsigned : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q, %p, %t : tensor<4xi8>, tensor<4xi8>, tensor<4xf32>
}
