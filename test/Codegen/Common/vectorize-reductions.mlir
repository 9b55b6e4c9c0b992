// RUN: quant-opt %s --split-input-file --mpq-vectorize-generics --canonicalize --cse --mlir-print-local-scope | FileCheck %s

// A row sum over 40 elements: 16 partial sums from +0, in order, of which the
// tail of 8 leaves half alone; then the halves are added, 8 + 4 + 2 + 1, and the
// total to what the init was filled with (N-S1).
// CHECK-LABEL: func.func @row_sum(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x40xf32>, %[[D:[a-z0-9]+]]: tensor<3xf32>
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<[true, true, true, true, true, true, true, true, false, false, false, false, false, false, false, false]>
// CHECK-DAG: %[[ZERO:.*]] = arith.constant dense<0.{{0*}}e+00> : vector<16xf32>
// CHECK-DAG: %[[START:.*]] = arith.constant 2.5{{0*}}e+00 : f32
// CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
// CHECK-DAG: %[[C32:.*]] = arith.constant 32 : index
// CHECK: scf.for %[[ROW:[a-z0-9]+]] = %{{.*}} iter_args(%[[OUT:[a-z0-9]+]] = %[[D]])
// CHECK: %[[SUMS:.*]] = scf.for %[[K:[a-z0-9]+]] = %{{.*}} to %[[C32]] step %[[C16]] iter_args(%[[S:[a-z0-9]+]] = %[[ZERO]]) -> (vector<16xf32>)
// CHECK: %[[V:.*]] = vector.transfer_read %[[X]][%[[ROW]], %[[K]]], %{{.*}} {in_bounds = [true]}
// CHECK: %[[N:.*]] = arith.addf %[[S]], %[[V]]
// CHECK: scf.yield %[[N]]
// CHECK: %[[T:.*]] = vector.transfer_read %[[X]][%[[ROW]], %[[C32]]], %{{[a-z0-9_]+}} : tensor<3x40xf32>
// CHECK: %[[WITH:.*]] = arith.addf %[[SUMS]], %[[T]]
// CHECK: %[[ALL:.*]] = arith.select %[[MASK]], %[[WITH]], %[[SUMS]]
// CHECK: %[[L8:.*]] = vector.extract_strided_slice %[[ALL]] {offsets = [0], sizes = [8],
// CHECK: %[[H8:.*]] = vector.extract_strided_slice %[[ALL]] {offsets = [8], sizes = [8],
// CHECK: %[[S8:.*]] = arith.addf %[[L8]], %[[H8]] : vector<8xf32>
// CHECK: %[[L4:.*]] = vector.extract_strided_slice %[[S8]] {offsets = [0], sizes = [4],
// CHECK: %[[H4:.*]] = vector.extract_strided_slice %[[S8]] {offsets = [4], sizes = [4],
// CHECK: %[[S4:.*]] = arith.addf %[[L4]], %[[H4]] : vector<4xf32>
// CHECK: arith.addf %{{.*}} : vector<2xf32>
// CHECK: arith.addf %{{.*}} : vector<1xf32>
// CHECK: %[[TOTAL:.*]] = vector.extract %{{.*}}[0]
// CHECK: %[[R:.*]] = arith.addf %[[TOTAL]], %[[START]] : f32
// CHECK: tensor.insert %[[R]] into %[[OUT]][%[[ROW]]]
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @row_sum(%x: tensor<3x40xf32>, %d: tensor<3xf32>) -> tensor<3xf32> {
    %start = arith.constant 2.5 : f32
    %f = linalg.fill ins(%start : f32) outs(%d : tensor<3xf32>) -> tensor<3xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<3x40xf32>) outs(%f : tensor<3xf32>) {
    ^bb0(%in: f32, %acc: f32):
      %s = arith.addf %acc, %in : f32
      linalg.yield %s : f32
    } -> tensor<3xf32>
    return %r : tensor<3xf32>
  }
}

