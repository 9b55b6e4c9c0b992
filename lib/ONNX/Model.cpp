//===- Model.cpp - order and sanity of the graph ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ONNX asks for sorted nodes and unique names; files in the wild break both.
// Sorting is Kahn's algorithm, which finds cycles on the way; it keeps the
// file's order where that is valid, so that the IR reads like the model.
//
//===----------------------------------------------------------------------===//

#include "Model.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"

#include <queue>

using namespace mlir;
using namespace mpq::onnximport;

Location Node::getLoc(MLIRContext *context) const {
  auto parent = NameLoc::get(StringAttr::get(context, getLabel()));
  for (const std::string &output : outputs)
    if (!output.empty())
      return NameLoc::get(StringAttr::get(context, output), parent);
  return parent;
}

LogicalResult Model::sortAndVerify(Location loc) {
  MLIRContext *context = loc.getContext();
  // Who defines each name: a node, or no node (inputs and initializers).
  llvm::StringMap<int64_t> producers;
  for (const auto &[name, tensor] : initializers)
    producers[name] = -1;
  for (const GraphValue &input : inputs) {
    if (input.name.empty())
      return emitError(loc) << "graph input without a name";
    if (!producers.try_emplace(input.name, -1).second)
      return emitError(loc)
             << "graph input '" << input.name << "' is defined twice";
  }
  for (const Node &node : nodes)
    for (const std::string &output : node.outputs) {
      if (output.empty())
        continue;
      auto [it, inserted] = producers.try_emplace(output, node.index);
      if (!inserted) {
        InFlightDiagnostic diagnostic = emitError(node.getLoc(context))
                                        << "value '" << output
                                        << "' is defined twice";
        if (it->second >= 0)
          diagnostic.attachNote(nodes[it->second].getLoc(context))
              << "first defined here";
        return diagnostic;
      }
    }

  // Which nodes the outputs depend on; only those have to make sense.
  std::vector<bool> live(nodes.size());
  SmallVector<int64_t> work;
  auto use = [&](int64_t producer) {
    if (producer >= 0 && !live[producer]) {
      live[producer] = true;
      work.push_back(producer);
    }
  };
  if (outputs.empty())
    return emitError(loc) << "the graph has no outputs";
  for (const GraphValue &output : outputs) {
    auto it = producers.find(output.name);
    if (it == producers.end())
      return emitError(loc) << "graph output '" << output.name
                            << "' is not computed by any node";
    use(it->second);
  }
  while (!work.empty()) {
    const Node &node = nodes[work.pop_back_val()];
    for (const std::string &input : node.inputs) {
      if (input.empty())
        continue;
      auto it = producers.find(input);
      if (it == producers.end())
        return emitError(node.getLoc(context))
               << "input '" << input
               << "' is neither a graph input, an initializer nor computed by "
                  "any node";
      use(it->second);
    }
  }

  std::vector<SmallVector<int64_t>> users(nodes.size());
  std::vector<int64_t> missing(nodes.size());
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> ready;
  int64_t numLive = llvm::count(live, true);
  for (const Node &node : nodes) {
    if (!live[node.index])
      continue;
    for (const std::string &input : node.inputs)
      if (!input.empty() && producers[input] >= 0) {
        users[producers[input]].push_back(node.index);
        ++missing[node.index];
      }
    if (missing[node.index] == 0)
      ready.push(node.index);
  }
  std::vector<int64_t> order;
  while (!ready.empty()) {
    int64_t next = ready.top();
    ready.pop();
    order.push_back(next);
    for (int64_t user : users[next])
      if (--missing[user] == 0)
        ready.push(user);
  }
  if (static_cast<int64_t>(order.size()) != numLive) {
    // From any node left over, walking to producers left over enters a cycle.
    int64_t at = llvm::find_if(nodes, [&](const Node &node) {
                   return live[node.index] && missing[node.index] > 0;
                 })->index;
    llvm::DenseSet<int64_t> seen;
    while (seen.insert(at).second)
      for (const std::string &input : nodes[at].inputs)
        if (!input.empty() && producers[input] >= 0 &&
            missing[producers[input]] > 0) {
          at = producers[input];
          break;
        }
    return emitError(nodes[at].getLoc(context))
           << "the node is part of a cycle: it depends on its own output";
  }
  std::vector<Node> sorted;
  for (int64_t index : order)
    sorted.push_back(std::move(nodes[index]));
  nodes = std::move(sorted);
  return success();
}
