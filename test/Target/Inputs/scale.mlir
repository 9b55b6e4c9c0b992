// y[i] = x[i] * (i / 2 - 2) over 2x8 floats as codegen would write it: through the parallel and the profiling hook.
module attributes {
  mpq.model = "scale", mpq.workspace_size = 128 : i64,
  mpq.weights = dense_resource<weights> : tensor<64xi8>,
  mpq.signature = {inputs = [{name = "x", type = tensor<2x8xf32>}],
                   outputs = [{name = "y", type = tensor<2x8xf32>}]},
  mpq.kernels = ["y"]} {
  // One work item is one float. The argument holds x, y and w.
  llvm.func internal @range(%arg: !llvm.ptr, %begin: i64, %end: i64) {
    %one = llvm.mlir.constant(1 : i64) : i64
    %xp = llvm.load %arg : !llvm.ptr -> !llvm.ptr
    %yp_at = llvm.getelementptr %arg[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %yp = llvm.load %yp_at : !llvm.ptr -> !llvm.ptr
    %wp_at = llvm.getelementptr %arg[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %wp = llvm.load %wp_at : !llvm.ptr -> !llvm.ptr
    llvm.br ^loop(%begin : i64)
  ^loop(%i: i64):
    %more = llvm.icmp "slt" %i, %end : i64
    llvm.cond_br %more, ^body, ^exit
  ^body:
    %x_at = llvm.getelementptr %xp[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %w_at = llvm.getelementptr %wp[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %y_at = llvm.getelementptr %yp[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %x = llvm.load %x_at : !llvm.ptr -> f32
    %w = llvm.load %w_at : !llvm.ptr -> f32
    %y = llvm.fmul %x, %w : f32
    llvm.store %y, %y_at : f32, !llvm.ptr
    %next = llvm.add %i, %one : i64
    llvm.br ^loop(%next : i64)
  ^exit:
    llvm.return
  }
  llvm.func @scale_main(%inputs: !llvm.ptr, %outputs: !llvm.ptr, %weights: !llvm.ptr, %workspace: !llvm.ptr, %context: !llvm.ptr) {
    %zero = llvm.mlir.constant(0 : i64) : i64
    %sixteen = llvm.mlir.constant(16 : i64) : i64
    %begin = llvm.mlir.constant(1 : i32) : i32
    %end = llvm.mlir.constant(0 : i32) : i32
    %null = llvm.mlir.zero : !llvm.ptr
    // The workspace holds the argument of the kernel.
    %x = llvm.load %inputs : !llvm.ptr -> !llvm.ptr
    %y = llvm.load %outputs : !llvm.ptr -> !llvm.ptr
    llvm.store %x, %workspace : !llvm.ptr, !llvm.ptr
    %y_at = llvm.getelementptr %workspace[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    llvm.store %y, %y_at : !llvm.ptr, !llvm.ptr
    %w_at = llvm.getelementptr %workspace[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    llvm.store %weights, %w_at : !llvm.ptr, !llvm.ptr
    %profile_at = llvm.getelementptr %context[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %profile = llvm.load %profile_at : !llvm.ptr -> !llvm.ptr
    %profiler_at = llvm.getelementptr %context[3] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %profiler = llvm.load %profiler_at : !llvm.ptr -> !llvm.ptr
    %profiled = llvm.icmp "ne" %profile, %null : !llvm.ptr
    llvm.cond_br %profiled, ^enter, ^run
  ^enter:
    llvm.call %profile(%profiler, %zero, %begin) : !llvm.ptr, (!llvm.ptr, i64, i32) -> ()
    llvm.br ^run
  ^run:
    %parallel_for = llvm.load %context : !llvm.ptr -> !llvm.ptr
    %pool_at = llvm.getelementptr %context[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %pool = llvm.load %pool_at : !llvm.ptr -> !llvm.ptr
    %range = llvm.mlir.addressof @range : !llvm.ptr
    llvm.call %parallel_for(%pool, %sixteen, %range, %workspace) : !llvm.ptr, (!llvm.ptr, i64, !llvm.ptr, !llvm.ptr) -> ()
    llvm.cond_br %profiled, ^leave, ^exit
  ^leave:
    llvm.call %profile(%profiler, %zero, %end) : !llvm.ptr, (!llvm.ptr, i64, i32) -> ()
    llvm.br ^exit
  ^exit:
    llvm.return
  }
}

{-#
  dialect_resources: {
    builtin: {
      weights: "0x40000000000000C00000C0BF000080BF000000BF000000000000003F0000803F0000C03F0000004000002040000040400000604000008040000090400000A0400000B040"
    }
  }
#-}
