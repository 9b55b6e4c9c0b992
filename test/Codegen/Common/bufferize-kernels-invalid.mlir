// RUN: quant-opt %s --split-input-file --mpq-bufferize-kernels -verify-diagnostics

// The input is another buffer than the result.
func.func private @copied(%x: memref<4xf32>, %d: memref<4xf32>, %begin: index, %end: index) attributes {mpq.kernel} {
  %a = bufferization.to_tensor %x restrict : memref<4xf32> to tensor<4xf32>
  // expected-error @below {{kernel would copy a buffer at run time}}
  bufferization.materialize_in_destination %a in restrict writable %d : (tensor<4xf32>, memref<4xf32>) -> ()
  return
}

// -----

// A row of a length that is known at run time.
func.func private @unknown(%x: memref<?xf32>, %d: memref<4xf32>, %begin: index, %end: index) attributes {mpq.kernel} {
  %c0 = arith.constant 0 : index
  %v = arith.constant 1.0 : f32
  %b = bufferization.to_tensor %d restrict writable : memref<4xf32> to tensor<4xf32>
  // expected-error @below {{kernel needs a buffer of unknown size: 'memref<?xf32>'}}
  %e = tensor.empty(%end) : tensor<?xf32>
  %t = tensor.insert %v into %e[%begin] : tensor<?xf32>
  %s = tensor.extract %t[%c0] : tensor<?xf32>
  %o = tensor.insert %s into %b[%c0] : tensor<4xf32>
  bufferization.materialize_in_destination %o in restrict writable %d : (tensor<4xf32>, memref<4xf32>) -> ()
  return
}

// -----

// More than fits the stack of a thread.
func.func private @large(%d: memref<4xf32>, %begin: index, %end: index) attributes {mpq.kernel} {
  %c0 = arith.constant 0 : index
  %v = arith.constant 1.0 : f32
  %b = bufferization.to_tensor %d restrict writable : memref<4xf32> to tensor<4xf32>
  // expected-error @below {{kernel needs more than 524288 bytes of intermediate buffers: 'memref<131073xf32>'}}
  %e = tensor.empty() : tensor<131073xf32>
  %t = tensor.insert %v into %e[%begin] : tensor<131073xf32>
  %s = tensor.extract %t[%c0] : tensor<131073xf32>
  %o = tensor.insert %s into %b[%c0] : tensor<4xf32>
  bufferization.materialize_in_destination %o in restrict writable %d : (tensor<4xf32>, memref<4xf32>) -> ()
  return
}
