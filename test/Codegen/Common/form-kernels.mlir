// RUN: quant-opt %s --split-input-file --mpq-form-kernels --mlir-print-local-scope | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>

// A product and the elementwise operation on its result are one kernel, which
// takes weights and a destination; scalars and empty tensors are copied into it.
// CHECK: func.func private @kernel_0(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<8x64xi8>, %[[W:[a-z0-9]+]]: tensor<1x16x64xi8>, %[[D:[a-z0-9]+]]: tensor<8x16xi8>,
// CHECK-SAME: %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index) -> tensor<8x16xi8> attributes {mpq.kernel}
// CHECK: %[[E:.*]] = tensor.empty() : tensor<8x16xi32>
// CHECK: %[[P:.*]] = mpq.contract ins(%[[A]], %[[W]] {{.*}} outs(%[[E]]
// CHECK-DAG: %[[M:.*]] = arith.constant 5.0{{.*}} : f32
// CHECK-DAG: %[[Z:.*]] = arith.constant 7 : i8
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[P]] {{.*}} outs(%[[D]] :
// CHECK: mpq.requantize %{{.*}}, %[[M]], %[[Z]] unsigned
// CHECK: return %[[R]]
// CHECK: func.func @product(%[[X:.*]]: tensor<8x64xi8>)
// CHECK: %[[WEIGHTS:.*]] = arith.constant dense<3> : tensor<1x16x64xi8>
// CHECK: tensor.empty() : tensor<8x16xi8>
// CHECK: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-NEXT: %[[CALL:.*]] = call @kernel_0(%[[X]], %[[WEIGHTS]], %{{[0-9]+}}, %[[ZERO]], %[[ZERO]])
// CHECK-NEXT: return %[[CALL]]
func.func @product(%a: tensor<8x64xi8>) -> tensor<8x16xi8> {
  %w = arith.constant dense<3> : tensor<1x16x64xi8>
  %m = arith.constant 0.5 : f32
  %z = arith.constant 7 : i8
  %e = tensor.empty() : tensor<8x16xi32>
  %p = mpq.contract ins(%a, %w : tensor<8x64xi8>, tensor<1x16x64xi8>) outs(%e : tensor<8x16xi32>) -> tensor<8x16xi32>
  %q = tensor.empty() : tensor<8x16xi8>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<8x16xi32>) outs(%q : tensor<8x16xi8>) {
  ^bb0(%x: i32, %out: i8):
    %y = mpq.requantize %x, %m, %z unsigned : i32, f32, i8 -> i8
    linalg.yield %y : i8
  } -> tensor<8x16xi8>
  return %r : tensor<8x16xi8>
}

// -----

// A row-wise group, half a softmax over rows of 40: one kernel, which keeps the
// maxima to itself, with the fill they start from.
// CHECK: func.func private @kernel_0(%[[X:.*]]: tensor<6x40xf32>, %[[D:.*]]: tensor<6x40xf32>, %{{.*}}: index, %{{.*}}: index)
// CHECK: linalg.fill
// CHECK: %[[MAX:.*]] = linalg.generic {{.*}} ins(%[[X]]
// CHECK: linalg.generic {{.*}} ins(%[[X]], %[[MAX]] {{.*}} outs(%[[D]] :
// CHECK-NOT: func.func private
// CHECK: func.func @rows
// CHECK-COUNT-1: call @kernel_0
// CHECK-NOT: call @
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @rows(%x: tensor<6x40xf32>) -> tensor<6x40xf32> {
  %lowest = arith.constant 0xFF800000 : f32
  %e1 = tensor.empty() : tensor<6xf32>
  %init = linalg.fill ins(%lowest : f32) outs(%e1 : tensor<6xf32>) -> tensor<6xf32>
  %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<6x40xf32>) outs(%init : tensor<6xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.maximumf %acc, %a : f32
    linalg.yield %m : f32
  } -> tensor<6xf32>
  %e2 = tensor.empty() : tensor<6x40xf32>
  %exp = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<6x40xf32>, tensor<6xf32>) outs(%e2 : tensor<6x40xf32>) {
  ^bb0(%a: f32, %m: f32, %out: f32):
    %d = arith.subf %a, %m : f32
    %y = math.exp %d : f32
    linalg.yield %y : f32
  } -> tensor<6x40xf32>
  return %exp : tensor<6x40xf32>
}

