// RUN: quant-opt %s --split-input-file --mpq-select-strategy --mlir-print-local-scope | FileCheck %s

#avx512 = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+avx512f,+avx512bw,+avx512vl,+avx512vnni">
module attributes {mpq.target = #avx512} {
  // 32 registers hold 14 x 2 accumulators, two vectors of weights and a broadcast; the rows are cut into 8 work items.
  // CHECK-LABEL: func.func private @matmul(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [14, 32], grain = [70, 0]>, mpq.work_items = 8 : i64}
  func.func private @matmul(%a: tensor<512x256xi8>, %w: tensor<4x64x64xi8>, %d: tensor<512x64xi32>, %begin: index, %end: index) -> tensor<512x64xi32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<512x256xi8>, tensor<4x64x64xi8>) outs(%d : tensor<512x64xi32>) -> tensor<512x64xi32>
    return %r : tensor<512x64xi32>
  }

  // Little work: one item.
  // CHECK-LABEL: func.func private @small(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [4, 16], grain = [0, 0]>, mpq.work_items = 1 : i64}
  func.func private @small(%a: tensor<4x8xf32>, %w: tensor<1x8x16xf32>, %d: tensor<4x16xf32>, %begin: index, %end: index) -> tensor<4x16xf32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<4x8xf32>, tensor<1x8x16xf32>) outs(%d : tensor<4x16xf32>) -> tensor<4x16xf32>
    return %r : tensor<4x16xf32>
  }

  // Weights of 512 KiB, an image of 49 KiB: every item reads all of the image and
  // an eighth of the weights. Five tiles of ten rows
  // compute one row twice.
  // CHECK-LABEL: func.func private @large_weights(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [10, 32], grain = [0, 64]>, mpq.work_items = 8 : i64}
  func.func private @large_weights(%a: tensor<49x1024xi8>, %w: tensor<32x256x64xi8>, %d: tensor<49x512xi32>, %begin: index, %end: index) -> tensor<49x512xi32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<49x1024xi8>, tensor<32x256x64xi8>) outs(%d : tensor<49x512xi32>) -> tensor<49x512xi32>
    return %r : tensor<49x512xi32>
  }

  // One row: the columns are split, in whole panels.
  // CHECK-LABEL: func.func private @one_row(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [1, 64], grain = [0, 256]>, mpq.work_items = 4 : i64}
  func.func private @one_row(%a: tensor<1x2048xf32>, %w: tensor<64x2048x16xf32>, %d: tensor<1x1024xf32>, %begin: index, %end: index) -> tensor<1x1024xf32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<1x2048xf32>, tensor<64x2048x16xf32>) outs(%d : tensor<1x1024xf32>) -> tensor<1x1024xf32>
    return %r : tensor<1x1024xf32>
  }

  // Rows narrower than the register file: the tile takes several of the image.
  // CHECK-LABEL: func.func private @conv(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [1, 9, 3, 16], grain = [0, 0, 0, 0]>, mpq.work_items = 1 : i64}
  func.func private @conv(%x: tensor<1x11x5x64xf32>, %w: tensor<1x576x16xf32>, %d: tensor<1x9x3x16xf32>, %begin: index, %end: index) -> tensor<1x9x3x16xf32> attributes {mpq.kernel} {
    %r = mpq.conv ins(%x, %w : tensor<1x11x5x64xf32>, tensor<1x576x16xf32>) outs(%d : tensor<1x9x3x16xf32>)
        {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x9x3x16xf32>
    return %r : tensor<1x9x3x16xf32>
  }

  // Grouped: tiles of one group's 20 columns, work items of all groups' rows.
  // Seven blocks of four rows would be shared by two threads as four and three.
  // CHECK-LABEL: func.func private @grouped(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [1, 1, 14, 20], grain = [0, 2, 0, 0]>, mpq.work_items = 14 : i64}
  func.func private @grouped(%x: tensor<1x30x30x60xf32>, %w: tensor<6x180x16xf32>, %d: tensor<1x28x28x60xf32>, %begin: index, %end: index) -> tensor<1x28x28x60xf32> attributes {mpq.kernel} {
    %r = mpq.conv ins(%x, %w : tensor<1x30x30x60xf32>, tensor<6x180x16xf32>) outs(%d : tensor<1x28x28x60xf32>)
        {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 3 : i64} -> tensor<1x28x28x60xf32>
    return %r : tensor<1x28x28x60xf32>
  }

  // One pixel: the columns are split between groups only.
  // CHECK-LABEL: func.func private @grouped_pixel(
  // CHECK-SAME: grain = [0, 0, 0, 640]>, mpq.work_items = 4 : i64}
  func.func private @grouped_pixel(%x: tensor<1x3x3x640xf32>, %w: tensor<160x1440x16xf32>, %d: tensor<1x1x1x2560xf32>, %begin: index, %end: index) -> tensor<1x1x1x2560xf32> attributes {mpq.kernel} {
    %r = mpq.conv ins(%x, %w : tensor<1x3x3x640xf32>, tensor<160x1440x16xf32>) outs(%d : tensor<1x1x1x2560xf32>)
        {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 4 : i64} -> tensor<1x1x1x2560xf32>
    return %r : tensor<1x1x1x2560xf32>
  }

  // Depthwise bytes: pixels put side by side serve several rows of outputs.
  // CHECK-LABEL: func.func private @depthwise_bytes(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [1, 5, 2, 16], grain = [0, 0, 0, 0]>, mpq.work_items = 1 : i64}
  func.func private @depthwise_bytes(%x: tensor<1x12x12x32xi8>, %w: tensor<2x24x64xi8>, %d: tensor<1x10x10x32xi32>, %begin: index, %end: index) -> tensor<1x10x10x32xi32> attributes {mpq.kernel} {
    %r = mpq.conv ins(%x, %w : tensor<1x12x12x32xi8>, tensor<2x24x64xi8>) outs(%d : tensor<1x10x10x32xi32>)
        {depthwise, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x10x10x32xi32>
    return %r : tensor<1x10x10x32xi32>
  }

  // As many multiply-adds of other products would be one work item.
  // CHECK-LABEL: func.func private @depthwise_items(
  // CHECK-SAME: grain = [0, 6, 0, 0]>, mpq.work_items = 2 : i64}
  func.func private @depthwise_items(%x: tensor<1x14x162x64xi8>, %w: tensor<4x24x64xi8>, %d: tensor<1x12x160x64xi32>, %begin: index, %end: index) -> tensor<1x12x160x64xi32> attributes {mpq.kernel} {
    %r = mpq.conv ins(%x, %w : tensor<1x14x162x64xi8>, tensor<4x24x64xi8>) outs(%d : tensor<1x12x160x64xi32>)
        {depthwise, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x12x160x64xi32>
    return %r : tensor<1x12x160x64xi32>
  }

  // Rows whose pixels are reduced are shared: the lanes are channels.
  // CHECK-LABEL: func.func private @image_rows(
  // CHECK-SAME: grain = [0, 8]>, mpq.work_items = 8 : i64}
  func.func private @image_rows(%x: tensor<1x64x64x96xf32>, %d: tensor<1x64x96xf32>, %begin: index, %end: index) -> tensor<1x64x96xf32> attributes {mpq.kernel} {
    %zero = arith.constant 0.0 : f32
    %f = linalg.fill ins(%zero : f32) outs(%d : tensor<1x64x96xf32>) -> tensor<1x64x96xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, c)>], iterator_types = ["parallel", "parallel", "reduction", "parallel"]}
        ins(%x : tensor<1x64x64x96xf32>) outs(%f : tensor<1x64x96xf32>) {
    ^bb0(%in: f32, %out: f32):
      %s = arith.addf %out, %in : f32
      linalg.yield %s : f32
    } -> tensor<1x64x96xf32>
    return %r : tensor<1x64x96xf32>
  }

  // A depthwise image that no cache holds: blocks of 3 rows.
  // CHECK-LABEL: func.func private @depthwise_blocks(
  // CHECK-SAME: grain = [0, 3, 0, 0]>, mpq.work_items = 40 : i64}
  func.func private @depthwise_blocks(%x: tensor<1x122x402x96xf32>, %w: tensor<6x9x16xf32>, %d: tensor<1x120x400x96xf32>, %begin: index, %end: index) -> tensor<1x120x400x96xf32> attributes {mpq.kernel} {
    %r = mpq.conv ins(%x, %w : tensor<1x122x402x96xf32>, tensor<6x9x16xf32>) outs(%d : tensor<1x120x400x96xf32>)
        {depthwise, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x120x400x96xf32>
    return %r : tensor<1x120x400x96xf32>
  }

  // Channels are innermost in the operand, so its rows are split instead.
  // CHECK-LABEL: func.func private @transposed(
  // CHECK-SAME: grain = [0, 32, 0]>, mpq.work_items = 8 : i64}
  func.func private @transposed(%x: tensor<256x64x16xf32>, %d: tensor<16x256x64xf32>, %begin: index, %end: index) -> tensor<16x256x64xf32> attributes {mpq.kernel} {
    %r = linalg.generic {indexing_maps = [affine_map<(c, h, w) -> (h, w, c)>, affine_map<(c, h, w) -> (c, h, w)>], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x : tensor<256x64x16xf32>) outs(%d : tensor<16x256x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %n = arith.negf %in : f32
      linalg.yield %n : f32
    } -> tensor<16x256x64xf32>
    return %r : tensor<16x256x64xf32>
  }

  // With one row only, blocks of 16 channels.
  // CHECK-LABEL: func.func private @transposed_row(
  // CHECK-SAME: grain = [16, 0]>, mpq.work_items = 13 : i64}
  func.func private @transposed_row(%x: tensor<4096x200xf32>, %d: tensor<200x4096xf32>, %begin: index, %end: index) -> tensor<200x4096xf32> attributes {mpq.kernel} {
    %r = linalg.generic {indexing_maps = [affine_map<(c, w) -> (w, c)>, affine_map<(c, w) -> (c, w)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<4096x200xf32>) outs(%d : tensor<200x4096xf32>) {
    ^bb0(%in: f32, %out: f32):
      %n = arith.negf %in : f32
      linalg.yield %n : f32
    } -> tensor<200x4096xf32>
    return %r : tensor<200x4096xf32>
  }

  // Elementwise: the first dimension that is not 1, 96 KiB an item or more.
  // CHECK-LABEL: func.func private @elementwise(
  // CHECK-SAME: grain = [0, 8, 0]>, mpq.work_items = 8 : i64}
  func.func private @elementwise(%x: tensor<1x64x4096xf32>, %d: tensor<1x64x4096xf32>, %begin: index, %end: index) -> tensor<1x64x4096xf32> attributes {mpq.kernel} {
    %r = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x : tensor<1x64x4096xf32>) outs(%d : tensor<1x64x4096xf32>) {
    ^bb0(%in: f32, %out: f32):
      %n = arith.negf %in : f32
      linalg.yield %n : f32
    } -> tensor<1x64x4096xf32>
    return %r : tensor<1x64x4096xf32>
  }

  // A nearest resize by 3: blocks of rows start at multiples of 3.
  // CHECK-LABEL: func.func private @resize(
  // CHECK-SAME: grain = [3, 0]>, mpq.work_items = 10 : i64}
  func.func private @resize(%x: tensor<10x16384xf32>, %d: tensor<30x16384xf32>, %begin: index, %end: index) -> tensor<30x16384xf32> attributes {mpq.kernel} {
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a floordiv 3, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<10x16384xf32>) outs(%d : tensor<30x16384xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<30x16384xf32>
    return %r : tensor<30x16384xf32>
  }

  // A row-wise group: an item is as many rows as divide them, up to four.
  // CHECK-LABEL: func.func private @rows(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [1], grain = [3]>, mpq.work_items = 2 : i64}
  func.func private @rows(%x: tensor<6x40xf32>, %d: tensor<6x40xf32>, %begin: index, %end: index) -> tensor<6x40xf32> attributes {mpq.kernel} {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<6xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<6x40xf32>) outs(%f : tensor<6xf32>) {
    ^bb0(%in: f32, %acc: f32):
      %t = arith.addf %acc, %in : f32
      linalg.yield %t : f32
    } -> tensor<6xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
        ins(%x, %s : tensor<6x40xf32>, tensor<6xf32>) outs(%d : tensor<6x40xf32>) {
    ^bb0(%in: f32, %sum: f32, %out: f32):
      %q = arith.divf %in, %sum : f32
      linalg.yield %q : f32
    } -> tensor<6x40xf32>
    return %r : tensor<6x40xf32>
  }

  // Both sides exceed the second-level cache: blocks of rows that stay in it, and of columns, so that the weights are read
  // four times and not eight. Rows of a tile are a page apart, in one set of the first-level cache: seven at most.
  // CHECK-LABEL: func.func private @both_large(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [7, 48], grain = [256, 512]>, mpq.work_items = 8 : i64}
  func.func private @both_large(%a: tensor<1024x1024xf32>, %w: tensor<64x1024x16xf32>, %d: tensor<1024x1024xf32>, %begin: index, %end: index) -> tensor<1024x1024xf32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<1024x1024xf32>, tensor<64x1024x16xf32>) outs(%d : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
    return %r : tensor<1024x1024xf32>
  }

  // A strategy of the user's is kept.
  // CHECK-LABEL: func.func private @overridden(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [2, 16], grain = [0, 0]>, mpq.work_items = 1 : i64}
  func.func private @overridden(%a: tensor<4x8xf32>, %w: tensor<1x8x16xf32>, %d: tensor<4x16xf32>, %begin: index, %end: index) -> tensor<4x16xf32>
      attributes {mpq.kernel, mpq.strategy = #mpq.strategy<tile = [2, 16], grain = [0, 0]>} {
    %r = mpq.contract ins(%a, %w : tensor<4x8xf32>, tensor<1x8x16xf32>) outs(%d : tensor<4x16xf32>) -> tensor<4x16xf32>
    return %r : tensor<4x16xf32>
  }

  // No kernel, no strategy.
  // CHECK-LABEL: func.func @model
  // CHECK-NOT: mpq.strategy
  // CHECK: return
  func.func @model(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// -----

// 16 registers of 8 lanes: smaller tiles.
// CHECK-LABEL: func.func private @matmul_avx2(
// CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [6, 16], grain = [66, 0]>, mpq.work_items = 8 : i64}
#avx2 = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">
module attributes {mpq.target = #avx2} {
  func.func private @matmul_avx2(%a: tensor<510x256xf32>, %w: tensor<8x256x8xf32>, %d: tensor<510x64xf32>, %begin: index, %end: index) -> tensor<510x64xf32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<510x256xf32>, tensor<8x256x8xf32>) outs(%d : tensor<510x64xf32>) -> tensor<510x64xf32>
    return %r : tensor<510x64xf32>
  }
}

