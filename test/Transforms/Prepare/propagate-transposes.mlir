// RUN: quant-opt %s --mpq-propagate-transposes --mlir-print-local-scope --split-input-file | FileCheck %s
// RUN: %python %S/Inputs/compare.py %s %t --mpq-propagate-transposes
// RUN: %python %S/Inputs/compare.py %s %t --mpq-prepare-pipeline

// A residual block: bias of the channel, pad and add follow; all transposes meet.
// CHECK-LABEL: func @residual
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x4x4x2xf32>, %[[Y:[a-z0-9]+]]: tensor<1x4x4x2xf32>, %[[B:[a-z0-9]+]]: tensor<2xf32>
// CHECK-NOT: linalg.transpose
// CHECK: %[[S:.*]] = linalg.generic
// CHECK-SAME: affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-SAME: ins(%[[X]], %[[Y]], %[[B]]
// CHECK: tensor.pad %[[S]] low[0, 1, 2, 0] high[0, 3, 4, 0]
// CHECK: tensor<1x4x4x2xf32> to tensor<1x8x10x2xf32>
// CHECK-NOT: linalg.transpose
// CHECK: return
func.func @residual(%x: tensor<1x4x4x2xf32>, %y: tensor<1x4x4x2xf32>, %b: tensor<2xf32>) -> tensor<1x8x10x2xf32> {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x4x4xf32>
  %xt = linalg.transpose ins(%x : tensor<1x4x4x2xf32>) outs(%e : tensor<1x2x4x4xf32>) permutation = [0, 3, 1, 2]
  %yt = linalg.transpose ins(%y : tensor<1x4x4x2xf32>) outs(%e : tensor<1x2x4x4xf32>) permutation = [0, 3, 1, 2]
  %s = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (c)>, affine_map<(n, c, h, w) -> (n, c, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%xt, %yt, %b : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<2xf32>) outs(%e : tensor<1x2x4x4xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32, %o: f32):
    %0 = arith.addf %p, %q : f32
    %1 = arith.addf %0, %r : f32
    linalg.yield %1 : f32
  } -> tensor<1x2x4x4xf32>
  %pad = tensor.pad %s low[0, 0, 1, 2] high[0, 0, 3, 4] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index):
    tensor.yield %c0 : f32
  } : tensor<1x2x4x4xf32> to tensor<1x2x8x10xf32>
  %e2 = tensor.empty() : tensor<1x8x10x2xf32>
  %r = linalg.transpose ins(%pad : tensor<1x2x8x10xf32>) outs(%e2 : tensor<1x8x10x2xf32>) permutation = [0, 2, 3, 1]
  return %r : tensor<1x8x10x2xf32>
}

// -----

// A global average pool reads NHWC; nothing but the map changes. The unit
// dimensions put back for a 1x1 convolution are a reshape.
// CHECK-LABEL: func @global_pool
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d3)>], iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
// CHECK: tensor.collapse_shape
// CHECK: tensor.expand_shape {{.*}} into tensor<1x1x1x2xf32>
// CHECK-NOT: linalg.transpose
// CHECK: return
func.func @global_pool(%x: tensor<1x4x4x2xf32>) -> tensor<1x1x1x2xf32> {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x4x4xf32>
  %xt = linalg.transpose ins(%x : tensor<1x4x4x2xf32>) outs(%e : tensor<1x2x4x4xf32>) permutation = [0, 3, 1, 2]
  %e1 = tensor.empty() : tensor<1x2xf32>
  %i = linalg.fill ins(%c0 : f32) outs(%e1 : tensor<1x2xf32>) -> tensor<1x2xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (n, c)>],
      iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%xt : tensor<1x2x4x4xf32>) outs(%i : tensor<1x2xf32>) {
  ^bb0(%p: f32, %o: f32):
    %0 = arith.addf %p, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x2xf32>
  %k = tensor.expand_shape %s [[0], [1, 2, 3]] output_shape [1, 2, 1, 1] : tensor<1x2xf32> into tensor<1x2x1x1xf32>
  %e2 = tensor.empty() : tensor<1x1x1x2xf32>
  %r = linalg.transpose ins(%k : tensor<1x2x1x1xf32>) outs(%e2 : tensor<1x1x1x2xf32>) permutation = [0, 2, 3, 1]
  return %r : tensor<1x1x1x2xf32>
}