// -----

// A row maximum starts from the smallest value; the operands stay in the body's
// order.
// CHECK-LABEL: func.func @row_max(
// CHECK: %[[LOWEST:.*]] = arith.constant dense<0xFF800000> : vector<16xf32>
// CHECK: %[[M:.*]] = scf.for {{.*}} iter_args(%[[S:[a-z0-9]+]] = %[[LOWEST]])
// CHECK: %[[V:.*]] = vector.transfer_read
// CHECK: arith.maximumf %[[V]], %[[S]] : vector<16xf32>
// CHECK: %[[L:.*]] = vector.extract_strided_slice %[[M]] {offsets = [0], sizes = [8],
// CHECK: %[[H:.*]] = vector.extract_strided_slice %[[M]] {offsets = [8], sizes = [8],
// CHECK: arith.maximumf %[[H]], %[[L]] : vector<8xf32>
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @row_max(%x: tensor<1x32xf32>, %d: tensor<1xf32>) -> tensor<1xf32> {
    %start = arith.constant 0xFF800000 : f32
    %f = linalg.fill ins(%start : f32) outs(%d : tensor<1xf32>) -> tensor<1xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<1x32xf32>) outs(%f : tensor<1xf32>) {
    ^bb0(%in: f32, %acc: f32):
      %s = arith.maximumf %in, %acc : f32
      linalg.yield %s : f32
    } -> tensor<1xf32>
    return %r : tensor<1xf32>
  }
}

// -----

// Magnitudes are compared as bits.
// CHECK-LABEL: func.func @row_magnitude(
// CHECK: %[[V:.*]] = math.absf
// CHECK: %[[X:.*]] = arith.bitcast %[[V]] : vector<16xf32> to vector<16xi32>
// CHECK: arith.maxsi %[[X]], %{{.*}} : vector<16xi32>
// CHECK-NOT: arith.maximumf
// CHECK: arith.maxsi %{{.*}} : vector<8xi32>
// CHECK-NOT: arith.maximumf
// CHECK: return
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @row_magnitude(%x: tensor<1x32xf32>, %d: tensor<1xf32>) -> tensor<1xf32> {
    %start = arith.constant 0.0 : f32
    %f = linalg.fill ins(%start : f32) outs(%d : tensor<1xf32>) -> tensor<1xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<1x32xf32>) outs(%f : tensor<1xf32>) {
    ^bb0(%in: f32, %acc: f32):
      %m = math.absf %in : f32
      %s = arith.maximumf %m, %acc : f32
      linalg.yield %s : f32
    } -> tensor<1xf32>
    return %r : tensor<1xf32>
  }
}

// -----

// Integers along a row in partial results as well: their order is free.
// CHECK-LABEL: func.func @row_integers(
// CHECK: scf.for {{.*}} -> (vector<16xi32>)
// CHECK: vector.transfer_read {{.*}} vector<16xi8>
// CHECK: arith.addi %{{.*}} : vector<16xi32>
// CHECK: arith.addi %{{.*}} : vector<8xi32>
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @row_integers(%x: tensor<1x32xi8>, %d: tensor<1xi32>) -> tensor<1xi32> {
    %start = arith.constant 0 : i32
    %f = linalg.fill ins(%start : i32) outs(%d : tensor<1xi32>) -> tensor<1xi32>
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<1x32xi8>) outs(%f : tensor<1xi32>) {
    ^bb0(%in: i8, %acc: i32):
      %m = arith.extsi %in : i8 to i32
      %s = arith.addi %acc, %m : i32
      linalg.yield %s : i32
    } -> tensor<1xi32>
    return %r : tensor<1xi32>
  }
}

// -----

