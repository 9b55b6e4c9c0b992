// RUN: quant-opt %s --split-input-file --mpq-vectorize-transposes --canonicalize --cse --mlir-print-local-scope | FileCheck %s

// Rows of the result are long: 32 rows of 16 bytes are joined in pairs, turned
// by four steps of interleaving and stored as whole vectors. 40 rows are a tile
// of two blocks and one of one, from 24 on; of the last 16 columns, 8 are new.
// CHECK-LABEL: func.func @bytes(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<40x24xi8>, %[[D:[a-z0-9]+]]: tensor<24x40xi8>
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
// CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
// CHECK: %[[A:.*]] = vector.transfer_read %[[X]][%[[C0]], %[[C0]]]{{.*}} : tensor<40x24xi8>, vector<16xi8>
// CHECK: %[[B:.*]] = vector.transfer_read %[[X]][%[[C16]], %[[C0]]]{{.*}} : tensor<40x24xi8>, vector<16xi8>
// CHECK: %[[J:.*]] = vector.shuffle %[[A]], %[[B]] [0, 1, {{.*}}, 31] : vector<16xi8>, vector<16xi8>
// CHECK: vector.shuffle %[[J]], %{{.*}} [0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 16, 48, 17, 49, {{.*}}, 23, 55]
// CHECK: vector.shuffle %[[J]], %{{.*}} [8, 40, {{.*}}, 31, 63]
// CHECK: vector.transfer_write %{{.*}}, %[[D]][%[[C0]], %[[C0]]] {in_bounds = [true]} : vector<32xi8>, tensor<24x40xi8>
// CHECK-COUNT-15: vector.transfer_write %{{.*}} : vector<32xi8>
// CHECK: vector.transfer_read %[[X]][%[[C0]], %[[C8]]]
// CHECK-NOT: vector.transfer_write
// CHECK: vector.transfer_write %{{.*}}[%[[C16]], %[[C0]]] {in_bounds = [true]} : vector<32xi8>
// CHECK-COUNT-7: vector.transfer_write %{{.*}} : vector<32xi8>
// CHECK-COUNT-24: vector.transfer_write %{{.*}} : vector<16xi8>
// CHECK-NOT: linalg.generic
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @bytes(%x: tensor<40x24xi8>, %d: tensor<24x40xi8>) -> tensor<24x40xi8> {
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (b, a)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<40x24xi8>) outs(%d : tensor<24x40xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<24x40xi8>
    return %r : tensor<24x40xi8>
  }
}

// -----

// Rows of the result are short: long rows are read, and blocks of them written.
// Height and width lie side by side on both sides and become one loop.
// CHECK-LABEL: func.func @merged(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x6x7x8xf32>, %[[D:[a-z0-9]+]]: tensor<1x7x8x6xf32>
// CHECK-DAG: %[[S:.*]] = tensor.collapse_shape %[[X]] {{\[}}[0], [1], [2, 3]] : tensor<1x6x7x8xf32> into tensor<1x6x56xf32>
// CHECK-DAG: %[[T:.*]] = tensor.collapse_shape %[[D]] {{\[}}[0], [1, 2], [3]] : tensor<1x7x8x6xf32> into tensor<1x56x6xf32>
// CHECK: scf.for
// CHECK-COUNT-4: vector.transfer_read %[[S]]{{.*}} vector<8xf32>
// CHECK: vector.transfer_write %{{.*}} : vector<4xf32>, tensor<1x56x6xf32>
// CHECK: tensor.expand_shape
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @merged(%x: tensor<1x6x7x8xf32>, %d: tensor<1x7x8x6xf32>) -> tensor<1x7x8x6xf32> {
    %r = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, c, h, w)>, affine_map<(n, h, w, c) -> (n, h, w, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%x : tensor<1x6x7x8xf32>) outs(%d : tensor<1x7x8x6xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x7x8x6xf32>
    return %r : tensor<1x7x8x6xf32>
  }
}

// -----

// Inside a halo rows of an image do not touch: height stays a loop.
// CHECK-LABEL: func.func @halo(
// CHECK-NOT: tensor.collapse_shape
// CHECK: scf.for
// CHECK: vector.transfer_write %{{.*}} : vector<16xi8>, tensor<1x7x20x16xi8>
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @halo(%x: tensor<1x16x7x20xi8>, %d: tensor<1x9x22x16xi8>) -> tensor<1x9x22x16xi8> {
    %s = tensor.extract_slice %d[0, 1, 1, 0] [1, 7, 20, 16] [1, 1, 1, 1] : tensor<1x9x22x16xi8> to tensor<1x7x20x16xi8>
    %r = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, c, h, w)>, affine_map<(n, h, w, c) -> (n, h, w, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%x : tensor<1x16x7x20xi8>) outs(%s : tensor<1x7x20x16xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<1x7x20x16xi8>
    %i = tensor.insert_slice %r into %d[0, 1, 1, 0] [1, 7, 20, 16] [1, 1, 1, 1] : tensor<1x7x20x16xi8> into tensor<1x9x22x16xi8>
    return %i : tensor<1x9x22x16xi8>
  }
}

