// A product whose operand has a range: it becomes an integer product.
func.func @product(%x: tensor<4x8xf32> {mpq.name = "x", mpq.range = #mpq.range<0.0, 1.0, recipe>})
    -> (tensor<4x2xf32> {mpq.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, -1.0], [1.5, 2.0], [0.25, -0.75], [1.0, 0.0],
                             [-1.5, 0.5], [2.5, 1.25], [-0.5, -2.0], [0.75, 3.0]]> : tensor<8x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32>) outs(%i : tensor<4x2xf32>)
    -> tensor<4x2xf32> loc("y"("MatMul:0"))
  return %r : tensor<4x2xf32>
}
