//===- GraphEditor.cpp - changes to an ONNX graph ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of nodes is the file's where that is valid, so that a quantized
// model reads like the original with nodes in between.
//
//===----------------------------------------------------------------------===//

#include "GraphEditor.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/Twine.h"

#include <queue>

using namespace mpq::onnximport;
using llvm::ArrayRef;
using llvm::StringRef;
using ::onnx::AttributeProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

/// Results depend on the shape of the operand only.
static bool readsShapeOnly(const NodeProto &node) {
  return node.op_type() == "Shape" || node.op_type() == "Size";
}

GraphEditor::GraphEditor(::onnx::GraphProto &graph) : graph(graph) {
  for (const TensorProto &tensor : graph.initializer())
    names.insert(tensor.name());
  for (const auto &input : graph.input())
    if (names.insert(input.name()).second)
      varying.insert(input.name());
  for (NodeProto &node : *graph.mutable_node()) {
    auto entry = std::make_unique<Entry>();
    entry->number = entries.size();
    entry->place = static_cast<int64_t>(entries.size()) + 1;
    entry->proto.Swap(&node);
    places[&entry->proto] = entry->place;
    addOutputs(&entry->proto);
    entries.push_back(std::move(entry));
  }
  graph.clear_node();

  llvm::StringMap<llvm::SmallVector<NodeProto *>> users;
  forEachNode([&](NodeProto &node) {
    for (const std::string &input : node.input())
      users[input].push_back(&node);
  });
  llvm::SmallVector<std::string> work;
  for (const auto &entry : varying)
    work.push_back(entry.getKey().str());
  while (!work.empty())
    for (NodeProto *user : users.lookup(work.pop_back_val()))
      if (!readsShapeOnly(*user))
        for (const std::string &output : user->output())
          if (varying.insert(output).second)
            work.push_back(output);
}

void GraphEditor::addOutputs(NodeProto *node) {
  for (const std::string &output : node->output())
    if (!output.empty()) {
      names.insert(output);
      producers[output] = node;
    }
}

const TensorProto *GraphEditor::getConstant(StringRef name) const {
  if (NodeProto *node = getProducer(name)) {
    if (node->op_type() == "Constant")
      for (const AttributeProto &attribute : node->attribute())
        if (attribute.name() == "value")
          return &attribute.t();
    return nullptr;
  }
  for (const TensorProto &tensor : graph.initializer())
    if (StringRef(tensor.name()) == name)
      return &tensor;
  return nullptr;
}

std::string GraphEditor::makeName(const llvm::Twine &wish) {
  std::string base = wish.str(), name = base;
  for (int64_t i = 1; !names.insert(name).second; ++i)
    name = base + "_" + std::to_string(i);
  return name;
}

int64_t GraphEditor::getPlace(const NodeProto *node) const {
  return node ? places.lookup(node) : 0;
}

NodeProto *GraphEditor::insert(NodeProto proto, int64_t place) {
  entries.push_back(
      std::make_unique<Entry>(Entry{std::move(proto), place, entries.size()}));
  NodeProto *node = &entries.back()->proto;
  places[node] = place;
  addOutputs(node);
  for (const std::string &input : node->input())
    if (varying.contains(input))
      for (const std::string &output : node->output())
        varying.insert(output);
  return node;
}

NodeProto *GraphEditor::createNode(StringRef opType,
                                   ArrayRef<std::string> inputs,
                                   StringRef output, const NodeProto *place) {
  NodeProto proto;
  proto.set_op_type(opType.str());
  proto.set_name((output + "_" + opType).str());
  for (const std::string &input : inputs)
    proto.add_input(input);
  proto.add_output(output.str());
  return insert(std::move(proto), getPlace(place));
}

NodeProto *GraphEditor::cloneNode(const NodeProto *node,
                                  ArrayRef<std::string> inputs,
                                  StringRef output) {
  NodeProto proto = *node;
  proto.clear_input();
  for (const std::string &input : inputs)
    proto.add_input(input);
  proto.clear_output();
  proto.add_output(output.str());
  return insert(std::move(proto), getPlace(node));
}

std::string GraphEditor::createConstant(const llvm::Twine &wish,
                                        int32_t dataType,
                                        ArrayRef<int64_t> dims,
                                        StringRef bytes) {
  std::string name = makeName(wish);
  TensorProto &tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(dataType);
  for (int64_t dim : dims)
    tensor.add_dims(dim);
  tensor.set_raw_data(bytes.str());
  return name;
}

