// RUN: quant-opt %s --mpq-prepare-pipeline --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s
// RUN: %python %S/Inputs/compare.py %s %t --mpq-prepare-pipeline

// Padded convolution, batch norm, hard-swish, squeeze-and-excitation, residual:
// one transpose at the input, written by the last operation at the output.
// CHECK-LABEL: func.func @block
// CHECK: %[[T:.*]] = linalg.transpose ins(%arg0 : tensor<1x2x4x4xf32>) outs({{.*}} : tensor<1x4x4x2xf32>)
// CHECK-NOT: linalg.transpose
// CHECK: tensor.pad %[[T]] low[0, 1, 1, 0] high[0, 1, 1, 0]
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} loc("bn_out")
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d3)>], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} tensor<1x1x1x3xf32>
// CHECK-NOT: linalg.transpose
// CHECK: %[[R:.*]] = linalg.generic {indexing_maps = [{{.*}}], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
// CHECK: loc("out")
// CHECK-NOT: linalg.transpose
// CHECK: return
func.func @block(%x: tensor<1x2x4x4xf32>) -> tensor<1x3x4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.25> : tensor<3x2x3x3xf32>
  %w2 = arith.constant dense<[[[[0.5]], [[-0.5]], [[1.0]]], [[[0.25]], [[0.5]], [[0.5]]], [[[1.0]], [[2.0]], [[-1.0]]]]> : tensor<3x3x1x1xf32>
  %scale = arith.constant dense<[0.5, 1.5, 2.0]> : tensor<3xf32>
  %b = arith.constant dense<[1.0, -2.0, 0.5]> : tensor<3xf32>
  %pad = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index):
    tensor.yield %zero : f32
  } : tensor<1x2x4x4xf32> to tensor<1x2x6x6xf32>
  %e = tensor.empty() : tensor<1x3x4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  %c = linalg.conv_2d_nchw_fchw ins(%pad, %w : tensor<1x2x6x6xf32>, tensor<3x2x3x3xf32>) outs(%i : tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32> loc("conv_out")
  %bn = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (c)>, affine_map<(n, c, h, w) -> (c)>, affine_map<(n, c, h, w) -> (n, c, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %scale, %b : tensor<1x3x4x4xf32>, tensor<3xf32>, tensor<3xf32>) outs(%e : tensor<1x3x4x4xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %0, %r : f32
    linalg.yield %1 : f32
  } -> tensor<1x3x4x4xf32> loc("bn_out")
  %e1 = tensor.empty() : tensor<1x3xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x3xf32>) -> tensor<1x3xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (n, c)>],
      iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%bn : tensor<1x3x4x4xf32>) outs(%i1 : tensor<1x3xf32>) {
  ^bb0(%p: f32, %o: f32):
    %0 = arith.addf %p, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x3xf32>
  %sq = tensor.expand_shape %sum [[0], [1, 2, 3]] output_shape [1, 3, 1, 1] : tensor<1x3xf32> into tensor<1x3x1x1xf32>
  %e2 = tensor.empty() : tensor<1x3x1x1xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x3x1x1xf32>) -> tensor<1x3x1x1xf32>
  %ex = linalg.conv_2d_nchw_fchw ins(%sq, %w2 : tensor<1x3x1x1xf32>, tensor<3x3x1x1xf32>) outs(%i2 : tensor<1x3x1x1xf32>) -> tensor<1x3x1x1xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (n, c, 0, 0)>, affine_map<(n, c, h, w) -> (n, c, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%bn, %ex : tensor<1x3x4x4xf32>, tensor<1x3x1x1xf32>) outs(%e : tensor<1x3x4x4xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    linalg.yield %0 : f32
  } -> tensor<1x3x4x4xf32> loc("out")
  return %r : tensor<1x3x4x4xf32>
}

// A grouped convolution: groups and channels are split and joined around it, the
// bias of all channels is one of groups times channels.
// CHECK-LABEL: func.func @grouped
// CHECK: linalg.broadcast ins({{.*}} : tensor<2x3xf32>) outs({{.*}} : tensor<1x4x4x2x3xf32>) dimensions = [0, 1, 2]
// CHECK: linalg.conv_2d_nhwgc_gfhwc {{.*}} loc("grouped_out#product")
// CHECK: tensor.collapse_shape {{.*}} loc("grouped_out")
func.func @grouped(%x: tensor<1x4x4x4xf32>, %w: tensor<2x3x2x1x1xf32>) -> tensor<1x6x4x4xf32> {
  %c0 = arith.constant 0.0 : f32
  %b = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
  %g = tensor.expand_shape %x [[0], [1, 2], [3], [4]] output_shape [1, 2, 2, 4, 4] : tensor<1x4x4x4xf32> into tensor<1x2x2x4x4xf32>
  %e = tensor.empty() : tensor<1x2x3x4x4xf32>
  %i = linalg.fill ins(%c0 : f32) outs(%e : tensor<1x2x3x4x4xf32>) -> tensor<1x2x3x4x4xf32>
  %c = linalg.conv_2d_ngchw_gfchw ins(%g, %w : tensor<1x2x2x4x4xf32>, tensor<2x3x2x1x1xf32>) outs(%i : tensor<1x2x3x4x4xf32>) -> tensor<1x2x3x4x4xf32>
  %k = tensor.collapse_shape %c [[0], [1, 2], [3], [4]] : tensor<1x2x3x4x4xf32> into tensor<1x6x4x4xf32>
  %e1 = tensor.empty() : tensor<1x6x4x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (c)>, affine_map<(n, c, h, w) -> (n, c, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k, %b : tensor<1x6x4x4xf32>, tensor<6xf32>) outs(%e1 : tensor<1x6x4x4xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.addf %p, %q : f32
    linalg.yield %0 : f32
  } -> tensor<1x6x4x4xf32> loc("grouped_out")
  return %r : tensor<1x6x4x4xf32>
}
