//===- ValueId.cpp - the names profiles, recipes and reports use ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Locations carry the names of the model's tensors through rewrites, but many
// operations may share one. Everyone who speaks of values to a person, or
// stores something about them in a file, gets unique names here.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/ValueId.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mpq/Dialect/MPQDialect.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mpq;

/// The first NameLoc from outside to inside.
static StringRef findName(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    return name.getName();
  if (auto callSite = dyn_cast<CallSiteLoc>(location))
    return findName(callSite.getCallee());
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (StringRef name = findName(part); !name.empty())
        return name;
  return {};
}

std::string mpq::getValueName(Value value) {
  if (auto result = dyn_cast<OpResult>(value)) {
    StringRef name = findName(result.getLoc());
    if (name.empty() || result.getResultNumber() == 0)
      return name.str();
    return (name + ":" + Twine(result.getResultNumber())).str();
  }
  auto argument = cast<BlockArgument>(value);
  auto function =
      dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
  if (!function || !argument.getOwner()->isEntryBlock())
    return {};
  auto name = function.getArgAttrOfType<StringAttr>(
      argument.getArgNumber(), MPQDialect::getNameAttrName());
  return name ? name.str() : std::string();
}

/// Operations that only provide or move elements: a name they share with a
/// computation means that one.
static bool isHelper(Operation *op) {
  if (op->hasTrait<OpTrait::ConstantLike>() ||
      isa_and_present<tensor::TensorDialect>(op->getDialect()))
    return true;
  return llvm::StringSwitch<bool>(op->getName().getStringRef())
      .Cases({"linalg.fill", "linalg.broadcast", "linalg.transpose"}, true)
      .Default(false);
}

StringRef ValueIds::makeUnique(StringRef name) {
  auto [entry, inserted] = taken.insert(name);
  if (inserted)
    return entry->getKey();
  int64_t &suffix = nextSuffix[name];
  do {
    ++suffix;
    std::tie(entry, inserted) =
        taken.insert((name + "#" + Twine(suffix)).str());
  } while (!inserted);
  return entry->getKey();
}

ValueIds::ValueIds(FunctionOpInterface function) {
  // Names first, so that a suffix never hides a value whose name looks alike.
  SmallVector<std::pair<Value, std::string>> values;
  llvm::StringMap<Value> owners; // who keeps a name
  auto add = [&](Value value, bool helper) {
    if (!isa<ShapedType>(value.getType()))
      return;
    std::string name = getValueName(value);
    if (!name.empty()) {
      auto [entry, inserted] = owners.try_emplace(name, value);
      Operation *owner = entry->second.getDefiningOp();
      // The arguments' names are the model's interface: nothing takes them.
      if (!inserted && owner && (!helper || isHelper(owner)))
        entry->second = value;
    }
    values.emplace_back(value, std::move(name));
  };
  for (BlockArgument argument : function.getArguments())
    add(argument, /*helper=*/false);
  for (Block &block : function.getFunctionBody())
    for (Operation &op : block)
      for (Value result : op.getResults())
        add(result, isHelper(&op));

  for (auto &entry : owners)
    ids[entry.second] = taken.insert(entry.getKey()).first->getKey();
  for (auto &[value, name] : values) {
    if (ids.contains(value))
      continue;
    if (name.empty()) {
      if (auto argument = dyn_cast<BlockArgument>(value))
        name = ("arg" + Twine(argument.getArgNumber())).str();
      else
        name = value.getDefiningOp()->getName().getStringRef().str();
    }
    ids[value] = makeUnique(name);
  }
}

StringRef ValueIds::lookup(Value value) const { return ids.lookup(value); }

std::string mpq::getValueId(Value value) {
  Operation *parent = value.getParentRegion()->getParentOp();
  if (auto function = dyn_cast<FunctionOpInterface>(parent)) {
    ValueIds ids(function);
    if (StringRef id = ids.lookup(value); !id.empty())
      return id.str();
  }
  if (std::string name = getValueName(value); !name.empty())
    return name;
  Operation *op = value.getDefiningOp();
  return op ? op->getName().getStringRef().str() : "block argument";
}
