// RUN: quant-opt %s --split-input-file --mpq-normalize-for-kernels --canonicalize --mlir-print-local-scope | FileCheck %s

// Named operations become generics and a chain of elementwise ones one generic.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x8xf32>, %[[Y:[a-z0-9]+]]: tensor<4x8xf32>
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[Y]] :
// CHECK-NEXT: ^bb0(%[[A:[a-z0-9_]+]]: f32, %[[B:[a-z0-9_]+]]: f32,
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[A]], %[[B]]
// CHECK-NEXT: %[[E:.*]] = math.exp %[[S]]
// CHECK-NEXT: %[[M:.*]] = arith.mulf %[[E]], %[[A]]
// CHECK-NEXT: linalg.yield %[[M]]
// CHECK-NOT: linalg.
// CHECK: return %[[R]]
func.func @chain(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %a = linalg.add ins(%x, %y : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %b = linalg.exp ins(%a : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %c = linalg.mul ins(%b, %x : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %c : tensor<4x8xf32>
}

// -----

// What is expensive is computed once, for both of its users ...
// CHECK-LABEL: func.func @two_users
// CHECK: %[[E:.*]] = linalg.generic
// CHECK: math.exp
// CHECK: linalg.generic {{.*}} ins(%[[E]] :
// CHECK: linalg.generic {{.*}} ins(%[[E]] :
// CHECK-NOT: math.exp
// CHECK: return
func.func @two_users(%x: tensor<64xf32>) -> (tensor<64xf32>, tensor<64xf32>) {
  %e = tensor.empty() : tensor<64xf32>
  %a = linalg.exp ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %b = linalg.negf ins(%a : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %c = linalg.abs ins(%a : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  return %b, %c : tensor<64xf32>, tensor<64xf32>
}

// -----

// ... but bytes are widened in each user, which then reads bytes.
// CHECK-LABEL: func.func @widened
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<64xi8>
// CHECK: linalg.generic {{.*}} ins(%[[X]] :
// CHECK: %[[A:.*]] = mpq.dequantize
// CHECK: arith.negf %[[A]]
// CHECK: linalg.generic {{.*}} ins(%[[X]] :
// CHECK: %[[B:.*]] = mpq.dequantize
// CHECK: math.absf %[[B]]
// CHECK-NOT: linalg.generic
// CHECK: return
#id = affine_map<(d0) -> (d0)>
func.func @widened(%x: tensor<64xi8>) -> (tensor<64xf32>, tensor<64xf32>) {
  %s = arith.constant 0.5 : f32
  %z = arith.constant 3 : i8
  %e = tensor.empty() : tensor<64xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<64xi8>) outs(%e : tensor<64xf32>) {
  ^bb0(%in: i8, %out: f32):
    %d = mpq.dequantize %in, %s, %z unsigned : i8, f32, i8 -> f32
    linalg.yield %d : f32
  } -> tensor<64xf32>
  %b = linalg.negf ins(%a : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %c = linalg.abs ins(%a : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  return %b, %c : tensor<64xf32>, tensor<64xf32>
}

// -----

// A reshape between a product and its elementwise consumer moves behind it.
// CHECK-LABEL: func.func @reshape
// CHECK: %[[P:.*]] = mpq.contract
// CHECK-NOT: tensor.expand_shape
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[P]] : tensor<6x16xf32>)
// CHECK: %[[V:.*]] = tensor.expand_shape %[[R]] {{.*}} into tensor<1x2x3x16xf32>
// CHECK: return %[[V]]
#id4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @reshape(%x: tensor<6x8xf32>, %w: tensor<1x8x16xf32>) -> tensor<1x2x3x16xf32> {
  %e = tensor.empty() : tensor<6x16xf32>
  %p = mpq.contract ins(%x, %w : tensor<6x8xf32>, tensor<1x8x16xf32>) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
  %v = tensor.expand_shape %p [[0, 1, 2], [3]] output_shape [1, 2, 3, 16] : tensor<6x16xf32> into tensor<1x2x3x16xf32>
  %d = tensor.empty() : tensor<1x2x3x16xf32>
  %r = linalg.generic {indexing_maps = [#id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%v : tensor<1x2x3x16xf32>) outs(%d : tensor<1x2x3x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %n = arith.negf %in : f32
    linalg.yield %n : f32
  } -> tensor<1x2x3x16xf32>
  return %r : tensor<1x2x3x16xf32>
}

// -----

// A chain that starts at a product does not join the reduction that reads it:
// one kernel computes one product. The fill is no generic.
// CHECK-LABEL: func.func @two_roots
// CHECK: %[[P:.*]] = mpq.contract
// CHECK: %[[N:.*]] = linalg.generic {{.*}} ins(%[[P]]
// CHECK: arith.negf
// CHECK: %[[F:.*]] = linalg.fill
// CHECK: linalg.generic {{.*}} ins(%[[N]] : {{.*}} outs(%[[F]]
// CHECK-NOT: arith.negf
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @two_roots(%x: tensor<6x8xf32>, %w: tensor<1x8x16xf32>) -> tensor<6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x16xf32>
  %p = mpq.contract ins(%x, %w : tensor<6x8xf32>, tensor<1x8x16xf32>) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
  %n = linalg.negf ins(%p : tensor<6x16xf32>) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
  %e1 = tensor.empty() : tensor<6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<6xf32>) -> tensor<6xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%n : tensor<6x16xf32>) outs(%f : tensor<6xf32>) {
  ^bb0(%in: f32, %acc: f32):
    %a = arith.addf %acc, %in : f32
    linalg.yield %a : f32
  } -> tensor<6xf32>
  return %s : tensor<6xf32>
}

// -----

// A square that feeds a plain sum joins it, a product of two inputs does not:
// the sum would become a contraction, which rounds otherwise (N-C1).
// CHECK-LABEL: func.func @sums
// CHECK: linalg.generic
// CHECK-NEXT: ^bb0
// CHECK-NEXT: %[[SQUARE:.*]] = arith.mulf
// CHECK-NEXT: arith.addf %{{.*}}, %[[SQUARE]]
// CHECK: linalg.generic
// CHECK-NEXT: ^bb0
// CHECK-NEXT: %[[PRODUCT:.*]] = arith.mulf
// CHECK-NEXT: linalg.yield %[[PRODUCT]]
// CHECK: linalg.generic
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.addf
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @sums(%x: tensor<6x16xf32>, %y: tensor<6x16xf32>) -> (tensor<6xf32>, tensor<6xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x16xf32>
  %e1 = tensor.empty() : tensor<6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<6xf32>) -> tensor<6xf32>
  %q = linalg.square ins(%x : tensor<6x16xf32>) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%q : tensor<6x16xf32>) outs(%f : tensor<6xf32>) {
  ^bb0(%in: f32, %acc: f32):
    %a = arith.addf %acc, %in : f32
    linalg.yield %a : f32
  } -> tensor<6xf32>
  %p = linalg.mul ins(%x, %y : tensor<6x16xf32>, tensor<6x16xf32>) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
  %t = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%p : tensor<6x16xf32>) outs(%f : tensor<6xf32>) {
  ^bb0(%in: f32, %acc: f32):
    %a = arith.addf %acc, %in : f32
    linalg.yield %a : f32
  } -> tensor<6xf32>
  return %s, %t : tensor<6xf32>, tensor<6xf32>
}

