// RUN: quant-opt %s --mpq-tile-kernels -verify-diagnostics

// expected-error @below {{expected an 'mpq.strategy' attribute: run mpq-select-strategy first}}
func.func private @no_strategy(%a: tensor<4x8xf32>, %w: tensor<1x8x16xf32>, %d: tensor<4x16xf32>, %begin: index, %end: index) -> tensor<4x16xf32> attributes {mpq.kernel} {
  %r = mpq.contract ins(%a, %w : tensor<4x8xf32>, tensor<1x8x16xf32>) outs(%d : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

// Columns come in packed vectors.
// expected-error @below {{expected columns in multiples of 16 lanes but the strategy has 24}}
func.func private @columns(%x: tensor<8x4xf32>, %w: tensor<2x4x16xf32>, %d: tensor<8x32xf32>, %begin: index, %end: index) -> tensor<8x32xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [8, 24], grain = [0, 0]>, mpq.work_items = 1 : i64} {
  %r = mpq.contract ins(%x, %w : tensor<8x4xf32>, tensor<2x4x16xf32>) outs(%d : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %r : tensor<8x32xf32>
}

// -----

// expected-error @below {{expected a strategy of 2 entries but got 3}}
func.func private @entries(%x: tensor<8x4xf32>, %w: tensor<2x4x16xf32>, %d: tensor<8x32xf32>, %begin: index, %end: index) -> tensor<8x32xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [2, 2, 16], grain = [0, 0, 0]>, mpq.work_items = 1 : i64} {
  %r = mpq.contract ins(%x, %w : tensor<8x4xf32>, tensor<2x4x16xf32>) outs(%d : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %r : tensor<8x32xf32>
}

// -----

#image = affine_map<(y, x, k) -> (y, x, k)>
#pixel = affine_map<(y, x, k) -> (y, x)>

// The last of five rows would be in two blocks.
// expected-error @below {{expected blocks that divide 5, because the kernel accumulates in place, but the strategy has 2}}
func.func private @in_place(%x: tensor<5x8x3xf32>, %d: tensor<5x8xf32>, %begin: index, %end: index) -> tensor<5x8xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [0, 0], grain = [2, 0]>, mpq.work_items = 3 : i64} {
  %r = linalg.generic {indexing_maps = [#image, #pixel], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<5x8x3xf32>) outs(%d : tensor<5x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %b : f32
    linalg.yield %c : f32
  } -> tensor<5x8xf32>
  return %r : tensor<5x8xf32>
}

// -----

// expected-error @below {{expected tiles inside of a group of 20 columns but the strategy has 32}}
func.func private @wide_group_tile(%x: tensor<1x9x9x24xf32>, %w: tensor<6x72x16xf32>, %d: tensor<1x7x7x60xf32>, %begin: index, %end: index) -> tensor<1x7x7x60xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1, 1, 4, 32], grain = [0, 0, 0, 0]>, mpq.work_items = 1 : i64} {
  %r = mpq.conv ins(%x, %w : tensor<1x9x9x24xf32>, tensor<6x72x16xf32>) outs(%d : tensor<1x7x7x60xf32>)
      {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 3 : i64} -> tensor<1x7x7x60xf32>
  return %r : tensor<1x7x7x60xf32>
}

// -----

// expected-error @below {{expected columns in multiples of 20 filters of a group but the strategy has 16}}
func.func private @part_of_group(%x: tensor<1x9x9x24xf32>, %w: tensor<6x72x16xf32>, %d: tensor<1x7x7x60xf32>, %begin: index, %end: index) -> tensor<1x7x7x60xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1, 1, 4, 16], grain = [0, 0, 0, 16]>, mpq.work_items = 1 : i64} {
  %r = mpq.conv ins(%x, %w : tensor<1x9x9x24xf32>, tensor<6x72x16xf32>) outs(%d : tensor<1x7x7x60xf32>)
      {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 3 : i64} -> tensor<1x7x7x60xf32>
  return %r : tensor<1x7x7x60xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// expected-error @below {{expected blocks of one row, or of rows that divide the last of the extents 6, but the strategy has 4}}
func.func private @rows(%x: tensor<6x40xf32>, %d: tensor<6x40xf32>, %begin: index, %end: index) -> tensor<6x40xf32>
    attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [1], grain = [4]>, mpq.work_items = 2 : i64} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<6xf32>) -> tensor<6xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<6x40xf32>) outs(%f : tensor<6xf32>) {
  ^bb0(%in: f32, %acc: f32):
    %t = arith.addf %acc, %in : f32
    linalg.yield %t : f32
  } -> tensor<6xf32>
  %r = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<6x40xf32>, tensor<6xf32>) outs(%d : tensor<6x40xf32>) {
  ^bb0(%in: f32, %sum: f32, %out: f32):
    %q = arith.divf %in, %sum : f32
    linalg.yield %q : f32
  } -> tensor<6x40xf32>
  return %r : tensor<6x40xf32>
}
