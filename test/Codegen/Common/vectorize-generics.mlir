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
