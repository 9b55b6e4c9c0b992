// RUN: quant-opt %s --mpq-vectorize-products -verify-diagnostics

// A tile of unknown height has no fixed number of accumulators.
func.func @dynamic(%a: tensor<?x8xf32>, %w: tensor<1x8x16xf32>, %d: tensor<?x16xf32>) -> tensor<?x16xf32> {
  // expected-error @below {{expected a static tile: run mpq-tile-kernels first}}
  %p = mpq.contract ins(%a, %w : tensor<?x8xf32>, tensor<1x8x16xf32>) outs(%d : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %p : tensor<?x16xf32>
}

// -----

func.func @grouped(%x: tensor<1x3x6x16xf32>, %w: tensor<2x72x16xf32>, %d: tensor<1x1x4x32xf32>) -> tensor<1x1x4x32xf32> {
  // expected-error @below {{expected a tile of one group but got 2 groups: run mpq-tile-kernels first}}
  %r = mpq.conv ins(%x, %w : tensor<1x3x6x16xf32>, tensor<2x72x16xf32>) outs(%d : tensor<1x1x4x32xf32>)
      {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 2 : i64} -> tensor<1x1x4x32xf32>
  return %r : tensor<1x1x4x32xf32>
}

// -----

func.func @unequal_steps(%a: tensor<16x97xi8>, %w: tensor<1x25x64xi8>, %d: tensor<16x16xi32>) -> tensor<16x16xi32> attributes {mpq.strategy = #mpq.strategy<tile = [16, 16], grain = [0, 0], matrix_rows = 16>} {
  // expected-error @below {{expected a dense product of bytes whose reduction has equal steps, of at most 64 bytes, for 'matrix_rows', but got 'tensor<16x97xi8>'}}
  %p = mpq.contract ins(%a, %w : tensor<16x97xi8>, tensor<1x25x64xi8>) outs(%d : tensor<16x16xi32>) -> tensor<16x16xi32>
  return %p : tensor<16x16xi32>
}

// -----

func.func @step_in_vectors(%a: tensor<16x64xbf16>, %w: tensor<1x32x32xbf16>, %d: tensor<16x16xf32>) -> tensor<16x16xf32> attributes {mpq.strategy = #mpq.strategy<tile = [16, 16], grain = [0, 0]>} {
  // expected-error @below {{expected 'matrix_rows' in the strategy of a product with a step, which no vectors compute}}
  %p = mpq.contract ins(%a, %w : tensor<16x64xbf16>, tensor<1x32x32xbf16>) outs(%d : tensor<16x16xf32>) {step = 32 : i64} -> tensor<16x16xf32>
  return %p : tensor<16x16xf32>
}
