// RUN: quant-opt %s --split-input-file --mpq-vectorize-products --canonicalize --cse --mlir-print-local-scope | FileCheck %s

// Two rows times two panels: four accumulators start from the bias and stay in
// registers through the loop over 16 groups of 4 bytes and the requantization
// behind it; accumulators are never stored.
// CHECK-LABEL: func.func @epilogue(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<2x64xi8>, %[[W:[a-z0-9]+]]: tensor<2x16x64xi8>, %[[B:[a-z0-9]+]]: tensor<32xi32>, %[[D:[a-z0-9]+]]: tensor<2x32xi8>
// CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
// CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
// CHECK: %[[B0:.*]] = vector.transfer_read %[[B]][%c0]
// CHECK: %[[B1:.*]] = vector.transfer_read %[[B]][%[[C16]]]
// CHECK: %[[R:.*]]:4 = scf.for %[[K:[a-z0-9]+]] = %{{.*}} to %[[C16]] {{.*}} iter_args(%[[R0:.*]] = %[[B0]], %[[R1:.*]] = %[[B1]], %[[R2:.*]] = %[[B0]], %[[R3:.*]] = %[[B1]])
// CHECK: %[[W0:.*]] = vector.transfer_read %[[W]][%c0, %[[K]], %c0]
// CHECK: %[[W1:.*]] = vector.transfer_read %[[W]][%c1, %[[K]], %c0]
// CHECK: %[[AT:.*]] = arith.muli %[[K]], %[[C4]]
// CHECK: %[[BYTES:.*]] = vector.transfer_read %[[A]][%c0, %[[AT]]], %{{.*}} vector<4xi8>
// CHECK: vector.bitcast %[[BYTES]] : vector<4xi8> to vector<1xi32>
// CHECK: vector.broadcast %{{.*}} : i32 to vector<16xi32>
// CHECK: %[[LEFT:.*]] = vector.bitcast %{{.*}} : vector<16xi32> to vector<64xi8>
// CHECK: mpq.dot4 %[[R0]], %[[LEFT]] unsigned, %[[W0]] signed
// CHECK: mpq.dot4 %[[R1]], %[[LEFT]] unsigned, %[[W1]] signed
// CHECK: mpq.dot4 %[[R2]], %[[SECOND:.*]] unsigned, %[[W0]] signed
// CHECK: mpq.dot4 %[[R3]], %[[SECOND]] unsigned, %[[W1]] signed
// CHECK-NOT: xi32>, tensor
// CHECK: arith.sitofp %[[R]]#0
// CHECK: vector.transfer_write %{{.*}}, %[[D]][%c0, %c0]
// CHECK: arith.sitofp %[[R]]#3
// CHECK: vector.transfer_write %{{.*}}[%c1, %[[C16]]] {in_bounds = [true]} : vector<16xi8>, tensor<2x32xi8>
func.func @epilogue(%a: tensor<2x64xi8>, %w: tensor<2x16x64xi8>, %b: tensor<32xi32>, %d: tensor<2x32xi8>) -> tensor<2x32xi8> {
  %m = arith.constant 0.5 : f32
  %z = arith.constant 7 : i8
  %e = tensor.empty() : tensor<2x32xi32>
  %p = mpq.contract ins(%a, %w : tensor<2x64xi8>, tensor<2x16x64xi8>) bias(%b : tensor<32xi32>) outs(%e : tensor<2x32xi32>) -> tensor<2x32xi32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<2x32xi32>) outs(%d : tensor<2x32xi8>) {
  ^bb0(%x: i32, %out: i8):
    %c = arith.sitofp %x : i32 to f32
    %s = arith.mulf %c, %m : f32
    %y = arith.fptosi %s : f32 to i8
    linalg.yield %y : i8
  } -> tensor<2x32xi8>
  return %r : tensor<2x32xi8>
}

// -----

