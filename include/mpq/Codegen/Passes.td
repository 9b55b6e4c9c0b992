//===- Passes.td - from linalg to kernels in the LLVM dialect -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sorted by name; the pipeline's order is in lib/Codegen/Common/Pipeline.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_CODEGEN_PASSES_TD
#define MPQ_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

def BufferizeKernelsPass
    : Pass<"mpq-bufferize-kernels", "::mlir::func::FuncOp"> {
  let summary = "turn kernels on tensors into kernels on buffers";
  let description = [{
    Every kernel function changes from destination-passing tensors to buffers of
    the layouts that its caller passes, and its body is bufferized in place.
    Small intermediate rows live on the stack. Fails if a kernel would need a
    copy or a heap allocation: tiling has then left something unfused.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::bufferization::BufferizationDialect"];
}

def AssignMatrixStepsPass : Pass<"mpq-assign-matrix-steps", "::mlir::ModuleOp"> {
  let summary = "decide which products of bf16 a matrix unit computes";
  let description = [{
    Where the target has a matrix unit for bf16 (AMX), writes `mpq.matrix_step`
    on matrix products and dense convolutions whose weights are constants of
    bf16 and whose other factor was rounded to bf16: the order of the sum is that
    of the unit (docs/Numerics.md, N-H3), in equal steps of at most 64 bytes.
    Elsewhere removes the attribute: without it sums ascend by fma.

    ```mlir
    %r = linalg.matmul ins(%rounded, %widened ...
    // becomes
    %r = linalg.matmul {mpq.matrix_step = 32 : i64} ins(%rounded, %widened ...
    ```
  }];
  let dependentDialects = ["::mpq::MPQDialect"];
}

def PrefetchWeightsPass : Pass<"mpq-prefetch-weights", "::mlir::func::FuncOp"> {
  let summary = "fetch the next panel of weights while one is in use";
  let description = [{
    In the reduction of a register tile, on buffers: where several tiles of rows
    use a panel of packed weights, one after the other, each fetches a part of
    the panel behind it into the second-level cache. Weights of less than 128 KiB
    stay as they are.

    ```mlir
    %r = vector.transfer_read %panel[%c0, %k, %c0], ... // a panel of %weights
    // gets before it
    memref.prefetch %weights[%next_panel, %k, %c0], read, locality<2>, data : ...
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect"];
}

def CountKernelWorkPass : Pass<"mpq-count-kernel-work", "::mlir::func::FuncOp"> {
  let summary = "write what each kernel has to do on it";
  let description = [{
    Sets `mpq.kernel_work` on every kernel: multiply-accumulates in integers and
    in float, and the bytes of its operands and of its result, each counted once.
    Divided by what a machine can do they give a time that no code beats, which
    profiles are compared with. Packing counts in the bytes, not in the
    multiply-accumulates.

    ```mlir
    func.func private @kernel_0(%a: tensor<64x256xi8>, %w: tensor<4x64x64xi8>, %d: tensor<64x64xi8>, ...)
    ```
    becomes
    ```mlir
    func.func private @kernel_0(...) attributes {mpq.kernel, mpq.kernel_work = array<i64: 1048576, 0, 32768, 4096>}
    ```
  }];
}

def DispatchKernelsPass : Pass<"mpq-dispatch-kernels", "::mlir::ModuleOp"> {
  let summary = "the entry function and calls through the parallel hook";
  let description = [{
    On the LLVM dialect: the main function becomes
    `<model>_main(inputs, outputs, weights, workspace, context)`; calls of kernels
    with more than one work item go through the context's `parallel_for` when
    there is one, and every call through its profiling hook. What the hook
    calls has the name of the kernel and of the value it computes, for profilers
    that see symbols only.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ExpandMathPass : Pass<"mpq-expand-math"> {
  let summary = "Spell out functions and quantization as IEEE operations";
  let description = [{
    Rewrites `math.exp`, `log`, `tanh`, `erf`, `rsqrt` and `powf`, and the
    scalar and vector forms of `mpq.quantize`, `mpq.dequantize` and
    `mpq.requantize`, into `arith` operations, `math.fma`, `math.floor`,
    `math.roundeven` and the like, by the formulas of
    `include/mpq/Numerics/Formulas.h`: the very text that the reference
    interpreter runs, so both agree bit for bit. Works on f32 and vectors of it
    anywhere, in bodies of linalg operations too; f16 and bf16 are widened.
    `arith.extf` and `arith.truncf` of bf16, f8E4M3FN, f8E5M2, f4E2M1FN and
    f8E8M0FNU become integer arithmetic (`NarrowFloats.h`).
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def FormKernelsPass : Pass<"mpq-form-kernels", "::mlir::ModuleOp"> {
  let summary = "group operations into outlined kernels";
  let description = [{
    A root (`mpq.contract`, `mpq.conv`, a reduction) with the elementwise generic
    on its result, a row-wise group (softmax, norms), or an elementwise generic
    alone becomes a private function with `mpq.kernel`. What turns the large
    result of a product, or its large left side, joins it:
    `@kernel_<n>(inputs..., destination, begin, end) -> result`. The main
    function keeps calls, views and constants.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
}

def SeparateTurnsPass : Pass<"mpq-separate-turns"> {
  let summary = "layout changes beside products, alone";
  let description = [{
    Where the large result of a product (`mpq.contract`, `mpq.conv`) is written
    in another order, the elementwise operation that does it becomes one in the
    product's order and one that only turns. A large image that is turned and
    then collapsed for a product is collapsed first. Kernel formation joins such
    turns with the product.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def InlineUnitsPass : Pass<"mpq-inline-units"> {
  let summary = "open the regions of mpq.unit";
  let description = [{
    Replaces every `mpq.unit` by the operations in its region; block arguments
    become the operands. The operation that computes the unit's result takes the
    unit's location, and with it the value id. Runs after quantization decided
    about units as wholes.
  }];
}

def IsolateKernelsPass : Pass<"mpq-isolate-kernels", "::mlir::ModuleOp"> {
  let summary = "make every formed kernel a model of its own";
  let description = [{
    After `mpq-form-kernels`: the main function is replaced by one in which each
    kernel reads arguments of its own and its result is an output, so that a
    difference of compiled code names its kernel and cannot hide behind later
    rounding. Weights stay constants. Arguments are named
    `kernel.<n>.<operand>`, results `kernel.<n>`; both have the locations of the
    kernels. The bodies are in the main function again: what comes out is input
    for the codegen pipeline and for `quant-run --reference`.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LowerDotPass : Pass<"mpq-lower-dot"> {
  let summary = "mpq.dot4 to the target's instruction or an equal sequence";
  let description = [{
    Unsigned times signed bytes: `vpdpbusd` on AVX512-VNNI (512 bits) and
    AVX-VNNI (256 bits); elsewhere bytes are widened to words and summed by two
    `vpmaddwd`, which cannot saturate. Other signedness is widened to i32.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::vector::VectorDialect",
                           "::mlir::arith::ArithDialect"];
}

def LowerLookupPass : Pass<"mpq-lower-lookup", "::mlir::func::FuncOp"> {
  let summary = "weights of few bits to f32 by a table in a register";
  let description = [{
    `arith.sitofp((x & mask) - z)` on 16 lanes, with a mask of at most four bits,
    becomes `vpermps` of the 16 numbers on targets with AVX-512. So does
    `arith.extf` of f16 that are made of four neighbouring bits of each lane, as
    those of f4E2M1FN are. Results are equal.

    Example:
    ```mlir
    %n = arith.andi %x, %fifteen : vector<16xi32>
    %d = arith.subi %n, %eight : vector<16xi32>
    %f = arith.sitofp %d : vector<16xi32> to vector<16xf32>
    // becomes
    %f = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%table, %x) : ...
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::vector::VectorDialect",
                           "::mlir::arith::ArithDialect"];
}

def LowerRoundingPass : Pass<"mpq-lower-rounding"> {
  let summary = "rounding to even and conversion to i32 as one instruction";
  let description = [{
    `arith.fptosi(math.roundeven(x))` on a full register of f32 becomes
    `vcvtps2dq` (AVX-512 and AVX). Results are equal: both round to even, and
    what exceeds i32 is poison before.

    Rounded values that are clamped to 0..255 (AVX-512) lose their upper limit:
    the conversion makes 2^31 of what is too large, and the narrowing saturates
    (`vpmovusdb`).

    Example:
    ```mlir
    %r = math.roundeven %x : vector<16xf32>
    %i = arith.fptosi %r : vector<16xf32> to vector<16xi32>
    // becomes
    %i = llvm.call_intrinsic "llvm.x86.avx512.mask.cvtps2dq.512"(%x, %zero, %all, %to_nearest) : ...
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::arith::ArithDialect"];
}

def LowerTilesPass : Pass<"mpq-lower-tiles", "::mlir::func::FuncOp"> {
  let summary = "mpq.dot_tile and what it reads and writes to tile registers";
  let description = [{
    On buffers, in kernels with `mpq.dot_tile`: the matrices of bytes and of
    sums get AMX tile registers, which loops keep. Reads load them, zero
    constants clear them, writes of sums store them; the kernel begins with one
    configuration of the shapes of all eight. A sum has one use, so that it is
    added to in place.

    Example:
    ```mlir
    %a = vector.transfer_read %m[%i, %k], %z : memref<32x384xi8>, vector<16x64xi8>
    // becomes
    llvm.call_intrinsic "llvm.x86.tileloadd64"(%register, %address, %stride) : ...
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect"];
}

def MergeKernelsPass : Pass<"mpq-merge-kernels", "::mlir::ModuleOp"> {
  let summary = "one function for kernels of equal structure";
  let description = [{
    Weights and activations are arguments, so equal layers are equal functions
    but for their name: all calls go to the first.
  }];
}

def NormalizeForKernelsPass : Pass<"mpq-normalize-for-kernels"> {
  let summary = "generalize, fuse elementwise chains, move reshapes out of them";
  let description = [{
    Named operations other than fills become generics; elementwise generics are
    fused when the producer has one user or only widens narrow values;
    reshapes between a product and its elementwise consumers move behind them.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::affine::AffineDialect"];
}

def OverlapWindowsPass : Pass<"mpq-overlap-windows", "::mlir::func::FuncOp"> {
  let summary = "rows of a window as pixels of a view, for a matrix unit";
  let description = [{
    In kernels whose strategy asks for a matrix unit, a convolution whose taps
    in a row of the window lie next to each other reads them as one pixel of
    more channels: the image becomes a view of overlapping pixels, the window
    one column wide, its step one pixel.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect"];
}

def PackBlockProductsPass : Pass<"mpq-pack-block-products"> {
  let summary = "pack weights in blocks into planes of bytes";
  let description = [{
    The constant weights of `mpq.block_contract` take the form that kernels
    read, for the target's vector length; a kernel of its own sums the blocks of
    quantized activations, for the zero points of the weights.
  }];
  let dependentDialects = ["::mpq::MPQDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::arith::ArithDialect"];
}

def PackProductsPass : Pass<"mpq-pack-products"> {
  let summary = "products become mpq.contract and mpq.conv with packed weights";
  let description = [{
    Matrix products and NHWC convolutions (dense and depthwise), f32 or unsigned
    times signed bytes, whose init is zero or a broadcast vector. Constant
    weights are packed at compile time for the target's vector length; an f32
    right-hand side that is an activation is packed by a generic.

    Packed bytes of no more than 16 numbers, or 4, are kept two or four to a
    byte if there are enough of them; a generic in front of the product widens
    them.
  }];
  let dependentDialects = ["::mpq::MPQDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect"];
}

def PlaceInBuffersPass : Pass<"mpq-place-in-buffers", "::mlir::ModuleOp"> {
  let summary = "padding and concatenation without copies";
  let description = [{
    A kernel whose result is padded or concatenated writes into the place of its
    result in the larger tensor; only the halo is filled. Where the producer is
    no kernel, or several places want it, a copy kernel stays. The model's own
    insertions of slices become copies.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect"];
}

def PlanMemoryPass : Pass<"mpq-plan-memory", "::mlir::ModuleOp"> {
  let summary = "one workspace, one blob of weights";
  let description = [{
    Assigns every tensor of the main function a place: an input, an output, an
    offset in the workspace (lifetimes, largest first; Y. Pisarchyk and J. Lee,
    Efficient Memory Management for Deep Neural Net Inference, 2020) or an offset
    in the weights. The main function then takes buffers:
    `(inputs..., outputs..., weights, workspace)`. Writes the module attributes
    of `ModuleInfo`.

    If the module has weights already (`mpq.weights`), they are those of the same
    model for another machine: constants that lie there are shared, the others
    come behind them.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::arith::ArithDialect"];
}

def SelectStrategyPass : Pass<"mpq-select-strategy", "::mlir::func::FuncOp"> {
  let summary = "choose tile sizes and the parallel split of kernels";
  let description = [{
    Writes `mpq.strategy` (unless present: strategies can be overridden) and
    `mpq.work_items` on every kernel, for the module's `mpq.target`.
  }];
}

def StreamWeightsPass : Pass<"mpq-stream-weights", "::mlir::func::FuncOp"> {
  let summary = "ask for packed weights some iterations ahead";
  let description = [{
    In loops with `mpq.stream_ahead = array<i64: N, M>`, every read of a packed
    vector gets a `memref.prefetch` of what it will read `N` iterations later.
    The last `N` ask for what is `M` iterations behind that: the first that the
    next tile reads. What lies behind all weights does no harm.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect"];
}

def TileKernelsPass : Pass<"mpq-tile-kernels", "::mlir::func::FuncOp"> {
  let summary = "loops over work items, rows and register tiles";
  let description = [{
    Obeys `mpq.strategy`. All tiles are static: remainders of columns are split
    off, and so are remainders of rows where the last tile would compute more
    than a twentieth of them twice; otherwise it overlaps the one before.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect",
                           "::mlir::affine::AffineDialect",
                           "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect"];
}

def VectorizeBlockProductsPass : Pass<"mpq-vectorize-block-products", "::mlir::func::FuncOp"> {
  let summary = "tiles of products with weights in blocks to loops on registers";
  let description = [{
    Every tile of `mpq.block_contract`, with its elementwise consumer, becomes a
    loop over the blocks: a mask and a shift unpack a plane of weights, which
    serves all rows of the tile.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect"];
}

def VectorizeGenericsPass : Pass<"mpq-vectorize-generics", "::mlir::func::FuncOp"> {
  let summary = "generics of static extents to loops of vectors";
  let description = [{
    Elementwise operations, reductions beside the lanes and row reductions, in
    the order of summation that docs/Numerics.md fixes (N-S1, N-S2).
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect",
                           "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect"];
}

def VectorizeTransposesPass : Pass<"mpq-vectorize-transposes", "::mlir::func::FuncOp"> {
  let summary = "generics that only move elements to tiles turned in registers";
  let description = [{
    Where the innermost dimensions of operand and result differ, tiles of rows
    of 16 bytes are turned by shuffles at the elements' own width. Loops whose
    dimensions lie side by side in operand and result are merged before. What is
    too narrow for a tile is left to mpq-vectorize-generics.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect",
                           "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect"];
}

def VectorizeProductsPass : Pass<"mpq-vectorize-products", "::mlir::func::FuncOp"> {
  let summary = "product tiles to loops with accumulators in registers";
  let description = [{
    Every tile of `mpq.contract` and `mpq.conv`, with its elementwise consumer,
    becomes a loop over the reduction and an epilogue on the accumulators.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect"];
}

#endif // MPQ_CODEGEN_PASSES_TD
