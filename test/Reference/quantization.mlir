// Tensor forms with per-tensor, axis and block parameters; scalar forms; narrow storage; integer products.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python %S/Inputs/npy.py save x.npy float32 2x4 -1 0.25 0.75 300 0.5 1.5 -2.5 nan
// RUN: quant-run --reference %s --input x=x.npy --output-dir out
// RUN: cd out && %python %S/Inputs/npy.py show tensor.npy axis.npy block.npy nibble.npy back.npy product.npy | FileCheck %s

// CHECK: uint8 (2, 4) 8 10 12 255 11 13 5 0
// CHECK-NEXT: int8 (2, 4) -1 0 2 127 0 2 -5 -128
// CHECK-NEXT: int8 (2, 4) -1 0 8 127 5 15 -5 -128
// CHECK-NEXT: uint8 (2, 4) 3 5 7 15 6 8 0 0
// CHECK-NEXT: float32 (2, 4) -1 0 1 122.5 0.5 1.5 -2.5 -5
// CHECK-NEXT: int32 (2, 2) 33180 33166 140 50
#all = affine_map<(d0, d1) -> ()>
func.func @model(%x: tensor<2x4xf32> {mpq.name = "x"})
    -> (tensor<2x4xi8> {mpq.name = "tensor", mpq.unsigned}, tensor<2x4xi8> {mpq.name = "axis"}, tensor<2x4xi8> {mpq.name = "block"},
        tensor<2x4xi4> {mpq.name = "nibble", mpq.unsigned}, tensor<2x4xf32> {mpq.name = "back"}, tensor<2x2xi32> {mpq.name = "product"}) {
  %half = arith.constant dense<0.5> : tensor<f32>
  %ten = arith.constant dense<10> : tensor<i8>
  %tensor = mpq.quantize %x, %half, %ten by #all unsigned {scaling = #mpq.scaling<multiply>} : tensor<2x4xf32>, tensor<f32>, tensor<i8> -> tensor<2x4xi8>

  %scales = arith.constant dense<[1.0, 1.0, 0.5, 1.0]> : tensor<4xf32>
  %zeros = arith.constant dense<0> : tensor<4xi8>
  %axis = mpq.quantize %x, %scales, %zeros by affine_map<(d0, d1) -> (d1)> : tensor<2x4xf32>, tensor<4xf32>, tensor<4xi8> -> tensor<2x4xi8>

  %blocks = arith.constant dense<[[1.0, 0.1], [0.1, 0.5]]> : tensor<2x2xf32>
  %zero2 = arith.constant dense<0> : tensor<2x2xi8>
  %block = mpq.quantize %x, %blocks, %zero2 by affine_map<(d0, d1) -> (d0, d1 floordiv 2)> : tensor<2x4xf32>, tensor<2x2xf32>, tensor<2x2xi8> -> tensor<2x4xi8>

  %five = arith.constant dense<5> : tensor<i4>
  %nibble = mpq.quantize %x, %half, %five by #all unsigned : tensor<2x4xf32>, tensor<f32>, tensor<i4> -> tensor<2x4xi4>
  %back = mpq.dequantize %tensor, %half, %ten by #all unsigned : tensor<2x4xi8>, tensor<f32>, tensor<i8> -> tensor<2x4xf32>

  // Unsigned times signed bytes; the first row holds 255.
  %w = arith.constant dense<[[1, 2], [3, 1], [-2, 3], [127, 126]]> : tensor<4x2xi8>
  %init = arith.constant dense<[[781, 974], [100, 0]]> : tensor<2x2xi32>
  %product = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                             iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%tensor, %w : tensor<2x4xi8>, tensor<4x2xi8>) outs(%init : tensor<2x2xi32>) {
  ^bb0(%l: i8, %r: i8, %o: i32):
    %lw = arith.extui %l : i8 to i32
    %rw = arith.extsi %r : i8 to i32
    %m = arith.muli %lw, %rw : i32
    %s = arith.addi %o, %m : i32
    linalg.yield %s : i32
  } -> tensor<2x2xi32>
  return %tensor, %axis, %block, %nibble, %back, %product
      : tensor<2x4xi8>, tensor<2x4xi8>, tensor<2x4xi8>, tensor<2x4xi4>, tensor<2x4xf32>, tensor<2x2xi32>
}
