// RUN: quant-opt %s --split-input-file --mpq-place-in-buffers --mlir-print-local-scope | FileCheck %s

// Padding: the producer writes into the middle of the padded tensor, of which
// another kernel fills the four slabs around it, and nothing else.
// CHECK: func.func private @fill_halo_0(%[[D:.*]]: tensor<4x6xf32>, %{{.*}}: index, %{{.*}}: index) -> tensor<4x6xf32> attributes {mpq.kernel, mpq.work_items = 1 : i64}
// CHECK: %[[V:.*]] = arith.constant 1.5{{0*}}e+00 : f32
// CHECK: tensor.extract_slice %[[D]][0, 0] [1, 6] [1, 1]
// CHECK: linalg.yield %[[V]]
// CHECK: tensor.extract_slice %{{.*}}[3, 0] [1, 6] [1, 1]
// CHECK: tensor.extract_slice %{{.*}}[1, 0] [2, 2] [1, 1]
// CHECK: tensor.extract_slice %{{.*}}[1, 5] [2, 1] [1, 1]
// CHECK-NOT: tensor.extract_slice
// CHECK: func.func @pad(%[[X:.*]]: tensor<2x3xf32>)
// CHECK-NOT: @copy
// CHECK: %[[WHOLE:.*]] = tensor.empty() : tensor<4x6xf32>
// CHECK: %[[HALO:.*]] = call @fill_halo_0(%[[WHOLE]],
// CHECK: %[[SLOT:.*]] = tensor.extract_slice %[[HALO]][1, 2] [2, 3] [1, 1]
// CHECK: %[[P:.*]] = call @produce(%[[X]], %[[SLOT]],
// CHECK: %[[PADDED:.*]] = tensor.insert_slice %[[P]] into %[[HALO]][1, 2] [2, 3] [1, 1]
// CHECK: call @consume(%[[PADDED]],
func.func private @produce(%x: tensor<2x3xf32>, %d: tensor<2x3xf32>, %begin: index, %end: index) -> tensor<2x3xf32> attributes {mpq.kernel}
func.func private @consume(%x: tensor<4x6xf32>, %d: tensor<4x6xf32>, %begin: index, %end: index) -> tensor<4x6xf32> attributes {mpq.kernel}
func.func @pad(%x: tensor<2x3xf32>) -> tensor<4x6xf32> {
  %c0 = arith.constant 0 : index
  %value = arith.constant 1.5 : f32
  %e = tensor.empty() : tensor<2x3xf32>
  %p = call @produce(%x, %e, %c0, %c0) : (tensor<2x3xf32>, tensor<2x3xf32>, index, index) -> tensor<2x3xf32>
  %padded = tensor.pad %p low[1, 2] high[1, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %value : f32
  } : tensor<2x3xf32> to tensor<4x6xf32>
  %f = tensor.empty() : tensor<4x6xf32>
  %r = call @consume(%padded, %f, %c0, %c0) : (tensor<4x6xf32>, tensor<4x6xf32>, index, index) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

// An input is padded: there is no producer to move, so a kernel copies it.
// CHECK: func.func private @copy_1
// CHECK: linalg.copy
// CHECK: func.func @pad_input(%[[X:.*]]: tensor<4x3xi8>)
// CHECK: %[[HALO:.*]] = call @fill_halo_0(
// CHECK: %[[SLOT:.*]] = tensor.extract_slice %[[HALO]][0, 2] [4, 3] [1, 1]
// CHECK: call @copy_1(%[[X]], %[[SLOT]],
func.func private @consume(%x: tensor<4x6xi8>, %d: tensor<4x6xi8>, %begin: index, %end: index) -> tensor<4x6xi8> attributes {mpq.kernel}
func.func @pad_input(%x: tensor<4x3xi8>) -> tensor<4x6xi8> {
  %c0 = arith.constant 0 : index
  %value = arith.constant 7 : i8
  %padded = tensor.pad %x low[0, 2] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %value : i8
  } : tensor<4x3xi8> to tensor<4x6xi8>
  %f = tensor.empty() : tensor<4x6xi8>
  %r = call @consume(%padded, %f, %c0, %c0) : (tensor<4x6xi8>, tensor<4x6xi8>, index, index) -> tensor<4x6xi8>
  return %r : tensor<4x6xi8>
}

// -----

