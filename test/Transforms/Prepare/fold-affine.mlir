// RUN: quant-opt %s --mpq-fold-affine --mlir-print-local-scope --split-input-file | FileCheck %s
// RUN: %python %S/Inputs/compare.py %s %t --mpq-fold-affine
// RUN: %python %S/Inputs/compare.py %s %t --mpq-prepare-pipeline
// RUN: quant-opt %s --mpq-fold-affine --mlir-print-local-scope --mlir-print-debuginfo --split-input-file | FileCheck %s --check-prefix=LOC

// Bias, then (x - mean) / sqrt(variance + 0.75) * 3: scales 1.5 and 3,
// shifts (1 - 2) * 1.5 = -1.5 and (4 - 2) * 3 = 6.
// CHECK-LABEL: func @batch_norm
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[\[}}1.500000e+00, 6.000000e+00]]]]> : tensor<1x1x1x2xf32>
// CHECK-DAG: %[[B:.*]] = arith.constant dense<[-1.500000e+00, 6.000000e+00]> : tensor<2xf32>
// CHECK: %[[I:.*]] = linalg.broadcast ins(%[[B]] : tensor<2xf32>) {{.*}} dimensions = [0, 1, 2]
// CHECK: %[[R:.*]] = linalg.conv_2d_nhwc_hwcf {{.*}}ins(%arg0, %[[W]] : {{.*}}) outs(%[[I]] : tensor<1x4x4x2xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return %[[R]]
// LOC: linalg.conv_2d_nhwc_hwcf {{.*}} loc("bn_out")
func.func @batch_norm(%x: tensor<1x4x4x1xf32>) -> tensor<1x4x4x2xf32> {
  %w = arith.constant dense<[[[[1.0, 2.0]]]]> : tensor<1x1x1x2xf32>
  %b = arith.constant dense<[1.0, 4.0]> : tensor<2xf32>
  %mean = arith.constant dense<2.0> : tensor<2xf32>
  %variance = arith.constant dense<[[[3.25]], [[0.25]]]> : tensor<2x1x1xf32>
  %epsilon = arith.constant 0.75 : f32
  %three = arith.constant 3.0 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x4x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %c = linalg.conv_2d_nhwc_hwcf ins(%x, %w : tensor<1x4x4x1xf32>, tensor<1x1x1x2xf32>) outs(%i : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32> loc("conv_out")
  %a = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%b, %c : tensor<2xf32>, tensor<1x4x4x2xf32>) outs(%e : tensor<1x4x4x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.addf %p, %q : f32
    linalg.yield %0 : f32
  } -> tensor<1x4x4x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (c)>, affine_map<(n, h, w, c) -> (c, 0, 0)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%a, %mean, %variance : tensor<1x4x4x2xf32>, tensor<2xf32>, tensor<2x1x1xf32>) outs(%e : tensor<1x4x4x2xf32>) {
  ^bb0(%p: f32, %m: f32, %v: f32, %o: f32):
    %0 = arith.subf %p, %m : f32
    %1 = arith.addf %v, %epsilon : f32
    %2 = math.sqrt %1 : f32
    %3 = arith.divf %0, %2 : f32
    %4 = arith.mulf %three, %3 : f32
    linalg.yield %4 : f32
  } -> tensor<1x4x4x2xf32> loc("bn_out")
  return %r : tensor<1x4x4x2xf32>
}

// -----

