// RUN: quant-opt %s --split-input-file --mpq-dispatch-kernels -verify-diagnostics

// expected-error @below {{expected a module after codegen, with a C identifier as 'mpq.model', but got <<NULL ATTRIBUTE>>}}
module {
}

// -----

// expected-error @below {{expected the function 'net' in the LLVM dialect}}
module attributes {mpq.model = "net", mpq.workspace_size = 64 : i64, mpq.signature = {inputs = [], outputs = []}} {
}

// -----

// The signature names an input and an output, the function takes neither.
module attributes {mpq.model = "net", mpq.workspace_size = 64 : i64,
    mpq.signature = {inputs = [{name = "x", type = tensor<4xf32>}], outputs = [{name = "y", type = tensor<4xf32>}]}} {
  // expected-error @below {{expected a straight line of kernel calls on 4 pointers}}
  llvm.func @net(%weights: !llvm.ptr, %workspace: !llvm.ptr) {
    llvm.return
  }
}

// -----

module attributes {mpq.model = "net", mpq.workspace_size = 64 : i64, mpq.signature = {inputs = [], outputs = []}} {
  // expected-error @below {{expected a straight line of kernel calls on 2 pointers}}
  llvm.func @net(%weights: !llvm.ptr, %workspace: !llvm.ptr) {
    llvm.br ^exit
  ^exit:
    llvm.return
  }
}

// -----

// A function that no strategy was selected for.
module attributes {mpq.model = "net", mpq.workspace_size = 64 : i64, mpq.signature = {inputs = [], outputs = []}} {
  llvm.func internal @helper(%begin: i64, %end: i64) {
    llvm.return
  }
  llvm.func @net(%weights: !llvm.ptr, %workspace: !llvm.ptr) {
    %zero = llvm.mlir.constant(0 : i64) : i64
    // expected-error @below {{calls 'helper', which is no kernel with work items}}
    llvm.call @helper(%zero, %zero) : (i64, i64) -> ()
    llvm.return
  }
}

// -----

// expected-error @below {{expected 'mpq.kernel_work' to be an array<i64> of 4 numbers, four for each of 'mpq.kernels', but got array<i64: 1, 2, 3, 4, 5, 6, 7, 8>}}
module attributes {mpq.model = "net", mpq.workspace_size = 64 : i64, mpq.kernels = ["y"], mpq.kernel_work = array<i64: 1, 2, 3, 4, 5, 6, 7, 8>,
    mpq.signature = {inputs = [], outputs = []}} {
}