// A 2x3 window of an NHWC image: lanes are channels; the loops over the window
// carry one vector, from the fill's value, which is stored once.
// CHECK-LABEL: func.func @window(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x4x6x16xf32>, %[[D:[a-z0-9]+]]: tensor<1x2x2x16xf32>
// CHECK: %[[START:.*]] = arith.constant dense<0xFF800000> : vector<16xf32>
// CHECK: scf.for %[[Y:[a-z0-9]+]] = %{{.*}} iter_args(%{{.*}} = %[[D]])
// CHECK: scf.for %[[C:[a-z0-9]+]] = %{{.*}} iter_args(%[[OUT:[a-z0-9]+]] = %{{.*}}) -> (tensor<1x2x2x16xf32>)
// CHECK: %[[M:.*]] = scf.for %[[I:[a-z0-9]+]] = %{{.*}} iter_args(%{{.*}} = %[[START]])
// CHECK: scf.for %[[J:[a-z0-9]+]] = %{{.*}} iter_args(%[[ACC:[a-z0-9]+]] = %{{.*}}) -> (vector<16xf32>)
// CHECK: %[[ROW:.*]] = affine.apply affine_map<(d0, d1) -> (d0 * 2 + d1)>(%[[Y]], %[[I]])
// CHECK: %[[COLUMN:.*]] = affine.apply affine_map<(d0, d1) -> (d0 * 3 + d1)>(%[[C]], %[[J]])
// CHECK: %[[V:.*]] = vector.transfer_read %[[X]][%{{.*}}, %[[ROW]], %[[COLUMN]], %{{.*}}]
// CHECK: arith.maximumf %[[ACC]], %[[V]]
// CHECK-COUNT-1: vector.transfer_write %[[M]], %[[OUT]][%{{.*}}, %[[Y]], %[[C]], %{{.*}}]
// CHECK-NOT: vector.transfer_write
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "skylake-avx512", features = "+avx512f,+avx512bw,+avx512vl">} {
  func.func @window(%x: tensor<1x4x6x16xf32>, %d: tensor<1x2x2x16xf32>) -> tensor<1x2x2x16xf32> {
    %start = arith.constant 0xFF800000 : f32
    %w = tensor.empty() : tensor<2x3xf32>
    %f = linalg.fill ins(%start : f32) outs(%d : tensor<1x2x2x16xf32>) -> tensor<1x2x2x16xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(b, y, x, c, i, j) -> (b, y * 2 + i, x * 3 + j, c)>, affine_map<(b, y, x, c, i, j) -> (i, j)>, affine_map<(b, y, x, c, i, j) -> (b, y, x, c)>],
                         iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
        ins(%x, %w : tensor<1x4x6x16xf32>, tensor<2x3xf32>) outs(%f : tensor<1x2x2x16xf32>) {
    ^bb0(%in: f32, %window: f32, %acc: f32):
      %m = arith.maximumf %acc, %in : f32
      linalg.yield %m : f32
    } -> tensor<1x2x2x16xf32>
    return %r : tensor<1x2x2x16xf32>
  }
}

// -----

