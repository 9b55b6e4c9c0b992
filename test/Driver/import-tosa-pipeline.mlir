// TOSA, float and quantized, to linalg in the forms code generation knows.
// RUN: quant-opt %s --mpq-import-tosa-pipeline | FileCheck %s

// CHECK-LABEL: func @conv
// The kernel is constant in the layout of linalg.conv_2d_nhwc_hwcf.
// CHECK: linalg.conv_2d_nhwc_hwcf {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x4x4x3xf32>, tensor<1x1x3x2xf32>)
// CHECK-NOT: tosa
func.func @conv(%x: tensor<1x4x4x3xf32>) -> tensor<1x4x4x2xf32> {
  %w = "tosa.const"() {values = dense<[[[[1.0, 2.0, 3.0]]], [[[4.0, 5.0, 6.0]]]]> : tensor<2x1x1x3xf32>} : () -> tensor<2x1x1x3xf32>
  %b = "tosa.const"() {values = dense<[0.5, 1.5]> : tensor<2xf32>} : () -> tensor<2xf32>
  %z = "tosa.const"() {values = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %r = tosa.conv2d %x, %w, %b, %z, %z {acc_type = f32, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
    : (tensor<1x4x4x3xf32>, tensor<2x1x1x3xf32>, tensor<2xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x4x4x2xf32>
  return %r : tensor<1x4x4x2xf32>
}

// The product is unsigned by signed, the rescale a 64-bit multiplication and shift.
// CHECK-LABEL: func @quantized
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x4x2xi8>, tensor<1x2x2xi8>)
// CHECK: arith.extui
// CHECK: arith.extsi
// CHECK: arith.muli %{{.*}} : i32
// CHECK: arith.extsi %{{.*}} : i32 to i64
// CHECK: arith.muli %{{.*}} : i64
// CHECK: arith.shrsi %{{.*}} : i64
// CHECK: arith.trunci %{{.*}} : i32 to i8
// CHECK-NOT: tosa
func.func @quantized(%x: tensor<1x4x2xi8>) -> tensor<1x4x2xi8> {
  %w = "tosa.const"() {values = dense<[[[3, -2], [4, 2]]]> : tensor<1x2x2xi8>} : () -> tensor<1x2x2xi8>
  %zx = "tosa.const"() {values = dense<3> : tensor<1xi8>} : () -> tensor<1xi8>
  %z = "tosa.const"() {values = dense<0> : tensor<1xi8>} : () -> tensor<1xi8>
  %z32 = "tosa.const"() {values = dense<0> : tensor<1xi32>} : () -> tensor<1xi32>
  %m = "tosa.const"() {values = dense<1431655765> : tensor<1xi32>} : () -> tensor<1xi32>
  %s = "tosa.const"() {values = dense<35> : tensor<1xi8>} : () -> tensor<1xi8>
  %a = tosa.matmul %x, %w, %zx, %z : (tensor<1x4x2xi8>, tensor<1x2x2xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x4x2xi32>
  %r = tosa.rescale %a, %m, %s, %z32, %z {scale32 = true, rounding_mode = SINGLE_ROUND, per_channel = false, input_unsigned = false, output_unsigned = false}
    : (tensor<1x4x2xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x4x2xi8>
  return %r : tensor<1x4x2xi8>
}
