// RUN: quant-opt %s --split-input-file --verify-diagnostics

func.func @h1(%x: tensor<4x10xf32>) {
  // expected-error@+1 {{'mpq.choose_params' op expected a parameter map to leading dimensions, or to all but the last and that one floordiv a positive constant, but got affine_map<(d0, d1) -> (d1, d0)>}}
  %s, %z = mpq.choose_params %x by affine_map<(d0, d1) -> (d1, d0)> : tensor<4x10xf32> -> tensor<10x4xf32>, tensor<10x4xi8>
  return
}

// -----

func.func @h1_rank(%x: tensor<4x10xf32>) {
  // expected-error@+1 {{'mpq.choose_params' op expected a parameter map from 2 dimensions to 2 but got}}
  %s, %z = mpq.choose_params %x by affine_map<(d0, d1) -> (d0)> : tensor<4x10xf32> -> tensor<4x1xf32>, tensor<4x1xi8>
  return
}

// -----

func.func @h1_trailing(%x: tensor<4x10xf32>) {
  // expected-error@+1 {{'mpq.choose_params' op expected a parameter map to leading dimensions, or to all but the last and that one floordiv a positive constant, but got affine_map<(d0, d1) -> (d1)>}}
  %s, %z = mpq.choose_params %x by affine_map<(d0, d1) -> (d1)> unsigned : tensor<4x10xf32> -> tensor<10xf32>, tensor<10xi8>
  return
}

// -----

func.func @h2_tensor(%x: tensor<4x10xf32>) {
  // expected-error@+1 {{'mpq.choose_params' op expected a parameter map from 2 dimensions to 1 but got affine_map<(d0, d1) -> ()>}}
  %s, %z = mpq.choose_params %x by affine_map<(d0, d1) -> ()> unsigned : tensor<4x10xf32> -> tensor<1xf32>, tensor<1xi8>
  return
}

// -----

func.func @h2(%x: tensor<4x10xf32>) {
  // expected-error@+1 {{'mpq.choose_params' op expected scales of shape [4, 3] but got 'tensor<4x2xf32>'}}
  %s, %z = mpq.choose_params %x by affine_map<(d0, d1) -> (d0, d1 floordiv 4)> : tensor<4x10xf32> -> tensor<4x2xf32>, tensor<4x2xi8>
  return
}

// -----

func.func @h2_equal(%x: tensor<4x10xf32>) {
  // expected-error@+1 {{'mpq.choose_params' op requires scale and zero point of equal shape but got 'tensor<4xf32>' and 'tensor<1xi8>'}}
  %s, %z = mpq.choose_params %x by affine_map<(d0, d1) -> (d0)> : tensor<4x10xf32> -> tensor<4xf32>, tensor<1xi8>
  return
}

// -----

func.func @b1(%a: tensor<2x8xf32>, %w: tensor<8x3xi4>, %s: tensor<1x3xf32>, %e: tensor<2x3xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op requires 2, 4 or 8 bits and lhs and init of equal rows but got 3 bits}}
  %r = mpq.block_contract ins(%a, %w : tensor<2x8xf32>, tensor<8x3xi4>) scales(%s : tensor<1x3xf32>) outs(%e : tensor<2x3xf32>) {bits = 3, block = 8} -> tensor<2x3xf32>
  return
}

// -----

func.func @b2(%a: tensor<2x8xf32>, %w: tensor<8x3xi4>, %s: tensor<1x3xf32>, %e: tensor<2x3xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op expected blocks that divide 8 but got 3}}
  %r = mpq.block_contract ins(%a, %w : tensor<2x8xf32>, tensor<8x3xi4>) scales(%s : tensor<1x3xf32>) outs(%e : tensor<2x3xf32>) {bits = 4, block = 3} -> tensor<2x3xf32>
  return
}

// -----

func.func @b3(%a: tensor<2x8xf32>, %w: tensor<8x3xi4>, %s: tensor<1x3xf32>, %e: tensor<2x3xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op expected weights of shape [8, 3] and 4 bits with parameters of shape [2, 3] but got 'tensor<8x3xi4>' and 'tensor<1x3xf32>'}}
  %r = mpq.block_contract ins(%a, %w : tensor<2x8xf32>, tensor<8x3xi4>) scales(%s : tensor<1x3xf32>) outs(%e : tensor<2x3xf32>) {bits = 4, block = 4} -> tensor<2x3xf32>
  return
}

// -----

func.func @b3_packed(%a: tensor<2x8xf32>, %w: tensor<1x2x64xi8>, %s: tensor<1x1x16xf32>, %e: tensor<2x3xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op expected weights of shape [1, 1, 64] and 8 bits with parameters of shape [1, 1, 16] but got}}
  %r = mpq.block_contract ins(%a, %w : tensor<2x8xf32>, tensor<1x2x64xi8>) scales(%s : tensor<1x1x16xf32>) outs(%e : tensor<2x3xf32>) {bits = 4, block = 8} -> tensor<2x3xf32>
  return
}

