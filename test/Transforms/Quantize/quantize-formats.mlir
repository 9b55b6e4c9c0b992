// RUN: quant-opt %s --mpq-quantize --split-input-file --mlir-print-local-scope --verify-diagnostics | FileCheck %s

// The largest weight of a column becomes the largest number, 448.
// CHECK-LABEL: @fp8_e4m3
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}4.480000e+02, 0.000000e+00], [-2.240000e+02, 0.000000e+00], [3.520000e+02, 0.000000e+00]]> : tensor<3x2xf8E4M3FN>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[1.000000e+00, 7.88860905E-31]> : tensor<2xf32>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<0.000000e+00> : tensor<2xf8E4M3FN>
// CHECK: %[[D:.*]] = mpq.dequantize %[[W]], %[[S]], %[[Z]] by affine_map<(d0, d1) -> (d1)> : tensor<3x2xf8E4M3FN>
// CHECK: linalg.matmul ins(%{{.*}}, %[[D]]
// CHECK-NOT: mpq.precision
func.func @fp8_e4m3(%x: tensor<5x3xf32>, %i: tensor<5x2xf32>) -> tensor<5x2xf32> {
  %w = arith.constant dense<[[448.0, 0.0], [-224.0, 0.0], [350.0, 0.0]]> : tensor<3x2xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<fp8_e4m3>} ins(%x, %w : tensor<5x3xf32>, tensor<3x2xf32>) outs(%i : tensor<5x2xf32>) -> tensor<5x2xf32>
  return %y : tensor<5x2xf32>
}

// -----

// CHECK-LABEL: @fp8_e5m2
// CHECK-DAG: arith.constant dense<{{\[\[}}5.734400e+04], [-2.867200e+04]]> : tensor<2x1xf8E5M2>
// CHECK-DAG: arith.constant dense<2.000000e+00> : tensor<1xf32>
func.func @fp8_e5m2(%x: tensor<5x2xf32>, %i: tensor<5x1xf32>) -> tensor<5x1xf32> {
  %w = arith.constant dense<[[114688.0], [-57344.0]]> : tensor<2x1xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<fp8_e5m2>} ins(%x, %w : tensor<5x2xf32>, tensor<2x1xf32>) outs(%i : tensor<5x1xf32>) -> tensor<5x1xf32>
  return %y : tensor<5x1xf32>
}

// -----

// The largest is 7.5, its exponent that of 6: the scale is 1, and it saturates. 2.5 and 3.5 are in the middle.
// CHECK-LABEL: @mxfp4
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}6.000000e+00], [2.000000e+00], [-4.000000e+00], [5.000000e-01]]> : tensor<4x1xf4E2M1FN>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<1.000000e+00> : tensor<1x1xf32>
// CHECK: mpq.dequantize %[[W]], %[[S]], %{{.*}} by affine_map<(d0, d1) -> (d0 floordiv 4, d1)>
func.func @mxfp4(%x: tensor<5x4xf32>, %i: tensor<5x1xf32>) -> tensor<5x1xf32> {
  %w = arith.constant dense<[[7.5], [2.5], [-3.5], [0.3]]> : tensor<4x1xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<mxfp4>} ins(%x, %w : tensor<5x4xf32>, tensor<4x1xf32>) outs(%i : tensor<5x1xf32>) -> tensor<5x1xf32>
  return %y : tensor<5x1xf32>
}

// -----

// Blocks of 32 rows; 1 has the exponent 0, and that of 448 is 8.
// CHECK-LABEL: @mxfp8
// CHECK-DAG: arith.constant dense<3.906250e-03> : tensor<2x3xf32>
// CHECK-DAG: arith.constant dense<2.560000e+02> : tensor<33x3xf8E4M3FN>
// CHECK: mpq.dequantize {{.*}} by affine_map<(d0, d1) -> (d0 floordiv 32, d1)>
func.func @mxfp8(%x: tensor<5x33xf32>, %i: tensor<5x3xf32>) -> tensor<5x3xf32> {
  %w = arith.constant dense<1.0> : tensor<33x3xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<mxfp8>} ins(%x, %w : tensor<5x33xf32>, tensor<33x3xf32>) outs(%i : tensor<5x3xf32>) -> tensor<5x3xf32>
  return %y : tensor<5x3xf32>
}

// -----

// Integers of six bits behind the point, and rows quantized in the same blocks as the model runs.
// CHECK-LABEL: @mxint8
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}127], [-64], [1], [0]]> : tensor<4x1xi8>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<1.562500e-02> : tensor<1x1xf32>
// CHECK: %[[D:.*]] = mpq.dequantize %[[W]], %[[S]]
// CHECK: mpq.choose_params
// CHECK: %[[X:.*]] = mpq.dequantize
// CHECK: linalg.matmul ins(%[[X]], %[[D]]
func.func @mxint8(%x: tensor<5x4xf32>, %i: tensor<5x1xf32>) -> tensor<5x1xf32> {
  %w = arith.constant dense<[[1.999], [-1.0], [0.016], [0.0078125]]> : tensor<4x1xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<mxint8>, mpq.blocks = #mpq.blocks<32, activations = int8>} ins(%x, %w : tensor<5x4xf32>, tensor<4x1xf32>) outs(%i : tensor<5x1xf32>) -> tensor<5x1xf32>
  return %y : tensor<5x1xf32>
}

// -----

func.func @not_finite(%x: tensor<5x2xf32>, %i: tensor<5x1xf32>) -> tensor<5x1xf32> {
  %w = arith.constant dense<[[1.0], [0x7FC00000]]> : tensor<2x1xf32>
  // expected-error @below {{'linalg.matmul' op expected finite weights but got}}
  %y = linalg.matmul {mpq.precision = #mpq.precision<mxfp8>} ins(%x, %w : tensor<5x2xf32>, tensor<2x1xf32>) outs(%i : tensor<5x1xf32>) -> tensor<5x1xf32>
  return %y : tensor<5x1xf32>
}

// -----

func.func @no_matrix(%x: tensor<1x4x4x1xf32>, %i: tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<1x1x1x2xf32>
  // expected-error @below {{'linalg.conv_2d_nhwc_hwcf' op expected a matrix product with constant f32 weights for precision fp8_e5m2 but got 'tensor<1x1x1x2xf32>'}}
  %y = linalg.conv_2d_nhwc_hwcf {mpq.precision = #mpq.precision<fp8_e5m2>} ins(%x, %w : tensor<1x4x4x1xf32>, tensor<1x1x1x2xf32>) outs(%i : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  return %y : tensor<1x4x4x2xf32>
}
