// A small network in float: convolutions, pooling, a matrix product, a softmax in its parts.
func.func @net(%x: tensor<1x7x7x3xf32> {mpq.name = "x"}) -> (tensor<1x9x5xf32> {mpq.name = "y"}) {
  %w1 = "tosa.const"() {values = dense<[[[[-0.51, 0.25, 0.23], [0.52, -0.3, 0.68], [-0.11, 0.63, -0.17]], [[-0.29, 0.1, 0.41], [0.06, -0.23, -0.54], [-0.56, 0.2, 0.4]], [[-0.07, -0.43, 0.35], [-0.51, -0.29, 0.25], [-0.9, 0.15, -0.23]]], [[[0.04, -0.03, 0.08], [0.28, -0.3, 0.57], [0.29, 0.34, 0.47]], [[0.32, 0.34, 0.03], [-0.57, -0.05, -0.31], [-0.57, 0.1, -0.23]], [[-0.41, -0.42, 0.11], [0.14, 0.53, -0.01], [0.42, 0.56, 0.46]]], [[[-0.95, 0.49, 0.14], [0.17, 0.15, 0.15], [0.13, -0.14, -0.76]], [[-0.04, -0.32, 0.43], [-0.12, 0.03, -0.34], [-0.2, -0.0, -0.59]], [[0.12, -0.04, -0.47], [-0.96, 0.21, -0.12], [-0.21, -0.09, 0.73]]], [[[-0.02, 0.03, -0.59], [0.66, 0.37, 0.43], [0.02, 0.37, 0.15]], [[0.25, -0.06, -0.59], [0.41, -0.77, -0.1], [-0.08, -0.42, 0.25]], [[-0.08, -0.17, 0.21], [-0.19, 0.56, 0.14], [-0.19, -0.78, -0.52]]]]> : tensor<4x3x3x3xf32>} : () -> tensor<4x3x3x3xf32>
  %b1 = "tosa.const"() {values = dense<[-0.16, -0.61, 0.1, -0.02]> : tensor<4xf32>} : () -> tensor<4xf32>
  %z = "tosa.const"() {values = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %c1 = tosa.conv2d %x, %w1, %b1, %z, %z {acc_type = f32, pad = array<i64: 1, 1, 1, 1>, stride = array<i64: 2, 2>, dilation = array<i64: 1, 1>}
    : (tensor<1x7x7x3xf32>, tensor<4x3x3x3xf32>, tensor<4xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x4x4x4xf32>
  %k1 = tosa.clamp %c1 {min_val = 0.0 : f32, max_val = 6.0 : f32} : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %w2 = "tosa.const"() {values = dense<[[[[0.43], [-0.02], [-0.11], [0.66]], [[-0.51], [-0.23], [-0.19], [0.23]], [[-0.27], [-0.25], [-0.64], [0.29]]], [[[0.32], [-0.19], [0.07], [-0.52]], [[-0.19], [0.55], [0.05], [0.92]], [[-0.31], [0.23], [-0.08], [0.23]]], [[[-0.0], [-0.22], [-0.35], [1.23]], [[-0.03], [-0.81], [-0.26], [0.27]], [[-0.2], [0.54], [0.4], [-0.06]]]]> : tensor<3x3x4x1xf32>} : () -> tensor<3x3x4x1xf32>
  %c2 = tosa.depthwise_conv2d %k1, %w2, %b1, %z, %z {acc_type = f32, pad = array<i64: 1, 1, 1, 1>, stride = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
    : (tensor<1x4x4x4xf32>, tensor<3x3x4x1xf32>, tensor<4xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x4x4x4xf32>
  %t = tosa.tanh %c2 : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %p = tosa.max_pool2d %t {kernel = array<i64: 2, 2>, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>} : (tensor<1x4x4x4xf32>) -> tensor<1x3x3x4xf32>
  %shape = tosa.const_shape {values = dense<[1, 9, 4]> : tensor<3xindex>} : () -> !tosa.shape<3>
  %f = tosa.reshape %p, %shape : (tensor<1x3x3x4xf32>, !tosa.shape<3>) -> tensor<1x9x4xf32>
  %w3 = "tosa.const"() {values = dense<[[[-0.24, -0.5, -0.35, -0.74, 0.6], [0.8, -0.63, -0.59, -0.88, -0.48], [-1.55, -0.57, 0.65, -0.17, 0.43], [-0.24, 0.88, 0.1, -0.19, 1.28]]]> : tensor<1x4x5xf32>} : () -> tensor<1x4x5xf32>
  %c3 = tosa.matmul %f, %w3, %z, %z : (tensor<1x9x4xf32>, tensor<1x4x5xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x9x5xf32>
  %e = tosa.exp %c3 : (tensor<1x9x5xf32>) -> tensor<1x9x5xf32>
  %s = tosa.reduce_sum %e {axis = 2 : i32} : (tensor<1x9x5xf32>) -> tensor<1x9x1xf32>
  %i = tosa.reciprocal %s : (tensor<1x9x1xf32>) -> tensor<1x9x1xf32>
  %shift = "tosa.const"() {values = dense<0> : tensor<1xi8>} : () -> tensor<1xi8>
  %y = tosa.mul %e, %i, %shift : (tensor<1x9x5xf32>, tensor<1x9x1xf32>, tensor<1xi8>) -> tensor<1x9x5xf32>
  return %y : tensor<1x9x5xf32>
}