void GraphEditor::setOutput(NodeProto &node, int index, StringRef name) {
  const std::string &old = node.output(index);
  if (varying.contains(old))
    varying.insert(name);
  producers.erase(old);
  node.set_output(index, name.str());
  producers[name] = &node;
}

std::string GraphEditor::detach(StringRef name, StringRef suffix) {
  NodeProto *node = getProducer(name);
  std::string renamed = makeName(name + suffix);
  for (int i = 0; i < node->output_size(); ++i)
    if (node->output(i) == name) {
      setOutput(*node, i, renamed);
      break;
    }
  return renamed;
}

void GraphEditor::replaceUses(StringRef from, StringRef to,
                              const NodeProto *except) {
  forEachNode([&](NodeProto &node) {
    if (&node != except)
      for (std::string &input : *node.mutable_input())
        if (input == from)
          input = to.str();
  });
}

void GraphEditor::finish() {
  llvm::sort(entries, [](const auto &a, const auto &b) {
    return std::pair(a->place, a->number) < std::pair(b->place, b->number);
  });
  llvm::DenseMap<const NodeProto *, int64_t> indexOf;
  for (auto [i, entry] : llvm::enumerate(entries))
    indexOf[&entry->proto] = i;
  auto getDefinition = [&](StringRef name) -> int64_t {
    NodeProto *node = name.empty() ? nullptr : getProducer(name);
    return node ? indexOf.lookup(node) : -1;
  };

  std::vector<bool> live(entries.size());
  llvm::SmallVector<int64_t> work;
  auto use = [&](StringRef name) {
    int64_t index = getDefinition(name);
    if (index >= 0 && !live[index]) {
      live[index] = true;
      work.push_back(index);
    }
  };
  llvm::StringSet<> used;
  for (const auto &output : graph.output()) {
    use(output.name());
    used.insert(output.name());
  }
  while (!work.empty())
    for (const std::string &input :
         entries[work.pop_back_val()]->proto.input()) {
      use(input);
      used.insert(input);
    }

  // Kahn's algorithm, the first in the file first.
  std::vector<llvm::SmallVector<int64_t>> users(entries.size());
  std::vector<int64_t> missing(entries.size());
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> ready;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!live[i])
      continue;
    for (const std::string &input : entries[i]->proto.input())
      if (int64_t definition = getDefinition(input); definition >= 0) {
        users[definition].push_back(i);
        ++missing[i];
      }
    if (missing[i] == 0)
      ready.push(i);
  }
  llvm::StringSet<> computed, nodeNames;
  while (!ready.empty()) {
    int64_t next = ready.top();
    ready.pop();
    for (int64_t user : users[next])
      if (--missing[user] == 0)
        ready.push(user);
    NodeProto &node = *graph.add_node();
    node.Swap(&entries[next]->proto);
    std::string name = node.name();
    for (int64_t i = 1; !name.empty() && !nodeNames.insert(name).second; ++i)
      name = node.name() + "_" + std::to_string(i);
    node.set_name(name);
    for (const std::string &output : node.output())
      computed.insert(output);
  }
  entries.clear();

  auto drop = [](auto *field, auto isDropped) {
    field->erase(std::remove_if(field->begin(), field->end(), isDropped),
                 field->end());
  };
  llvm::StringSet<> initializers;
  for (const TensorProto &tensor : graph.initializer())
    initializers.insert(tensor.name());
  auto isUnusedConstant = [&](const auto &value) {
    return initializers.contains(value.name()) && !used.contains(value.name());
  };
  drop(graph.mutable_input(), isUnusedConstant);
  drop(graph.mutable_initializer(), isUnusedConstant);
  drop(graph.mutable_value_info(),
       [&](const auto &value) { return !computed.contains(value.name()); });
  drop(graph.mutable_quantization_annotation(), [&](const auto &annotation) {
    return !computed.contains(annotation.tensor_name());
  });
}

void mpq::onnximport::setIntAttribute(NodeProto &node, StringRef name,
                                      int64_t value) {
  takeAttribute(node, name);
  AttributeProto &attribute = *node.add_attribute();
  attribute.set_name(name.str());
  attribute.set_type(AttributeProto::INT);
  attribute.set_i(value);
}

std::optional<AttributeProto> mpq::onnximport::takeAttribute(NodeProto &node,
                                                             StringRef name) {
  auto &attributes = *node.mutable_attribute();
  for (auto it = attributes.begin(); it != attributes.end(); ++it)
    if (StringRef(it->name()) == name) {
      AttributeProto taken = std::move(*it);
      attributes.erase(it);
      return taken;
    }
  return std::nullopt;
}
