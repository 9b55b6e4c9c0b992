// RUN: quant-opt %s --split-input-file --mpq-tile-kernels --canonicalize --cse --mlir-print-local-scope | FileCheck %s

// Rows: the work loop takes blocks of 32 of 120 rows, the last of which starts at
// 88; inside, tiles of 3 rows, the last of which starts at 29. The requantization
// works on the tile.
// CHECK-LABEL: func.func private @rows(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<120x64xi8>, %[[W:[a-z0-9]+]]: tensor<1x16x64xi8>, %[[D:[a-z0-9]+]]: tensor<120x16xi8>, %[[BEGIN:[a-z0-9]+]]: index, %[[END:[a-z0-9]+]]: index
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
// CHECK-DAG: %[[C32:.*]] = arith.constant 32 : index
// CHECK: scf.for %[[ITEM:[a-z0-9]+]] = %[[BEGIN]] to %[[END]] step %[[C1]] iter_args(%{{.*}} = %[[D]])
// CHECK: %[[BLOCK:.*]] = affine.min affine_map<()[s0] -> (s0 * 32 - (s0 floordiv 4) * 128, 88)>()[%[[ITEM]]]
// CHECK: scf.for %[[I:[a-z0-9]+]] = %{{.*}} to %[[C32]] step %[[C3]]
// CHECK: %[[TILE:.*]] = affine.min affine_map<()[s0] -> (29, s0)>()[%[[I]]]
// CHECK: %[[ROW:.*]] = affine.apply affine_map<()[s0, s1] -> (s0 + s1)>()[%[[TILE]], %[[BLOCK]]]
// CHECK: %[[LEFT:.*]] = tensor.extract_slice %[[A]][%[[ROW]], 0] [3, 64] [1, 1]
// CHECK: %[[P:.*]] = mpq.contract ins(%[[LEFT]], %[[W]] : tensor<3x64xi8>, tensor<1x16x64xi8>)
// CHECK: linalg.generic {{.*}} ins(%[[P]] : tensor<3x16xi32>)
// CHECK: mpq.requantize
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[%[[TILE]], 0] [3, 16] [1, 1]
func.func private @rows(%a: tensor<120x64xi8>, %w: tensor<1x16x64xi8>, %d: tensor<120x16xi8>, %begin: index, %end: index) -> tensor<120x16xi8>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [3, 16], grain = [32, 0]>, mpq.work_items = 4 : i64} {
  %m = arith.constant 0.5 : f32
  %z = arith.constant 7 : i8
  %e = tensor.empty() : tensor<120x16xi32>
  %p = mpq.contract ins(%a, %w : tensor<120x64xi8>, tensor<1x16x64xi8>) outs(%e : tensor<120x16xi32>) -> tensor<120x16xi32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<120x16xi32>) outs(%d : tensor<120x16xi8>) {
  ^bb0(%x: i32, %out: i8):
    %y = mpq.requantize %x, %m, %z unsigned : i32, f32, i8 -> i8
    linalg.yield %y : i8
  } -> tensor<120x16xi8>
  return %r : tensor<120x16xi8>
}

// -----

