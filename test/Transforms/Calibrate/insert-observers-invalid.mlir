// RUN: quant-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(func.func(mpq-insert-observers))'

func.func @dynamic(%x: tensor<4xf32>) -> tensor<?xf32> {
  %c = tensor.cast %x : tensor<4xf32> to tensor<?xf32>
  // expected-error @below {{expected value 'math.exp' to have a static shape to observe it but got 'tensor<?xf32>'}}
  %r = math.exp %c : tensor<?xf32>
  return %r : tensor<?xf32>
}
