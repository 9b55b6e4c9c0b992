// A network with padding, strides, a depthwise convolution, a residual, a
// concatenation, a maximum pool, hard-swish and a matrix product: float,
// quantized and lowered forms agree in the reference.
// RUN: %python %S/Inputs/agreement.py %s %t | FileCheck %s
// RUN: quant-opt %s --mpq-quantize-pipeline --mpq-lower-pipeline | FileCheck %s --check-prefix=IR
// CHECK: agreement: quantization 0.{{[0-9]+}}, lower 0.{{[0-9]+}}

// Every product is an integer product, and the pool works on bytes.
// IR-COUNT-4: arith.muli
// IR-NOT: linalg.matmul
// IR-NOT: linalg.conv
#id = affine_map<(a, b, c, d) -> (a, b, c, d)>
func.func @network(%x: tensor<1x8x8x4xf32> {mpq.name = "x", mpq.range = #mpq.range<-1.0, 2.0, calibration>}) -> (tensor<4x5xf32> {mpq.name = "y"}) {
  %c0 = arith.constant 0.0 : f32
  %c3 = arith.constant 3.0 : f32
  %c6 = arith.constant 6.0 : f32
  %sixth = arith.constant 0.166666672 : f32
  %inf = arith.constant 0xFF800000 : f32
  %w1 = arith.constant dense<[[[[-0.26, 0.04, -0.13, 0.10], [0.13, -0.43, -0.49, 0.34], [-0.24, -0.27, 0.50, -0.03], [0.34, -0.02, 0.14, -0.35]], [[0.13, 0.37, 0.02, 0.24], [0.17, -0.44, 0.26, 0.09], [-0.20, -0.47, 0.37, -0.03], [0.22, 0.38, 0.21, 0.42]], [[-0.11, 0.30, -0.06, 0.44], [0.38, -0.40, -0.36, -0.28], [0.47, -0.06, 0.13, -0.20], [0.01, -0.11, -0.15, 0.09]]], [[[0.08, 0.40, 0.18, 0.43], [0.36, 0.49, 0.17, -0.34], [0.36, 0.46, 0.40, 0.07], [0.21, -0.29, 0.33, 0.07]], [[-0.22, -0.44, 0.35, 0.49], [-0.41, 0.30, -0.09, -0.35], [-0.21, 0.27, 0.37, -0.46], [0.11, -0.46, 0.22, -0.17]], [[0.38, 0.48, 0.01, 0.50], [-0.19, -0.42, 0.10, -0.47], [-0.30, -0.09, 0.11, -0.34], [-0.46, 0.37, -0.19, 0.46]]], [[[0.40, -0.12, -0.04, 0.02], [0.14, 0.10, 0.06, 0.12], [0.44, 0.01, -0.07, 0.22], [-0.26, -0.20, 0.48, 0.02]], [[0.05, -0.49, -0.08, 0.08], [-0.48, 0.12, 0.13, -0.44], [0.13, -0.03, 0.18, -0.15], [0.21, 0.24, -0.48, -0.44]], [[0.18, 0.46, -0.25, -0.04], [0.09, -0.18, -0.14, -0.19], [-0.13, 0.10, -0.20, -0.12], [0.27, -0.47, 0.07, 0.24]]]]> : tensor<3x3x4x4xf32>
  %b1 = arith.constant dense<[-0.19, -0.28, 0.30, -0.26]> : tensor<4xf32>
  %wd = arith.constant dense<[[[-0.31, -0.06, 0.20, -0.40], [-0.18, -0.17, 0.33, -0.06], [0.36, -0.33, -0.16, 0.15]], [[0.38, -0.05, -0.27, -0.38], [0.03, -0.31, 0.31, 0.34], [-0.32, -0.22, 0.31, 0.14]], [[0.31, -0.15, -0.37, -0.21], [0.29, -0.23, -0.15, -0.08], [-0.08, -0.09, 0.42, -0.34]]]> : tensor<3x3x4xf32>
  %w2 = arith.constant dense<[[[[-0.50, 0.44, 0.38, 0.49], [-0.07, 0.45, 0.43, -0.28], [0.25, 0.34, 0.16, 0.02], [-0.21, -0.16, -0.27, -0.43], [0.09, -0.21, 0.31, -0.45], [0.40, 0.19, 0.42, 0.40], [0.40, 0.08, -0.49, 0.25], [-0.33, -0.20, 0.16, 0.02]], [[-0.09, 0.44, 0.11, -0.16], [-0.25, 0.36, -0.02, 0.28], [-0.15, -0.30, 0.03, 0.32], [-0.33, 0.29, 0.42, 0.31], [0.32, -0.49, 0.13, 0.36], [-0.45, -0.23, -0.23, 0.03], [-0.08, -0.03, 0.28, -0.50], [-0.45, -0.37, -0.38, -0.43]]], [[[0.47, 0.35, -0.41, 0.00], [-0.18, -0.19, -0.15, 0.15], [0.09, -0.14, -0.31, -0.17], [-0.38, 0.06, 0.22, -0.12], [-0.42, -0.32, -0.13, 0.10], [0.28, -0.12, 0.30, 0.12], [-0.07, -0.13, -0.00, 0.20], [-0.08, 0.19, -0.04, -0.25]], [[0.04, 0.20, -0.43, -0.08], [-0.07, 0.38, 0.44, -0.13], [0.40, 0.29, -0.24, -0.04], [-0.38, 0.31, 0.16, 0.39], [0.29, 0.17, 0.23, 0.06], [-0.40, 0.09, -0.50, -0.36], [0.27, -0.46, -0.41, -0.40], [0.38, -0.32, -0.48, 0.34]]]]> : tensor<2x2x8x4xf32>
  %b2 = arith.constant dense<[-0.38, 0.34, 0.17, 0.34]> : tensor<4xf32>
  %w3 = arith.constant dense<[[0.45, 0.08, 0.30, -0.46, 0.27], [0.01, 0.22, -0.39, 0.25, 0.43], [-0.44, -0.18, 0.06, 0.33, -0.26], [-0.32, -0.25, 0.12, 0.25, -0.11]]> : tensor<4x5xf32>
  %e8 = tensor.empty() : tensor<1x8x8x4xf32>
  %e2 = tensor.empty() : tensor<1x2x2x4xf32>
  %z8 = linalg.fill ins(%c0 : f32) outs(%e8 : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
  %i1 = linalg.broadcast ins(%b1 : tensor<4xf32>) outs(%e8 : tensor<1x8x8x4xf32>) dimensions = [0, 1, 2]
  %p1 = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %c0 : f32
  } : tensor<1x8x8x4xf32> to tensor<1x10x10x4xf32>
  %conv = linalg.conv_2d_nhwc_hwcf ins(%p1, %w1 : tensor<1x10x10x4xf32>, tensor<3x3x4x4xf32>) outs(%i1 : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
  // hard-swish, and the input added
  %h = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"],
                       mpq.ranges = [#mpq.range<-2.0, 8.0, calibration>]} ins(%conv, %x : tensor<1x8x8x4xf32>, tensor<1x8x8x4xf32>) outs(%e8 : tensor<1x8x8x4xf32>) {
  ^bb0(%v: f32, %res: f32, %out: f32):
    %0 = arith.addf %v, %c3 : f32
    %1 = arith.maximumf %0, %c0 : f32
    %2 = arith.minimumf %1, %c6 : f32
    %3 = arith.mulf %v, %2 : f32
    %4 = arith.mulf %3, %sixth : f32
    %5 = arith.addf %4, %res : f32
    linalg.yield %5 : f32
  } -> tensor<1x8x8x4xf32>
  %p2 = tensor.pad %h low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %c0 : f32
  } : tensor<1x8x8x4xf32> to tensor<1x10x10x4xf32>
  %dw = linalg.depthwise_conv_2d_nhwc_hwc {mpq.ranges = [#mpq.range<-10.0, 10.0, calibration>]} ins(%p2, %wd : tensor<1x10x10x4xf32>, tensor<3x3x4xf32>) outs(%z8 : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
  %cat = tensor.concat dim(3) %h, %dw : (tensor<1x8x8x4xf32>, tensor<1x8x8x4xf32>) -> tensor<1x8x8x8xf32>
  %ep = tensor.empty() : tensor<1x4x4x8xf32>
  %zp = linalg.fill ins(%inf : f32) outs(%ep : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %win = tensor.empty() : tensor<2x2xf32>
  %pool = linalg.pooling_nhwc_max {strides = dense<2> : tensor<2xi64>} ins(%cat, %win : tensor<1x8x8x8xf32>, tensor<2x2xf32>) outs(%zp : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %i2 = linalg.broadcast ins(%b2 : tensor<4xf32>) outs(%e2 : tensor<1x2x2x4xf32>) dimensions = [0, 1, 2]
  %c2 = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>, mpq.ranges = [#mpq.range<-25.0, 25.0, calibration>]} ins(%pool, %w2 : tensor<1x4x4x8xf32>, tensor<2x2x8x4xf32>) outs(%i2 : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  %m = tensor.collapse_shape %c2 [[0, 1, 2], [3]] : tensor<1x2x2x4xf32> into tensor<4x4xf32>
  %ey = tensor.empty() : tensor<4x5xf32>
  %zy = linalg.fill ins(%c0 : f32) outs(%ey : tensor<4x5xf32>) -> tensor<4x5xf32>
  %y = linalg.matmul ins(%m, %w3 : tensor<4x4xf32>, tensor<4x5xf32>) outs(%zy : tensor<4x5xf32>) -> tensor<4x5xf32>
  return %y : tensor<4x5xf32>
}
