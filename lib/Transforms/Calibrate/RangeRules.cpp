//===- RangeRules.cpp - what a recipe says of single values' ranges ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rules name values of the model, which only the module knows; a rule that
// matches none is most likely misspelt.
//
//===----------------------------------------------------------------------===//

#include "RangeRules.h"

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/ValueId.h"
#include "mpq/Support/SuggestNearest.h"

#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace mpq;

/// Calls `function` with the values whose ranges mean something, and their ids.
static void forEachValue(
    ModuleOp module,
    llvm::function_ref<void(FunctionOpInterface, Value, StringRef)> function) {
  module.walk([&](FunctionOpInterface home) {
    if (home.isExternal())
      return;
    ValueIds ids(home);
    auto visit = [&](Value value) {
      auto type = dyn_cast<ShapedType>(value.getType());
      StringRef id = ids.lookup(value);
      if (type && type.getElementType().isF32() && !id.empty())
        function(home, value, id);
    };
    llvm::for_each(home.getArguments(), visit);
    for (Operation &op : home.getFunctionBody().getOps())
      if (!op.hasTrait<OpTrait::ConstantLike>())
        llvm::for_each(op.getResults(), visit);
  });
}

LogicalResult RangeRules::resolve(ModuleOp module, const Recipe &recipe,
                                  StringRef recipeName,
                                  const Profile &profile) {
  if (recipe.method)
    choice.method = *recipe.method;
  if (recipe.percentile)
    choice.percentile = *recipe.percentile;
  SmallVector<std::string> values;
  if (!recipe.ranges.empty())
    forEachValue(module, [&](FunctionOpInterface, Value, StringRef id) {
      values.push_back(id.str());
    });
  llvm::StringMap<size_t> deciding; // the index of the last rule
  for (auto [index, rule] : llvm::enumerate(recipe.ranges)) {
    bool isGiven = rule.range.has_value();
    if (!isGiven && profile.values.empty())
      return emitError(module.getLoc())
             << "range " << index + 1 << " of recipe '" << recipeName
             << "' is to be picked from a profile but there is none";
    SmallVector<StringRef> candidates;
    for (const std::string &id : values)
      if (isGiven || profile.values.count(id))
        candidates.push_back(id);
    llvm::Regex regex(rule.text);
    bool found = false;
    for (StringRef id : candidates) {
      if (rule.isRegex ? !regex.match(id) : rule.text != id)
        continue;
      found = true;
      rules.insert_or_assign(id, rule);
      deciding[id] = index;
    }
    if (!found)
      return emitError(module.getLoc())
             << "range " << index + 1 << " of recipe '" << recipeName
             << "' matches no value of the " << (isGiven ? "model" : "profile")
             << " (" << rule.text << ")"
             << suggestNearest(rule.text, candidates);
  }
  for (size_t index = 0; index < recipe.ranges.size(); ++index)
    if (llvm::none_of(deciding,
                      [&](auto &entry) { return entry.getValue() == index; }))
      emitWarning(module.getLoc())
          << "range " << index + 1 << " of recipe '" << recipeName
          << "' has no effect: later ones decide on all values that it "
             "matches";
  return success();
}

void RangeRules::writeGivenRanges(ModuleOp module) const {
  Builder builder(module.getContext());
  forEachValue(module, [&](FunctionOpInterface home, Value value,
                           StringRef id) {
    auto rule = rules.find(id);
    if (rule == rules.end() || !rule->second.range)
      return;
    auto [min, max] = *rule->second.range;
    auto range =
        RangeAttr::get(builder.getContext(), min, max, RangeOrigin::Recipe);
    if (auto argument = dyn_cast<BlockArgument>(value))
      return home.setArgAttr(argument.getArgNumber(),
                             MPQDialect::getRangeAttrName(), range);
    auto result = cast<OpResult>(value);
    Operation *op = result.getOwner();
    StringRef name = MPQDialect::getRangesAttrName();
    SmallVector<Attribute> ranges(op->getNumResults(), builder.getUnitAttr());
    if (auto known = op->getAttrOfType<ArrayAttr>(name))
      ranges.assign(known.begin(), known.end());
    ranges[result.getResultNumber()] = range;
    op->setAttr(name, builder.getArrayAttr(ranges));
  });
}

RangeChoice RangeRules::getChoice(StringRef id) const {
  auto rule = rules.find(id);
  return rule == rules.end() ? choice : rule->second.choice;
}