// Tiles of 4 of 7 rows would compute one row twice: the last 3 get a tile of
// their own, which shares the panels of weights with the others.
// CHECK-LABEL: func.func private @last_tile(
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<7x64xi8>, %[[W:[a-z0-9]+]]: tensor<2x16x64xi8>
// CHECK: scf.for %[[J:[a-z0-9]+]] =
// CHECK: %[[PANEL:.*]] = tensor.extract_slice %[[W]]
// CHECK: mpq.contract ins(%{{.*}}, %[[PANEL]] : tensor<4x64xi8>, tensor<1x16x64xi8>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<4x16xi32>)
// CHECK: mpq.contract ins(%{{.*}}, %[[PANEL]] : tensor<3x64xi8>, tensor<1x16x64xi8>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<3x16xi32>)
// CHECK-NOT: mpq.contract
func.func private @last_tile(%a: tensor<7x64xi8>, %w: tensor<2x16x64xi8>, %d: tensor<7x32xi8>, %begin: index, %end: index) -> tensor<7x32xi8>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [4, 16], grain = [0, 0]>, mpq.work_items = 1 : i64} {
  %m = arith.constant 0.5 : f32
  %z = arith.constant 7 : i8
  %e = tensor.empty() : tensor<7x32xi32>
  %p = mpq.contract ins(%a, %w : tensor<7x64xi8>, tensor<2x16x64xi8>) outs(%e : tensor<7x32xi32>) -> tensor<7x32xi32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<7x32xi32>) outs(%d : tensor<7x32xi8>) {
  ^bb0(%x: i32, %out: i8):
    %y = mpq.requantize %x, %m, %z unsigned : i32, f32, i8 -> i8
    linalg.yield %y : i8
  } -> tensor<7x32xi8>
  return %r : tensor<7x32xi8>
}

// -----

// Columns: 40 are a tile of 32 and a remainder of 8, in a loop of its own. One
// item needs no loop over items.
// CHECK-LABEL: func.func private @columns(
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<4x8xf32>, %[[W:[a-z0-9]+]]: tensor<3x8x16xf32>, %{{[a-z0-9]+}}: tensor<4x40xf32>, %[[BEGIN:[a-z0-9]+]]: index
// CHECK-NOT: scf.for %{{[a-z0-9]+}} = %[[BEGIN]]
// CHECK: scf.for
// CHECK: %[[W0:.*]] = tensor.extract_slice %[[W]][0, 0, 0] [2, 8, 16] [1, 1, 1]
// CHECK: mpq.contract ins(%{{.*}}, %[[W0]] : {{.*}} -> tensor<2x32xf32>
// CHECK: arith.negf
// CHECK: scf.for
// CHECK: %[[W1:.*]] = tensor.extract_slice %[[W]][2, 0, 0] [1, 8, 16] [1, 1, 1]
// CHECK: mpq.contract ins(%{{.*}}, %[[W1]] : {{.*}} -> tensor<2x8xf32>
// CHECK: arith.negf
// CHECK-NOT: scf.for
// CHECK: return
func.func private @columns(%a: tensor<4x8xf32>, %w: tensor<3x8x16xf32>, %d: tensor<4x40xf32>, %begin: index, %end: index) -> tensor<4x40xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [2, 32], grain = [0, 0]>, mpq.work_items = 1 : i64} {
  %e = tensor.empty() : tensor<4x40xf32>
  %p = mpq.contract ins(%a, %w : tensor<4x8xf32>, tensor<3x8x16xf32>) outs(%e : tensor<4x40xf32>) -> tensor<4x40xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<4x40xf32>) outs(%d : tensor<4x40xf32>) {
  ^bb0(%x: f32, %out: f32):
    %y = arith.negf %x : f32
    linalg.yield %y : f32
  } -> tensor<4x40xf32>
  return %r : tensor<4x40xf32>
}

// -----