// Channels of an image: three vectors side by side, the last with 8 of 16 lanes,
// so that each pixel is read as a row.
// CHECK-LABEL: func.func @channels(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<6x40xf32>, %[[D:[a-z0-9]+]]: tensor<40xf32>
// CHECK-COUNT-3: vector.transfer_read %[[D]]
// CHECK: %[[R:.*]]:3 = scf.for %[[P:[a-z0-9]+]] = %c0 to %c6 step %c1 iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}}, %[[C:.*]] = %{{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-DAG: %[[X0:.*]] = vector.transfer_read %[[X]][%[[P]], %c0], %{{[a-z0-9_]+}} {in_bounds = [true]}
// CHECK-DAG: %[[X1:.*]] = vector.transfer_read %[[X]][%[[P]], %c16], %{{[a-z0-9_]+}} {in_bounds = [true]}
// CHECK-DAG: %[[X2:.*]] = vector.transfer_read %[[X]][%[[P]], %c32], %{{[a-z0-9_]+}} :
// CHECK-DAG: arith.addf %[[A]], %[[X0]]
// CHECK-DAG: arith.addf %[[B]], %[[X1]]
// CHECK-DAG: arith.addf %[[C]], %[[X2]]
// CHECK: vector.transfer_write %[[R]]#0
// CHECK: vector.transfer_write %[[R]]#1
// CHECK: vector.transfer_write %[[R]]#2
// CHECK-NOT: scf.for
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "skylake-avx512", features = "+avx512f,+avx512bw,+avx512vl">} {
  func.func @channels(%x: tensor<6x40xf32>, %d: tensor<40xf32>) -> tensor<40xf32> {
    %r = linalg.generic {indexing_maps = [affine_map<(p, c) -> (p, c)>, affine_map<(p, c) -> (c)>], iterator_types = ["reduction", "parallel"]}
        ins(%x : tensor<6x40xf32>) outs(%d : tensor<40xf32>) {
    ^bb0(%in: f32, %acc: f32):
      %s = arith.addf %acc, %in : f32
      linalg.yield %s : f32
    } -> tensor<40xf32>
    return %r : tensor<40xf32>
  }
}

// -----

// Other orders than N-S1 (N-S2: a difference is no combination of partial
// results): the lanes are rows, here three of 8, and each walks its own row in
// order.
// CHECK-LABEL: func.func @sequential(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x32xf32>, %[[D:[a-z0-9]+]]: tensor<3xf32>
// CHECK: %[[START:.*]] = vector.transfer_read %[[D]][%c0], %{{[a-z0-9_]+}} : tensor<3xf32>, vector<8xf32>
// CHECK: scf.for %[[K:[a-z0-9]+]] = %c0 to %c32 step %c1 iter_args(%[[ACC:[a-z0-9]+]] = %[[START]])
// CHECK: %[[R0:.*]] = tensor.extract %[[X]][%c0, %[[K]]]
// CHECK: %[[R1:.*]] = tensor.extract %[[X]][%c1, %[[K]]]
// CHECK: %[[R2:.*]] = tensor.extract %[[X]][%c2, %[[K]]]
// CHECK: %[[V:.*]] = vector.from_elements %[[R0]], %[[R1]], %[[R2]], %
// CHECK: arith.subf %[[ACC]], %[[V]] : vector<8xf32>
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @sequential(%x: tensor<3x32xf32>, %d: tensor<3xf32>) -> tensor<3xf32> {
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<3x32xf32>) outs(%d : tensor<3xf32>) {
    ^bb0(%in: f32, %acc: f32):
      %s = arith.subf %acc, %in : f32
      linalg.yield %s : f32
    } -> tensor<3xf32>
    return %r : tensor<3xf32>
  }
}

// -----

// A product that was not packed: its sum rounds once (N-C1).
// CHECK-LABEL: func.func @contraction(
// CHECK: scf.for %{{.*}} iter_args(%[[ACC:[a-z0-9]+]] = %{{.*}}) -> (vector<8xf32>)
// CHECK: %[[R:.*]] = math.fma %{{.*}}, %{{.*}}, %[[ACC]] : vector<8xf32>
// CHECK-NOT: arith.addf
// CHECK: scf.yield %[[R]]
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @contraction(%x: tensor<4x6xf32>, %y: tensor<6x8xf32>, %d: tensor<4x8xf32>) -> tensor<4x8xf32> {
    %zero = arith.constant 0.0 : f32
    %f = linalg.fill ins(%zero : f32) outs(%d : tensor<4x8xf32>) -> tensor<4x8xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                         iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x, %y : tensor<4x6xf32>, tensor<6x8xf32>) outs(%f : tensor<4x8xf32>) {
    ^bb0(%a: f32, %b: f32, %acc: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %acc, %p : f32
      linalg.yield %s : f32
    } -> tensor<4x8xf32>
    return %r : tensor<4x8xf32>
  }
}
