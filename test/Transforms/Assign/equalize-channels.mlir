// Listed channels are divided before the products and multiplied into the rows of their weights.
// RUN: split-file %s %t
// RUN: quant-opt %t/m.mlir --mpq-equalize-channels="recipe=%t/good.json" | FileCheck %s
// RUN: not quant-opt %t/m.mlir --mpq-equalize-channels="recipe=%t/name.json" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not quant-opt %t/m.mlir --mpq-equalize-channels="recipe=%t/channel.json" 2>&1 | FileCheck %s --check-prefix=CHANNEL
// RUN: not quant-opt %t/m.mlir --mpq-equalize-channels="recipe=%t/reader.json" 2>&1 | FileCheck %s --check-prefix=READER
// RUN: not quant-opt %t/m.mlir --mpq-equalize-channels="recipe=%t/factor.json" 2>&1 | FileCheck %s --check-prefix=FACTOR
// RUN: not quant-opt %t/m.mlir --mpq-equalize-channels="recipe=%t/range.json" 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not quant-opt %t/m.mlir --mpq-equalize-channels="recipe=%t/twice.json" 2>&1 | FileCheck %s --check-prefix=TWICE
// NAME: error: {{.*}}recipe '{{.*}}': no value 'hiden' to equalize; did you mean 'hidden'?
// CHANNEL: error: {{.*}}recipe '{{.*}}': expected channels below 3 of 'hidden' but got 3
// READER: error: {{.*}}recipe '{{.*}}': expected a matrix product with constant weights that reads 'out' but there is none
// FACTOR: error: recipe '{{.*}}': expected the factor of channel 1 in equalization 1 to be a power of two from 2 to 65536
// RANGE: error: recipe '{{.*}}': expected 'range' in equalization 1 to be two rising numbers
// TWICE: error: recipe '{{.*}}': 'hidden' in equalization 2 is equalized already

// Both products read one divided value; the residual path reads the original.
// CHECK-LABEL: @main
// CHECK: %[[HIDDEN:.*]] = math.absf
// CHECK: %[[INVERSES:.*]] = arith.constant dense<[1.000000e+00, 2.500000e-01, 1.000000e+00]> : tensor<3xf32>
// CHECK: %[[E:.*]] = linalg.generic {{.*}} ins(%[[HIDDEN]], %[[INVERSES]] : {{.*}} attrs = {mpq.ranges = [#mpq.range<-1.000000e+00, 6.000000e+00, recipe>]}
// CHECK: arith.mulf
// CHECK: %[[MOVED:.*]] = tensor.collapse_shape %[[E]]
// CHECK-NOT: tensor.collapse_shape
// CHECK: %[[W1:.*]] = arith.constant dense<{{\[}}[1.000000e+00, 2.000000e+00], [1.200000e+01, 1.600000e+01], [5.000000e+00, 6.000000e+00]]>
// CHECK: linalg.matmul ins(%[[MOVED]], %[[W1]]
// CHECK: %[[W2:.*]] = arith.constant dense<{{\[}}[1.000000e+00], [8.000000e+00], [3.000000e+00]]>
// CHECK: linalg.matmul ins(%[[MOVED]], %[[W2]]
// CHECK: arith.addf %[[HIDDEN]], %[[HIDDEN]]

//--- m.mlir
func.func @main(%x: tensor<1x4x3xf32>, %i: tensor<4x2xf32>, %j: tensor<4x1xf32>) -> (tensor<4x2xf32>, tensor<4x1xf32>, tensor<1x4x3xf32>) {
  %w1 = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %w2 = arith.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %h = math.absf %x : tensor<1x4x3xf32> loc("hidden")
  %m = tensor.collapse_shape %h [[0, 1], [2]] : tensor<1x4x3xf32> into tensor<4x3xf32>
  %a = linalg.matmul ins(%m, %w1 : tensor<4x3xf32>, tensor<3x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("out")
  %b = linalg.matmul ins(%m, %w2 : tensor<4x3xf32>, tensor<3x1xf32>) outs(%j : tensor<4x1xf32>) -> tensor<4x1xf32>
  %r = arith.addf %h, %h : tensor<1x4x3xf32>
  return %a, %b, %r : tensor<4x2xf32>, tensor<4x1xf32>, tensor<1x4x3xf32>
}
//--- good.json
{"equalize": [{"name": "hidden", "channels": {"1": 4}, "range": [-1, 6]}]}
//--- name.json
{"equalize": [{"name": "hiden", "channels": {"1": 4}, "range": [-1, 6]}]}
//--- channel.json
{"equalize": [{"name": "hidden", "channels": {"3": 4}, "range": [-1, 6]}]}
//--- reader.json
{"equalize": [{"name": "out", "channels": {"1": 4}, "range": [-1, 6]}]}
//--- factor.json
{"equalize": [{"name": "hidden", "channels": {"1": 3}, "range": [-1, 6]}]}
//--- range.json
{"equalize": [{"name": "hidden", "channels": {"1": 4}, "range": [6, -1]}]}
//--- twice.json
{"equalize": [{"name": "hidden", "channels": {"1": 4}, "range": [-1, 6]},
              {"name": "hidden", "channels": {"2": 4}, "range": [-1, 6]}]}
