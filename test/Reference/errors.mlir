// What has no meaning for these values, and what the interpreter does not know, is an error at its place.
// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: not quant-run --reference table.mlir --output-dir out 2>&1 | FileCheck %s --check-prefix=TABLE
// TABLE: table.mlir:7:10: error: 'tensor.extract' op reads position 4 of a dimension of extent 4
// RUN: not quant-run --reference divide.mlir --output-dir out 2>&1 | FileCheck %s --check-prefix=DIVIDE
// DIVIDE: error: 'arith.divsi' op divides 7 by 0
// RUN: not quant-run --reference slice.mlir --output-dir out 2>&1 | FileCheck %s --check-prefix=SLICE
// SLICE: error: 'tensor.extract_slice' op reaches positions 2 to 5 of dimension 0, which has extent 4
// RUN: not quant-run --reference unknown.mlir --output-dir out 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: unknown.mlir:3:8: error: 'linalg.softmax' op is not supported by the interpreter
// RUN: not quant-run --reference body.mlir --output-dir out 2>&1 | FileCheck %s --check-prefix=BODY
// BODY: error: 'math.atan' op is not supported by the interpreter in a body
// RUN: not quant-run --reference dynamic.mlir --output-dir out 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// DYNAMIC: error: 'result0' has type tensor<?xf32>: expected a tensor of static shape
// RUN: not ls out

//--- table.mlir
func.func @f() -> tensor<1xf32> {
  %t = arith.constant dense<1.0> : tensor<4xf32>
  %e = tensor.empty() : tensor<1xf32>
  %i = arith.constant 4 : index
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%e : tensor<1xf32>) {
  ^bb0(%o: f32):
    %v = tensor.extract %t[%i] : tensor<4xf32>
    linalg.yield %v : f32
  } -> tensor<1xf32>
  return %r : tensor<1xf32>
}

//--- divide.mlir
func.func @f() -> tensor<2xi32> {
  %a = arith.constant dense<7> : tensor<2xi32>
  %b = arith.constant dense<[1, 0]> : tensor<2xi32>
  %r = arith.divsi %a, %b : tensor<2xi32>
  return %r : tensor<2xi32>
}

//--- slice.mlir
func.func @f() -> tensor<4xf32> {
  %a = arith.constant dense<7.0> : tensor<4xf32>
  %i = arith.constant 2 : index
  %r = tensor.extract_slice %a[%i] [4] [1] : tensor<4xf32> to tensor<4xf32>
  return %r : tensor<4xf32>
}

//--- unknown.mlir
func.func @f() -> tensor<2x2xf32> {
  %x = arith.constant dense<1.0> : tensor<2x2xf32>
  %r = linalg.softmax dimension(1) ins(%x : tensor<2x2xf32>) outs(%x : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

//--- body.mlir
func.func @f() -> tensor<2xf32> {
  %a = arith.constant dense<7.0> : tensor<2xf32>
  %r = math.atan %a : tensor<2xf32>
  return %r : tensor<2xf32>
}

//--- dynamic.mlir
func.func @f() -> tensor<?xf32> {
  %a = arith.constant dense<7.0> : tensor<2xf32>
  %r = tensor.cast %a : tensor<2xf32> to tensor<?xf32>
  return %r : tensor<?xf32>
}
