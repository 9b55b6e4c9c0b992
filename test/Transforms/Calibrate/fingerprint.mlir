// Which changes make another model: weights, operations and the names of values
// do (a profile is keyed by them), names in the text and observers do not.
// RUN: quant-opt %s --split-input-file --verify-diagnostics --mpq-apply-profile=file=%S/Inputs/fingerprinted.json

// expected-error @below {{expected fingerprint}}
module {
func.func @model(%x: tensor<2xf32> {mpq.name = "x"}) -> tensor<2xf32> {
  %w = arith.constant dense<[1.0, 2.5]> : tensor<2xf32>
  %r = arith.mulf %x, %w : tensor<2xf32>
  return %r : tensor<2xf32>
}
}

// -----

module {
func.func @model(%x: tensor<2xf32> {mpq.name = "x"}) -> tensor<2xf32> {
  %w = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %r = arith.mulf %x, %w : tensor<2xf32>
  return %r : tensor<2xf32>
}
}

// -----

module {
func.func @model(%other: tensor<2xf32> {mpq.name = "x"}) -> tensor<2xf32> {
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  mpq.observe %other as "x" : tensor<2xf32>
  %0 = arith.mulf %other, %c : tensor<2xf32>
  return %0 : tensor<2xf32>
}
}

// -----

// expected-error @below {{expected fingerprint}}
module {
func.func @model(%x: tensor<2xf32> {mpq.name = "x"}) -> tensor<2xf32> {
  %w = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %r = arith.mulf %x, %w : tensor<2xf32> loc("renamed")
  return %r : tensor<2xf32>
}
}

// -----

// expected-error @below {{expected fingerprint}}
module {
func.func @model(%x: tensor<2xf32> {mpq.name = "x"}) -> tensor<2xf32> {
  %w = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %r = arith.mulf %w, %x : tensor<2xf32>
  return %r : tensor<2xf32>
}
}
