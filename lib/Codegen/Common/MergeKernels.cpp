//===- MergeKernels.cpp - one function for kernels of equal structure ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/ADT/StringMap.h"

namespace mpq {
#define GEN_PASS_DEF_MERGEKERNELSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
struct MergeKernels : mpq::impl::MergeKernelsPassBase<MergeKernels> {
  using MergeKernelsPassBase::MergeKernelsPassBase;

  void runOnOperation() override {
    llvm::StringMap<func::FuncOp> first;
    llvm::StringMap<StringRef> replacement;
    SmallVector<func::FuncOp> duplicates;
    for (auto kernel : getOperation().getOps<func::FuncOp>()) {
      if (!kernel->hasAttr(MPQDialect::getKernelAttrName()))
        continue;
      // What was decided about them differs, too.
      std::string text = describeKernel(kernel) +
                         debugString(kernel->getDiscardableAttrDictionary());
      auto [entry, isNew] = first.try_emplace(text, kernel);
      if (isNew)
        continue;
      replacement[kernel.getName()] = entry->second.getName();
      duplicates.push_back(kernel);
    }
    getOperation().walk([&](func::CallOp call) {
      auto found = replacement.find(call.getCallee());
      if (found != replacement.end())
        call.setCallee(found->second);
    });
    for (func::FuncOp kernel : duplicates)
      kernel.erase();
  }
};
} // namespace
