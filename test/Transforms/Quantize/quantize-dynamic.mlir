// RUN: quant-opt %s --mpq-quantize --split-input-file --mlir-print-local-scope --verify-diagnostics | FileCheck %s

// Rows of an activation are quantized once for all products that read it; no
// range is needed. Weights are as for static activations.
// CHECK-LABEL: @shared
// CHECK-SAME: %[[X:.*]]: tensor<3x4xf32>
// CHECK: %[[S:.*]], %[[Z:.*]] = mpq.choose_params %[[X]] by affine_map<(d0, d1) -> (d0)> unsigned : tensor<3x4xf32> -> tensor<3xf32>, tensor<3xi8>
// CHECK: %[[Q:.*]] = mpq.quantize %[[X]], %[[S]], %[[Z]] by affine_map<(d0, d1) -> (d0)> unsigned {scaling = #mpq.scaling<multiply>}
// CHECK: %[[D:.*]] = mpq.dequantize %[[Q]], %[[S]], %[[Z]] by affine_map<(d0, d1) -> (d0)> unsigned
// CHECK-NOT: choose_params
// CHECK: %[[W:.*]] = mpq.dequantize %{{.*}} by affine_map<(d0, d1) -> (d1)> : tensor<4x2xi8>
// CHECK: linalg.matmul ins(%[[D]], %[[W]]
// CHECK: linalg.matmul ins(%[[D]], %[[W]]
// CHECK-NOT: mpq.dynamic
// CHECK: linalg.add ins(%[[X]],
func.func @shared(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x4xf32>) {
  %w = arith.constant dense<1.0> : tensor<4x2xf32>
  %0 = linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.dynamic} ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %1 = linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.dynamic} ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %e = tensor.empty() : tensor<3x4xf32>
  %2 = linalg.add ins(%x, %x : tensor<3x4xf32>, tensor<3x4xf32>) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %0, %1, %2 : tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x4xf32>
}

// -----

// A static product beside a dynamic one: each reads the float value.
// CHECK-LABEL: @beside
// CHECK-SAME: %[[X:.*]]: tensor<3x4xf32>
// CHECK-DAG: mpq.choose_params %[[X]]
// CHECK-DAG: mpq.quantize %[[X]], %{{.*}} by affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: mpq.quantize %[[X]], %{{.*}} by affine_map<(d0, d1) -> ()>
func.func @beside(%x: tensor<3x4xf32> {mpq.range = #mpq.range<-1.0, 1.0, calibration>}, %i: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %w = arith.constant dense<1.0> : tensor<4x2xf32>
  %0 = linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.dynamic} ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %1 = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<3x2xf32>
}

// -----

// Of two activations the right one gets one scale for each matrix, around zero.
// CHECK-LABEL: @attention
// CHECK-SAME: %[[A:.*]]: tensor<2x3x4xf32>, %[[B:.*]]: tensor<2x4x5xf32>
// CHECK-DAG: mpq.choose_params %[[A]] by affine_map<(d0, d1, d2) -> (d0, d1)> unsigned
// CHECK-DAG: mpq.choose_params %[[B]] by affine_map<(d0, d1, d2) -> (d0)> : tensor<2x4x5xf32> -> tensor<2xf32>, tensor<2xi8>
// CHECK: linalg.batch_matmul
func.func @attention(%a: tensor<2x3x4xf32>, %b: tensor<2x4x5xf32>, %i: tensor<2x3x5xf32>) -> tensor<2x3x5xf32> {
  %0 = linalg.batch_matmul {mpq.precision = #mpq.precision<int8>, mpq.dynamic} ins(%a, %b : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%i : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  return %0 : tensor<2x3x5xf32>
}

// -----

// A convolution sums over pixels: one pair of parameters for each image.
// CHECK-LABEL: @image
// CHECK: mpq.choose_params %{{.*}} by affine_map<(d0, d1, d2, d3) -> (d0)> unsigned : tensor<2x4x4x3xf32> -> tensor<2xf32>, tensor<2xi8>
func.func @image(%x: tensor<2x4x4x3xf32>, %i: tensor<2x3x3x5xf32>) -> tensor<2x3x3x5xf32> {
  %w = arith.constant dense<1.0> : tensor<2x2x3x5xf32>
  %0 = linalg.conv_2d_nhwc_hwcf {mpq.precision = #mpq.precision<int8>, mpq.dynamic, dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>} ins(%x, %w : tensor<2x4x4x3xf32>, tensor<2x2x3x5xf32>) outs(%i : tensor<2x3x3x5xf32>) -> tensor<2x3x3x5xf32>
  return %0 : tensor<2x3x3x5xf32>
}

// -----

func.func @samples(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<1.0> : tensor<4x2xf32>
  // expected-error@+1 {{expected samples for rounding gptq and scales mse of its weights: pass them with --fit-data}}
  %0 = linalg.matmul {mpq.precision = #mpq.precision<int8>, mpq.dynamic, mpq.weight_rounding = #mpq.weight_rounding<gptq, scales = mse>} ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

// -----

func.func @float(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<1.0> : tensor<4x2xf32>
  // expected-error@+1 {{expected attribute 'mpq.dynamic' to be a unit attribute on a product of precision int8 but got unit}}
  %0 = linalg.matmul {mpq.precision = #mpq.precision<bf16>, mpq.dynamic} ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}