// Concatenation: two producers write side by side; the third part is an input
// and the fourth the first again, which can lie in one place only: copies.
// CHECK: func.func @concat(%[[X:.*]]: tensor<2x3xf32>)
// CHECK: %[[WHOLE:.*]] = tensor.empty() : tensor<2x12xf32>
// CHECK: %[[S0:.*]] = tensor.extract_slice %[[WHOLE]][0, 0] [2, 3] [1, 1]
// CHECK: %[[P:.*]] = call @produce(%[[X]], %[[S0]],
// CHECK: %[[S1:.*]] = tensor.extract_slice %[[WHOLE]][0, 3] [2, 3] [1, 1]
// CHECK: call @produce(%[[P]], %[[S1]],
// CHECK: %[[S2:.*]] = tensor.extract_slice %[[WHOLE]][0, 6] [2, 3] [1, 1]
// CHECK: call @copy_0(%[[X]], %[[S2]],
// CHECK: %[[S3:.*]] = tensor.extract_slice %[[WHOLE]][0, 9] [2, 3] [1, 1]
// CHECK: call @copy_1(%[[P]], %[[S3]],
// CHECK-NOT: tensor.concat
func.func private @produce(%x: tensor<2x3xf32>, %d: tensor<2x3xf32>, %begin: index, %end: index) -> tensor<2x3xf32> attributes {mpq.kernel}
func.func @concat(%x: tensor<2x3xf32>) -> tensor<2x12xf32> {
  %c0 = arith.constant 0 : index
  %e = tensor.empty() : tensor<2x3xf32>
  %p = call @produce(%x, %e, %c0, %c0) : (tensor<2x3xf32>, tensor<2x3xf32>, index, index) -> tensor<2x3xf32>
  %q = call @produce(%p, %e, %c0, %c0) : (tensor<2x3xf32>, tensor<2x3xf32>, index, index) -> tensor<2x3xf32>
  %r = tensor.concat dim(1) %p, %q, %x, %p : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x12xf32>
  return %r : tensor<2x12xf32>
}

// -----

// Every result is stored in its own buffer: an input that is returned, and a
// value that is returned twice, are copied. A slice is made dense before a
// reshape reads it.
// CHECK: func.func @results(%[[X:.*]]: tensor<2x3xf32>)
// CHECK: %[[P:.*]] = call @produce(
// CHECK: %[[S:.*]] = tensor.extract_slice %[[X]]
// CHECK: %[[DENSE:.*]] = call @copy_0(%[[S]],
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[DENSE]]
// CHECK: %[[E1:.*]] = tensor.empty() : tensor<2x3xf32>
// CHECK: %[[INPUT:.*]] = call @copy_1(%[[X]], %[[E1]],
// CHECK: %[[E2:.*]] = tensor.empty() : tensor<2x3xf32>
// CHECK: %[[AGAIN:.*]] = call @copy_2(%[[P]], %[[E2]],
// CHECK: return %[[INPUT]], %[[P]], %[[AGAIN]], %[[FLAT]]
func.func private @produce(%x: tensor<2x3xf32>, %d: tensor<2x3xf32>, %begin: index, %end: index) -> tensor<2x3xf32> attributes {mpq.kernel}
func.func @results(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %e = tensor.empty() : tensor<2x3xf32>
  %p = call @produce(%x, %e, %c0, %c0) : (tensor<2x3xf32>, tensor<2x3xf32>, index, index) -> tensor<2x3xf32>
  %s = tensor.extract_slice %x[0, 1] [2, 2] [1, 1] : tensor<2x3xf32> to tensor<2x2xf32>
  %flat = tensor.collapse_shape %s [[0, 1]] : tensor<2x2xf32> into tensor<4xf32>
  return %x, %p, %p, %flat : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<4xf32>
}

// -----

// The model's own insertions are copies: a chain shares one buffer, and a value
// that others may read is copied before.
// CHECK: func.func @insertions(%[[X:.*]]: tensor<2x3xf32>, %[[Y:.*]]: tensor<2x6xf32>)
// CHECK: tensor.empty
// CHECK-NEXT: %[[WHOLE:.*]] = tensor.empty() : tensor<2x6xf32>
// CHECK: %[[S0:.*]] = tensor.extract_slice %[[WHOLE]][0, 0] [2, 3] [1, 1]
// CHECK: %[[C0:.*]] = call @copy_0(%[[X]], %[[S0]],
// CHECK: %[[I0:.*]] = tensor.insert_slice %[[C0]] into %[[WHOLE]][0, 0]
// CHECK: %[[S1:.*]] = tensor.extract_slice %[[I0]][0, 3] [2, 3] [1, 1]
// CHECK: %[[C1:.*]] = call @copy_1(%[[X]], %[[S1]],
// CHECK: %[[I1:.*]] = tensor.insert_slice %[[C1]] into %[[I0]][0, 3]
// CHECK: %[[E:.*]] = tensor.empty() : tensor<2x6xf32>
// CHECK: %[[YCOPY:.*]] = call @copy_2(%[[Y]], %[[E]],
// CHECK: %[[S2:.*]] = tensor.extract_slice %[[YCOPY]][0, 1] [2, 3] [1, 1]
// CHECK: %[[C2:.*]] = call @copy_3(%[[X]], %[[S2]],
// CHECK: %[[I2:.*]] = tensor.insert_slice %[[C2]] into %[[YCOPY]][0, 1]
// CHECK: return %[[I1]], %[[I2]]
func.func @insertions(%x: tensor<2x3xf32>, %y: tensor<2x6xf32>) -> (tensor<2x6xf32>, tensor<2x6xf32>) {
  %e = tensor.empty() : tensor<2x6xf32>
  %a = tensor.insert_slice %x into %e[0, 0] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<2x6xf32>
  %b = tensor.insert_slice %x into %a[0, 3] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<2x6xf32>
  %c = tensor.insert_slice %x into %y[0, 1] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<2x6xf32>
  return %b, %c : tensor<2x6xf32>, tensor<2x6xf32>
}
