// RUN: quant-opt %s --mpq-stream-weights --canonicalize --cse | FileCheck %s

// Reads that follow the loop are announced 8 iterations before, the first of the
// next tile by the last 8; rows, and loops that do not ask for it, are left
// alone.
// CHECK-LABEL: func.func @stream(
// CHECK-SAME: %[[W:[a-z0-9]+]]: memref<2x128x64xi8>, %[[X:[a-z0-9]+]]: memref<1x256xi8>
// CHECK: scf.for %[[I:.*]] = %c0 to
// CHECK: %[[SOON:.*]] = arith.addi %[[I]], %c8
// CHECK: %[[BEYOND:.*]] = arith.cmpi sge, %[[SOON]], %c64
// CHECK: %[[NEXT:.*]] = arith.addi %[[I]], %c72
// CHECK: %[[LATER:.*]] = arith.select %[[BEYOND]], %[[NEXT]], %[[SOON]]
// CHECK: %[[AT:.*]] = arith.muli %[[LATER]], %c2
// CHECK: %[[ODD:.*]] = arith.addi %[[AT]], %c1
// CHECK: memref.prefetch %[[W]][%c0, %[[ODD]], %c0], read, locality<3>, data
// CHECK-NOT: memref.prefetch
// CHECK: }
// CHECK: scf.for
// CHECK-NOT: memref.prefetch
// CHECK: return
// CHECK-NOT: mpq.stream_ahead
func.func @stream(%w: memref<2x128x64xi8>, %x: memref<1x256xi8>, %o: memref<64xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %z = arith.constant 0 : i8
  scf.for %i = %c0 to %c64 step %c1 {
    %m = arith.muli %i, %c2 : index
    %a = arith.addi %m, %c1 : index
    %v = vector.transfer_read %w[%c0, %a, %c0], %z {in_bounds = [true]} : memref<2x128x64xi8>, vector<64xi8>
    %f = vector.transfer_read %w[%c1, %c2, %c0], %z {in_bounds = [true]} : memref<2x128x64xi8>, vector<64xi8>
    %r = vector.transfer_read %x[%c0, %i], %z {in_bounds = [true]} : memref<1x256xi8>, vector<64xi8>
    %s = arith.addi %v, %r : vector<64xi8>
    %t = arith.addi %s, %f : vector<64xi8>
    vector.transfer_write %t, %o[%c0] {in_bounds = [true]} : vector<64xi8>, memref<64xi8>
  } {mpq.stream_ahead = array<i64: 8, 64>}
  scf.for %i = %c0 to %c64 step %c1 {
    %v = vector.transfer_read %w[%c0, %i, %c0], %z {in_bounds = [true]} : memref<2x128x64xi8>, vector<64xi8>
    vector.transfer_write %v, %o[%c0] {in_bounds = [true]} : vector<64xi8>, memref<64xi8>
  }
  return
}

// Two rows of 32 bytes share a line: one of them asks for it.
// CHECK-LABEL: func.func @halves(
// CHECK: %[[LATER:.*]] = arith.addi %{{.*}}, %c4
// CHECK: %[[AT:.*]] = arith.muli %[[LATER]], %c2
// CHECK: memref.prefetch %{{.*}}[%c0, %[[AT]], %c0]
// CHECK-NOT: memref.prefetch
func.func @halves(%w: memref<1x128x32xi8>, %o: memref<32xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %z = arith.constant 0 : i8
  scf.for %i = %c0 to %c64 step %c1 {
    %m = arith.muli %i, %c2 : index
    %a = arith.addi %m, %c1 : index
    %v = vector.transfer_read %w[%c0, %m, %c0], %z {in_bounds = [true]} : memref<1x128x32xi8>, vector<32xi8>
    %u = vector.transfer_read %w[%c0, %a, %c0], %z {in_bounds = [true]} : memref<1x128x32xi8>, vector<32xi8>
    %s = arith.addi %v, %u : vector<32xi8>
    vector.transfer_write %s, %o[%c0] {in_bounds = [true]} : vector<32xi8>, memref<32xi8>
  } {mpq.stream_ahead = array<i64: 4, 0>}
  return
}
