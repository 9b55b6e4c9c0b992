// RUN: quant-opt %s --mpq-fold-constants --split-input-file | FileCheck %s
// RUN: %python %S/Inputs/compare.py %s %t --mpq-fold-constants
// RUN: %python %S/Inputs/compare.py %s %t --mpq-prepare-pipeline

// Transpose, reshape, slice and concatenation, through a resource:
// [[0..8], [9..17]] -> columns 2, 4, 6 -> [2, 11, 4, 13, 6, 15] and one more row.
// CHECK-LABEL: func @moves
// CHECK: %[[R:.*]] = arith.constant dense<{{\[\[}}2.000000e+00, 1.100000e+01], [4.000000e+00, 1.300000e+01], [6.000000e+00, 1.500000e+01], [-1.000000e+00, -2.000000e+00]]> : tensor<4x2xf32>
// CHECK-NEXT: return %[[R]]
func.func @moves() -> tensor<4x2xf32> {
  %c = arith.constant dense_resource<counting> : tensor<18xf32>
  %last = arith.constant dense<[[-1.0, -2.0]]> : tensor<1x2xf32>
  %m = tensor.expand_shape %c [[0, 1]] output_shape [2, 9] : tensor<18xf32> into tensor<2x9xf32>
  %s = tensor.extract_slice %m[0, 2] [2, 3] [1, 2] : tensor<2x9xf32> to tensor<2x3xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%s : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  %r = tensor.concat dim(0) %t, %last : (tensor<3x2xf32>, tensor<1x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      counting: "0x04000000000000000000803f0000004000004040000080400000a0400000c0400000e04000000041000010410000204100003041000040410000504100006041000070410000804100008841"
    }
  }
#-}

// -----

// (a[i] + b[j]) / 2 with an integer that is converted.
// CHECK-LABEL: func @arithmetic
// CHECK: arith.constant dense<{{\[\[}}5.500000e+00, 1.050000e+01], [6.000000e+00, 1.100000e+01]]> : tensor<2x2xf32>
// CHECK-NOT: linalg.generic
func.func @arithmetic() -> tensor<2x2xf32> {
  %a = arith.constant dense<[1, 2]> : tensor<2xi64>
  %b = arith.constant dense<[[10.0, 20.0]]> : tensor<1x2xf32>
  %half = arith.constant 0.5 : f32
  %e = tensor.empty() : tensor<2x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (0, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%a, %b : tensor<2xi64>, tensor<1x2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%p: i64, %q: f32, %o: f32):
    %0 = arith.sitofp %p : i64 to f32
    %1 = arith.addf %0, %q : f32
    %2 = arith.mulf %1, %half : f32
    linalg.yield %2 : f32
  } -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// -----

// Kept: exp is no correctly rounded function, a broadcast bias, a dequantize.
// CHECK-LABEL: func @kept
// CHECK: mpq.dequantize
// CHECK: linalg.broadcast
// CHECK: linalg.generic
func.func @kept() -> (tensor<2xf32>, tensor<2x8xf32>, tensor<2xf32>) {
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %i = arith.constant dense<[1, 2]> : tensor<2xi8>
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %d = mpq.dequantize %i, %s, %z by affine_map<(d0) -> ()> : tensor<2xi8>, tensor<f32>, tensor<i8> -> tensor<2xf32>
  %e1 = tensor.empty() : tensor<2x8xf32>
  %b = linalg.broadcast ins(%c : tensor<2xf32>) outs(%e1 : tensor<2x8xf32>) dimensions = [1]
  %e = tensor.empty() : tensor<2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%c : tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%p: f32, %o: f32):
    %0 = math.exp %p : f32
    linalg.yield %0 : f32
  } -> tensor<2xf32>
  return %d, %b, %r : tensor<2xf32>, tensor<2x8xf32>, tensor<2xf32>
}

// -----

