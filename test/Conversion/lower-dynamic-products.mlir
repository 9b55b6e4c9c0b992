// Scales and zero points that are computed as the model runs, outside of sums.
// RUN: quant-opt %s --mpq-lower-dynamic-products --split-input-file --mlir-print-local-scope | FileCheck %s

#rows = affine_map<(d0, d1) -> (d0)>
#columns = affine_map<(d0, d1) -> (d1)>
// One tensor of parameters; the epilogue corrects for the zero point with the
// sums of the weights' columns (4 and -8), negated, and adds what was there.
// CHECK-LABEL: @rows
// CHECK-SAME: %[[X:.*]]: tensor<3x4xf32>, %[[I:.*]]: tensor<3x2xf32>
// CHECK: %[[LOW:.*]] = linalg.generic {{.*}}["parallel", "reduction"]} ins(%[[X]] : tensor<3x4xf32>)
// CHECK: arith.minimumf
// CHECK: %[[HIGH:.*]] = linalg.generic {{.*}}["parallel", "reduction"]} ins(%[[X]] : tensor<3x4xf32>)
// CHECK: arith.maximumf
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[LOW]], %[[HIGH]], %{{.*}} : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) outs(%{{.*}} : tensor<3x3xf32>)
// CHECK: %[[Q:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, 1)>, affine_map<(d0, d1) -> (d0, 2)>, {{.*}} ins(%[[X]], %[[P]], %[[P]] :
// CHECK: arith.mulf
// CHECK: mpq.quantize %{{.*}} unsigned {{.*}} : f32, f32, i8 -> i8
// CHECK: %[[ACC:.*]] = linalg.generic {{.*}} ins(%[[Q]], %{{.*}} : tensor<3x4xi8>, tensor<4x2xi8>)
// CHECK-DAG: %[[CORRECTION:.*]] = arith.constant dense<[-4, 8]> : tensor<2xi32>
// CHECK-DAG: %[[SCALES:.*]] = arith.constant dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>
// CHECK: %[[R:.*]] = linalg.generic {indexing_maps = [{{.*}}affine_map<(d0, d1) -> (d0, 2)>, {{.*}}affine_map<(d0, d1) -> (d0, 0)>, {{.*}} ins(%[[ACC]], %[[P]], %[[CORRECTION]], %[[SCALES]], %[[P]], %[[I]] :
// CHECK: %[[Z:.*]] = arith.fptosi
// CHECK: %[[TERM:.*]] = arith.muli %[[Z]], %{{.*}}
// CHECK: %[[SUM:.*]] = arith.addi %{{.*}}, %[[TERM]]
// CHECK: %[[F:.*]] = arith.sitofp %[[SUM]]
// CHECK: %[[SCALE:.*]] = arith.mulf
// CHECK: %[[N:.*]] = arith.mulf %[[F]], %[[SCALE]]
// CHECK: arith.addf %[[N]]
// CHECK: return %[[R]]
func.func @rows(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<[[1, -2], [1, -2], [1, -2], [1, -2]]> : tensor<4x2xi8>
  %t = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %none = arith.constant dense<0> : tensor<2xi8>
  %s, %z = mpq.choose_params %x by #rows unsigned : tensor<3x4xf32> -> tensor<3xf32>, tensor<3xi8>
  %q = mpq.quantize %x, %s, %z by #rows unsigned {scaling = #mpq.scaling<multiply>} : tensor<3x4xf32>, tensor<3xf32>, tensor<3xi8> -> tensor<3x4xi8>
  %d = mpq.dequantize %q, %s, %z by #rows unsigned : tensor<3x4xi8>, tensor<3xf32>, tensor<3xi8> -> tensor<3x4xf32>
  %dw = mpq.dequantize %w, %t, %none by #columns : tensor<4x2xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<4x2xf32>
  %r = linalg.matmul ins(%d, %dw : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

#tensor = affine_map<(d0, d1) -> ()>
// One pair for the whole tensor, whose quantization divides by the scale; what
// else reads it gets it from the same parameters.
// CHECK-LABEL: @parameters
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0, 1]] : tensor<3x4xf32> into tensor<12xf32>
// CHECK: tensor.expand_shape {{.*}} : tensor<12xf32> into tensor<1x12xf32>
// CHECK: %[[P:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<1x3xf32>)
// CHECK: %[[SCALE:.*]] = linalg.generic {{.*}}affine_map<(d0) -> (d0, 0)>{{.*}} ins(%[[P]]
// CHECK: %[[S:.*]] = tensor.collapse_shape %[[SCALE]] [] : tensor<1xf32> into tensor<f32>
// CHECK: %[[ZERO:.*]] = linalg.generic {{.*}}affine_map<(d0) -> (d0, 2)>{{.*}} ins(%[[P]]
// CHECK: %[[Z:.*]] = tensor.collapse_shape %[[ZERO]] [] : tensor<1xi8> into tensor<i8>
// CHECK: %[[Q:.*]] = linalg.generic {{.*}}affine_map<(d0, d1) -> (0, 0)>, affine_map<(d0, d1) -> (0, 2)>
// CHECK-NOT: arith.mulf
// CHECK: mpq.quantize %{{.*}} unsigned : f32, f32, i8 -> i8
// CHECK: return %[[Q]], %[[S]], %[[Z]]
func.func @parameters(%x: tensor<3x4xf32>) -> (tensor<3x4xi8>, tensor<f32>, tensor<i8>) {
  %s, %z = mpq.choose_params %x by #tensor unsigned : tensor<3x4xf32> -> tensor<f32>, tensor<i8>
  %q = mpq.quantize %x, %s, %z by #tensor unsigned : tensor<3x4xf32>, tensor<f32>, tensor<i8> -> tensor<3x4xi8>
  return %q, %s, %z : tensor<3x4xi8>, tensor<f32>, tensor<i8>
}

