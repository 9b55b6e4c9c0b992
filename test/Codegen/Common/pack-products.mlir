// RUN: quant-opt %s --split-input-file --mpq-pack-products --canonicalize --mlir-print-local-scope | FileCheck %s

#avx2 = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">
module attributes {mpq.target = #avx2} {
  // f32: columns in panels of 8 lanes, row by row of the depth; the third column
  // of the second panel is the last one, and zeros follow.
  func.func @matmul(%a: tensor<4x2xf32>) -> tensor<4x10xf32> {
    %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0],
                               [11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0]]> : tensor<2x10xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4x10xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x10xf32>) -> tensor<4x10xf32>
    %r = linalg.matmul ins(%a, %w : tensor<4x2xf32>, tensor<2x10xf32>) outs(%f : tensor<4x10xf32>) -> tensor<4x10xf32>
    return %r : tensor<4x10xf32>
  }

  // A vector broadcast into the init is the product's bias.
  func.func @bias(%a: tensor<4x2xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
    %w = arith.constant dense<1.0> : tensor<2x8xf32>
    %e = tensor.empty() : tensor<4x8xf32>
    %f = linalg.broadcast ins(%b : tensor<8xf32>) outs(%e : tensor<4x8xf32>) dimensions = [0]
    %r = linalg.matmul ins(%a, %w : tensor<4x2xf32>, tensor<2x8xf32>) outs(%f : tensor<4x8xf32>) -> tensor<4x8xf32>
    return %r : tensor<4x8xf32>
  }

  // Any other init stays linalg's.
  func.func @init(%a: tensor<4x2xf32>, %f: tensor<4x8xf32>) -> tensor<4x8xf32> {
    %w = arith.constant dense<1.0> : tensor<2x8xf32>
    %r = linalg.matmul ins(%a, %w : tensor<4x2xf32>, tensor<2x8xf32>) outs(%f : tensor<4x8xf32>) -> tensor<4x8xf32>
    return %r : tensor<4x8xf32>
  }

  // Weights of u8 x s8: groups of 4 along the depth in each lane, here of a
  // matrix stored by columns (n, k); the depth of 5 is filled up with zeros.
  func.func @int8(%a: tensor<4x5xi8>) -> tensor<4x2xi32> {
    %w = arith.constant dense<[[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]> : tensor<2x5xi8>
    %zero = arith.constant 0 : i32
    %e = tensor.empty() : tensor<4x2xi32>
    %f = linalg.fill ins(%zero : i32) outs(%e : tensor<4x2xi32>) -> tensor<4x2xi32>
    %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
                         iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %w : tensor<4x5xi8>, tensor<2x5xi8>) outs(%f : tensor<4x2xi32>) {
    ^bb0(%x: i8, %y: i8, %acc: i32):
      %u = arith.extui %x : i8 to i32
      %s = arith.extsi %y : i8 to i32
      %p = arith.muli %u, %s : i32
      %t = arith.addi %acc, %p : i32
      linalg.yield %t : i32
    } -> tensor<4x2xi32>
    return %r : tensor<4x2xi32>
  }

  // Signed times signed has no packed form.
  func.func @signed(%a: tensor<4x5xi8>) -> tensor<4x2xi32> {
    %w = arith.constant dense<1> : tensor<5x2xi8>
    %zero = arith.constant 0 : i32
    %e = tensor.empty() : tensor<4x2xi32>
    %f = linalg.fill ins(%zero : i32) outs(%e : tensor<4x2xi32>) -> tensor<4x2xi32>
    %r = linalg.matmul ins(%a, %w : tensor<4x5xi8>, tensor<5x2xi8>) outs(%f : tensor<4x2xi32>) -> tensor<4x2xi32>
    return %r : tensor<4x2xi32>
  }

  // The right-hand side is an activation: padded to whole vectors and packed at
  // run time, batch by batch.
  func.func @batch(%a: tensor<3x4x6xf32>, %b: tensor<3x6x10xf32>) -> tensor<3x4x10xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<3x4x10xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4x10xf32>) -> tensor<3x4x10xf32>
    %r = linalg.batch_matmul ins(%a, %b : tensor<3x4x6xf32>, tensor<3x6x10xf32>) outs(%f : tensor<3x4x10xf32>) -> tensor<3x4x10xf32>
    return %r : tensor<3x4x10xf32>
  }
}

// -----

