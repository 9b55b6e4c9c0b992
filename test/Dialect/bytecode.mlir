// Files keep the integers of rounded weights, also those that are resources.
// RUN: quant-opt %s --emit-bytecode -o %t.mlirbc
// RUN: quant-compile %t.mlirbc --from quantize --to quantize --emit mlir -o %t.mlir --quiet
// RUN: FileCheck %s < %t.mlir

// CHECK: arith.constant dense_resource<[[NAME:.*]]> : tensor<2x64xi4>
// CHECK: linalg.matmul
// CHECK: [[NAME]]: "0x{{[0-9]+}}01020304
func.func @main(%x: tensor<4x2xf32> {mpq.name = "x", mpq.range = #mpq.range<0.0, 1.0, calibration>}, %i: tensor<4x64xf32> {mpq.name = "i"}) -> (tensor<4x64xf32> {mpq.name = "y"}) {
  %w = arith.constant dense<1.0> : tensor<2x64xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<int4>, mpq.rounded_weights = #mpq.rounded_weights<<gptq, scales = mse>, errors = [0.1, 0.1, 0.01], dense_resource<integers> : tensor<2x64xi4>, dense<0.25> : tensor<64xf32>>} ins(%x, %w : tensor<4x2xf32>, tensor<2x64xf32>) outs(%i : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}
{-#
  dialect_resources: {
    builtin: {
      integers: "0x010000000102030405060701020304050607010203040506070102030405060701020304050607010203040506070102030405060701020304050607010203040506070102030405060701020304050607010203040506070102030405060701020304050607010203040506070102030405060701020304050607010203040506070102"
    }
  }
#-}
