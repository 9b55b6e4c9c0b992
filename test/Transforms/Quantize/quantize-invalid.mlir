// RUN: quant-opt %s --mpq-quantize --split-input-file -verify-diagnostics

// expected-error @below {{expected a range of this value, which is to be in 8 bits}}
func.func @no_range(%x: tensor<4x2xf32>, %i: tensor<4x2xf32>) -> tensor<4x2xf32> {
  // expected-note @-1 {{this value is read or stored in 8 bits}}
  %w = arith.constant dense<1.0> : tensor<2x2xf32>
  %r = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// expected-error @below {{expected a range of this value, which is to be in 8 bits}}
func.func @no_range_of_right_side(%x: tensor<4x2xf32> {mpq.range = #mpq.range<0.0, 1.0, recipe>}, %w: tensor<2x2xf32>, %i: tensor<4x2xf32>) -> tensor<4x2xf32> {
  // expected-note @-1 {{this value is read or stored in 8 bits}}
  %r = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

func.func @infinite_weights(%x: tensor<4x2xf32> {mpq.range = #mpq.range<0.0, 1.0, recipe>}, %i: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [0x7F800000, 3.0]]> : tensor<2x2xf32>
  // expected-error @below {{'linalg.matmul' op expected finite weights for precision int8 but got}}
  %r = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

func.func @infinite_weights_of_few_bits(%x: tensor<4x2xf32> {mpq.range = #mpq.range<0.0, 1.0, recipe>}, %i: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [0x7F800000, 3.0]]> : tensor<2x2xf32>
  // expected-error @below {{'linalg.matmul' op expected finite weights for precision int4 but got}}
  %r = linalg.matmul {mpq.precision = #mpq.precision<int4>} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

func.func @weights_of_other_bits(%x: tensor<4x2xf32> {mpq.range = #mpq.range<0.0, 1.0, recipe>}, %i: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x2xf32>
  // expected-error @below {{'linalg.matmul' op expected rounded weights of type 'i2' with scales of type 'tensor<2xf32>' but got 'tensor<2x2xi4>' and 'tensor<2xf32>'}}
  %r = linalg.matmul {mpq.precision = #mpq.precision<int2>, mpq.rounded_weights = #mpq.rounded_weights<<gptq, scales = mse>, errors = [0.1, 0.1, 0.01], dense<1> : tensor<2x2xi4>, dense<0.25> : tensor<2xf32>>} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

func.func @no_product(%x: tensor<4x2xf32>, %o: tensor<4x2xf32>) -> tensor<4x2xf32> {
  // expected-error @below {{'linalg.generic' op expected a product of f32 tensors for precision int8}}
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"],
                       mpq.precision = #mpq.precision<int8>} ins(%x : tensor<4x2xf32>) outs(%o : tensor<4x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
