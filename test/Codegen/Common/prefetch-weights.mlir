// RUN: quant-opt %s --mpq-prefetch-weights --canonicalize --mlir-print-local-scope | FileCheck %s

// Seven tiles of rows use a panel of two vectors: tile 0 fetches the first vector
// of the next panel, all others its second; behind the last panel there is none.
// CHECK-LABEL: func.func @panels(
// CHECK-SAME: %[[W:[a-z0-9]+]]: memref<32x128x64xi8>
// CHECK: scf.for %[[COLUMN:[a-z0-9]+]] =
// CHECK: scf.for %[[ROW:[a-z0-9]+]] =
// CHECK: scf.for %[[K:[a-z0-9]+]] =
// CHECK: %[[TILE:.*]] = arith.divui %[[ROW]], %c4
// CHECK: %[[NEXT:.*]] = arith.addi %[[COLUMN]], %c2
// CHECK: %[[PART:.*]] = arith.minui %[[TILE]], %c1
// CHECK: %[[VECTOR:.*]] = arith.addi %[[NEXT]], %[[PART]]
// CHECK: %[[SAFE:.*]] = arith.minui %[[VECTOR]], %c31
// CHECK: memref.prefetch %[[W]][%[[SAFE]], %[[K]], %c0], read, locality<2>, data
// CHECK-NOT: memref.prefetch
func.func @panels(%w: memref<32x128x64xi8>, %o: memref<64xi8>) attributes {mpq.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c28 = arith.constant 28 : index
  %c32 = arith.constant 32 : index
  %c128 = arith.constant 128 : index
  %p = arith.constant 0 : i8
  scf.for %n = %c0 to %c32 step %c2 {
    scf.for %m = %c0 to %c28 step %c4 {
      %panel = memref.subview %w[%n, 0, 0] [2, 128, 64] [1, 1, 1] : memref<32x128x64xi8> to memref<2x128x64xi8, strided<[8192, 64, 1], offset: ?>>
      scf.for %k = %c0 to %c128 step %c1 {
        %a = vector.transfer_read %panel[%c0, %k, %c0], %p {in_bounds = [true]} : memref<2x128x64xi8, strided<[8192, 64, 1], offset: ?>>, vector<64xi8>
        %b = vector.transfer_read %panel[%c1, %k, %c0], %p {in_bounds = [true]} : memref<2x128x64xi8, strided<[8192, 64, 1], offset: ?>>, vector<64xi8>
        %s = arith.addi %a, %b : vector<64xi8>
        vector.transfer_write %s, %o[%c0] {in_bounds = [true]} : vector<64xi8>, memref<64xi8>
      }
    }
  }
  return
}

// For a matrix unit a step is 16 groups of two vectors: each of four tiles fetches eight of those lines.
// CHECK-LABEL: func.func @matrices(
// CHECK: %[[TILE:.*]] = arith.divui
// CHECK: %[[MINE:.*]] = arith.muli %[[TILE]], %c8
// CHECK: %[[VECTOR:.*]] = arith.divui %{{.*}}, %c16
// CHECK: %[[GROUP:.*]] = arith.remui %{{.*}}, %c16
// CHECK: arith.addi %{{.*}}, %[[GROUP]]
// CHECK-COUNT-8: memref.prefetch
// CHECK-NOT: memref.prefetch
func.func @matrices(%w: memref<32x128x64xi8>, %o: memref<16x64xi8>) attributes {mpq.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c128 = arith.constant 128 : index
  %p = arith.constant 0 : i8
  scf.for %n = %c0 to %c32 step %c2 {
    scf.for %m = %c0 to %c16 step %c4 {
      %panel = memref.subview %w[%n, 0, 0] [2, 128, 64] [1, 1, 1] : memref<32x128x64xi8> to memref<2x128x64xi8, strided<[8192, 64, 1], offset: ?>>
      scf.for %k = %c0 to %c128 step %c16 {
        %a = vector.transfer_read %panel[%c0, %k, %c0], %p {in_bounds = [true, true]} : memref<2x128x64xi8, strided<[8192, 64, 1], offset: ?>>, vector<16x64xi8>
        %b = vector.transfer_read %panel[%c1, %k, %c0], %p {in_bounds = [true, true]} : memref<2x128x64xi8, strided<[8192, 64, 1], offset: ?>>, vector<16x64xi8>
        %s = arith.addi %a, %b : vector<16x64xi8>
        vector.transfer_write %s, %o[%c0, %c0] {in_bounds = [true, true]} : vector<16x64xi8>, memref<16x64xi8>
      }
    }
  }
  return
}

// A panel that one tile uses, and weights that stay in the cache.
// CHECK-LABEL: func.func @nothing(
// CHECK-NOT: memref.prefetch
func.func @nothing(%w: memref<32x128x64xi8>, %v: memref<8x128x64xi8>, %o: memref<64xi8>) attributes {mpq.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c128 = arith.constant 128 : index
  %p = arith.constant 0 : i8
  scf.for %n = %c0 to %c8 step %c1 {
    %panel = memref.subview %w[%n, 0, 0] [1, 128, 64] [1, 1, 1] : memref<32x128x64xi8> to memref<1x128x64xi8, strided<[8192, 64, 1], offset: ?>>
    scf.for %k = %c0 to %c128 step %c1 {
      %a = vector.transfer_read %panel[%c0, %k, %c0], %p {in_bounds = [true]} : memref<1x128x64xi8, strided<[8192, 64, 1], offset: ?>>, vector<64xi8>
      vector.transfer_write %a, %o[%c0] {in_bounds = [true]} : vector<64xi8>, memref<64xi8>
    }
    scf.for %m = %c0 to %c8 step %c1 {
      %small = memref.subview %v[%n, 0, 0] [1, 128, 64] [1, 1, 1] : memref<8x128x64xi8> to memref<1x128x64xi8, strided<[8192, 64, 1], offset: ?>>
      scf.for %k = %c0 to %c128 step %c1 {
        %a = vector.transfer_read %small[%c0, %k, %c0], %p {in_bounds = [true]} : memref<1x128x64xi8, strided<[8192, 64, 1], offset: ?>>, vector<64xi8>
        vector.transfer_write %a, %o[%c0] {in_bounds = [true]} : vector<64xi8>, memref<64xi8>
      }
    }
  }
  return
}