// -----

// Three colours are interleaved by mpq-vectorize-generics, and so is what
// computes.
// CHECK-LABEL: func.func @others(
// CHECK: linalg.generic
// CHECK: linalg.generic
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @others(%x: tensor<3x20xi8>, %y: tensor<16x20xi8>, %d: tensor<20x3xi8>, %e: tensor<20x16xi8>) -> (tensor<20x3xi8>, tensor<20x16xi8>) {
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (b, a)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<3x20xi8>) outs(%d : tensor<20x3xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<20x3xi8>
    %s = linalg.generic {indexing_maps = [affine_map<(a, b) -> (b, a)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
        ins(%y : tensor<16x20xi8>) outs(%e : tensor<20x16xi8>) {
    ^bb0(%in: i8, %out: i8):
      %n = arith.addi %in, %in : i8
      linalg.yield %n : i8
    } -> tensor<20x16xi8>
    return %r, %s : tensor<20x3xi8>, tensor<20x16xi8>
  }
}

// -----

// Pixels of a transposed convolution: two along a row stay together, both rows
// of all channels are one row of the operand. Pairs of f32 take two steps of
// interleaving pairs; the clamp is computed on what is written.
// CHECK-LABEL: func.func @pixels(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<5x12x3x2x2xf32>, %[[D:[a-z0-9]+]]: tensor<3x5x2x12x2xf32>
// CHECK: scf.for %[[Y:[a-z0-9]+]]
// CHECK: scf.for %[[ROW:[a-z0-9]+]]
// CHECK: scf.for %[[COLUMN:[a-z0-9]+]]
// CHECK: %[[CHANNEL:.*]] = arith.divui %[[COLUMN]], %{{.*}}
// CHECK: vector.transfer_read %[[X]][%[[Y]], %[[ROW]], %[[CHANNEL]], %{{.*}}, %{{.*}}], %{{.*}} : tensor<5x12x3x2x2xf32>, vector<4xf32>
// CHECK: vector.shuffle %{{.*}} [0, 1, 8, 9, 4, 5, 12, 13] : vector<8xf32>, vector<8xf32>
// CHECK: vector.shuffle %{{.*}} [2, 3, 10, 11, 6, 7, 14, 15] : vector<8xf32>, vector<8xf32>
// CHECK: arith.maximumf %{{.*}} : vector<8xf32>
// CHECK: vector.transfer_write %{{.*}}[%[[CHANNEL]], %[[Y]], %{{.*}}, %[[ROW]], %{{.*}}] {in_bounds = [true]} : vector<8xf32>, tensor<3x5x2x12x2xf32>
// CHECK-NOT: linalg.generic
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @pixels(%x: tensor<5x12x3x2x2xf32>, %d: tensor<3x5x2x12x2xf32>) -> tensor<3x5x2x12x2xf32> {
    %zero = arith.constant 0.0 : f32
    %r = linalg.generic {indexing_maps = [affine_map<(c, y, i, x, j) -> (y, x, c, i, j)>, affine_map<(c, y, i, x, j) -> (c, y, i, x, j)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
        ins(%x : tensor<5x12x3x2x2xf32>) outs(%d : tensor<3x5x2x12x2xf32>) {
    ^bb0(%in: f32, %out: f32):
      %m = arith.maximumf %in, %zero : f32
      linalg.yield %m : f32
    } -> tensor<3x5x2x12x2xf32>
    return %r : tensor<3x5x2x12x2xf32>
  }
}

// -----

// Rows of four bytes that lie side by side: eight of them are a register, whose
// columns are picked out. Of 20 rows the last eight begin at 12.
// CHECK-LABEL: func.func @separated(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<5x3x20x2x2xi8>, %[[D:[a-z0-9]+]]: tensor<5x2x3x2x20xi8>
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C12:.*]] = arith.constant 12 : index
// CHECK-DAG: %[[C48:.*]] = arith.constant 48 : index
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[X]] {{\[}}[0], [1], [2, 3, 4]] : tensor<5x3x20x2x2xi8> into tensor<5x3x80xi8>
// CHECK: scf.for %[[A:[a-z0-9]+]]
// CHECK: scf.for %[[B:[a-z0-9]+]]
// CHECK: scf.for %[[ROW:[a-z0-9]+]]
// CHECK: %[[AT:.*]] = arith.muli %[[ROW]],
// CHECK: %[[ALL:.*]] = vector.transfer_read %[[ROWS]][%[[A]], %[[B]], %[[AT]]], %{{.*}} : tensor<5x3x80xi8>, vector<32xi8>
// CHECK: %[[V0:.*]] = vector.shuffle %[[ALL]], %[[ALL]] [0, 4, 8, 12, 16, 20, 24, 28]
// CHECK: vector.transfer_write %[[V0]], %{{.*}}[%[[A]], %[[C0]], %[[B]], %[[C0]], %[[ROW]]] {in_bounds = [true]} : vector<8xi8>
// CHECK: vector.shuffle %[[ALL]], %[[ALL]] [1, 5, 9, 13, 17, 21, 25, 29]
// CHECK: vector.shuffle %[[ALL]], %[[ALL]] [2, 6,
// CHECK: vector.shuffle %[[ALL]], %[[ALL]] [3, 7,
// CHECK: vector.transfer_read %[[ROWS]][%[[A]], %[[B]], %[[C48]]], %{{.*}} : tensor<5x3x80xi8>, vector<32xi8>
// CHECK: vector.transfer_write %{{.*}}[%[[A]], %[[C0]], %[[B]], %[[C0]], %[[C12]]]
// CHECK-NOT: linalg.generic
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @separated(%x: tensor<5x3x20x2x2xi8>, %d: tensor<5x2x3x2x20xi8>) -> tensor<5x2x3x2x20xi8> {
    %r = linalg.generic {indexing_maps = [affine_map<(y, i, x, j, c) -> (y, x, c, i, j)>, affine_map<(y, i, x, j, c) -> (y, i, x, j, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
        ins(%x : tensor<5x3x20x2x2xi8>) outs(%d : tensor<5x2x3x2x20xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<5x2x3x2x20xi8>
    return %r : tensor<5x2x3x2x20xi8>
  }
}

// -----

// Long rows are read in strips of four lines, by all rows of the operand.
// CHECK-LABEL: func.func @strips(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x160xf32>
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
// CHECK-DAG: %[[C32:.*]] = arith.constant 32 : index
// CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
// CHECK-DAG: %[[C160:.*]] = arith.constant 160 : index
// CHECK: scf.for %[[STRIP:[a-z0-9]+]] = %[[C0]] to %[[C160]] step %[[C64]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[STRIP]], %[[C64]]
// CHECK: %[[END:.*]] = arith.minsi %[[NEXT]], %[[C160]]
// CHECK: scf.for %[[CHANNEL:[a-z0-9]+]] = %[[C0]] to %[[C32]] step %[[C8]]
// CHECK: scf.for %[[PIXEL:[a-z0-9]+]] = %[[STRIP]] to %[[END]] step %[[C4]]
// CHECK: vector.transfer_read %[[X]][%[[CHANNEL]], %[[PIXEL]]]
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @strips(%x: tensor<32x160xf32>, %d: tensor<160x32xf32>) -> tensor<160x32xf32> {
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (b, a)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<32x160xf32>) outs(%d : tensor<160x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<160x32xf32>
    return %r : tensor<160x32xf32>
  }
}

// -----

// Short rows of bytes: 512 bytes of a row of the result are written before the
// next one.
// CHECK-LABEL: func.func @runs(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1024x32xi8>
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
// CHECK-DAG: %[[C32:.*]] = arith.constant 32 : index
// CHECK-DAG: %[[C512:.*]] = arith.constant 512 : index
// CHECK-DAG: %[[C1024:.*]] = arith.constant 1024 : index
// CHECK: scf.for %[[FROM:[a-z0-9]+]] = %[[C0]] to %[[C1024]] step %[[C512]]
// CHECK: %[[END:.*]] = arith.minsi
// CHECK: scf.for %[[CHANNEL:[a-z0-9]+]] = %[[C0]] to %[[C32]] step %[[C16]]
// CHECK: scf.for %[[PIXEL:[a-z0-9]+]] = %[[FROM]] to %[[END]] step %[[C32]]
// CHECK: vector.transfer_read %[[X]][%[[PIXEL]], %[[CHANNEL]]]
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @runs(%x: tensor<1024x32xi8>, %d: tensor<32x1024xi8>) -> tensor<32x1024xi8> {
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (b, a)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<1024x32xi8>) outs(%d : tensor<32x1024xi8>) {
    ^bb0(%in: i8, %out: i8):
      linalg.yield %in : i8
    } -> tensor<32x1024xi8>
    return %r : tensor<32x1024xi8>
  }
}
