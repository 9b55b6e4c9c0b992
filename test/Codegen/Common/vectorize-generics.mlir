// RUN: quant-opt %s --split-input-file --mpq-vectorize-generics --canonicalize --cse --mlir-print-local-scope | FileCheck %s

// Elementwise: 20 elements are two whole vectors of 8 and a tail of 4, which is
// read and written under a mask (no in_bounds).
// CHECK-LABEL: func.func @elementwise(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<20xf32>, %[[D:[a-z0-9]+]]: tensor<20xf32>
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
// CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
// CHECK: %[[WHOLE:.*]] = scf.for %[[I:[a-z0-9]+]] = %{{.*}} to %[[C16]] step %[[C8]] iter_args(%[[OUT:[a-z0-9]+]] = %[[D]])
// CHECK: %[[V:.*]] = vector.transfer_read %[[X]][%[[I]]], %{{.*}} {in_bounds = [true]} : tensor<20xf32>, vector<8xf32>
// CHECK: %[[N:.*]] = arith.negf %[[V]]
// CHECK: vector.transfer_write %[[N]], %[[OUT]][%[[I]]] {in_bounds = [true]}
// CHECK: %[[T:.*]] = vector.transfer_read %[[X]][%[[C16]]], %{{[a-z0-9_]+}} : tensor<20xf32>, vector<8xf32>
// CHECK: %[[M:.*]] = arith.negf %[[T]]
// CHECK: vector.transfer_write %[[M]], %[[WHOLE]][%[[C16]]] : vector<8xf32>, tensor<20xf32>
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @elementwise(%x: tensor<20xf32>, %d: tensor<20xf32>) -> tensor<20xf32> {
    %r = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> (a)>], iterator_types = ["parallel"]}
        ins(%x : tensor<20xf32>) outs(%d : tensor<20xf32>) {
    ^bb0(%in: f32, %out: f32):
      %n = arith.negf %in : f32
      linalg.yield %n : f32
    } -> tensor<20xf32>
    return %r : tensor<20xf32>
  }
}

// -----

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

// A copy is an elementwise operation too.
// CHECK-LABEL: func.func @copy(
// CHECK-NOT: linalg
// CHECK: %[[V:.*]] = vector.transfer_read {{.*}} vector<8xi8>
// CHECK: vector.transfer_write %[[V]]
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @copy(%x: tensor<4x8xi8>, %d: tensor<4x8xi8>) -> tensor<4x8xi8> {
    %r = linalg.copy ins(%x : tensor<4x8xi8>) outs(%d : tensor<4x8xi8>) -> tensor<4x8xi8>
    return %r : tensor<4x8xi8>
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

// -----

// A tail of one byte is stored as a scalar: a masked store of one byte would
// write four.
// CHECK-LABEL: func.func @single_lane(
// CHECK: vector.transfer_write %{{.*}} {in_bounds = [true]} : vector<8xi8>
// CHECK-NOT: vector.transfer_write
// CHECK: %[[LAST:.*]] = vector.extract %{{.*}}[0] : i8 from vector<8xi8>
// CHECK: tensor.insert %[[LAST]] into %{{.*}}[%c8]
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @single_lane(%x: tensor<9xi8>, %d: tensor<9xi8>) -> tensor<9xi8> {
    %one = arith.constant 1 : i8
    %r = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> (a)>], iterator_types = ["parallel"]}
        ins(%x : tensor<9xi8>) outs(%d : tensor<9xi8>) {
    ^bb0(%in: i8, %out: i8):
      %s = arith.xori %in, %one : i8
      linalg.yield %s : i8
    } -> tensor<9xi8>
    return %r : tensor<9xi8>
  }
}

// -----

