// Products of signed bytes with zero points become u8 x s8 with a constant start.
// RUN: quant-opt %s --mpq-normalize-integer-products --split-input-file | FileCheck %s

// Zero point 3 of x: (3 + 128) times the column sums 5, -2 of (w - 1) goes into the
// bias 10, 20: 10 - 655, 20 + 262.
// CHECK-LABEL: func @matmul
// CHECK-SAME: %[[X:.*]]: tensor<1x4x2xi8>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[}}{{\[}}[2, -3], [3, 1]]]> : tensor<1x2x2xi8>
// CHECK-DAG: %[[START:.*]] = arith.constant dense<{{\[}}[-645, 282]]> : tensor<1x2xi32>
// CHECK: %[[U:.*]] = linalg.generic {{.*}} ins(%[[X]]
// CHECK: arith.xori %{{.*}}, %c-128_i8
// CHECK: %[[INIT:.*]] = linalg.broadcast ins(%[[START]] : tensor<1x2xi32>) {{.*}} dimensions = [1]
// CHECK: linalg.generic {{.*}} ins(%[[U]], %[[W]] : {{.*}}) outs(%{{.*}} : tensor<1x4x2xi32>)
// CHECK: arith.extui
// CHECK: arith.extsi
#bias = affine_map<(b, m, n) -> (b, n)>
#id = affine_map<(b, m, n) -> (b, m, n)>
func.func @matmul(%x: tensor<1x4x2xi8>) -> tensor<1x4x2xi32> {
  %w = arith.constant dense<[[[3, -2], [4, 2]]]> : tensor<1x2x2xi8>
  %b = arith.constant dense<[[10, 20]]> : tensor<1x2xi32>
  %zx = arith.constant 3 : i32
  %zw = arith.constant 1 : i32
  %e = tensor.empty() : tensor<1x4x2xi32>
  %i = linalg.generic {indexing_maps = [#bias, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%b : tensor<1x2xi32>) outs(%e : tensor<1x4x2xi32>) {
  ^bb0(%in: i32, %out: i32):
    linalg.yield %in : i32
  } -> tensor<1x4x2xi32>
  %r = linalg.quantized_batch_matmul ins(%x, %w, %zx, %zw : tensor<1x4x2xi8>, tensor<1x2x2xi8>, i32, i32)
    outs(%i : tensor<1x4x2xi32>) -> tensor<1x4x2xi32>
  return %r : tensor<1x4x2xi32>
}

// -----

// The flip goes above padding, whose value -5 becomes 123; a start that is not
// constant gets the correction behind the product: -(-5 + 128) * 1.
// CHECK-LABEL: func @conv
// CHECK-SAME: %[[X:.*]]: tensor<1x3x3x1xi8>, %[[INIT:.*]]: tensor<1x3x3x1xi32>
// CHECK: %[[C:.*]] = arith.constant dense<-123> : tensor<1xi32>
// CHECK: %[[U:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<1x3x3x1xi8>)
// CHECK: %[[P:.*]] = tensor.pad %[[U]]
// CHECK: tensor.yield %c123_i8
// CHECK: %[[A:.*]] = linalg.generic {{.*}} ins(%[[P]], %{{.*}} : tensor<1x5x5x1xi8>, tensor<3x3x1x1xi8>) outs(%[[INIT]]
// CHECK: linalg.generic {{.*}} ins(%[[A]], %[[C]] : tensor<1x3x3x1xi32>, tensor<1xi32>)
func.func @conv(%x: tensor<1x3x3x1xi8>, %init: tensor<1x3x3x1xi32>) -> tensor<1x3x3x1xi32> {
  %w = arith.constant dense<[[[[1]], [[2]], [[0]]], [[[-1]], [[0]], [[0]]], [[[3]], [[-4]], [[0]]]]> : tensor<3x3x1x1xi8>
  %zx = arith.constant -5 : i32
  %zw = arith.constant 0 : i32
  %pad = arith.constant -5 : i8
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %pad : i8
  } : tensor<1x3x3x1xi8> to tensor<1x5x5x1xi8>
  %r = linalg.conv_2d_nhwc_hwcf_q ins(%p, %w, %zx, %zw : tensor<1x5x5x1xi8>, tensor<3x3x1x1xi8>, i32, i32)
    outs(%init : tensor<1x3x3x1xi32>) -> tensor<1x3x3x1xi32>
  return %r : tensor<1x3x3x1xi32>
}

