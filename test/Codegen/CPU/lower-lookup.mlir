// RUN: quant-opt %s --split-input-file --mpq-lower-lookup | FileCheck %s

// Two bits: the table repeats itself, so that bits above do not matter.
// CHECK-LABEL: func.func @bits(
// CHECK-SAME: %[[X:.*]]: vector<16xi32>
// CHECK: %[[T:.*]] = arith.constant dense<[-1.000000e+00, 0.000000e+00, 1.000000e+00, 2.000000e+00, -1.000000e+00, 0.000000e+00, {{.*}}, 2.000000e+00]> : vector<16xf32>
// CHECK: %[[F:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%[[T]], %[[X]])
// CHECK: return %[[F]]
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+avx512f,+avx512bw,+avx512vl,+avx512vnni">} {
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

// -----

// Codes of 4 bits that become parts of f16: the second one in the lanes of the upper half. The table has all 16, times
// 2^-14. A mask that keeps bits of five has none.
// CHECK-LABEL: func.func @codes(
// CHECK-SAME: %[[X:.*]]: vector<32xi16>
// CHECK-DAG: %[[T:.*]] = arith.constant dense<[0.000000e+00, 3.05175781E-5, 6.10351563E-5, {{.*}}, 3.66210938E-4, -0.000000e+00, -3.05175781E-5, {{.*}}, -3.66210938E-4]> : vector<16xf32>
// CHECK-DAG: %[[FOUR:.*]] = arith.constant dense<4> : vector<16xi32>
// CHECK: %[[HALF:.*]] = vector.extract_strided_slice %[[X]] {offsets = [16], sizes = [16], strides = [1]}
// CHECK: %[[WORDS:.*]] = arith.extui %[[HALF]] : vector<16xi16> to vector<16xi32>
// CHECK: %[[INDEX:.*]] = arith.shrui %[[WORDS]], %[[FOUR]]
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%[[T]], %[[INDEX]])
// CHECK: arith.extf
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+avx512f,+avx512bw,+avx512vl,+avx512vnni">} {
func.func @codes(%x: vector<32xi16>) -> (vector<16xf32>, vector<16xf32>) {
  %eight = arith.constant dense<8> : vector<32xi16>
  %three = arith.constant dense<3> : vector<32xi16>
  %mask = arith.constant dense<-29184> : vector<32xi16>
  %more = arith.constant dense<-28928> : vector<32xi16>
  %u = arith.shli %x, %eight : vector<32xi16>
  %d = arith.shrsi %u, %three : vector<32xi16>
  %a = arith.andi %d, %mask : vector<32xi16>
  %h = vector.bitcast %a : vector<32xi16> to vector<32xf16>
  %s = vector.extract_strided_slice %h {offsets = [16], sizes = [16], strides = [1]} : vector<32xf16> to vector<16xf16>
  %f = arith.extf %s : vector<16xf16> to vector<16xf32>
  %b = arith.andi %d, %more : vector<32xi16>
  %i = vector.bitcast %b : vector<32xi16> to vector<32xf16>
  %t = vector.extract_strided_slice %i {offsets = [16], sizes = [16], strides = [1]} : vector<32xf16> to vector<16xf16>
  %g = arith.extf %t : vector<16xf16> to vector<16xf32>
  return %f, %g : vector<16xf32>, vector<16xf32>
}
}
