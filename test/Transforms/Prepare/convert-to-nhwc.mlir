// RUN: quant-opt %s --mpq-convert-to-nhwc --mlir-print-local-scope | FileCheck %s
// RUN: %python %S/Inputs/compare.py %s %t --mpq-convert-to-nhwc
// RUN: %python %S/Inputs/compare.py %s %t --mpq-prepare-pipeline
// RUN: quant-opt %s --mpq-convert-to-nhwc --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=LOC

// Weights change at compile time: 2x1x1x2 (f, c, h, w) to 1x2x1x2 (h, w, c, f).
// The convolution keeps the value id; the transposes are helpers.
// CHECK-LABEL: func @conv
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[\[\[}}1.000000e+00, 3.000000e+00]], {{\[\[}}2.000000e+00, 4.000000e+00]]]]> : tensor<1x2x1x2xf32>
// CHECK: %[[X:.*]] = linalg.transpose ins(%arg0 : tensor<1x1x4x8xf32>) {{.*}} permutation = [0, 2, 3, 1]
// CHECK: %[[B:.*]] = linalg.broadcast ins(%arg1 : tensor<2xf32>) outs({{.*}} : tensor<1x4x4x2xf32>) dimensions = [0, 1, 2]
// CHECK: %[[C:.*]] = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<[1, 2]> : tensor<2xi64>} ins(%[[X]], %[[W]]
// CHECK-SAME: outs(%[[B]] : tensor<1x4x4x2xf32>)
// CHECK: %[[R:.*]] = linalg.transpose ins(%[[C]] : tensor<1x4x4x2xf32>) outs({{.*}} : tensor<1x2x4x4xf32>) permutation = [0, 3, 1, 2]
// CHECK: return %[[R]]
// LOC: linalg.transpose {{.*}} loc("conv_out#nhwc"("Conv:0"))
// LOC: linalg.conv_2d_nhwc_hwcf {{.*}} loc("conv_out"("Conv:0"))
// LOC: linalg.transpose {{.*}} loc("conv_out#nchw"("Conv:0"))
func.func @conv(%x: tensor<1x1x4x8xf32>, %b: tensor<2xf32>) -> tensor<1x2x4x4xf32> {
  %w = arith.constant dense<[[[[1.0, 2.0]]], [[[3.0, 4.0]]]]> : tensor<2x1x1x2xf32>
  %e = tensor.empty() : tensor<1x2x4x4xf32>
  %i = linalg.broadcast ins(%b : tensor<2xf32>) outs(%e : tensor<1x2x4x4xf32>) dimensions = [0, 2, 3]
  %r = linalg.conv_2d_nchw_fchw {strides = dense<[1, 2]> : tensor<2xi64>}
    ins(%x, %w : tensor<1x1x4x8xf32>, tensor<2x1x1x2xf32>) outs(%i : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> loc(#conv)
  return %r : tensor<1x2x4x4xf32>
}
#node = loc("Conv:0")
#conv = loc("conv_out"(#node))

// Weights that are not constant are transposed at run time.
// CHECK-LABEL: func @depthwise
// CHECK: linalg.transpose ins(%arg1 : tensor<3x2x2xf32>) {{.*}} permutation = [1, 2, 0]
// CHECK: linalg.fill {{.*}} outs({{.*}} : tensor<1x4x4x3xf32>)
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc
func.func @depthwise(%x: tensor<1x3x5x5xf32>, %w: tensor<3x2x2xf32>) -> tensor<1x3x4x4xf32> {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x3x4x4xf32>
  %i = linalg.fill ins(%c0 : f32) outs(%e : tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  %r = linalg.depthwise_conv_2d_nchw_chw ins(%x, %w : tensor<1x3x5x5xf32>, tensor<3x2x2xf32>) outs(%i : tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  return %r : tensor<1x3x4x4xf32>
}

// Quantized weights: the integers are permuted and the scale's map with them.
// CHECK-LABEL: func @grouped_quantized
// CHECK: arith.constant dense<{{.*}}> : tensor<2x1x1x2x1xi8>
// CHECK: mpq.dequantize {{.*}} by affine_map<(d0, d1, d2, d3, d4) -> (d0)> : tensor<2x1x1x2x1xi8>
// CHECK: linalg.conv_2d_nhwgc_gfhwc
func.func @grouped_quantized(%x: tensor<1x2x1x4x4xf32>) -> tensor<1x2x1x4x3xf32> {
  %w = arith.constant dense<[[[[[1, 2]]]], [[[[3, 4]]]]]> : tensor<2x1x1x1x2xi8>
  %s = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %z = arith.constant dense<0> : tensor<2xi8>
  %f = mpq.dequantize %w, %s, %z by affine_map<(d0, d1, d2, d3, d4) -> (d0)> : tensor<2x1x1x1x2xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<2x1x1x1x2xf32>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x1x4x3xf32>
  %i = linalg.fill ins(%c0 : f32) outs(%e : tensor<1x2x1x4x3xf32>) -> tensor<1x2x1x4x3xf32>
  %r = linalg.conv_2d_ngchw_gfchw ins(%x, %f : tensor<1x2x1x4x4xf32>, tensor<2x1x1x1x2xf32>) outs(%i : tensor<1x2x1x4x3xf32>) -> tensor<1x2x1x4x3xf32>
  return %r : tensor<1x2x1x4x3xf32>
}

// CHECK-LABEL: func @pools
// CHECK: linalg.pooling_nhwc_max
// CHECK: linalg.pooling_nhwc_sum
// CHECK-NOT: pooling_nchw
func.func @pools(%x: tensor<1x3x6x6xf32>) -> tensor<1x3x4x4xf32> {
  %low = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0.0 : f32
  %k = tensor.empty() : tensor<2x2xf32>
  %e = tensor.empty() : tensor<1x3x5x5xf32>
  %i = linalg.fill ins(%low : f32) outs(%e : tensor<1x3x5x5xf32>) -> tensor<1x3x5x5xf32>
  %m = linalg.pooling_nchw_max ins(%x, %k : tensor<1x3x6x6xf32>, tensor<2x2xf32>) outs(%i : tensor<1x3x5x5xf32>) -> tensor<1x3x5x5xf32>
  %e2 = tensor.empty() : tensor<1x3x4x4xf32>
  %i2 = linalg.fill ins(%c0 : f32) outs(%e2 : tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  %s = linalg.pooling_nchw_sum ins(%m, %k : tensor<1x3x5x5xf32>, tensor<2x2xf32>) outs(%i2 : tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  return %s : tensor<1x3x4x4xf32>
}

// Memrefs are not touched.
// CHECK-LABEL: func @buffers
// CHECK: linalg.pooling_nchw_max
func.func @buffers(%x: memref<1x3x6x6xf32>, %k: memref<2x2xf32>, %o: memref<1x3x5x5xf32>) {
  linalg.pooling_nchw_max ins(%x, %k : memref<1x3x6x6xf32>, memref<2x2xf32>) outs(%o : memref<1x3x5x5xf32>)
  return
}
