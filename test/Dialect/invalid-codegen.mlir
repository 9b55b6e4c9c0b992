// Rules (C*) of contract, (V*) of conv and (T*) of dot4 and dot_tile.
// RUN: quant-opt %s --split-input-file -verify-diagnostics

func.func @c1(%a: tensor<32x64xi8>, %w: tensor<3x16x64xi8>, %e: tensor<31x48xi32>) -> tensor<31x48xi32> {
  // expected-error @below {{'mpq.contract' op requires lhs and init of rank 2 or 3 that agree on batch and rows but got 'tensor<32x64xi8>' and 'tensor<31x48xi32>'}}
  %r = mpq.contract ins(%a, %w : tensor<32x64xi8>, tensor<3x16x64xi8>) outs(%e : tensor<31x48xi32>) -> tensor<31x48xi32>
  return %r : tensor<31x48xi32>
}

// -----

func.func @c2(%a: tensor<32x64xi8>, %w: tensor<3x16x64xi8>, %e: tensor<32x48xf32>) -> tensor<32x48xf32> {
  // expected-error @below {{'mpq.contract' op requires i8, i8 -> i32 or f32, f32 (f16, bf16) -> f32 or, with a step, bf16, bf16 -> f32, with a bias of the result's type, but got 'i8', 'i8' -> 'f32'}}
  %r = mpq.contract ins(%a, %w : tensor<32x64xi8>, tensor<3x16x64xi8>) outs(%e : tensor<32x48xf32>) -> tensor<32x48xf32>
  return %r : tensor<32x48xf32>
}

// -----

func.func @c3(%a: tensor<32x64xi8>, %w: tensor<2x16x64xi8>, %e: tensor<32x48xi32>) -> tensor<32x48xi32> {
  // expected-error @below {{'mpq.contract' op expected rhs packed [ceil(N/L)][ceil(K/G)][L*G] for N = 48, K = 64, G = 4 but got 'tensor<2x16x64xi8>'}}
  %r = mpq.contract ins(%a, %w : tensor<32x64xi8>, tensor<2x16x64xi8>) outs(%e : tensor<32x48xi32>) -> tensor<32x48xi32>
  return %r : tensor<32x48xi32>
}

// -----

func.func @c4(%a: tensor<32x64xi8>, %w: tensor<3x16x64xi8>, %b: tensor<47xi32>, %e: tensor<32x48xi32>) -> tensor<32x48xi32> {
  // expected-error @below {{'mpq.contract' op expected a bias of 48 elements but got 'tensor<47xi32>'}}
  %r = mpq.contract ins(%a, %w : tensor<32x64xi8>, tensor<3x16x64xi8>) bias(%b : tensor<47xi32>) outs(%e : tensor<32x48xi32>) -> tensor<32x48xi32>
  return %r : tensor<32x48xi32>
}

// -----

