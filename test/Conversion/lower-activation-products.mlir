// Products of two activations: u8 x s8, and sums where a zero point is not 0.
// RUN: quant-opt %s --mpq-lower-activation-products --split-input-file | FileCheck %s

#t = affine_map<(d0, d1, d2) -> ()>
// The left zero point is in what the sum starts from; the right one is 0 once
// its bytes are signed.
// CHECK-LABEL: @scores
// CHECK-SAME: %[[A:.*]]: tensor<2x5x8xi8>, %[[B:.*]]: tensor<2x8x6xi8>
// CHECK-DAG: %[[ROW:.*]] = arith.constant dense<3> : tensor<2x1x8xi8>
// CHECK-DAG: %[[SCALE:.*]] = arith.constant 1.250000e-01 : f32
// CHECK: %[[SIGNED:.*]] = linalg.generic {{.*}} ins(%[[B]]
// CHECK: arith.xori
// CHECK: %[[SUMS:.*]] = linalg.generic {{.*}} ins(%[[ROW]], %[[SIGNED]] : tensor<2x1x8xi8>, tensor<2x8x6xi8>)
// CHECK: arith.extui
// CHECK: arith.extsi
// CHECK: %[[START:.*]] = linalg.generic {{.*}} ins(%[[SUMS]] : tensor<2x1x6xi32>)
// CHECK: arith.subi %c0_i32, %{{.*}}
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[START]] {{\[\[}}0], [1, 2]]
// CHECK: %[[INIT:.*]] = linalg.broadcast ins(%[[FLAT]] : tensor<2x6xi32>) {{.*}} dimensions = [1]
// CHECK: %[[ACC:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[SIGNED]] : {{.*}}) outs(%[[INIT]]
// CHECK: linalg.generic {{.*}} ins(%[[ACC]] : tensor<2x5x6xi32>)
// CHECK: arith.sitofp
// CHECK: arith.mulf %{{.*}}, %[[SCALE]]
func.func @scores(%a: tensor<2x5x8xi8>, %b: tensor<2x8x6xi8>) -> tensor<2x5x6xf32> {
  %sa = arith.constant dense<0.5> : tensor<f32>
  %za = arith.constant dense<3> : tensor<i8>
  %sb = arith.constant dense<0.25> : tensor<f32>
  %zb = arith.constant dense<-128> : tensor<i8>
  %x = mpq.dequantize %a, %sa, %za by #t unsigned : tensor<2x5x8xi8>, tensor<f32>, tensor<i8> -> tensor<2x5x8xf32>
  %y = mpq.dequantize %b, %sb, %zb by #t unsigned : tensor<2x8x6xi8>, tensor<f32>, tensor<i8> -> tensor<2x8x6xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x5x6xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  %r = linalg.batch_matmul ins(%x, %y : tensor<2x5x8xf32>, tensor<2x8x6xf32>) outs(%i : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  return %r : tensor<2x5x6xf32>
}

// -----

#t = affine_map<(d0, d1) -> ()>
// Behind a softmax the left zero point is 0, and nothing of the right operand
// is summed; the right zero point needs sums over the left operand's rows. The
// result is quantized at once.
// CHECK-LABEL: @values
// CHECK-SAME: %[[A:.*]]: tensor<5x8xi8>, %[[B:.*]]: tensor<8x6xi8>
// CHECK-DAG: %[[Z:.*]] = arith.constant -118 : i32
// CHECK: %[[SIGNED:.*]] = linalg.generic {{.*}} ins(%[[B]]
// CHECK: %[[ZERO:.*]] = linalg.fill
// CHECK: %[[ACC:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[SIGNED]] : {{.*}}) outs(%[[ZERO]]
// CHECK: %[[SUMS:.*]] = linalg.generic {{.*}}["parallel", "reduction"]{{.*}} ins(%[[A]] : tensor<5x8xi8>)
// CHECK: arith.extui
// CHECK: linalg.generic {{.*}} ins(%[[ACC]], %[[SUMS]] : tensor<5x6xi32>, tensor<5xi32>)
// CHECK: arith.muli %{{.*}}, %[[Z]]
// CHECK: arith.subi
// CHECK: mpq.requantize {{.*}} unsigned
func.func @values(%a: tensor<5x8xi8>, %b: tensor<8x6xi8>) -> tensor<5x6xi8> {
  %sa = arith.constant dense<0.5> : tensor<f32>
  %za = arith.constant dense<0> : tensor<i8>
  %zb = arith.constant dense<10> : tensor<i8>
  %x = mpq.dequantize %a, %sa, %za by #t unsigned : tensor<5x8xi8>, tensor<f32>, tensor<i8> -> tensor<5x8xf32>
  %y = mpq.dequantize %b, %sa, %zb by #t unsigned : tensor<8x6xi8>, tensor<f32>, tensor<i8> -> tensor<8x6xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x6xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<5x6xf32>) -> tensor<5x6xf32>
  %r = linalg.matmul ins(%x, %y : tensor<5x8xf32>, tensor<8x6xf32>) outs(%i : tensor<5x6xf32>) -> tensor<5x6xf32>
  %q = mpq.quantize %r, %sa, %zb by #t unsigned : tensor<5x6xf32>, tensor<f32>, tensor<i8> -> tensor<5x6xi8>
  return %q : tensor<5x6xi8>
}

// -----

#t = affine_map<(d0, d1) -> ()>
// Constant weights and sums that may exceed 31 bits are not for this pass.
// CHECK-LABEL: @others
// CHECK-NOT: arith.extui
// CHECK-COUNT-2: linalg.matmul
func.func @others(%a: tensor<5x8xi8>, %c: tensor<5x20000xi8>, %d: tensor<20000x6xi8>, %i: tensor<5x6xf32>) -> (tensor<5x6xf32>, tensor<5x6xf32>) {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<0> : tensor<i8>
  %w = arith.constant dense<1> : tensor<8x6xi8>
  %x = mpq.dequantize %a, %s, %z by #t unsigned : tensor<5x8xi8>, tensor<f32>, tensor<i8> -> tensor<5x8xf32>
  %y = mpq.dequantize %w, %s, %z by #t : tensor<8x6xi8>, tensor<f32>, tensor<i8> -> tensor<8x6xf32>
  %0 = linalg.matmul ins(%x, %y : tensor<5x8xf32>, tensor<8x6xf32>) outs(%i : tensor<5x6xf32>) -> tensor<5x6xf32>
  %u = mpq.dequantize %c, %s, %z by #t unsigned : tensor<5x20000xi8>, tensor<f32>, tensor<i8> -> tensor<5x20000xf32>
  %v = mpq.dequantize %d, %s, %z by #t unsigned : tensor<20000x6xi8>, tensor<f32>, tensor<i8> -> tensor<20000x6xf32>
  %1 = linalg.matmul ins(%u, %v : tensor<5x20000xf32>, tensor<20000x6xf32>) outs(%i : tensor<5x6xf32>) -> tensor<5x6xf32>
  return %0, %1 : tensor<5x6xf32>, tensor<5x6xf32>
}