// -----

// The channels of a grouped convolution are split behind what scales them for
// each group and filter: the two are one kernel.
// CHECK-LABEL: func.func @grouped(
// CHECK-SAME: %{{.*}}, %{{.*}}, %[[S:[a-z0-9]+]]: tensor<3x20xf32>)
// CHECK-DAG: %[[SCALES:.*]] = tensor.collapse_shape %[[S]] {{.*}} into tensor<60xf32>
// CHECK-DAG: %[[C:.*]] = mpq.conv {{.*}} -> tensor<1x7x7x60xf32>
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[C]], %[[SCALES]] : tensor<1x7x7x60xf32>, tensor<60xf32>)
// CHECK: return %[[R]] : tensor<1x7x7x60xf32>
func.func @grouped(%x: tensor<1x9x9x24xf32>, %w: tensor<6x72x16xf32>, %s: tensor<3x20xf32>) -> tensor<1x7x7x60xf32> {
  %e = tensor.empty() : tensor<1x7x7x60xf32>
  %c = mpq.conv ins(%x, %w : tensor<1x9x9x24xf32>, tensor<6x72x16xf32>) outs(%e : tensor<1x7x7x60xf32>)
      {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 3 : i64} -> tensor<1x7x7x60xf32>
  %split = tensor.expand_shape %c [[0], [1], [2], [3, 4]] output_shape [1, 7, 7, 3, 20] : tensor<1x7x7x60xf32> into tensor<1x7x7x3x20xf32>
  %e5 = tensor.empty() : tensor<1x7x7x3x20xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(a, b, c, g, f) -> (a, b, c, g, f)>, affine_map<(a, b, c, g, f) -> (g, f)>, affine_map<(a, b, c, g, f) -> (a, b, c, g, f)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%split, %s : tensor<1x7x7x3x20xf32>, tensor<3x20xf32>) outs(%e5 : tensor<1x7x7x3x20xf32>) {
  ^bb0(%p: f32, %q: f32, %out: f32):
    %m = arith.mulf %p, %q : f32
    linalg.yield %m : f32
  } -> tensor<1x7x7x3x20xf32>
  %joined = tensor.collapse_shape %r [[0], [1], [2], [3, 4]] : tensor<1x7x7x3x20xf32> into tensor<1x7x7x60xf32>
  return %joined : tensor<1x7x7x60xf32>
}

