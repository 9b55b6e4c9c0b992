// A layer as compilers with upstream's quantized types write it: unsigned activations in the signature, weights with a
// scale for each column, a product in float between casts.
!x = !quant.uniform<u8:f32, 0.02:100>
!w = !quant.uniform<i8<-127:127>:f32:1, {0.01, 0.02, 0.005}>
!y = !quant.uniform<i8:f32, 0.05:-10>
func.func @net(%x: tensor<5x4x!x> {mpq.name = "x"}) -> (tensor<5x3x!y> {mpq.name = "y"}) {
  %stored = arith.constant dense<[[127, -100, 30], [-64, 90, 101], [5, -77, -127], [88, 127, 64]]> : tensor<4x3xi8>
  %w = quant.scast %stored : tensor<4x3xi8> to tensor<4x3x!w>
  %dx = quant.dcast %x : tensor<5x4x!x> to tensor<5x4xf32>
  %dw = quant.dcast %w : tensor<4x3x!w> to tensor<4x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<5x3xf32>) -> tensor<5x3xf32>
  %p = linalg.matmul ins(%dx, %dw : tensor<5x4xf32>, tensor<4x3xf32>) outs(%i : tensor<5x3xf32>) -> tensor<5x3xf32>
  %y = quant.qcast %p : tensor<5x3xf32> to tensor<5x3x!y>
  return %y : tensor<5x3x!y>
}
