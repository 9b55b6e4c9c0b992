// RUN: rm -f %t.json
// RUN: quant-opt %s --mpq-form-kernels-pipeline --mpq-tune-kernels=times=%t.json -o %t.mlir
// RUN: FileCheck %s --check-prefix=TIMES < %t.json
// RUN: FileCheck %s --check-prefix=WORK < %t.mlir

// A product has several strategies, of which the cost model's stands first; the
// elementwise operation has one, which is not measured.
// TIMES: "format": "mpq-strategy-times"
// TIMES: "target": "x86_64-unknown-linux-gnu x86-64-v3 +avx2,+fma"
// TIMES-NEXT: "kernel": "{{[0-9a-f]+}}"
// TIMES-NEXT: "product": "mpq.contract"
// TIMES: "strategy": "#mpq.strategy<tile = [6, 16], grain =
// TIMES-NEXT: "milliseconds": {{[0-9.]+}}
// TIMES: "strategy"
// TIMES: "milliseconds"
// TIMES-NOT: "kernel":

// The measured copies of kernels are not in the result.
// WORK: func.func private @kernel_0({{.*}}mpq.strategy = {{.*}}mpq.work_items
// WORK: func.func private @kernel_1({{.*}}mpq.strategy
// WORK-NOT: func.func private
// WORK: func.func @model

// What is measured is not measured again, and decides: were the second one the
// fastest, the kernel would have it.
// RUN: %python %S/Inputs/hurry.py %t.json 1 %t-hurried.json > %t.strategy
// RUN: quant-opt %s --mpq-form-kernels-pipeline --mpq-tune-kernels=times=%t-hurried.json -o %t-hurried.mlir
// RUN: grep -F -f %t.strategy %t-hurried.mlir

// A gain below the noise of measurements is none.
// RUN: %python %S/Inputs/hurry.py %t.json 0 %t-first.json > %t.strategy
// RUN: quant-opt %s --mpq-form-kernels-pipeline --mpq-tune-kernels=times=%t-first.json -o %t-first.mlir
// RUN: grep -F -f %t.strategy %t-first.mlir

// Without a file everything is measured, and nothing kept.
// RUN: quant-opt %s --mpq-form-kernels-pipeline --mpq-tune-kernels | FileCheck %s --check-prefix=WORK

module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "+avx2,+fma">} {
  func.func @model(%a: tensor<64x96xf32> {mpq.name = "a"}) -> (tensor<64x64xf32> {mpq.name = "y"}, tensor<64x96xf32> {mpq.name = "z"}) {
    %w = arith.constant dense<0.5> : tensor<96x64xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<64x64xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
    %p = linalg.matmul ins(%a, %w : tensor<64x96xf32>, tensor<96x64xf32>) outs(%f : tensor<64x64xf32>) -> tensor<64x64xf32>
    %d = tensor.empty() : tensor<64x96xf32>
    %n = linalg.negf ins(%a : tensor<64x96xf32>) outs(%d : tensor<64x96xf32>) -> tensor<64x96xf32>
    return %p, %n : tensor<64x64xf32>, tensor<64x96xf32>
  }
}
