// Inputs against the signature: one clear error each, exit code 1, nothing written.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python %S/../../Reference/Inputs/npy.py save x.npy float32 2x2 1 2 3 4
// RUN: %python %S/../../Reference/Inputs/npy.py save u.npy uint8 scalar 200
// RUN: %python %S/../../Reference/Inputs/npy.py save flat.npy float32 4 1 2 3 4
// RUN: %python %S/../../Reference/Inputs/npy.py save double.npy float64 2x2 1 2 3 4
// RUN: head -c 100 x.npy > cut.npy

// RUN: quant-run --reference %s --input in/x=x.npy --input u=u.npy --output-dir good
// RUN: %python %S/../../Reference/Inputs/npy.py show good/out_y.npy good/result1.npy | FileCheck %s
// CHECK: float32 (2, 2) 2 4 6 8
// CHECK-NEXT: int8 () -56

// RUN: not quant-run --reference %s --input in/x=x.npy --output-dir out 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: quant-run: error: input 'u' is missing: pass --input u=FILE.npy
// RUN: not quant-run --reference %s --input z=x.npy --input u=u.npy --output-dir out 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: quant-run: error: the model has no input 'z': its inputs are 'in/x', 'u'
// RUN: not quant-run --reference %s --input in/x=x.npy --input in/x=x.npy --input u=u.npy --output-dir out 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: quant-run: error: input 'in/x' is given twice
// RUN: not quant-run --reference %s --input x.npy --output-dir out 2>&1 | FileCheck %s --check-prefix=FORM
// FORM: quant-run: error: expected --input NAME=FILE.npy but got 'x.npy'
// RUN: not quant-run --reference %s --input in/x=flat.npy --input u=u.npy --output-dir out 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: quant-run: error: input 'in/x' expects float32[2,2] but 'flat.npy' holds float32[4]
// RUN: not quant-run --reference %s --input in/x=double.npy --input u=u.npy --output-dir out 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: quant-run: error: input 'in/x' expects float32[2,2] but 'double.npy' holds float64[2,2]
// RUN: not quant-run --reference %s --input in/x=cut.npy --input u=u.npy --output-dir out 2>&1 | FileCheck %s --check-prefix=CUT
// CUT: quant-run: error: 'cut.npy': expected an .npy header of 118 bytes but only 90 follow
// RUN: not quant-run --reference %s --input in/x=none.npy --input u=u.npy --output-dir out 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: quant-run: error: 'none.npy': cannot read: No such file or directory
// RUN: not quant-run --reference none.mlir --output-dir out 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: none.mlir
// RUN: not quant-run --reference %s --function g --output-dir out 2>&1 | FileCheck %s --check-prefix=FUNCTION
// FUNCTION: the file has no function 'g'
// RUN: not quant-run --reference %s --input in/x=x.npy --input u=u.npy --output-dir x.npy 2>&1 | FileCheck %s --check-prefix=FOLDER
// FOLDER: quant-run: error: cannot write 'x.npy/out_y.npy': Not a directory
// RUN: not ls out
func.func @model(%x: tensor<2x2xf32> {mpq.name = "in/x"}, %u: i8 {mpq.name = "u", mpq.unsigned}) -> (tensor<2x2xf32> {mpq.name = "out/y"}, i8) {
  %two = func.call @double(%x) : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %two, %u : tensor<2x2xf32>, i8
}
func.func private @double(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %r = arith.addf %x, %x : tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}