// Depth 6: one whole group, and a tail of 2 bytes, read under a mask. 12 columns
// of 16 lanes: the result's write is masked as well.
// CHECK-LABEL: func.func @tail(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<1x6xi8>
// CHECK: vector.transfer_read %[[A]][%c0, %c0], %{{.*}} {in_bounds = [true]} : tensor<1x6xi8>, vector<4xi8>
// CHECK: %[[S:.*]] = mpq.dot4
// CHECK: vector.transfer_read %[[A]][%c0, %c4], %{{[a-z0-9_]+}} : tensor<1x6xi8>, vector<4xi8>
// CHECK: %[[T:.*]] = mpq.dot4 %[[S]],
// CHECK: vector.transfer_write %[[T]], %{{.*}}[%c0, %c0] : vector<16xi32>, tensor<1x12xi32>
func.func @tail(%a: tensor<1x6xi8>, %w: tensor<1x2x64xi8>, %d: tensor<1x12xi32>) -> tensor<1x12xi32> {
  %p = mpq.contract ins(%a, %w : tensor<1x6xi8>, tensor<1x2x64xi8>) outs(%d : tensor<1x12xi32>) -> tensor<1x12xi32>
  return %p : tensor<1x12xi32>
}

// -----

// f32: one fma for each element of the depth.
// CHECK-LABEL: func.func @float(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<1x5xf32>, %[[W:[a-z0-9]+]]: tensor<1x5x8xf32>
// CHECK: scf.for %[[K:[a-z0-9]+]] = %c0 to %c5 step %c1 iter_args(%[[S:[a-z0-9]+]] =
// CHECK: %[[RIGHT:.*]] = vector.transfer_read %[[W]][%c0, %[[K]], %c0]
// CHECK: %[[X:.*]] = tensor.extract %[[A]][%c0, %[[K]]]
// CHECK: %[[LEFT:.*]] = vector.broadcast %[[X]]
// CHECK: math.fma %[[LEFT]], %[[RIGHT]], %[[S]] : vector<8xf32>
func.func @float(%a: tensor<1x5xf32>, %w: tensor<1x5x8xf32>, %d: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %p = mpq.contract ins(%a, %w : tensor<1x5xf32>, tensor<1x5x8xf32>) outs(%d : tensor<1x8xf32>) -> tensor<1x8xf32>
  return %p : tensor<1x8xf32>
}

// -----

// A dense convolution of stride 2: loops over the window's rows and columns and
// the channels; the second pixel of the tile reads two columns further.
// CHECK-LABEL: func.func @conv(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x3x5x8xf32>, %[[W:[a-z0-9]+]]: tensor<1x72x8xf32>
// CHECK: scf.for %[[I:[a-z0-9]+]] = %c0 to %c3
// CHECK: scf.for %[[J:[a-z0-9]+]] = %c0 to %c3
// CHECK: %[[ROW:.*]] = arith.muli %[[I]], %c3
// CHECK: %[[TAP:.*]] = arith.addi %[[ROW]], %[[J]]
// CHECK: %[[FIRST:.*]] = arith.muli %[[TAP]], %c8
// CHECK: scf.for %[[C:[a-z0-9]+]] = %c0 to %c8
// CHECK: %[[K:.*]] = arith.addi %[[FIRST]], %[[C]]
// CHECK: %[[RIGHT:.*]] = vector.transfer_read %[[W]][%c0, %[[K]], %c0]
// CHECK: tensor.extract %[[X]][%c0, %[[I]], %[[J]], %[[C]]]
// CHECK: math.fma %{{.*}}, %[[RIGHT]], %
// CHECK: %[[NEXT:.*]] = arith.addi %[[J]], %c2
// CHECK: tensor.extract %[[X]][%c0, %[[I]], %[[NEXT]], %[[C]]]
// CHECK: math.fma %{{.*}}, %[[RIGHT]], %
func.func @conv(%x: tensor<1x3x5x8xf32>, %w: tensor<1x72x8xf32>, %d: tensor<1x1x2x8xf32>) -> tensor<1x1x2x8xf32> {
  %r = mpq.conv ins(%x, %w : tensor<1x3x5x8xf32>, tensor<1x72x8xf32>) outs(%d : tensor<1x1x2x8xf32>)
      {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} -> tensor<1x1x2x8xf32>
  return %r : tensor<1x1x2x8xf32>
}

// -----

