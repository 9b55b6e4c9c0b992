// The stock mlir-opt with our plug-in quantizes and lowers a linalg file that no
// importer of ours wrote: the second product follows the first through a
// rectifier, which quantization does anyway, so nothing but 8 bits lies between
// them.
// RUN: mlir-opt %s --load-dialect-plugin=%mpq_lib/mpq-plugin.so --load-pass-plugin=%mpq_lib/mpq-plugin.so --pass-pipeline="builtin.module(mpq-quantize-pipeline,mpq-lower-pipeline)" | FileCheck %s
// RUN: quant-opt %s --mpq-quantize-pipeline="precision=f32" --mpq-lower-pipeline | FileCheck %s --check-prefix=FLOAT

// CHECK-LABEL: @perceptron
// CHECK: mpq.quantize %{{.*}} unsigned {scaling = #mpq.scaling<multiply>} : f32, f32, i8 -> i8
// CHECK: arith.muli
// CHECK-NOT: arith.maximumf
// CHECK: mpq.requantize %{{.*}} unsigned : i32, f32, i8 -> i8
// CHECK: arith.muli
// CHECK: arith.sitofp
// CHECK-NOT: mpq.dequantize

// FLOAT-LABEL: @perceptron
// FLOAT-NOT: i8
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @perceptron(%x: tensor<4x3xf32> {mpq.range = #mpq.range<-1.0, 4.0, recipe>}) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[0.5, -2.0], [1.0, 0.25], [-1.9, 0.0]]> : tensor<3x2xf32>
  %w2 = arith.constant dense<[[1.0, 0.5], [0.25, -1.0]]> : tensor<2x2xf32>
  %bias = arith.constant dense<[0.5, -0.125]> : tensor<2xf32>
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %b = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<4x2xf32>) dimensions = [0]
  %i = linalg.fill ins(%c0 : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%b : tensor<4x2xf32>) -> tensor<4x2xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"], mpq.ranges = [#mpq.range<0.0, 8.0, recipe>]}
       ins(%r : tensor<4x2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %c0 : f32
    linalg.yield %m : f32
  } -> tensor<4x2xf32>
  %o = linalg.matmul ins(%a, %w2 : tensor<4x2xf32>, tensor<2x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %o : tensor<4x2xf32>
}
