// RUN: quant-opt %s --split-input-file --mpq-lower-lookup | FileCheck %s

// Two bits: the table repeats itself, so that bits above do not matter.
// CHECK-LABEL: func.func @bits(
// CHECK-SAME: %[[X:.*]]: vector<16xi32>
// CHECK: %[[T:.*]] = arith.constant dense<[-1.000000e+00, 0.000000e+00, 1.000000e+00, 2.000000e+00, -1.000000e+00, 0.000000e+00, {{.*}}, 2.000000e+00]> : vector<16xf32>
// CHECK: %[[F:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%[[T]], %[[X]])
// CHECK: return %[[F]]
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+avx512f,+avx512vnni">} {
func.func @bits(%x: vector<16xi32>) -> vector<16xf32> {
  %m = arith.constant dense<3> : vector<16xi32>
  %z = arith.constant dense<1> : vector<16xi32>
  %a = arith.andi %x, %m : vector<16xi32>
  %d = arith.subi %a, %z : vector<16xi32>
  %f = arith.sitofp %d : vector<16xi32> to vector<16xf32>
  return %f : vector<16xf32>
}
// Eight bits, and zero points of their own, have no table.
// CHECK-LABEL: func.func @others(
// CHECK-COUNT-2: arith.sitofp
func.func @others(%x: vector<16xi32>, %z: vector<16xi32>) -> (vector<16xf32>, vector<16xf32>) {
  %m = arith.constant dense<255> : vector<16xi32>
  %m4 = arith.constant dense<15> : vector<16xi32>
  %c = arith.constant dense<1> : vector<16xi32>
  %a = arith.andi %x, %m : vector<16xi32>
  %d = arith.subi %a, %c : vector<16xi32>
  %f = arith.sitofp %d : vector<16xi32> to vector<16xf32>
  %b = arith.andi %x, %m4 : vector<16xi32>
  %e = arith.subi %b, %z : vector<16xi32>
  %g = arith.sitofp %e : vector<16xi32> to vector<16xf32>
  return %f, %g : vector<16xf32>, vector<16xf32>
}
}

// -----

// A register of 8 numbers holds no table of 16.
// CHECK-LABEL: func.func @short(
// CHECK: arith.sitofp
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "">} {
func.func @short(%x: vector<8xi32>) -> vector<8xf32> {
  %m = arith.constant dense<3> : vector<8xi32>
  %a = arith.andi %x, %m : vector<8xi32>
  %d = arith.subi %a, %m : vector<8xi32>
  %f = arith.sitofp %d : vector<8xi32> to vector<8xf32>
  return %f : vector<8xf32>
}
}
