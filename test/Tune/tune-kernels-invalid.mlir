// RUN: rm -rf %t && split-file %s %t
// RUN: not quant-opt %t/model.mlir --mpq-tune-kernels=times=%t/none.json 2>&1 | FileCheck %s --check-prefix=UNFORMED
// RUN: not quant-opt %t/model.mlir --mpq-form-kernels-pipeline --mpq-tune-kernels=times=%t/text.json 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not quant-opt %t/model.mlir --mpq-form-kernels-pipeline --mpq-tune-kernels=times=%t/profile.json 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not quant-opt %t/model.mlir --mpq-form-kernels-pipeline --mpq-tune-kernels=times=%t/list.json 2>&1 | FileCheck %s --check-prefix=LIST
// RUN: not quant-opt %t/model.mlir --mpq-form-kernels-pipeline --mpq-tune-kernels=times=%t/entry.json 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not quant-opt %t/model.mlir --mpq-form-kernels-pipeline --mpq-tune-kernels=times=%t/missing/file.json 2>&1 | FileCheck %s --check-prefix=FOLDER
// RUN: not quant-opt %t/other.mlir --mpq-form-kernels-pipeline --mpq-tune-kernels=times=%t/none.json 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not ls %t/none.json

// UNFORMED: error: expected {{.*}}'mpq.model'
// TEXT: error: expected '{{.*}}text.json' to hold times of strategies (mpq-strategy-times): it is no JSON: {{.*}}: name another file or remove it
// FORMAT: error: expected '{{.*}}profile.json' {{.*}}: it has another format or version: name another file
// LIST: error: expected '{{.*}}list.json' {{.*}}: it has no list 'kernels'
// ENTRY: error: expected '{{.*}}entry.json' {{.*}}: entry 0 lacks target, kernel, product or strategies
// FOLDER: error: cannot write '{{.*}}missing/file.json'
// OTHER: error: expected the target to be this machine, on which strategies are measured, but it cannot run code for #mpq.target<{{.*}}+avx10.2{{.*}}: tune on such a machine and use its file of times here (1 kernels are not in '{{.*}}none.json')

//--- text.json
times
//--- profile.json
{"format": "mpq-profile", "version": 1}
//--- list.json
{"format": "mpq-strategy-times", "version": 1}
//--- entry.json
{"format": "mpq-strategy-times", "version": 1, "kernels": [{"target": "t", "kernel": "k", "product": "p", "strategies": [{"strategy": "s"}]}]}
//--- model.mlir
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "+avx2,+fma">} {
  func.func @model(%a: tensor<64x96xf32>) -> tensor<64x64xf32> {
    %w = arith.constant dense<0.5> : tensor<96x64xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<64x64xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
    %p = linalg.matmul ins(%a, %w : tensor<64x96xf32>, tensor<96x64xf32>) outs(%f : tensor<64x64xf32>) -> tensor<64x64xf32>
    return %p : tensor<64x64xf32>
  }
}
//--- other.mlir
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "x86-64-v4", features = "+avx10.2,+fma">} {
  func.func @model(%a: tensor<64x96xf32>) -> tensor<64x64xf32> {
    %w = arith.constant dense<0.5> : tensor<96x64xf32>
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<64x64xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
    %p = linalg.matmul ins(%a, %w : tensor<64x96xf32>, tensor<96x64xf32>) outs(%f : tensor<64x64xf32>) -> tensor<64x64xf32>
    return %p : tensor<64x64xf32>
  }
}