// The operand has b innermost, the result a: a tile of 8 rows is read along b
// and turned by shuffles (within 128 bits, then blocks), and the body runs for
// each of its columns. Of 12 rows the second tile reads the 4 left only; no
// element is loaded alone. The lines of the operand lie further apart than the
// result's, so the loop along b is inside.
// CHECK-LABEL: func.func @transposed(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<12x32xf32>, %[[D:[a-z0-9]+]]: tensor<32x12xi8>
// CHECK-NOT: tensor.extract
// CHECK: scf.for %[[B:[a-z0-9]+]] = %{{.*}} iter_args(%[[OUT:[a-z0-9]+]] = %[[D]])
// CHECK: %[[R0:.*]] = vector.transfer_read %[[X]][%{{.*}}, %[[B]]], %{{.*}} {in_bounds = [true]} : tensor<12x32xf32>, vector<8xf32>
// CHECK: %[[R1:.*]] = vector.transfer_read %[[X]][%{{.*}}, %[[B]]], %{{.*}} {in_bounds = [true]}
// CHECK-COUNT-6: vector.transfer_read %[[X]][%{{.*}}, %[[B]]]
// CHECK: vector.shuffle %[[R0]], %[[R1]] [0, 8, 1, 9, 4, 12, 5, 13]
// CHECK: vector.shuffle %{{.*}} [0, 1, 8, 9, 4, 5, 12, 13]
// CHECK: vector.shuffle %[[R0]], %[[R1]] [2, 10, 3, 11, 6, 14, 7, 15]
// CHECK: vector.shuffle %{{.*}} [0, 1, 2, 3, 8, 9, 10, 11]
// CHECK: vector.shuffle %{{.*}} [4, 5, 6, 7, 12, 13, 14, 15]
// CHECK-COUNT-8: arith.fptosi %{{.*}} : vector<8xf32> to vector<8xi8>
// CHECK: scf.yield
// CHECK: scf.for
// CHECK-COUNT-4: vector.transfer_read %[[X]]
// CHECK-NOT: vector.transfer_read
// CHECK-COUNT-8: vector.transfer_write %{{.*}} : vector<8xi8>, tensor<32x12xi8>
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @transposed(%x: tensor<12x32xf32>, %d: tensor<32x12xi8>) -> tensor<32x12xi8> {
    %r = linalg.generic {indexing_maps = [affine_map<(b, a) -> (a, b)>, affine_map<(b, a) -> (b, a)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<12x32xf32>) outs(%d : tensor<32x12xi8>) {
    ^bb0(%in: f32, %out: i8):
      %n = arith.fptosi %in : f32 to i8
      linalg.yield %n : i8
    } -> tensor<32x12xi8>
    return %r : tensor<32x12xi8>
  }
}

// -----

// Bytes are turned in lanes of 32 bits; a column tail of 3 writes 3 rows.
// CHECK-LABEL: func.func @transposed_bytes(
// CHECK-COUNT-8: arith.extui %{{.*}} : vector<8xi8> to vector<8xi32>
// CHECK: vector.shuffle {{.*}} : vector<8xi32>, vector<8xi32>
// CHECK-COUNT-3: vector.transfer_write %{{.*}} {in_bounds = [true]} : vector<8xi8>, tensor<3x8xi8>
// CHECK-NOT: vector.transfer_write
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @transposed_bytes(%x: tensor<8x3xi8>, %d: tensor<3x8xi8>) -> tensor<3x8xi8> {
    %r = linalg.generic {indexing_maps = [affine_map<(b, a) -> (a, b)>, affine_map<(b, a) -> (b, a)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<8x3xi8>) outs(%d : tensor<3x8xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<3x8xi8>
    return %r : tensor<3x8xi8>
  }
}

// -----

// Three colours innermost: lanes run along the pixels, where each colour is one
// load, and the three results leave side by side. 20 pixels: a vector of 8 ends
// behind the last one.
// CHECK-LABEL: func.func @colours(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x20xf32>, %[[D:[a-z0-9]+]]: tensor<20x3xf32>
// CHECK: %[[ROW:.*]] = tensor.collapse_shape %[[D]] {{\[}}[0, 1]] : tensor<20x3xf32> into tensor<60xf32>
// CHECK: %[[L:.*]] = scf.for %[[I:[a-z0-9]+]] = %c0 to %c16 step %c8 iter_args(%[[O:.*]] = %[[ROW]])
// CHECK-DAG: %[[R:.*]] = vector.transfer_read %[[X]][%c0, %[[I]]]
// CHECK-DAG: %[[G:.*]] = vector.transfer_read %[[X]][%c1, %[[I]]]
// CHECK-DAG: %[[B:.*]] = vector.transfer_read %[[X]][%c2, %[[I]]]
// CHECK: vector.shuffle %{{.*}} [0, 8, 16, 1, 9, 17,
// CHECK: %[[AT:.*]] = arith.muli %[[I]], %c3
// CHECK: vector.transfer_write %{{.*}}, %[[O]][%[[AT]]] {in_bounds = [true]} : vector<24xf32>, tensor<60xf32>
// CHECK: vector.transfer_write %{{.*}}, %[[L]][%c48] : vector<24xf32>, tensor<60xf32>
// CHECK: tensor.expand_shape
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @colours(%x: tensor<3x20xf32>, %d: tensor<20x3xf32>) -> tensor<20x3xf32> {
    %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<3x20xf32>) outs(%d : tensor<20x3xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.addf %a, %a : f32
      linalg.yield %s : f32
    } -> tensor<20x3xf32>
    return %r : tensor<20x3xf32>
  }
}

