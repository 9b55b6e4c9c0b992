// RUN: quant-opt %s --split-input-file --verify-diagnostics --mpq-vectorize-block-products --canonicalize --cse --mlir-print-local-scope | FileCheck %s

// Two rows and one vector: sums of a block start from the term of the zero
// points, a mask and a shift make two planes of each packed vector, and the
// product of both scales takes the block's sum to the accumulator.
// CHECK-LABEL: func.func @integers(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<2x64xi8>, %[[W:[a-z0-9]+]]: tensor<1x8x64xi8>, %[[S:[a-z0-9]+]]: tensor<1x2x16xf32>, %[[T:[a-z0-9]+]]: tensor<2x2xf32>, %[[C:[a-z0-9]+]]: tensor<2x2xi32>
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<15> : vector<64xi8>
// CHECK-DAG: %[[FOUR:.*]] = arith.constant dense<4> : vector<16xi32>
// CHECK: %[[R:.*]]:2 = scf.for %[[G:[a-z0-9]+]] = {{.*}} iter_args(%[[ACC0:.*]] = %{{.*}}, %[[ACC1:.*]] = %{{.*}}) -> (vector<16xf32>, vector<16xf32>)
// CHECK: %[[TERM:.*]] = tensor.extract %[[C]][%c0, %[[G]]]
// CHECK: %[[START:.*]] = vector.broadcast %[[TERM]] : i32 to vector<16xi32>
// CHECK: %[[PACKED:.*]] = vector.transfer_read %[[W]]
// CHECK: %[[LOW:.*]] = arith.andi %[[PACKED]], %[[MASK]]
// CHECK: mpq.dot4 %[[START]], %[[LOW]] unsigned, %{{.*}} signed
// CHECK: %[[WORDS:.*]] = vector.bitcast %[[PACKED]] : vector<64xi8> to vector<16xi32>
// CHECK: arith.shrui %[[WORDS]], %[[FOUR]]
// CHECK-COUNT-14: mpq.dot4
// CHECK: %[[SCALES:.*]] = vector.transfer_read %[[S]]
// CHECK: tensor.extract %[[T]][%c0, %[[G]]]
// CHECK: %[[NUMBER:.*]] = arith.sitofp
// CHECK: %[[SCALE:.*]] = arith.mulf %[[SCALES]]
// CHECK: math.fma %[[NUMBER]], %[[SCALE]], %[[ACC0]]
// CHECK: vector.transfer_write %[[R]]#0
func.func @integers(%a: tensor<2x64xi8>, %w: tensor<1x8x64xi8>, %s: tensor<1x2x16xf32>, %t: tensor<2x2xf32>, %c: tensor<2x2xi32>, %o: tensor<2x16xf32>) -> tensor<2x16xf32> {
  %r = mpq.block_contract ins(%a, %w : tensor<2x64xi8>, tensor<1x8x64xi8>) scales(%s : tensor<1x2x16xf32>) lhs_scales(%t : tensor<2x2xf32>) lhs_sums(%c : tensor<2x2xi32>) outs(%o : tensor<2x16xf32>) {bits = 4, block = 32, zero_point = 8} -> tensor<2x16xf32>
  return %r : tensor<2x16xf32>
}

// -----

// Zero points of each block multiply the sums; a long block is a loop, of whose
// last vector only one plane of four is in it. The consumer is computed on the
// accumulators.
// CHECK-LABEL: func.func @long(
// CHECK-SAME: %[[Z:[a-z0-9]+]]: tensor<1x1x16xi8>
// CHECK: vector.transfer_read %[[Z]]
// CHECK: %[[ZERO:.*]] = arith.extui %{{.*}} : vector<16xi8> to vector<16xi32>
// CHECK: %[[START:.*]] = arith.muli %{{.*}}, %[[ZERO]]
// CHECK: %[[SUM:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[START]]) -> (vector<16xi32>)
// CHECK-COUNT-4: mpq.dot4
// CHECK: mpq.dot4 %[[SUM]]
// CHECK-NOT: mpq.dot4
// CHECK: math.fma
// CHECK: arith.addf
// CHECK: vector.transfer_write
func.func @long(%z: tensor<1x1x16xi8>, %a: tensor<1x148xi8>, %w: tensor<1x10x64xi8>, %s: tensor<1x1x16xf32>, %t: tensor<1x1xf32>, %c: tensor<1x1xi32>, %b: tensor<16xf32>, %o: tensor<1x16xf32>) -> tensor<1x16xf32> {
  %e = tensor.empty() : tensor<1x16xf32>
  %r = mpq.block_contract ins(%a, %w : tensor<1x148xi8>, tensor<1x10x64xi8>) scales(%s : tensor<1x1x16xf32>) zero_points(%z : tensor<1x1x16xi8>) lhs_scales(%t : tensor<1x1xf32>) lhs_sums(%c : tensor<1x1xi32>) outs(%e : tensor<1x16xf32>) {bits = 2, block = 148} -> tensor<1x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%r, %b : tensor<1x16xf32>, tensor<16xf32>) outs(%o : tensor<1x16xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %v = arith.addf %x, %y : f32
    linalg.yield %v : f32
  } -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