// A bias behind the reshape of a matrix product. The reshape computes the
// folded value, the product helps.
// CHECK-LABEL: func @matmul_bias
// CHECK: %[[B:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00]>
// CHECK: linalg.broadcast ins(%[[B]] : tensor<2xf32>) outs({{.*}} : tensor<6x2xf32>) dimensions = [0]
// CHECK: linalg.matmul
// CHECK: %[[R:.*]] = tensor.expand_shape
// CHECK-NOT: linalg.generic
// CHECK: return %[[R]]
// LOC: linalg.matmul {{.*}} loc("sum#product")
// LOC: tensor.expand_shape {{.*}} loc("sum")
func.func @matmul_bias(%x: tensor<6x4xf32>, %w: tensor<4x2xf32>) -> tensor<2x3x2xf32> {
  %b = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<6x2xf32>) -> tensor<6x2xf32>
  %c = linalg.matmul ins(%x, %w : tensor<6x4xf32>, tensor<4x2xf32>) outs(%i : tensor<6x2xf32>) -> tensor<6x2xf32> loc("product#0")
  %v = tensor.expand_shape %c [[0, 1], [2]] output_shape [2, 3, 2] : tensor<6x2xf32> into tensor<2x3x2xf32> loc("product")
  %e2 = tensor.empty() : tensor<2x3x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (c)>, affine_map<(a, b, c) -> (a, b, c)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%v, %b : tensor<2x3x2xf32>, tensor<2xf32>) outs(%e2 : tensor<2x3x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.addf %p, %q : f32
    linalg.yield %0 : f32
  } -> tensor<2x3x2xf32> loc("sum")
  return %r : tensor<2x3x2xf32>
}

// -----

// Channels of a pixel rearrangement: each bias serves the columns of its pixels.
// CHECK-LABEL: func @rearranged
// CHECK: arith.constant dense<[1.000000e+00, 1.000000e+00, 2.000000e+00, 2.000000e+00]> : tensor<4xf32>
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @rearranged(%x: tensor<6x4xf32>, %w: tensor<4x4xf32>) -> tensor<2x6x2xf32> {
  %b = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<6x4xf32>) -> tensor<6x4xf32>
  %c = linalg.matmul ins(%x, %w : tensor<6x4xf32>, tensor<4x4xf32>) outs(%i : tensor<6x4xf32>) -> tensor<6x4xf32>
  %v = tensor.expand_shape %c [[0, 1], [2, 3]] output_shape [2, 3, 2, 2] : tensor<6x4xf32> into tensor<2x3x2x2xf32>
  %e1 = tensor.empty() : tensor<2x3x2x2xf32>
  %t = linalg.transpose ins(%v : tensor<2x3x2x2xf32>) outs(%e1 : tensor<2x3x2x2xf32>) permutation = [0, 1, 3, 2]
  %k = tensor.collapse_shape %t [[0], [1, 2], [3]] : tensor<2x3x2x2xf32> into tensor<2x6x2xf32>
  %e2 = tensor.empty() : tensor<2x6x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (c)>, affine_map<(a, b, c) -> (a, b, c)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%k, %b : tensor<2x6x2xf32>, tensor<2xf32>) outs(%e2 : tensor<2x6x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.addf %p, %q : f32
    linalg.yield %0 : f32
  } -> tensor<2x6x2xf32>
  return %r : tensor<2x6x2xf32>
}

// -----

// After an activation: two affine operations become one; padding stops its shift.
// CHECK-LABEL: func @before_padded
// CHECK: arith.maximumf
// CHECK: linalg.generic
// CHECK: arith.mulf {{.*}}
// CHECK: arith.addf {{.*}}
// CHECK-NOT: linalg.generic
// CHECK: tensor.pad
// CHECK: return
func.func @before_padded(%x: tensor<1x4x4x1xf32>) -> tensor<1x6x6x1xf32> {
  %w = arith.constant dense<2.0> : tensor<1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<1x4x4x1xf32>
  %relu = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x4x1xf32>) outs(%e : tensor<1x4x4x1xf32>) {
  ^bb0(%p: f32, %o: f32):
    %0 = arith.maximumf %p, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<1x4x4x1xf32>
  %mul = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%relu : tensor<1x4x4x1xf32>) outs(%e : tensor<1x4x4x1xf32>) {
  ^bb0(%p: f32, %o: f32):
    %0 = arith.mulf %p, %two : f32
    linalg.yield %0 : f32
  } -> tensor<1x4x4x1xf32>
  %add = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%mul : tensor<1x4x4x1xf32>) outs(%e : tensor<1x4x4x1xf32>) {
  ^bb0(%p: f32, %o: f32):
    %0 = arith.addf %p, %two : f32
    linalg.yield %0 : f32
  } -> tensor<1x4x4x1xf32>
  %pad = tensor.pad %add low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x1xf32> to tensor<1x6x6x1xf32>
  %e2 = tensor.empty() : tensor<1x6x6x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x6x6x1xf32>) -> tensor<1x6x6x1xf32>
  %r = linalg.depthwise_conv_2d_nhwc_hwc ins(%pad, %w : tensor<1x6x6x1xf32>, tensor<1x1x1xf32>) outs(%i : tensor<1x6x6x1xf32>) -> tensor<1x6x6x1xf32>
  return %r : tensor<1x6x6x1xf32>
}

