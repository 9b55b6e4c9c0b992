// Both instantiations of the formulas agree: the interpreter's own functions, and the interpreter on the
// operations that the pass emits.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python %S/Inputs/special-values.py x.npy
// RUN: quant-opt %s --mpq-expand-math -o expanded.mlir
// RUN: FileCheck %s < expanded.mlir
// CHECK-NOT: mpq.{{quantize|dequantize|requantize}}
// CHECK-NOT: math.{{exp|log|tanh|erf|rsqrt|powf}}
// RUN: quant-run --reference %s --input x=x.npy --output-dir direct
// RUN: quant-run --reference expanded.mlir --input x=x.npy --output-dir expanded
// RUN: %python %S/Inputs/special-values.py compare direct/functions.npy expanded/functions.npy
// RUN: %python %S/Inputs/special-values.py compare direct/powers.npy expanded/powers.npy
// RUN: %python %S/Inputs/special-values.py compare direct/integers.npy expanded/integers.npy

#id = affine_map<(d0) -> (d0)>
#row = affine_map<(d0) -> (0, d0)>
func.func @model(%x: tensor<4096xf32> {mpq.name = "x"})
    -> (tensor<5x4096xf32> {mpq.name = "functions"}, tensor<4096xf32> {mpq.name = "powers"}, tensor<4x4096xi8> {mpq.name = "integers"}) {
  %e = tensor.empty() : tensor<4096xf32>
  %f:5 = linalg.generic {indexing_maps = [#id, #id, #id, #id, #id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4096xf32>) outs(%e, %e, %e, %e, %e : tensor<4096xf32>, tensor<4096xf32>, tensor<4096xf32>, tensor<4096xf32>, tensor<4096xf32>) {
  ^bb0(%in: f32, %o0: f32, %o1: f32, %o2: f32, %o3: f32, %o4: f32):
    %r0 = math.exp %in : f32
    %r1 = math.log %in : f32
    %r2 = math.tanh %in : f32
    %r3 = math.erf %in : f32
    %r4 = math.rsqrt %in : f32
    linalg.yield %r0, %r1, %r2, %r3, %r4 : f32, f32, f32, f32, f32
  } -> (tensor<4096xf32>, tensor<4096xf32>, tensor<4096xf32>, tensor<4096xf32>, tensor<4096xf32>)
  %g0 = tensor.expand_shape %f#0 [[0, 1]] output_shape [1, 4096] : tensor<4096xf32> into tensor<1x4096xf32>
  %g1 = tensor.expand_shape %f#1 [[0, 1]] output_shape [1, 4096] : tensor<4096xf32> into tensor<1x4096xf32>
  %g2 = tensor.expand_shape %f#2 [[0, 1]] output_shape [1, 4096] : tensor<4096xf32> into tensor<1x4096xf32>
  %g3 = tensor.expand_shape %f#3 [[0, 1]] output_shape [1, 4096] : tensor<4096xf32> into tensor<1x4096xf32>
  %g4 = tensor.expand_shape %f#4 [[0, 1]] output_shape [1, 4096] : tensor<4096xf32> into tensor<1x4096xf32>
  %functions = tensor.concat dim(0) %g0, %g1, %g2, %g3, %g4
      : (tensor<1x4096xf32>, tensor<1x4096xf32>, tensor<1x4096xf32>, tensor<1x4096xf32>, tensor<1x4096xf32>) -> tensor<5x4096xf32>
  %powers = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4096xf32>) outs(%e : tensor<4096xf32>) {
  ^bb0(%in: f32, %out: f32):
    %c0 = arith.constant 0.3 : f32
    %c1 = arith.constant 2.0 : f32
    %c2 = arith.constant -3.0 : f32
    %p0 = math.powf %in, %c0 : f32
    %p1 = math.powf %in, %c1 : f32
    %p2 = math.powf %in, %c2 : f32
    %p3 = math.powf %c1, %in : f32
    %n0 = arith.maxnumf %p0, %p1 : f32
    %n1 = arith.maxnumf %n0, %p2 : f32
    %n2 = arith.minnumf %n1, %p3 : f32
    linalg.yield %n2 : f32
  } -> tensor<4096xf32>
  %s = arith.constant 0.37 : f32
  %z = arith.constant 5 : i8
  %zu = arith.constant -3 : i8
  %ei = tensor.empty() : tensor<4x4096xi8>
  %integers = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4096xf32>) outs(%ei : tensor<4x4096xi8>) {
  ^bb0(%in: f32, %out: i8):
    %i = linalg.index 0 : index
    %q0 = mpq.quantize %in, %s, %zu unsigned {scaling = #mpq.scaling<multiply>} : f32, f32, i8 -> i8
    %d0 = mpq.dequantize %q0, %s, %zu unsigned : i8, f32, i8 -> f32
    %q1 = mpq.quantize %in, %s, %z {rounding = #mpq.rounding<half_up>, clamp_range = array<i64: -7, 120>} : f32, f32, i8 -> i8
    %q2 = mpq.quantize %d0, %s, %z {rounding = #mpq.rounding<half_away>, zero_point_order = #mpq.zero_point_order<before>} : f32, f32, i8 -> i8
    %bits = arith.bitcast %in : f32 to i32
    %q3 = mpq.requantize %bits, %s, %z : i32, f32, i8 -> i8
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %is1 = arith.cmpi eq, %i, %c1 : index
    %is2 = arith.cmpi eq, %i, %c2 : index
    %is3 = arith.cmpi eq, %i, %c3 : index
    %a = arith.select %is1, %q1, %q0 : i8
    %b = arith.select %is2, %q2, %a : i8
    %c = arith.select %is3, %q3, %b : i8
    linalg.yield %c : i8
  } -> tensor<4x4096xi8>
  return %functions, %powers, %integers : tensor<5x4096xf32>, tensor<4096xf32>, tensor<4x4096xi8>
}
