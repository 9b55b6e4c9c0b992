// RUN: quant-opt %s --split-input-file --mpq-plan-memory | FileCheck %s

// A chain of three kernels: the first intermediate is dead when the third one
// runs, so the third one takes its place. Weights with equal bytes are stored
// once, each on a cache line of its own.
func.func private @k(%x: tensor<16xf32>, %w: tensor<4xf32>, %d: tensor<16xf32>, %begin: index, %end: index) -> tensor<16xf32> attributes {mpq.kernel} {
  return %d : tensor<16xf32>
}
func.func @chain(%x: tensor<16xf32> {mpq.name = "x"}) -> (tensor<16xf32> {mpq.name = "y:0"}) {
  %c0 = arith.constant 0 : index
  %w0 = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %w1 = arith.constant dense<[5.0, 6.0, 7.0, 8.0]> : tensor<4xf32>
  %w2 = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %e0 = tensor.empty() : tensor<16xf32>
  %0 = call @k(%x, %w0, %e0, %c0, %c0) : (tensor<16xf32>, tensor<4xf32>, tensor<16xf32>, index, index) -> tensor<16xf32>
  %e1 = tensor.empty() : tensor<16xf32>
  %1 = call @k2(%0, %w1, %e1, %c0, %c0) : (tensor<16xf32>, tensor<4xf32>, tensor<16xf32>, index, index) -> tensor<16xf32>
  %e2 = tensor.empty() : tensor<16xf32>
  %2 = call @k3(%1, %w2, %e2, %c0, %c0) : (tensor<16xf32>, tensor<4xf32>, tensor<16xf32>, index, index) -> tensor<16xf32>
  %e3 = tensor.empty() : tensor<16xf32>
  %3 = call @k4(%2, %w2, %e3, %c0, %c0) : (tensor<16xf32>, tensor<4xf32>, tensor<16xf32>, index, index) -> tensor<16xf32>
  return %3 : tensor<16xf32>
}
func.func private @k2(%x: tensor<16xf32>, %w: tensor<4xf32>, %d: tensor<16xf32>, %begin: index, %end: index) -> tensor<16xf32> attributes {mpq.kernel} {
  return %d : tensor<16xf32>
}
func.func private @k3(%x: tensor<16xf32>, %w: tensor<4xf32>, %d: tensor<16xf32>, %begin: index, %end: index) -> tensor<16xf32> attributes {mpq.kernel} {
  return %d : tensor<16xf32>
}
func.func private @k4(%x: tensor<16xf32>, %w: tensor<4xf32>, %d: tensor<16xf32>, %begin: index, %end: index) -> tensor<16xf32> attributes {mpq.kernel} {
  return %d : tensor<16xf32>
}

// -----

// Views: a slice of the workspace is strided memory at an offset, a reshape of
// dense memory no operation at all.
func.func private @whole(%x: tensor<8xi8>, %d: tensor<4x6xi8>, %begin: index, %end: index) -> tensor<4x6xi8> attributes {mpq.kernel} {
  return %d : tensor<4x6xi8>
}
func.func private @part(%x: tensor<2x3xi8>, %d: tensor<6xi8>, %begin: index, %end: index) -> tensor<6xi8> attributes {mpq.kernel} {
  return %d : tensor<6xi8>
}
func.func @views(%x: tensor<2x4xi8> {mpq.unsigned}) -> (tensor<6xi8> {mpq.unsigned}) {
  %c0 = arith.constant 0 : index
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<2x4xi8> into tensor<8xi8>
  %e0 = tensor.empty() : tensor<4x6xi8>
  %0 = call @whole(%flat, %e0, %c0, %c0) : (tensor<8xi8>, tensor<4x6xi8>, index, index) -> tensor<4x6xi8>
  %s = tensor.extract_slice %0[1, 2] [2, 3] [1, 1] : tensor<4x6xi8> to tensor<2x3xi8>
  %e1 = tensor.empty() : tensor<6xi8>
  %1 = call @part(%s, %e1, %c0, %c0) : (tensor<2x3xi8>, tensor<6xi8>, index, index) -> tensor<6xi8>
  return %1 : tensor<6xi8>
}

// -----

// An observed value is handed to a hook, by number.
func.func private @kernel(%x: tensor<8xf32>, %d: tensor<8xf32>, %begin: index, %end: index) -> tensor<8xf32> attributes {mpq.kernel} {
  return %d : tensor<8xf32>
}
func.func @observed(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  mpq.observe %x as "input" : tensor<8xf32>
  %e = tensor.empty() : tensor<8xf32>
  %0 = call @kernel(%x, %e, %c0, %c0) : (tensor<8xf32>, tensor<8xf32>, index, index) -> tensor<8xf32>
  mpq.observe %0 as "output" : tensor<8xf32>
  return %0 : tensor<8xf32>
}