// A convolution reads the window's image of its tile.
// CHECK-LABEL: func.func private @conv(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x9x25x4xf32>
// CHECK: scf.for %[[ITEM:[a-z0-9]+]] = %{{.*}} to %{{.*}} step
// CHECK: %[[Y:.*]] = affine.apply affine_map<()[s0] -> (s0 mod 7)>()[%[[ITEM]]]
// CHECK: scf.for %[[J:[a-z0-9]+]] =
// CHECK: %[[C:.*]] = affine.min affine_map<()[s0] -> (15, s0)>()[%[[J]]]
// CHECK: %[[IMAGE:.*]] = tensor.extract_slice %[[X]][0, %[[Y]], %[[C]], 0] [1, 3, 10, 4]
// CHECK: mpq.conv ins(%[[IMAGE]], {{.*}} -> tensor<1x1x8x16xf32>
func.func private @conv(%x: tensor<1x9x25x4xf32>, %w: tensor<1x36x16xf32>, %d: tensor<1x7x23x16xf32>, %begin: index, %end: index) -> tensor<1x7x23x16xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1, 1, 8, 16], grain = [0, 1, 0, 0]>, mpq.work_items = 7 : i64} {
  %r = mpq.conv ins(%x, %w : tensor<1x9x25x4xf32>, tensor<1x36x16xf32>) outs(%d : tensor<1x7x23x16xf32>)
      {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x7x23x16xf32>
  return %r : tensor<1x7x23x16xf32>
}

// -----

// A row-wise group: every operation once, on the rows of an item.
// CHECK-LABEL: func.func private @group(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<6x40xf32>
// CHECK: scf.for %[[ITEM:[a-z0-9]+]] =
// CHECK: %[[ROW:.*]] = affine.apply affine_map<()[s0] -> (s0 * 3 - (s0 floordiv 2) * 6)>()[%[[ITEM]]]
// CHECK: %[[IN:.*]] = tensor.extract_slice %[[X]][%[[ROW]], 0] [3, 40] [1, 1]
// CHECK: %[[EXP:.*]] = linalg.generic {{.*}} ins(%[[IN]] : tensor<3x40xf32>)
// CHECK: math.exp
// CHECK: %[[FILL:.*]] = linalg.fill {{.*}} -> tensor<3xf32>
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[EXP]] : tensor<3x40xf32>) outs(%[[FILL]] : tensor<3xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[EXP]], %[[SUM]] : tensor<3x40xf32>, tensor<3xf32>)
// CHECK-NOT: math.exp
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func private @group(%x: tensor<6x40xf32>, %d: tensor<6x40xf32>, %begin: index, %end: index) -> tensor<6x40xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1], grain = [3]>, mpq.work_items = 2 : i64} {
  %zero = arith.constant 0.0 : f32
  %e2 = tensor.empty() : tensor<6x40xf32>
  %exp = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<6x40xf32>) outs(%e2 : tensor<6x40xf32>) {
  ^bb0(%in: f32, %out: f32):
    %y = math.exp %in : f32
    linalg.yield %y : f32
  } -> tensor<6x40xf32>
  %e = tensor.empty() : tensor<6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<6xf32>) -> tensor<6xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%exp : tensor<6x40xf32>) outs(%f : tensor<6xf32>) {
  ^bb0(%in: f32, %acc: f32):
    %t = arith.addf %acc, %in : f32
    linalg.yield %t : f32
  } -> tensor<6xf32>
  %r = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %s : tensor<6x40xf32>, tensor<6xf32>) outs(%d : tensor<6x40xf32>) {
  ^bb0(%in: f32, %sum: f32, %out: f32):
    %q = arith.divf %in, %sum : f32
    linalg.yield %q : f32
  } -> tensor<6x40xf32>
  return %r : tensor<6x40xf32>
}

// -----

