// RUN: quant-opt %s --split-input-file --mpq-place-in-buffers -verify-diagnostics

// The padding is a value of run time.
func.func @value(%x: tensor<2x3xf32>) -> tensor<4x6xf32> {
  %c0 = arith.constant 0 : index
  %v = tensor.extract %x[%c0, %c0] : tensor<2x3xf32>
  // expected-error @below {{expected static padding with a constant}}
  %padded = tensor.pad %x low[1, 2] high[1, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %v : f32
  } : tensor<2x3xf32> to tensor<4x6xf32>
  return %padded : tensor<4x6xf32>
}

// -----

// The padding differs from place to place.
func.func @position(%x: tensor<2x3xindex>) -> tensor<4x6xindex> {
  // expected-error @below {{expected static padding with a constant}}
  %padded = tensor.pad %x low[1, 2] high[1, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %j : index
  } : tensor<2x3xindex> to tensor<4x6xindex>
  return %padded : tensor<4x6xindex>
}

// -----

// The width of the padding is a value of run time.
func.func @width(%x: tensor<2x3xf32>, %n: tensor<index>) -> tensor<4x6xf32> {
  %v = arith.constant 0.0 : f32
  %rows = tensor.extract %n[] : tensor<index>
  // expected-error @below {{expected static padding with a constant}}
  %padded = tensor.pad %x low[%rows, 2] high[1, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %v : f32
  } : tensor<2x3xf32> to tensor<?x6xf32>
  %r = tensor.cast %padded : tensor<?x6xf32> to tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

func.func @dynamic(%x: tensor<4x3xf32>) -> tensor<4x6xf32> {
  %d = tensor.cast %x : tensor<4x3xf32> to tensor<?x3xf32>
  // expected-error @below {{expected a static concatenation}}
  %r = tensor.concat dim(1) %d, %d : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x6xf32>
  %s = tensor.cast %r : tensor<?x6xf32> to tensor<4x6xf32>
  return %s : tensor<4x6xf32>
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

func.func private @other(tensor<4xf32>) -> tensor<4xf32>
func.func @call(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{calls 'other', which is no kernel: expected calls to be inlined before codegen}}
  %r = call @other(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func @strided(%x: tensor<2xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expected static offsets, unit strides and a source of the same rank}}
  %r = tensor.insert_slice %x into %y[0] [2] [2] : tensor<2xf32> into tensor<4xf32>
  return %r : tensor<4xf32>
}
