// RUN: quant-opt %s --split-input-file --pass-pipeline="builtin.module(func.func(mpq-lower-tiles))" -verify-diagnostics | FileCheck %s

module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+amx-int8,+amx-tile,+avx512bw,+avx512f,+avx512vl,+avx512vnni">} {
  // Two steps of the reduction, rows of pixels two apart.
  // CHECK-LABEL: @product
  // CHECK-DAG: %[[CONFIG:.*]] = llvm.mlir.constant(dense<[1, {{(0, )+}}64, 0, 64, 0, 64, {{(0, )+}}14, 14, 16, {{.*}}
  // CHECK-DAG: %[[MEMORY:.*]] = llvm.alloca
  // CHECK: llvm.store %[[CONFIG]], %[[MEMORY]]
  // CHECK: llvm.call_intrinsic "llvm.x86.ldtilecfg"(%[[MEMORY]])
  // CHECK: %[[SUM:.*]] = llvm.mlir.constant(0 : i8)
  // CHECK: llvm.call_intrinsic "llvm.x86.tileloadd64"(%[[SUM]],
  // CHECK: scf.for
  // CHECK-NOT: iter_args
  // CHECK: %[[A:.*]] = llvm.mlir.constant(1 : i8)
  // CHECK: llvm.call_intrinsic "llvm.x86.tileloadd64"(%[[A]],
  // CHECK: %[[B:.*]] = llvm.mlir.constant(2 : i8)
  // CHECK: llvm.call_intrinsic "llvm.x86.tileloadd64"(%[[B]],
  // CHECK: %[[D:.*]] = llvm.mlir.constant(0 : i8)
  // CHECK: %[[L:.*]] = llvm.mlir.constant(1 : i8)
  // CHECK: %[[R:.*]] = llvm.mlir.constant(2 : i8)
  // CHECK: llvm.call_intrinsic "llvm.x86.tdpbusd"(%[[D]], %[[L]], %[[R]])
  // CHECK: %[[S:.*]] = llvm.mlir.constant(0 : i8)
  // CHECK: llvm.call_intrinsic "llvm.x86.tilestored64"(%[[S]],
  // CHECK: llvm.call_intrinsic "llvm.x86.tilerelease"()
  func.func @product(%pixels: memref<14x128xi8, strided<[256, 1]>>, %weights: memref<32x64xi8>,
                     %bias: memref<14x16xi32>, %out: memref<14x16xi32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c16 = arith.constant 16 : index
    %c64 = arith.constant 64 : index
    %z8 = arith.constant 0 : i8
    %z32 = arith.constant 0 : i32
    %start = vector.transfer_read %bias[%c0, %c0], %z32 {in_bounds = [true, true]} : memref<14x16xi32>, vector<14x16xi32>
    %sum = scf.for %i = %c0 to %c2 step %c1 iter_args(%acc = %start) -> (vector<14x16xi32>) {
      %k = arith.muli %i, %c64 : index
      %g = arith.muli %i, %c16 : index
      %a = vector.transfer_read %pixels[%c0, %k], %z8 {in_bounds = [true, true]} : memref<14x128xi8, strided<[256, 1]>>, vector<14x64xi8>
      %b = vector.transfer_read %weights[%g, %c0], %z8 {in_bounds = [true, true]} : memref<32x64xi8>, vector<16x64xi8>
      %next = mpq.dot_tile %acc, %a, %b : vector<14x16xi32>, vector<14x64xi8>, vector<16x64xi8>
      scf.yield %next : vector<14x16xi32>
    }
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<14x16xi32>, memref<14x16xi32>
    return
  }

  // Sums in one loop inside of another start from zero once; a matrix that is read before
  // the loop keeps its register until the loop's end.
  // CHECK-LABEL: @from_zero
  // CHECK: %[[B:.*]] = llvm.mlir.constant(1 : i8)
  // CHECK: llvm.call_intrinsic "llvm.x86.tileloadd64"(%[[B]],
  // CHECK: %[[ZERO:.*]] = llvm.mlir.constant(0 : i8)
  // CHECK: llvm.call_intrinsic "llvm.x86.tilezero"(%[[ZERO]])
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK: %[[A:.*]] = llvm.mlir.constant(2 : i8)
  // CHECK: llvm.call_intrinsic "llvm.x86.tileloadd64"(%[[A]],
  // CHECK: llvm.call_intrinsic "llvm.x86.tdpbusd"
  // CHECK: llvm.call_intrinsic "llvm.x86.tilestored64"
  func.func @from_zero(%lhs: memref<16x64xi8>, %out: memref<16x16xi32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %z8 = arith.constant 0 : i8
    %zero = arith.constant dense<0> : vector<16x16xi32>
    %b = vector.transfer_read %lhs[%c0, %c0], %z8 {in_bounds = [true, true]} : memref<16x64xi8>, vector<16x64xi8>
    %outer = scf.for %i = %c0 to %c4 step %c1 iter_args(%x = %zero) -> (vector<16x16xi32>) {
      %inner = scf.for %j = %c0 to %c4 step %c1 iter_args(%y = %x) -> (vector<16x16xi32>) {
        %a = vector.transfer_read %lhs[%c0, %c0], %z8 {in_bounds = [true, true]} : memref<16x64xi8>, vector<16x64xi8>
        %sum = mpq.dot_tile %y, %a, %b : vector<16x16xi32>, vector<16x64xi8>, vector<16x64xi8>
        scf.yield %sum : vector<16x16xi32>
      }
      scf.yield %inner : vector<16x16xi32>
    }
    vector.transfer_write %outer, %out[%c0, %c0] {in_bounds = [true, true]} : vector<16x16xi32>, memref<16x16xi32>
    return
  }
}

