// RUN: quant-opt %s --mpq-merge-kernels | FileCheck %s

// Two kernels that differ in name and place only become one; one with another
// scalar, one with another attribute and a function that is no kernel stay.
#id = affine_map<(d0) -> (d0)>
func.func private @first(%x: tensor<8xf32>, %d: tensor<8xf32>, %begin: index, %end: index) -> tensor<8xf32> attributes {mpq.kernel} {
  %c = arith.constant 2.0 : f32
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%d : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.mulf %a, %c : f32
    linalg.yield %m : f32
  } -> tensor<8xf32>
  return %r : tensor<8xf32>
}
func.func private @second(%in: tensor<8xf32>, %out: tensor<8xf32>, %from: index, %to: index) -> tensor<8xf32> attributes {mpq.kernel} {
  %two = arith.constant 2.0 : f32
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%in : tensor<8xf32>) outs(%out : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.mulf %a, %two : f32
    linalg.yield %m : f32
  } -> tensor<8xf32> loc("elsewhere")
  return %r : tensor<8xf32>
}
func.func private @other_scalar(%x: tensor<8xf32>, %d: tensor<8xf32>, %begin: index, %end: index) -> tensor<8xf32> attributes {mpq.kernel} {
  %c = arith.constant 3.0 : f32
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%d : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.mulf %a, %c : f32
    linalg.yield %m : f32
  } -> tensor<8xf32>
  return %r : tensor<8xf32>
}
func.func private @other_items(%x: tensor<8xf32>, %d: tensor<8xf32>, %begin: index, %end: index) -> tensor<8xf32> attributes {mpq.kernel, mpq.work_items = 1 : i64} {
  %c = arith.constant 2.0 : f32
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%d : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.mulf %a, %c : f32
    linalg.yield %m : f32
  } -> tensor<8xf32>
  return %r : tensor<8xf32>
}
func.func @model(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %e = tensor.empty() : tensor<8xf32>
  %0 = call @first(%x, %e, %c0, %c0) : (tensor<8xf32>, tensor<8xf32>, index, index) -> tensor<8xf32>
  %1 = call @second(%0, %e, %c0, %c0) : (tensor<8xf32>, tensor<8xf32>, index, index) -> tensor<8xf32>
  %2 = call @other_scalar(%1, %e, %c0, %c0) : (tensor<8xf32>, tensor<8xf32>, index, index) -> tensor<8xf32>
  %3 = call @other_items(%2, %e, %c0, %c0) : (tensor<8xf32>, tensor<8xf32>, index, index) -> tensor<8xf32>
  return %3 : tensor<8xf32>
}

// CHECK: func.func private @first
// CHECK-NOT: @second
// CHECK: func.func private @other_scalar
// CHECK: func.func private @other_items
// CHECK-LABEL: func.func @model
// CHECK: %[[A:.*]] = call @first(
// CHECK: %[[B:.*]] = call @first(%[[A]],
// CHECK: %[[C:.*]] = call @other_scalar(%[[B]],
// CHECK: call @other_items(%[[C]],
