// Operators of quantized TOSA models, each a result: see tosa-operators.py.
func.func @net(%x: tensor<1x8x8x4xi8> {mpq.name = "x"}) -> (
    tensor<1x8x8x4xi8> {mpq.name = "add"}, tensor<1x8x8x4xi8> {mpq.name = "average"},
    tensor<1x8x8x8xi8> {mpq.name = "concat"}, tensor<1x8x8x4xi8> {mpq.name = "table"},
    tensor<1x8x8x4xi8> {mpq.name = "unsigned", mpq.unsigned}, tensor<1x64x64xi32> {mpq.name = "scores"},
    tensor<1x17x17x2xi32> {mpq.name = "transposed"}, tensor<1x8x8x8xi32> {mpq.name = "multiplied"},
    tensor<1x8x8x4xi8> {mpq.name = "rounded"}) {
  %z8 = "tosa.const"() {values = dense<0> : tensor<1xi8>} : () -> tensor<1xi8>
  %z32 = "tosa.const"() {values = dense<0> : tensor<1xi32>} : () -> tensor<1xi32>
  %three = "tosa.const"() {values = dense<3> : tensor<1xi8>} : () -> tensor<1xi8>
  %minus = "tosa.const"() {values = dense<-4> : tensor<1xi8>} : () -> tensor<1xi8>
  %s11 = "tosa.const"() {values = dense<11> : tensor<1xi8>} : () -> tensor<1xi8>
  %s50 = "tosa.const"() {values = dense<50> : tensor<1xi8>} : () -> tensor<1xi8>
  %s30 = "tosa.const"() {values = dense<30> : tensor<1xi8>} : () -> tensor<1xi8>
  %m1 = "tosa.const"() {values = dense<1073741824> : tensor<1xi32>} : () -> tensor<1xi32>
  %m2 = "tosa.const"() {values = dense<1200000000> : tensor<1xi32>} : () -> tensor<1xi32>
  %m3 = "tosa.const"() {values = dense<1100000000> : tensor<1xi32>} : () -> tensor<1xi32>

  // A residual addition: both operands to one 32-bit scale, the sum back to 8 bits.
  %a = tosa.rescale %x, %m1, %s11, %three, %z32 {scale32 = true, rounding_mode = DOUBLE_ROUND, per_channel = false, input_unsigned = false, output_unsigned = false}
    : (tensor<1x8x8x4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi32>) -> tensor<1x8x8x4xi32>
  %b = tosa.rescale %x, %m2, %s11, %minus, %z32 {scale32 = true, rounding_mode = SINGLE_ROUND, per_channel = false, input_unsigned = false, output_unsigned = false}
    : (tensor<1x8x8x4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi32>) -> tensor<1x8x8x4xi32>
  %sum = tosa.add %a, %b : (tensor<1x8x8x4xi32>, tensor<1x8x8x4xi32>) -> tensor<1x8x8x4xi32>
  %add = tosa.rescale %sum, %m3, %s50, %z32, %minus {scale32 = true, rounding_mode = DOUBLE_ROUND, per_channel = false, input_unsigned = false, output_unsigned = false}
    : (tensor<1x8x8x4xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x8x8x4xi8>

  %average = tosa.avg_pool2d %x, %three, %three {acc_type = i32, kernel = array<i64: 3, 3>, pad = array<i64: 1, 1, 1, 1>, stride = array<i64: 1, 1>}
    : (tensor<1x8x8x4xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x8x8x4xi8>
  %concat = tosa.concat %x, %add {axis = 3 : i32} : (tensor<1x8x8x4xi8>, tensor<1x8x8x4xi8>) -> tensor<1x8x8x8xi8>
  %entries = "tosa.const"() {values = dense<[-125, -118, -111, -104, -97, -90, -83, -76, -69, -62, -55, -48, -41, -34, -27, -20, -13, -6, 1, 8, 15, 22, 29, 36, 43, 50, 57, 64, 71, 78, 85, 92,
      99, 106, 113, 120, -124, -117, -110, -103, -96, -89, -82, -75, -68, -61, -54, -47, -40, -33, -26, -19, -12, -5, 2, 9, 16, 23, 30, 37, 44, 51, 58, 65,
      72, 79, 86, 93, 100, 107, 114, 121, -123, -116, -109, -102, -95, -88, -81, -74, -67, -60, -53, -46, -39, -32, -25, -18, -11, -4, 3, 10, 17, 24, 31, 38,
      45, 52, 59, 66, 73, 80, 87, 94, 101, 108, 115, 122, -122, -115, -108, -101, -94, -87, -80, -73, -66, -59, -52, -45, -38, -31, -24, -17, -10, -3, 4, 11,
      18, 25, 32, 39, 46, 53, 60, 67, 74, 81, 88, 95, 102, 109, 116, 123, -121, -114, -107, -100, -93, -86, -79, -72, -65, -58, -51, -44, -37, -30, -23, -16,
      -9, -2, 5, 12, 19, 26, 33, 40, 47, 54, 61, 68, 75, 82, 89, 96, 103, 110, 117, 124, -120, -113, -106, -99, -92, -85, -78, -71, -64, -57, -50, -43,
      -36, -29, -22, -15, -8, -1, 6, 13, 20, 27, 34, 41, 48, 55, 62, 69, 76, 83, 90, 97, 104, 111, 118, 125, -119, -112, -105, -98, -91, -84, -77, -70,
      -63, -56, -49, -42, -35, -28, -21, -14, -7, 0, 7, 14, 21, 28, 35, 42, 49, 56, 63, 70, 77, 84, 91, 98, 105, 112, 119, -125, -118, -111, -104, -97]> : tensor<256xi8>} : () -> tensor<256xi8>
  %table = tosa.table %x, %entries : (tensor<1x8x8x4xi8>, tensor<256xi8>) -> tensor<1x8x8x4xi8>
  %low = "tosa.const"() {values = dense<-128> : tensor<1xi8>} : () -> tensor<1xi8>
  %unsigned = tosa.rescale %x, %m1, %s30, %z8, %low {scale32 = true, rounding_mode = SINGLE_ROUND, per_channel = false, input_unsigned = false, output_unsigned = true}
    : (tensor<1x8x8x4xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x8x8x4xi8>

  // Both operands computed.
  %rows = tosa.const_shape {values = dense<[1, 64, 4]> : tensor<3xindex>} : () -> !tosa.shape<3>
  %q = tosa.reshape %x, %rows : (tensor<1x8x8x4xi8>, !tosa.shape<3>) -> tensor<1x64x4xi8>
  %k = tosa.transpose %q {perms = array<i32: 0, 2, 1>} : (tensor<1x64x4xi8>) -> tensor<1x4x64xi8>
  %scores = tosa.matmul %q, %k, %three, %minus : (tensor<1x64x4xi8>, tensor<1x4x64xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x64x64xi32>

  %w = "tosa.const"() {values = dense<[[[[1, 2, 3, 4], [5, 6, 7, 8], [-1, -2, -3, -4]], [[9, 2, 3, 4], [5, -60, 7, 8], [-1, -2, -3, -4]],
      [[1, 2, 3, 4], [5, 6, 70, 8], [-1, -2, -3, -4]]], [[[1, 2, -3, 4], [5, 6, 7, 8], [-1, -2, -3, -4]], [[1, 2, 3, 4], [5, 6, 7, 8],
      [-1, 20, -3, -4]], [[1, 2, 3, 4], [5, 6, 7, 8], [-1, -2, -3, 4]]]]> : tensor<2x3x3x4xi8>} : () -> tensor<2x3x3x4xi8>
  %bias = "tosa.const"() {values = dense<[100, -200]> : tensor<2xi32>} : () -> tensor<2xi32>
  %transposed = tosa.transpose_conv2d %x, %w, %bias, %three, %z8 {acc_type = i32, out_pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 2, 2>}
    : (tensor<1x8x8x4xi8>, tensor<2x3x3x4xi8>, tensor<2xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x17x17x2xi32>
  // Two output channels for each input channel.
  %dw = "tosa.const"() {values = dense<[[[[1, 2], [3, -4], [5, 6], [7, 8]]]]> : tensor<1x1x4x2xi8>} : () -> tensor<1x1x4x2xi8>
  %dbias = "tosa.const"() {values = dense<[1, 2, 3, 4, 5, 6, 7, 8]> : tensor<8xi32>} : () -> tensor<8xi32>
  %multiplied = tosa.depthwise_conv2d %x, %dw, %dbias, %three, %z8 {acc_type = i32, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
    : (tensor<1x8x8x4xi8>, tensor<1x1x4x2xi8>, tensor<8xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x8x8x8xi32>

  // Float inside: dequantized by a cast and a product, quantized by the reverse.
  %f = tosa.cast %x : (tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xf32>
  %scale = "tosa.const"() {values = dense<0.375> : tensor<1x1x1x1xf32>} : () -> tensor<1x1x1x1xf32>
  %g = tosa.mul %f, %scale, %z8 : (tensor<1x8x8x4xf32>, tensor<1x1x1x1xf32>, tensor<1xi8>) -> tensor<1x8x8x4xf32>
  %rounded = tosa.cast %g : (tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xi8>
  return %add, %average, %concat, %table, %unsigned, %scores, %transposed, %multiplied, %rounded
    : tensor<1x8x8x4xi8>, tensor<1x8x8x4xi8>, tensor<1x8x8x8xi8>, tensor<1x8x8x4xi8>, tensor<1x8x8x4xi8>,
      tensor<1x64x64xi32>, tensor<1x17x17x2xi32>, tensor<1x8x8x8xi32>, tensor<1x8x8x4xi8>
}
