// Activations in 16 bits: one product for each byte.
// RUN: quant-opt %s --mpq-lower-wide-products --split-input-file | FileCheck %s

#map = affine_map<(d0, d1) -> ()>
#col = affine_map<(d0, d1) -> (d1)>

// High bytes have a zero point of 128: sums of weights 9 and -4. The bias (8,
// -16) is in what the low sums start from.
// CHECK-LABEL: @symmetric
// CHECK-SAME: %[[Q:.*]]: tensor<4x3xi16>
// CHECK-DAG: %[[BH:.*]] = arith.constant dense<[-1152, 512]> : tensor<2xi32>
// CHECK-DAG: %[[BL:.*]] = arith.constant dense<[8, -16]> : tensor<2xi32>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[1.250000e-01, 6.250000e-02]> : tensor<2xf32>
// CHECK: %[[LOW:.*]] = linalg.generic {{.*}} ins(%[[Q]] : tensor<4x3xi16>)
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.trunci %{{.*}} : i16 to i8
// CHECK-NEXT: linalg.yield
// CHECK: %[[HIGH:.*]] = linalg.generic {{.*}} ins(%[[Q]] : tensor<4x3xi16>)
// CHECK: arith.shrsi %{{.*}}, %c8_i16
// CHECK: arith.trunci %{{.*}} : i16 to i8
// CHECK: arith.xori %{{.*}}, %c-128_i8
// CHECK: %[[IH:.*]] = linalg.broadcast ins(%[[BH]]
// CHECK: %[[H:.*]] = linalg.generic {{.*}} ins(%[[HIGH]], %{{.*}} : tensor<4x3xi8>, tensor<3x2xi8>) outs(%[[IH]]
// CHECK: arith.extui
// CHECK: arith.extsi
// CHECK: %[[IL:.*]] = linalg.broadcast ins(%[[BL]]
// CHECK: %[[L:.*]] = linalg.generic {{.*}} ins(%[[LOW]], %{{.*}} : tensor<4x3xi8>, tensor<3x2xi8>) outs(%[[IL]]
// CHECK: linalg.generic {{.*}} ins(%[[H]], %[[L]], %[[S]]
// CHECK: %[[FH:.*]] = arith.sitofp
// CHECK: %[[SHIFTED:.*]] = arith.mulf %[[FH]], %cst{{.*}}
// CHECK: %[[FL:.*]] = arith.sitofp
// CHECK: %[[SUM:.*]] = arith.addf %[[SHIFTED]], %[[FL]]
// CHECK: arith.mulf %[[SUM]]
func.func @symmetric(%q: tensor<4x3xi16>) -> tensor<4x2xf32> {
  %sx = arith.constant dense<0.5> : tensor<f32>
  %zx = arith.constant dense<0> : tensor<i16>
  %w = arith.constant dense<[[1, -2], [3, 4], [5, -6]]> : tensor<3x2xi8>
  %sw = arith.constant dense<[0.25, 0.125]> : tensor<2xf32>
  %zw = arith.constant dense<0> : tensor<2xi8>
  %bias = arith.constant dense<[1.0, -1.0]> : tensor<2xf32>
  %d = mpq.dequantize %q, %sx, %zx by #map : tensor<4x3xi16>, tensor<f32>, tensor<i16> -> tensor<4x3xf32>
  %dw = mpq.dequantize %w, %sw, %zw by #col : tensor<3x2xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<3x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %init = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<4x2xf32>) dimensions = [0]
  %r = linalg.matmul ins(%d, %dw : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// Unsigned integers of an imported model, zero point 3 * 256 + 5: no byte is
// flipped. The sums of the weights are 4.
#map = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: @unsigned
// CHECK-NOT: arith.xori
// CHECK-DAG: arith.constant -12 : i32
// CHECK-DAG: arith.constant -20 : i32
// CHECK: return
func.func @unsigned(%q: tensor<4x2xi16>) -> tensor<4x2xf32> {
  %sx = arith.constant dense<0.5> : tensor<f32>
  %zx = arith.constant dense<773> : tensor<i16>
  %w = arith.constant dense<2> : tensor<2x2xi8>
  %sw = arith.constant dense<0.25> : tensor<f32>
  %zw = arith.constant dense<0> : tensor<i8>
  %d = mpq.dequantize %q, %sx, %zx by #map unsigned : tensor<4x2xi16>, tensor<f32>, tensor<i16> -> tensor<4x2xf32>
  %dw = mpq.dequantize %w, %sw, %zw by #map : tensor<2x2xi8>, tensor<f32>, tensor<i8> -> tensor<2x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul ins(%d, %dw : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// Bytes are made before they are padded, with the bytes of the zero point.
#map = affine_map<(d0, d1, d2, d3) -> ()>
// CHECK-LABEL: @padded
// CHECK-SAME: %[[Q:.*]]: tensor<1x4x4x2xi16>
// CHECK: %[[LOW:.*]] = linalg.generic {{.*}} ins(%[[Q]]
// CHECK: %[[HIGH:.*]] = linalg.generic {{.*}} ins(%[[Q]]
// CHECK: tensor.pad %[[LOW]]
// CHECK: tensor.yield %c0_i8
// CHECK: tensor.pad %[[HIGH]]
// CHECK: tensor.yield %c-128_i8
func.func @padded(%q: tensor<1x4x4x2xi16>) -> tensor<1x4x4x2xf32> {
  %zero = arith.constant 0 : i16
  %p = tensor.pad %q low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : i16
  } : tensor<1x4x4x2xi16> to tensor<1x6x6x2xi16>
  %sx = arith.constant dense<0.5> : tensor<f32>
  %zx = arith.constant dense<0> : tensor<i16>
  %w = arith.constant dense<2> : tensor<3x3x2x2xi8>
  %zw = arith.constant dense<0> : tensor<i8>
  %d = mpq.dequantize %p, %sx, %zx by #map : tensor<1x6x6x2xi16>, tensor<f32>, tensor<i16> -> tensor<1x6x6x2xf32>
  %dw = mpq.dequantize %w, %sx, %zw by #map : tensor<3x3x2x2xi8>, tensor<f32>, tensor<i8> -> tensor<3x3x2x2xf32>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x4x2xf32>
  %init = linalg.fill ins(%c0 : f32) outs(%e : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %r = linalg.conv_2d_nhwc_hwcf ins(%d, %dw : tensor<1x6x6x2xf32>, tensor<3x3x2x2xf32>) outs(%init : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  return %r : tensor<1x4x4x2xf32>
}

// -----

// Zero points of weights that do not leave signed bytes: it stays float.
#map = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: @remainder
// CHECK: linalg.matmul
func.func @remainder(%q: tensor<4x2xi16>) -> tensor<4x2xf32> {
  %sx = arith.constant dense<0.5> : tensor<f32>
  %zx = arith.constant dense<0> : tensor<i16>
  %w = arith.constant dense<[[-1, 0], [1, 2]]> : tensor<2x2xi8>
  %zw = arith.constant dense<7> : tensor<i8>
  %d = mpq.dequantize %q, %sx, %zx by #map : tensor<4x2xi16>, tensor<f32>, tensor<i16> -> tensor<4x2xf32>
  %dw = mpq.dequantize %w, %sx, %zw by #map unsigned : tensor<2x2xi8>, tensor<f32>, tensor<i8> -> tensor<2x2xf32>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %init = linalg.fill ins(%c0 : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul ins(%d, %dw : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
