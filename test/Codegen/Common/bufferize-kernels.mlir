// RUN: quant-opt %s --split-input-file --mpq-bufferize-kernels --mlir-print-local-scope | FileCheck %s

// A kernel that writes its destination block by block computes in place: no
// copy, no allocation. The main function is not touched.
// CHECK-LABEL: func.func private @in_place(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<32xf32>, %[[D:[a-z0-9]+]]: memref<32xf32>
// CHECK-NOT: {{memref.(alloc|copy)}}
// CHECK: scf.for %[[I:[a-z0-9]+]] =
// CHECK-NEXT: %[[S:.*]] = memref.subview %[[D]][%[[I]]] [16] [1]
// CHECK-NEXT: %[[V:.*]] = vector.transfer_read %[[X]][%[[I]]]
// CHECK-NEXT: vector.transfer_write %[[V]], %[[S]]
// CHECK-NEXT: {{^ *[}]$}}
// CHECK-NEXT: return
// CHECK-LABEL: func.func @model(
// CHECK: call @in_place(
func.func private @in_place(%x: memref<32xf32>, %d: memref<32xf32>, %begin: index, %end: index) attributes {mpq.kernel} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant 0.0 : f32
  %a = bufferization.to_tensor %x restrict : memref<32xf32> to tensor<32xf32>
  %b = bufferization.to_tensor %d restrict writable : memref<32xf32> to tensor<32xf32>
  %r = scf.for %i = %c0 to %c32 step %c16 iter_args(%out = %b) -> (tensor<32xf32>) {
    %s = tensor.extract_slice %out[%i] [16] [1] : tensor<32xf32> to tensor<16xf32>
    %v = vector.transfer_read %a[%i], %zero {in_bounds = [true]} : tensor<32xf32>, vector<16xf32>
    %w = vector.transfer_write %v, %s[%c0] {in_bounds = [true]} : vector<16xf32>, tensor<16xf32>
    %o = tensor.insert_slice %w into %out[%i] [16] [1] : tensor<16xf32> into tensor<32xf32>
    scf.yield %o : tensor<32xf32>
  }
  bufferization.materialize_in_destination %r in restrict writable %d : (tensor<32xf32>, memref<32xf32>) -> ()
  return
}
func.func @model(%x: memref<128xi8>, %y: memref<128xi8>, %weights: memref<1xi8>, %workspace: memref<64xi8>) {
  %c0 = arith.constant 0 : index
  %in = memref.view %x[%c0][] : memref<128xi8> to memref<32xf32>
  %out = memref.view %y[%c0][] : memref<128xi8> to memref<32xf32>
  call @in_place(%in, %out, %c0, %c0) : (memref<32xf32>, memref<32xf32>, index, index) -> ()
  return
}

// -----

// An intermediate row inside a loop lives on the stack, allocated once, at the
// entry, on a cache line.
// CHECK-LABEL: func.func private @row(
// CHECK-NEXT: %[[ROW:.*]] = memref.alloca() {alignment = 64 : i64} : memref<16xf32>
// CHECK-NOT: {{memref.(alloc|copy)}}
// CHECK: scf.for
// CHECK: vector.transfer_write %{{.*}}, %[[ROW]]
// CHECK: memref.load %[[ROW]]
func.func private @row(%x: memref<4x16xf32>, %d: memref<4x16xf32>, %begin: index, %end: index) attributes {mpq.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %a = bufferization.to_tensor %x restrict : memref<4x16xf32> to tensor<4x16xf32>
  %b = bufferization.to_tensor %d restrict writable : memref<4x16xf32> to tensor<4x16xf32>
  %r = scf.for %i = %begin to %end step %c1 iter_args(%out = %b) -> (tensor<4x16xf32>) {
    %e = tensor.empty() : tensor<16xf32>
    %v = vector.transfer_read %a[%i, %c0], %zero {in_bounds = [true]} : tensor<4x16xf32>, vector<16xf32>
    %n = arith.negf %v : vector<16xf32>
    %t = vector.transfer_write %n, %e[%c0] {in_bounds = [true]} : vector<16xf32>, tensor<16xf32>
    %s = tensor.extract %t[%i] : tensor<16xf32>
    %o = tensor.insert %s into %out[%i, %c0] : tensor<4x16xf32>
    scf.yield %o : tensor<4x16xf32>
  }
  bufferization.materialize_in_destination %r in restrict writable %d : (tensor<4x16xf32>, memref<4x16xf32>) -> ()
  return
}