// -----

// Squeeze of the unit height, then the model's own transpose: only a reshape.
// CHECK-LABEL: func @sequence
// CHECK-NOT: linalg.transpose
// CHECK: tensor.collapse_shape %arg0 {{.*}} : tensor<1x1x5x2xf32> into tensor<1x5x2xf32>
// CHECK-NOT: linalg.transpose
// CHECK: return
func.func @sequence(%x: tensor<1x1x5x2xf32>) -> tensor<1x5x2xf32> {
  %e = tensor.empty() : tensor<1x2x1x5xf32>
  %xt = linalg.transpose ins(%x : tensor<1x1x5x2xf32>) outs(%e : tensor<1x2x1x5xf32>) permutation = [0, 3, 1, 2]
  %s = tensor.collapse_shape %xt [[0], [1], [2, 3]] : tensor<1x2x1x5xf32> into tensor<1x2x5xf32>
  %e2 = tensor.empty() : tensor<1x5x2xf32>
  %r = linalg.transpose ins(%s : tensor<1x2x5xf32>) outs(%e2 : tensor<1x5x2xf32>) permutation = [0, 2, 1]
  return %r : tensor<1x5x2xf32>
}

// -----

// Concatenation, slice, nearest-neighbour resize, constants and quantization follow.
// CHECK-LABEL: func @followers
// CHECK-NOT: linalg.transpose
// CHECK: %[[K:.*]] = arith.constant dense<{{.*}}> : tensor<1x1x2x2xf32>
// CHECK: %[[C:.*]] = tensor.concat dim(3) {{.*}} : (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x2x4xf32>
// CHECK: %[[S:.*]] = tensor.extract_slice %[[C]][0, 0, 0, 1] [1, 1, 2, 3] [1, 1, 1, 1]
// CHECK: %[[U:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1 floordiv 2, d2 floordiv 2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>]
// CHECK-SAME: ins(%[[S]]
// CHECK: mpq.quantize %[[U]], {{.*}} by affine_map<(d0, d1, d2, d3) -> (d3)> unsigned
// CHECK: mpq.dequantize {{.*}} by affine_map<(d0, d1, d2, d3) -> (d3)> unsigned
// CHECK-NOT: linalg.transpose
// CHECK: return
func.func @followers(%x: tensor<1x1x2x2xf32>, %s: tensor<3xf32>, %z: tensor<3xi8>) -> tensor<1x2x4x3xf32> {
  %k = arith.constant dense<[[[[1.0, 2.0]], [[3.0, 4.0]]]]> : tensor<1x2x1x2xf32>
  %e = tensor.empty() : tensor<1x2x1x2xf32>
  %xt = linalg.transpose ins(%x : tensor<1x1x2x2xf32>) outs(%e : tensor<1x2x1x2xf32>) permutation = [0, 3, 1, 2]
  %c = tensor.concat dim(1) %xt, %k : (tensor<1x2x1x2xf32>, tensor<1x2x1x2xf32>) -> tensor<1x4x1x2xf32>
  %sl = tensor.extract_slice %c[0, 1, 0, 0] [1, 3, 1, 2] [1, 1, 1, 1] : tensor<1x4x1x2xf32> to tensor<1x3x1x2xf32>
  %e1 = tensor.empty() : tensor<1x3x2x4xf32>
  %u = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h floordiv 2, w floordiv 2)>, affine_map<(n, c, h, w) -> (n, c, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%sl : tensor<1x3x1x2xf32>) outs(%e1 : tensor<1x3x2x4xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<1x3x2x4xf32>
  %q = mpq.quantize %u, %s, %z by affine_map<(n, c, h, w) -> (c)> unsigned : tensor<1x3x2x4xf32>, tensor<3xf32>, tensor<3xi8> -> tensor<1x3x2x4xi8>
  %d = mpq.dequantize %q, %s, %z by affine_map<(n, c, h, w) -> (c)> unsigned : tensor<1x3x2x4xi8>, tensor<3xf32>, tensor<3xi8> -> tensor<1x3x2x4xf32>
  %e2 = tensor.empty() : tensor<1x2x4x3xf32>
  %r = linalg.transpose ins(%d : tensor<1x3x2x4xf32>) outs(%e2 : tensor<1x2x4x3xf32>) permutation = [0, 2, 3, 1]
  return %r : tensor<1x2x4x3xf32>
}

