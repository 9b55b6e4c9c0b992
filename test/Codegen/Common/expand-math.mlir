// RUN: quant-opt %s --mpq-expand-math | FileCheck %s

// CHECK-LABEL: @exp
// CHECK: %[[LOW:.*]] = arith.constant -87.3365402 : f32
// CHECK: math.fma
// CHECK: arith.bitcast %{{.*}} : f32 to i32
// CHECK: arith.shli
// CHECK: arith.addi
// CHECK: arith.cmpf olt, %{{.*}}, %[[LOW]] : f32
func.func @exp(%x: f32) -> f32 {
  %r = math.exp %x : f32
  return %r : f32
}

// CHECK-LABEL: @vectors
// CHECK: arith.constant dense<-87.3365402> : vector<16xf32>
// CHECK: math.fma %{{.*}} : vector<16xf32>
// CHECK: arith.shli %{{.*}} : vector<16xi32>
// CHECK: math.copysign %{{.*}} : vector<16xf32>
func.func @vectors(%x: vector<16xf32>) -> vector<16xf32> {
  %l = math.log %x : vector<16xf32>
  %t = math.tanh %l : vector<16xf32>
  %e = math.erf %t : vector<16xf32>
  %r = math.rsqrt %e : vector<16xf32>
  return %r : vector<16xf32>
}

// CHECK-LABEL: @half
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @half(%x: f16) -> f16 {
  %r = math.exp %x : f16
  return %r : f16
}

// CHECK-LABEL: @powers
// CHECK-NEXT: %[[S:.*]] = arith.mulf %[[X:.*]], %[[X]] : f32
// CHECK-NEXT: %[[R:.*]] = math.sqrt %[[S]] : f32
// CHECK-NEXT: return %[[R]]
func.func @powers(%x: f32) -> f32 {
  %two = arith.constant 2.0 : f32
  %square = math.powf %x, %two : f32
  %half = arith.constant 0.5 : f32
  %r = math.powf %square, %half : f32
  return %r : f32
}