// -----

// Weights that need nine bits, and computed ones, are multiplied as i32.
// CHECK-LABEL: func @wide
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x4x2xi32>, tensor<1x2x2xi32>)
// CHECK: arith.muli
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x4x2xi32>, tensor<1x2x2xi32>)
// CHECK: arith.muli
// CHECK-NOT: batch_matmul
func.func @wide(%x: tensor<1x4x2xi8>, %y: tensor<1x2x2xi8>) -> (tensor<1x4x2xi32>, tensor<1x4x2xi32>) {
  %w = arith.constant dense<[[[3, -120], [4, 2]]]> : tensor<1x2x2xi8>
  %zx = arith.constant 3 : i32
  %zw = arith.constant 20 : i32
  %c0 = arith.constant 0 : i32
  %e = tensor.empty() : tensor<1x4x2xi32>
  %i = linalg.fill ins(%c0 : i32) outs(%e : tensor<1x4x2xi32>) -> tensor<1x4x2xi32>
  %r = linalg.quantized_batch_matmul ins(%x, %w, %zx, %zw : tensor<1x4x2xi8>, tensor<1x2x2xi8>, i32, i32)
    outs(%i : tensor<1x4x2xi32>) -> tensor<1x4x2xi32>
  %s = linalg.batch_matmul ins(%x, %y : tensor<1x4x2xi8>, tensor<1x2x2xi8>) outs(%i : tensor<1x4x2xi32>) -> tensor<1x4x2xi32>
  return %r, %s : tensor<1x4x2xi32>, tensor<1x4x2xi32>
}

// -----

// The batch may be dynamic.
// CHECK-LABEL: func @dynamic
// CHECK: %[[N:.*]] = tensor.dim
// CHECK: linalg.broadcast
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x?x2xi32>)
// CHECK: arith.extui
func.func @dynamic(%x: tensor<1x?x2xi8>, %n: index) -> tensor<1x?x2xi32> {
  %w = arith.constant dense<[[[3, -120], [4, 2]]]> : tensor<1x2x2xi8>
  %c0 = arith.constant 0 : i32
  %e = tensor.empty(%n) : tensor<1x?x2xi32>
  %i = linalg.fill ins(%c0 : i32) outs(%e : tensor<1x?x2xi32>) -> tensor<1x?x2xi32>
  %s = linalg.batch_matmul ins(%x, %w : tensor<1x?x2xi8>, tensor<1x2x2xi8>) outs(%i : tensor<1x?x2xi32>) -> tensor<1x?x2xi32>
  return %s : tensor<1x?x2xi32>
}

// -----

// A loop that the weights do not have repeats them: nothing is taken out of the sum.
// CHECK-LABEL: func @repeated
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x2xi32>, tensor<2xi32>)
#x = affine_map<(r, k) -> (r, k)>
#w = affine_map<(r, k) -> (k)>
#out = affine_map<(r, k) -> ()>
func.func @repeated(%x: tensor<4x2xi8>, %init: tensor<i32>) -> tensor<i32> {
  %w = arith.constant dense<[3, -2]> : tensor<2xi8>
  %s = linalg.generic {indexing_maps = [#x, #w, #out], iterator_types = ["reduction", "reduction"]}
      ins(%x, %w : tensor<4x2xi8>, tensor<2xi8>) outs(%init : tensor<i32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %c = arith.extsi %a : i8 to i32
    %d = arith.extsi %b : i8 to i32
    %p = arith.muli %c, %d : i32
    %r = arith.addi %acc, %p : i32
    linalg.yield %r : i32
  } -> tensor<i32>
  return %s : tensor<i32>
}