// -----

// A transposed convolution: product, then pixels. The quantization of its result
// joins the product, and bytes move.
// CHECK-LABEL: func.func @pixels
// CHECK: %[[P:.*]] = mpq.contract
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[P]] : tensor<6x16xf32>) outs(%{{.*}} : tensor<6x16xi8>)
// CHECK: mpq.quantize
// CHECK: %[[E:.*]] = tensor.expand_shape %[[Q]] {{.*}} : tensor<6x16xi8> into tensor<2x3x4x2x2xi8>
// CHECK: %[[T:.*]] = linalg.generic {{.*}} ins(%[[E]] : tensor<2x3x4x2x2xi8>) outs(%{{.*}} : tensor<2x2x3x2x4xi8>)
// CHECK: tensor.collapse_shape %[[T]]
// CHECK-NOT: linalg.
func.func @pixels(%x: tensor<6x8xf32>, %w: tensor<1x8x16xf32>) -> tensor<4x6x4xi8> {
  %scale = arith.constant 0.5 : f32
  %zero = arith.constant 3 : i8
  %e = tensor.empty() : tensor<6x16xf32>
  %p = mpq.contract ins(%x, %w : tensor<6x8xf32>, tensor<1x8x16xf32>) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
  %v = tensor.expand_shape %p [[0, 1], [2, 3, 4]] output_shape [2, 3, 4, 2, 2] : tensor<6x16xf32> into tensor<2x3x4x2x2xf32>
  %f = tensor.empty() : tensor<2x2x3x2x4xf32>
  %t = linalg.transpose ins(%v : tensor<2x3x4x2x2xf32>) outs(%f : tensor<2x2x3x2x4xf32>) permutation = [0, 3, 1, 4, 2]
  %c = tensor.collapse_shape %t [[0, 1], [2, 3], [4]] : tensor<2x2x3x2x4xf32> into tensor<4x6x4xf32>
  %g = tensor.empty() : tensor<4x6x4xi8>
  %q = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%c : tensor<4x6x4xf32>) outs(%g : tensor<4x6x4xi8>) {
  ^bb0(%a: f32, %b: i8):
    %0 = mpq.quantize %a, %scale, %zero unsigned {scaling = #mpq.scaling<multiply>} : f32, f32, i8 -> i8
    linalg.yield %0 : i8
  } -> tensor<4x6x4xi8>
  return %q : tensor<4x6x4xi8>
}

// -----

