// RUN: quant-opt %s --pass-pipeline="builtin.module(func.func(mpq-overlap-windows))" --mlir-print-local-scope | FileCheck %s

// Three pixels of 16 channels are 48 bytes in a row; pixels of the view are two pixels of the image apart.
// CHECK-LABEL: @window
// CHECK: %[[VIEW:.*]] = memref.reinterpret_cast %arg0 to offset: [0], sizes: [1, 9, 4, 48], strides: [1296, 144, 32, 1]
// CHECK: %[[IMAGE:.*]] = bufferization.to_tensor %[[VIEW]] restrict
// CHECK: mpq.conv ins(%[[IMAGE]], {{.*}} : tensor<1x9x4x48xi8>, tensor<1x36x64xi8>)
// CHECK-SAME: dilations = array<i64: 1, 1>, strides = array<i64: 2, 1>, window = array<i64: 3, 1>
func.func private @window(%x: memref<1x9x9x16xi8>, %w: tensor<1x36x64xi8>, %d: tensor<1x4x4x16xi32>) -> tensor<1x4x4x16xi32> attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1, 2, 4, 16], grain = [0, 0, 0, 0], matrix_rows = 4>} {
  %i = bufferization.to_tensor %x restrict : memref<1x9x9x16xi8> to tensor<1x9x9x16xi8>
  %r = mpq.conv ins(%i, %w : tensor<1x9x9x16xi8>, tensor<1x36x64xi8>) outs(%d : tensor<1x4x4x16xi32>) {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} -> tensor<1x4x4x16xi32>
  return %r : tensor<1x4x4x16xi32>
}

// Pixels with other channels between them: every tap is read alone.
// CHECK-LABEL: @slice_of_channels
// CHECK-NOT: reinterpret_cast
// CHECK: window = array<i64: 3, 3>
func.func private @slice_of_channels(%x: memref<1x9x9x16xi8, strided<[2592, 288, 32, 1]>>, %w: tensor<1x36x64xi8>, %d: tensor<1x7x7x16xi32>) -> tensor<1x7x7x16xi32> attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1, 2, 4, 16], grain = [0, 0, 0, 0], matrix_rows = 4>} {
  %i = bufferization.to_tensor %x restrict : memref<1x9x9x16xi8, strided<[2592, 288, 32, 1]>> to tensor<1x9x9x16xi8>
  %r = mpq.conv ins(%i, %w : tensor<1x9x9x16xi8>, tensor<1x36x64xi8>) outs(%d : tensor<1x7x7x16xi32>) {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x7x7x16xi32>
  return %r : tensor<1x7x7x16xi32>
}

// One column with a step of two: still a view, whose pixels are the ones that are read.
// CHECK-LABEL: @step
// CHECK: memref.reinterpret_cast %arg0 to offset: [0], sizes: [1, 9, 5, 16], strides: [2592, 288, 64, 1]
// CHECK: strides = array<i64: 2, 1>, window = array<i64: 1, 1>
func.func private @step(%x: memref<1x9x9x16xi8, strided<[2592, 288, 32, 1]>>, %w: tensor<1x4x64xi8>, %d: tensor<1x5x5x16xi32>) -> tensor<1x5x5x16xi32> attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1, 1, 4, 16], grain = [0, 0, 0, 0], matrix_rows = 4>} {
  %i = bufferization.to_tensor %x restrict : memref<1x9x9x16xi8, strided<[2592, 288, 32, 1]>> to tensor<1x9x9x16xi8>
  %r = mpq.conv ins(%i, %w : tensor<1x9x9x16xi8>, tensor<1x4x64xi8>) outs(%d : tensor<1x5x5x16xi32>) {window = array<i64: 1, 1>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} -> tensor<1x5x5x16xi32>
  return %r : tensor<1x5x5x16xi32>
}

// Kernels on vectors keep their taps.
// CHECK-LABEL: @vectors
// CHECK-NOT: reinterpret_cast
func.func private @vectors(%x: memref<1x9x9x16xi8>, %w: tensor<1x36x64xi8>, %d: tensor<1x7x7x16xi32>) -> tensor<1x7x7x16xi32> attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1, 1, 7, 16], grain = [0, 0, 0, 0]>} {
  %i = bufferization.to_tensor %x restrict : memref<1x9x9x16xi8> to tensor<1x9x9x16xi8>
  %r = mpq.conv ins(%i, %w : tensor<1x9x9x16xi8>, tensor<1x36x64xi8>) outs(%d : tensor<1x7x7x16xi32>) {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x7x7x16xi32>
  return %r : tensor<1x7x7x16xi32>
}
