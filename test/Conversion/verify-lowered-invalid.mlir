// RUN: quant-opt %s --mpq-verify-lowered --split-input-file -verify-diagnostics

#map = affine_map<(d0) -> ()>
func.func @tensor_form(%x: tensor<8xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<8xi8> {
  // expected-note @below {{its input is computed here}}
  %n = arith.negf %x : tensor<8xf32>
  // expected-error @below {{'mpq.quantize' op expected only scalar forms after lower but got a tensor form on 'tensor<8xf32>'}}
  %q = mpq.quantize %n, %s, %z by #map : tensor<8xf32>, tensor<f32>, tensor<i8> -> tensor<8xi8>
  return %q : tensor<8xi8>
}

// -----

func.func @signedness(%x: tensor<4x2xi8>, %w: tensor<2x2xi8>, %init: tensor<4x2xi32>) -> tensor<4x2xi32> {
  // expected-error @below {{'linalg.generic' op expected an integer product to widen one unsigned and one signed operand}}
  %r = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
       ins(%x, %w : tensor<4x2xi8>, tensor<2x2xi8>) outs(%init : tensor<4x2xi32>) {
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %acc, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<4x2xi32>
  return %r : tensor<4x2xi32>
}
