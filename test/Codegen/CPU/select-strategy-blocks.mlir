// RUN: quant-opt %s --mpq-select-strategy | FileCheck %s

// Weights in blocks are cut along the columns only, whatever the rows.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+avx512f,+avx512bw,+avx512vl,+avx512vnni">} {
  // One row: eight vectors of columns, eight work items.
  // CHECK-LABEL: func.func private @row(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [1, 128], grain = [0, 512]>, mpq.work_items = 8 : i64
  func.func private @row(%a: tensor<1x4096xi8>, %w: tensor<256x512x64xi8>, %s: tensor<256x128x16xf32>, %t: tensor<1x128xf32>, %c: tensor<1x128xi32>, %d: tensor<1x4096xf32>, %begin: index, %end: index) -> tensor<1x4096xf32> attributes {mpq.kernel} {
    %r = mpq.block_contract ins(%a, %w : tensor<1x4096xi8>, tensor<256x512x64xi8>) scales(%s : tensor<256x128x16xf32>) lhs_scales(%t : tensor<1x128xf32>) lhs_sums(%c : tensor<1x128xi32>) outs(%d : tensor<1x4096xf32>) {bits = 4, block = 32, zero_point = 8} -> tensor<1x4096xf32>
    return %r : tensor<1x4096xf32>
  }

  // Eight rows are as many as a tile has; of more than 256, items take some.
  // CHECK-LABEL: func.func private @rows(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [8, 32], grain = [256, 512]>, mpq.work_items = 16 : i64
  func.func private @rows(%a: tensor<512x4096xi8>, %w: tensor<256x512x64xi8>, %s: tensor<256x128x16xf32>, %t: tensor<512x128xf32>, %c: tensor<512x128xi32>, %d: tensor<512x4096xf32>, %begin: index, %end: index) -> tensor<512x4096xf32> attributes {mpq.kernel} {
    %r = mpq.block_contract ins(%a, %w : tensor<512x4096xi8>, tensor<256x512x64xi8>) scales(%s : tensor<256x128x16xf32>) lhs_scales(%t : tensor<512x128xf32>) lhs_sums(%c : tensor<512x128xi32>) outs(%d : tensor<512x4096xf32>) {bits = 4, block = 32, zero_point = 8} -> tensor<512x4096xf32>
    return %r : tensor<512x4096xf32>
  }

  // Float rows have one sum each; 4112 columns are no multiple of a tile, so that
  // the last block overlaps the one before.
  // CHECK-LABEL: func.func private @floats(
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [8, 48], grain = [0, 528]>, mpq.work_items = 8 : i64
  func.func private @floats(%a: tensor<8x4096xf32>, %w: tensor<257x512x64xi8>, %s: tensor<257x128x16xf32>, %d: tensor<8x4112xf32>, %begin: index, %end: index) -> tensor<8x4112xf32> attributes {mpq.kernel} {
    %r = mpq.block_contract ins(%a, %w : tensor<8x4096xf32>, tensor<257x512x64xi8>) scales(%s : tensor<257x128x16xf32>) outs(%d : tensor<8x4112xf32>) {bits = 4, block = 32, zero_point = 8} -> tensor<8x4112xf32>
    return %r : tensor<8x4112xf32>
  }
}
