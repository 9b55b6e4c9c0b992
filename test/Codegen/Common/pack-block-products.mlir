// RUN: quant-opt %s --split-input-file --mpq-pack-block-products --canonicalize --mlir-print-local-scope | FileCheck %s

// Eight lanes, one step of 4 * 2 rows for a block. Column 0 has rows 0, 1, 2,
// ..., 7; its first 4 bytes hold rows 0 and 4, 1 and 5, 2 and 6, 3 and 7. Scales
// are powers of two: their exponents are enough.
// CHECK-LABEL: func.func @int4(
// CHECK-SAME: %[[Q:.*]]: tensor<2x8xi8>, %[[T:.*]]: tensor<2x1xf32>
// CHECK-DAG: %[[M8:.*]] = arith.constant -8 : i32
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[}}64, 81, 98, 115, 15, 15, 15, 15, 0, {{.*}}]]]> : tensor<1x1x32xi8>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<{{\[\[\[}}126, 125, 0, {{.*}}]]]> : tensor<1x1x8xi8>
// CHECK: %[[SPLIT:.*]] = tensor.expand_shape %[[Q]] {{\[\[}}0], [1, 2]] output_shape [2, 1, 8]
// CHECK: %[[SUMS:.*]] = linalg.generic {{.*}}["parallel", "parallel", "reduction"]} ins(%[[SPLIT]]
// CHECK: arith.extsi
// CHECK: %[[TERM:.*]] = linalg.generic {{.*}} ins(%[[SUMS]]
// CHECK: arith.muli %{{.*}}, %[[M8]]
// CHECK: mpq.block_contract ins(%[[Q]], %[[W]] : tensor<2x8xi8>, tensor<1x1x32xi8>) scales(%[[S]] : tensor<1x1x8xi8>) lhs_scales(%[[T]] : tensor<2x1xf32>) lhs_sums(%[[TERM]] : tensor<2x1xi32>)
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "">} {
func.func @int4(%q: tensor<2x8xi8>, %t: tensor<2x1xf32>) -> tensor<2x2xf32> {
  %w = arith.constant dense<[[0, 15], [1, 15], [2, 15], [3, 15], [4, 0], [5, 0], [6, 0], [7, 0]]> : tensor<8x2xi4>
  %s = arith.constant dense<[[0.5, 0.25]]> : tensor<1x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %y = mpq.block_contract ins(%q, %w : tensor<2x8xi8>, tensor<8x2xi4>) scales(%s : tensor<1x2xf32>) lhs_scales(%t : tensor<2x1xf32>) outs(%e : tensor<2x2xf32>) {bits = 4, block = 8, zero_point = 8} -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
}

// -----

// Four planes of 2 bits: a block of 8 rows fills two of them. Zero points of
// their own: the sums are only negated. Float rows need none.
// CHECK-LABEL: func.func @int2(
// CHECK-DAG: %[[MINUS:.*]] = arith.constant -1 : i32
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[}}4, 5, 6, 7, 0, {{.*}}], [11, 11, 11, 11, 0, {{.*}}]]]> : tensor<1x2x32xi8>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<{{\[\[\[}}3, 0, {{.*}}], [1, 0, {{.*}}]]]> : tensor<1x2x8xi8>
// CHECK: arith.muli %{{.*}}, %[[MINUS]]
// CHECK: mpq.block_contract ins(%{{.*}}, %[[W]] : tensor<1x16xi8>, tensor<1x2x32xi8>) scales(%{{.*}}) zero_points(%[[Z]] : tensor<1x2x8xi8>) lhs_scales(%{{.*}}) lhs_sums(%{{.*}} : tensor<1x2xi32>)
// CHECK: mpq.block_contract ins(%{{.*}}, %[[W]] : tensor<1x16xf32>, tensor<1x2x32xi8>) scales(%{{.*}}) zero_points(%[[Z]] : tensor<1x2x8xi8>) outs
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "">} {
func.func @int2(%q: tensor<1x16xi8>, %x: tensor<1x16xf32>, %t: tensor<1x2xf32>) -> (tensor<1x1xf32>, tensor<1x1xf32>) {
  %w = arith.constant dense<[[0], [1], [2], [3], [1], [1], [1], [1], [3], [3], [3], [3], [2], [2], [2], [2]]> : tensor<16x1xi2>
  %s = arith.constant dense<[[0.5], [0.25]]> : tensor<2x1xf32>
  %z = arith.constant dense<[[3], [1]]> : tensor<2x1xi2>
  %e = tensor.empty() : tensor<1x1xf32>
  %y = mpq.block_contract ins(%q, %w : tensor<1x16xi8>, tensor<16x1xi2>) scales(%s : tensor<2x1xf32>) zero_points(%z : tensor<2x1xi2>) lhs_scales(%t : tensor<1x2xf32>) outs(%e : tensor<1x1xf32>) {bits = 2, block = 8} -> tensor<1x1xf32>
  %v = mpq.block_contract ins(%x, %w : tensor<1x16xf32>, tensor<16x1xi2>) scales(%s : tensor<2x1xf32>) zero_points(%z : tensor<2x1xi2>) outs(%e : tensor<1x1xf32>) {bits = 2, block = 8} -> tensor<1x1xf32>
  return %y, %v : tensor<1x1xf32>, tensor<1x1xf32>
}
}