// -----

#rows = affine_map<(d0, d1, d2) -> (d0, d1)>
#matrix = affine_map<(d0, d1, d2) -> (d0)>
// Two activations: sums over the right one, which is signed, are computed too.
// CHECK-LABEL: @attention
// CHECK-DAG: %[[Q:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<2x3x4xi8>)
// CHECK-DAG: %[[T:.*]], %{{.*}} = mpq.choose_params %{{.*}} by affine_map<(d0, d1, d2) -> (d0)> : tensor<2x4x5xf32>
// CHECK: %[[B:.*]] = mpq.quantize
// CHECK: %[[ACC:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[B]] : tensor<2x3x4xi8>, tensor<2x4x5xi8>)
// CHECK: %[[SUMS:.*]] = linalg.generic {{.*}} ins(%[[B]] : tensor<2x4x5xi8>) outs(%{{.*}} : tensor<2x5xi32>)
// CHECK: linalg.generic {{.*}} ins(%[[ACC]], %{{.*}}, %[[SUMS]], %[[T]], %{{.*}} : tensor<2x3x5xi32>, tensor<2x3x3xf32>, tensor<2x5xi32>, tensor<2xf32>, tensor<2x3x3xf32>)
// CHECK: arith.subi
// CHECK-NOT: arith.addf
// CHECK: linalg.yield
func.func @attention(%a: tensor<2x3x4xf32>, %b: tensor<2x4x5xf32>) -> tensor<2x3x5xf32> {
  %s, %z = mpq.choose_params %a by #rows unsigned : tensor<2x3x4xf32> -> tensor<2x3xf32>, tensor<2x3xi8>
  %q = mpq.quantize %a, %s, %z by #rows unsigned {scaling = #mpq.scaling<multiply>} : tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xi8> -> tensor<2x3x4xi8>
  %d = mpq.dequantize %q, %s, %z by #rows unsigned : tensor<2x3x4xi8>, tensor<2x3xf32>, tensor<2x3xi8> -> tensor<2x3x4xf32>
  %t, %y = mpq.choose_params %b by #matrix : tensor<2x4x5xf32> -> tensor<2xf32>, tensor<2xi8>
  %p = mpq.quantize %b, %t, %y by #matrix {scaling = #mpq.scaling<multiply>} : tensor<2x4x5xf32>, tensor<2xf32>, tensor<2xi8> -> tensor<2x4x5xi8>
  %e = mpq.dequantize %p, %t, %y by #matrix : tensor<2x4x5xi8>, tensor<2xf32>, tensor<2xi8> -> tensor<2x4x5xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<2x3x5xf32>
  %i = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %r = linalg.batch_matmul ins(%d, %e : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%i : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  return %r : tensor<2x3x5xf32>
}

// -----

#columns = affine_map<(d0, d1) -> (d0)>
#tensor = affine_map<(d0, d1) -> ()>
// A scale for each row of what is summed along the rows changes inside of the
// sum: the product stays in float.
// CHECK-LABEL: @inside
// CHECK-NOT: arith.extui
// CHECK: linalg.generic {{.*}}ins(%{{.*}}, %{{.*}} : tensor<4x3xf32>, tensor<4x2xf32>)
func.func @inside(%x: tensor<4x3xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<1> : tensor<4x2xi8>
  %t = arith.constant dense<0.5> : tensor<f32>
  %none = arith.constant dense<0> : tensor<i8>
  %s, %z = mpq.choose_params %x by #columns unsigned : tensor<4x3xf32> -> tensor<4xf32>, tensor<4xi8>
  %q = mpq.quantize %x, %s, %z by #columns unsigned : tensor<4x3xf32>, tensor<4xf32>, tensor<4xi8> -> tensor<4x3xi8>
  %d = mpq.dequantize %q, %s, %z by #columns unsigned : tensor<4x3xi8>, tensor<4xf32>, tensor<4xi8> -> tensor<4x3xf32>
  %dw = mpq.dequantize %w, %t, %none by #tensor : tensor<4x2xi8>, tensor<f32>, tensor<i8> -> tensor<4x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%d, %dw : tensor<4x3xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %u = arith.addf %c, %p : f32
    linalg.yield %u : f32
  } -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}
