// Results of integer products that wait in memory for readers that are no products.
// RUN: echo '{"stored": "int8"}' > %t.int8
// RUN: echo '{"stored": "f32"}' > %t.f32
// RUN: quant-opt %s --split-input-file --mpq-assign-storage=recipe=%t.int8 | FileCheck %s
// RUN: quant-opt %s --split-input-file --mpq-assign-storage=recipe=%t.f32 | FileCheck %s --check-prefix=OFF
// RUN: quant-opt %s --split-input-file --mpq-assign-storage | FileCheck %s --check-prefix=OFF
// OFF-NOT: mpq.stored

// Both sides of an addition are products: the first one waits, at the end of what is computed with it; the second one is
// added in registers. What the function returns is not touched.
// CHECK-LABEL: @shortcut
// CHECK: linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.ranges
// CHECK: %[[RELU:.*]] = linalg.generic {{.*}} attrs = {mpq.ranges = {{.*}}, mpq.stored = #mpq.precision<int8>}
// CHECK-NOT: mpq.stored
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @shortcut(%x: tensor<128x64xf32>, %y: tensor<128x64xf32>, %w: tensor<64x64xf32>) -> tensor<128x64xf32> {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128x64xf32>
  %zeros = linalg.fill ins(%c0 : f32) outs(%e : tensor<128x64xf32>) -> tensor<128x64xf32>
  %a = linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.ranges = [#mpq.range<-1.0, 1.0, calibration>]}
      ins(%x, %w : tensor<128x64xf32>, tensor<64x64xf32>) outs(%zeros : tensor<128x64xf32>) -> tensor<128x64xf32>
  %relu = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<128x64xf32>) outs(%e : tensor<128x64xf32>) attrs = {mpq.ranges = [#mpq.range<0.0, 1.0, calibration>]} {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %c0 : f32
    linalg.yield %m : f32
  } -> tensor<128x64xf32>
  %b = linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.ranges = [#mpq.range<-1.0, 1.0, calibration>]}
      ins(%y, %w : tensor<128x64xf32>, tensor<64x64xf32>) outs(%zeros : tensor<128x64xf32>) -> tensor<128x64xf32>
  %sum = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%relu, %b : tensor<128x64xf32>, tensor<128x64xf32>) outs(%e : tensor<128x64xf32>) {
  ^bb0(%in: f32, %in2: f32, %out: f32):
    %s = arith.addf %in, %in2 : f32
    linalg.yield %s : f32
  } -> tensor<128x64xf32>
  return %sum : tensor<128x64xf32>
}

// -----

// A pool and a gate read the same result.
// CHECK-LABEL: @gate
// CHECK: linalg.matmul {{{.*}}mpq.stored = #mpq.precision<int8>}
// CHECK-NOT: mpq.stored
#id = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>
func.func @gate(%x: tensor<128x64xf32>, %w: tensor<64x64xf32>) -> tensor<128x64xf32> {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128x64xf32>
  %zeros = linalg.fill ins(%c0 : f32) outs(%e : tensor<128x64xf32>) -> tensor<128x64xf32>
  %a = linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.ranges = [#mpq.range<-1.0, 1.0, calibration>]}
      ins(%x, %w : tensor<128x64xf32>, tensor<64x64xf32>) outs(%zeros : tensor<128x64xf32>) -> tensor<128x64xf32>
  %sums = tensor.empty() : tensor<64xf32>
  %none = linalg.fill ins(%c0 : f32) outs(%sums : tensor<64xf32>) -> tensor<64xf32>
  %pool = linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
      ins(%a : tensor<128x64xf32>) outs(%none : tensor<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %in, %out : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %gated = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %pool : tensor<128x64xf32>, tensor<64xf32>) outs(%e : tensor<128x64xf32>) {
  ^bb0(%in: f32, %gate: f32, %out: f32):
    %s = arith.mulf %in, %gate : f32
    linalg.yield %s : f32
  } -> tensor<128x64xf32>
  return %gated : tensor<128x64xf32>
}

// -----

// Left alone: what an integer product reads (it is quantized for it), what one in float reads, what has no range, and what
// is small.
// CHECK-LABEL: @others
// CHECK-NOT: mpq.stored
#id = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>
func.func @others(%x: tensor<128x64xf32>, %z: tensor<8x64xf32>, %w: tensor<64x64xf32>)
    -> (tensor<128x64xf32>, tensor<128x64xf32>, tensor<64xf32>, tensor<64xf32>) {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128x64xf32>
  %zeros = linalg.fill ins(%c0 : f32) outs(%e : tensor<128x64xf32>) -> tensor<128x64xf32>
  %few = tensor.empty() : tensor<8x64xf32>
  %fewZeros = linalg.fill ins(%c0 : f32) outs(%few : tensor<8x64xf32>) -> tensor<8x64xf32>
  %sums = tensor.empty() : tensor<64xf32>
  %none = linalg.fill ins(%c0 : f32) outs(%sums : tensor<64xf32>) -> tensor<64xf32>
  %a = linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.ranges = [#mpq.range<-1.0, 1.0, calibration>]}
      ins(%x, %w : tensor<128x64xf32>, tensor<64x64xf32>) outs(%zeros : tensor<128x64xf32>) -> tensor<128x64xf32>
  %b = linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.ranges = [#mpq.range<-1.0, 1.0, calibration>]}
      ins(%a, %w : tensor<128x64xf32>, tensor<64x64xf32>) outs(%zeros : tensor<128x64xf32>) -> tensor<128x64xf32>
  %c = linalg.matmul {mpq.precision = #mpq.precision<f32, "test">}
      ins(%b, %w : tensor<128x64xf32>, tensor<64x64xf32>) outs(%zeros : tensor<128x64xf32>) -> tensor<128x64xf32>
  %d = linalg.matmul {mpq.precision = #mpq.precision<int8>}
      ins(%x, %w : tensor<128x64xf32>, tensor<64x64xf32>) outs(%zeros : tensor<128x64xf32>) -> tensor<128x64xf32>
  %pool = linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
      ins(%d : tensor<128x64xf32>) outs(%none : tensor<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %in, %out : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %f = linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.ranges = [#mpq.range<-1.0, 1.0, calibration>]}
      ins(%z, %w : tensor<8x64xf32>, tensor<64x64xf32>) outs(%fewZeros : tensor<8x64xf32>) -> tensor<8x64xf32>
  %pool2 = linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
      ins(%f : tensor<8x64xf32>) outs(%none : tensor<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %in, %out : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  return %b, %c, %pool, %pool2 : tensor<128x64xf32>, tensor<128x64xf32>, tensor<64xf32>, tensor<64xf32>
}
