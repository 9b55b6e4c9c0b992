//===- ScaleGroups.cpp - values that share one scale ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both the pass that decides and the pass that obeys must know where a value
// would be quantized and whether a range is known there.
//
//===----------------------------------------------------------------------===//

#include "mpq/Analysis/ScaleGroups.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/MPQInterfaces.h"

using namespace mlir;
using namespace mpq;

/// Values without numbers of their own: filled with zero or uninitialized.
static bool holdsNoValues(Value value) {
  if (value.getDefiningOp<tensor::EmptyOp>())
    return true;
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return (fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat())) ||
         matchPattern(value, m_AnyZeroFloat());
}

void mpq::collectScaleRoots(Value value, SmallVectorImpl<Value> &roots) {
  SmallVector<OpOperand *> moved;
  if (auto move = value.getDefiningOp<ScaleRelationOpInterface>())
    moved = move.getScalePreservingOperands();
  if (moved.empty()) {
    if (!llvm::is_contained(roots, value))
      roots.push_back(value);
    return;
  }
  for (OpOperand *operand : moved)
    if (!holdsNoValues(operand->get()))
      collectScaleRoots(operand->get(), roots);
}

std::optional<std::pair<double, double>>
ScaleGroup::getRange(const RangeAnalysis &ranges, Value &missing) const {
  // Zero must be exact: it pads, and sparse activations are full of it.
  std::pair<double, double> all = {0.0, 0.0};
  auto unite = [&](ArrayRef<Value> values, Value &without) {
    for (Value value : values) {
      std::optional<RangeAttr> range = ranges.lookup(value);
      if (!range) {
        without = value;
        return false;
      }
      all = {std::min(all.first, range->getMin()),
             std::max(all.second, range->getMax())};
    }
    return true;
  };
  Value unused;
  if (unite(roots, missing) || unite(activations, unused))
    return all;
  return std::nullopt;
}

SmallVector<ScaleGroup> mpq::findScaleGroups(ArrayRef<Value> activations) {
  SmallVector<ScaleGroup> groups;
  // A root is found again by itself and by the name that its operation gives.
  DenseMap<void *, unsigned> groupOf;
  auto forEachKey = [](Value root, function_ref<void(void *)> visit) {
    visit(root.getAsOpaquePointer());
    Operation *op = root.getDefiningOp();
    if (auto name = op ? op->getAttrOfType<StringAttr>(
                             MPQDialect::getScaleGroupAttrName())
                       : StringAttr())
      visit(const_cast<void *>(name.getAsOpaquePointer()));
  };
  for (Value activation : activations) {
    ScaleGroup found;
    collectScaleRoots(activation, found.roots);
    found.activations.push_back(activation);
    // The first group with one of the roots absorbs all others that have some.
    std::optional<unsigned> home;
    SmallVector<unsigned> others;
    for (Value root : found.roots)
      forEachKey(root, [&](void *key) {
        auto it = groupOf.find(key);
        if (it == groupOf.end())
          return;
        if (!home)
          home = it->second;
        else if (*home != it->second && !llvm::is_contained(others, it->second))
          others.push_back(it->second);
      });
    if (!home) {
      home = groups.size();
      groups.emplace_back();
    }
    auto absorb = [&](ScaleGroup from) {
      for (Value root : from.roots) {
        forEachKey(root, [&](void *key) { groupOf[key] = *home; });
        if (!llvm::is_contained(groups[*home].roots, root))
          groups[*home].roots.push_back(root);
      }
      llvm::append_range(groups[*home].activations, from.activations);
    };
    for (unsigned other : others)
      absorb(std::exchange(groups[other], ScaleGroup()));
    absorb(std::move(found));
  }
  llvm::erase_if(groups, [](ScaleGroup &group) { return group.roots.empty(); });
  return groups;
}
