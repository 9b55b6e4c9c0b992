// Images of 256 KiB are reduced row by row.
// RUN: quant-opt %s --mpq-split-reductions --split-input-file --mlir-print-local-scope | FileCheck %s
// RUN: quant-opt %s --mpq-split-reductions --split-input-file | FileCheck %s --check-prefix=COUNT

// CHECK-LABEL: @mean(
// CHECK-SAME: %[[X:.*]]: tensor<2x64x32x32xf32>
// CHECK-DAG: %[[INIT:.*]] = arith.constant dense<1.000000e+00> : tensor<2x32xf32>
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.0
// CHECK: %[[E:.*]] = tensor.empty() : tensor<2x64x32xf32>
// CHECK: %[[F:.*]] = linalg.fill ins(%[[ZERO]] : f32) outs(%[[E]]
// CHECK: %[[R:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>], iterator_types = ["parallel", "parallel", "reduction", "parallel"]}
// CHECK-SAME: ins(%[[X]] : {{.*}} outs(%[[F]] :
// CHECK: arith.addf %out, %in
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>], iterator_types = ["parallel", "reduction", "parallel"]}
// CHECK-SAME: ins(%[[R]] : {{.*}} outs(%[[INIT]] : {{.*}} attrs =  {mpq.name = "sum"}
// CHECK: arith.addf %out, %in
func.func @mean(%x: tensor<2x64x32x32xf32>) -> tensor<2x32xf32> {
  %init = arith.constant dense<1.0> : tensor<2x32xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, c)>], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
      ins(%x : tensor<2x64x32x32xf32>) outs(%init : tensor<2x32xf32>) attrs = {mpq.name = "sum"} {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  } -> tensor<2x32xf32>
  return %r : tensor<2x32xf32>
}

// -----

// A maximum of bytes starts from the smallest.
// CHECK-LABEL: @maximum(
// CHECK: %[[LEAST:.*]] = arith.constant -128 : i8
// CHECK: linalg.fill ins(%[[LEAST]] : i8)
// COUNT-LABEL: @maximum(
// COUNT-COUNT-2: linalg.generic
func.func @maximum(%x: tensor<1x128x64x32xi8>, %init: tensor<1x32xi8>) -> tensor<1x32xi8> {
  %r = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, c)>], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
      ins(%x : tensor<1x128x64x32xi8>) outs(%init : tensor<1x32xi8>) {
  ^bb0(%in: i8, %out: i8):
    %s = arith.maxsi %in, %out : i8
    linalg.yield %s : i8
  } -> tensor<1x32xi8>
  return %r : tensor<1x32xi8>
}

// -----

// Small images, however many, one row, channels outside, a body that does more, and a
// combination whose partial results cannot be combined stay.
// COUNT-LABEL: @stay(
// COUNT-COUNT-5: linalg.generic
// COUNT-NOT: linalg.generic
func.func @stay(%small: tensor<4x32x32x32xf32>, %row: tensor<1x1x2048x32xf32>, %outside: tensor<32x64x32xf32>, %large: tensor<64x32x32xf32>, %init: tensor<1x32xf32>, %four: tensor<4x32xf32>, %vector: tensor<32xf32>)
    -> (tensor<4x32xf32>, tensor<1x32xf32>, tensor<32xf32>, tensor<32xf32>, tensor<32xf32>) {
  %0 = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, c)>], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
      ins(%small : tensor<4x32x32x32xf32>) outs(%four : tensor<4x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  } -> tensor<4x32xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, c)>], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
      ins(%row : tensor<1x1x2048x32xf32>) outs(%init : tensor<1x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  } -> tensor<1x32xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(c, h, w) -> (c, h, w)>, affine_map<(c, h, w) -> (c)>], iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%outside : tensor<32x64x32xf32>) outs(%vector : tensor<32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  } -> tensor<32xf32>
  %3 = linalg.generic {indexing_maps = [affine_map<(h, w, c) -> (h, w, c)>, affine_map<(h, w, c) -> (c)>], iterator_types = ["reduction", "reduction", "parallel"]}
      ins(%large : tensor<64x32x32xf32>) outs(%vector : tensor<32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %p = arith.mulf %in, %in : f32
    %s = arith.addf %out, %p : f32
    linalg.yield %s : f32
  } -> tensor<32xf32>
  %4 = linalg.generic {indexing_maps = [affine_map<(h, w, c) -> (h, w, c)>, affine_map<(h, w, c) -> (c)>], iterator_types = ["reduction", "reduction", "parallel"]}
      ins(%large : tensor<64x32x32xf32>) outs(%vector : tensor<32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.subf %out, %in : f32
    linalg.yield %s : f32
  } -> tensor<32xf32>
  return %0, %1, %2, %3, %4 : tensor<4x32xf32>, tensor<1x32xf32>, tensor<32xf32>, tensor<32xf32>, tensor<32xf32>
}
