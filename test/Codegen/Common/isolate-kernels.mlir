// RUN: quant-opt %s --mpq-form-kernels --canonicalize --mpq-isolate-kernels | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// Each kernel gets arguments for what another kernel or the caller computes,
// also for the values it accumulates into; weights stay constants.
// CHECK-NOT: func.func private
// CHECK: func.func @main(%[[X:.*]]: tensor<8x64xf32> {mpq.name = "kernel.0.0"},
// CHECK-SAME: %[[FROM:.*]]: tensor<8xf32> {mpq.name = "kernel.1.0"},
// CHECK-SAME: %[[Y:.*]]: tensor<8x16xf32> {mpq.name = "kernel.2.0"},
// CHECK-SAME: %[[START:.*]]: tensor<8xf32> {mpq.name = "kernel.2.1"})
// CHECK-SAME: {mpq.name = "kernel.0"}, tensor<8xf32> {mpq.name = "kernel.1"}, tensor<8xf32> {mpq.name = "kernel.2"})
// CHECK: %[[W:.*]] = arith.constant dense<3.0{{.*}}> : tensor<1x64x16xf32>
// CHECK: %[[A:.*]] = mpq.contract ins(%[[X]], %[[W]] :
// CHECK: %[[B:.*]] = linalg.copy ins(%[[FROM]] :
// CHECK: %[[C:.*]] = linalg.generic {{.*}} ins(%[[Y]] : tensor<8x16xf32>) outs(%[[START]] :
// CHECK: return %[[A]], %[[B]], %[[C]]
// CHECK-NOT: func.func
func.func @main(%x: tensor<8x64xf32>, %start: tensor<8xf32>) -> tensor<8xf32> {
  %w = arith.constant dense<3.0> : tensor<1x64x16xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %p = mpq.contract ins(%x, %w : tensor<8x64xf32>, tensor<1x64x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %m = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%p : tensor<8x16xf32>) outs(%start : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.maximumf %a, %b : f32
    linalg.yield %c : f32
  } -> tensor<8xf32>
  return %m : tensor<8xf32>
}
