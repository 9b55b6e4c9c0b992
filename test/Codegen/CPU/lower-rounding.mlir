// RUN: quant-opt %s --split-input-file --mpq-lower-rounding --mlir-print-local-scope | FileCheck %s

module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+avx512f,+avx512bw,+avx512vl,+avx512vnni">} {
  // CHECK-LABEL: func.func @register(
  // CHECK-SAME: %[[X:.*]]: vector<16xf32>
  // CHECK-DAG: %[[UNUSED:.*]] = arith.constant dense<0> : vector<16xi32>
  // CHECK-DAG: %[[ALL:.*]] = llvm.mlir.constant(-1 : i16) : i16
  // CHECK-DAG: %[[NEAREST:.*]] = llvm.mlir.constant(8 : i32) : i32
  // CHECK: %[[I:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.cvtps2dq.512"(%[[X]], %[[UNUSED]], %[[ALL]], %[[NEAREST]])
  // CHECK-NEXT: return %[[I]]
  func.func @register(%x: vector<16xf32>) -> vector<16xi32> {
    %r = math.roundeven %x : vector<16xf32>
    %i = arith.fptosi %r : vector<16xf32> to vector<16xi32>
    return %i : vector<16xi32>
  }

  // Truncation is not rounding, words of 64 bits and scalars have no such instruction.
  // CHECK-LABEL: func.func @others(
  // CHECK-NOT: call_intrinsic
  // CHECK-COUNT-3: arith.fptosi
  func.func @others(%x: vector<16xf32>, %s: f32) -> (vector<16xi32>, vector<16xi64>, i32) {
    %t = arith.fptosi %x : vector<16xf32> to vector<16xi32>
    %r = math.roundeven %x : vector<16xf32>
    %w = arith.fptosi %r : vector<16xf32> to vector<16xi64>
    %q = math.roundeven %s : f32
    %i = arith.fptosi %q : f32 to i32
    return %t, %w, %i : vector<16xi32>, vector<16xi64>, i32
  }

  // Clamped to bytes: the lower limit, the conversion, and saturation.
  // CHECK-LABEL: func.func @bytes(
  // CHECK: %[[LOW:.*]] = arith.select
  // CHECK-NOT: arith.select
  // CHECK: %[[I:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.cvtps2dq.512"(%[[LOW]],
  // CHECK: %[[Z:.*]] = arith.addi %[[I]]
  // CHECK: %[[M:.*]] = arith.minui %[[Z]]
  // CHECK: arith.trunci %[[M]]
  func.func @bytes(%x: vector<16xf32>) -> vector<16xi8> {
    %low = arith.constant dense<-3.0> : vector<16xf32>
    %high = arith.constant dense<252.0> : vector<16xf32>
    %z = arith.constant dense<3> : vector<16xi32>
    %a = arith.cmpf olt, %low, %x : vector<16xf32>
    %b = arith.select %a, %x, %low : vector<16xi1>, vector<16xf32>
    %c = arith.cmpf olt, %b, %high : vector<16xf32>
    %d = arith.select %c, %b, %high : vector<16xi1>, vector<16xf32>
    %r = math.roundeven %d : vector<16xf32>
    %i = arith.fptosi %r : vector<16xf32> to vector<16xi32>
    %s = arith.addi %i, %z : vector<16xi32>
    %t = arith.trunci %s : vector<16xi32> to vector<16xi8>
    return %t : vector<16xi8>
  }

  // Signed limits keep both clamps.
  // CHECK-LABEL: func.func @signed_bytes(
  // CHECK-COUNT-2: arith.select
  // CHECK-NOT: arith.minui
  // CHECK: return
  func.func @signed_bytes(%x: vector<16xf32>) -> vector<16xi8> {
    %low = arith.constant dense<-128.0> : vector<16xf32>
    %high = arith.constant dense<127.0> : vector<16xf32>
    %a = arith.cmpf olt, %low, %x : vector<16xf32>
    %b = arith.select %a, %x, %low : vector<16xi1>, vector<16xf32>
    %c = arith.cmpf olt, %b, %high : vector<16xf32>
    %d = arith.select %c, %b, %high : vector<16xi1>, vector<16xf32>
    %r = math.roundeven %d : vector<16xf32>
    %i = arith.fptosi %r : vector<16xf32> to vector<16xi32>
    %t = arith.trunci %i : vector<16xi32> to vector<16xi8>
    return %t : vector<16xi8>
  }
}

// -----

module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  // CHECK-LABEL: func.func @avx2(
  // CHECK: llvm.call_intrinsic "llvm.x86.avx.cvt.ps2dq.256"(%{{.*}}) : (vector<8xf32>) -> vector<8xi32>
  func.func @avx2(%x: vector<8xf32>) -> vector<8xi32> {
    %r = math.roundeven %x : vector<8xf32>
    %i = arith.fptosi %r : vector<8xf32> to vector<8xi32>
    return %i : vector<8xi32>
  }
}
