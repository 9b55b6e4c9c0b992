// RUN: quant-opt %s --split-input-file --mpq-select-strategy -verify-diagnostics

// expected-error @below {{expected an 'mpq.target' attribute on the module: codegen needs to know the machine}}
func.func @no_target(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// A kernel that computes nothing.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  // expected-error @below {{expected a kernel with a linalg operation or product}}
  func.func private @nothing(%x: tensor<4xf32>, %d: tensor<4xf32>, %begin: index, %end: index) -> tensor<4xf32> attributes {mpq.kernel} {
    return %x : tensor<4xf32>
  }
}
