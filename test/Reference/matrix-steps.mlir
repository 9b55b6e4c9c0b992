// N-H3 of docs/Numerics.md: sums in the steps of a matrix unit, computed whole
// and at single points.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python %S/Inputs/matrix-steps.py save .
// RUN: quant-run --reference %s --input a=a.npy --input b=b.npy --input c=c.npy --input d=d.npy --output-dir out
// RUN: %python %S/Inputs/matrix-steps.py check . out | FileCheck %s
// RUN: quant-run --reference %s --input a=a.npy --input b=b.npy --input c=c.npy --input d=d.npy --sample 40 --output-dir points
// RUN: %python %S/Inputs/matrix-steps.py check . points sampled | FileCheck %s
// CHECK: ordinary equal
// CHECK: tiny equal, {{[1-9]}}

func.func @model(%a: tensor<6x48xf32> {mpq.name = "a"}, %b: tensor<48x21xf32> {mpq.name = "b"}, %c: tensor<6x48xf32> {mpq.name = "c"}, %d: tensor<48x21xf32> {mpq.name = "d"})
    -> (tensor<6x21xf32> {mpq.name = "ordinary"}, tensor<6x21xf32> {mpq.name = "tiny"}) {
  %tenth = arith.constant dense<0.1> : tensor<6x21xf32>
  %zero = arith.constant dense<0.0> : tensor<6x21xf32>
  %r = linalg.matmul {mpq.matrix_step = 16 : i64} ins(%a, %b : tensor<6x48xf32>, tensor<48x21xf32>) outs(%tenth : tensor<6x21xf32>) -> tensor<6x21xf32>
  %s = linalg.matmul {mpq.matrix_step = 16 : i64} ins(%c, %d : tensor<6x48xf32>, tensor<48x21xf32>) outs(%zero : tensor<6x21xf32>) -> tensor<6x21xf32>
  return %r, %s : tensor<6x21xf32>, tensor<6x21xf32>
}
