// RUN: quant-opt %s --mpq-avoid-slow-floats | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// CHECK-LABEL: func.func @divisions
// CHECK: %[[INVERSE:.*]] = arith.constant 0.166666672 : f32
// CHECK: arith.mulf %{{.*}}, %[[INVERSE]]
// An inverse that is subnormal or infinite stays a division, and so does a
// divisor that is not known.
// CHECK: arith.divf
// CHECK: arith.divf
// CHECK: arith.divf
func.func @divisions(%x: tensor<4xf32>) -> tensor<4xf32> {
  %six = arith.constant 6.0 : f32
  %large = arith.constant 0x7F000000 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.divf %a, %six : f32
    %1 = arith.divf %0, %large : f32
    %2 = arith.divf %1, %zero : f32
    %3 = arith.divf %2, %a : f32
    linalg.yield %3 : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// Means keep their division.
// CHECK-LABEL: func.func @mean
// CHECK: arith.divf
func.func @mean(%x: tensor<4x6xf32>, %z: tensor<4xf32>) -> tensor<4xf32> {
  %six = arith.constant 6.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %s = linalg.reduce {arith.addf} ins(%x : tensor<4x6xf32>) outs(%z : tensor<4xf32>) dimensions = [1]
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%s : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.divf %a, %six : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// A product over a dimension is no mean: the scale of attention.
// CHECK-LABEL: func.func @attention
// CHECK-NOT: arith.divf
func.func @attention(%q: tensor<4x8xf32>, %k: tensor<8x4xf32>, %z: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %c = arith.constant 2.82842708 : f32
  %s = linalg.matmul ins(%q, %k : tensor<4x8xf32>, tensor<8x4xf32>) outs(%z : tensor<4x4xf32>) -> tensor<4x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<4x4xf32>) outs(%z : tensor<4x4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.divf %a, %c : f32
    linalg.yield %0 : f32
  } -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// 1e-40 is subnormal, 1e-31 below the bound, 1e-30 above it. What is added
// keeps its numbers.
// CHECK-LABEL: func.func @factors
// CHECK-DAG: arith.constant dense<[1.000000e+00, 0.000000e+00, 0.000000e+00, 1.000000e-30]>
// CHECK-DAG: arith.constant dense<[1.000000e+00, 9.999940e-41, 9.99999979E-32, 1.000000e-30]>
func.func @factors(%x: tensor<4xf32>) -> tensor<4xf32> {
  %w = arith.constant dense<[1.0, 1.0e-40, 1.0e-31, 1.0e-30]> : tensor<4xf32>
  %c = arith.constant dense<[1.0, 1.0e-40, 1.0e-31, 1.0e-30]> : tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel"]} ins(%x, %w, %c : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %d: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %d : f32
    linalg.yield %1 : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}
