// MPQ's pattern puts the quantization above the first reversal and the second one on
// the integers, where toy's pattern finds both.

// CHECK-LABEL: func @meet
// CHECK-NOT: toy.reverse
// CHECK: %[[Q:.*]] = mpq.quantize %arg0
// CHECK-NEXT: %[[D:.*]] = mpq.dequantize %[[Q]]
// CHECK-NEXT: return %[[D]]
#tensor = affine_map<(d0, d1) -> ()>
func.func @meet(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i8>
  %r = toy.reverse %x : tensor<2x4xf32>
  %q = mpq.quantize %r, %s, %z by #tensor unsigned : tensor<2x4xf32>, tensor<f32>, tensor<i8> -> tensor<2x4xi8>
  %d = mpq.dequantize %q, %s, %z by #tensor unsigned : tensor<2x4xi8>, tensor<f32>, tensor<i8> -> tensor<2x4xf32>
  %y = toy.reverse %d : tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
