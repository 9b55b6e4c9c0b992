//===- CountKernelWork.cpp - what each kernel has to do ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A measured time says little without the time that the work must take at
// least. After tiling nobody could tell the two apart, so the work is counted
// on the whole kernel and travels with it into the artifact.
//
//===----------------------------------------------------------------------===//

#include "mpq/Analysis/OperationCount.h"
#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/IR/Builders.h"

namespace mpq {
#define GEN_PASS_DEF_COUNTKERNELWORKPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

static int64_t getBytes(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || !shaped.hasStaticShape())
    return 0;
  return shaped.getNumElements() *
         llvm::divideCeil(shaped.getElementTypeBitWidth(), 8);
}

/// Of a kernel without inputs: it may fill parts of its destination only, like
/// the halo of an image.
static int64_t getFilledBytes(func::FuncOp kernel) {
  int64_t bytes = 0;
  kernel.walk([&](linalg::LinalgOp op) {
    for (Value init : op.getDpsInits())
      bytes += getBytes(init.getType());
  });
  return bytes;
}

namespace {
struct CountKernelWork : mpq::impl::CountKernelWorkPassBase<CountKernelWork> {
  using CountKernelWorkPassBase::CountKernelWorkPassBase;

  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!kernel->hasAttr(MPQDialect::getKernelAttrName()))
      return;
    // Inputs, the destination, and the two ends of the work items.
    ArrayRef<Type> types = kernel.getArgumentTypes();
    if (types.size() < 3) {
      kernel.emitError("expected a kernel to take a destination and a range of "
                       "work items but it has ")
          << types.size() << " arguments";
      return signalPassFailure();
    }
    types = types.drop_back(2);
    int64_t read = 0;
    for (Type type : types.drop_back())
      read += getBytes(type);
    int64_t written =
        types.size() == 1 ? getFilledBytes(kernel) : getBytes(types.back());
    // Sums that start from what the destination holds read it, too.
    if (Operation *last = KernelOps::get(kernel).last;
        last && accumulatesInPlace(last))
      read += written;
    OperationCount count = countMultiplyAccumulates(kernel);
    kernel->setAttr(MPQDialect::getKernelWorkAttrName(),
                    Builder(kernel).getDenseI64ArrayAttr(
                        {count.integer, count.floating, read, written}));
  }
};
} // namespace