// -----

func.func @b4(%a: tensor<2x8xi8>, %w: tensor<8x3xi4>, %s: tensor<1x3xf32>, %e: tensor<2x3xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op expected lhs_scales for each of 1 blocks of an integer lhs, and for no other}}
  %r = mpq.block_contract ins(%a, %w : tensor<2x8xi8>, tensor<8x3xi4>) scales(%s : tensor<1x3xf32>) outs(%e : tensor<2x3xf32>) {bits = 4, block = 8} -> tensor<2x3xf32>
  return
}

// -----

func.func @b5(%a: tensor<2x8xi8>, %w: tensor<1x1x64xi8>, %s: tensor<1x1x16xf32>, %t: tensor<2x1xf32>, %e: tensor<2x3xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op expected lhs_sums for each of 1 blocks of an integer lhs and packed weights, and for no other}}
  %r = mpq.block_contract ins(%a, %w : tensor<2x8xi8>, tensor<1x1x64xi8>) scales(%s : tensor<1x1x16xf32>) lhs_scales(%t : tensor<2x1xf32>) outs(%e : tensor<2x3xf32>) {bits = 4, block = 8} -> tensor<2x3xf32>
  return
}

// -----

func.func @b6(%a: tensor<1x131072xi8>, %w: tensor<131072x3xi8>, %s: tensor<1x3xf32>, %t: tensor<1x1xf32>, %e: tensor<1x3xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op expected blocks of at most 65536 but got 131072}}
  %r = mpq.block_contract ins(%a, %w : tensor<1x131072xi8>, tensor<131072x3xi8>) scales(%s : tensor<1x3xf32>) lhs_scales(%t : tensor<1x1xf32>) outs(%e : tensor<1x3xf32>) {bits = 8, block = 131072} -> tensor<1x3xf32>
  return
}

// -----

func.func @b7(%a: tensor<1x8xf32>, %w: tensor<1x1x64xi8>, %s: tensor<1x1x48xf32>, %e: tensor<1x16xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op expected scales in f32 or, if packed, f16 or bytes with or without a scale_base but got 'tensor<1x1x48xf32>'}}
  %r = mpq.block_contract ins(%a, %w : tensor<1x8xf32>, tensor<1x1x64xi8>) scales(%s : tensor<1x1x48xf32>) outs(%e : tensor<1x16xf32>) {bits = 4, block = 8, scale_base = 3 : i32} -> tensor<1x16xf32>
  return
}

// -----

func.func @b7_plain(%a: tensor<1x8xf32>, %w: tensor<8x16xi4>, %s: tensor<1x16xf16>, %e: tensor<1x16xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op expected scales in f32 or, if packed, f16 or bytes with or without a scale_base but got 'tensor<1x16xf16>'}}
  %r = mpq.block_contract ins(%a, %w : tensor<1x8xf32>, tensor<8x16xi4>) scales(%s : tensor<1x16xf16>) outs(%e : tensor<1x16xf32>) {bits = 4, block = 8} -> tensor<1x16xf32>
  return
}

// -----

func.func @b8_bits(%a: tensor<1x8xf32>, %w: tensor<8x16xi4>, %s: tensor<1x16xf32>, %e: tensor<1x16xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op expected an f32 lhs, no zero points and 8 bits for 'f8E4M3FN' but got 'tensor<1x8xf32>' and 4 bits}}
  %r = mpq.block_contract ins(%a, %w : tensor<1x8xf32>, tensor<8x16xi4>) scales(%s : tensor<1x16xf32>) outs(%e : tensor<1x16xf32>) {bits = 4, block = 8, format = f8E4M3FN} -> tensor<1x16xf32>
  return
}

// -----

func.func @b8_zero_point(%a: tensor<1x8xf32>, %w: tensor<8x16xi4>, %s: tensor<1x16xf32>, %e: tensor<1x16xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op expected an f32 lhs, no zero points and 4 bits for 'f4E2M1FN'}}
  %r = mpq.block_contract ins(%a, %w : tensor<1x8xf32>, tensor<8x16xi4>) scales(%s : tensor<1x16xf32>) outs(%e : tensor<1x16xf32>) {bits = 4, block = 8, zero_point = 8, format = f4E2M1FN} -> tensor<1x16xf32>
  return
}

// -----

func.func @b8_format(%a: tensor<1x8xf32>, %w: tensor<8x16xi8>, %s: tensor<1x16xf32>, %e: tensor<1x16xf32>) {
  // expected-error@+1 {{'mpq.block_contract' op attribute 'format' failed to satisfy constraint}}
  %r = mpq.block_contract ins(%a, %w : tensor<1x8xf32>, tensor<8x16xi8>) scales(%s : tensor<1x16xf32>) outs(%e : tensor<1x16xf32>) {bits = 8, block = 8, format = f16} -> tensor<1x16xf32>
  return
}
