//===- RangeAnalysis.cpp - where the values of a function lie ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calibrated ranges win over intervals and are not cut by them: a percentile is
// a decision to lose rare values, and intervals computed from cut operands
// would cut more than was decided. Functions have one block of straight-line
// code here, so a single pass reaches the fixed point.
//
//===----------------------------------------------------------------------===//

#include "mpq/Analysis/RangeAnalysis.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mpq/Dialect/MPQInterfaces.h"

using namespace mlir;
using namespace mpq;

RangeAnalysis::RangeAnalysis(Operation *root) {
  auto function = dyn_cast<FunctionOpInterface>(root);
  if (!function || function.isExternal())
    return;
  for (BlockArgument argument : function.getArguments())
    if (auto range = function.getArgAttrOfType<RangeAttr>(
            argument.getArgNumber(), MPQDialect::getRangeAttrName()))
      known[argument] = range;

  for (Operation &op : function.getFunctionBody().front()) {
    auto attributes =
        op.getAttrOfType<ArrayAttr>(MPQDialect::getRangesAttrName());
    bool complete = op.getNumResults() != 0;
    for (auto [index, result] : llvm::enumerate(op.getResults())) {
      auto range =
          attributes ? dyn_cast<RangeAttr>(attributes[index]) : nullptr;
      if (range)
        known[result] = range;
      else
        complete = false;
    }
    // Constants are read when somebody asks: most are weights of products whose
    // result is calibrated.
    auto inference = dyn_cast<RangeInferenceOpInterface>(op);
    if (complete || !inference || op.hasTrait<OpTrait::ConstantLike>())
      continue;
    SmallVector<std::optional<std::pair<double, double>>> operands;
    for (Value operand : op.getOperands()) {
      Interval interval = intervalOf(operand);
      operands.push_back(
          interval.isUnknown()
              ? std::nullopt
              : std::optional(std::pair(interval.lower, interval.upper)));
    }
    for (auto [result, bounds] :
         llvm::zip_equal(op.getResults(), inference.inferRanges(operands)))
      if (bounds)
        inferred[result] = Interval{bounds->first, bounds->second};
  }
}

Interval RangeAnalysis::intervalOf(Value value) const {
  if (RangeAttr range = known.lookup(value))
    return {range.getMin(), range.getMax()};
  if (Attribute constant; matchPattern(value, m_Constant(&constant)))
    return rangeOfConstant(constant);
  return inferred.lookup(value);
}

std::optional<RangeAttr> RangeAnalysis::lookup(Value value) const {
  if (RangeAttr range = known.lookup(value))
    return range;
  Interval interval = intervalOf(value);
  if (!interval.isFinite())
    return std::nullopt;
  return RangeAttr::get(value.getContext(), interval.lower, interval.upper,
                        RangeOrigin::Interval);
}
