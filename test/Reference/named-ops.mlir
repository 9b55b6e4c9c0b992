// Named linalg operations, tensor operations and units on small integers, where every sum is exact.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python %S/Inputs/npy.py save x.npy float32 1x2x3x3 range
// RUN: %python %S/Inputs/npy.py save w.npy float32 2x2x2x2 range
// RUN: quant-run --reference %s --input x=x.npy --input w/0=w.npy --output-dir out
// RUN: %python %S/Inputs/npy.py show out/conv.npy out/pool.npy out/product.npy out/cut_0.npy | FileCheck %s

// CHECK: float32 (1, 2, 2, 2) 268 296 352 380 684 776 960 1052
// CHECK-NEXT: float32 (1, 2, 2, 2) 0 2 6 8 9 11 15 17
// CHECK-NEXT: float32 (2, 2) 14 38 38 126
// CHECK-NEXT: float32 (2, 3) 1.5 7 8 1.5 16 17
func.func @model(%x: tensor<1x2x3x3xf32> {mpq.name = "x"}, %w: tensor<2x2x2x2xf32> {mpq.name = "w/0"})
    -> (tensor<1x2x2x2xf32> {mpq.name = "conv"}, tensor<1x2x2x2xf32> {mpq.name = "pool"},
        tensor<2x2xf32> {mpq.name = "product"}, tensor<2x3xf32> {mpq.name = "cut/0"}) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x2x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %conv = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<1x2x3x3xf32>, tensor<2x2x2x2xf32>)
      outs(%init : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>

  %padded = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 0, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x2x3x3xf32> to tensor<1x2x4x4xf32>
  %window = tensor.empty() : tensor<2x2xf32>
  %low = arith.constant dense<0xFF800000> : tensor<1x2x2x2xf32>
  %pool = linalg.pooling_nchw_max {strides = dense<2> : tensor<2xi64>}
      ins(%padded, %window : tensor<1x2x4x4xf32>, tensor<2x2xf32>) outs(%low : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %corner = arith.constant dense<[[[[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]]> : tensor<1x2x2x2xf32>
  %pooled = arith.maximumf %pool, %corner : tensor<1x2x2x2xf32>

  %rows = tensor.collapse_shape %w [[0, 1], [2, 3]] : tensor<2x2x2x2xf32> into tensor<4x4xf32>
  %part = tensor.extract_slice %rows[0, 0] [2, 4] [1, 1] : tensor<4x4xf32> to tensor<2x4xf32>
  %et = tensor.empty() : tensor<4x2xf32>
  %turned = linalg.transpose ins(%part : tensor<2x4xf32>) outs(%et : tensor<4x2xf32>) permutation = [1, 0]
  %zero2 = arith.constant dense<0.0> : tensor<2x2xf32>
  %product = mpq.unit "square" (%l = %part : tensor<2x4xf32>, %r = %turned : tensor<4x2xf32>) -> tensor<2x2xf32> {
    %z = arith.constant dense<0.0> : tensor<2x2xf32>
    %p = linalg.matmul ins(%l, %r : tensor<2x4xf32>, tensor<4x2xf32>) outs(%z : tensor<2x2xf32>) -> tensor<2x2xf32>
    mpq.yield %p : tensor<2x2xf32>
  }

  %last = tensor.extract_slice %x[0, 0, 2, 1] [1, 2, 1, 2] [1, 1, 1, 1] : tensor<1x2x3x3xf32> to tensor<2x2xf32>
  %narrow = tensor.extract_slice %last[0, 0] [2, 1] [1, 1] : tensor<2x2xf32> to tensor<2x1xf32>
  %wide = tensor.pad %narrow low[0, 1] high[0, 0] {
  ^bb0(%a: index, %b: index):
    %value = arith.constant 1.5 : f32
    tensor.yield %value : f32
  } : tensor<2x1xf32> to tensor<2x2xf32>
  %column = tensor.extract_slice %wide[0, 0] [2, 1] [1, 1] : tensor<2x2xf32> to tensor<2x1xf32>
  %cut = tensor.concat dim(1) %column, %last : (tensor<2x1xf32>, tensor<2x2xf32>) -> tensor<2x3xf32>
  return %conv, %pooled, %product, %cut : tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<2x2xf32>, tensor<2x3xf32>
}