// CHECK-LABEL: @quantize
// CHECK-SAME: %[[X:.*]]: f32, %[[S:.*]]: f32, %[[Z:.*]]: i8
// CHECK: %[[ONE:.*]] = arith.constant 1.0
// CHECK: %[[W:.*]] = arith.extui %[[Z]] : i8 to i32
// CHECK: %[[I:.*]] = arith.divf %[[ONE]], %[[S]]
// CHECK: %[[SCALED:.*]] = arith.mulf %[[X]], %[[I]]
// CHECK: %[[L0:.*]] = arith.subi %{{.*}}, %[[W]]
// CHECK: %[[L:.*]] = arith.sitofp %[[L0]]
// CHECK: %[[C:.*]] = arith.cmpf olt, %[[L]], %[[SCALED]]
// CHECK: arith.select %[[C]], %[[SCALED]], %[[L]]
// CHECK: %[[R:.*]] = math.roundeven
// CHECK: %[[N:.*]] = arith.fptosi %[[R]] : f32 to i32
// CHECK: %[[Q:.*]] = arith.addi %[[N]], %[[W]]
// CHECK: arith.trunci %[[Q]] : i32 to i8
func.func @quantize(%x: f32, %s: f32, %z: i8) -> i8 {
  %q = mpq.quantize %x, %s, %z unsigned {scaling = #mpq.scaling<multiply>} : f32, f32, i8 -> i8
  return %q : i8
}

// CHECK-LABEL: @other_forms
// CHECK: arith.divf
// CHECK: math.floor
// CHECK: math.copysign
// CHECK: math.trunc
func.func @other_forms(%x: f32, %s: f32, %z: i8) -> (i8, i8) {
  %up = mpq.quantize %x, %s, %z {rounding = #mpq.rounding<half_up>} : f32, f32, i8 -> i8
  %away = mpq.quantize %x, %s, %z {rounding = #mpq.rounding<half_away>, zero_point_order = #mpq.zero_point_order<before>}
      : f32, f32, i8 -> i8
  return %up, %away : i8, i8
}

// CHECK-LABEL: @dequantize
// CHECK: arith.extsi %{{.*}} : i8 to i32
// CHECK: arith.sitofp %{{.*}} : i32 to f32
// CHECK: arith.extsi %{{.*}} : i32 to i64
// CHECK: arith.sitofp %{{.*}} : i64 to f32
func.func @dequantize(%q: i8, %s: f32, %z: i8, %b: i32, %zb: i32) -> (f32, f32) {
  %x = mpq.dequantize %q, %s, %z : i8, f32, i8 -> f32
  %y = mpq.dequantize %b, %s, %zb : i32, f32, i32 -> f32
  return %x, %y : f32, f32
}

// CHECK-LABEL: @requantize
// CHECK: linalg.generic
// CHECK: arith.sitofp %{{.*}} : i32 to f32
// CHECK: math.roundeven
// CHECK: arith.trunci %{{.*}} : i32 to i8
func.func @requantize(%a: tensor<4xi32>, %e: tensor<4xi8>) -> tensor<4xi8> {
  %m = arith.constant 0.25 : f32
  %z = arith.constant 3 : i8
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%a : tensor<4xi32>) outs(%e : tensor<4xi8>) {
  ^bb0(%in: i32, %out: i8):
    %q = mpq.requantize %in, %m, %z {clamp_range = array<i64: -100, 100>} : i32, f32, i8 -> i8
    linalg.yield %q : i8
  } -> tensor<4xi8>
  return %r : tensor<4xi8>
}

// A function of a constant keeps our formula: upstream's fold calls the host's libm.
// CHECK-LABEL: @constant
// CHECK: math.fma
func.func @constant() -> f32 {
  %x = arith.constant 0.7 : f32
  %r = math.exp %x : f32
  return %r : f32
}

// Tensor forms belong to the phase `lower`.
// CHECK-LABEL: @tensors
// CHECK: math.exp %{{.*}} : tensor<4xf32>
func.func @tensors(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = math.exp %x : tensor<4xf32>
  return %r : tensor<4xf32>
}

// A constant scale divides without a division: the quotient of a reciprocal,
// limited, and its exact remainder.
// CHECK-LABEL: @quantize_by_constant
// CHECK-SAME: %[[X:[a-z0-9]+]]: f32
// CHECK-DAG: %[[R:.*]] = arith.constant 3.33333325 : f32
// CHECK-DAG: %[[D:.*]] = arith.constant -3.000000e-01 : f32
// CHECK-DAG: %[[LOW:.*]] = arith.constant -1.09951163E+12 : f32
// CHECK-DAG: %[[HIGH:.*]] = arith.constant 1.09951163E+12 : f32
// CHECK-NOT: arith.divf
// CHECK: %[[Q:.*]] = arith.mulf %[[X]], %[[R]] : f32
// CHECK: %[[ABOVE:.*]] = arith.cmpf olt, %[[LOW]], %[[Q]] : f32
// CHECK: %[[Q1:.*]] = arith.select %[[ABOVE]], %[[Q]], %[[LOW]] : f32
// CHECK: %[[BELOW:.*]] = arith.cmpf olt, %[[Q1]], %[[HIGH]] : f32
// CHECK: %[[LIMITED:.*]] = arith.select %[[BELOW]], %[[Q1]], %[[HIGH]] : f32
// CHECK: %[[E:.*]] = math.fma %[[LIMITED]], %[[D]], %[[X]] : f32
// CHECK: math.fma %[[E]], %[[R]], %[[LIMITED]] : f32
func.func @quantize_by_constant(%x: f32) -> i8 {
  %s = arith.constant 0.3 : f32
  %z = arith.constant 0 : i8
  %q = mpq.quantize %x, %s, %z : f32, f32, i8 -> i8
  return %q : i8
}

// To bf16 by integers: processors flush subnormal numbers. NaN stays NaN.
// CHECK-LABEL: func.func @narrow
// CHECK-SAME: %[[X:.*]]: vector<16xf32>
// CHECK-DAG: %[[BITS:.*]] = arith.bitcast %[[X]] : vector<16xf32> to vector<16xi32>
// CHECK-DAG: arith.constant dense<32767> : vector<16xi32>
// CHECK-DAG: arith.cmpf oeq, %[[X]], %[[X]]
// CHECK: arith.trunci %{{.*}} : vector<16xi32> to vector<16xi16>
// CHECK: arith.bitcast %{{.*}} : vector<16xi16> to vector<16xbf16>
// CHECK: arith.extui
// CHECK: arith.shli
// CHECK: arith.bitcast %{{.*}} : vector<16xi32> to vector<16xf32>
func.func @narrow(%x: vector<16xf32>) -> vector<16xf32> {
  %n = arith.truncf %x : vector<16xf32> to vector<16xbf16>
  %w = arith.extf %n : vector<16xbf16> to vector<16xf32>
  return %w : vector<16xf32>
}
