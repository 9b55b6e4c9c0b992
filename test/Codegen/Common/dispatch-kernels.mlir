// RUN: quant-opt %s --mpq-dispatch-kernels | FileCheck %s

// Two calls of one kernel and a hook of calibration.
// The names of the calls' locations and their work go into the module, for the
// profile.
// CHECK: module attributes {mpq.kernel_work = array<i64: 8, 0, 64, 16, 8, 0, 64, 16>, mpq.kernels = ["hidden", "y"], mpq.model = "net", mpq.observers = ["hidden"],

// What the parallel hook calls, once for each kernel: arguments from an array.
// CHECK: llvm.func internal @kernel_0(
// CHECK: llvm.func internal @kernel_0.hidden(%[[ARGS:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
// CHECK: %[[X0:.*]] = llvm.getelementptr %[[ARGS]][0]
// CHECK: %[[X:.*]] = llvm.load %[[X0]]
// CHECK: %[[D0:.*]] = llvm.getelementptr %[[ARGS]][1]
// CHECK: %[[D:.*]] = llvm.load %[[D0]]
// CHECK: llvm.call @kernel_0(%[[X]], %[[D]], %[[BEGIN]], %[[END]])
// CHECK-NOT: @kernel_0.hidden(
// CHECK-NOT: @mpq_observer_0

// The entry: pointers from the arrays, then calls of the dispatcher.
// CHECK: llvm.func @net_main(%[[INPUTS:.*]]: !llvm.ptr, %[[OUTPUTS:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr, %[[WORKSPACE:.*]]: !llvm.ptr, %[[CONTEXT:.*]]: !llvm.ptr)
// CHECK: %[[COUNT:.*]] = llvm.mlir.constant(4 : i64)
// CHECK: %[[SLOTS:.*]] = llvm.alloca %[[COUNT]] x !llvm.ptr
// CHECK: %[[IN0:.*]] = llvm.getelementptr %[[INPUTS]][0]
// CHECK: %[[IN:.*]] = llvm.load %[[IN0]]
// CHECK: %[[OUT0:.*]] = llvm.getelementptr %[[OUTPUTS]][0]
// CHECK: %[[OUT:.*]] = llvm.load %[[OUT0]]
// CHECK: %[[S0:.*]] = llvm.getelementptr %[[SLOTS]][0]
// CHECK: llvm.store %[[IN]], %[[S0]]
// CHECK: %[[S1:.*]] = llvm.getelementptr %[[SLOTS]][1]
// CHECK: llvm.store %[[WORKSPACE]], %[[S1]]
// CHECK: %[[F:.*]] = llvm.mlir.addressof @kernel_0.hidden
// CHECK: %[[FIRST:.*]] = llvm.mlir.constant(0 : i64)
// CHECK: %[[ITEMS:.*]] = llvm.mlir.constant(8 : i64)
// CHECK: llvm.call @mpq_dispatch(%[[CONTEXT]], %[[FIRST]], %[[ITEMS]], %[[F]], %[[SLOTS]])
// CHECK: %[[ID:.*]] = llvm.mlir.constant(0 : i64)
// CHECK: %[[SIZE:.*]] = llvm.mlir.constant(4 : i64)
// CHECK: llvm.call @mpq_observe(%[[CONTEXT]], %[[ID]], %[[WORKSPACE]], %[[SIZE]])
// CHECK: llvm.store %[[OUT]], %
// CHECK: %[[SECOND:.*]] = llvm.mlir.constant(1 : i64)
// CHECK: llvm.call @mpq_dispatch(%[[CONTEXT]], %[[SECOND]], %
// CHECK-NOT: llvm.call @kernel_0(
// CHECK: llvm.return

// CHECK: llvm.func internal @mpq_dispatch(
// CHECK: llvm.func internal @mpq_observe(
// CHECK-NOT: llvm.func @net(
module attributes {mpq.model = "net", mpq.workspace_size = 64 : i64, mpq.observers = ["hidden"],
    mpq.signature = {inputs = [{name = "x", type = tensor<4xf32>}], outputs = [{name = "y", type = tensor<4xf32>}]}} {
  llvm.func internal @kernel_0(%x: !llvm.ptr, %d: !llvm.ptr, %begin: i64, %end: i64) attributes {mpq.kernel, mpq.kernel_work = array<i64: 8, 0, 64, 16>, mpq.work_items = 8 : i64} {
    llvm.return
  }
  llvm.func @mpq_observer_0(!llvm.ptr) attributes {mpq.observed_count = 4 : i64, sym_visibility = "private"}
  llvm.func @net(%x: !llvm.ptr, %y: !llvm.ptr, %weights: !llvm.ptr, %workspace: !llvm.ptr) {
    %zero = llvm.mlir.constant(0 : i64) : i64
    llvm.call @kernel_0(%x, %workspace, %zero, %zero) : (!llvm.ptr, !llvm.ptr, i64, i64) -> () loc("hidden")
    llvm.call @mpq_observer_0(%workspace) : (!llvm.ptr) -> ()
    llvm.call @kernel_0(%workspace, %y, %zero, %zero) : (!llvm.ptr, !llvm.ptr, i64, i64) -> () loc("y"("Relu:1"))
    llvm.return
  }
}
