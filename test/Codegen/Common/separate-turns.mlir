// RUN: quant-opt %s --split-input-file --mpq-separate-turns --canonicalize --mlir-print-local-scope | FileCheck %s
// RUN: quant-opt %s --split-input-file --mpq-separate-turns --mpq-form-kernels --canonicalize --mlir-print-local-scope | FileCheck %s --check-prefix=KERNEL

// An image comes in NCHW and is collapsed for the product; the result goes in
// NCHW, with one dimension that the product lacks. The epilogue is computed in
// the product's order, the image is turned in its shape there.
// CHECK-LABEL: func.func @edges(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x64x64x64xf32>, %[[S:[a-z0-9]+]]: tensor<1x64xf32>)
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[X]] {{\[}}[0, 1], [2, 3]] : tensor<1x64x64x64xf32> into tensor<64x4096xf32>
// CHECK: %[[IMAGE:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>]{{.*}} ins(%[[FLAT]] : tensor<64x4096xf32>) outs(%{{.*}} : tensor<4096x64xf32>)
// CHECK: %[[P:.*]] = mpq.contract ins(%[[IMAGE]],
// CHECK: %[[E:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]{{.*}} ins(%[[P]], %[[S]] : tensor<4096x64xf32>, tensor<1x64xf32>)
// CHECK: arith.mulf
// CHECK: %[[T:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>]{{.*}} ins(%[[E]] : tensor<4096x64xf32>) outs(%{{.*}} : tensor<64x4096xf32>)
// CHECK-NEXT: ^bb0(%[[IN:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: linalg.yield %[[IN]]
// CHECK: tensor.expand_shape %[[T]] {{\[}}[0, 1], [2]] output_shape [1, 64, 4096]

// All that is one kernel.
// KERNEL: func.func private @kernel_0(%{{[a-z0-9]+}}: tensor<64x4096xf32>,
// KERNEL-SAME: %[[D:[a-z0-9]+]]: tensor<64x4096xf32>, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index)
// KERNEL: linalg.generic
// KERNEL: mpq.contract
// KERNEL: arith.mulf
// KERNEL: linalg.generic {{.*}} outs(%[[D]] : tensor<64x4096xf32>)
// KERNEL-LABEL: func.func @edges(
// KERNEL-COUNT-1: call @kernel
// KERNEL-NOT: call
func.func @edges(%x: tensor<1x64x64x64xf32>, %s: tensor<1x64xf32>) -> tensor<1x64x4096xf32> {
  %w = arith.constant dense<0.5> : tensor<4x64x16xf32>
  %e0 = tensor.empty() : tensor<1x64x64x64xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, c, h, w)>, affine_map<(n, h, w, c) -> (n, h, w, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x64x64x64xf32>) outs(%e0 : tensor<1x64x64x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<1x64x64x64xf32>
  %rows = tensor.collapse_shape %t [[0, 1, 2], [3]] : tensor<1x64x64x64xf32> into tensor<4096x64xf32>
  %e1 = tensor.empty() : tensor<4096x64xf32>
  %p = mpq.contract ins(%rows, %w : tensor<4096x64xf32>, tensor<4x64x16xf32>) outs(%e1 : tensor<4096x64xf32>) -> tensor<4096x64xf32>
  %e2 = tensor.empty() : tensor<1x64x4096xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, c, p) -> (p, c)>, affine_map<(n, c, p) -> (n, c)>, affine_map<(n, c, p) -> (n, c, p)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p, %s : tensor<4096x64xf32>, tensor<1x64xf32>) outs(%e2 : tensor<1x64x4096xf32>) {
  ^bb0(%in: f32, %scale: f32, %out: f32):
    %m = arith.mulf %in, %scale : f32
    linalg.yield %m : f32
  } -> tensor<1x64x4096xf32>
  return %r : tensor<1x64x4096xf32>
}

// -----

// A result that is only turned has a dimension that the product lacks: it
// comes as a view behind the kernel, whose loops are the product's.
// CHECK-LABEL: func.func @unit(
// CHECK: %[[P:.*]] = mpq.contract
// CHECK-NEXT: tensor.empty() : tensor<64x4096xf32>
// CHECK-NEXT: %[[T:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>]{{.*}} ins(%[[P]] :
// CHECK: tensor.expand_shape %[[T]] {{\[}}[0, 1], [2]] output_shape [1, 64, 4096]
// KERNEL: func.func private @kernel_0({{.*}}tensor<64x4096xf32>, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index) -> tensor<64x4096xf32>
// KERNEL-LABEL: func.func @unit(
func.func @unit(%x: tensor<4096x64xf32>) -> tensor<1x64x4096xf32> {
  %w = arith.constant dense<0.5> : tensor<4x64x16xf32>
  %e1 = tensor.empty() : tensor<4096x64xf32>
  %p = mpq.contract ins(%x, %w : tensor<4096x64xf32>, tensor<4x64x16xf32>) outs(%e1 : tensor<4096x64xf32>) -> tensor<4096x64xf32>
  %e2 = tensor.empty() : tensor<1x64x4096xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, c, p) -> (p, c)>, affine_map<(n, c, p) -> (n, c, p)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p : tensor<4096x64xf32>) outs(%e2 : tensor<1x64x4096xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<1x64x4096xf32>
  return %r : tensor<1x64x4096xf32>
}

// -----

// What is small is turned as it is, by a kernel of its own: the product leaves
// it in the first-level cache.
// CHECK-LABEL: func.func @small(
// CHECK: mpq.contract
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>
// CHECK: arith.maximumf
// CHECK-NOT: linalg.generic
// KERNEL-LABEL: func.func @small(
// KERNEL-COUNT-2: call @kernel
func.func @small(%x: tensor<128x64xf32>) -> tensor<64x128xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<4x64x16xf32>
  %e1 = tensor.empty() : tensor<128x64xf32>
  %p = mpq.contract ins(%x, %w : tensor<128x64xf32>, tensor<4x64x16xf32>) outs(%e1 : tensor<128x64xf32>) -> tensor<128x64xf32>
  %e2 = tensor.empty() : tensor<64x128xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(c, p) -> (p, c)>, affine_map<(c, p) -> (c, p)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<128x64xf32>) outs(%e2 : tensor<64x128xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<64x128xf32>
  return %r : tensor<64x128xf32>
}

// -----

// Pixels that another product has rearranged already have their channels
// innermost: nothing is turned.
// CHECK-LABEL: func.func @same(
// CHECK: mpq.contract
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d0, d2)>
// CHECK: arith.maximumf
// CHECK-NOT: linalg.generic
func.func @same(%x: tensor<64x64x64xf32>) -> tensor<64x64x64xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<64x4x64x16xf32>
  %e1 = tensor.empty() : tensor<64x64x64xf32>
  %p = mpq.contract ins(%x, %w : tensor<64x64x64xf32>, tensor<64x4x64x16xf32>) outs(%e1 : tensor<64x64x64xf32>) -> tensor<64x64x64xf32>
  %e2 = tensor.empty() : tensor<64x64x64xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (b, a, c)>, affine_map<(a, b, c) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p : tensor<64x64x64xf32>) outs(%e2 : tensor<64x64x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<64x64x64xf32>
  return %r : tensor<64x64x64xf32>
}