// A mask that is one for the whole batch does not keep its addition out of the
// product's kernel.
// CHECK-LABEL: func.func @mask
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<1x16xf32>
// CHECK: %[[P:.*]] = mpq.contract
// CHECK: %[[V:.*]] = tensor.collapse_shape %[[M]] {{\[\[}}0, 1]]
// CHECK: %[[R:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d2)>, {{.*}} ins(%[[P]], %[[V]] : tensor<3x4x16xf32>, tensor<16xf32>)
// CHECK: tensor.expand_shape %[[R]]
#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#mask = affine_map<(d0, d1, d2, d3) -> (d0, d3)>
func.func @mask(%mask: tensor<1x16xf32>, %a: tensor<3x4x8xf32>, %b: tensor<3x1x8x16xf32>) -> tensor<1x3x4x16xf32> {
  %e = tensor.empty() : tensor<3x4x16xf32>
  %p = mpq.contract ins(%a, %b : tensor<3x4x8xf32>, tensor<3x1x8x16xf32>) outs(%e : tensor<3x4x16xf32>) -> tensor<3x4x16xf32>
  %x = tensor.expand_shape %p [[0, 1], [2], [3]] output_shape [1, 3, 4, 16] : tensor<3x4x16xf32> into tensor<1x3x4x16xf32>
  %o = tensor.empty() : tensor<1x3x4x16xf32>
  %r = linalg.generic {indexing_maps = [#id, #mask, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %mask : tensor<1x3x4x16xf32>, tensor<1x16xf32>) outs(%o : tensor<1x3x4x16xf32>) {
  ^bb0(%in: f32, %m: f32, %out: f32):
    %s = arith.addf %in, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x3x4x16xf32>
  return %r : tensor<1x3x4x16xf32>
}

// -----

// Packing takes over the transpose in front of it, bytes only: what is computed
// in float comes before.
// CHECK-LABEL: func.func @packing
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<16x3x8xi8>, %[[F:[a-z0-9]+]]: tensor<3x16x8xf32>
// CHECK: %[[A:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d1 * 8 + d3 floordiv 4, d0, d2 * 4 + d3 mod 4)>, {{.*}} ins(%[[X]] : tensor<16x3x8xi8>)
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[F]] : tensor<3x16x8xf32>)
// CHECK: arith.fptosi
// CHECK: linalg.generic {{.*}} ins(%[[Q]] : tensor<3x16x8xi8>)
#pack = affine_map<(d0, d1, d2, d3) -> (d0, d1 * 8 + d3 floordiv 4, d2 * 4 + d3 mod 4)>
#all = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#same = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @packing(%x: tensor<16x3x8xi8>, %f: tensor<3x16x8xf32>) -> (tensor<3x2x2x32xi8>, tensor<3x2x2x32xi8>) {
  %e = tensor.empty() : tensor<3x16x8xi8>
  %o = tensor.empty() : tensor<3x2x2x32xi8>
  %t = linalg.transpose ins(%x : tensor<16x3x8xi8>) outs(%e : tensor<3x16x8xi8>) permutation = [1, 0, 2]
  %a = linalg.generic {indexing_maps = [#pack, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%t : tensor<3x16x8xi8>) outs(%o : tensor<3x2x2x32xi8>) {
  ^bb0(%in: i8, %out: i8):
    linalg.yield %in : i8
  } -> tensor<3x2x2x32xi8>
  %q = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel", "parallel"]} ins(%f : tensor<3x16x8xf32>) outs(%e : tensor<3x16x8xi8>) {
  ^bb0(%in: f32, %out: i8):
    %i = arith.fptosi %in : f32 to i8
    linalg.yield %i : i8
  } -> tensor<3x16x8xi8>
  %b = linalg.generic {indexing_maps = [#pack, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%q : tensor<3x16x8xi8>) outs(%o : tensor<3x2x2x32xi8>) {
  ^bb0(%in: i8, %out: i8):
    linalg.yield %in : i8
  } -> tensor<3x2x2x32xi8>
  return %a, %b : tensor<3x2x2x32xi8>, tensor<3x2x2x32xi8>
}

// -----

// What narrows a product behind a reshape joins the product and not the
// transpose, which then moves bytes.
// CHECK-LABEL: func.func @narrow_before_transpose(
// CHECK: %[[P:.*]] = mpq.contract
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[P]] : tensor<6x16xi32>)
// CHECK: arith.trunci
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-NEXT: ^bb0(%[[IN:[a-z0-9_]+]]: i8
// CHECK-NEXT: linalg.yield %[[IN]]
func.func @narrow_before_transpose(%a: tensor<6x8xi8>, %w: tensor<1x2x64xi8>) -> tensor<1x16x2x3xi8> {
  %e = tensor.empty() : tensor<6x16xi32>
  %p = mpq.contract ins(%a, %w : tensor<6x8xi8>, tensor<1x2x64xi8>) outs(%e : tensor<6x16xi32>) -> tensor<6x16xi32>
  %x = tensor.expand_shape %p [[0, 1, 2], [3]] output_shape [1, 2, 3, 16] : tensor<6x16xi32> into tensor<1x2x3x16xi32>
  %f = tensor.empty() : tensor<1x2x3x16xi8>
  %q = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x2x3x16xi32>) outs(%f : tensor<1x2x3x16xi8>) {
  ^bb0(%in: i32, %out: i8):
    %t = arith.trunci %in : i32 to i8
    linalg.yield %t : i8
  } -> tensor<1x2x3x16xi8>
  %g = tensor.empty() : tensor<1x16x2x3xi8>
  %t = linalg.transpose ins(%q : tensor<1x2x3x16xi8>) outs(%g : tensor<1x16x2x3xi8>) permutation = [0, 3, 1, 2]
  return %t : tensor<1x16x2x3xi8>
}
