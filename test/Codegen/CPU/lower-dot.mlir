// Each kind of dot product on each kind of x86 machine.
// RUN: quant-opt %s --split-input-file --mpq-lower-dot | FileCheck %s

// AVX512-VNNI: one instruction for 16 lanes, and its 256-bit form for 8.
// CHECK-LABEL: func.func @vnni512
// CHECK-SAME: %[[ACC:[a-z0-9]+]]: vector<16xi32>, %[[U:[a-z0-9]+]]: vector<64xi8>, %[[S:[a-z0-9]+]]: vector<64xi8>
// CHECK-NEXT: %[[R:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%[[ACC]], %[[U]], %[[S]])
// CHECK-NEXT: return %[[R]]
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+avx512f,+avx512bw,+avx512vl,+avx512vnni">} {
  func.func @vnni512(%acc: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
    %r = mpq.dot4 %acc, %u unsigned, %s signed : vector<16xi32>, vector<64xi8>
    return %r : vector<16xi32>
  }

  // CHECK-LABEL: func.func @vnni256
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.256"
  func.func @vnni256(%acc: vector<8xi32>, %u: vector<32xi8>, %s: vector<32xi8>) -> vector<8xi32> {
    %r = mpq.dot4 %acc, %u unsigned, %s signed : vector<8xi32>, vector<32xi8>
    return %r : vector<8xi32>
  }

  // The instruction's first factor is the unsigned one: a sum does not mind.
  // CHECK-LABEL: func.func @swapped
  // CHECK-SAME: %[[ACC:[a-z0-9]+]]: vector<16xi32>, %[[S:[a-z0-9]+]]: vector<64xi8>, %[[U:[a-z0-9]+]]: vector<64xi8>
  // CHECK-NEXT: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%[[ACC]], %[[U]], %[[S]])
  func.func @swapped(%acc: vector<16xi32>, %s: vector<64xi8>, %u: vector<64xi8>) -> vector<16xi32> {
    %r = mpq.dot4 %acc, %s signed, %u unsigned : vector<16xi32>, vector<64xi8>
    return %r : vector<16xi32>
  }

  // Equal signedness has no byte instruction: words, on 512 bits.
  // CHECK-LABEL: func.func @both_signed512
  // CHECK-NOT: vpdpbusd
  // CHECK-NOT: arith.shrui
  // CHECK: arith.shrsi %{{.*}} : vector<32xi16>
  // CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"
  func.func @both_signed512(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
    %r = mpq.dot4 %acc, %a signed, %b signed : vector<16xi32>, vector<64xi8>
    return %r : vector<16xi32>
  }
}

// -----

// AVX-VNNI.
// CHECK-LABEL: func.func @avxvnni
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.256"
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "alderlake", features = "+avx2,+avxvnni">} {
  func.func @avxvnni(%acc: vector<8xi32>, %u: vector<32xi8>, %s: vector<32xi8>) -> vector<8xi32> {
    %r = mpq.dot4 %acc, %u unsigned, %s signed : vector<8xi32>, vector<32xi8>
    return %r : vector<8xi32>
  }
}

// -----

// AVX2: even and odd bytes as words (the unsigned factor by logical shifts, the
// signed one by arithmetic ones), two sums of pairs, never vpmaddubsw, which
// saturates.
// CHECK-LABEL: func.func @avx2
// CHECK-SAME: %[[ACC:[a-z0-9]+]]: vector<8xi32>, %[[U:[a-z0-9]+]]: vector<32xi8>, %[[S:[a-z0-9]+]]: vector<32xi8>
// CHECK: %[[EIGHT:.*]] = arith.constant dense<8> : vector<16xi16>
// CHECK-NOT: pmadd.ub
// CHECK: %[[UW:.*]] = vector.bitcast %[[U]] : vector<32xi8> to vector<16xi16>
// CHECK: %[[UH:.*]] = arith.shli %[[UW]], %[[EIGHT]]
// CHECK-DAG: %[[UE:.*]] = arith.shrui %[[UH]], %[[EIGHT]]
// CHECK-DAG: %[[UO:.*]] = arith.shrui %[[UW]], %[[EIGHT]]
// CHECK: %[[SW:.*]] = vector.bitcast %[[S]] : vector<32xi8> to vector<16xi16>
// CHECK: %[[SH:.*]] = arith.shli %[[SW]], %[[EIGHT]]
// CHECK-DAG: %[[SE:.*]] = arith.shrsi %[[SH]], %[[EIGHT]]
// CHECK-DAG: %[[SO:.*]] = arith.shrsi %[[SW]], %[[EIGHT]]
// CHECK: %[[EVEN:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[UE]], %[[SE]])
// CHECK: %[[ODD:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[UO]], %[[SO]])
// CHECK: %[[SUM:.*]] = arith.addi %[[EVEN]], %[[ODD]]
// CHECK: %[[R:.*]] = arith.addi %[[ACC]], %[[SUM]]
// CHECK: return %[[R]]
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @avx2(%acc: vector<8xi32>, %u: vector<32xi8>, %s: vector<32xi8>) -> vector<8xi32> {
    %r = mpq.dot4 %acc, %u unsigned, %s signed : vector<8xi32>, vector<32xi8>
    return %r : vector<8xi32>
  }
}

// -----

// The last mention of a feature wins: VNNI is off, so is vpdpbusd.
// CHECK-LABEL: func.func @switched_off
// CHECK-NOT: vpdpbusd
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "x86-64", features = "+avx512f,+avx512bw,+avx512vl,+avx512vnni,-avx512vnni">} {
  func.func @switched_off(%acc: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
    %r = mpq.dot4 %acc, %u unsigned, %s signed : vector<16xi32>, vector<64xi8>
    return %r : vector<16xi32>
  }
}

// -----

// A mask proves that two products cannot saturate 16 bits: 2 * 128 * 15. That
// of 192 does not.
// CHECK-LABEL: func.func @masked
// CHECK-SAME: %[[ACC:[a-z0-9]+]]: vector<8xi32>, %[[U:[a-z0-9]+]]: vector<32xi8>, %[[S:[a-z0-9]+]]: vector<32xi8>
// CHECK-DAG: %[[ONES:.*]] = arith.constant dense<1> : vector<16xi16>
// CHECK: %[[LOW:.*]] = arith.andi %[[U]]
// CHECK: %[[PAIRS:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"(%[[LOW]], %[[S]])
// CHECK: %[[SUM:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[PAIRS]], %[[ONES]])
// CHECK: arith.addi %[[ACC]], %[[SUM]]
// CHECK-NOT: pmadd.ub.sw
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK: return
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @masked(%acc: vector<8xi32>, %u: vector<32xi8>, %s: vector<32xi8>) -> (vector<8xi32>, vector<8xi32>) {
    %m = arith.constant dense<15> : vector<32xi8>
    %n = arith.constant dense<-64> : vector<32xi8>
    %low = arith.andi %u, %m : vector<32xi8>
    %high = arith.andi %u, %n : vector<32xi8>
    %r = mpq.dot4 %acc, %low unsigned, %s signed : vector<8xi32>, vector<32xi8>
    %q = mpq.dot4 %acc, %high unsigned, %s signed : vector<8xi32>, vector<32xi8>
    return %r, %q : vector<8xi32>, vector<8xi32>
  }
}