// A grouped convolution: a loop over the 3 groups, then the tiles of a dense
// one on the group's 8 channels, weights of 2 vectors and 20 filters, of which
// the last 4 are a tile of their own.
// CHECK-LABEL: func.func private @grouped(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x9x25x24xf32>, %[[W:[a-z0-9]+]]: tensor<6x72x16xf32>, %[[B:[a-z0-9]+]]: tensor<60xf32>
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step
// CHECK: scf.for %[[F:[a-z0-9]+]] = %c0 to %c60 step %c20
// CHECK: %[[C:.*]] = affine.apply affine_map<()[s0] -> ((s0 floordiv 20) * 8)>()[%[[F]]]
// CHECK: tensor.extract_slice %[[X]][0, %{{.*}}, %{{.*}}, %[[C]]] [1, 3, 10, 8]
// CHECK: %[[V:.*]] = affine.apply affine_map<()[s0] -> ((s0 floordiv 20) * 2)>()[%[[F]]]
// CHECK: tensor.extract_slice %[[W]][%[[V]], 0, 0] [1, 72, 16]
// CHECK: tensor.extract_slice %[[B]][%[[F]]] [16]
// CHECK: mpq.conv ins({{.*}} : tensor<1x3x10x8xf32>, tensor<1x72x16xf32>) bias({{.*}} : tensor<16xf32>) {{.*}} {dilations = array<i64: 1, 1>, strides = {{.*}} -> tensor<1x1x8x16xf32>
// CHECK: affine.apply affine_map<()[s0] -> ((s0 floordiv 20) * 2 + 1)>()[%[[F]]]
// CHECK: mpq.conv ins({{.*}} : tensor<1x3x10x8xf32>, tensor<1x72x16xf32>) bias({{.*}} : tensor<4xf32>) {{.*}} {dilations = array<i64: 1, 1>, strides = {{.*}} -> tensor<1x1x8x4xf32>
func.func private @grouped(%x: tensor<1x9x25x24xf32>, %w: tensor<6x72x16xf32>, %b: tensor<60xf32>, %d: tensor<1x7x23x60xf32>, %begin: index, %end: index) -> tensor<1x7x23x60xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1, 1, 8, 16], grain = [0, 1, 0, 0]>, mpq.work_items = 7 : i64} {
  %r = mpq.conv ins(%x, %w : tensor<1x9x25x24xf32>, tensor<6x72x16xf32>) bias(%b : tensor<60xf32>) outs(%d : tensor<1x7x23x60xf32>)
      {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 3 : i64} -> tensor<1x7x23x60xf32>
  return %r : tensor<1x7x23x60xf32>
}

// -----

// Work items of one group each: where a group's channels and weights begin
// follows from the item.
// CHECK-LABEL: func.func private @items_of_groups(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x3x3x24xf32>, %[[W:[a-z0-9]+]]: tensor<6x72x16xf32>
// CHECK: scf.for %[[ITEM:[a-z0-9]+]] =
// CHECK-DAG: %[[V:.*]] = affine.apply affine_map<()[s0] -> (s0 * 2 - (s0 floordiv 3) * 6)>()[%[[ITEM]]]
// CHECK-DAG: %[[C:.*]] = affine.apply affine_map<()[s0] -> (s0 * 8 - (s0 floordiv 3) * 24)>()[%[[ITEM]]]
// CHECK-DAG: tensor.extract_slice %[[X]][0, 0, 0, %[[C]]] [1, 3, 3, 8]
// CHECK-DAG: tensor.extract_slice %[[W]][%[[V]], 0, 0] [2, 72, 16]
// CHECK: mpq.conv {{.*}} {dilations = array<i64: 1, 1>, strides = {{.*}} -> tensor<1x1x1x20xf32>
func.func private @items_of_groups(%x: tensor<1x3x3x24xf32>, %w: tensor<6x72x16xf32>, %d: tensor<1x1x1x60xf32>, %begin: index, %end: index) -> tensor<1x1x1x60xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1, 1, 1, 20], grain = [0, 0, 0, 20]>, mpq.work_items = 3 : i64} {
  %r = mpq.conv ins(%x, %w : tensor<1x3x3x24xf32>, tensor<6x72x16xf32>) outs(%d : tensor<1x1x1x60xf32>)
      {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 3 : i64} -> tensor<1x1x1x60xf32>
  return %r : tensor<1x1x1x60xf32>
}

// -----

