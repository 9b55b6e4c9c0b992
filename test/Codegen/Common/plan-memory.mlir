// RUN: quant-opt %s --split-input-file --mpq-plan-memory | FileCheck %s

// A chain of three kernels: the first intermediate is dead when the third one
// runs, so the third one takes its place. Weights with equal bytes are stored
// once, each on a cache line of its own.
// Two intermediates of 64 bytes are needed at once.
// CHECK: module attributes {mpq.live_bytes = 128 : i64, mpq.model = "chain",
// CHECK-SAME: mpq.signature = {inputs = [{name = "x", type = tensor<16xf32>}], outputs = [{name = "y:0", type = tensor<16xf32>}]},
// CHECK-SAME: mpq.weights = dense_resource<weights> : tensor<128xi8>, mpq.workspace_size = 192 : i64}
// A kernel takes buffers and stores its result in the last one.
// CHECK: func.func private @k(%[[KX:.*]]: memref<16xf32>, %[[KW:.*]]: memref<4xf32>, %[[KD:.*]]: memref<16xf32>, %{{.*}}: index, %{{.*}}: index) attributes {mpq.kernel}
// CHECK: %[[R:.*]] = bufferization.to_tensor %[[KD]] restrict writable
// CHECK: bufferization.materialize_in_destination %[[R]] in restrict writable %[[KD]]
// CHECK: func.func @chain(%[[X:.*]]: memref<64xi8>, %[[Y:.*]]: memref<64xi8>, %[[W:.*]]: memref<128xi8>, %[[S:.*]]: memref<192xi8>)
// CHECK: %[[IN:.*]] = memref.view %[[X]][%{{c0.*}}][]
// CHECK: %[[W0:.*]] = memref.view %[[W]][%{{c0.*}}][]
// CHECK: %[[A:.*]] = memref.view %[[S]][%{{c0.*}}][]
// CHECK: call @k(%[[IN]], %[[W0]], %[[A]],
// CHECK: %[[A2:.*]] = memref.view %[[S]][%{{c0.*}}][]
// CHECK: %[[W1:.*]] = memref.view %[[W]][%{{c64.*}}][]
// CHECK: %[[B:.*]] = memref.view %[[S]][%{{c64.*}}][]
// CHECK: call @k2(%[[A2]], %[[W1]], %[[B]],
// CHECK: %[[B2:.*]] = memref.view %[[S]][%{{c64.*}}][]
// CHECK: %[[W2:.*]] = memref.view %[[W]][%{{c0.*}}][]
// CHECK: %[[C:.*]] = memref.view %[[S]][%{{c0.*}}][]
// CHECK: call @k3(%[[B2]], %[[W2]], %[[C]],
// CHECK: %[[OUT:.*]] = memref.view %[[Y]][%{{c0.*}}][]
// CHECK: call @k4(%{{.*}}, %{{.*}}, %[[OUT]],
// CHECK: return
func.func private @k(%x: tensor<16xf32>, %w: tensor<4xf32>, %d: tensor<16xf32>, %begin: index, %end: index) -> tensor<16xf32> attributes {mpq.kernel} {
  return %d : tensor<16xf32>
}
func.func @chain(%x: tensor<16xf32> {mpq.name = "x"}) -> (tensor<16xf32> {mpq.name = "y:0"}) {
  %c0 = arith.constant 0 : index
  %w0 = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %w1 = arith.constant dense<[5.0, 6.0, 7.0, 8.0]> : tensor<4xf32>
  %w2 = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %e0 = tensor.empty() : tensor<16xf32>
  %0 = call @k(%x, %w0, %e0, %c0, %c0) : (tensor<16xf32>, tensor<4xf32>, tensor<16xf32>, index, index) -> tensor<16xf32>
  %e1 = tensor.empty() : tensor<16xf32>
  %1 = call @k2(%0, %w1, %e1, %c0, %c0) : (tensor<16xf32>, tensor<4xf32>, tensor<16xf32>, index, index) -> tensor<16xf32>
  %e2 = tensor.empty() : tensor<16xf32>
  %2 = call @k3(%1, %w2, %e2, %c0, %c0) : (tensor<16xf32>, tensor<4xf32>, tensor<16xf32>, index, index) -> tensor<16xf32>
  %e3 = tensor.empty() : tensor<16xf32>
  %3 = call @k4(%2, %w2, %e3, %c0, %c0) : (tensor<16xf32>, tensor<4xf32>, tensor<16xf32>, index, index) -> tensor<16xf32>
  return %3 : tensor<16xf32>
}
func.func private @k2(%x: tensor<16xf32>, %w: tensor<4xf32>, %d: tensor<16xf32>, %begin: index, %end: index) -> tensor<16xf32> attributes {mpq.kernel} {
  return %d : tensor<16xf32>
}
func.func private @k3(%x: tensor<16xf32>, %w: tensor<4xf32>, %d: tensor<16xf32>, %begin: index, %end: index) -> tensor<16xf32> attributes {mpq.kernel} {
  return %d : tensor<16xf32>
}
func.func private @k4(%x: tensor<16xf32>, %w: tensor<4xf32>, %d: tensor<16xf32>, %begin: index, %end: index) -> tensor<16xf32> attributes {mpq.kernel} {
  return %d : tensor<16xf32>
}

// -----

