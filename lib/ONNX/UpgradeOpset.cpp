//===- UpgradeOpset.cpp - older models to newer operators ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// QuantizeLinear has an axis from opset 13 on, and blocks from 21 on. Between 7
// and there, what changed for inference is mostly that attributes became
// inputs. Operators whose old form has no new one are refused.
//
//===----------------------------------------------------------------------===//

#include "UpgradeOpset.h"

#include "GraphEditor.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringSwitch.h"

#include <limits>

using namespace mlir;
using namespace mpq::onnximport;
using ::onnx::AttributeProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

namespace {
class Upgrader {
public:
  Upgrader(GraphEditor &graph, int64_t from, int64_t to,
           const llvm::StringMap<int64_t> &ranks, Location loc)
      : graph(graph), from(from), to(to), ranks(ranks), loc(loc) {}

  LogicalResult upgrade(NodeProto &node);

private:
  /// Whether `version` is among those stepped over.
  bool passes(int64_t version) const { return from < version && version <= to; }
  void setInput(NodeProto &node, int index, const std::string &name);
  /// Moves an attribute to an input.
  void intsToInput(NodeProto &node, StringRef attribute, int index);
  void numberToInput(NodeProto &node, StringRef attribute, int index,
                     std::optional<float> otherwise);
  void flattenSoftmax(NodeProto &node);

  GraphEditor &graph;
  int64_t from, to;
  const llvm::StringMap<int64_t> &ranks;
  Location loc;
};
} // namespace

void Upgrader::setInput(NodeProto &node, int index, const std::string &name) {
  while (node.input_size() <= index)
    node.add_input("");
  node.set_input(index, name);
}

void Upgrader::intsToInput(NodeProto &node, StringRef attribute, int index) {
  std::optional<AttributeProto> taken = takeAttribute(node, attribute);
  if (!taken)
    return;
  SmallVector<int64_t> values(taken->ints().begin(), taken->ints().end());
  if (taken->type() == AttributeProto::INT)
    values = {taken->i()};
  setInput(node, index,
           graph.createConstant<int64_t>(
               Twine(node.output(0)) + "_" + attribute, TensorProto::INT64,
               {int64_t(values.size())}, values));
}

void Upgrader::numberToInput(NodeProto &node, StringRef attribute, int index,
                             std::optional<float> otherwise) {
  std::optional<AttributeProto> taken = takeAttribute(node, attribute);
  if (!taken && !otherwise)
    return;
  setInput(node, index,
           graph.createConstant<float>(Twine(node.output(0)) + "_" + attribute,
                                       TensorProto::FLOAT, {},
                                       taken ? taken->f() : *otherwise));
}

/// Softmax used to be over all dimensions from `axis` on.
void Upgrader::flattenSoftmax(NodeProto &node) {
  std::optional<AttributeProto> taken = takeAttribute(node, "axis");
  int64_t axis = taken ? taken->i() : 1;
  setIntAttribute(node, "axis", -1);
  std::string input = node.input(0), output = node.output(0);
  auto rank = ranks.find(input);
  if (rank == ranks.end())
    rank = ranks.find(output);
  if (axis == -1 || (rank != ranks.end() && axis == rank->second - 1))
    return;
  std::string rows = graph.makeName(output + "_rows"),
              result = graph.makeName(output + "_softmax"),
              shape = graph.makeName(output + "_shape");
  NodeProto *flatten = graph.createNode("Flatten", {input}, rows, &node);
  setIntAttribute(*flatten, "axis", axis);
  graph.createNode("Shape", {input}, shape, &node);
  node.set_input(0, rows);
  graph.setOutput(node, 0, result);
  graph.createNode("Reshape", {result, shape}, output, &node);
}

LogicalResult Upgrader::upgrade(NodeProto &node) {
  bool isOwn = node.domain().empty() || node.domain() == "ai.onnx";
  // Nodes that nothing needs have been checked by nobody.
  if (!isOwn || node.input_size() == 0 || node.output_size() == 0)
    return success();
  StringRef type = node.op_type();
  auto refuse = [&](int64_t version) {
    return emitError(loc) << type << " '" << node.output(0) << "' of opset "
                          << from << " has no form in opset " << to
                          << ": convert the model to opset " << version
                          << " first";
  };
  if (type == "Upsample" && passes(10))
    return refuse(11);
  if (type == "Resize" && passes(11))
    return refuse(11);
  if (type == "BatchNormalization" && passes(9))
    takeAttribute(node, "spatial");
  if (type == "TopK" && passes(10))
    intsToInput(node, "k", 1);
  if (type == "Slice" && passes(10)) {
    intsToInput(node, "starts", 1);
    intsToInput(node, "ends", 2);
    intsToInput(node, "axes", 3);
  }
  if (type == "Clip" && passes(11)) {
    float limit = std::numeric_limits<float>::max();
    numberToInput(node, "min", 1, -limit);
    numberToInput(node, "max", 2, limit);
  }
  if (type == "Pad" && passes(11)) {
    intsToInput(node, "pads", 1);
    numberToInput(node, "value", 2, std::nullopt);
  }
  if (type == "Dropout" && passes(12))
    takeAttribute(node, "ratio"); // of training
  if (passes(13)) {
    if (type == "Squeeze" || type == "Unsqueeze" || type == "ReduceSum")
      intsToInput(node, "axes", 1);
    if (type == "Split")
      intsToInput(node, "split", 1);
    if (type == "Softmax" || type == "LogSoftmax")
      flattenSoftmax(node);
    if (type == "Hardmax")
      return refuse(13);
  }
  if (passes(18)) {
    bool reduces = llvm::StringSwitch<bool>(type)
                       .Cases({"ReduceL1", "ReduceL2", "ReduceLogSum",
                               "ReduceLogSumExp", "ReduceMax", "ReduceMean",
                               "ReduceMin", "ReduceProd", "ReduceSumSquare"},
                              true)
                       .Default(false);
    if (reduces)
      intsToInput(node, "axes", 1);
    bool hasSplit = node.input_size() > 1 && !node.input(1).empty();
    if (type == "Split" && !hasSplit)
      setIntAttribute(node, "num_outputs", node.output_size());
  }
  if ((type == "GridSample" && passes(20)) ||
      (type == "GroupNormalization" && passes(21)))
    return refuse(21);
  return success();
}

LogicalResult
mpq::onnximport::upgradeOpset(::onnx::ModelProto &proto, int64_t opset,
                              const llvm::StringMap<int64_t> &ranks,
                              Location loc) {
  int64_t current = 0;
  for (auto &import : *proto.mutable_opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx") {
      current = import.version();
      import.set_version(std::max(current, opset));
    }
  // The first IR version that a release with this opset had.
  proto.set_ir_version(
      std::max<int64_t>(proto.ir_version(), opset >= 21 ? 10 : 7));
  if (current >= opset)
    return success();
  GraphEditor graph(*proto.mutable_graph());
  Upgrader upgrader(graph, current, opset, ranks, loc);
  LogicalResult result = success();
  graph.forEachNode([&](NodeProto &node) {
    if (succeeded(result))
      result = upgrader.upgrade(node);
  });
  graph.finish();
  return result;
}
