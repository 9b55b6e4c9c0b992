// Dequantizations sink below movement, quantizations rise above it.
// RUN: quant-opt %s --mpq-move-on-integers --split-input-file | FileCheck %s

#m1 = affine_map<(d0) -> ()>
#m2 = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: @reshape
// CHECK: %[[C:.*]] = tensor.collapse_shape %{{.*}} : tensor<2x3xi8> into tensor<6xi8>
// CHECK: mpq.dequantize %[[C]]
func.func @reshape(%q: tensor<2x3xi8>) -> tensor<6xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<7> : tensor<i8>
  %d = mpq.dequantize %q, %s, %z by #m2 unsigned : tensor<2x3xi8>, tensor<f32>, tensor<i8> -> tensor<2x3xf32>
  %c = tensor.collapse_shape %d [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
  return %c : tensor<6xf32>
}

// -----

// Zero is the zero point.
#m2 = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: @pad
// CHECK: %[[Z:.*]] = arith.constant 7 : i8
// CHECK: tensor.pad %{{.*}} low[0, 1] high[0, 1]
// CHECK: tensor.yield %[[Z]]
func.func @pad(%q: tensor<2x3xi8>) -> tensor<2x5xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<7> : tensor<i8>
  %c0 = arith.constant 0.0 : f32
  %d = mpq.dequantize %q, %s, %z by #m2 unsigned : tensor<2x3xi8>, tensor<f32>, tensor<i8> -> tensor<2x3xf32>
  %p = tensor.pad %d low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %c0 : f32
  } : tensor<2x3xf32> to tensor<2x5xf32>
  return %p : tensor<2x5xf32>
}

// -----

// A maximum pool between quantized values, with its padding of minus infinity.
#m4 = affine_map<(d0, d1, d2, d3) -> ()>
// CHECK-LABEL: @pool
// CHECK-NOT: f32
// CHECK: %[[LOW:.*]] = arith.constant 0 : i8
// CHECK: %[[P:.*]] = tensor.pad
// CHECK: tensor.yield %[[LOW]] : i8
// CHECK: linalg.pooling_nhwc_max_unsigned {{.*}} ins(%[[P]], %{{.*}} : tensor<1x6x6x2xi8>, tensor<3x3xi8>)
// CHECK: return
func.func @pool(%q: tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<7> : tensor<i8>
  %inf = arith.constant 0xFF800000 : f32
  %d = mpq.dequantize %q, %s, %z by #m4 unsigned : tensor<1x4x4x2xi8>, tensor<f32>, tensor<i8> -> tensor<1x4x4x2xf32>
  %p = tensor.pad %d low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %inf : f32
  } : tensor<1x4x4x2xf32> to tensor<1x6x6x2xf32>
  %e = tensor.empty() : tensor<1x4x4x2xf32>
  %w = tensor.empty() : tensor<3x3xf32>
  %init = linalg.fill ins(%inf : f32) outs(%e : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %r = linalg.pooling_nhwc_max ins(%p, %w : tensor<1x6x6x2xf32>, tensor<3x3xf32>) outs(%init : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %o = mpq.quantize %r, %s, %z by #m4 unsigned : tensor<1x4x4x2xf32>, tensor<f32>, tensor<i8> -> tensor<1x4x4x2xi8>
  return %o : tensor<1x4x4x2xi8>
}

// -----

// Operands of one scale concatenate as integers; of two scales they do not.
#m1 = affine_map<(d0) -> ()>
// CHECK-LABEL: @concat
// CHECK: tensor.concat dim(0) {{.*}} -> tensor<8xi8>
// CHECK: tensor.concat dim(0) {{.*}} -> tensor<8xf32>
func.func @concat(%a: tensor<4xi8>, %b: tensor<4xi8>) -> (tensor<8xf32>, tensor<8xf32>) {
  %s = arith.constant dense<0.5> : tensor<f32>
  %t = arith.constant dense<0.25> : tensor<f32>
  %z = arith.constant dense<7> : tensor<i8>
  %da = mpq.dequantize %a, %s, %z by #m1 unsigned : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  %db = mpq.dequantize %b, %s, %z by #m1 unsigned : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  %dc = mpq.dequantize %b, %t, %z by #m1 unsigned : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  %r = tensor.concat dim(0) %da, %db : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  %u = tensor.concat dim(0) %da, %dc : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  return %r, %u : tensor<8xf32>, tensor<8xf32>
}

// -----

// A gather's table, and a resize: generics that only move.
#m1 = affine_map<(d0) -> ()>
#m2 = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: @generics
// CHECK: tensor.extract %{{.*}} : tensor<5x8xi8>
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<4xi8>) outs(%{{.*}} : tensor<8xi8>)
func.func @generics(%table: tensor<5x8xi8>, %ids: tensor<3xi64>, %x: tensor<4xi8>) -> (tensor<3x8xf32>, tensor<8xf32>) {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<7> : tensor<i8>
  %d = mpq.dequantize %table, %s, %z by #m2 unsigned : tensor<5x8xi8>, tensor<f32>, tensor<i8> -> tensor<5x8xf32>
  %dx = mpq.dequantize %x, %s, %z by #m1 unsigned : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  %e = tensor.empty() : tensor<3x8xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
       ins(%ids : tensor<3xi64>) outs(%e : tensor<3x8xf32>) {
  ^bb0(%id: i64, %out: f32):
    %i = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %d[%i, %j] : tensor<5x8xf32>
    linalg.yield %v : f32
  } -> tensor<3x8xf32>
  %e8 = tensor.empty() : tensor<8xf32>
  %up = linalg.generic {indexing_maps = [affine_map<(i) -> (i floordiv 2)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
       ins(%dx : tensor<4xf32>) outs(%e8 : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<8xf32>
  return %g, %up : tensor<3x8xf32>, tensor<8xf32>
}

// -----

// A quantization rises above a transpose to the value's producer.
#m2 = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: @rise
// CHECK: %[[N:.*]] = arith.negf
// CHECK: %[[Q:.*]] = mpq.quantize %[[N]]
// CHECK: linalg.transpose ins(%[[Q]] : tensor<2x3xi8>)
func.func @rise(%x: tensor<2x3xf32>) -> tensor<3x2xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<7> : tensor<i8>
  %n = arith.negf %x : tensor<2x3xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%n : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  %q = mpq.quantize %t, %s, %z by #m2 unsigned : tensor<3x2xf32>, tensor<f32>, tensor<i8> -> tensor<3x2xi8>
  return %q : tensor<3x2xi8>
}