// Views: a slice of the workspace is strided memory at an offset, a reshape of
// dense memory no operation at all.
// CHECK: module attributes {mpq.live_bytes = 24 : i64, mpq.model = "views", mpq.signature = {inputs = [{name = "input0", type = tensor<2x4xi8>, unsigned}], outputs = [{name = "output0", type = tensor<6xi8>, unsigned}]}
// CHECK: func.func private @part(%{{.*}}: memref<2x3xi8, strided<[6, 1]>>,
// CHECK: func.func @views(%[[X:.*]]: memref<8xi8>, %{{.*}}: memref<6xi8>, %{{.*}}: memref<1xi8>, %[[S:.*]]: memref<128xi8>)
// CHECK: %[[FLAT:.*]] = memref.view %[[X]][%{{.*}}][] : memref<8xi8> to memref<8xi8>
// CHECK: call @whole(%[[FLAT]],
// CHECK: %[[OFFSET:.*]] = arith.constant 8 : index
// CHECK: %[[LINE:.*]] = memref.view %[[S]][%[[OFFSET]]][] : memref<128xi8> to memref<9xi8>
// CHECK: %[[PART:.*]] = memref.reinterpret_cast %[[LINE]] to offset: [0], sizes: [2, 3], strides: [6, 1]
// CHECK: call @part(%[[PART]],
func.func private @whole(%x: tensor<8xi8>, %d: tensor<4x6xi8>, %begin: index, %end: index) -> tensor<4x6xi8> attributes {mpq.kernel} {
  return %d : tensor<4x6xi8>
}
func.func private @part(%x: tensor<2x3xi8>, %d: tensor<6xi8>, %begin: index, %end: index) -> tensor<6xi8> attributes {mpq.kernel} {
  return %d : tensor<6xi8>
}
func.func @views(%x: tensor<2x4xi8> {mpq.unsigned}) -> (tensor<6xi8> {mpq.unsigned}) {
  %c0 = arith.constant 0 : index
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<2x4xi8> into tensor<8xi8>
  %e0 = tensor.empty() : tensor<4x6xi8>
  %0 = call @whole(%flat, %e0, %c0, %c0) : (tensor<8xi8>, tensor<4x6xi8>, index, index) -> tensor<4x6xi8>
  %s = tensor.extract_slice %0[1, 2] [2, 3] [1, 1] : tensor<4x6xi8> to tensor<2x3xi8>
  %e1 = tensor.empty() : tensor<6xi8>
  %1 = call @part(%s, %e1, %c0, %c0) : (tensor<2x3xi8>, tensor<6xi8>, index, index) -> tensor<6xi8>
  return %1 : tensor<6xi8>
}

// -----

// An observed value is handed to a hook, by number.
// CHECK: module attributes {mpq.live_bytes = 0 : i64, mpq.model = "observed", mpq.observers = ["input", "output"],
// CHECK: func.func private @mpq_observer_0(memref<8xf32>) attributes {mpq.observed_count = 8 : i64}
// CHECK: func.func private @mpq_observer_1(memref<8xf32>)
// CHECK: func.func @observed(%[[X:.*]]: memref<32xi8>, %[[Y:.*]]: memref<32xi8>,
// CHECK: %[[IN:.*]] = memref.view %[[X]]
// CHECK: call @mpq_observer_0(%[[IN]])
// CHECK: call @kernel(
// CHECK: %[[OUT:.*]] = memref.view %[[Y]]
// CHECK: call @mpq_observer_1(%[[OUT]])
func.func private @kernel(%x: tensor<8xf32>, %d: tensor<8xf32>, %begin: index, %end: index) -> tensor<8xf32> attributes {mpq.kernel} {
  return %d : tensor<8xf32>
}
func.func @observed(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  mpq.observe %x as "input" : tensor<8xf32>
  %e = tensor.empty() : tensor<8xf32>
  %0 = call @kernel(%x, %e, %c0, %c0) : (tensor<8xf32>, tensor<8xf32>, index, index) -> tensor<8xf32>
  mpq.observe %0 as "output" : tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// The weights of another variant are kept where they are. What lies there is
// found, within the bytes of another constant, too; the rest comes behind.
// CHECK: module attributes {{.*}}mpq.weights = dense_resource<weights{{.*}}> : tensor<256xi8>, mpq.weights_used = 128 : i64
// CHECK: func.func @sharing(%{{.*}}: memref<64xi8>, %{{.*}}: memref<64xi8>, %[[W:.*]]: memref<256xi8>,
// CHECK: memref.view %[[W]][%{{c64.*}}][]
// CHECK: memref.view %[[W]][%{{c192.*}}][]
module attributes {mpq.weights = dense_resource<others> : tensor<192xi8>} {
  func.func private @k(%x: tensor<16xf32>, %w: tensor<4xf32>, %d: tensor<16xf32>, %begin: index, %end: index) -> tensor<16xf32> attributes {mpq.kernel} {
    return %d : tensor<16xf32>
  }
  func.func private @k2(%x: tensor<16xf32>, %w: tensor<4xf32>, %d: tensor<16xf32>, %begin: index, %end: index) -> tensor<16xf32> attributes {mpq.kernel} {
    return %d : tensor<16xf32>
  }
  func.func @sharing(%x: tensor<16xf32>) -> tensor<16xf32> {
    %c0 = arith.constant 0 : index
    %w0 = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
    %w1 = arith.constant dense<[5.0, 6.0, 7.0, 8.0]> : tensor<4xf32>
    %e0 = tensor.empty() : tensor<16xf32>
    %0 = call @k(%x, %w0, %e0, %c0, %c0) : (tensor<16xf32>, tensor<4xf32>, tensor<16xf32>, index, index) -> tensor<16xf32>
    %e1 = tensor.empty() : tensor<16xf32>
    %1 = call @k2(%0, %w1, %e1, %c0, %c0) : (tensor<16xf32>, tensor<4xf32>, tensor<16xf32>, index, index) -> tensor<16xf32>
    return %1 : tensor<16xf32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      others: "0x40000000070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070000803F00000040000040400000804000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000009090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909"
    }
  }
#-}