// A depthwise one of bytes: each image row gives four neighbouring pixels, side
// by side in the lanes, to both outputs; what differs between these is the
// weights, those of phases 0 and 1. No window reaches into a second group.
// CHECK-LABEL: func.func @depthwise(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x2x4x16xi8>, %[[W:[a-z0-9]+]]: tensor<1x16x64xi8>
// CHECK-NOT: scf.for
// CHECK: %[[W0:.*]] = vector.transfer_read %[[W]][%c0, %c0, %c0]
// CHECK: %[[P0:.*]] = vector.transfer_read %[[X]][%c0, %c0, %c0, %c0]
// CHECK: %[[P1:.*]] = vector.transfer_read %[[X]][%c0, %c0, %c1, %c0]
// CHECK: %[[P2:.*]] = vector.transfer_read %[[X]][%c0, %c0, %c2, %c0]
// CHECK: %[[P3:.*]] = vector.transfer_read %[[X]][%c0, %c0, %c3, %c0]
// CHECK: %[[LOW:.*]] = vector.shuffle %[[P0]], %[[P1]] [0, 1,
// CHECK: %[[HIGH:.*]] = vector.shuffle %[[P2]], %[[P3]] [0, 1,
// CHECK: %[[ALL:.*]] = vector.shuffle %[[LOW]], %[[HIGH]] [0, 1,
// CHECK: %[[WORDS:.*]] = vector.bitcast %[[ALL]] : vector<64xi8> to vector<16xi32>
// CHECK: %[[BLOCKS:.*]] = vector.shuffle %[[WORDS]], %[[WORDS]] [0, 4, 8, 12, 1, 5, 9, 13,
// CHECK: %[[BYTES:.*]] = vector.bitcast %[[BLOCKS]] : vector<16xi32> to vector<64xi8>
// CHECK: %[[FOUR:.*]] = vector.shuffle %[[BYTES]], %[[BYTES]] [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 16, 20,
// CHECK: mpq.dot4 %{{.*}}, %[[FOUR]] unsigned, %[[W0]] signed
// CHECK: %[[W1:.*]] = vector.transfer_read %[[W]][%c0, %c2, %c0]
// CHECK: mpq.dot4 %{{.*}}, %[[FOUR]] unsigned, %[[W1]] signed
// CHECK: vector.transfer_read %[[W]][%c0, %c8, %c0]
// CHECK: vector.transfer_read %[[X]][%c0, %c1, %c0, %c0]
// CHECK: mpq.dot4
// CHECK: vector.transfer_read %[[W]][%c0, %c10, %c0]
// CHECK: mpq.dot4
// CHECK-NOT: mpq.dot4
func.func @depthwise(%x: tensor<1x2x4x16xi8>, %w: tensor<1x16x64xi8>, %d: tensor<1x1x2x16xi32>) -> tensor<1x1x2x16xi32> {
  %r = mpq.conv ins(%x, %w : tensor<1x2x4x16xi8>, tensor<1x16x64xi8>) outs(%d : tensor<1x1x2x16xi32>)
      {window = array<i64: 2, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, depthwise} -> tensor<1x1x2x16xi32>
  return %r : tensor<1x1x2x16xi32>
}

// -----

// One column beyond a whole vector is stored as a scalar: the masked store of a
// byte would write four.
// CHECK-LABEL: func.func @single_lane(
// CHECK: vector.transfer_write %{{.*}} {in_bounds = [true]} : vector<16xi8>, tensor<1x17xi8>
// CHECK-NOT: vector.transfer_write
// CHECK: %[[LAST:.*]] = vector.extract %{{.*}}[0] : i8 from vector<16xi8>
// CHECK: tensor.insert %[[LAST]] into %{{.*}}[%c0, %c16]
func.func @single_lane(%a: tensor<1x4xi8>, %w: tensor<2x1x64xi8>, %d: tensor<1x17xi8>) -> tensor<1x17xi8> {
  %e = tensor.empty() : tensor<1x17xi32>
  %p = mpq.contract ins(%a, %w : tensor<1x4xi8>, tensor<2x1x64xi8>) outs(%e : tensor<1x17xi32>) -> tensor<1x17xi32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<1x17xi32>) outs(%d : tensor<1x17xi8>) {
  ^bb0(%x: i32, %out: i8):
    %y = arith.trunci %x : i32 to i8
    linalg.yield %y : i8
  } -> tensor<1x17xi8>
  return %r : tensor<1x17xi8>
}

// -----