// Few depthwise weights: all channels of a tile of pixels before the next one.
// CHECK-LABEL: func.func private @depthwise(
// CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
// CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
// CHECK: scf.for %{{.*}} step %[[C4]]
// CHECK: scf.for %{{.*}} step %[[C16]]
// CHECK: mpq.conv {{.*}} -> tensor<1x1x4x16xf32>
func.func private @depthwise(%x: tensor<1x1x8x32xf32>, %w: tensor<2x1x16xf32>, %d: tensor<1x1x8x32xf32>, %begin: index, %end: index) -> tensor<1x1x8x32xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1, 1, 4, 16], grain = [0, 0, 0, 0]>, mpq.work_items = 1 : i64} {
  %r = mpq.conv ins(%x, %w : tensor<1x1x8x32xf32>, tensor<2x1x16xf32>) outs(%d : tensor<1x1x8x32xf32>) {depthwise, dilations = array<i64: 1, 1>, strides = array<i64: 1, 1>, window = array<i64: 1, 1>} -> tensor<1x1x8x32xf32>
  return %r : tensor<1x1x8x32xf32>
}

// -----

// An image turned in front of a product and a result turned behind it: each
// work item turns its block of pixels, computes all register tiles of it, and
// turns the result. Only blocks exist of what is between.
// CHECK-LABEL: func.func private @turned(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<8x64xf32>, %[[W:[a-z0-9]+]]: tensor<1x8x16xf32>, %[[D:[a-z0-9]+]]: tensor<16x64xf32>, %[[BEGIN:[a-z0-9]+]]: index, %[[END:[a-z0-9]+]]: index
// CHECK-NOT: tensor<64x
// CHECK: scf.for %[[ITEM:[a-z0-9]+]] = %[[BEGIN]] to %[[END]] {{.*}} iter_args(%[[OUT:.*]] = %[[D]])
// CHECK: %[[AT:.*]] = affine.apply affine_map<()[s0] -> (s0 * 16 - (s0 floordiv 4) * 64)>()[%[[ITEM]]]
// CHECK: %[[PART:.*]] = tensor.extract_slice %[[X]][0, %[[AT]]] [8, 16] [1, 1]
// CHECK: %[[IMAGE:.*]] = linalg.generic {{.*}} ins(%[[PART]] : tensor<8x16xf32>) outs(%{{.*}} : tensor<16x8xf32>)
// CHECK: %[[BLOCK:.*]] = scf.for %[[I:[a-z0-9]+]]
// CHECK: %[[LEFT:.*]] = tensor.extract_slice %[[IMAGE]][%{{.*}}, 0] [4, 8] [1, 1]
// CHECK: mpq.contract ins(%[[LEFT]], %{{.*}} -> tensor<4x16xf32>
// CHECK: arith.maximumf
// CHECK: %[[TO:.*]] = tensor.extract_slice %[[OUT]][0, %[[AT]]] [16, 16] [1, 1]
// CHECK: linalg.generic {{.*}} ins(%[[BLOCK]] : tensor<16x16xf32>) outs(%[[TO]] : tensor<16x16xf32>)
// CHECK-NOT: tensor<64x
// CHECK: return
func.func private @turned(%x: tensor<8x64xf32>, %w: tensor<1x8x16xf32>, %d: tensor<16x64xf32>, %begin: index, %end: index) -> tensor<16x64xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [4, 16], grain = [0, 16]>, mpq.work_items = 4 : i64} {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<64x8xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(p, c) -> (c, p)>, affine_map<(p, c) -> (p, c)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x64xf32>) outs(%e0 : tensor<64x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<64x8xf32>
  %e1 = tensor.empty() : tensor<64x16xf32>
  %p = mpq.contract ins(%t, %w : tensor<64x8xf32>, tensor<1x8x16xf32>) outs(%e1 : tensor<64x16xf32>) -> tensor<64x16xf32>
  %e2 = tensor.empty() : tensor<64x16xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(p, c) -> (p, c)>, affine_map<(p, c) -> (p, c)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<64x16xf32>) outs(%e2 : tensor<64x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %y = arith.maximumf %in, %zero : f32
    linalg.yield %y : f32
  } -> tensor<64x16xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(c, p) -> (p, c)>, affine_map<(c, p) -> (c, p)>], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<64x16xf32>) outs(%d : tensor<16x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<16x64xf32>
  return %r : tensor<16x64xf32>
}

