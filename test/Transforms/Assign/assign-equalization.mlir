// Factors of a recipe, or those that make rounding cost least.
// RUN: split-file %s %t
// RUN: quant-opt %t/m.mlir --mpq-assign-equalization="recipe=%t/good.json" | FileCheck %s --check-prefix=LISTED
// RUN: quant-opt %t/m.mlir --mpq-assign-equalization --remarks-filter-passed=mpq-assign 2>&1 | FileCheck %s --check-prefix=AUTO
// RUN: quant-opt %t/m.mlir --mpq-assign-equalization="recipe=%t/stored.json" | FileCheck %s --check-prefix=STORED
// RUN: quant-opt %t/m.mlir --mpq-assign-equalization="recipe=%t/none.json" | FileCheck %s --check-prefix=NONE
// RUN: not quant-opt %t/m.mlir --mpq-assign-equalization="recipe=%t/name.json" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not quant-opt %t/m.mlir --mpq-assign-equalization="recipe=%t/channel.json" 2>&1 | FileCheck %s --check-prefix=CHANNEL
// RUN: not quant-opt %t/m.mlir --mpq-assign-equalization="recipe=%t/reader.json" 2>&1 | FileCheck %s --check-prefix=READER
// RUN: not quant-opt %t/m.mlir --mpq-assign-equalization="recipe=%t/factor.json" 2>&1 | FileCheck %s --check-prefix=FACTOR
// RUN: not quant-opt %t/m.mlir --mpq-assign-equalization="recipe=%t/range.json" 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not quant-opt %t/m.mlir --mpq-assign-equalization="recipe=%t/twice.json" 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: not quant-opt %t/m.mlir --mpq-assign-equalization="recipe=%t/word.json" 2>&1 | FileCheck %s --check-prefix=WORD
// NAME: error: {{.*}}recipe '{{.*}}': no computed value 'hiden' to equalize; did you mean 'hidden'?
// CHANNEL: error: {{.*}}recipe '{{.*}}': expected channels below 3 of 'hidden' but got 3
// READER: error: {{.*}}recipe '{{.*}}': expected an integer product with constant weights that reads 'out' but there is none
// FACTOR: error: recipe '{{.*}}': expected the factor of channel 1 in equalization 1 to be a power of two from 2 to 65536
// RANGE: error: recipe '{{.*}}': expected 'range' in equalization 1 to be two rising numbers
// TWICE: error: recipe '{{.*}}': 'hidden' in equalization 2 is equalized already
// WORD: error: recipe '{{.*}}': expected 'equalize' to be auto, none or an array; did you mean 'none'?

// A list is all that happens.
// LISTED-LABEL: @main
// LISTED: math.absf %{{.*}} {mpq.equalization = #mpq.equalization<[1.000000e+00, 4.000000e+00, 1.000000e+00], <-1.000000e+00, 6.000000e+00, recipe>, others = f32>}
// LISTED-NOT: mpq.equalization
// LISTED-NOT: mpq.channel_ranges

// Ranges of a factor of 64 before weights of one size are balanced by a factor between 1 and 64; before a depthwise
// convolution completely. The method cut the upper half of the range, and cuts that of the divided value as much.
// Balanced channels, a value that a product behind a transpose reads, and one that only float products read stay.
// AUTO: remark: {{.*}}channels of 'hidden' are equalized: rounding costs what reads it {{[0-9.]+}} dB less
// AUTO: remark: {{.*}}channels of 'deep' are equalized
// AUTO-NOT: remark
// AUTO-LABEL: @main
// AUTO: math.absf %{{.*}} {mpq.equalization = #mpq.equalization<[1.000000e+00, [[F:8|16|32]].000000e+00, 1.000000e+00], <0.000000e+00, {{[1-8]}}.000000e+00, calibration>, others = f32>}
// AUTO: math.sqrt %{{.*}} {mpq.equalization = #mpq.equalization<[1.562500e-02, 1.000000e+00], <0.000000e+00, 3.200000e+01, calibration>, others = f32>, mpq.ranges
// AUTO-NOT: mpq.equalization
// AUTO-NOT: mpq.channel_ranges
// STORED: others = int8
// NONE-NOT: mpq.equalization
// NONE-NOT: mpq.channel_ranges

//--- m.mlir
func.func @main(%x: tensor<4x3xf32>, %y: tensor<1x3x1x2xf32>, %i: tensor<4x2xf32>, %j: tensor<1x2x1x2xf32>, %k: tensor<3x2xf32>, %wk: tensor<4x2xf32>)
    -> (tensor<4x2xf32>, tensor<1x2x1x2xf32>, tensor<4x2xf32>, tensor<3x2xf32>, tensor<4x2xf32>) {
  %w1 = arith.constant dense<1.0> : tensor<3x2xf32>
  %w2 = arith.constant dense<1.0> : tensor<2x1x2xf32>
  %w3 = arith.constant dense<1.0> : tensor<4x2xf32>
  %t = tensor.empty() : tensor<3x4xf32>
  %h = math.absf %x {mpq.channel_ranges = #mpq.channel_ranges<[0.0, 0.0, 0.0], [1.0, 64.0, 1.0]>} : tensor<4x3xf32> loc("hidden")
  %a = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%h, %w1 : tensor<4x3xf32>, tensor<3x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32> loc("out")
  %d = math.sqrt %y {mpq.channel_ranges = #mpq.channel_ranges<[0.0, 0.0], [1.0, 64.0]>, mpq.ranges = [#mpq.range<0.0, 32.0, calibration>]} : tensor<1x3x1x2xf32> loc("deep")
  %b = linalg.depthwise_conv_2d_nhwc_hwc {mpq.precision = #mpq.precision<int8>} ins(%d, %w2 : tensor<1x3x1x2xf32>, tensor<2x1x2xf32>) outs(%j : tensor<1x2x1x2xf32>) -> tensor<1x2x1x2xf32>
  %e = math.exp %x {mpq.channel_ranges = #mpq.channel_ranges<[0.0, 0.0, 0.0], [1.0, 1.25, 1.0]>} : tensor<4x3xf32> loc("even")
  %c = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%e, %w1 : tensor<4x3xf32>, tensor<3x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = math.tanh %x {mpq.channel_ranges = #mpq.channel_ranges<[0.0, 0.0, 0.0], [1.0, 64.0, 1.0]>} : tensor<4x3xf32> loc("turned")
  %rt = linalg.transpose ins(%r : tensor<4x3xf32>) outs(%t : tensor<3x4xf32>) permutation = [1, 0]
  %f = linalg.matmul {mpq.precision = #mpq.precision<int8>} ins(%rt, %w3 : tensor<3x4xf32>, tensor<4x2xf32>) outs(%k : tensor<3x2xf32>) -> tensor<3x2xf32>
  %l = math.log %x {mpq.channel_ranges = #mpq.channel_ranges<[0.0, 0.0, 0.0], [1.0, 64.0, 1.0]>} : tensor<4x3xf32> loc("float")
  %g = linalg.matmul {mpq.precision = #mpq.precision<f32, "rule">} ins(%l, %w1 : tensor<4x3xf32>, tensor<3x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %a, %b, %c, %f, %g : tensor<4x2xf32>, tensor<1x2x1x2xf32>, tensor<4x2xf32>, tensor<3x2xf32>, tensor<4x2xf32>
}
//--- good.json
{"equalize": [{"name": "hidden", "channels": {"1": 4}, "range": [-1, 6]}]}
//--- stored.json
{"equalize": "auto", "stored": "int8"}
//--- none.json
{"equalize": "none"}
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
//--- word.json
{"equalize": "non"}
