// RUN: quant-opt %s --split-input-file --mpq-pack-products --canonicalize --mlir-print-local-scope | FileCheck %s

#avx2 = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">
module attributes {mpq.target = #avx2} {
  // f32: lanes are columns, filled up with zeros; a zero init is no bias.
  // CHECK-LABEL: func.func @matmul
  // CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<4x2xf32>
  // CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}[1.{{0*}}e+00, 2.{{0*}}e+00, 3.{{0*}}e+00, 0.{{0*}}e+00, {{.*}}], [1.1{{0*}}e+01, 1.2{{0*}}e+01, 1.3{{0*}}e+01, 0.{{0*}}e+00, {{.*}}]]]> : tensor<1x2x8xf32>
  // CHECK: %[[R:.*]] = mpq.contract ins(%[[A]], %[[W]] : tensor<4x2xf32>, tensor<1x2x8xf32>) outs(
  // CHECK: return %[[R]]
  func.func @matmul(%a: tensor<4x2xf32>) -> tensor<4x3xf32> {
    %w = arith.constant dense<[[1.0, 2.0, 3.0], [11.0, 12.0, 13.0]]> : tensor<2x3xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4x3xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x3xf32>) -> tensor<4x3xf32>
    %r = linalg.matmul ins(%a, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%f : tensor<4x3xf32>) -> tensor<4x3xf32>
    return %r : tensor<4x3xf32>
  }

  // Columns 9 and 10 start the second panel.
  // CHECK-LABEL: func.func @panels
  // CHECK: arith.constant dense<{{\[\[}}[1.{{0*}}e+00, {{.*}}, 8.{{0*}}e+00]], {{\[}}[9.{{0*}}e+00, 1.{{0*}}e+01, 0.{{0*}}e+00, {{.*}}]]]> : tensor<2x1x8xf32>
  // CHECK: mpq.contract
  func.func @panels(%a: tensor<4x1xf32>) -> tensor<4x10xf32> {
    %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]]> : tensor<1x10xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4x10xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x10xf32>) -> tensor<4x10xf32>
    %r = linalg.matmul ins(%a, %w : tensor<4x1xf32>, tensor<1x10xf32>) outs(%f : tensor<4x10xf32>) -> tensor<4x10xf32>
    return %r : tensor<4x10xf32>
  }

  // A vector broadcast into the init is the product's bias.
  // CHECK-LABEL: func.func @bias
  // CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<8xf32>
  // CHECK-NOT: linalg.broadcast
  // CHECK: mpq.contract {{.*}} bias(%[[B]] : tensor<8xf32>)
  func.func @bias(%a: tensor<4x2xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
    %w = arith.constant dense<1.0> : tensor<2x8xf32>
    %e = tensor.empty() : tensor<4x8xf32>
    %f = linalg.broadcast ins(%b : tensor<8xf32>) outs(%e : tensor<4x8xf32>) dimensions = [0]
    %r = linalg.matmul ins(%a, %w : tensor<4x2xf32>, tensor<2x8xf32>) outs(%f : tensor<4x8xf32>) -> tensor<4x8xf32>
    return %r : tensor<4x8xf32>
  }

  // So is the number it is filled with.
  // CHECK-LABEL: func.func @splat_bias
  // CHECK: %[[B:.*]] = arith.constant dense<2.5{{0*}}e+00> : tensor<8xf32>
  // CHECK: mpq.contract {{.*}} bias(%[[B]] : tensor<8xf32>)
  func.func @splat_bias(%a: tensor<4x2xf32>) -> tensor<4x8xf32> {
    %w = arith.constant dense<1.0> : tensor<2x8xf32>
    %b = arith.constant 2.5 : f32
    %e = tensor.empty() : tensor<4x8xf32>
    %f = linalg.fill ins(%b : f32) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
    %r = linalg.matmul ins(%a, %w : tensor<4x2xf32>, tensor<2x8xf32>) outs(%f : tensor<4x8xf32>) -> tensor<4x8xf32>
    return %r : tensor<4x8xf32>
  }

  // Any other init stays linalg's.
  // CHECK-LABEL: func.func @init
  // CHECK-NOT: mpq.contract
  // CHECK: linalg.matmul
  func.func @init(%a: tensor<4x2xf32>, %f: tensor<4x8xf32>) -> tensor<4x8xf32> {
    %w = arith.constant dense<1.0> : tensor<2x8xf32>
    %r = linalg.matmul ins(%a, %w : tensor<4x2xf32>, tensor<2x8xf32>) outs(%f : tensor<4x8xf32>) -> tensor<4x8xf32>
    return %r : tensor<4x8xf32>
  }

  // Weights of u8 x s8: groups of 4 along the depth in each lane, here of a
  // matrix stored by columns (n, k); the depth of 5 is filled up with zeros.
  // CHECK-LABEL: func.func @int8
  // CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}[1, 2, 3, 4, 6, 7, 8, 9, 0, {{.*}}], [5, 0, 0, 0, 10, 0, 0, 0, 0, {{.*}}]]]> : tensor<1x2x32xi8>
  // CHECK: mpq.contract ins(%{{.*}}, %[[W]] : tensor<4x5xi8>, tensor<1x2x32xi8>)
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

  // No more than 16 numbers: two to a byte, widened before the product. The
  // halves of the weights lie in the lower and the upper bits, as distances
  // from the smallest.
  // CHECK-LABEL: func.func @four_bits
  // CHECK-DAG: %[[LOWEST:.*]] = arith.constant -8 : i8
  // CHECK-DAG: %[[MASK:.*]] = arith.constant 15 : i8
  // CHECK-DAG: %[[W:.*]] = arith.constant dense<0> : tensor<1024xi8>
  // CHECK-DAG: %[[SHIFTS:.*]] = arith.constant dense<[0, 4]> : tensor<2xi8>
  // CHECK: %[[WIDE:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>]
  // CHECK-SAME: ins(%[[W]], %[[SHIFTS]] : tensor<1024xi8>, tensor<2xi8>) outs({{.*}} : tensor<2x1024xi8>)
  // CHECK: %[[SHIFTED:.*]] = arith.shrui
  // CHECK: %[[BITS:.*]] = arith.andi %[[SHIFTED]], %[[MASK]]
  // CHECK: arith.addi %[[BITS]], %[[LOWEST]]
  // CHECK: %[[PACKED:.*]] = tensor.expand_shape %[[WIDE]] {{.*}} into tensor<2x32x32xi8>
  // CHECK: mpq.contract ins(%{{.*}}, %[[PACKED]] : tensor<4x128xi8>, tensor<2x32x32xi8>)
  func.func @four_bits(%a: tensor<4x128xi8>) -> tensor<4x16xi32> {
    %w = arith.constant dense<-8> : tensor<128x16xi8>
    %zero = arith.constant 0 : i32
    %e = tensor.empty() : tensor<4x16xi32>
    %f = linalg.fill ins(%zero : i32) outs(%e : tensor<4x16xi32>) -> tensor<4x16xi32>
    %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                         iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %w : tensor<4x128xi8>, tensor<128x16xi8>) outs(%f : tensor<4x16xi32>) {
    ^bb0(%x: i8, %y: i8, %acc: i32):
      %u = arith.extui %x : i8 to i32
      %s = arith.extsi %y : i8 to i32
      %p = arith.muli %u, %s : i32
      %t = arith.addi %acc, %p : i32
      linalg.yield %t : i32
    } -> tensor<4x16xi32>
    return %r : tensor<4x16xi32>
  }

  // No more than 4 numbers: four to a byte.
  // CHECK-LABEL: func.func @two_bits
  // CHECK-DAG: arith.constant dense<-1> : tensor<512xi8>
  // CHECK-DAG: arith.constant dense<[0, 2, 4, 6]> : tensor<4xi8>
  // CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<4x512xi8>)
  // CHECK: mpq.contract
  func.func @two_bits(%a: tensor<4x128xi8>) -> tensor<4x16xi32> {
    %w = arith.constant dense<3> : tensor<128x16xi8>
    %zero = arith.constant 0 : i32
    %e = tensor.empty() : tensor<4x16xi32>
    %f = linalg.fill ins(%zero : i32) outs(%e : tensor<4x16xi32>) -> tensor<4x16xi32>
    %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                         iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %w : tensor<4x128xi8>, tensor<128x16xi8>) outs(%f : tensor<4x16xi32>) {
    ^bb0(%x: i8, %y: i8, %acc: i32):
      %u = arith.extui %x : i8 to i32
      %s = arith.extsi %y : i8 to i32
      %p = arith.muli %u, %s : i32
      %t = arith.addi %acc, %p : i32
      linalg.yield %t : i32
    } -> tensor<4x16xi32>
    return %r : tensor<4x16xi32>
  }

  // More numbers than 16 (0 is always one of them).
  // CHECK-LABEL: func.func @five_bits
  // CHECK-NOT: linalg.generic
  // CHECK: mpq.contract
  func.func @five_bits(%a: tensor<4x128xi8>) -> tensor<4x16xi32> {
    %w = arith.constant dense<16> : tensor<128x16xi8>
    %zero = arith.constant 0 : i32
    %e = tensor.empty() : tensor<4x16xi32>
    %f = linalg.fill ins(%zero : i32) outs(%e : tensor<4x16xi32>) -> tensor<4x16xi32>
    %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                         iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %w : tensor<4x128xi8>, tensor<128x16xi8>) outs(%f : tensor<4x16xi32>) {
    ^bb0(%x: i8, %y: i8, %acc: i32):
      %u = arith.extui %x : i8 to i32
      %s = arith.extsi %y : i8 to i32
      %p = arith.muli %u, %s : i32
      %t = arith.addi %acc, %p : i32
      linalg.yield %t : i32
    } -> tensor<4x16xi32>
    return %r : tensor<4x16xi32>
  }

  // Signed times signed has no packed form.
  // CHECK-LABEL: func.func @signed
  // CHECK-NOT: mpq.contract
  // CHECK: linalg.matmul
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
  // CHECK-LABEL: func.func @batch
  // CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<3x4x6xf32>, %[[B:[a-z0-9]+]]: tensor<3x6x10xf32>
  // CHECK: %[[P:.*]] = tensor.pad %[[B]] low[0, 0, 0] high[0, 0, 6]
  // CHECK: %[[W:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d2, d1 * 8 + d3)>, {{.*}} ins(%[[P]] : tensor<3x6x16xf32>)
  // CHECK: mpq.contract ins(%[[A]], %[[W]] : tensor<3x4x6xf32>, tensor<3x2x6x8xf32>)
  func.func @batch(%a: tensor<3x4x6xf32>, %b: tensor<3x6x10xf32>) -> tensor<3x4x10xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<3x4x10xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4x10xf32>) -> tensor<3x4x10xf32>
    %r = linalg.batch_matmul ins(%a, %b : tensor<3x4x6xf32>, tensor<3x6x10xf32>) outs(%f : tensor<3x4x10xf32>) -> tensor<3x4x10xf32>
    return %r : tensor<3x4x10xf32>
  }

  // Bytes, with the columns outside: groups of four of the sum side by side. What
  // the sum starts from is one vector for each matrix of the batch.
  // CHECK-LABEL: func.func @batch_of_bytes
  // CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<3x4x6xi8>, %[[B:[a-z0-9]+]]: tensor<3x10x6xi8>, %[[S:[a-z0-9]+]]: tensor<3x10xi32>
  // CHECK: %[[P:.*]] = tensor.pad %[[B]] low[0, 0, 0] high[0, 6, 2]
  // CHECK: %[[W:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1 * 8 + d3 floordiv 4, d2 * 4 + d3 mod 4)>, {{.*}} ins(%[[P]] : tensor<3x16x8xi8>)
  // CHECK: mpq.contract ins(%[[A]], %[[W]] : tensor<3x4x6xi8>, tensor<3x2x2x32xi8>) bias(%[[S]] : tensor<3x10xi32>)
  func.func @batch_of_bytes(%a: tensor<3x4x6xi8>, %b: tensor<3x10x6xi8>, %s: tensor<3x10xi32>) -> tensor<3x4x10xi32> {
    %e = tensor.empty() : tensor<3x4x10xi32>
    %f = linalg.broadcast ins(%s : tensor<3x10xi32>) outs(%e : tensor<3x4x10xi32>) dimensions = [1]
    %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>],
                         iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%a, %b : tensor<3x4x6xi8>, tensor<3x10x6xi8>) outs(%f : tensor<3x4x10xi32>) {
    ^bb0(%x: i8, %y: i8, %acc: i32):
      %u = arith.extui %x : i8 to i32
      %v = arith.extsi %y : i8 to i32
      %m = arith.muli %u, %v : i32
      %t = arith.addi %acc, %m : i32
      linalg.yield %t : i32
    } -> tensor<3x4x10xi32>
    return %r : tensor<3x4x10xi32>
  }

  // Grouped: channels of all groups side by side, each group's 2 filters in a
  // vector of their own, filled up with zeros; the bias of (group, filter) is a
  // vector, too.
  // CHECK-LABEL: func.func @grouped(
  // CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x9x9x2x1xf32>, %[[B:[a-z0-9]+]]: tensor<2x2xf32>
  // CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}[1.{{0*}}e+00, 2.{{0*}}e+00, 0.{{0*}}e+00, {{.*}}]], {{\[}}[3.{{0*}}e+00, 4.{{0*}}e+00, 0.{{.*}}]]]> : tensor<2x1x8xf32>
  // CHECK-DAG: %[[BIAS:.*]] = tensor.collapse_shape %[[B]] {{.*}} into tensor<4xf32>
  // CHECK-DAG: %[[IMAGE:.*]] = tensor.collapse_shape %[[X]] {{.*}} into tensor<1x9x9x2xf32>
  // CHECK: %[[R:.*]] = mpq.conv ins(%[[IMAGE]], %[[W]] : {{.*}} bias(%[[BIAS]] :
  // CHECK-SAME: {dilations = array<i64: 1, 1>, groups = 2 : i64, strides = array<i64: 1, 1>, window = array<i64: 1, 1>} -> tensor<1x9x9x4xf32>
  // CHECK: tensor.expand_shape %[[R]] {{.*}} into tensor<1x9x9x2x2xf32>
  func.func @grouped(%x: tensor<1x9x9x2x1xf32>, %b: tensor<2x2xf32>) -> tensor<1x9x9x2x2xf32> {
    %w = arith.constant dense<[[[[[1.0]]], [[[2.0]]]], [[[[3.0]]], [[[4.0]]]]]> : tensor<2x2x1x1x1xf32>
    %e = tensor.empty() : tensor<1x9x9x2x2xf32>
    %f = linalg.broadcast ins(%b : tensor<2x2xf32>) outs(%e : tensor<1x9x9x2x2xf32>) dimensions = [0, 1, 2]
    %r = linalg.conv_2d_nhwgc_gfhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x9x9x2x1xf32>, tensor<2x2x1x1x1xf32>) outs(%f : tensor<1x9x9x2x2xf32>) -> tensor<1x9x9x2x2xf32>
    return %r : tensor<1x9x9x2x2xf32>
  }
}

