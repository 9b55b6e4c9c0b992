// RUN: quant-opt %s --split-input-file --mpq-plan-memory -verify-diagnostics

// expected-error @below {{expected a public function with a body}}
module {
}

// -----

func.func @first(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
// expected-error @below {{expected one public function but 'first' and 'second' are public}}
func.func @second(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// expected-error @below {{expected inputs and results of static tensor type but got 'tensor<?xf32>'}}
func.func @dynamic_input(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// expected-error @below {{expected inputs and results of static tensor type but got 'f32'}}
func.func @scalar_input(%x: f32) -> f32 {
  return %x : f32
}

// -----

// expected-error @below {{expected inputs and results of static tensor type but got 'tensor<?xf32>'}}
func.func @dynamic_result(%x: tensor<4xf32>) -> tensor<?xf32> {
  %r = tensor.cast %x : tensor<4xf32> to tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

// An input is no storage for a result.
func.func @input_returned(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{result 0 has no storage of its own: run mpq-place-in-buffers first}}
  return %x : tensor<4xf32>
}

// -----

// Two results in one buffer.
func.func @shared() -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @below {{result 1 has no storage of its own: run mpq-place-in-buffers first}}
  return %e, %e : tensor<4xf32>, tensor<4xf32>
}

// -----

// Work that no kernel was formed for.
func.func @left_over(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @below {{operation 'linalg.exp' cannot be compiled: expected kernels, views and constants in the main function}}
  %y = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %f = tensor.empty() : tensor<4xf32>
  return %f : tensor<4xf32>
}

// -----

// Rows of a slice do not touch: no stride joins them.
func.func private @kernel(%x: tensor<4xf32>, %d: tensor<4xf32>, %begin: index, %end: index) -> tensor<4xf32> attributes {mpq.kernel} {
  return %d : tensor<4xf32>
}
func.func @strided(%x: tensor<4x4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %s = tensor.extract_slice %x[0, 0] [2, 2] [1, 1] : tensor<4x4xf32> to tensor<2x2xf32>
  // expected-error @below {{cannot view strided memory in this shape}}
  %f = tensor.collapse_shape %s [[0, 1]] : tensor<2x2xf32> into tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %r = call @kernel(%f, %e, %c0, %c0) : (tensor<4xf32>, tensor<4xf32>, index, index) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// The blob of these weights is not in the file.
func.func private @kernel(%x: tensor<4xf32>, %d: tensor<4xf32>, %begin: index, %end: index) -> tensor<4xf32> attributes {mpq.kernel} {
  return %d : tensor<4xf32>
}
func.func @no_data() -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  // expected-error @below {{expected a constant whose data are in the module}}
  %w = arith.constant dense_resource<absent> : tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %r = call @kernel(%w, %e, %c0, %c0) : (tensor<4xf32>, tensor<4xf32>, index, index) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
