// RUN: quant-opt %s --mpq-quantize --split-input-file --mlir-print-local-scope --verify-diagnostics | FileCheck %s

// 4 bits, symmetric: the largest magnitude of each block and column is 7 steps.
// A block of zeros has the scale 1, the last block one row.
// CHECK-LABEL: @int4
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}7, 0], [-3, 0], [1, 0], [-7, 0], [7, -7]]> : tensor<5x2xi4>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 1.000000e+00], [5.000000e-01, 2.000000e+00]]> : tensor<2x2xf32>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<0> : tensor<2x2xi4>
// CHECK: %[[D:.*]] = mpq.dequantize %[[W]], %[[S]], %[[Z]] by affine_map<(d0, d1) -> (d0 floordiv 4, d1)> : tensor<5x2xi4>
// CHECK: linalg.matmul ins(%{{.*}}, %[[D]]
// CHECK-NOT: mpq.precision
func.func @int4(%x: tensor<3x5xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<[[7.0, 0.0], [-3.1, 0.0], [1.2, 0.0], [-7.0, 0.0], [3.5, -14.0]]> : tensor<5x2xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<int4>, mpq.blocks = #mpq.blocks<4, activations = f32>} ins(%x, %w : tensor<3x5xf32>, tensor<5x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// 2 bits, from the smallest to the largest: -1 to 2 has the zero point 1.
// Activations are quantized as the model runs, one scale for a row here.
// CHECK-LABEL: @int2
// CHECK-SAME: %[[X:.*]]: tensor<3x4xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}0], [1], [-2], [-1]]> : tensor<4x1xi2>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<1> : tensor<1x1xi2>
// CHECK: %[[D:.*]] = mpq.dequantize %[[W]], %{{.*}}, %[[Z]] by affine_map<(d0, d1) -> (d0 floordiv 4, d1)> unsigned
// CHECK: %[[S:.*]], %[[ZERO:.*]] = mpq.choose_params %[[X]] by affine_map<(d0, d1) -> (d0)> : tensor<3x4xf32> -> tensor<3xf32>, tensor<3xi8>
// CHECK: %[[Q:.*]] = mpq.quantize %[[X]], %[[S]], %[[ZERO]]
// CHECK: %[[R:.*]] = mpq.dequantize %[[Q]], %[[S]], %[[ZERO]]
// CHECK: linalg.matmul ins(%[[R]], %[[D]]
func.func @int2(%x: tensor<3x4xf32>, %i: tensor<3x1xf32>) -> tensor<3x1xf32> {
  %w = arith.constant dense<[[-1.0], [0.1], [0.9], [2.0]]> : tensor<4x1xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<int2>, mpq.blocks = #mpq.blocks<0, activations = int8>} ins(%x, %w : tensor<3x4xf32>, tensor<4x1xf32>) outs(%i : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %y : tensor<3x1xf32>
}

// -----

// Integers that samples have decided on are taken as they are, whatever the weights; blocks of 4 bits may have zero points.
// CHECK-LABEL: @rounded
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}1], [-3], [5], [-1]]> : tensor<4x1xi4>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<2.500000e-01> : tensor<1x1xf32>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<3> : tensor<1x1xi4>
// CHECK: mpq.dequantize %[[W]], %[[S]], %[[Z]] by affine_map<(d0, d1) -> (d0 floordiv 4, d1)> unsigned
// CHECK-NOT: mpq.rounded_weights
func.func @rounded(%x: tensor<3x4xf32>, %i: tensor<3x1xf32>) -> tensor<3x1xf32> {
  %w = arith.constant dense<1.0> : tensor<4x1xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<int4>, mpq.blocks = #mpq.blocks<0, activations = f32, zero_points = true>, mpq.rounded_weights = #mpq.rounded_weights<<gptq, scales = mse>, errors = [0.1, 0.1, 0.01], dense<[[1], [-3], [5], [-1]]> : tensor<4x1xi4>, dense<0.25> : tensor<1x1xf32>, dense<3> : tensor<1x1xi4>>} ins(%x, %w : tensor<3x4xf32>, tensor<4x1xf32>) outs(%i : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %y : tensor<3x1xf32>
}

// -----

func.func @rounded_otherwise(%x: tensor<3x4xf32>, %i: tensor<3x1xf32>) -> tensor<3x1xf32> {
  %w = arith.constant dense<1.0> : tensor<4x1xf32>
  // expected-error@+1 {{expected rounded weights of type 'i4' with scales of type 'tensor<1x1xf32>' but got 'tensor<4x1xi4>' and 'tensor<2x1xf32>'}}
  %y = linalg.matmul {mpq.precision = #mpq.precision<int4>, mpq.blocks = #mpq.blocks<0, activations = f32>, mpq.rounded_weights = #mpq.rounded_weights<<gptq, scales = mse>, errors = [0.1, 0.1, 0.01], dense<1> : tensor<4x1xi4>, dense<0.25> : tensor<2x1xf32>>} ins(%x, %w : tensor<3x4xf32>, tensor<4x1xf32>) outs(%i : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %y : tensor<3x1xf32>
}

// -----

func.func @no_constant(%x: tensor<3x4xf32>, %w: tensor<4x1xf32>, %i: tensor<3x1xf32>) -> tensor<3x1xf32> {
  // expected-error@+1 {{expected a matrix product with constant f32 weights for precision int2 but got 'tensor<4x1xf32>'}}
  %y = linalg.matmul {mpq.precision = #mpq.precision<int2>, mpq.blocks = #mpq.blocks<16, activations = f32>} ins(%x, %w : tensor<3x4xf32>, tensor<4x1xf32>) outs(%i : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %y : tensor<3x1xf32>
}
