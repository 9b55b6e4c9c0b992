// Scalar operations, types, index maps, tables and positions.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python %S/Inputs/npy.py save x.npy float32 6 -1.5 -0.0 0.5 2.5 nan inf
// RUN: %python %S/Inputs/npy.py save n.npy int64 4 3 -7 2147483648 -1
// RUN: %python %S/Inputs/npy.py save b.npy bool 4 1 0 0 1
// RUN: %python %S/Inputs/npy.py save h.npy float16 2 1.0 0.0004883
// RUN: quant-run --reference %s --input x=x.npy --input n=n.npy --input b=b.npy --input h=h.npy --output-dir out
// RUN: cd out && %python %S/Inputs/npy.py show relu.npy maxnum.npy round.npy resize.npy divide.npy select.npy table.npy half.npy generated.npy index.npy \
// RUN:   | FileCheck %s

// CHECK: float32 (6,) 0 0 0.5 2.5 nan inf
// CHECK-NEXT: float32 (6,) 0 0 0.5 2.5 0 inf
// CHECK-NEXT: float32 (6,) -2 -0 0 2 nan inf
// CHECK-NEXT: float32 (12,) -1.5 -1.5 -0 -0 0.5 0.5 2.5 2.5 nan nan inf inf
// CHECK-NEXT: int64 (4,) 1 -4 1073741824 -1
// CHECK-NEXT: int32 (4,) 3 0 0 -1
// CHECK-NEXT: float32 (3,) inf -1.5 0.5
// CHECK-NEXT: float16 (2,) 1 0.00048828125
// CHECK-NEXT: int64 (2, 3) 0 1 2 10 11 12
// CHECK-NEXT: uint8 (2,) 255 127
#id = affine_map<(d0) -> (d0)>
func.func @model(%x: tensor<6xf32> {mpq.name = "x"}, %n: tensor<4xi64> {mpq.name = "n"}, %b: tensor<4xi1> {mpq.name = "b"}, %h: tensor<2xf16> {mpq.name = "h"})
    -> (tensor<6xf32> {mpq.name = "relu"}, tensor<6xf32> {mpq.name = "maxnum"}, tensor<6xf32> {mpq.name = "round"}, tensor<12xf32> {mpq.name = "resize"},
        tensor<4xi64> {mpq.name = "divide"}, tensor<4xi32> {mpq.name = "select"}, tensor<3xf32> {mpq.name = "table"}, tensor<2xf16> {mpq.name = "half"},
        tensor<2x3xindex> {mpq.name = "generated"}, tensor<2xi8> {mpq.name = "index", mpq.unsigned}) {
  %zero = arith.constant dense<0.0> : tensor<6xf32>
  %relu = arith.maximumf %x, %zero : tensor<6xf32>
  %maxnum = arith.maxnumf %x, %zero : tensor<6xf32>
  %round = math.roundeven %x : tensor<6xf32>

  %e = tensor.empty() : tensor<12xf32>
  %resize = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0 floordiv 2)>, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<6xf32>) outs(%e : tensor<12xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<12xf32>

  %two = arith.constant dense<2> : tensor<4xi64>
  %divide = arith.floordivsi %n, %two : tensor<4xi64>

  %narrow = arith.trunci %n : tensor<4xi64> to tensor<4xi32>
  %nothing = arith.constant dense<0> : tensor<4xi32>
  %select = arith.select %b, %narrow, %nothing : tensor<4xi1>, tensor<4xi32>

  %places = arith.constant dense<[5, 0, 2]> : tensor<3xi64>
  %et = tensor.empty() : tensor<3xf32>
  %table = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%places : tensor<3xi64>) outs(%et : tensor<3xf32>) {
  ^bb0(%p: i64, %out: f32):
    %i = arith.index_cast %p : i64 to index
    %v = tensor.extract %x[%i] : tensor<6xf32>
    linalg.yield %v : f32
  } -> tensor<3xf32>

  // 1 + 2^-11 is a tie in f16.
  %one = arith.constant dense<1.0> : tensor<2xf16>
  %sum = arith.addf %h, %one : tensor<2xf16>
  %half = arith.subf %sum, %one : tensor<2xf16>
  %tiny = arith.addf %half, %h : tensor<2xf16>
  %halves = arith.minimumf %tiny, %one : tensor<2xf16>

  %ten = arith.constant 10 : index
  %generated = tensor.generate {
  ^bb0(%i: index, %j: index):
    %t = arith.muli %i, %ten : index
    %s = arith.addi %t, %j : index
    tensor.yield %s : index
  } : tensor<2x3xindex>

  // Bytes wrap and mean what the signature says.
  %bytes = arith.constant dense<[-1, 127]> : tensor<2xi8>
  return %relu, %maxnum, %round, %resize, %divide, %select, %table, %halves, %generated, %bytes
      : tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<12xf32>, tensor<4xi64>, tensor<4xi32>, tensor<3xf32>, tensor<2xf16>, tensor<2x3xindex>, tensor<2xi8>
}