// -----

// Without padding 0.5 * x + 2 goes into the next convolution:
// weights halved, bias 1 + 2 * (4 + 8) = 25.
// CHECK-LABEL: func @before
// CHECK-SAME: %[[X:.*]]: tensor<1x4x4x2xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[\[}}2.000000e+00], [4.000000e+00]]]]> : tensor<1x1x2x1xf32>
// CHECK-DAG: %[[B:.*]] = arith.constant 2.500000e+01 : f32
// CHECK: linalg.fill ins(%[[B]]
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}}ins(%[[X]], %[[W]]
func.func @before(%x: tensor<1x4x4x2xf32>) -> tensor<1x4x4x1xf32> {
  %w = arith.constant dense<[[[[4.0], [8.0]]]]> : tensor<1x1x2x1xf32>
  %half = arith.constant 0.5 : f32
  %two = arith.constant 2.0 : f32
  %one = arith.constant 1.0 : f32
  %e0 = tensor.empty() : tensor<1x4x4x2xf32>
  %e = tensor.empty() : tensor<1x4x4x1xf32>
  %mul = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x4x2xf32>) outs(%e0 : tensor<1x4x4x2xf32>) {
  ^bb0(%p: f32, %o: f32):
    %0 = arith.mulf %p, %half : f32
    %1 = arith.addf %0, %two : f32
    linalg.yield %1 : f32
  } -> tensor<1x4x4x2xf32>
  %i = linalg.fill ins(%one : f32) outs(%e : tensor<1x4x4x1xf32>) -> tensor<1x4x4x1xf32>
  %r = linalg.conv_2d_nhwc_hwcf ins(%mul, %w : tensor<1x4x4x2xf32>, tensor<1x1x2x1xf32>) outs(%i : tensor<1x4x4x1xf32>) -> tensor<1x4x4x1xf32>
  return %r : tensor<1x4x4x1xf32>
}

// -----

// Not folded: the convolution's result has another use; the coefficients vary
// along rows; the weights of a scaled product are not constant.
// CHECK-LABEL: func @kept
// CHECK-COUNT-3: linalg.generic
func.func @kept(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %k = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %two = arith.constant 2.0 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %twice = linalg.matmul ins(%x, %w : tensor<2x2xf32>, tensor<2x2xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  %a = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
      ins(%twice, %k : tensor<2x2xf32>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.addf %p, %q : f32
    linalg.yield %0 : f32
  } -> tensor<2x2xf32>
  %once = linalg.matmul ins(%w, %x : tensor<2x2xf32>, tensor<2x2xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  %b = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
      ins(%once, %k : tensor<2x2xf32>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.addf %p, %q : f32
    linalg.yield %0 : f32
  } -> tensor<2x2xf32>
  %third = linalg.matmul ins(%x, %x : tensor<2x2xf32>, tensor<2x2xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
      ins(%third : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%p: f32, %o: f32):
    %0 = arith.mulf %p, %two : f32
    linalg.yield %0 : f32
  } -> tensor<2x2xf32>
  return %twice, %a, %b, %c : tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>
}