// -----

// A pixel rearrangement and the next layout become one transpose.
// CHECK-LABEL: func @rearrange
// CHECK: linalg.transpose {{.*}} permutation = [0, 1, 4, 2, 5, 3]
// CHECK: tensor.collapse_shape {{.*}} {{\[\[}}0], [1, 2], [3, 4], [5]]
// CHECK: linalg.generic {{.*}}affine_map<(d0, d1, d2, d3) -> (d3)>
// CHECK-NOT: linalg.transpose
// CHECK: return
func.func @rearrange(%x: tensor<1x3x4x2x2x2xf32>, %b: tensor<2xf32>) -> tensor<1x6x8x2xf32> {
  %e = tensor.empty() : tensor<1x2x3x2x4x2xf32>
  %xt = linalg.transpose ins(%x : tensor<1x3x4x2x2x2xf32>) outs(%e : tensor<1x2x3x2x4x2xf32>) permutation = [0, 3, 1, 4, 2, 5]
  %s = tensor.collapse_shape %xt [[0], [1], [2, 3], [4, 5]] : tensor<1x2x3x2x4x2xf32> into tensor<1x2x6x8xf32>
  %e1 = tensor.empty() : tensor<1x2x6x8xf32>
  %a = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (c)>, affine_map<(n, c, h, w) -> (n, c, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %b : tensor<1x2x6x8xf32>, tensor<2xf32>) outs(%e1 : tensor<1x2x6x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.addf %p, %q : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x6x8xf32>
  %e2 = tensor.empty() : tensor<1x6x8x2xf32>
  %r = linalg.transpose ins(%a : tensor<1x2x6x8xf32>) outs(%e2 : tensor<1x6x8x2xf32>) permutation = [0, 2, 3, 1]
  return %r : tensor<1x6x8x2xf32>
}

// -----

// At the model's input the elementwise operation writes the new layout, loop
// numbers in its body included.
// CHECK-LABEL: func @input
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d3, d1, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>]
// CHECK: linalg.index 3
// CHECK-NOT: linalg.transpose
// CHECK: return
func.func @input(%x: tensor<1x3x4x5xf32>) -> tensor<1x4x5x3xf32> {
  %e = tensor.empty() : tensor<1x3x4x5xf32>
  %a = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (n, c, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x3x4x5xf32>) outs(%e : tensor<1x3x4x5xf32>) {
  ^bb0(%p: f32, %o: f32):
    %i = linalg.index 1 : index
    %j = arith.index_cast %i : index to i32
    %f = arith.sitofp %j : i32 to f32
    %0 = arith.addf %p, %f : f32
    linalg.yield %0 : f32
  } -> tensor<1x3x4x5xf32>
  %e2 = tensor.empty() : tensor<1x4x5x3xf32>
  %r = linalg.transpose ins(%a : tensor<1x3x4x5xf32>) outs(%e2 : tensor<1x4x5x3xf32>) permutation = [0, 2, 3, 1]
  return %r : tensor<1x4x5x3xf32>
}

// -----

// Flattening channels and pixels is the model's own change of layout: one
// transpose stays.
// CHECK-LABEL: func @flatten
// CHECK: %[[T:.*]] = linalg.transpose ins(%arg0
// CHECK: tensor.collapse_shape
func.func @flatten(%x: tensor<1x4x4x2xf32>) -> tensor<1x32xf32> {
  %e = tensor.empty() : tensor<1x2x4x4xf32>
  %xt = linalg.transpose ins(%x : tensor<1x4x4x2xf32>) outs(%e : tensor<1x2x4x4xf32>) permutation = [0, 3, 1, 2]
  %s = tensor.collapse_shape %xt [[0], [1, 2, 3]] : tensor<1x2x4x4xf32> into tensor<1x32xf32>
  return %s : tensor<1x32xf32>
}
