// Products of precision int8 get QDQ form; nothing is decided here.
// RUN: quant-opt %s --mpq-quantize --split-input-file | FileCheck %s

// The input is quantized once, the weights for each column; the chain between
// the products is quantized at its end only, and what the function returns stays
// float.
// CHECK-LABEL: @chain
// range [-1, 4]: scale 5 / 255, zero point 51
// CHECK-SAME: %[[X:.*]]: tensor<4x3xf32>
// CHECK: %[[SX:.*]] = arith.constant dense<0.0196078438> : tensor<f32>
// CHECK: %[[ZX:.*]] = arith.constant dense<51> : tensor<i8>
// CHECK: %[[Q:.*]] = mpq.quantize %[[X]], %[[SX]], %[[ZX]] by #{{.*}} unsigned {scaling = #mpq.scaling<multiply>}
// CHECK: %[[D:.*]] = mpq.dequantize %[[Q]], %[[SX]], %[[ZX]] by #{{.*}} unsigned
// columns of magnitude 127 and 254: scales 1 and 2
// CHECK: %[[W:.*]] = arith.constant dense<{{\[}}[127, -1], [1, 127], [-2, 0]]> : tensor<3x2xi8>
// CHECK: %[[SW:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK: %[[DW:.*]] = mpq.dequantize %[[W]], %[[SW]], %{{.*}} by #{{.*}} : tensor<3x2xi8>
// CHECK: %[[R:.*]] = linalg.matmul ins(%[[D]], %[[DW]]
// CHECK-NOT: mpq.quantize
// CHECK: %[[RELU:.*]] = linalg.generic {{.*}} ins(%[[R]]
// CHECK: mpq.quantize %[[RELU]]
// CHECK: %[[OUT:.*]] = linalg.matmul
// CHECK-NOT: mpq.quantize
// CHECK: return %[[OUT]]
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @chain(%x: tensor<4x3xf32> {mpq.range = #mpq.range<-1.0, 4.0, calibration>}) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[127.0, -2.0], [1.0, 254.0], [-1.9, 0.0]]> : tensor<3x2xf32>
  %w2 = arith.constant dense<[[127.0, 0.0], [0.0, 127.0]]> : tensor<2x2xf32>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %i = linalg.fill ins(%c0 : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"], mpq.ranges = [#mpq.range<0.0, 51.0, calibration>]}
       ins(%r : tensor<4x2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %c0 : f32
    linalg.yield %m : f32
  } -> tensor<4x2xf32>
  %o = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%a, %w2 : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %o : tensor<4x2xf32>
}

// -----

// What only moves values shares parameters: the quantization stands above
// padding and concatenation, and both inputs get the union of their ranges. A
// residual user reads the dequantized value too.
// CHECK-LABEL: @moves
// CHECK-SAME: %[[A:[^ :]*]]: tensor<1x4x4x1xf32>
// CHECK-SAME: %[[B:[^ :]*]]: tensor<1x4x4x1xf32>
// range [-51, 204]: scale 1, zero point 51
// CHECK-DAG: %[[QB:.*]] = mpq.quantize %[[B]]
// CHECK-DAG: %[[QA:.*]] = mpq.quantize %[[A]]
// CHECK-DAG: %[[DA:.*]] = mpq.dequantize %[[QA]], %[[S:.*]], %{{.*}} by
// CHECK-DAG: %[[DB:.*]] = mpq.dequantize %[[QB]]
// CHECK: %[[C:.*]] = tensor.concat dim(3) %[[DA]], %[[DB]]
// CHECK: tensor.pad %[[C]]
// CHECK: linalg.conv_2d_nhwc_hwcf
// CHECK: arith.negf %[[DA]]
func.func @moves(%a: tensor<1x4x4x1xf32> {mpq.range = #mpq.range<-51.0, 4.0, calibration>},
                 %b: tensor<1x4x4x1xf32> {mpq.range = #mpq.range<0.0, 204.0, calibration>}) -> (tensor<1x4x4x2xf32>, tensor<1x4x4x1xf32>) {
  %w = arith.constant dense<1.0> : tensor<3x3x2x2xf32>
  %c0 = arith.constant 0.0 : f32
  %c = tensor.concat dim(3) %a, %b : (tensor<1x4x4x1xf32>, tensor<1x4x4x1xf32>) -> tensor<1x4x4x2xf32>
  %p = tensor.pad %c low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %c0 : f32
  } : tensor<1x4x4x2xf32> to tensor<1x6x6x2xf32>
  %e = tensor.empty() : tensor<1x4x4x2xf32>
  %init = linalg.fill ins(%c0 : f32) outs(%e : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %r = linalg.conv_2d_nhwc_hwcf {mpq.precision = #mpq.precision<int8>} ins(%p, %w : tensor<1x6x6x2xf32>, tensor<3x3x2x2xf32>)
       outs(%init : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
  %n = arith.negf %a : tensor<1x4x4x1xf32>
  return %r, %n : tensor<1x4x4x2xf32>, tensor<1x4x4x1xf32>
}

// -----

// A product that stays in float is not touched.
// CHECK-LABEL: @float
// CHECK-NOT: mpq.quantize
// CHECK-NOT: mpq.dequantize
func.func @float(%x: tensor<4x2xf32> {mpq.range = #mpq.range<0.0, 1.0, calibration>}, %i: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x2xf32>
  %r = linalg.matmul {mpq.precision = #mpq.precision<f32, "by hand">} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// A result that is to be stored in 8 bits; the mark goes.
// CHECK-LABEL: @stored
// CHECK: %[[D:.*]] = mpq.dequantize %[[Q:[a-z0-9]+]],
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[D]]
// CHECK-NOT: mpq.stored
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @stored(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %e = tensor.empty() : tensor<4x2xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x2xf32>) outs(%e : tensor<4x2xf32>)
      attrs = {mpq.ranges = [#mpq.range<0.0, 2.0, calibration>], mpq.stored = #mpq.precision<int8>} {
  ^bb0(%in: f32, %out: f32):
    %m = arith.mulf %in, %in : f32
    linalg.yield %m : f32
  } -> tensor<4x2xf32>
  %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<4x2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.addf %in, %in : f32
    linalg.yield %m : f32
  } -> tensor<4x2xf32>
  return %s : tensor<4x2xf32>
}

// -----

// Two activations: the right one's zero point is in the middle, so that it is 0
// for signed bytes.
// CHECK-LABEL: @attention
// CHECK-SAME: %[[X:.*]]: tensor<4x3xf32> {{{.*}}}, %[[Y:.*]]: tensor<3x2xf32>
// CHECK-DAG: %[[SY:.*]] = arith.constant dense<2.000000e+00> : tensor<f32>
// CHECK-DAG: %[[ZY:.*]] = arith.constant dense<-128> : tensor<i8>
// CHECK-DAG: %[[QY:.*]] = mpq.quantize %[[Y]], %[[SY]], %[[ZY]] by #{{.*}} unsigned
// CHECK-DAG: %[[DY:.*]] = mpq.dequantize %[[QY]], %[[SY]], %[[ZY]] by #{{.*}} unsigned
// CHECK-DAG: %[[ZX:.*]] = arith.constant dense<0> : tensor<i8>
// CHECK-DAG: %[[DX:.*]] = mpq.dequantize %{{.*}}, %{{.*}}, %[[ZX]] by
// CHECK: linalg.matmul ins(%[[DX]], %[[DY]]
func.func @attention(%x: tensor<4x3xf32> {mpq.range = #mpq.range<0.0, 1.0, calibration>}, %y: tensor<3x2xf32> {mpq.range = #mpq.range<-254.0, 100.0, calibration>}) -> tensor<4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%x, %y : tensor<4x3xf32>, tensor<3x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// Steps of a recurrence: one scale for the states (range [-1, 4]), one constant
// of quantized weights. What a state is made of next is read in float.
// CHECK-LABEL: @steps
// CHECK: %[[H1:.*]] = linalg.generic
// CHECK: %[[S:.*]] = arith.constant dense<0.0196078438> : tensor<f32>
// CHECK: %[[D1:.*]] = mpq.dequantize
// CHECK: %[[W:.*]] = arith.constant dense<127> : tensor<2x2xi8>
// CHECK: %[[DW:.*]] = mpq.dequantize %[[W]]
// CHECK: %[[P1:.*]] = linalg.matmul ins(%[[D1]], %[[DW]]
// CHECK: %[[H2:.*]] = linalg.generic {{.*}} ins(%[[P1]], %[[H1]]
// CHECK: arith.constant dense<0.0196078438> : tensor<f32>
// CHECK: %[[D2:.*]] = mpq.dequantize
// CHECK-NOT: arith.constant {{.*}} : tensor<2x2xi8>
// CHECK: linalg.matmul ins(%[[D2]], %[[DW]]
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @steps(%x: tensor<4x2xf32>, %h: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x2xf32>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %i = linalg.fill ins(%c0 : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %h1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %h : tensor<4x2xf32>, tensor<4x2xf32>) outs(%e : tensor<4x2xf32>)
      attrs = {mpq.ranges = [#mpq.range<-1.0, 1.0, calibration>], mpq.scale_group = "h"} {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<4x2xf32>
  %p1 = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%h1, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  %h2 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p1, %h1 : tensor<4x2xf32>, tensor<4x2xf32>) outs(%e : tensor<4x2xf32>)
      attrs = {mpq.ranges = [#mpq.range<0.5, 4.0, calibration>], mpq.scale_group = "h"} {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<4x2xf32>
  %p2 = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%h2, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %p2 : tensor<4x2xf32>
}

// -----

// Weights of 4 and 2 bits without blocks: one scale for each channel, as with 8
// bits. The largest magnitude is 7 steps, or one.
// CHECK-LABEL: @few_bits
// CHECK: mpq.quantize
// CHECK-DAG: %[[W4:.*]] = arith.constant dense<{{\[\[\[\[}}7, -1], [-4, 7]]]]> : tensor<1x1x2x2xi4>
// CHECK-DAG: %[[S4:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK: %[[D4:.*]] = mpq.dequantize %[[W4]], %[[S4]], %{{.*}} : tensor<1x1x2x2xi4>
// CHECK: linalg.conv_2d_nhwc_hwcf ins(%{{.*}}, %[[D4]]
// CHECK-DAG: %[[W2:.*]] = arith.constant dense<{{\[\[\[\[}}1, 0], [-1, 1]]]]> : tensor<1x1x2x2xi2>
// CHECK-DAG: %[[S2:.*]] = arith.constant dense<[7.000000e+00, 1.400000e+01]> : tensor<2xf32>
// CHECK: %[[D2:.*]] = mpq.dequantize %[[W2]], %[[S2]], %{{.*}} : tensor<1x1x2x2xi2>
// CHECK: linalg.conv_2d_nhwc_hwcf ins(%{{.*}}, %[[D2]]
func.func @few_bits(%x: tensor<1x2x2x2xf32> {mpq.range = #mpq.range<0.0, 1.0, calibration>}, %i: tensor<1x2x2x2xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>) {
  %w = arith.constant dense<[[[[7.0, -2.1], [-4.2, 14.0]]]]> : tensor<1x1x2x2xf32>
  %a = linalg.conv_2d_nhwc_hwcf {mpq.precision = #mpq.precision<int4>} ins(%x, %w : tensor<1x2x2x2xf32>, tensor<1x1x2x2xf32>) outs(%i : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %b = linalg.conv_2d_nhwc_hwcf {mpq.precision = #mpq.precision<int2>} ins(%x, %w : tensor<1x2x2x2xf32>, tensor<1x1x2x2xf32>) outs(%i : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  return %a, %b : tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>
}

// -----

// Integers that samples have decided on.
// CHECK-LABEL: @rounded_few_bits
// CHECK: arith.constant dense<{{\[\[}}1, -8], [5, 7]]> : tensor<2x2xi4>
// CHECK: arith.constant dense<[2.500000e-01, 5.000000e-01]> : tensor<2xf32>
func.func @rounded_few_bits(%x: tensor<3x2xf32> {mpq.range = #mpq.range<0.0, 1.0, calibration>}, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x2xf32>
  %y = linalg.matmul {mpq.precision = #mpq.precision<int4>, mpq.rounded_weights = #mpq.rounded_weights<<gptq, scales = mse>, errors = [0.1, 0.1, 0.01], dense<[[1, -8], [5, 7]]> : tensor<2x2xi4>, dense<[0.25, 0.5]> : tensor<2xf32>>} ins(%x, %w : tensor<3x2xf32>, tensor<2x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