// -----

module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+amx-int8,+amx-tile,+avx512bw,+avx512f,+avx512vl,+avx512vnni">} {
  func.func @two_uses(%lhs: memref<16x64xi8>, %out: memref<16x16xi32>) {
    %c0 = arith.constant 0 : index
    %z8 = arith.constant 0 : i8
    %zero = arith.constant dense<0> : vector<16x16xi32>
    %a = vector.transfer_read %lhs[%c0, %c0], %z8 {in_bounds = [true, true]} : memref<16x64xi8>, vector<16x64xi8>
    %once = mpq.dot_tile %zero, %a, %a : vector<16x16xi32>, vector<16x64xi8>, vector<16x64xi8>
    // expected-error @+1 {{expected a sum without another use: it is added to in its register}}
    %twice = mpq.dot_tile %once, %a, %a : vector<16x16xi32>, vector<16x64xi8>, vector<16x64xi8>
    vector.transfer_write %once, %out[%c0, %c0] {in_bounds = [true, true]} : vector<16x16xi32>, memref<16x16xi32>
    vector.transfer_write %twice, %out[%c0, %c0] {in_bounds = [true, true]} : vector<16x16xi32>, memref<16x16xi32>
    return
  }
}

// -----

module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "icelake-server", features = "+avx512bw,+avx512f,+avx512vl,+avx512vnni">} {
  func.func @no_tiles(%acc: vector<16x16xi32>, %a: vector<16x64xi8>) -> vector<16x16xi32> {
    // expected-error @+1 {{needs a target with amx-tile and amx-int8}}
    %r = mpq.dot_tile %acc, %a, %a : vector<16x16xi32>, vector<16x64xi8>, vector<16x64xi8>
    return %r : vector<16x16xi32>
  }
}

// -----

// Sums in f32 are cleared and stored as those of integers are.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+amx-bf16,+amx-tile,+avx512bw,+avx512f,+avx512vl">} {
  // CHECK-LABEL: @halves
  // CHECK-DAG: llvm.mlir.constant(dense<[1, {{(0, )+}}64, 0, 32, 0, 64, {{(0, )+}}3, 3, 8, {{.*}}
  // CHECK: llvm.call_intrinsic "llvm.x86.tilezero"
  // CHECK: llvm.call_intrinsic "llvm.x86.tdpbf16ps"
  // CHECK: llvm.call_intrinsic "llvm.x86.tilestored64"
  func.func @halves(%left: memref<3x16xbf16>, %right: memref<8x32xbf16>, %out: memref<3x16xf32>) {
    %c0 = arith.constant 0 : index
    %z = arith.constant 0.0 : bf16
    %zero = arith.constant dense<0.0> : vector<3x16xf32>
    %a = vector.transfer_read %left[%c0, %c0], %z {in_bounds = [true, true]} : memref<3x16xbf16>, vector<3x16xbf16>
    %b = vector.transfer_read %right[%c0, %c0], %z {in_bounds = [true, true]} : memref<8x32xbf16>, vector<8x32xbf16>
    %sum = mpq.dot_tile %zero, %a, %b : vector<3x16xf32>, vector<3x16xbf16>, vector<8x32xbf16>
    vector.transfer_write %sum, %out[%c0, %c0] {in_bounds = [true, true]} : vector<3x16xf32>, memref<3x16xf32>
    return
  }
}

// -----

module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+amx-int8,+amx-tile,+avx512bw,+avx512f,+avx512vl,+avx512vnni">} {
  func.func @no_half_tiles(%acc: vector<16x16xf32>, %a: vector<16x32xbf16>) -> vector<16x16xf32> {
    // expected-error @+1 {{needs a target with amx-tile and amx-bf16}}
    %r = mpq.dot_tile %acc, %a, %a : vector<16x16xf32>, vector<16x32xbf16>, vector<16x32xbf16>
    return %r : vector<16x16xf32>
  }
}