#avx512 = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "skylake-avx512", features = "+avx512f,+avx512bw,+avx512vl">
module attributes {mpq.target = #avx512} {
  // A dense convolution, 16 lanes of filters; (2 * 2 taps) * 3 channels deep.
  func.func @conv(%x: tensor<1x9x9x3xf32>, %b: tensor<20xf32>) -> tensor<1x4x4x20xf32> {
    %w = arith.constant dense<2.0> : tensor<2x2x3x20xf32>
    %e = tensor.empty() : tensor<1x4x4x20xf32>
    %f = linalg.broadcast ins(%b : tensor<20xf32>) outs(%e : tensor<1x4x4x20xf32>) dimensions = [0, 1, 2]
    %r = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x9x9x3xf32>, tensor<2x2x3x20xf32>) outs(%f : tensor<1x4x4x20xf32>) -> tensor<1x4x4x20xf32>
    return %r : tensor<1x4x4x20xf32>
  }

  // Of bytes: each tap's 3 channels are one group of 4.
  func.func @conv_int8(%x: tensor<1x5x5x3xi8>) -> tensor<1x4x4x16xi32> {
    %w = arith.constant dense<2> : tensor<2x2x3x16xi8>
    %zero = arith.constant 0 : i32
    %e = tensor.empty() : tensor<1x4x4x16xi32>
    %f = linalg.fill ins(%zero : i32) outs(%e : tensor<1x4x4x16xi32>) -> tensor<1x4x4x16xi32>
    %r = linalg.generic {indexing_maps = [affine_map<(b, y, x, f, i, j, c) -> (b, y + i, x + j, c)>,
                                          affine_map<(b, y, x, f, i, j, c) -> (i, j, c, f)>,
                                          affine_map<(b, y, x, f, i, j, c) -> (b, y, x, f)>],
                         iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
        ins(%x, %w : tensor<1x5x5x3xi8>, tensor<2x2x3x16xi8>) outs(%f : tensor<1x4x4x16xi32>) {
    ^bb0(%p: i8, %q: i8, %acc: i32):
      %u = arith.extui %p : i8 to i32
      %s = arith.extsi %q : i8 to i32
      %m = arith.muli %u, %s : i32
      %t = arith.addi %acc, %m : i32
      linalg.yield %t : i32
    } -> tensor<1x4x4x16xi32>
    return %r : tensor<1x4x4x16xi32>
  }

  // Depthwise: lanes are channels, the depth is the 9 taps.
  func.func @depthwise(%x: tensor<1x8x8x32xf32>) -> tensor<1x6x6x32xf32> {
    %w = arith.constant dense<2.0> : tensor<3x3x32xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<1x6x6x32xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x6x6x32xf32>) -> tensor<1x6x6x32xf32>
    %r = linalg.depthwise_conv_2d_nhwc_hwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x8x8x32xf32>, tensor<3x3x32xf32>) outs(%f : tensor<1x6x6x32xf32>) -> tensor<1x6x6x32xf32>
    return %r : tensor<1x6x6x32xf32>
  }

  // A 1x1 convolution is a matrix product over all pixels ...
  func.func @pointwise(%x: tensor<1x4x6x8xf32>) -> tensor<1x4x6x16xf32> {
    %w = arith.constant dense<2.0> : tensor<1x1x8x16xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<1x4x6x16xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x6x16xf32>) -> tensor<1x4x6x16xf32>
    %r = linalg.conv_2d_nhwc_hwcf {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x4x6x8xf32>, tensor<1x1x8x16xf32>) outs(%f : tensor<1x4x6x16xf32>) -> tensor<1x4x6x16xf32>
    return %r : tensor<1x4x6x16xf32>
  }

  // ... unless its result gets a halo, and so rows that do not touch.
  func.func @pointwise_padded(%x: tensor<1x4x6x8xf32>) -> tensor<1x6x8x16xf32> {
    %w = arith.constant dense<2.0> : tensor<1x1x8x16xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<1x4x6x16xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x6x16xf32>) -> tensor<1x4x6x16xf32>
    %r = linalg.conv_2d_nhwc_hwcf {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x4x6x8xf32>, tensor<1x1x8x16xf32>) outs(%f : tensor<1x4x6x16xf32>) -> tensor<1x4x6x16xf32>
    %p = tensor.pad %r low[0, 1, 1, 0] high[0, 1, 1, 0] {
    ^bb0(%i: index, %j: index, %k: index, %l: index):
      tensor.yield %zero : f32
    } : tensor<1x4x6x16xf32> to tensor<1x6x8x16xf32>
    return %p : tensor<1x6x8x16xf32>
  }
}
