// Quantized types of upstream become operands. No case may lose a quantization to
// upstream's folder of dcast(qcast(x)).
// RUN: quant-opt %s --mpq-convert-quant-to-mpq --split-input-file | FileCheck %s

// CHECK-DAG: #[[$TENSOR:.*]] = affine_map<(d0, d1) -> ()>

// CHECK-LABEL: func @pair
// CHECK-SAME: %[[X:.*]]: tensor<2x4xf32>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<5.000000e-01> : tensor<f32>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<3> : tensor<i8>
// CHECK: %[[Q:.*]] = mpq.quantize %[[X]], %[[S]], %[[Z]] by #[[$TENSOR]] unsigned : tensor<2x4xf32>
// CHECK: %[[D:.*]] = mpq.dequantize %[[Q]], %{{.*}}, %{{.*}} by #[[$TENSOR]] unsigned
// CHECK: return %[[D]]
func.func @pair(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %q = quant.qcast %x : tensor<2x4xf32> to tensor<2x4x!quant.uniform<u8:f32, 0.5:3>>
  %d = quant.dcast %q : tensor<2x4x!quant.uniform<u8:f32, 0.5:3>> to tensor<2x4xf32>
  return %d : tensor<2x4xf32>
}

// -----

// Signatures, calls and moves carry integers; unsigned ones say so.
// CHECK-LABEL: func private @callee
// CHECK-SAME: (tensor<8xi8> {mpq.unsigned}) -> (tensor<8xi8> {mpq.unsigned})
// CHECK-LABEL: func @signature
// CHECK-SAME: %[[X:.*]]: tensor<2x4xi8> {mpq.unsigned}, %[[Y:.*]]: tensor<4xi16>) -> (tensor<8xi8> {mpq.unsigned}, tensor<4xf32>)
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[X]] {{.*}} : tensor<2x4xi8> into tensor<8xi8>
// CHECK: %[[R:.*]] = call @callee(%[[C]]) : (tensor<8xi8>) -> tensor<8xi8>
// CHECK: %[[D:.*]] = mpq.dequantize %[[Y]]
// CHECK: return %[[R]], %[[D]]
!u8 = !quant.uniform<u8:f32, 0.5:3>
!s16 = !quant.uniform<i16:f32, 0.25>
func.func private @callee(tensor<8x!u8>) -> tensor<8x!u8>
func.func @signature(%x: tensor<2x4x!u8>, %y: tensor<4x!s16>) -> (tensor<8x!u8>, tensor<4xf32>) {
  %c = tensor.collapse_shape %x [[0, 1]] : tensor<2x4x!u8> into tensor<8x!u8>
  %r = call @callee(%c) : (tensor<8x!u8>) -> tensor<8x!u8>
  %d = quant.dcast %y : tensor<4x!s16> to tensor<4xf32>
  return %r, %d : tensor<8x!u8>, tensor<4xf32>
}

// -----

// Weights stored as integers, with a scale for each column and narrow storage.
// CHECK: #[[$COLUMN:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @axis
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<2x3xi8>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00, 5.000000e-01]> : tensor<3xf32>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<[0, -1, 4]> : tensor<3xi8>
// CHECK: mpq.dequantize %[[W]], %[[S]], %[[Z]] by #[[$COLUMN]] : tensor<2x3xi8>, tensor<3xf32>, tensor<3xi8> -> tensor<2x3xf32>
// CHECK: mpq.quantize {{.*}} by #[[$COLUMN]] {clamp_range = array<i64: -127, 127>}
// CHECK-NOT: quant.
!axis = !quant.uniform<i8<-127:127>:f32:1, {1.0, 2.0:-1, 0.5:4}>
func.func @axis() -> tensor<2x3x!axis> {
  %w = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi8>
  %q = quant.scast %w : tensor<2x3xi8> to tensor<2x3x!axis>
  %d = quant.dcast %q : tensor<2x3x!axis> to tensor<2x3xf32>
  %r = quant.qcast %d : tensor<2x3xf32> to tensor<2x3x!axis>
  return %r : tensor<2x3x!axis>
}

// -----

// Blocks of two rows; the dimension with one parameter has none in the map.
// CHECK: #[[$BLOCKS:.*]] = affine_map<(d0, d1) -> (d0 floordiv 2)>
// CHECK: #[[$BOTH:.*]] = affine_map<(d0, d1) -> (d0 floordiv 2, d1)>
// CHECK-LABEL: func @blocks
// CHECK: arith.constant dense<[2.000000e+00, 3.000000e+00]> : tensor<2xf32>
// CHECK: mpq.dequantize {{.*}} by #[[$BLOCKS]] : tensor<4x2xi4>, tensor<2xf32>, tensor<2xi4> -> tensor<4x2xf32>
// CHECK: mpq.dequantize {{.*}} by #[[$BOTH]] unsigned : tensor<4x2xi8>, tensor<2x2xf32>, tensor<2x2xi8> -> tensor<4x2xf32>
!rows = !quant.uniform<i4:f32:{0:2}, {{2.0}, {3.0:-1}}>
!both = !quant.uniform<u8:f32:{0:2, 1:1}, {{2.0, 4.0:200}, {3.0:1, 1.0}}>
func.func @blocks(%x: tensor<4x2x!rows>, %y: tensor<4x2x!both>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %d = quant.dcast %x : tensor<4x2x!rows> to tensor<4x2xf32>
  %e = quant.dcast %y : tensor<4x2x!both> to tensor<4x2xf32>
  return %d, %e : tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

// Numbers outside of tensors, 16-bit reals, a 32-bit bias.
// CHECK-LABEL: func @others
// CHECK: %[[S:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: %[[Z:.*]] = arith.constant -1 : i8
// CHECK: mpq.quantize %{{.*}}, %[[S]], %[[Z]] : f32, f32, i8 -> i8
// CHECK: mpq.dequantize %{{.*}} : tensor<?xi8>, tensor<f32>, tensor<i8> -> tensor<?xf16>
// CHECK: mpq.dequantize %{{.*}} : tensor<3xi32>, tensor<f32>, tensor<i32> -> tensor<3xf32>
func.func @others(%x: f32, %y: tensor<?x!quant.uniform<i8:f16, 0.5>>, %b: tensor<3x!quant.uniform<i32:f32, 0.01>>)
    -> (!quant.uniform<i8:f32, 0.5:-1>, tensor<?xf16>, tensor<3xf32>) {
  %q = quant.qcast %x : f32 to !quant.uniform<i8:f32, 0.5:-1>
  %d = quant.dcast %y : tensor<?x!quant.uniform<i8:f16, 0.5>> to tensor<?xf16>
  %e = quant.dcast %b : tensor<3x!quant.uniform<i32:f32, 0.01>> to tensor<3xf32>
  return %q, %d, %e : !quant.uniform<i8:f32, 0.5:-1>, tensor<?xf16>, tensor<3xf32>
}