// -----

// Bytes packed for a product. Columns are rows of memory: a tile is turned in
// units of 32 bits, here of 4 groups, which fill half a vector.
// CHECK-LABEL: func.func @pack_columns(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<16x16xi8>, %[[D:[a-z0-9]+]]: tensor<2x4x32xi8>
// CHECK: scf.for
// CHECK-COUNT-8: vector.transfer_read %[[X]]{{.*}} : tensor<16x16xi8>, vector<16xi8>
// CHECK: vector.bitcast %{{.*}} : vector<8xi32> to vector<32xi8>
// CHECK: arith.xori {{.*}} : vector<32xi8>
// CHECK: vector.transfer_write {{.*}} : vector<32xi8>, tensor<2x4x32xi8>
// Rows of the sum are rows of memory: four of them are interleaved.
// CHECK-LABEL: func.func @pack_rows(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<16x16xi8>, %[[D:[a-z0-9]+]]: tensor<2x4x32xi8>
// CHECK-COUNT-2: scf.for
// CHECK-COUNT-4: vector.transfer_read %[[X]]{{.*}} : tensor<16x16xi8>, vector<8xi8>
// CHECK: vector.shuffle %{{.*}} [0, 8, 16, 24, 1, 9, 17, 25,
// CHECK: vector.transfer_write {{.*}} : vector<32xi8>, tensor<2x4x32xi8>
#all = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#columns = affine_map<(d0, d1, d2) -> (d0 * 8 + d2 floordiv 4, d1 * 4 + d2 mod 4)>
#rows = affine_map<(d0, d1, d2) -> (d1 * 4 + d2 mod 4, d0 * 8 + d2 floordiv 4)>
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @pack_columns(%x: tensor<16x16xi8>, %d: tensor<2x4x32xi8>) -> tensor<2x4x32xi8> {
    %top = arith.constant -128 : i8
    %r = linalg.generic {indexing_maps = [#columns, #all], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x : tensor<16x16xi8>) outs(%d : tensor<2x4x32xi8>) {
    ^bb0(%in: i8, %out: i8):
      %f = arith.xori %in, %top : i8
      linalg.yield %f : i8
    } -> tensor<2x4x32xi8>
    return %r : tensor<2x4x32xi8>
  }
  func.func @pack_rows(%x: tensor<16x16xi8>, %d: tensor<2x4x32xi8>) -> tensor<2x4x32xi8> {
    %r = linalg.generic {indexing_maps = [#rows, #all], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x : tensor<16x16xi8>) outs(%d : tensor<2x4x32xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<2x4x32xi8>
    return %r : tensor<2x4x32xi8>
  }
}
