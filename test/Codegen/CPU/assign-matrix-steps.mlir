// Which products of bf16 have the order of a matrix unit, and in what steps; and
// that packing makes their factors narrow.
// RUN: quant-opt %s --split-input-file --mpq-assign-matrix-steps | FileCheck %s
// RUN: quant-opt %s --split-input-file --mpq-assign-matrix-steps --mpq-pack-products --canonicalize | FileCheck %s --check-prefix=PACKED

#id = affine_map<(d0, d1) -> (d0, d1)>
#amx = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+amx-bf16,+amx-tile,+avx512bw,+avx512f,+avx512vl">
module attributes {mpq.target = #amx} {
  // 96 are three steps of 32; 67 has no equal steps of whole pairs.
  // CHECK-LABEL: func.func @steps
  // CHECK: linalg.matmul {mpq.matrix_step = 32 : i64}
  // CHECK: linalg.matmul ins
  // PACKED-LABEL: func.func @steps
  // PACKED: %[[N:.*]] = linalg.generic
  // PACKED: arith.truncf %{{.*}} : f32 to bf16
  // PACKED-NEXT: linalg.yield {{.*}} : bf16
  // PACKED: mpq.contract ins(%[[N]], %{{.*}} : tensor<3x96xbf16>, tensor<1x48x32xbf16>) outs({{.*}}) {step = 32 : i64}
  // PACKED: mpq.contract ins(%{{.*}} : tensor<3x67xf32>, tensor<1x67x16xbf16>) outs({{.*}}) ->
  func.func @steps(%x: tensor<3x96xf32>, %y: tensor<3x67xf32>) -> (tensor<3x8xf32>, tensor<3x8xf32>) {
    %zero = arith.constant 0.0 : f32
    %w = arith.constant dense<0.5> : tensor<96x8xbf16>
    %v = arith.constant dense<0.5> : tensor<67x8xbf16>
    %ww = arith.extf %w : tensor<96x8xbf16> to tensor<96x8xf32>
    %vw = arith.extf %v : tensor<67x8xbf16> to tensor<67x8xf32>
    %e = tensor.empty() : tensor<3x8xf32>
    %i = linalg.fill ins(%zero : f32) outs(%e : tensor<3x8xf32>) -> tensor<3x8xf32>
    %xe = tensor.empty() : tensor<3x96xf32>
    %xr = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<3x96xf32>) outs(%xe : tensor<3x96xf32>) {
    ^bb0(%in: f32, %out: f32):
      %n = arith.truncf %in : f32 to bf16
      %f = arith.extf %n : bf16 to f32
      linalg.yield %f : f32
    } -> tensor<3x96xf32>
    %ye = tensor.empty() : tensor<3x67xf32>
    %yr = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<3x67xf32>) outs(%ye : tensor<3x67xf32>) {
    ^bb0(%in: f32, %out: f32):
      %n = arith.truncf %in : f32 to bf16
      %f = arith.extf %n : bf16 to f32
      linalg.yield %f : f32
    } -> tensor<3x67xf32>
    %p = linalg.matmul ins(%xr, %ww : tensor<3x96xf32>, tensor<96x8xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
    %q = linalg.matmul ins(%yr, %vw : tensor<3x67xf32>, tensor<67x8xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
    return %p, %q : tensor<3x8xf32>, tensor<3x8xf32>
  }

  // A factor that was not rounded: no.
  // CHECK-LABEL: func.func @exact
  // CHECK: linalg.matmul ins
  // PACKED-LABEL: func.func @exact
  // PACKED: mpq.contract ins(%{{.*}} : tensor<3x96xf32>, tensor<1x96x16xbf16>)
  func.func @exact(%x: tensor<3x96xf32>) -> tensor<3x8xf32> {
    %zero = arith.constant 0.0 : f32
    %w = arith.constant dense<0.5> : tensor<96x8xbf16>
    %ww = arith.extf %w : tensor<96x8xbf16> to tensor<96x8xf32>
    %e = tensor.empty() : tensor<3x8xf32>
    %i = linalg.fill ins(%zero : f32) outs(%e : tensor<3x8xf32>) -> tensor<3x8xf32>
    %p = linalg.matmul ins(%x, %ww : tensor<3x96xf32>, tensor<96x8xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
    return %p : tensor<3x8xf32>
  }
}

// -----

// Another target takes the order away.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "+avx2">} {
  // CHECK-LABEL: func.func @other
  // CHECK: linalg.matmul ins
  // PACKED-LABEL: func.func @other
  func.func @other(%a: tensor<3x8xf32>, %b: tensor<8x8xf32>, %i: tensor<3x8xf32>) -> tensor<3x8xf32> {
    %p = linalg.matmul {mpq.matrix_step = 32 : i64} ins(%a, %b : tensor<3x8xf32>, tensor<8x8xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
    return %p : tensor<3x8xf32>
  }
}