// A unit dimension goes and the rest is permuted: the scales follow.
// CHECK-DAG: #[[$LAST:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[$BOTH:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func @moved_dequantized
// CHECK: %[[Q:.*]] = arith.constant dense<{{\[\[}}1, 3, 5], [2, 4, 6]]> : tensor<2x3xi8>
// CHECK: %[[R:.*]] = mpq.dequantize %[[Q]], {{.*}} by #[[$LAST]] : tensor<2x3xi8>, tensor<3xf32>, tensor<3xi8> -> tensor<2x3xf32>
// CHECK-NEXT: return %[[R]]
func.func @moved_dequantized() -> tensor<2x3xf32> {
  %i = arith.constant dense<[[[1, 2]], [[3, 4]], [[5, 6]]]> : tensor<3x1x2xi8>
  %s = arith.constant dense<[0.5, 1.0, 2.0]> : tensor<3xf32>
  %z = arith.constant dense<[0, 1, 2]> : tensor<3xi8>
  %d = mpq.dequantize %i, %s, %z by affine_map<(d0, d1, d2) -> (d0)> : tensor<3x1x2xi8>, tensor<3xf32>, tensor<3xi8> -> tensor<3x1x2xf32>
  %c = tensor.collapse_shape %d [[0, 1], [2]] : tensor<3x1x2xf32> into tensor<3x2xf32>
  %e = tensor.empty() : tensor<2x3xf32>
  %t = linalg.transpose ins(%c : tensor<3x2xf32>) outs(%e : tensor<2x3xf32>) permutation = [1, 0]
  return %t : tensor<2x3xf32>
}

// Channels split into groups split the scales, too.
// CHECK-LABEL: func @split_dequantized
// CHECK-DAG: %[[S:.*]] = arith.constant dense<{{\[\[}}5.000000e-01, 1.000000e+00], [2.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
// CHECK-DAG: %[[Q:.*]] = arith.constant dense<{{\[\[}}1, 2], [3, 4]]> : tensor<2x2xi32>
// CHECK: %[[R:.*]] = mpq.dequantize %[[Q]], %[[S]], {{.*}} by #[[$BOTH]] : tensor<2x2xi32>, tensor<2x2xf32>, tensor<2x2xi32> -> tensor<2x2xf32>
// CHECK-NEXT: return %[[R]]
func.func @split_dequantized() -> tensor<2x2xf32> {
  %i = arith.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  %s = arith.constant dense<[0.5, 1.0, 2.0, 4.0]> : tensor<4xf32>
  %z = arith.constant dense<0> : tensor<4xi32>
  %d = mpq.dequantize %i, %s, %z by affine_map<(d0) -> (d0)> : tensor<4xi32>, tensor<4xf32>, tensor<4xi32> -> tensor<4xf32>
  %r = tensor.expand_shape %d [[0, 1]] output_shape [2, 2] : tensor<4xf32> into tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// A dimension merged with others repeats its parameters: three of two, each for
// two inner elements.
// CHECK-LABEL: func @merged_dequantized
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[5.000000e-01, 5.000000e-01, 1.000000e+00, 1.000000e+00, 5.000000e-01, 5.000000e-01, 1.000000e+00, 1.000000e+00, 5.000000e-01, 5.000000e-01, 1.000000e+00, 1.000000e+00]> : tensor<12xf32>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<[3, 3, 4, 4, 3, 3, 4, 4, 3, 3, 4, 4]> : tensor<12xi8>
// CHECK: mpq.dequantize %{{.*}}, %[[S]], %[[Z]] by #{{.*}} : tensor<12xi8>, tensor<12xf32>, tensor<12xi8>
func.func @merged_dequantized() -> tensor<12xf32> {
  %i = arith.constant dense<[[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]]> : tensor<3x2x2xi8>
  %s = arith.constant dense<[0.5, 1.0]> : tensor<2xf32>
  %z = arith.constant dense<[3, 4]> : tensor<2xi8>
  %d = mpq.dequantize %i, %s, %z by affine_map<(d0, d1, d2) -> (d1)> : tensor<3x2x2xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<3x2x2xf32>
  %r = tensor.collapse_shape %d [[0, 1, 2]] : tensor<3x2x2xf32> into tensor<12xf32>
  return %r : tensor<12xf32>
}

// Parameters of two dimensions stay where they are.
// CHECK-LABEL: func @merged_groups
// CHECK: %[[D:.*]] = mpq.dequantize
// CHECK: tensor.collapse_shape %[[D]]
func.func @merged_groups() -> tensor<4x2xf32> {
  %i = arith.constant dense<[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]> : tensor<2x2x2xi8>
  %s = arith.constant dense<[[0.5, 1.0], [2.0, 4.0]]> : tensor<2x2xf32>
  %z = arith.constant dense<0> : tensor<2x2xi8>
  %d = mpq.dequantize %i, %s, %z by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<2x2x2xi8>, tensor<2x2xf32>, tensor<2x2xi8> -> tensor<2x2x2xf32>
  %r = tensor.collapse_shape %d [[0, 1], [2]] : tensor<2x2x2xf32> into tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
