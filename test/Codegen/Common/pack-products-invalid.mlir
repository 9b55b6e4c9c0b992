// RUN: quant-opt %s --mpq-pack-products -verify-diagnostics

// Packing needs the vector length.
// expected-error @below {{expected an 'mpq.target' attribute on the module: codegen needs to know the machine}}
module {
  func.func @model(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}
