//===- BufferizeKernels.cpp - kernels from tensors to buffers ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream's one-shot bufferization decides in place; this pass runs it on each
// kernel, keeps small intermediate results on the stack, and refuses what would
// copy or allocate at run time.
//
//===----------------------------------------------------------------------===//

#include "mpq-runtime/context.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace mpq {
#define GEN_PASS_DEF_BUFFERIZEKERNELSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Intermediate results that a kernel may keep on the stack: rows, and blocks
/// that are turned. As much is left for everything else.
static constexpr int64_t kStackBytes = MPQ_STACK_BYTES / 2;

/// Moves intermediate buffers to the entry of the kernel, on the stack.
static LogicalResult placeOnStack(func::FuncOp kernel) {
  SmallVector<memref::AllocOp> allocs;
  kernel.walk([&](memref::AllocOp op) { allocs.push_back(op); });
  int64_t total = 0;
  OpBuilder builder(kernel.getContext());
  builder.setInsertionPointToStart(&kernel.getBody().front());
  for (memref::AllocOp alloc : allocs) {
    MemRefType type = alloc.getType();
    if (!type.hasStaticShape())
      return alloc.emitError("kernel needs a buffer of unknown size: ") << type;
    total += getBufferBytes(type);
    if (total > kStackBytes)
      return alloc.emitError("kernel needs more than ")
             << kStackBytes << " bytes of intermediate buffers: " << type;
    auto onStack = memref::AllocaOp::create(builder, alloc.getLoc(), type,
                                            builder.getI64IntegerAttr(64));
    alloc.replaceAllUsesWith(onStack.getResult());
    alloc.erase();
  }
  return success();
}

namespace {
struct BufferizeKernels
    : mpq::impl::BufferizeKernelsPassBase<BufferizeKernels> {
  using BufferizeKernelsPassBase::BufferizeKernelsPassBase;

  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!kernel->hasAttr(MPQDialect::getKernelAttrName()))
      return;
    bufferization::OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = false;
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotBufferize(kernel, options, state)))
      return signalPassFailure();
    // Self copies disappear in this order only.
    OpPassManager cleanup(func::FuncOp::getOperationName());
    cleanup.addPass(createCSEPass());
    cleanup.addPass(createCanonicalizerPass());
    cleanup.addPass(createCSEPass());
    cleanup.addPass(createCanonicalizerPass());
    if (failed(runPipeline(cleanup, kernel)) || failed(placeOnStack(kernel)))
      return signalPassFailure();
    WalkResult copies = kernel.walk([&](memref::CopyOp copy) {
      copy.emitError("kernel would copy a buffer at run time");
      return WalkResult::interrupt();
    });
    if (copies.wasInterrupted())
      return signalPassFailure();
  }
};
} // namespace
