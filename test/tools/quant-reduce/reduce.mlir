// The file is reduced to what the test script asks for: one quantization in one function.
// RUN: quant-reduce %s --reduction-tree='traversal-mode=0 test=%S/Inputs/has-quantize.sh' | FileCheck %s
// CHECK-NOT: func.func @other
// CHECK: func.func @model
// CHECK-NEXT: mpq.quantize
// CHECK-NEXT: return

// Passes of this project reduce too.
// RUN: quant-reduce %s --opt-reduction-pass='opt-pass=mpq-strip-observers test=%S/Inputs/has-quantize.sh' | FileCheck %s --check-prefix=PASS
// PASS-NOT: mpq.observe
// PASS: mpq.quantize
// PASS-NOT: mpq.observe
#map = affine_map<(d0) -> ()>
func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = math.exp %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func @model(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i8>) {
  %a = math.exp %x : tensor<4xf32>
  mpq.observe %a as "a" : tensor<4xf32>
  %q = mpq.quantize %a, %s, %z by #map : tensor<4xf32>, tensor<f32>, tensor<i8> -> tensor<4xi8>
  %d = mpq.dequantize %q, %s, %z by #map : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  %b = math.exp %d : tensor<4xf32>
  mpq.observe %b as "b" : tensor<4xf32>
  return
}
