// Every operation round-trips through text and bytecode.
// RUN: quant-opt %s --verify-roundtrip | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%mpq_lib/mpq-plugin.so %s | FileCheck %s

// CHECK-LABEL: @qdq
func.func @qdq(%x: tensor<4x8xf32>, %s: tensor<8xf32>, %z: tensor<8xi8>) -> tensor<4x8xf32> {
  // CHECK: mpq.quantize %{{.*}}, %{{.*}}, %{{.*}} by #{{.*}} unsigned {clamp_range = array<i64: 0, 254>, scaling = #mpq.scaling<multiply>} : tensor<4x8xf32>, tensor<8xf32>, tensor<8xi8> -> tensor<4x8xi8>
  %q = mpq.quantize %x, %s, %z by affine_map<(d0, d1) -> (d1)> unsigned {clamp_range = array<i64: 0, 254>, scaling = #mpq.scaling<multiply>}
     : tensor<4x8xf32>, tensor<8xf32>, tensor<8xi8> -> tensor<4x8xi8>
  // CHECK: mpq.dequantize
  %d = mpq.dequantize %q, %s, %z by affine_map<(d0, d1) -> (d1)> unsigned
     : tensor<4x8xi8>, tensor<8xf32>, tensor<8xi8> -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// CHECK-LABEL: @scalar
func.func @scalar(%x: f32, %s: f32, %z: i8, %a: i32) -> (i8, f32, i8) {
  // CHECK: mpq.quantize %{{.*}} : f32, f32, i8 -> i8
  %q = mpq.quantize %x, %s, %z : f32, f32, i8 -> i8
  %d = mpq.dequantize %q, %s, %z : i8, f32, i8 -> f32
  // CHECK: mpq.requantize
  %r = mpq.requantize %a, %s, %z unsigned : i32, f32, i8 -> i8
  return %q, %d, %r : i8, f32, i8
}

// CHECK-LABEL: @structure
func.func @structure(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: mpq.observe %{{.*}} as "v" : tensor<4xf32>
  mpq.observe %x as "v" : tensor<4xf32>
  // CHECK: mpq.unit "same" (%{{.*}} = %{{.*}} : tensor<4xf32>) -> tensor<4xf32> {
  %r = mpq.unit "same" (%a = %x : tensor<4xf32>) -> tensor<4xf32> {
    mpq.yield %a : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// CHECK-LABEL: @products
func.func @products(%a: tensor<32x64xi8>, %w: tensor<3x16x64xi8>, %b: tensor<48xi32>, %e: tensor<32x48xi32>,
                    %x: tensor<1x58x58x64xi8>, %cw: tensor<4x144x64xi8>, %ce: tensor<1x56x56x64xi32>,
                    %v: vector<16xi32>, %l: vector<64xi8>) -> (tensor<32x48xi32>, tensor<1x56x56x64xi32>, vector<16xi32>) {
  // CHECK: mpq.contract ins(%{{.*}}, %{{.*}} : tensor<32x64xi8>, tensor<3x16x64xi8>) bias(%{{.*}} : tensor<48xi32>) outs(%{{.*}} : tensor<32x48xi32>) -> tensor<32x48xi32>
  %r = mpq.contract ins(%a, %w : tensor<32x64xi8>, tensor<3x16x64xi8>) bias(%b : tensor<48xi32>)
       outs(%e : tensor<32x48xi32>) -> tensor<32x48xi32>
  // CHECK: mpq.conv ins
  %c = mpq.conv ins(%x, %cw : tensor<1x58x58x64xi8>, tensor<4x144x64xi8>) outs(%ce : tensor<1x56x56x64xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} -> tensor<1x56x56x64xi32>
  // CHECK: mpq.dot4 %{{.*}}, %{{.*}} unsigned, %{{.*}} signed : vector<16xi32>, vector<64xi8>
  %d = mpq.dot4 %v, %l unsigned, %l signed : vector<16xi32>, vector<64xi8>
  return %r, %c, %d : tensor<32x48xi32>, tensor<1x56x56x64xi32>, vector<16xi32>
}

// CHECK-LABEL: @tiles
// CHECK-SAME: matrix_rows = 14>
func.func @tiles(%acc: vector<14x16xi32>, %l: vector<14x64xi8>, %r: vector<16x64xi8>) -> vector<14x16xi32>
    attributes {mpq.strategy = #mpq.strategy<tile = [28, 32], grain = [0, 0], matrix_rows = 14>} {
  // CHECK: mpq.dot_tile %{{.*}}, %{{.*}}, %{{.*}} : vector<14x16xi32>, vector<14x64xi8>, vector<16x64xi8>
  %d = mpq.dot_tile %acc, %l, %r : vector<14x16xi32>, vector<14x64xi8>, vector<16x64xi8>
  return %d : vector<14x16xi32>
}

// CHECK-LABEL: @grouped
func.func @grouped(%x: tensor<1x9x9x48xi8>, %w: tensor<8x27x64xi8>, %e: tensor<1x7x7x80xi32>) -> tensor<1x7x7x80xi32> {
  // CHECK: mpq.conv ins{{.*}} {dilations = array<i64: 1, 1>, groups = 4 : i64, strides
  %c = mpq.conv ins(%x, %w : tensor<1x9x9x48xi8>, tensor<8x27x64xi8>) outs(%e : tensor<1x7x7x80xi32>)
       {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 4 : i64} -> tensor<1x7x7x80xi32>
  return %c : tensor<1x7x7x80xi32>
}

// CHECK-LABEL: @decisions
// CHECK-SAME: mpq.range = #mpq.range<0.000000e+00, 1.000000e+00, calibration>
func.func @decisions(%x: tensor<4xf32> {mpq.name = "x", mpq.range = #mpq.range<0.0, 1.0, calibration>}) -> tensor<4xf32>
    attributes {mpq.target = #mpq.target<"x86_64", cpu = "sapphirerapids", features = "+avx512vnni">} {
  // CHECK: mpq.precision = #mpq.precision<f32, "because">
  // CHECK-SAME: mpq.strategy = #mpq.strategy<tile = [8, 48], grain = [64, 0]>
  %r = arith.negf %x {mpq.precision = #mpq.precision<f32, "because">, mpq.strategy = #mpq.strategy<tile = [8, 48], grain = [64, 0]>,
                      mpq.ranges = [#mpq.range<-1.0, 0.0, interval>]} : tensor<4xf32>
  return %r : tensor<4xf32>
}