// -----

// A value with two readers, one of which reads it transposed, is stored: its
// producer is a kernel of its own.
// CHECK: func.func private @kernel_0
// CHECK: mpq.contract
// CHECK-NOT: linalg.generic
// CHECK: func.func private @kernel_1
// CHECK-NOT: mpq.contract
// CHECK: arith.negf
// CHECK: func.func @apart
// CHECK: %[[P:.*]] = call @kernel_0(
// CHECK: %[[R:.*]] = call @kernel_1(%[[P]],
// CHECK: return %[[P]], %[[R]]
#id = affine_map<(d0, d1) -> (d0, d1)>
#transposed = affine_map<(d0, d1) -> (d1, d0)>
func.func @apart(%a: tensor<16x8xf32>, %w: tensor<1x8x16xf32>) -> (tensor<16x16xf32>, tensor<16x16xf32>) {
  %e = tensor.empty() : tensor<16x16xf32>
  %p = mpq.contract ins(%a, %w : tensor<16x8xf32>, tensor<1x8x16xf32>) outs(%e : tensor<16x16xf32>) -> tensor<16x16xf32>
  %r = linalg.generic {indexing_maps = [#transposed, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<16x16xf32>) outs(%e : tensor<16x16xf32>) {
  ^bb0(%x: f32, %out: f32):
    %y = arith.negf %x : f32
    linalg.yield %y : f32
  } -> tensor<16x16xf32>
  return %p, %r : tensor<16x16xf32>, tensor<16x16xf32>
}

// -----

// An init that others own is copied before a kernel accumulates into it.
// CHECK: func.func private @kernel_0
// CHECK: linalg.copy
// CHECK: func.func private @kernel_1
// CHECK: arith.addf
// CHECK: func.func @accumulate
// CHECK: %[[COPY:.*]] = call @kernel_0(%arg1
// CHECK: call @kernel_1(%arg0, %[[COPY]]
#id = affine_map<(d0) -> (d0)>
func.func @accumulate(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%y : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// What calibration left would keep equal kernels apart.
// CHECK: func.func private @kernel_0
// CHECK-NOT: mpq.ranges
// CHECK-NOT: mpq.scale_group
// CHECK: func.func @calibrated
#id = affine_map<(d0) -> (d0)>
func.func @calibrated(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>)
      attrs = {mpq.ranges = [#mpq.range<-1.0, 1.0, calibration>], mpq.scale_group = "h"} {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// An image is no row: its sums over rows of pixels, which threads share, have a
// kernel of their own, as the sum of those has.
// CHECK: func.func private @kernel_0(%{{.*}}: tensor<1x64x64x32xf32>, %{{.*}}: tensor<1x64x32xf32>,
// CHECK: func.func private @kernel_1(%{{.*}}: tensor<1x64x32xf32>, %{{.*}}: tensor<1x32xf32>,
func.func @image(%x: tensor<1x64x64x32xf32>) -> tensor<1x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x64x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x64x32xf32>) -> tensor<1x64x32xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, c)>], iterator_types = ["parallel", "parallel", "reduction", "parallel"]}
      ins(%x : tensor<1x64x64x32xf32>) outs(%f : tensor<1x64x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  } -> tensor<1x64x32xf32>
  %e2 = tensor.empty() : tensor<1x32xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x32xf32>) -> tensor<1x32xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(n, h, c) -> (n, h, c)>, affine_map<(n, h, c) -> (n, c)>], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%r : tensor<1x64x32xf32>) outs(%f2 : tensor<1x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %t = arith.addf %out, %in : f32
    linalg.yield %t : f32
  } -> tensor<1x32xf32>
  return %s : tensor<1x32xf32>
}