// Float rows: weights become numbers in registers, in ascending order. The
// second row is the second byte: 8, the zero point, is also its shift.
// CHECK-LABEL: func.func @floats(
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<8> : vector<16xi32>
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<15> : vector<16xi32>
// CHECK: %[[FIRST:.*]] = arith.andi %[[WORDS:.*]], %[[MASK]]
// CHECK: %[[D:.*]] = arith.subi %[[FIRST]], %[[Z]]
// CHECK: %[[F:.*]] = arith.sitofp %[[D]]
// CHECK: %[[WEIGHT:.*]] = arith.mulf %[[F]]
// CHECK: math.fma %{{.*}}, %[[WEIGHT]]
// CHECK: arith.shrui %[[WORDS]], %[[Z]]
// CHECK-COUNT-7: math.fma
// CHECK-NOT: math.fma
func.func @floats(%a: tensor<1x8xf32>, %w: tensor<1x1x64xi8>, %s: tensor<1x1x16xf32>, %o: tensor<1x16xf32>) -> tensor<1x16xf32> {
  %r = mpq.block_contract ins(%a, %w : tensor<1x8xf32>, tensor<1x1x64xi8>) scales(%s : tensor<1x1x16xf32>) outs(%o : tensor<1x16xf32>) {bits = 4, block = 8, zero_point = 8} -> tensor<1x16xf32>
  return %r : tensor<1x16xf32>
}

// -----

// One row: planes of 2 bits stay where they are, the highest first, and the sum
// is shifted between them. It starts from the term times 2^6. Scales of three
// bytes become f32.
// CHECK-LABEL: func.func @row(
// CHECK-DAG: %[[BASE:.*]] = arith.constant dense<1036831949> : vector<16xi32>
// CHECK-DAG: %[[HIGH:.*]] = arith.constant dense<-64> : vector<64xi8>
// CHECK-DAG: %[[NEXT:.*]] = arith.constant dense<48> : vector<64xi8>
// CHECK-DAG: %[[LAST:.*]] = arith.constant dense<3> : vector<64xi8>
// CHECK-DAG: %[[TWO:.*]] = arith.constant dense<2> : vector<16xi32>
// CHECK: %[[TERM:.*]] = arith.shli %{{.*}}, %c6_i32
// CHECK: %[[START:.*]] = vector.broadcast %[[TERM]]
// CHECK: arith.andi %{{.*}}, %[[HIGH]]
// CHECK: mpq.dot4 %[[START]]
// CHECK: %[[SUM:.*]] = mpq.dot4
// CHECK: arith.shrsi %[[SUM]], %[[TWO]]
// CHECK: arith.andi %{{.*}}, %[[NEXT]]
// CHECK-COUNT-2: arith.shrsi
// CHECK: arith.andi %{{.*}}, %[[LAST]]
// CHECK: mpq.dot4
// CHECK-NOT: arith.shrsi
// CHECK: %[[LOW:.*]] = vector.bitcast %{{.*}} : vector<32xi8> to vector<16xi16>
// CHECK: %[[ABOVE:.*]] = arith.ori
// CHECK: %[[BITS:.*]] = arith.addi %[[ABOVE]], %[[BASE]]
// CHECK: arith.bitcast %[[BITS]] : vector<16xi32> to vector<16xf32>
func.func @row(%a: tensor<1x32xi8>, %w: tensor<1x2x64xi8>, %s: tensor<1x1x48xi8>, %t: tensor<1x1xf32>, %c: tensor<1x1xi32>, %o: tensor<1x16xf32>) -> tensor<1x16xf32> {
  %r = mpq.block_contract ins(%a, %w : tensor<1x32xi8>, tensor<1x2x64xi8>) scales(%s : tensor<1x1x48xi8>) lhs_scales(%t : tensor<1x1xf32>) lhs_sums(%c : tensor<1x1xi32>) outs(%o : tensor<1x16xf32>) {bits = 2, block = 32, zero_point = 2, scale_base = 1036831949 : i32} -> tensor<1x16xf32>
  return %r : tensor<1x16xf32>
}

