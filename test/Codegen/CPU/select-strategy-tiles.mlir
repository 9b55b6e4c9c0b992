// RUN: quant-opt %s --split-input-file --mpq-select-strategy --mlir-print-local-scope | FileCheck %s

// Products of bytes on a machine with AMX.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+amx-int8,+amx-tile,+avx512f,+avx512bw,+avx512vl,+avx512vnni">} {
  // A block of 16 rows by four vectors: whole lines of the result.
  // CHECK-LABEL: func.func private @matmul(
  // CHECK-SAME: tile = [16, 64], {{.*}}matrix_rows = 16>
  func.func private @matmul(%a: tensor<512x256xi8>, %w: tensor<4x64x64xi8>, %d: tensor<512x64xi32>, %begin: index, %end: index) -> tensor<512x64xi32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<512x256xi8>, tensor<4x64x64xi8>) outs(%d : tensor<512x64xi32>) -> tensor<512x64xi32>
    return %r : tensor<512x64xi32>
  }

  // Two blocks of 16 rows by two vectors, of which the weights stay in the first-level cache.
  // CHECK-LABEL: func.func private @deep(
  // CHECK-SAME: tile = [32, 32], {{.*}}matrix_rows = 16>
  func.func private @deep(%a: tensor<512x1024xi8>, %w: tensor<4x256x64xi8>, %d: tensor<512x64xi32>, %begin: index, %end: index) -> tensor<512x64xi32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<512x1024xi8>, tensor<4x256x64xi8>) outs(%d : tensor<512x64xi32>) -> tensor<512x64xi32>
    return %r : tensor<512x64xi32>
  }

  // Image rows of 28 pixels are two blocks of 14.
  // CHECK-LABEL: func.func private @conv(
  // CHECK-SAME: tile = [1, 1, 28, 32], {{.*}}matrix_rows = 14>
  func.func private @conv(%x: tensor<1x30x30x64xi8>, %w: tensor<4x144x64xi8>, %d: tensor<1x28x28x64xi32>, %begin: index, %end: index) -> tensor<1x28x28x64xi32> attributes {mpq.kernel} {
    %r = mpq.conv ins(%x, %w : tensor<1x30x30x64xi8>, tensor<4x144x64xi8>) outs(%d : tensor<1x28x28x64xi32>) {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x28x28x64xi32>
    return %r : tensor<1x28x28x64xi32>
  }

  // 96 bytes are two steps of 48, and the last panel is not whole.
  // CHECK-LABEL: func.func private @parts(
  // CHECK-SAME: matrix_rows = 16>
  func.func private @parts(%a: tensor<512x96xi8>, %w: tensor<4x24x64xi8>, %d: tensor<512x56xi32>, %begin: index, %end: index) -> tensor<512x56xi32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<512x96xi8>, tensor<4x24x64xi8>) outs(%d : tensor<512x56xi32>) -> tensor<512x56xi32>
    return %r : tensor<512x56xi32>
  }

  // Rows of 27 pixels: 14 and, overlapping by one, 14, of two rows at once.
  // CHECK-LABEL: func.func private @overlap(
  // CHECK-SAME: tile = [1, 2, 14, 32], {{.*}}matrix_rows = 14>
  func.func private @overlap(%x: tensor<1x29x29x64xi8>, %w: tensor<4x144x64xi8>, %d: tensor<1x27x27x64xi32>, %begin: index, %end: index) -> tensor<1x27x27x64xi32> attributes {mpq.kernel} {
    %r = mpq.conv ins(%x, %w : tensor<1x29x29x64xi8>, tensor<4x144x64xi8>) outs(%d : tensor<1x27x27x64xi32>) {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x27x27x64xi32>
    return %r : tensor<1x27x27x64xi32>
  }

  // A short reduction, one without equal parts, and a single row keep to vectors.
  // CHECK-LABEL: func.func private @short(
  // CHECK-NOT: matrix_rows
  // CHECK: mpq.contract
  func.func private @short(%a: tensor<512x16xi8>, %w: tensor<4x4x64xi8>, %d: tensor<512x64xi32>, %begin: index, %end: index) -> tensor<512x64xi32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<512x16xi8>, tensor<4x4x64xi8>) outs(%d : tensor<512x64xi32>) -> tensor<512x64xi32>
    return %r : tensor<512x64xi32>
  }
  // CHECK-LABEL: func.func private @odd(
  // CHECK-NOT: matrix_rows
  // CHECK: mpq.contract
  func.func private @odd(%a: tensor<512x97xi8>, %w: tensor<4x25x64xi8>, %d: tensor<512x64xi32>, %begin: index, %end: index) -> tensor<512x64xi32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<512x97xi8>, tensor<4x25x64xi8>) outs(%d : tensor<512x64xi32>) -> tensor<512x64xi32>
    return %r : tensor<512x64xi32>
  }
  // CHECK-LABEL: func.func private @row(
  // CHECK-NOT: matrix_rows
  // CHECK: mpq.contract
  func.func private @row(%a: tensor<1x256xi8>, %w: tensor<4x64x64xi8>, %d: tensor<1x64xi32>, %begin: index, %end: index) -> tensor<1x64xi32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<1x256xi8>, tensor<4x64x64xi8>) outs(%d : tensor<1x64xi32>) -> tensor<1x64xi32>
    return %r : tensor<1x64xi32>
  }
}

// -----

// Steps of bf16 are for the matrix unit however few rows there are; weights of
// 16 bits beside f32 are not.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+amx-bf16,+amx-tile,+avx512f,+avx512bw,+avx512vl">} {
  // CHECK-LABEL: func.func private @one_row(
  // CHECK-SAME: tile = [1, 64], {{.*}}matrix_rows = 1>
  func.func private @one_row(%a: tensor<1x256xbf16>, %w: tensor<4x128x32xbf16>, %d: tensor<1x64xf32>, %begin: index, %end: index) -> tensor<1x64xf32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<1x256xbf16>, tensor<4x128x32xbf16>) outs(%d : tensor<1x64xf32>) {step = 32 : i64} -> tensor<1x64xf32>
    return %r : tensor<1x64xf32>
  }

  // CHECK-LABEL: func.func private @ascending(
  // CHECK-NOT: matrix_rows
  // CHECK: return
  func.func private @ascending(%a: tensor<64x256xf32>, %w: tensor<4x256x16xbf16>, %d: tensor<64x64xf32>, %begin: index, %end: index) -> tensor<64x64xf32> attributes {mpq.kernel} {
    %r = mpq.contract ins(%a, %w : tensor<64x256xf32>, tensor<4x256x16xbf16>) outs(%d : tensor<64x64xf32>) -> tensor<64x64xf32>
    return %r : tensor<64x64xf32>
  }
}