// -----

// Scales that no half holds, but three bytes above the lowest: 0.1 is 3dcccccd, 0.2
// has 1 more in its exponent. Five rows compute rather than read, and 0.001
// is too far from 0.1: these stay.
// CHECK-LABEL: func.func @scales(
// CHECK-DAG: %[[NEAR:.*]] = arith.constant dense<{{\[\[\[}}0, 0, 0, 0, {{.*}}, 0, -128, 0, 0, 0, 0, 0, 0]]]> : tensor<1x1x24xi8>
// CHECK-DAG: %[[WIDE:.*]] = arith.constant dense<{{\[\[\[}}1.000000e-01, 2.000000e-01, {{.*}}]]]> : tensor<1x1x8xf32>
// CHECK-DAG: %[[FAR:.*]] = arith.constant dense<{{\[\[\[}}1.000000e-01, 1.000000e-03, {{.*}}]]]> : tensor<1x1x8xf32>
// CHECK: mpq.block_contract {{.*}} scales(%[[NEAR]] : tensor<1x1x24xi8>) outs({{.*}} scale_base = 1036831949 : i32
// CHECK: mpq.block_contract {{.*}} scales(%[[WIDE]] : tensor<1x1x8xf32>)
// CHECK: mpq.block_contract {{.*}} scales(%[[FAR]] : tensor<1x1x8xf32>)
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "">} {
func.func @scales(%x: tensor<1x8xf32>, %y: tensor<5x8xf32>) -> (tensor<1x2xf32>, tensor<5x2xf32>, tensor<1x2xf32>) {
  %w = arith.constant dense<1> : tensor<8x2xi4>
  %near = arith.constant dense<[[0.1, 0.2]]> : tensor<1x2xf32>
  %far = arith.constant dense<[[0.1, 0.001]]> : tensor<1x2xf32>
  %e = tensor.empty() : tensor<1x2xf32>
  %f = tensor.empty() : tensor<5x2xf32>
  %0 = mpq.block_contract ins(%x, %w : tensor<1x8xf32>, tensor<8x2xi4>) scales(%near : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {bits = 4, block = 8, zero_point = 8} -> tensor<1x2xf32>
  %1 = mpq.block_contract ins(%y, %w : tensor<5x8xf32>, tensor<8x2xi4>) scales(%near : tensor<1x2xf32>) outs(%f : tensor<5x2xf32>) {bits = 4, block = 8, zero_point = 8} -> tensor<5x2xf32>
  %2 = mpq.block_contract ins(%x, %w : tensor<1x8xf32>, tensor<8x2xi4>) scales(%far : tensor<1x2xf32>) outs(%e : tensor<1x2xf32>) {bits = 4, block = 8, zero_point = 8} -> tensor<1x2xf32>
  return %0, %1, %2 : tensor<1x2xf32>, tensor<5x2xf32>, tensor<1x2xf32>
}
}

// -----

// Codes of floats are parts of lanes of 16 bits: of rows 0, 1, 2, ..., 7 the even ones in the 8 lanes of the first half
// of a vector, the odd ones in those of the second, and each lane holds four. Scales are 2^14 times as large (0.5 is
// 126 and becomes 140), since kernels make f16 of the codes.
// CHECK-LABEL: func.func @fp4(
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[}}32, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 49, 117, 0, {{.*}}]]]> : tensor<1x1x32xi8>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<{{\[\[\[}}-116, 0, {{.*}}]]]> : tensor<1x1x8xi8>
// CHECK: mpq.block_contract ins(%{{.*}}, %[[W]] : tensor<1x8xf32>, tensor<1x1x32xi8>) scales(%[[S]] : tensor<1x1x8xi8>) outs({{.*}} format = f4E2M1FN
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "">} {
func.func @fp4(%x: tensor<1x8xf32>) -> tensor<1x1xf32> {
  %w = arith.constant dense<[[0], [1], [2], [3], [4], [5], [6], [7]]> : tensor<8x1xi4>
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  %e = tensor.empty() : tensor<1x1xf32>
  %y = mpq.block_contract ins(%x, %w : tensor<1x8xf32>, tensor<8x1xi4>) scales(%s : tensor<1x1xf32>) outs(%e : tensor<1x1xf32>) {bits = 4, block = 8, format = f4E2M1FN} -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}
}
