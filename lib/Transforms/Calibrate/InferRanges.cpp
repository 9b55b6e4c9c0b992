//===- InferRanges.cpp - write the ranges interval analysis finds ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the analysis visible in the IR, for people and for tools that enter at
// the assign phase.
//
//===----------------------------------------------------------------------===//

#include "mpq/Analysis/RangeAnalysis.h"
#include "mpq/Transforms/Calibrate/Passes.h"

#include "mlir/IR/Builders.h"

namespace mpq {
#define GEN_PASS_DEF_INFERRANGESPASS
#include "mpq/Transforms/Calibrate/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
struct InferRanges : mpq::impl::InferRangesPassBase<InferRanges> {
  void runOnOperation() override;
};
} // namespace

void InferRanges::runOnOperation() {
  FunctionOpInterface function = getOperation();
  if (function.isExternal())
    return;
  const auto &analysis = getAnalysis<RangeAnalysis>();
  Builder builder(&getContext());
  for (Operation &op : function.getFunctionBody().front()) {
    if (op.hasTrait<OpTrait::ConstantLike>())
      continue;
    SmallVector<Attribute> ranges;
    bool any = false;
    for (Value result : op.getResults()) {
      auto type = dyn_cast<ShapedType>(result.getType());
      std::optional<RangeAttr> range;
      if (type && type.getElementType().isF32())
        range = analysis.lookup(result);
      ranges.push_back(range ? Attribute(*range) : builder.getUnitAttr());
      any |= range.has_value();
    }
    if (any)
      op.setAttr(MPQDialect::getRangesAttrName(), builder.getArrayAttr(ranges));
  }
}
