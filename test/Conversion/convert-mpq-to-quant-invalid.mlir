// What a type cannot hold is an error, and nothing is converted.
// RUN: quant-opt %s --mpq-convert-mpq-to-quant --split-input-file --verify-diagnostics

#tensor = affine_map<(d0) -> ()>
func.func @computed(%x: tensor<4xf32>, %s: tensor<f32>) -> tensor<4xi8> {
  %z = arith.constant dense<0> : tensor<i8>
  // expected-error @+1 {{'mpq.quantize' op expected constants but its scale or zero point is computed at run time, which no type !quant.uniform can hold}}
  %q = mpq.quantize %x, %s, %z by #tensor : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

#blocks = affine_map<(d0) -> (d0 floordiv 4)>
func.func @blocks(%x: tensor<6xi8>) -> tensor<6xf32> {
  %s = arith.constant dense<1.0> : tensor<2xf32>
  %z = arith.constant dense<0> : tensor<2xi8>
  // expected-error @+1 {{expected whole blocks but 4 elements do not divide dimension 0 of 'tensor<6xf32>'}}
  %d = mpq.dequantize %x, %s, %z by #blocks : tensor<6xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<6xf32>
  return %d : tensor<6xf32>
}

// -----

func.func @vector(%x: vector<4xf32>, %s: vector<4xf32>, %z: vector<4xi8>) -> vector<4xi8> {
  // expected-error @+1 {{'mpq.quantize' op expected a scalar or a tensor but got 'vector<4xf32>'}}
  %q = mpq.quantize %x, %s, %z : vector<4xf32>, vector<4xf32>, vector<4xi8> -> vector<4xi8>
  return %q : vector<4xi8>
}

// -----

#tensor = affine_map<(d0) -> ()>
func.func @requantize(%x: tensor<4xi32>) -> tensor<4xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  // expected-error @+1 {{'mpq.requantize' op expected QDQ form but this operation has no counterpart in quant: convert before the phase lower}}
  %q = mpq.requantize %x, %s, %z by #tensor : tensor<4xi32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}