// One batch of a batched product: its own packed panel.
// CHECK-LABEL: func.func @batch(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<1x1x5xf32>, %[[W:[a-z0-9]+]]: tensor<1x1x5x8xf32>
// CHECK: scf.for %[[K:[a-z0-9]+]] = %c0 to %c5
// CHECK: vector.transfer_read %[[W]][%c0, %c0, %[[K]], %c0]
// CHECK: tensor.extract %[[A]][%c0, %c0, %[[K]]]
// CHECK: math.fma
func.func @batch(%a: tensor<1x1x5xf32>, %w: tensor<1x1x5x8xf32>, %d: tensor<1x1x8xf32>) -> tensor<1x1x8xf32> {
  %p = mpq.contract ins(%a, %w : tensor<1x1x5xf32>, tensor<1x1x5x8xf32>) outs(%d : tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  return %p : tensor<1x1x8xf32>
}

// -----

// A convolution of bytes with 6 channels: each tap has a whole group and one of
// two channels, whose read must not leave the pixel.
// CHECK-LABEL: func.func @conv_tail(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x1x2x6xi8>, %[[W:[a-z0-9]+]]: tensor<1x4x32xi8>
// CHECK: scf.for %[[J:[a-z0-9]+]] = %c0 to %c2
// CHECK: %[[FIRST:.*]] = arith.muli %[[J]], %c2
// CHECK: vector.transfer_read %[[W]][%c0, %[[FIRST]], %c0]
// CHECK: vector.transfer_read %[[X]][%c0, %c0, %[[J]], %c0], %{{.*}} {in_bounds = [true]} : tensor<1x1x2x6xi8>, vector<4xi8>
// CHECK: mpq.dot4
// CHECK: %[[SECOND:.*]] = arith.addi %[[FIRST]], %c1
// CHECK: vector.transfer_read %[[W]][%c0, %[[SECOND]], %c0]
// CHECK: vector.transfer_read %[[X]][%c0, %c0, %[[J]], %c4], %{{[a-z0-9_]+}} : tensor<1x1x2x6xi8>, vector<4xi8>
// CHECK: mpq.dot4
func.func @conv_tail(%x: tensor<1x1x2x6xi8>, %w: tensor<1x4x32xi8>, %d: tensor<1x1x1x8xi32>) -> tensor<1x1x1x8xi32> {
  %r = mpq.conv ins(%x, %w : tensor<1x1x2x6xi8>, tensor<1x4x32xi8>) outs(%d : tensor<1x1x1x8xi32>)
      {window = array<i64: 1, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x1x1x8xi32>
  return %r : tensor<1x1x1x8xi32>
}

// -----

// Nine adjacent taps in each of three rows: two whole groups, and one that ends
// where the row does, so that no read has a mask.
// CHECK-LABEL: func.func @merged(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x3x15x1xi8>, %[[W:[a-z0-9]+]]: tensor<1x9x64xi8>
// CHECK: %[[P:.*]] = tensor.collapse_shape %[[X]] {{\[}}[0], [1], [2, 3]]
// CHECK: scf.for %[[I:[a-z0-9]+]] = %c0 to %c3
// CHECK: scf.for %[[G:[a-z0-9]+]] = %c0 to %c2
// CHECK: %[[AT:.*]] = arith.muli %[[G]], %c4
// CHECK: vector.transfer_read %[[P]][%c0, %[[I]], %[[AT]]], %{{.*}} {in_bounds = [true]}
// CHECK: %[[NEXT:.*]] = arith.addi %[[AT]], %c6
// CHECK: vector.transfer_read %[[P]][%c0, %[[I]], %[[NEXT]]], %{{.*}} {in_bounds = [true]}
// CHECK: vector.transfer_read %[[P]][%c0, %[[I]], %c5], %{{.*}} {in_bounds = [true]}
// CHECK: vector.transfer_read %[[P]][%c0, %[[I]], %c11], %{{.*}} {in_bounds = [true]}
func.func @merged(%x: tensor<1x3x15x1xi8>, %w: tensor<1x9x64xi8>, %d: tensor<1x1x2x16xi32>) -> tensor<1x1x2x16xi32> {
  %c = mpq.conv ins(%x, %w : tensor<1x3x15x1xi8>, tensor<1x9x64xi8>) outs(%d : tensor<1x1x2x16xi32>)
       {merged, window = array<i64: 3, 9>, strides = array<i64: 1, 6>, dilations = array<i64: 1, 1>} -> tensor<1x1x2x16xi32>
  return %c : tensor<1x1x2x16xi32>
}

// -----

// A batch whose matrices have each their own bias.
// CHECK-LABEL: func.func @bias_of_batch(
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<1x16xi32>
// CHECK: vector.transfer_read %[[B]][%c0, %c0], {{.*}} : tensor<1x16xi32>, vector<16xi32>
func.func @bias_of_batch(%b: tensor<1x16xi32>, %a: tensor<1x2x64xi8>, %w: tensor<1x1x16x64xi8>, %d: tensor<1x2x16xi32>) -> tensor<1x2x16xi32> {
  %p = mpq.contract ins(%a, %w : tensor<1x2x64xi8>, tensor<1x1x16x64xi8>) bias(%b : tensor<1x16xi32>) outs(%d : tensor<1x2x16xi32>) -> tensor<1x2x16xi32>
  return %p : tensor<1x2x16xi32>
}

// -----

// Weights of 16 bits are widened in registers: bf16 by a shift, f16 by the
// processor's conversion.
// CHECK-LABEL: func.func @narrow_weights
// CHECK: %[[N:.*]] = vector.transfer_read %{{.*}} : tensor<1x8x16xbf16>, vector<16xbf16>
// CHECK: %[[B:.*]] = arith.bitcast %[[N]] : vector<16xbf16> to vector<16xi16>
// CHECK: %[[E:.*]] = arith.extui %[[B]] : vector<16xi16> to vector<16xi32>
// CHECK: %[[S:.*]] = arith.shli %[[E]]
// CHECK: %[[W:.*]] = arith.bitcast %[[S]] : vector<16xi32> to vector<16xf32>
// CHECK: math.fma %{{.*}}, %[[W]], %{{.*}} : vector<16xf32>
// CHECK: %[[H:.*]] = vector.transfer_read %{{.*}} : tensor<1x8x16xf16>, vector<16xf16>
// CHECK: arith.extf %[[H]] : vector<16xf16> to vector<16xf32>
func.func @narrow_weights(%a: tensor<1x8xf32>, %w: tensor<1x8x16xbf16>, %h: tensor<1x8x16xf16>, %d: tensor<1x16xf32>) -> (tensor<1x16xf32>, tensor<1x16xf32>) {
  %p = mpq.contract ins(%a, %w : tensor<1x8xf32>, tensor<1x8x16xbf16>) outs(%d : tensor<1x16xf32>) -> tensor<1x16xf32>
  %q = mpq.contract ins(%a, %h : tensor<1x8xf32>, tensor<1x8x16xf16>) outs(%d : tensor<1x16xf32>) -> tensor<1x16xf32>
  return %p, %q : tensor<1x16xf32>, tensor<1x16xf32>
}

// -----

// Steps of bf16 in a matrix unit; sums are added to zero without a bias, too.
// CHECK-LABEL: func.func @steps_of_halves
// CHECK: %[[R:.*]] = scf.for {{.*}} iter_args(%[[SUM:.*]] = %{{.*}}) -> (vector<3x16xf32>)
// CHECK: %[[L:.*]] = vector.transfer_read {{.*}} : tensor<3x64xbf16>, vector<3x32xbf16>
// CHECK: %[[W:.*]] = vector.transfer_read {{.*}} : tensor<1x32x32xbf16>, vector<16x32xbf16>
// CHECK: mpq.dot_tile %[[SUM]], %[[L]], %[[W]] : vector<3x16xf32>, vector<3x32xbf16>, vector<16x32xbf16>
// CHECK: vector.transfer_write %[[R]]
// CHECK: arith.addf
func.func @steps_of_halves(%a: tensor<3x64xbf16>, %w: tensor<1x32x32xbf16>, %d: tensor<3x16xf32>) -> tensor<3x16xf32> attributes {mpq.strategy = #mpq.strategy<tile = [3, 16], grain = [0, 0], matrix_rows = 3>} {
  %p = mpq.contract ins(%a, %w : tensor<3x64xbf16>, tensor<1x32x32xbf16>) outs(%d : tensor<3x16xf32>) {step = 32 : i64} -> tensor<3x16xf32>
  return %p : tensor<3x16xf32>
}