// -----

// A product whose image is turned in front of it and whose result behind it:
// blocks of whole lines of pixels that stay in the second-level cache, on the
// loops of the last operation.
// CHECK-LABEL: func.func private @turned(
// CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [14, 32], grain = [0, 112]>, mpq.work_items = 28
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "+avx2,+avx512f,+avx512bw,+avx512vl,+fma">} {
  func.func private @turned(%x: tensor<256x3136xf32>, %w: tensor<4x256x16xf32>, %d: tensor<64x3136xf32>, %begin: index, %end: index) -> tensor<64x3136xf32> attributes {mpq.kernel} {
    %e0 = tensor.empty() : tensor<3136x256xf32>
    %t = linalg.generic {indexing_maps = [affine_map<(p, c) -> (c, p)>, affine_map<(p, c) -> (p, c)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<256x3136xf32>) outs(%e0 : tensor<3136x256xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<3136x256xf32>
    %e1 = tensor.empty() : tensor<3136x64xf32>
    %p = mpq.contract ins(%t, %w : tensor<3136x256xf32>, tensor<4x256x16xf32>) outs(%e1 : tensor<3136x64xf32>) -> tensor<3136x64xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(c, p) -> (p, c)>, affine_map<(c, p) -> (c, p)>], iterator_types = ["parallel", "parallel"]}
        ins(%p : tensor<3136x64xf32>) outs(%d : tensor<64x3136xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<64x3136xf32>
    return %r : tensor<64x3136xf32>
  }
}
