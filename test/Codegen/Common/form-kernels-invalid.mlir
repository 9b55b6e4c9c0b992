// RUN: quant-opt %s --split-input-file --mpq-form-kernels -verify-diagnostics

// One model in a module.
func.func @first(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
// expected-error @below {{expected one public function but 'first' and 'second' are public}}
func.func @second(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// No model: declarations and private functions are none.
// expected-error @below {{expected a public function with a body}}
module {
  func.func private @helper(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}