func.func @v1(%x: tensor<2x58x58x64xi8>, %w: tensor<4x144x64xi8>, %e: tensor<1x56x56x64xi32>) -> tensor<1x56x56x64xi32> {
  // expected-error @below {{'mpq.conv' op requires equal batch extents but got 'tensor<2x58x58x64xi8>' and 'tensor<1x56x56x64xi32>'}}
  %c = mpq.conv ins(%x, %w : tensor<2x58x58x64xi8>, tensor<4x144x64xi8>) outs(%e : tensor<1x56x56x64xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x56x56x64xi32>
  return %c : tensor<1x56x56x64xi32>
}

// -----

func.func @v2(%x: tensor<1x58x58x64xi8>, %w: tensor<4x144x64xf32>, %e: tensor<1x56x56x64xi32>) -> tensor<1x56x56x64xi32> {
  // expected-error @below {{'mpq.conv' op requires i8, i8 -> i32 or f32, f32 (f16, bf16) -> f32 or, with a step, bf16, bf16 -> f32, with a bias of the result's type, but got 'i8', 'f32' -> 'i32'}}
  %c = mpq.conv ins(%x, %w : tensor<1x58x58x64xi8>, tensor<4x144x64xf32>) outs(%e : tensor<1x56x56x64xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x56x56x64xi32>
  return %c : tensor<1x56x56x64xi32>
}

// -----

func.func @v3(%x: tensor<1x57x58x64xi8>, %w: tensor<4x144x64xi8>, %e: tensor<1x56x56x64xi32>) -> tensor<1x56x56x64xi32> {
  // expected-error @below {{'mpq.conv' op expected an image extent of at least 58 in dimension 1 but got 'tensor<1x57x58x64xi8>'}}
  %c = mpq.conv ins(%x, %w : tensor<1x57x58x64xi8>, tensor<4x144x64xi8>) outs(%e : tensor<1x56x56x64xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x56x56x64xi32>
  return %c : tensor<1x56x56x64xi32>
}

// -----

func.func @v4(%x: tensor<1x58x58x64xi8>, %w: tensor<4x143x64xi8>, %e: tensor<1x56x56x64xi32>) -> tensor<1x56x56x64xi32> {
  // expected-error @below {{'mpq.conv' op expected weights packed for 64 filters, 9 taps and 64 channels but got 'tensor<4x143x64xi8>'}}
  %c = mpq.conv ins(%x, %w : tensor<1x58x58x64xi8>, tensor<4x143x64xi8>) outs(%e : tensor<1x56x56x64xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x56x56x64xi32>
  return %c : tensor<1x56x56x64xi32>
}

// -----

func.func @v5(%x: tensor<1x58x58x64xi8>, %w: tensor<4x144x64xi8>, %b: tensor<63xi32>, %e: tensor<1x56x56x64xi32>) -> tensor<1x56x56x64xi32> {
  // expected-error @below {{'mpq.conv' op expected a bias of 64 elements but got 'tensor<63xi32>'}}
  %c = mpq.conv ins(%x, %w : tensor<1x58x58x64xi8>, tensor<4x144x64xi8>) bias(%b : tensor<63xi32>) outs(%e : tensor<1x56x56x64xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x56x56x64xi32>
  return %c : tensor<1x56x56x64xi32>
}

// -----

func.func @v6(%x: tensor<1x58x58x64xi8>, %w: tensor<4x144x64xi8>, %e: tensor<1x56x56x64xi32>) -> tensor<1x56x56x64xi32> {
  // expected-error @below {{'mpq.conv' op requires window, strides and dilations of two positive numbers}}
  %c = mpq.conv ins(%x, %w : tensor<1x58x58x64xi8>, tensor<4x144x64xi8>) outs(%e : tensor<1x56x56x64xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 0>, dilations = array<i64: 1, 1>} -> tensor<1x56x56x64xi32>
  return %c : tensor<1x56x56x64xi32>
}

// -----

// Each group's 20 filters begin at whole vectors: 4 * ceil(20 / 16) of them.
func.func @v4_groups(%x: tensor<1x9x9x48xi8>, %w: tensor<5x27x64xi8>, %e: tensor<1x7x7x80xi32>) -> tensor<1x7x7x80xi32> {
  // expected-error @below {{'mpq.conv' op expected weights packed for 4 groups of 20 filters, 9 taps and 12 channels but got 'tensor<5x27x64xi8>'}}
  %c = mpq.conv ins(%x, %w : tensor<1x9x9x48xi8>, tensor<5x27x64xi8>) outs(%e : tensor<1x7x7x80xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 4 : i64} -> tensor<1x7x7x80xi32>
  return %c : tensor<1x7x7x80xi32>
}

// -----

func.func @v7(%x: tensor<1x9x9x48xi8>, %w: tensor<8x27x64xi8>, %e: tensor<1x7x7x80xi32>) -> tensor<1x7x7x80xi32> {
  // expected-error @below {{'mpq.conv' op expected groups that divide 48 channels and 80 filters, 1 for a depthwise convolution, but got 3}}
  %c = mpq.conv ins(%x, %w : tensor<1x9x9x48xi8>, tensor<8x27x64xi8>) outs(%e : tensor<1x7x7x80xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 3 : i64} -> tensor<1x7x7x80xi32>
  return %c : tensor<1x7x7x80xi32>
}

// -----

func.func @v7_zero(%x: tensor<1x9x9x48xi8>, %w: tensor<8x27x64xi8>, %e: tensor<1x7x7x80xi32>) -> tensor<1x7x7x80xi32> {
  // expected-error @below {{but got 0}}
  %c = mpq.conv ins(%x, %w : tensor<1x9x9x48xi8>, tensor<8x27x64xi8>) outs(%e : tensor<1x7x7x80xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 0 : i64} -> tensor<1x7x7x80xi32>
  return %c : tensor<1x7x7x80xi32>
}

// -----

func.func @v7_depthwise(%x: tensor<1x9x9x32xf32>, %w: tensor<2x9x16xf32>, %e: tensor<1x7x7x32xf32>) -> tensor<1x7x7x32xf32> {
  // expected-error @below {{1 for a depthwise convolution, but got 2}}
  %c = mpq.conv ins(%x, %w : tensor<1x9x9x32xf32>, tensor<2x9x16xf32>) outs(%e : tensor<1x7x7x32xf32>)
       {depthwise, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 2 : i64} -> tensor<1x7x7x32xf32>
  return %c : tensor<1x7x7x32xf32>
}

// -----

func.func @v8_short(%x: tensor<1x9x27x1xi8>, %w: tensor<1x3x64xi8>, %e: tensor<1x7x25x16xi32>) -> tensor<1x7x25x16xi32> {
  // expected-error @below {{expected one channel, one group and rows of at least 4 adjacent taps in a merged convolution but got 1 channels, 1 groups and rows of 3 taps, 1 apart}}
  %c = mpq.conv ins(%x, %w : tensor<1x9x27x1xi8>, tensor<1x3x64xi8>) outs(%e : tensor<1x7x25x16xi32>)
       {merged, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x7x25x16xi32>
  return %c : tensor<1x7x25x16xi32>
}

// -----

func.func @v8_channels(%x: tensor<1x9x9x3xf32>, %w: tensor<1x27x16xf32>, %e: tensor<1x7x7x16xf32>) -> tensor<1x7x7x16xf32> {
  // expected-error @below {{but got 3 channels}}
  %c = mpq.conv ins(%x, %w : tensor<1x9x9x3xf32>, tensor<1x27x16xf32>) outs(%e : tensor<1x7x7x16xf32>)
       {merged, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x7x7x16xf32>
  return %c : tensor<1x7x7x16xf32>
}

// -----

func.func @t1(%v: vector<16xi32>, %l: vector<32xi8>) -> vector<16xi32> {
  // expected-error @below {{'mpq.dot4' op requires two operands of 64 bytes but got 'vector<32xi8>' and 'vector<32xi8>'}}
  %d = mpq.dot4 %v, %l unsigned, %l signed : vector<16xi32>, vector<32xi8>
  return %d : vector<16xi32>
}

// -----

func.func @t2(%acc: vector<14x16xi32>, %l: vector<16x64xi8>, %r: vector<16x64xi8>) {
  // expected-error @below {{'mpq.dot_tile' op requires operands of 14 x 4K and K x 64 bytes but got 'vector<16x64xi8>' and 'vector<16x64xi8>'}}
  %d = mpq.dot_tile %acc, %l, %r : vector<14x16xi32>, vector<16x64xi8>, vector<16x64xi8>
  return
}

// -----

func.func @bias_of_batch(%a: tensor<2x32x64xi8>, %w: tensor<2x3x16x64xi8>, %b: tensor<3x48xi32>, %e: tensor<2x32x48xi32>) -> tensor<2x32x48xi32> {
  // expected-error @below {{'mpq.contract' op expected a bias of 48 elements for each of the batch but got 'tensor<3x48xi32>'}}
  %r = mpq.contract ins(%a, %w : tensor<2x32x64xi8>, tensor<2x3x16x64xi8>) bias(%b : tensor<3x48xi32>) outs(%e : tensor<2x32x48xi32>) -> tensor<2x32x48xi32>
  return %r : tensor<2x32x48xi32>
}

// -----

func.func @t2_of_halves(%acc: vector<14x16xf32>, %l: vector<14x32xbf16>, %r: vector<16x64xbf16>) {
  // expected-error @below {{'mpq.dot_tile' op requires operands of 14 x 2K and K x 32 of bf16 but got 'vector<14x32xbf16>' and 'vector<16x64xbf16>'}}
  %d = mpq.dot_tile %acc, %l, %r : vector<14x16xf32>, vector<14x32xbf16>, vector<16x64xbf16>
  return
}

// -----

func.func @c2_without_step(%a: tensor<4x8xbf16>, %w: tensor<1x8x16xbf16>, %e: tensor<4x16xf32>) -> tensor<4x16xf32> {
  // expected-error @below {{'mpq.contract' op requires i8, i8 -> i32 or f32, f32 (f16, bf16) -> f32 or, with a step, bf16, bf16 -> f32, with a bias of the result's type, but got 'bf16', 'bf16' -> 'f32'}}
  %r = mpq.contract ins(%a, %w : tensor<4x8xbf16>, tensor<1x8x16xbf16>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

func.func @c5(%a: tensor<4x8xbf16>, %w: tensor<1x4x32xbf16>, %e: tensor<4x16xf32>) -> tensor<4x16xf32> {
  // expected-error @below {{'mpq.contract' op expected an even step that divides 8 but got 6}}
  %r = mpq.contract ins(%a, %w : tensor<4x8xbf16>, tensor<1x4x32xbf16>) outs(%e : tensor<4x16xf32>) {step = 6 : i64} -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

func.func @v9(%a: tensor<1x4x4x8xbf16>, %w: tensor<1x9x32xbf16>, %e: tensor<1x2x2x8xf32>) -> tensor<1x2x2x8xf32> {
  // expected-error @below {{'mpq.conv' op expected no step in a depthwise or merged convolution}}
  %r = mpq.conv ins(%a, %w : tensor<1x4x4x8xbf16>, tensor<1x9x32xbf16>) outs(%e : tensor<1x2x2x8xf32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, depthwise, step = 8 : i64} -> tensor<1x2x2x8xf32>
  return %r : tensor<1x2x2x8xf32>
}
