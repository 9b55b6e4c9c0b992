//===- GraphEditor.h - changes to an ONNX graph -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names, producers and the order of nodes while a graph is rewritten. Nothing
// is deleted by hand: at the end nodes are sorted, and what no output depends
// on is dropped.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_ONNX_GRAPHEDITOR_H
#define MPQ_LIB_ONNX_GRAPHEDITOR_H

#include "ModelProto.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mpq::onnximport {

class GraphEditor {
public:
  using NodeProto = ::onnx::NodeProto;

  /// Takes the nodes out of `graph`; `finish` puts them back.
  explicit GraphEditor(::onnx::GraphProto &graph);

  bool hasTensor(llvm::StringRef name) const { return names.contains(name); }
  /// The node that computes a tensor; null for inputs and initializers.
  NodeProto *getProducer(llvm::StringRef name) const {
    return producers.lookup(name);
  }
  /// Whether a tensor is the same for all inputs (of one shape).
  bool isConstant(llvm::StringRef name) const {
    return names.contains(name) && !varying.contains(name);
  }
  /// The tensor of an initializer or of a Constant node; null of others.
  const ::onnx::TensorProto *getConstant(llvm::StringRef name) const;

  /// `wish`, with a number behind it if that is taken. Takes it.
  std::string makeName(const llvm::Twine &wish);

  /// A node that stands before, or after, `place` unless its inputs want it
  /// elsewhere; null: at the front.
  NodeProto *createNode(llvm::StringRef opType,
                        llvm::ArrayRef<std::string> inputs,
                        llvm::StringRef output, const NodeProto *place);
  NodeProto *cloneNode(const NodeProto *node,
                       llvm::ArrayRef<std::string> inputs,
                       llvm::StringRef output);
  /// Adds an initializer; returns its name.
  std::string createConstant(const llvm::Twine &wish, int32_t dataType,
                             llvm::ArrayRef<int64_t> dims,
                             llvm::StringRef bytes);
  template <typename T>
  std::string createConstant(const llvm::Twine &wish, int32_t dataType,
                             llvm::ArrayRef<int64_t> dims,
                             llvm::ArrayRef<T> values) {
    return createConstant(
        wish, dataType, dims,
        llvm::StringRef(reinterpret_cast<const char *>(values.data()),
                        values.size() * sizeof(T)));
  }

  /// Renames an output of a node; whoever reads the old name still does.
  void setOutput(NodeProto &node, int index, llvm::StringRef name);
  /// Takes the tensor away from its producer, whose output gets another name:
  /// that with `suffix`. Returns it.
  std::string detach(llvm::StringRef name, llvm::StringRef suffix);
  /// All nodes but `except` read `to` instead of `from`.
  void replaceUses(llvm::StringRef from, llvm::StringRef to,
                   const NodeProto *except);

  /// Calls `fn` for every node there is now.
  template <typename Fn> void forEachNode(Fn fn) {
    for (size_t i = 0, e = entries.size(); i < e; ++i)
      fn(entries[i]->proto);
  }

  /// Sorts the nodes, drops what the outputs do not need, and writes the graph.
  void finish();

private:
  struct Entry {
    NodeProto proto;
    int64_t place;
    size_t number; ///< in order of creation
  };
  NodeProto *insert(NodeProto proto, int64_t place);
  int64_t getPlace(const NodeProto *node) const;
  void addOutputs(NodeProto *node);

  ::onnx::GraphProto &graph;
  std::vector<std::unique_ptr<Entry>> entries;
  llvm::DenseMap<const NodeProto *, int64_t> places;
  llvm::StringMap<NodeProto *> producers;
  llvm::StringSet<> names, varying;
};

/// Sets an attribute, replacing one of that name.
void setIntAttribute(::onnx::NodeProto &node, llvm::StringRef name,
                     int64_t value);
/// Takes an attribute away and returns it.
std::optional<::onnx::AttributeProto> takeAttribute(::onnx::NodeProto &node,
                                                    llvm::StringRef name);

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_GRAPHEDITOR_H
