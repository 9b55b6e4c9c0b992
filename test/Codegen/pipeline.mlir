// RUN: quant-opt %s --mpq-codegen-pipeline | FileCheck %s

// A product of bytes and its requantization become one kernel, which keeps the
// accumulators in registers and takes all memory from its caller.
// CHECK: module attributes {{.*}}mpq.model = "model"
// CHECK-NOT: {{malloc|memcpy|memrefCopy|aligned_alloc|unrealized_conversion_cast}}
// CHECK: llvm.func internal @kernel_0(
// CHECK-NOT: llvm.alloca
// CHECK-COUNT-26: "llvm.x86.avx512.vpdpbusd.512"
// CHECK-NOT: vpdpbusd
// CHECK-NOT: {{malloc|memcpy|memrefCopy|aligned_alloc|unrealized_conversion_cast}}
// CHECK: llvm.func @model_main(
// CHECK: llvm.call @mpq_dispatch(
// CHECK-NOT: {{malloc|memcpy|memrefCopy|aligned_alloc|unrealized_conversion_cast}}

#id = affine_map<(m, n) -> (m, n)>
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+avx512f,+avx512bw,+avx512vl,+avx512dq,+avx512vnni">} {
  func.func @model(%a: tensor<64x256xi8> {mpq.name = "a", mpq.unsigned}) -> (tensor<64x64xi8> {mpq.name = "y", mpq.unsigned}) {
    %w = arith.constant dense<100> : tensor<256x64xi8>
    %zero = arith.constant 0 : i32
    %m = arith.constant 0.002 : f32
    %z = arith.constant 7 : i8
    %e = tensor.empty() : tensor<64x64xi32>
    %f = linalg.fill ins(%zero : i32) outs(%e : tensor<64x64xi32>) -> tensor<64x64xi32>
    %p = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                         iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %w : tensor<64x256xi8>, tensor<256x64xi8>) outs(%f : tensor<64x64xi32>) {
    ^bb0(%x: i8, %y: i8, %acc: i32):
      %u = arith.extui %x : i8 to i32
      %s = arith.extsi %y : i8 to i32
      %q = arith.muli %u, %s : i32
      %t = arith.addi %acc, %q : i32
      linalg.yield %t : i32
    } -> tensor<64x64xi32>
    %d = tensor.empty() : tensor<64x64xi8>
    %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%p : tensor<64x64xi32>) outs(%d : tensor<64x64xi8>) {
    ^bb0(%x: i32, %out: i8):
      %y = mpq.requantize %x, %m, %z unsigned : i32, f32, i8 -> i8
      linalg.yield %y : i8
    } -> tensor<64x64xi8>
    return %r : tensor<64x64xi8>
  }
}
