// Ranges from a profile, with both range methods. The profile has the
// fingerprint the compiler itself names when it refuses a wrong one.
// RUN: sed -e 's/"samples"/"fingerprint": "0", "samples"/' %S/Inputs/profile.json > %t.wrong.json
// RUN: not quant-opt %s --mpq-apply-profile=profile=%t.wrong.json 2> %t.error
// RUN: FileCheck %s --check-prefix=WRONG --input-file=%t.error
// WRONG: error: profile '{{.*}}wrong.json' is of another model: expected fingerprint '{{[0-9a-f]+}}' but got '0', calibrate this model
// RUN: sed -n "s/.*expected fingerprint '\([0-9a-f]*\)'.*/s,^{,{\"fingerprint\": \"\1\"\\\\,,/p" %t.error > %t.sed
// RUN: sed -f %t.sed %S/Inputs/profile.json > %t.json

// RUN: quant-opt %s --mpq-apply-profile=profile=%t.json 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks
// REMARK: remark: {{.*}}value 'wild' gets no calibrated range: it was infinite 8 times

// RUN: quant-opt %s --mpq-apply-profile="profile=%t.json method=percentile percentile=99.9" | FileCheck %s --check-prefix=PERCENTILE

// RUN: quant-opt %s --mpq-apply-profile="profile=%t.json method=kl" | FileCheck %s --check-prefix=KL
// RUN: quant-opt %s --mpq-apply-profile="profile=%t.json method=mse" | FileCheck %s --check-prefix=MSE
// RUN: quant-opt %s --mpq-apply-profile="profile=%t.json method=octav" | FileCheck %s --check-prefix=OCTAV
// RUN: quant-opt %s --mpq-apply-profile="profile=%t.json method=aciq" | FileCheck %s --check-prefix=ACIQ

// The instrumented module and one that has ranges are still the same model.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(mpq-insert-observers),mpq-apply-profile{profile=%t.json},mpq-apply-profile{profile=%t.json})' | FileCheck %s
// RUN: quant-opt %s --mpq-instrument-pipeline --mpq-calibrate-pipeline="profile=%t.json method=percentile percentile=99.9" | FileCheck %s --check-prefix=PERCENTILE --implicit-check-not=mpq.observe
// So is one that went through a file.
// RUN: quant-opt %s -emit-bytecode -o %t.mlirbc && quant-opt %t.mlirbc --mpq-apply-profile=profile=%t.json | FileCheck %s

// CHECK-LABEL: func.func @model(
// CHECK-SAME: %{{.*}}: tensor<2x4xf32> {mpq.name = "x", mpq.range = #mpq.range<-3.000000e+00, 5.000000e+00, calibration>}
// PERCENTILE-LABEL: func.func @model(
func.func @model(%x: tensor<2x4xf32> {mpq.name = "x"}) -> tensor<2x8xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense_resource<weights> : tensor<4x8xf32> loc("w")
  %empty = tensor.empty() : tensor<2x8xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK: linalg.matmul {mpq.ranges = [#mpq.range<0.000000e+00, 2.047000e+03, calibration>]}
  // 9999 values fill [0, 8) evenly, one is 2047. For squares that one weighs; one level of 256 still tells
  // the others from it, so entropy has no reason to cut.
  // KL: mpq.range<0.000000e+00, 2.047000e+03, calibration>
  // MSE: mpq.range<0.000000e+00, 2.02{{[0-9]+}}e+03, calibration>
  // OCTAV: mpq.range<0.000000e+00, 2024.{{[0-9]+}}, calibration>
  // ACIQ: mpq.range<0.000000e+00, 52.{{[0-9]+}}, calibration>
  // PERCENTILE: linalg.matmul {mpq.ranges = [#mpq.range<0.000000e+00, 7.99{{[0-9]+}}, calibration>]}
  %mm = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x8xf32>) outs(%fill : tensor<2x8xf32>) -> tensor<2x8xf32> loc("fc")
  // CHECK: math.exp %{{[0-9a-z]+}} : tensor
  %wild = math.exp %mm : tensor<2x8xf32> loc("wild")
  // What is not in the profile is left alone, and so is a range of a recipe.
  // CHECK: math.log %{{[0-9a-z]+}} : tensor
  %other = math.log %wild : tensor<2x8xf32> loc("other")
  // CHECK: math.tanh %{{.*}} {mpq.ranges = [#mpq.range<-2.000000e+00, 2.000000e+00, recipe>]}
  %fixed = math.tanh %other {mpq.ranges = [#mpq.range<-2.0, 2.0, recipe>]} : tensor<2x8xf32> loc("x")
  return %fixed : tensor<2x8xf32>
}

{-#
  dialect_resources: {
    builtin: {
      weights: "0x040000000000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F00000040"
    }
  }
#-}
