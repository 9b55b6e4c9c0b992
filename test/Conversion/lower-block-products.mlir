// RUN: quant-opt %s --split-input-file --mpq-lower-block-products --canonicalize --mlir-print-local-scope | FileCheck %s

// Activations stay float; all zero points are 8.
// CHECK-LABEL: func.func @float(
// CHECK-SAME: %[[X:.*]]: tensor<2x64xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<5> : tensor<64x3xi4>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<{{.*}}> : tensor<2x3xf32>
// CHECK: %[[Y:.*]] = mpq.block_contract ins(%[[X]], %[[W]] : tensor<2x64xf32>, tensor<64x3xi4>) scales(%[[S]] : tensor<2x3xf32>) outs(%{{.*}}) {bits = 4 : i64, block = 32 : i64, zero_point = 8 : i64}
// CHECK: return %[[Y]]
func.func @float(%x: tensor<2x64xf32>) -> tensor<2x3xf32> {
  %w = arith.constant dense<5> : tensor<64x3xi4>
  %s = arith.constant dense<[[0.5, 1.0, 2.0], [0.25, 4.0, 8.0]]> : tensor<2x3xf32>
  %z = arith.constant dense<-8> : tensor<2x3xi4>
  %zero = arith.constant 0.0 : f32
  %d = mpq.dequantize %w, %s, %z by affine_map<(d0, d1) -> (d0 floordiv 32, d1)> unsigned : tensor<64x3xi4>, tensor<2x3xf32>, tensor<2x3xi4> -> tensor<64x3xf32>
  %e = tensor.empty() : tensor<2x3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %y = linalg.matmul ins(%x, %d : tensor<2x64xf32>, tensor<64x3xf32>) outs(%f : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

// Activations that are quantized as the model runs: scales by a reduction over
// the blocks, signed integers, and a product of integers.
// CHECK-LABEL: func.func @dynamic(
// CHECK-SAME: %[[X:.*]]: tensor<2x64xf32>
// CHECK: %[[BLOCKS:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0], [1, 2]] output_shape [2, 2, 32]
// CHECK: %[[MAX:.*]] = linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[BLOCKS]]
// CHECK: math.absf
// CHECK: arith.maximumf
// CHECK: %[[T:.*]] = linalg.generic {{.*}} ins(%[[MAX]]
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[BLOCKS]], %[[T]]
// CHECK: mpq.quantize %{{.*}} {scaling = #mpq.scaling<multiply>} : f32, f32, i8 -> i8
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[Q]]
// CHECK: mpq.block_contract ins(%[[ROWS]], %{{.*}} : tensor<2x64xi8>, tensor<64x3xi4>) scales(%{{.*}}) lhs_scales(%[[T]] : tensor<2x2xf32>)
// CHECK-NOT: mpq.choose_params
func.func @dynamic(%x: tensor<2x64xf32>) -> tensor<2x3xf32> {
  %w = arith.constant dense<5> : tensor<64x3xi4>
  %s = arith.constant dense<0.5> : tensor<2x3xf32>
  %z = arith.constant dense<-8> : tensor<2x3xi4>
  %zero = arith.constant 0.0 : f32
  %t, %tz = mpq.choose_params %x by affine_map<(d0, d1) -> (d0, d1 floordiv 32)> : tensor<2x64xf32> -> tensor<2x2xf32>, tensor<2x2xi8>
  %q = mpq.quantize %x, %t, %tz by affine_map<(d0, d1) -> (d0, d1 floordiv 32)> {scaling = #mpq.scaling<multiply>} : tensor<2x64xf32>, tensor<2x2xf32>, tensor<2x2xi8> -> tensor<2x64xi8>
  %r = mpq.dequantize %q, %t, %tz by affine_map<(d0, d1) -> (d0, d1 floordiv 32)> : tensor<2x64xi8>, tensor<2x2xf32>, tensor<2x2xi8> -> tensor<2x64xf32>
  %d = mpq.dequantize %w, %s, %z by affine_map<(d0, d1) -> (d0 floordiv 32, d1)> unsigned : tensor<64x3xi4>, tensor<2x3xf32>, tensor<2x3xi4> -> tensor<64x3xf32>
  %e = tensor.empty() : tensor<2x3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %y = linalg.matmul ins(%r, %d : tensor<2x64xf32>, tensor<64x3xf32>) outs(%f : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

// One scale for a row serves all blocks of the weights, rows are filled up to
// whole blocks, weights may be transposed and signed: 2 is 10 of unsigned ones,
// with zero points of their own where those differ. What the sum starts from is
// added behind.
// CHECK-LABEL: func.func @shapes(
// CHECK-DAG: %[[W:.*]] = arith.constant dense_resource<{{.*}}> : tensor<64x2xi4>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<{{\[\[}}-8, -7], [-8, -8]]> : tensor<2x2xi4>
// CHECK: tensor.pad %{{.*}} low[0, 0] high[0, 24]
// CHECK: %[[ONE:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, 0)>
// CHECK: %[[Y:.*]] = mpq.block_contract ins(%{{.*}}, %[[W]] : tensor<3x64xi8>, tensor<64x2xi4>) scales(%{{.*}}) zero_points(%[[Z]] : tensor<2x2xi4>) lhs_scales(%[[ONE]] : tensor<3x2xf32>) outs(%{{.*}}) {bits = 4 : i64, block = 32 : i64}
// CHECK: linalg.generic {{.*}} ins(%[[Y]], %{{.*}} : tensor<3x2xf32>, tensor<3x2xf32>)
// CHECK: arith.addf
func.func @shapes(%x: tensor<3x40xf32>, %start: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<2> : tensor<2x40xi4>
  %s = arith.constant dense<0.5> : tensor<2x2xf32>
  %z = arith.constant dense<[[0, 0], [1, 0]]> : tensor<2x2xi4>
  %t, %tz = mpq.choose_params %x by affine_map<(d0, d1) -> (d0)> : tensor<3x40xf32> -> tensor<3xf32>, tensor<3xi8>
  %q = mpq.quantize %x, %t, %tz by affine_map<(d0, d1) -> (d0)> : tensor<3x40xf32>, tensor<3xf32>, tensor<3xi8> -> tensor<3x40xi8>
  %r = mpq.dequantize %q, %t, %tz by affine_map<(d0, d1) -> (d0)> : tensor<3x40xi8>, tensor<3xf32>, tensor<3xi8> -> tensor<3x40xf32>
  %d = mpq.dequantize %w, %s, %z by affine_map<(d0, d1) -> (d0, d1 floordiv 32)> : tensor<2x40xi4>, tensor<2x2xf32>, tensor<2x2xi4> -> tensor<2x40xf32>
  %e = tensor.empty() : tensor<40x2xf32>
  %wt = linalg.transpose ins(%d : tensor<2x40xf32>) outs(%e : tensor<40x2xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%r, %wt : tensor<3x40xf32>, tensor<40x2xf32>) outs(%start : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// Parameters that no product takes are computed, in any case.
// CHECK-LABEL: func.func @parameters(
// CHECK: linalg.generic {{.*}}["parallel", "reduction"]
// CHECK: arith.mulf
// CHECK: arith.maximumf
func.func @parameters(%x: tensor<4x10xf32>) -> (tensor<4xf32>, tensor<4xi8>) {
  %t, %z = mpq.choose_params %x by affine_map<(d0, d1) -> (d0)> : tensor<4x10xf32> -> tensor<4xf32>, tensor<4xi8>
  return %t, %z : tensor<4xf32>, tensor<4xi8>
}

// -----

// Static activations and a scale for each column are not for this pass, and
// blocks of 6 are for none.
// CHECK-LABEL: func.func @others(
// CHECK-NOT: mpq.block_contract
func.func @others(%q: tensor<2x12xi8>, %x: tensor<2x12xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %w = arith.constant dense<5> : tensor<12x3xi4>
  %s = arith.constant dense<0.5> : tensor<3xf32>
  %z = arith.constant dense<0> : tensor<3xi4>
  %s2 = arith.constant dense<0.5> : tensor<2x3xf32>
  %z2 = arith.constant dense<0> : tensor<2x3xi4>
  %t = arith.constant dense<0.5> : tensor<f32>
  %tz = arith.constant dense<7> : tensor<i8>
  %zero = arith.constant 0.0 : f32
  %r = mpq.dequantize %q, %t, %tz by affine_map<(d0, d1) -> ()> unsigned : tensor<2x12xi8>, tensor<f32>, tensor<i8> -> tensor<2x12xf32>
  %d = mpq.dequantize %w, %s, %z by affine_map<(d0, d1) -> (d1)> : tensor<12x3xi4>, tensor<3xf32>, tensor<3xi4> -> tensor<12x3xf32>
  %b = mpq.dequantize %w, %s2, %z2 by affine_map<(d0, d1) -> (d0 floordiv 6, d1)> : tensor<12x3xi4>, tensor<2x3xf32>, tensor<2x3xi4> -> tensor<12x3xf32>
  %e = tensor.empty() : tensor<2x3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %y = linalg.matmul ins(%r, %d : tensor<2x12xf32>, tensor<12x3xf32>) outs(%f : tensor<2x3xf32>) -> tensor<2x3xf32>
  %v = linalg.matmul ins(%x, %b : tensor<2x12xf32>, tensor<12x3xf32>) outs(%f : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y, %v : tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// Codes of floats: those of 1, 2, 4 and -1 are bytes here, with one scale for each column; rows that a product of
// integers left quantized stay float.
// CHECK-LABEL: func.func @codes(
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}56, 64], [72, -72], [56, 56], [56, 56]]> : tensor<4x2xi8>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<{{\[\[}}5.000000e-01, 3.000000e+00]]> : tensor<1x2xf32>
// CHECK: %[[X:.*]] = mpq.dequantize
// CHECK: mpq.block_contract ins(%[[X]], %[[W]] : tensor<3x4xf32>, tensor<4x2xi8>) scales(%[[S]] : tensor<1x2xf32>) outs(%{{.*}}) {bits = 8 : i64, block = 4 : i64, format = f8E4M3FN}
func.func @codes(%q: tensor<3x4xi8>) -> tensor<3x2xf32> {
  %sx = arith.constant dense<0.5> : tensor<f32>
  %zx = arith.constant dense<3> : tensor<i8>
  %x = mpq.dequantize %q, %sx, %zx by affine_map<(d0, d1) -> ()> unsigned : tensor<3x4xi8>, tensor<f32>, tensor<i8> -> tensor<3x4xf32>
  %w = arith.constant dense<[[1.0, 2.0], [4.0, -1.0], [1.0, 1.0], [1.0, 1.0]]> : tensor<4x2xf8E4M3FN>
  %s = arith.constant dense<[0.5, 3.0]> : tensor<2xf32>
  %z = arith.constant dense<0.0> : tensor<2xf8E4M3FN>
  %d = mpq.dequantize %w, %s, %z by affine_map<(d0, d1) -> (d1)> : tensor<4x2xf8E4M3FN>, tensor<2xf32>, tensor<2xf8E4M3FN> -> tensor<4x2xf32>
  %i = arith.constant dense<0.0> : tensor<3x2xf32>
  %y = linalg.matmul ins(%x, %d : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// What is no product, or no number, becomes f32.
// CHECK-LABEL: func.func @no_product(
// CHECK-DAG: %[[A:.*]] = arith.constant dense<{{\[\[}}5.000000e-01, 1.200000e+01]]> : tensor<1x2xf32>
// CHECK-DAG: %[[N:.*]] = arith.constant dense<{{\[\[}}0x7FC00000], [1.000000e+00], [1.000000e+00], [1.000000e+00]]> : tensor<4x1xf32>
// CHECK: linalg.matmul ins(%{{.*}}, %[[N]]
// CHECK: return %{{.*}}, %[[A]]
func.func @no_product(%x: tensor<3x4xf32>) -> (tensor<3x1xf32>, tensor<1x2xf32>) {
  %a = arith.constant dense<[[1.0, 6.0]]> : tensor<1x2xf4E2M1FN>
  %as = arith.constant dense<[0.5, 2.0]> : tensor<2xf32>
  %az = arith.constant dense<0.0> : tensor<2xf4E2M1FN>
  %ad = mpq.dequantize %a, %as, %az by affine_map<(d0, d1) -> (d1)> : tensor<1x2xf4E2M1FN>, tensor<2xf32>, tensor<2xf4E2M1FN> -> tensor<1x2xf32>
  %w = arith.constant dense<[[0x7F], [1.0], [1.0], [1.0]]> : tensor<4x1xf8E4M3FN>
  %s = arith.constant dense<1.0> : tensor<1x1xf32>
  %z = arith.constant dense<0.0> : tensor<1x1xf8E4M3FN>
  %d = mpq.dequantize %w, %s, %z by affine_map<(d0, d1) -> (d0 floordiv 32, d1)> : tensor<4x1xf8E4M3FN>, tensor<1x1xf32>, tensor<1x1xf8E4M3FN> -> tensor<4x1xf32>
  %i = arith.constant dense<0.0> : tensor<3x1xf32>
  %y = linalg.matmul ins(%x, %d : tensor<3x4xf32>, tensor<4x1xf32>) outs(%i : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %y, %ad : tensor<3x1xf32>, tensor<1x2xf32>
}
