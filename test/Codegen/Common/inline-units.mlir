// RUN: quant-opt %s --mpq-inline-units --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

// The operation that computes the result takes the unit's value id; a nested
// unit is opened too.
// CHECK-LABEL: func.func @nested
// CHECK-NOT: mpq.unit
// CHECK: linalg.fill {{.*}} loc("helper")
// CHECK: %[[R:.*]] = linalg.exp {{.*}} loc("soft")
// CHECK-NOT: mpq.unit
// CHECK: return %[[R]]
func.func @nested(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = mpq.unit "outer" (%a = %x : tensor<4xf32>) -> tensor<4xf32> {
    %c0 = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4xf32>
    %i = linalg.fill ins(%c0 : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32> loc("helper")
    %s = mpq.unit "inner" (%b = %a : tensor<4xf32>, %j = %i : tensor<4xf32>) -> tensor<4xf32> {
      %0 = linalg.exp ins(%b : tensor<4xf32>) outs(%j : tensor<4xf32>) -> tensor<4xf32>
      mpq.yield %0 : tensor<4xf32>
    } loc("inner")
    mpq.yield %s : tensor<4xf32>
  } loc("soft")
  return %r : tensor<4xf32>
}

// Two results, one of them an operand.
// CHECK-LABEL: func.func @forwarded
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: return %[[X]], %[[X]]
func.func @forwarded(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %r:2 = mpq.unit "copy" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    mpq.yield %a, %a : tensor<4xf32>, tensor<4xf32>
  }
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}
