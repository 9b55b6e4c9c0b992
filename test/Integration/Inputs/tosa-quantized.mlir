// A network as converters from TFLite write it: signed bytes, zero points, per-channel and per-tensor rescales.
func.func @net(%x: tensor<1x7x7x3xi8> {mpq.name = "x"}) -> (tensor<1x9x5xi8> {mpq.name = "y"}) {
  %w1 = "tosa.const"() {values = dense<[[[[89, 35, 3], [-59, -49, -117], [-108, -123, -83]], [[80, 38, 105], [1, 27, 120], [59, 34, 11]], [[15, 111, -57], [81, 44, -127], [-27, 91, 14]]], [[[-119, 68, 59], [88, -83, -105], [93, -122, 11]], [[-107, -51, -5], [-20, -25, -120], [-126, -96, -125]], [[44, 7, 38], [-62, 29, 67], [-30, -10, 127]]], [[[78, 123, -31], [47, 115, 38], [87, 48, 52]], [[-28, 96, -93], [20, 56, 88], [6, -32, -48]], [[-20, -4, 56], [99, -109, 111], [8, -36, 44]]], [[[18, -63, -45], [56, 24, 1], [-41, 66, -28]], [[-44, 100, -60], [-70, 55, 31], [-115, -106, -31]], [[85, -25, 73], [-47, -66, 74], [96, -107, -113]]]]> : tensor<4x3x3x3xi8>} : () -> tensor<4x3x3x3xi8>
  %b1 = "tosa.const"() {values = dense<[-798, 293, -2698, 2857]> : tensor<4xi32>} : () -> tensor<4xi32>
  %zx = "tosa.const"() {values = dense<-5> : tensor<1xi8>} : () -> tensor<1xi8>
  %z0 = "tosa.const"() {values = dense<0> : tensor<1xi8>} : () -> tensor<1xi8>
  %z32 = "tosa.const"() {values = dense<0> : tensor<1xi32>} : () -> tensor<1xi32>
  %c1 = tosa.conv2d %x, %w1, %b1, %zx, %z0 {acc_type = i32, pad = array<i64: 1, 1, 1, 1>, stride = array<i64: 2, 2>, dilation = array<i64: 1, 1>}
    : (tensor<1x7x7x3xi8>, tensor<4x3x3x3xi8>, tensor<4xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x4x4x4xi32>
  %m1 = "tosa.const"() {values = dense<[1276901417, 1090000001, 2011111111, 1500000003]> : tensor<4xi32>} : () -> tensor<4xi32>
  %s1 = "tosa.const"() {values = dense<[39, 38, 40, 39]> : tensor<4xi8>} : () -> tensor<4xi8>
  %z1 = "tosa.const"() {values = dense<-20> : tensor<1xi8>} : () -> tensor<1xi8>
  %r1 = tosa.rescale %c1, %m1, %s1, %z32, %z1 {scale32 = true, rounding_mode = DOUBLE_ROUND, per_channel = true, input_unsigned = false, output_unsigned = false}
    : (tensor<1x4x4x4xi32>, tensor<4xi32>, tensor<4xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x4x4x4xi8>
  %k1 = tosa.clamp %r1 {min_val = -20 : i8, max_val = 101 : i8} : (tensor<1x4x4x4xi8>) -> tensor<1x4x4x4xi8>
  %w2 = "tosa.const"() {values = dense<[[[[44], [-42], [19], [-89]], [[92], [-13], [101], [76]], [[52], [-69], [68], [-114]]], [[[18], [-24], [127], [-77]], [[114], [-104], [31], [20]], [[102], [-51], [103], [44]]], [[[100], [-77], [66], [113]], [[-115], [-34], [35], [-101]], [[3], [33], [67], [109]]]]> : tensor<3x3x4x1xi8>} : () -> tensor<3x3x4x1xi8>
  %b2 = "tosa.const"() {values = dense<[-2534, -513, -1309, 1406]> : tensor<4xi32>} : () -> tensor<4xi32>
  %c2 = tosa.depthwise_conv2d %k1, %w2, %b2, %z1, %z0 {acc_type = i32, pad = array<i64: 1, 1, 1, 1>, stride = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
    : (tensor<1x4x4x4xi8>, tensor<3x3x4x1xi8>, tensor<4xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x4x4x4xi32>
  %m2 = "tosa.const"() {values = dense<1717986919> : tensor<1xi32>} : () -> tensor<1xi32>
  %s2 = "tosa.const"() {values = dense<39> : tensor<1xi8>} : () -> tensor<1xi8>
  %z2 = "tosa.const"() {values = dense<3> : tensor<1xi8>} : () -> tensor<1xi8>
  %r2 = tosa.rescale %c2, %m2, %s2, %z32, %z2 {scale32 = true, rounding_mode = SINGLE_ROUND, per_channel = false, input_unsigned = false, output_unsigned = false}
    : (tensor<1x4x4x4xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x4x4x4xi8>
  %p = tosa.max_pool2d %r2 {kernel = array<i64: 2, 2>, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>} : (tensor<1x4x4x4xi8>) -> tensor<1x3x3x4xi8>
  %shape = tosa.const_shape {values = dense<[1, 9, 4]> : tensor<3xindex>} : () -> !tosa.shape<3>
  %f = tosa.reshape %p, %shape : (tensor<1x3x3x4xi8>, !tosa.shape<3>) -> tensor<1x9x4xi8>
  %w3 = "tosa.const"() {values = dense<[[[-23, -15, -7, 116, -78], [0, -115, -19, 114, 31], [-38, 126, 26, 114, -123], [-10, 85, 66, -24, -1]]]> : tensor<1x4x5xi8>} : () -> tensor<1x4x5xi8>
  %c3 = tosa.matmul %f, %w3, %z2, %z0 : (tensor<1x9x4xi8>, tensor<1x4x5xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x9x5xi32>
  %m3 = "tosa.const"() {values = dense<1431655765> : tensor<1xi32>} : () -> tensor<1xi32>
  %s3 = "tosa.const"() {values = dense<38> : tensor<1xi8>} : () -> tensor<1xi8>
  %y = tosa.rescale %c3, %m3, %s3, %z32, %z0 {scale32 = true, rounding_mode = DOUBLE_ROUND, per_channel = false, input_unsigned = false, output_unsigned = false}
    : (tensor<1x9x5xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x9x5xi8>
  return %y : tensor<1x9x5xi8>
}