// -----

#avx512 = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "skylake-avx512", features = "+avx512f,+avx512bw,+avx512vl">
module attributes {mpq.target = #avx512} {
  // A dense convolution, 16 lanes of filters; (2 * 2 taps) * 3 channels deep.
  // Few channels: a row of the window is one sum of adjacent numbers.
  // CHECK-LABEL: func.func @conv(
  // CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x9x9x3xf32>, %[[B:[a-z0-9]+]]: tensor<20xf32>
  // CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[X]] {{\[}}[0], [1], [2, 3]] : tensor<1x9x9x3xf32>
  // CHECK: %[[PIXELS:.*]] = tensor.expand_shape %[[ROWS]]
  // CHECK: mpq.conv ins(%[[PIXELS]], %{{.*}} : tensor<1x9x27x1xf32>, tensor<2x12x16xf32>) bias(%[[B]] :
  // CHECK-SAME: merged, strides = array<i64: 2, 6>, window = array<i64: 2, 6>}
  func.func @conv(%x: tensor<1x9x9x3xf32>, %b: tensor<20xf32>) -> tensor<1x4x4x20xf32> {
    %w = arith.constant dense<2.0> : tensor<2x2x3x20xf32>
    %e = tensor.empty() : tensor<1x4x4x20xf32>
    %f = linalg.broadcast ins(%b : tensor<20xf32>) outs(%e : tensor<1x4x4x20xf32>) dimensions = [0, 1, 2]
    %r = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x9x9x3xf32>, tensor<2x2x3x20xf32>) outs(%f : tensor<1x4x4x20xf32>) -> tensor<1x4x4x20xf32>
    return %r : tensor<1x4x4x20xf32>
  }

  // Of bytes: two groups of 4 for the 6 numbers of a row of the window.
  // CHECK-LABEL: func.func @conv_int8
  // CHECK: mpq.conv ins({{.*}} : tensor<1x5x15x1xi8>, tensor<1x4x64xi8>) {{.*}} merged, strides = array<i64: 1, 3>, window = array<i64: 2, 6>}
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
  // CHECK-LABEL: func.func @depthwise
  // CHECK: mpq.conv ins({{.*}} : tensor<1x8x8x32xf32>, tensor<2x9x16xf32>) {{.*}} {depthwise,
  func.func @depthwise(%x: tensor<1x8x8x32xf32>) -> tensor<1x6x6x32xf32> {
    %w = arith.constant dense<2.0> : tensor<3x3x32xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<1x6x6x32xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x6x6x32xf32>) -> tensor<1x6x6x32xf32>
    %r = linalg.depthwise_conv_2d_nhwc_hwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x8x8x32xf32>, tensor<3x3x32xf32>) outs(%f : tensor<1x6x6x32xf32>) -> tensor<1x6x6x32xf32>
    return %r : tensor<1x6x6x32xf32>
  }

  // Grouped bytes: a group's 5 channels are 2 groups of 4 for each tap, its 20
  // filters 2 vectors.
  // CHECK-LABEL: func.func @grouped_int8
  // CHECK: mpq.conv ins({{.*}} : tensor<1x9x9x15xi8>, tensor<6x18x64xi8>) outs({{.*}} groups = 3 : i64, {{.*}} -> tensor<1x4x4x60xi32>
  func.func @grouped_int8(%x: tensor<1x9x9x3x5xi8>) -> tensor<1x4x4x3x20xi32> {
    %w = arith.constant dense<2> : tensor<3x20x3x3x5xi8>
    %zero = arith.constant 0 : i32
    %e = tensor.empty() : tensor<1x4x4x3x20xi32>
    %f = linalg.fill ins(%zero : i32) outs(%e : tensor<1x4x4x3x20xi32>) -> tensor<1x4x4x3x20xi32>
    %r = linalg.generic {indexing_maps = [affine_map<(b, y, x, g, f, i, j, c) -> (b, y * 2 + i, x * 2 + j, g, c)>,
                                          affine_map<(b, y, x, g, f, i, j, c) -> (g, f, i, j, c)>,
                                          affine_map<(b, y, x, g, f, i, j, c) -> (b, y, x, g, f)>],
                         iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
        ins(%x, %w : tensor<1x9x9x3x5xi8>, tensor<3x20x3x3x5xi8>) outs(%f : tensor<1x4x4x3x20xi32>) {
    ^bb0(%p: i8, %q: i8, %acc: i32):
      %u = arith.extui %p : i8 to i32
      %s = arith.extsi %q : i8 to i32
      %m = arith.muli %u, %s : i32
      %t = arith.addi %acc, %m : i32
      linalg.yield %t : i32
    } -> tensor<1x4x4x3x20xi32>
    return %r : tensor<1x4x4x3x20xi32>
  }

  // A bias that also depends on the pixel is none.
  // CHECK-LABEL: func.func @grouped_init
  // CHECK-NOT: mpq.conv
  // CHECK: linalg.conv_2d_nhwgc_gfhwc
  func.func @grouped_init(%x: tensor<1x9x9x2x3xf32>, %b: tensor<9x2xf32>) -> tensor<1x9x9x2x2xf32> {
    %w = arith.constant dense<2.0> : tensor<2x2x1x1x3xf32>
    %e = tensor.empty() : tensor<1x9x9x2x2xf32>
    %f = linalg.broadcast ins(%b : tensor<9x2xf32>) outs(%e : tensor<1x9x9x2x2xf32>) dimensions = [0, 1, 3]
    %r = linalg.conv_2d_nhwgc_gfhwc {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x9x9x2x3xf32>, tensor<2x2x1x1x3xf32>) outs(%f : tensor<1x9x9x2x2xf32>) -> tensor<1x9x9x2x2xf32>
    return %r : tensor<1x9x9x2x2xf32>
  }

  // A 1x1 convolution is a matrix product over all pixels ...
  // CHECK-LABEL: func.func @pointwise(
  // CHECK: %[[A:.*]] = tensor.collapse_shape %{{.*}} : tensor<1x4x6x8xf32> into tensor<24x8xf32>
  // CHECK: %[[R:.*]] = mpq.contract ins(%[[A]], %{{.*}} : tensor<24x8xf32>, tensor<1x8x16xf32>)
  // CHECK: tensor.expand_shape %[[R]] {{.*}} into tensor<1x4x6x16xf32>
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
  // CHECK-LABEL: func.func @pointwise_padded
  // CHECK-NOT: mpq.contract
  // CHECK: %[[R:.*]] = mpq.conv {{.*}} window = array<i64: 1, 1>
  // CHECK: tensor.pad %[[R]]
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

// -----

// Products with the same weights share what they are packed into.
#avx2 = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">
module attributes {mpq.target = #avx2} {
  // CHECK-LABEL: func.func @shared
  // CHECK: %[[W:.*]] = arith.constant dense_resource<{{.*}}> : tensor<1x4x8xf32>
  // CHECK-NOT: dense_resource
  // CHECK: mpq.contract ins(%{{.*}}, %[[W]]
  // CHECK: mpq.contract ins(%{{.*}}, %[[W]]
  func.func @shared(%a: tensor<4x4xf32>) -> tensor<4x4xf32> {
    %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 10.0, 11.0, 12.0], [13.0, 14.0, 15.0, 16.0]]> : tensor<4x4xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4x4xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
    %r = linalg.matmul ins(%a, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
    %s = linalg.matmul ins(%r, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
    return %s : tensor<4x4xf32>
  }
}
