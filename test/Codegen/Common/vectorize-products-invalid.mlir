// RUN: quant-opt %s --mpq-vectorize-products -verify-diagnostics

// A tile of unknown height has no fixed number of accumulators.
func.func @dynamic(%a: tensor<?x8xf32>, %w: tensor<1x8x16xf32>, %d: tensor<?x16xf32>) -> tensor<?x16xf32> {
  // expected-error @below {{expected a static tile: run mpq-tile-kernels first}}
  %p = mpq.contract ins(%a, %w : tensor<?x8xf32>, tensor<1x8x16xf32>) outs(%d : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %p : tensor<?x16xf32>
}
