// The quantize pipeline asks toy.dense: its input is quantized where the reversal's
// operand is computed, its weights for each row. QUANTIZED is what MPQ makes of toy,
// LOWERED what it makes of the linalg that toy makes of that.

// QUANTIZED-LABEL: func @network
// QUANTIZED-SAME: %[[X:.*]]: tensor<2x4xf32>
// The range [-1, 4] of the input: scale 5 / 255, zero point 51.
// QUANTIZED-DAG: %[[SX:.*]] = arith.constant dense<0.0196078438> : tensor<f32>
// QUANTIZED-DAG: %[[ZX:.*]] = arith.constant dense<51> : tensor<i8>
// QUANTIZED: %[[Q:.*]] = mpq.quantize %[[X]], %[[SX]], %[[ZX]] by #{{.*}} unsigned
// QUANTIZED: %[[D:.*]] = mpq.dequantize %[[Q]], %[[SX]], %[[ZX]]
// QUANTIZED: %[[M:.*]] = toy.reverse %[[D]]
// Rows of magnitude 127, 254 and 12.7: scales 1, 2 and 0.1.
// QUANTIZED: %[[W:.*]] = arith.constant dense<{{\[}}[127, -1, 2, 0], [1, 127, -2, 50], [127, 10, -20, 30]]> : tensor<3x4xi8>
// QUANTIZED: %[[SW:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00, 1.000000e-01]> : tensor<3xf32>
// QUANTIZED: %[[DW:.*]] = mpq.dequantize %[[W]], %[[SW]], %{{.*}} by #{{.*}} : tensor<3x4xi8>
// QUANTIZED: %[[R:.*]] = toy.dense %[[M]], %[[DW]], %{{.*}} :
// relu's range follows from that of dense, by toy's model.
// QUANTIZED: %[[RELU:.*]] = toy.relu %[[R]]
// QUANTIZED: arith.constant dense<0.784313738> : tensor<f32>
// QUANTIZED: %[[QR:.*]] = mpq.quantize %[[RELU]]
// QUANTIZED: %[[DR:.*]] = mpq.dequantize %[[QR]]
// QUANTIZED: toy.dense %[[DR]]

// LOWERED-LABEL: func @network
// LOWERED-NOT: toy.
// LOWERED: arith.extui %{{.*}} : i8 to i32
// LOWERED: arith.extsi %{{.*}} : i8 to i32
// LOWERED: arith.muli
// LOWERED: arith.muli
// LOWERED-NOT: arith.muli
// LOWERED: return
func.func @network(%x: tensor<2x4xf32> {mpq.name = "x", mpq.range = #mpq.range<-1.0, 4.0, recipe>})
    -> (tensor<2x2xf32> {mpq.name = "y"}) {
  %w = toy.constant dense<[[127.0, -1.0, 2.0, 0.0], [2.0, 254.0, -4.0, 100.0], [12.7, 1.0, -2.0, 3.0]]> : tensor<3x4xf32>
  %b = toy.constant dense<[1.0, -2.0, 0.5]> : tensor<3xf32>
  %v = toy.constant dense<[[1.0, -0.5, 0.25], [2.0, 0.75, -1.0]]> : tensor<2x3xf32>
  %c = toy.constant dense<0.0> : tensor<2xf32>
  %m = toy.reverse %x : tensor<2x4xf32>
  %r = toy.dense %m, %w, %b {mpq.ranges = [#mpq.range<-300.0, 200.0, recipe>]}
    : tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32> -> tensor<2x3xf32> loc("hidden")
  %a = toy.relu %r : tensor<2x3xf32>
  %y = toy.dense %a, %v, %c : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xf32> -> tensor<2x2xf32> loc("y")
  return %y : tensor<2x2xf32>
}
