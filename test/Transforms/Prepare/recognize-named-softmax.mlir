// RUN: quant-opt %s --mpq-recognize-units --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

// The named operation is spelled out, so that there is one form of unit.
// CHECK-LABEL: func.func @named
// CHECK: %[[R:.*]] = mpq.unit "softmax" (%{{.*}} = %arg0 : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
// CHECK: math.exp
// CHECK: } loc("soft")
// CHECK-NEXT: return %[[R]]
func.func @named(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %e = tensor.empty() : tensor<2x3x4xf32>
  %r = linalg.softmax dimension(2) ins(%x : tensor<2x3x4xf32>) outs(%e : tensor<2x3x4xf32>) -> tensor<2x3x4xf32> loc("soft")
  return %r : tensor<2x3x4xf32>
}
