// Rules (Q*) of quantize, (D*) of dequantize and (A*) of requantize; the number
// in a function's name is the rule's.
// RUN: quant-opt %s --split-input-file -verify-diagnostics

func.func @q1(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<5xi8> {
  // expected-error @below {{'mpq.quantize' op requires equal shapes but got 'tensor<4xf32>' and 'tensor<5xi8>'}}
  %q = mpq.quantize %x, %s, %z by affine_map<(d0) -> ()> : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<5xi8>
  return %q : tensor<5xi8>
}

// -----

func.func @q1_kind(%x: f32, %s: f32, %z: i8) -> vector<1xi8> {
  // expected-error @below {{'mpq.quantize' op requires equal shapes but got 'f32' and 'vector<1xi8>'}}
  %q = mpq.quantize %x, %s, %z : f32, f32, i8 -> vector<1xi8>
  return %q : vector<1xi8>
}

// -----

func.func @q2(%x: tensor<4xf32>, %s: tensor<4xf32>, %z: tensor<i8>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.quantize' op requires scale and zero point of equal shape but got 'tensor<4xf32>' and 'tensor<i8>'}}
  %q = mpq.quantize %x, %s, %z by affine_map<(d0) -> (d0)> : tensor<4xf32>, tensor<4xf32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @q3(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i16>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.quantize' op expected zero point element type 'i8' but got 'i16'}}
  %q = mpq.quantize %x, %s, %z by affine_map<(d0) -> ()> : tensor<4xf32>, tensor<f32>, tensor<i16> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @q4_scalar_with_map(%x: f32, %s: f32, %z: i8) -> i8 {
  // expected-error @below {{'mpq.quantize' op expected no parameter map on a scalar or vector}}
  %q = mpq.quantize %x, %s, %z by affine_map<() -> ()> : f32, f32, i8 -> i8
  return %q : i8
}

// -----

func.func @q4_scalar_of_tensor(%x: f32, %s: tensor<f32>, %z: tensor<i8>) -> i8 {
  // expected-error @below {{'mpq.quantize' op requires a scale of type like 'f32' but got 'tensor<f32>'}}
  %q = mpq.quantize %x, %s, %z : f32, tensor<f32>, tensor<i8> -> i8
  return %q : i8
}

// -----

func.func @q4_no_map(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.quantize' op requires a parameter map and a scale tensor}}
  %q = mpq.quantize %x, %s, %z : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @q4_dims(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.quantize' op expected a parameter map of 1 dimensions but got affine_map<(d0, d1) -> ()>}}
  %q = mpq.quantize %x, %s, %z by affine_map<(d0, d1) -> ()> : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @q4_results(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.quantize' op parameter map has 1 results but the scale has rank 0}}
  %q = mpq.quantize %x, %s, %z by affine_map<(d0) -> (d0)> : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @q5(%x: tensor<4xf32>, %s: tensor<4xf32>, %z: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.quantize' op parameter map result #0 is neither a dimension nor a dimension floordiv a positive constant}}
  %q = mpq.quantize %x, %s, %z by affine_map<(d0) -> (d0 + 1)> : tensor<4xf32>, tensor<4xf32>, tensor<4xi8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @q6(%x: tensor<4xf32>, %s: tensor<3xf32>, %z: tensor<3xi8>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.quantize' op expected 4 scales along dimension 0 but got 3}}
  %q = mpq.quantize %x, %s, %z by affine_map<(d0) -> (d0)> : tensor<4xf32>, tensor<3xf32>, tensor<3xi8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @q6_blocks(%x: tensor<9xf32>, %s: tensor<2xf32>, %z: tensor<2xi8>) -> tensor<9xi8> {
  // expected-error @below {{'mpq.quantize' op expected 3 scales along dimension 0 but got 2}}
  %q = mpq.quantize %x, %s, %z by affine_map<(d0) -> (d0 floordiv 4)> : tensor<9xf32>, tensor<2xf32>, tensor<2xi8> -> tensor<9xi8>
  return %q : tensor<9xi8>
}

// -----

func.func @q7_storage(%x: f32, %s: f32, %z: i8) -> i8 {
  // expected-error @below {{'mpq.quantize' op expected a clamp range of two increasing numbers in [-128, 127]}}
  %q = mpq.quantize %x, %s, %z {clamp_range = array<i64: 0, 255>} : f32, f32, i8 -> i8
  return %q : i8
}

// -----

func.func @q7_order(%x: f32, %s: f32, %z: i8) -> i8 {
  // expected-error @below {{'mpq.quantize' op expected a clamp range of two increasing numbers in [0, 255]}}
  %q = mpq.quantize %x, %s, %z unsigned {clamp_range = array<i64: 5, 5>} : f32, f32, i8 -> i8
  return %q : i8
}

// -----

func.func @q7_zero_point(%x: tensor<4xf32>, %s: tensor<f32>) -> tensor<4xi8> {
  %z = arith.constant dense<-128> : tensor<i8>
  // expected-error @below {{'mpq.quantize' op zero point -128 is outside the clamp range [-127, 127]}}
  %q = mpq.quantize %x, %s, %z by affine_map<(d0) -> ()> {clamp_range = array<i64: -127, 127>} : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @q8(%x: tensor<4xf32>, %z: tensor<i8>) -> tensor<4xi8> {
  // expected-note @below {{scale defined here}}
  %s = arith.constant dense<-0.5> : tensor<f32>
  // expected-error @below {{'mpq.quantize' op requires positive finite scales but got -5.000000e-01}}
  %q = mpq.quantize %x, %s, %z by affine_map<(d0) -> ()> : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @d1(%q: tensor<4xi8>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<5xf32> {
  // expected-error @below {{'mpq.dequantize' op requires equal shapes but got 'tensor<5xf32>' and 'tensor<4xi8>'}}
  %x = mpq.dequantize %q, %s, %z by affine_map<(d0) -> ()> : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<5xf32>
  return %x : tensor<5xf32>
}

// -----

func.func @d2(%q: tensor<4xi8>, %s: tensor<f32>, %z: tensor<4xi8>) -> tensor<4xf32> {
  // expected-error @below {{'mpq.dequantize' op requires scale and zero point of equal shape but got 'tensor<f32>' and 'tensor<4xi8>'}}
  %x = mpq.dequantize %q, %s, %z by affine_map<(d0) -> ()> : tensor<4xi8>, tensor<f32>, tensor<4xi8> -> tensor<4xf32>
  return %x : tensor<4xf32>
}

// -----

func.func @d3(%q: tensor<4xi32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<4xf32> {
  // expected-error @below {{'mpq.dequantize' op expected zero point element type 'i32' but got 'i8'}}
  %x = mpq.dequantize %q, %s, %z by affine_map<(d0) -> ()> : tensor<4xi32>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  return %x : tensor<4xf32>
}

// -----

func.func @d4(%q: tensor<4xi8>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<4xf32> {
  // expected-error @below {{'mpq.dequantize' op requires a parameter map and a scale tensor}}
  %x = mpq.dequantize %q, %s, %z : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  return %x : tensor<4xf32>
}

// -----

func.func @d5(%q: tensor<4xi8>, %s: tensor<4xf32>, %z: tensor<4xi8>) -> tensor<4xf32> {
  // expected-error @below {{'mpq.dequantize' op parameter map result #0 is neither a dimension nor a dimension floordiv a positive constant}}
  %x = mpq.dequantize %q, %s, %z by affine_map<(d0) -> (d0 mod 4)> : tensor<4xi8>, tensor<4xf32>, tensor<4xi8> -> tensor<4xf32>
  return %x : tensor<4xf32>
}

// -----

func.func @d6(%q: tensor<4x2xi8>, %s: tensor<4xf32>, %z: tensor<4xi8>) -> tensor<4x2xf32> {
  // expected-error @below {{'mpq.dequantize' op expected 2 scales along dimension 1 but got 4}}
  %x = mpq.dequantize %q, %s, %z by affine_map<(d0, d1) -> (d1)> : tensor<4x2xi8>, tensor<4xf32>, tensor<4xi8> -> tensor<4x2xf32>
  return %x : tensor<4x2xf32>
}

// -----

func.func @d8(%q: tensor<4xi8>, %z: tensor<2xi8>) -> tensor<4xf32> {
  // expected-note @below {{scale defined here}}
  %s = arith.constant dense<[0.5, 0.0]> : tensor<2xf32>
  // expected-error @below {{'mpq.dequantize' op requires positive finite scales but got 0.000000e+00}}
  %x = mpq.dequantize %q, %s, %z by affine_map<(d0) -> (d0 floordiv 2)> : tensor<4xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<4xf32>
  return %x : tensor<4xf32>
}

// -----

func.func @a1(%a: tensor<4xi32>, %m: tensor<f32>, %z: tensor<i8>) -> tensor<5xi8> {
  // expected-error @below {{'mpq.requantize' op requires equal shapes but got 'tensor<4xi32>' and 'tensor<5xi8>'}}
  %q = mpq.requantize %a, %m, %z by affine_map<(d0) -> ()> : tensor<4xi32>, tensor<f32>, tensor<i8> -> tensor<5xi8>
  return %q : tensor<5xi8>
}

// -----

func.func @a2(%a: tensor<4xi32>, %m: tensor<4xf32>, %z: tensor<i8>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.requantize' op requires scale and zero point of equal shape but got 'tensor<4xf32>' and 'tensor<i8>'}}
  %q = mpq.requantize %a, %m, %z by affine_map<(d0) -> (d0)> : tensor<4xi32>, tensor<4xf32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @a3(%a: tensor<4xi32>, %m: tensor<f32>, %z: tensor<i16>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.requantize' op expected zero point element type 'i8' but got 'i16'}}
  %q = mpq.requantize %a, %m, %z by affine_map<(d0) -> ()> : tensor<4xi32>, tensor<f32>, tensor<i16> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @a4(%a: i32, %m: f32, %z: i8) -> i8 {
  // expected-error @below {{'mpq.requantize' op expected no parameter map on a scalar or vector}}
  %q = mpq.requantize %a, %m, %z by affine_map<() -> ()> : i32, f32, i8 -> i8
  return %q : i8
}

// -----

func.func @a5(%a: tensor<4xi32>, %m: tensor<4xf32>, %z: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.requantize' op parameter map result #0 is neither a dimension nor a dimension floordiv a positive constant}}
  %q = mpq.requantize %a, %m, %z by affine_map<(d0) -> (d0 * 2)> : tensor<4xi32>, tensor<4xf32>, tensor<4xi8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @a6(%a: tensor<4xi32>, %m: tensor<2xf32>, %z: tensor<2xi8>) -> tensor<4xi8> {
  // expected-error @below {{'mpq.requantize' op expected 4 scales along dimension 0 but got 2}}
  %q = mpq.requantize %a, %m, %z by affine_map<(d0) -> (d0)> : tensor<4xi32>, tensor<2xf32>, tensor<2xi8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @a7(%a: i32, %m: f32, %z: i4) -> i4 {
  // expected-error @below {{'mpq.requantize' op expected a clamp range of two increasing numbers in [0, 15]}}
  %q = mpq.requantize %a, %m, %z unsigned {clamp_range = array<i64: -1, 15>} : i32, f32, i4 -> i4
  return %q : i4
}

// -----

func.func @a8(%a: tensor<4xi32>, %z: tensor<i8>) -> tensor<4xi8> {
  // expected-note @below {{scale defined here}}
  %m = arith.constant dense<0x7F800000> : tensor<f32>
  // expected-error @below {{'mpq.requantize' op requires positive finite scales but got}}
  %q = mpq.requantize %a, %m, %z by affine_map<(d0) -> ()> : tensor<4xi32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  return %q : tensor<4xi8>
}

// -----

func.func @d9(%q: tensor<4xf8E4M3FN>, %s: tensor<f32>, %z: tensor<f8E4M3FN>) {
  // expected-error@+1 {{'mpq.dequantize' op expected no 'unsigned' for 'tensor<4xf8E4M3FN>'}}
  %r = mpq.dequantize %q, %s, %z by affine_map<(d0) -> ()> unsigned : tensor<4xf8E4M3FN>, tensor<f32>, tensor<f8E4M3FN> -> tensor<4xf32>
  return
}

// -----

func.func @d3_format(%q: tensor<4xf8E4M3FN>, %s: tensor<f32>, %z: tensor<f8E5M2>) {
  // expected-error@+1 {{'mpq.dequantize' op expected zero point element type 'f8E4M3FN' but got 'f8E5M2'}}
  %r = mpq.dequantize %q, %s, %z by affine_map<(d0) -> ()> : tensor<4xf8E4M3FN>, tensor<f32>, tensor<f8E5M2> -> tensor<4xf32>
  return
}
