// RUN: quant-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(mpq-vectorize-generics))' -verify-diagnostics

// expected-error @below {{expected an 'mpq.target' attribute on the module: codegen needs to know the machine}}
func.func @no_target(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @dynamic(%x: tensor<?xf32>, %d: tensor<?xf32>) -> tensor<?xf32> {
    // expected-error @below {{expected one result and static extents: run mpq-tile-kernels first}}
    %r = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> (a)>], iterator_types = ["parallel"]}
        ins(%x : tensor<?xf32>) outs(%d : tensor<?xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?xf32>
    return %r : tensor<?xf32>
  }
}

// -----

// Two results.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @two(%x: tensor<8xf32>, %d: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
    // expected-error @below {{expected one result and static extents: run mpq-tile-kernels first}}
    %r:2 = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> (a)>, affine_map<(a) -> (a)>], iterator_types = ["parallel"]}
        ins(%x : tensor<8xf32>) outs(%d, %d : tensor<8xf32>, tensor<8xf32>) {
    ^bb0(%in: f32, %o1: f32, %o2: f32):
      linalg.yield %in, %in : f32, f32
    } -> (tensor<8xf32>, tensor<8xf32>)
    return %r#0, %r#1 : tensor<8xf32>, tensor<8xf32>
  }
}

// -----

// No dimension to carry the lanes.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @no_loop(%x: tensor<f32>, %d: tensor<f32>) -> tensor<f32> {
    // expected-error @below {{expected a result with at least one dimension}}
    %r = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%x : tensor<f32>) outs(%d : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %n = arith.negf %in : f32
      linalg.yield %n : f32
    } -> tensor<f32>
    return %r : tensor<f32>
  }
}

// -----

// A call works on scalars only.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func private @scalar(f32) -> f32
  func.func @no_vector_form(%x: tensor<8xf32>, %d: tensor<8xf32>) -> tensor<8xf32> {
    %r = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> (a)>], iterator_types = ["parallel"]}
        ins(%x : tensor<8xf32>) outs(%d : tensor<8xf32>) {
    ^bb0(%in: f32, %out: f32):
      // expected-error @below {{operation 'func.call' has no vector form: expected an elementwise operation here}}
      %n = func.call @scalar(%in) : (f32) -> f32
      linalg.yield %n : f32
    } -> tensor<8xf32>
    return %r : tensor<8xf32>
  }
}

// -----

// A result that is written beside its loops.
module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "+avx2">} {
  func.func @shifted(%x: tensor<8xf32>, %d: tensor<9xf32>) -> tensor<9xf32> {
    // expected-error @below {{expected each result dimension to be a loop}}
    %r = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> (a + 1)>], iterator_types = ["parallel"]}
        ins(%x : tensor<8xf32>) outs(%d : tensor<9xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<9xf32>
    return %r : tensor<9xf32>
  }
}
