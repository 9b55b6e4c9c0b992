// RUN: quant-opt %s --mpq-expand-math | FileCheck %s

// Nothing is left that LLVM would make calls of. What it computes is what test_narrow_floats.py tries on all codes.
// CHECK-NOT: arith.extf
// CHECK-NOT: arith.truncf

// CHECK-LABEL: @widen
// CHECK: %[[CODE:.*]] = arith.bitcast %{{.*}} : vector<8xf8E4M3FN> to vector<8xi8>
// CHECK: arith.extui %[[CODE]] : vector<8xi8> to vector<8xi32>
// CHECK: math.copysign
func.func @widen(%x: vector<8xf8E4M3FN>) -> vector<8xf32> {
  %y = arith.extf %x : vector<8xf8E4M3FN> to vector<8xf32>
  return %y : vector<8xf32>
}

// CHECK-LABEL: @narrow
// CHECK: math.roundeven
// CHECK: %[[CODE:.*]] = arith.trunci %{{.*}} : vector<8xi32> to vector<8xi8>
// CHECK: arith.bitcast %[[CODE]] : vector<8xi8> to vector<8xf8E5M2>
func.func @narrow(%x: vector<8xf32>) -> vector<8xf8E5M2> {
  %y = arith.truncf %x : vector<8xf32> to vector<8xf8E5M2>
  return %y : vector<8xf8E5M2>
}

// CHECK-LABEL: @scalars
// CHECK: arith.trunci %{{.*}} : i32 to i4
// CHECK: arith.trunci %{{.*}} : i32 to i8
func.func @scalars(%x: f32) -> (f4E2M1FN, f8E8M0FNU) {
  %y = arith.truncf %x : f32 to f4E2M1FN
  %z = arith.truncf %x : f32 to f8E8M0FNU
  return %y, %z : f4E2M1FN, f8E8M0FNU
}

// CHECK-LABEL: @dequantize
// CHECK: arith.subf
// CHECK: arith.mulf
func.func @dequantize(%x: f4E2M1FN, %s: f32, %z: f4E2M1FN) -> f32 {
  %y = mpq.dequantize %x, %s, %z : f4E2M1FN, f32, f4E2M1FN -> f32
  return %y : f32
}
