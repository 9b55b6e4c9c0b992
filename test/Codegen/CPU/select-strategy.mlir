// RUN: quant-opt %s --split-input-file --mpq-select-strategy | FileCheck %s

// 32 registers: 4 vectors of columns times the rows that fit beside them; the
// rows are cut into work items of whole tiles.
#avx512 = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+avx512f,+avx512bw,+avx512vl,+avx512vnni">
module attributes {mpq.target = #avx512} {
  // CHECK-LABEL: func.func private @matmul
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [
  func.func private @matmul(%a: tensor<512x256xi8>, %w: tensor<4x64x64xi8>, %d: tensor<512x64xi32>, %begin: index, %end: index) -> tensor<512x64xi32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<512x256xi8>, tensor<4x64x64xi8>) outs(%d : tensor<512x64xi32>) -> tensor<512x64xi32>
    return %r : tensor<512x64xi32>
  }
}
