// RUN: quant-opt %s --split-input-file --mpq-count-kernel-work --mlir-print-local-scope | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>

// 8 x 10 sums of 63 products: neither the padding of the weights to 64 x 16 nor
// the epilogue counts as arithmetic. Bytes are those of the buffers.
// CHECK: func.func private @product(
// CHECK-SAME: mpq.kernel_work = array<i64: 5040, 0, 1528, 80>
func.func private @product(%a: tensor<8x63xi8>, %w: tensor<1x16x64xi8>, %d: tensor<8x10xi8>, %begin: index, %end: index) -> tensor<8x10xi8> attributes {mpq.kernel} {
  %e = tensor.empty() : tensor<8x10xi32>
  %p = mpq.contract ins(%a, %w : tensor<8x63xi8>, tensor<1x16x64xi8>) outs(%e : tensor<8x10xi32>) -> tensor<8x10xi32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<8x10xi32>) outs(%d : tensor<8x10xi8>) {
  ^bb0(%x: i32, %out: i8):
    %y = arith.trunci %x : i32 to i8
    linalg.yield %y : i8
  } -> tensor<8x10xi8>
  return %r : tensor<8x10xi8>
}

// -----

// A dense convolution sums over window and channels, a depthwise one over the window.
// CHECK: func.func private @conv(
// CHECK-SAME: mpq.kernel_work = array<i64: 0, 248832, {{[0-9]+}}, 1728>
func.func private @conv(%x: tensor<1x11x5x64xf32>, %w: tensor<1x576x16xf32>, %d: tensor<1x9x3x16xf32>, %begin: index, %end: index) -> tensor<1x9x3x16xf32> attributes {mpq.kernel} {
  %r = mpq.conv ins(%x, %w : tensor<1x11x5x64xf32>, tensor<1x576x16xf32>) outs(%d : tensor<1x9x3x16xf32>)
      {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x9x3x16xf32>
  return %r : tensor<1x9x3x16xf32>
}
// CHECK: func.func private @depthwise(
// CHECK-SAME: mpq.kernel_work = array<i64: 0, 3888, {{[0-9]+}}, 1728>
func.func private @depthwise(%x: tensor<1x11x5x16xf32>, %w: tensor<1x9x16xf32>, %d: tensor<1x9x3x16xf32>, %begin: index, %end: index) -> tensor<1x9x3x16xf32> attributes {mpq.kernel} {
  %r = mpq.conv ins(%x, %w : tensor<1x11x5x16xf32>, tensor<1x9x16xf32>) outs(%d : tensor<1x9x3x16xf32>)
      {depthwise, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x9x3x16xf32>
  return %r : tensor<1x9x3x16xf32>
}

// -----

// A sum that goes on from what the destination holds reads it, too.
// CHECK: func.func private @accumulate(
// CHECK-SAME: mpq.kernel_work = array<i64: 0, 0, 144, 16>
func.func private @accumulate(%x: tensor<8x4xf32>, %d: tensor<4xf32>, %begin: index, %end: index) -> tensor<4xf32> attributes {mpq.kernel} {
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x4xf32>) outs(%d : tensor<4xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %s = arith.addf %acc, %v : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// A grouped one sums over the channels of its group: 4 x 4 x 60 x 9 x 8.
// CHECK: func.func private @grouped(
// CHECK-SAME: mpq.kernel_work = array<i64: 0, 69120, {{[0-9]+}}, 3840>
func.func private @grouped(%x: tensor<1x6x6x24xf32>, %w: tensor<6x72x16xf32>, %d: tensor<1x4x4x60xf32>, %begin: index, %end: index) -> tensor<1x4x4x60xf32> attributes {mpq.kernel} {
  %r = mpq.conv ins(%x, %w : tensor<1x6x6x24xf32>, tensor<6x72x16xf32>) outs(%d : tensor<1x4x4x60xf32>)
      {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 3 : i64} -> tensor<1x4x4x60xf32>
  return %r : tensor<1x4x4x60xf32>
}

// -----

// Of the destination only the first row is filled.
// CHECK: func.func private @fill(
// CHECK-SAME: mpq.kernel_work = array<i64: 0, 0, 0, 24>
func.func private @fill(%d: tensor<4x6xf32>, %begin: index, %end: index) -> tensor<4x6xf32> attributes {mpq.kernel, mpq.work_items = 1 : i64} {
  %zero = arith.constant 0.0 : f32
  %row = tensor.extract_slice %d[0, 0] [1, 6] [1, 1] : tensor<4x6xf32> to tensor<1x6xf32>
  %filled = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      outs(%row : tensor<1x6xf32>) {
  ^bb0(%out: f32):
    linalg.yield %zero : f32
  } -> tensor<1x6xf32>
  %r = tensor.insert_slice %filled into %d[0, 0] [1, 6] [1, 1] : tensor<1x6xf32> into tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

// Other functions are left alone.
// CHECK: func.func @main(%{{.*}}: tensor<4xf32>) -> tensor<4xf32> {
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