// -----

// A pool and what reads it: a row of the image at a time inside of the work
// item, so that a row is all that is between them.
// CHECK-LABEL: func.func private @pool(
// CHECK: scf.for
// CHECK: scf.for
// CHECK: %[[ROW:.*]] = tensor.empty() : tensor<1x1x20x64xf32>
// CHECK: linalg.fill {{.*}} outs(%[[ROW]]
// CHECK: arith.maximumf
// CHECK: } -> tensor<1x1x20x64xf32>
// CHECK: arith.negf
// CHECK: } -> tensor<1x1x20x64xf32>
func.func private @pool(%x: tensor<1x20x20x64xf32>, %d: tensor<1x20x20x64xf32>, %begin: index, %end: index) -> tensor<1x20x20x64xf32> attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [0, 0, 0, 0], grain = [0, 5, 0, 0]>} {
  %window = tensor.empty() : tensor<1x1xf32>
  %least = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x20x20x64xf32>
  %f = linalg.fill ins(%least : f32) outs(%e : tensor<1x20x20x64xf32>) -> tensor<1x20x20x64xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1 + d4, d2 + d5, d3)>, affine_map<(d0, d1, d2, d3, d4, d5) -> (d4, d5)>, affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %window : tensor<1x20x20x64xf32>, tensor<1x1xf32>) outs(%f : tensor<1x20x20x64xf32>) {
  ^bb0(%in: f32, %w: f32, %out: f32):
    %m = arith.maximumf %out, %in : f32
    linalg.yield %m : f32
  } -> tensor<1x20x20x64xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%p : tensor<1x20x20x64xf32>) outs(%d : tensor<1x20x20x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %n = arith.negf %in : f32
    linalg.yield %n : f32
  } -> tensor<1x20x20x64xf32>
  return %r : tensor<1x20x20x64xf32>
}

// -----

// A group that ends with a reduction: an item fills its own row, nothing all.
// CHECK-LABEL: func.func private @group_of_sums(
// CHECK-SAME: %[[D:[a-z0-9]+]]: tensor<6x8xf32>
// CHECK-NOT: linalg.fill
// CHECK: scf.for {{.*}} iter_args(%[[OUT:[a-z0-9]+]] = %[[D]])
// CHECK: %[[ROW:.*]] = tensor.extract_slice %[[OUT]]
// CHECK: %[[FILL:.*]] = linalg.fill {{.*}} outs(%[[ROW]] : tensor<1x8xf32>)
// CHECK: linalg.generic {{.*}} outs(%[[FILL]] : tensor<1x8xf32>)
#pixels = affine_map<(n, p, c) -> (n, p, c)>
#sums = affine_map<(n, p, c) -> (n, c)>
func.func private @group_of_sums(%x: tensor<6x4x8xf32>, %d: tensor<6x8xf32>, %begin: index, %end: index) -> tensor<6x8xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1], grain = [1]>, mpq.work_items = 6 : i64} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x4x8xf32>
  %exp = linalg.generic {indexing_maps = [#pixels, #pixels], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<6x4x8xf32>) outs(%e : tensor<6x4x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %y = math.exp %in : f32
    linalg.yield %y : f32
  } -> tensor<6x4x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%d : tensor<6x8xf32>) -> tensor<6x8xf32>
  %r = linalg.generic {indexing_maps = [#pixels, #sums], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%exp : tensor<6x4x8xf32>) outs(%f : tensor<6x8xf32>) {
  ^bb0(%in: f32, %acc: f32):
    %t = arith.addf %acc, %in : f32
    linalg.yield %t : f32
  } -> tensor<6x8xf32>
  return %r : tensor<6x8xf32>
}
