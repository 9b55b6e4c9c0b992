// N-C1, N-S1, N-S2 of docs/Numerics.md against the same orders in NumPy.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python %S/Inputs/reductions.py save .
// RUN: quant-run --reference %s --input x=x.npy --input a=a.npy --input b=b.npy --output-dir out
// RUN: %python %S/Inputs/reductions.py check . | FileCheck %s
// CHECK: matmul equal
// CHECK: dot equal
// CHECK: sum equal
// CHECK: max equal
// CHECK: squares equal
// CHECK: columns equal
// CHECK: pool equal

#xyz = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @model(%x: tensor<3x5x37xf32> {mpq.name = "x"}, %a: tensor<5x67xf32> {mpq.name = "a"}, %b: tensor<67x19xf32> {mpq.name = "b"})
    -> (tensor<5x19xf32> {mpq.name = "matmul"}, tensor<5xf32> {mpq.name = "dot"}, tensor<3xf32> {mpq.name = "sum"}, tensor<3xf32> {mpq.name = "max"},
        tensor<3x5xf32> {mpq.name = "squares"}, tensor<3x37xf32> {mpq.name = "columns"}, tensor<1x2x4x37xf32> {mpq.name = "pool"}) {
  %tenth = arith.constant dense<0.1> : tensor<5x19xf32>
  %matmul = linalg.matmul ins(%a, %b : tensor<5x67xf32>, tensor<67x19xf32>) outs(%tenth : tensor<5x19xf32>) -> tensor<5x19xf32>

  // A contraction that is no named operation, with a reduction innermost and the factors exchanged: fma still.
  %column = tensor.extract_slice %b[0, 0] [67, 1] [1, 1] : tensor<67x19xf32> to tensor<67xf32>
  %tenth1 = arith.constant dense<0.1> : tensor<5xf32>
  %dot = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0)>],
                         iterator_types = ["parallel", "reduction"]}
      ins(%a, %column : tensor<5x67xf32>, tensor<67xf32>) outs(%tenth1 : tensor<5xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %m = arith.mulf %r, %l : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<5xf32>

  // Rows along d2 with d1 outside; two results with their own combiners.
  %tenth3 = arith.constant dense<0.1> : tensor<3xf32>
  %least = arith.constant dense<-1.0> : tensor<3xf32>
  %rows:2 = linalg.generic {indexing_maps = [#xyz, affine_map<(d0, d1, d2) -> (d0)>, affine_map<(d0, d1, d2) -> (d0)>],
                            iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%x : tensor<3x5x37xf32>) outs(%tenth3, %least : tensor<3xf32>, tensor<3xf32>) {
  ^bb0(%in: f32, %o: f32, %p: f32):
    %s = arith.addf %in, %o : f32
    %m = arith.maximumf %p, %in : f32
    linalg.yield %s, %m : f32, f32
  } -> (tensor<3xf32>, tensor<3xf32>)

  // Squares round before they are added.
  %zero = arith.constant dense<0.0> : tensor<3x5xf32>
  %squares = linalg.generic {indexing_maps = [#xyz, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<3x5x37xf32>) outs(%zero : tensor<3x5xf32>) {
  ^bb0(%in: f32, %o: f32):
    %m = arith.mulf %in, %in : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  } -> tensor<3x5xf32>

  // The contiguous dimension is parallel: one accumulator.
  %tenths = arith.constant dense<0.1> : tensor<3x37xf32>
  %columns = linalg.generic {indexing_maps = [#xyz, affine_map<(d0, d1, d2) -> (d0, d2)>], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%x : tensor<3x5x37xf32>) outs(%tenths : tensor<3x37xf32>) {
  ^bb0(%in: f32, %o: f32):
    %s = arith.addf %o, %in : f32
    linalg.yield %s : f32
  } -> tensor<3x37xf32>

  %image = tensor.expand_shape %x [[0, 1], [2], [3]] output_shape [1, 3, 5, 37] : tensor<3x5x37xf32> into tensor<1x3x5x37xf32>
  %window = tensor.empty() : tensor<2x2xf32>
  %nothing = arith.constant dense<0.0> : tensor<1x2x4x37xf32>
  %pool = linalg.pooling_nhwc_sum ins(%image, %window : tensor<1x3x5x37xf32>, tensor<2x2xf32>) outs(%nothing : tensor<1x2x4x37xf32>) -> tensor<1x2x4x37xf32>
  return %matmul, %dot, %rows#0, %rows#1, %squares, %columns, %pool
      : tensor<5x19xf32>, tensor<5xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3x5xf32>, tensor<3x37xf32>, tensor<1x2x4x37xf32>
}
