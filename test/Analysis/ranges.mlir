// Interval analysis: what is known of values without a calibrated range.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(mpq-infer-ranges))' | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// Calibrated ranges are kept; elements that only move keep their range.
// CHECK-LABEL: @movement
func.func @movement(%x: tensor<2x3xf32> {mpq.range = #mpq.range<-1.0, 2.0, calibration>}) -> tensor<6xf32> {
  // CHECK: arith.negf {{.*}}mpq.ranges = [#mpq.range<-5.000000e+00, 5.000000e+00, calibration>]
  %n = arith.negf %x {mpq.ranges = [#mpq.range<-5.0, 5.0, calibration>]} : tensor<2x3xf32>
  // CHECK: linalg.transpose {{.*}}mpq.ranges = [#mpq.range<-1.000000e+00, 2.000000e+00, interval>]
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%x : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  // CHECK: tensor.collapse_shape {{.*}}#mpq.range<-1.000000e+00, 2.000000e+00, interval>
  %c = tensor.collapse_shape %t [[0, 1]] : tensor<3x2xf32> into tensor<6xf32>
  // CHECK: tensor.extract_slice {{.*}}#mpq.range<-1.000000e+00, 2.000000e+00, interval>
  %s = tensor.extract_slice %c[1] [3] [1] : tensor<6xf32> to tensor<3xf32>
  // CHECK: tensor.collapse_shape {{.*}}#mpq.range<-5.000000e+00, 5.000000e+00, interval>
  %cn = tensor.collapse_shape %n [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
  // CHECK: tensor.concat {{.*}}#mpq.range<-5.000000e+00, 5.000000e+00, interval>
  %k = tensor.concat dim(0) %s, %cn : (tensor<3xf32>, tensor<6xf32>) -> tensor<9xf32>
  // CHECK: tensor.pad {{.*}} {
  // CHECK: } {mpq.ranges = [#mpq.range<-1.000000e+00, 7.000000e+00, interval>]}
  %v = arith.constant 7.0 : f32
  %p = tensor.pad %s low[1] high[2] {
  ^bb0(%i: index):
    tensor.yield %v : f32
  } : tensor<3xf32> to tensor<6xf32>
  return %p : tensor<6xf32>
}

// Activations bound their results even when nothing is known of the operand.
// CHECK-LABEL: @activations
func.func @activations(%x: tensor<4xf32>, %y: tensor<4xf32> {mpq.range = #mpq.range<-4.0, 2.0, calibration>})
    -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %six = arith.constant 6.0 : f32
  %tenth = arith.constant 0.125 : f32
  %e = tensor.empty() : tensor<4xf32>
  // Sigmoid: 1 / (1 + exp(-x)).
  // CHECK: linalg.generic
  // CHECK-SAME: mpq.ranges = [#mpq.range<0.000000e+00, 1.000000e+00, interval>]
  %sigmoid = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %n = arith.negf %in : f32
    %p = math.exp %n : f32
    %s = arith.addf %one, %p : f32
    %r = arith.divf %one, %s : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  // Clip to [0, 6].
  // CHECK: linalg.generic
  // CHECK-SAME: mpq.ranges = [#mpq.range<0.000000e+00, 6.000000e+00, interval>]
  %clip = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    %r = arith.minimumf %m, %six : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  // Relu of something unknown has no finite range.
  // CHECK: linalg.generic
  // CHECK-NOT: mpq.ranges
  // CHECK-SAME: outs
  %relu = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = arith.maximumf %in, %zero : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  // Leaky relu: the branches lie on their sides of zero.
  // CHECK: linalg.generic
  // CHECK-SAME: mpq.ranges = [#mpq.range<-5.000000e-01, 2.000000e+00, interval>]
  %leaky = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%y : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %c = arith.cmpf ogt, %in, %zero : f32
    %s = arith.mulf %in, %tenth : f32
    %r = arith.select %c, %in, %s : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  // A square is not negative.
  // CHECK: arith.mulf {{.*}}#mpq.range<0.000000e+00, 1.600000e+01, interval>
  %square = arith.mulf %y, %y : tensor<4xf32>
  // CHECK: math.tanh {{.*}}#mpq.range<-1.000000e+00, 1.000000e+00, interval>
  %tanh = math.tanh %x : tensor<4xf32>
  // Division by a range around zero bounds nothing.
  // CHECK: arith.divf
  // CHECK-NOT: mpq.ranges
  // CHECK-SAME: tensor
  %quotient = arith.divf %clip, %y : tensor<4xf32>
  return %sigmoid, %clip, %relu, %leaky, %square, %tanh, %quotient
    : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// Sums take the extent of the reduction, maxima do not. Bounds of sums include
// the rounding of the additions.
// CHECK-LABEL: @reductions
func.func @reductions(%x: tensor<1x4x4x2xf32> {mpq.range = #mpq.range<-1.0, 3.0, calibration>}) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x3xf32>) {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %window = tensor.empty() : tensor<2x2xf32>
  %e = tensor.empty() : tensor<1x2x2x2xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %l = linalg.fill ins(%low : f32) outs(%e : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  // CHECK: linalg.pooling_nhwc_max {{.*}}mpq.ranges = [#mpq.range<-1.000000e+00, 3.000000e+00, interval>]
  %max = linalg.pooling_nhwc_max {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%x, %window : tensor<1x4x4x2xf32>, tensor<2x2xf32>) outs(%l : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  // CHECK: linalg.pooling_nhwc_sum {{.*}}mpq.ranges = [#mpq.range<-4.00000{{[0-9]+}}, 12.00000{{[0-9]+}}, interval>]
  %sum = linalg.pooling_nhwc_sum {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%x, %window : tensor<1x4x4x2xf32>, tensor<2x2xf32>) outs(%z : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  // A product with constant weights: 32 terms in [-1, 3] * [-0.5, 0.25], and the
  // bias 1 in the init.
  // CHECK: linalg.matmul {{.*}}mpq.ranges = [#mpq.range<-47.0000{{[0-9]+}}, 25.0000{{[0-9]+}}, interval>]
  %flat = tensor.collapse_shape %x [[0], [1, 2, 3]] : tensor<1x4x4x2xf32> into tensor<1x32xf32>
  %w0 = arith.constant dense<-0.5> : tensor<32x2xf32>
  %w1 = arith.constant dense<0.25> : tensor<32x1xf32>
  %w = tensor.concat dim(1) %w0, %w1 : (tensor<32x2xf32>, tensor<32x1xf32>) -> tensor<32x3xf32>
  %bias = arith.constant dense<1.0> : tensor<1x3xf32>
  %mm = linalg.matmul ins(%flat, %w : tensor<1x32xf32>, tensor<32x3xf32>) outs(%bias : tensor<1x3xf32>) -> tensor<1x3xf32>
  return %max, %sum, %mm : tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x3xf32>
}

// Units: the kind, or else the body.
// CHECK-LABEL: @units
func.func @units(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: mpq.unit "softmax"
  // CHECK-SAME: mpq.ranges = [#mpq.range<0.000000e+00, 1.000000e+00, interval>]
  %softmax = mpq.unit "softmax" (%a = %x : tensor<4xf32>) -> tensor<4xf32> {
    mpq.yield %a : tensor<4xf32>
  }
  // CHECK: mpq.unit "twice_tanh"
  // CHECK-SAME: mpq.ranges = [#mpq.range<-2.000000e+00, 2.000000e+00, interval>]
  %double = mpq.unit "twice_tanh" (%a = %x : tensor<4xf32>) -> tensor<4xf32> {
    %t = math.tanh %a : tensor<4xf32>
    %s = arith.addf %t, %t : tensor<4xf32>
    mpq.yield %s : tensor<4xf32>
  }
  return %softmax, %double : tensor<4xf32>, tensor<4xf32>
}

// Quantized values cannot leave what their type and scale hold.
// CHECK-LABEL: @dequantized
func.func @dequantized(%q: tensor<4xi8>) -> (tensor<4xf32>, tensor<4xf32>) {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<-128> : tensor<i8>
  // CHECK: mpq.dequantize {{.*}}#mpq.range<0.000000e+00, 1.275000e+02, interval>
  %signed = mpq.dequantize %q, %s, %z by affine_map<(d0) -> ()> : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  // The same bytes read as unsigned: the zero point is 128.
  // CHECK: mpq.dequantize {{.*}}#mpq.range<-6.400000e+01, 6.350000e+01, interval>
  %unsigned = mpq.dequantize %q, %s, %z by affine_map<(d0) -> ()> unsigned : tensor<4xi8>, tensor<f32>, tensor<i8> -> tensor<4xf32>
  return %signed, %unsigned : tensor<4xf32>, tensor<4xf32>
}

// A table that a body reads from outside.
// CHECK-LABEL: @embedding
func.func @embedding(%k: tensor<2xindex>) -> tensor<2xf32> {
  %table = arith.constant dense<[-3.0, 0.5, 8.0]> : tensor<3xf32>
  %e = tensor.empty() : tensor<2xf32>
  // CHECK: linalg.generic
  // CHECK-SAME: mpq.ranges = [#mpq.range<-3.000000e+00, 8.000000e+00, interval>]
  %g = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%k : tensor<2xindex>) outs(%e : tensor<2xf32>) {
  ^bb0(%at: index, %out: f32):
    %v = tensor.extract %table[%at] : tensor<3xf32>
    linalg.yield %v : f32
  } -> tensor<2xf32>
  return %g : tensor<2xf32>
}
