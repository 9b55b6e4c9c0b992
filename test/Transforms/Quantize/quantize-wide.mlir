// Products of precision int16: activations in signed 16 bits, weights of int8.
// RUN: quant-opt %s --mpq-quantize --split-input-file -verify-diagnostics | FileCheck %s

// Range [-1, 4]: 4 / 32767, symmetric. A product of int8 that reads the value
// rounds it once more, from [-1, 4] in 8 bits; what is no product reads 16 bits.
// CHECK-LABEL: @both
// CHECK-SAME: %[[X:.*]]: tensor<4x2xf32>
// CHECK: %[[S:.*]] = arith.constant dense<1.22074038E-4> : tensor<f32>
// CHECK: %[[Z:.*]] = arith.constant dense<0> : tensor<i16>
// CHECK: %[[Q:.*]] = mpq.quantize %[[X]], %[[S]], %[[Z]] by #{{.*}} {scaling = #mpq.scaling<multiply>} : tensor<4x2xf32>, tensor<f32>, tensor<i16> -> tensor<4x2xi16>
// CHECK: %[[D:.*]] = mpq.dequantize %[[Q]]
// CHECK: %[[Q8:.*]] = mpq.quantize %[[D]], %{{.*}} unsigned
// CHECK: %[[D8:.*]] = mpq.dequantize %[[Q8]]
// CHECK: %[[W:.*]] = mpq.dequantize %{{.*}} : tensor<2x2xi8>
// CHECK: linalg.matmul ins(%[[D]], %[[W]]
// CHECK: linalg.matmul ins(%[[D8]], %[[W]]
// CHECK: arith.negf %[[D]]
func.func @both(%x: tensor<4x2xf32> {mpq.range = #mpq.range<-1.0, 4.0, calibration>}) -> (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = arith.constant dense<[[127.0, 0.0], [0.0, 127.0]]> : tensor<2x2xf32>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %i = linalg.fill ins(%c0 : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %a = linalg.matmul {mpq.precision = #mpq.precision<int16>} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  %b = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  %n = arith.negf %x : tensor<4x2xf32>
  return %a, %b, %n : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

// Both sides of a product of two activations.
// CHECK-LABEL: @attention
// CHECK-DAG: mpq.quantize %{{.*}} -> tensor<4x3xi16>
// CHECK-DAG: mpq.quantize %{{.*}} -> tensor<3x4xi16>
func.func @attention(%x: tensor<4x3xf32> {mpq.range = #mpq.range<-1.0, 4.0, calibration>},
                     %y: tensor<3x4xf32> {mpq.range = #mpq.range<0.0, 2.0, calibration>}) -> tensor<4x4xf32> {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x4xf32>
  %i = linalg.fill ins(%c0 : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %a = linalg.matmul {mpq.precision = #mpq.precision<int16>} ins(%x, %y : tensor<4x3xf32>, tensor<3x4xf32>) outs(%i : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %a : tensor<4x4xf32>
}

// -----

// expected-error@+2 {{expected a range of this value, which is to be in 16 bits: apply a profile that has it, or leave what reads it in f32}}
// expected-note@+1 {{this value is read or stored in 16 bits}}
func.func @unknown(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x2xf32>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %i = linalg.fill ins(%c0 : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %a = linalg.matmul {mpq.precision = #mpq.precision<int16>} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %a : tensor<4x2xf32>
}
