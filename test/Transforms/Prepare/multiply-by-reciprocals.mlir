// RUN: quant-opt %s --mpq-multiply-by-reciprocals | FileCheck %s

// CHECK-LABEL: @scalar
// CHECK: %[[R:.*]] = arith.constant 0.707106769 : f32
// CHECK: arith.mulf %{{.*}}, %[[R]] : f32
// CHECK-NOT: arith.divf
func.func @scalar(%x: tensor<8xf32>, %out: tensor<8xf32>) -> tensor<8xf32> {
  %c = arith.constant 1.41421354 : f32
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
                       iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%out : tensor<8xf32>) {
  ^bb0(%in: f32, %o: f32):
    %d = arith.divf %in, %c : f32
    linalg.yield %d : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// Zero, subnormal reciprocals and divisors known only at run time stay.
// CHECK-LABEL: @kept
// CHECK-COUNT-4: arith.divf
func.func @kept(%x: f32, %y: f32) -> (f32, f32, f32, f32) {
  %zero = arith.constant 0.0 : f32
  %huge = arith.constant 3.0e+38 : f32
  %infinite = arith.constant 0x7F800000 : f32
  %a = arith.divf %x, %zero : f32
  %b = arith.divf %x, %huge : f32
  %c = arith.divf %x, %infinite : f32
  %d = arith.divf %x, %y : f32
  return %a, %b, %c, %d : f32, f32, f32, f32
}