// -----

func.func @plain(%a: tensor<1x8xf32>, %w: tensor<8x16xi4>, %s: tensor<1x16xf32>, %o: tensor<1x16xf32>) -> tensor<1x16xf32> {
  // expected-error@+1 {{expected a static tile of packed weights: run mpq-pack-block-products and mpq-tile-kernels first}}
  %r = mpq.block_contract ins(%a, %w : tensor<1x8xf32>, tensor<8x16xi4>) scales(%s : tensor<1x16xf32>) outs(%o : tensor<1x16xf32>) {bits = 4, block = 8, zero_point = 8} -> tensor<1x16xf32>
  return %r : tensor<1x16xf32>
}

// -----

// Codes of floats become those of f16 in lanes of 16 bits, of which each half is a row; exponents become scales.
// CHECK-LABEL: func.func @codes(
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<1x1x64xi8>, %[[S:[a-z0-9]+]]: tensor<1x1x16xi8>
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<-16512> : vector<32xi16>
// CHECK-DAG: %[[ONE:.*]] = arith.constant dense<1> : vector<32xi16>
// CHECK-DAG: %[[EIGHT:.*]] = arith.constant dense<8> : vector<32xi16>
// CHECK: %[[EXPONENTS:.*]] = vector.transfer_read %[[S]]
// CHECK: arith.extui %[[EXPONENTS]] : vector<16xi8> to vector<16xi32>
// CHECK: arith.shli
// CHECK: %[[SCALES:.*]] = arith.bitcast %{{.*}} : vector<16xi32> to vector<16xf32>
// CHECK: %[[PACKED:.*]] = vector.transfer_read %[[W]]
// CHECK: %[[CODES:.*]] = vector.bitcast %[[PACKED]] : vector<64xi8> to vector<32xi16>
// CHECK: %[[UP:.*]] = arith.shli %[[CODES]], %[[EIGHT]]
// CHECK: %[[DOWN:.*]] = arith.shrsi %[[UP]], %[[ONE]]
// CHECK: %[[BITS:.*]] = arith.andi %[[DOWN]], %[[MASK]]
// CHECK: %[[HALVES:.*]] = vector.bitcast %[[BITS]] : vector<32xi16> to vector<32xf16>
// CHECK: %[[ROW:.*]] = vector.extract_strided_slice %[[HALVES]] {offsets = [0], sizes = [16]
// CHECK: %[[WIDE:.*]] = arith.extf %[[ROW]] : vector<16xf16> to vector<16xf32>
// CHECK: arith.mulf %[[WIDE]], %[[SCALES]]
// CHECK: math.fma
// CHECK: vector.extract_strided_slice %[[HALVES]] {offsets = [16], sizes = [16]
// CHECK: math.fma
// CHECK: arith.shrsi %[[CODES]], %[[ONE]]
// CHECK-COUNT-2: math.fma
// CHECK-NOT: math.fma
func.func @codes(%a: tensor<1x4xf32>, %w: tensor<1x1x64xi8>, %s: tensor<1x1x16xi8>, %o: tensor<1x16xf32>) -> tensor<1x16xf32> {
  %r = mpq.block_contract ins(%a, %w : tensor<1x4xf32>, tensor<1x1x64xi8>) scales(%s : tensor<1x1x16xi8>) outs(%o : tensor<1x16xf32>) {bits = 8, block = 4, format = f8E4M3FN} -> tensor<1x16xf32>
  return %r : tensor<1x16xf32>
}
