// RUN: quant-opt %s --mpq-tile-kernels -verify-diagnostics

// expected-error @below {{expected an 'mpq.strategy' attribute: run mpq-select-strategy first}}
func.func private @no_strategy(%a: tensor<4x8xf32>, %w: tensor<1x8x16xf32>, %d: tensor<4x16xf32>, %begin: index, %end: index) -> tensor<4x16xf32> attributes {mpq.kernel} {
  %r = mpq.contract ins(%a, %w : tensor<4x8xf32>, tensor<1x8x16xf32>) outs(%d : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}
