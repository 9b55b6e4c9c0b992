//===- ExportONNX.cpp - quantized models as QDQ ONNX ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Value ids lead from IR back to the graph; between two ids, IR and graph
// compute the same function. So a product of IR stands for everything in the
// graph from the tensor its activation moves to the tensor it is named after:
// what merely moves values is kept, what is affine is in the weights. Tensors
// keep their names because a node that ends in one still does.
//
//===----------------------------------------------------------------------===//

#include "mpq/ONNX/ExportONNX.h"

#include "GraphEditor.h"
#include "QDQForm.h"
#include "UpgradeOpset.h"

#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/ValueId.h"
#include "mpq/ONNX/ImportONNX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace mlir;
using namespace mpq;
using namespace mpq::onnximport;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

/// QuantizeLinear per channel; in blocks, or of 4 bits.
static constexpr int64_t kPerAxisOpset = 13, kBlockedOpset = 21;

namespace {
/// Nodes between two tensors, in the order values flow.
using NodePath = SmallVector<NodeProto *>;

class Exporter {
public:
  Exporter(func::FuncOp function, ::onnx::ModelProto &proto,
           ExportSummary &summary)
      : function(function), proto(proto), summary(summary),
        loc(function.getLoc()) {}

  LogicalResult run(StringRef original);

private:
  LogicalResult checkInterface();
  LogicalResult findShapes(StringRef original);
  void fixShapes();
  void indexValues();

  std::string resolve(Value value);
  std::string quantizeTensor(const std::string &tensor,
                             const TensorQuantization &parameters);
  LogicalResult replaceProduct(const QuantizedProduct &product,
                               std::string &message);
  NodeProto *findProductNode(StringRef result, NodePath &path);
  bool findActivation(const QuantizedProduct &product, NodeProto *node,
                      std::string &activation, std::string &message);
  std::string rebuild(std::string tensor, const NodePath &path,
                      StringRef result);
  std::string createWeights(const QuantizedWeights &weights, StringRef name,
                            ArrayRef<int64_t> shape, NodeProto *place);
  std::string createBias(ArrayRef<float> bias, ArrayRef<float> scales,
                         StringRef name, NodeProto *place);
  int getDataInput(const NodeProto &node, bool &moves) const;

  func::FuncOp function;
  ::onnx::ModelProto &proto;
  ExportSummary &summary;
  Location loc;
  std::optional<GraphEditor> graph;
  /// Types of the model's tensors as importing them anew finds.
  llvm::StringMap<RankedTensorType> types;
  /// The last value of each name before '#' that is computed, not moved.
  llvm::StringMap<Value> lastComputed;
  llvm::MapVector<Value, std::string> resolved; // "" for failures
  llvm::SmallPtrSet<NodeProto *, 16> replaced;
};
} // namespace

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static StringRef getBaseName(StringRef name) {
  return name.take_front(name.find('#'));
}

/// Operations that move or provide elements.
static bool isMove(Operation &op) {
  return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::PadOp,
             tensor::EmptyOp, linalg::TransposeOp, linalg::FillOp,
             linalg::BroadcastOp, QuantizeOp, DequantizeOp>(op) ||
         op.hasTrait<OpTrait::ConstantLike>();
}

void Exporter::indexValues() {
  for (Operation &op : function.getBody().front())
    if (!isMove(op) && op.getNumResults() == 1)
      lastComputed[getBaseName(getValueName(op.getResult(0)))] =
          op.getResult(0);
}

/// The tensor of the graph that holds the elements of `value` in some order, or
/// "". A helper inside a node is its result if it computes the last.
std::string Exporter::resolve(Value value) {
  auto [it, inserted] = resolved.try_emplace(value);
  if (!inserted)
    return it->second;
  std::string name = getValueName(value), result;
  auto hasElements = [&](StringRef tensor) {
    RankedTensorType type = types.lookup(tensor);
    return !type || type.getNumElements() ==
                        cast<RankedTensorType>(value.getType()).getNumElements();
  };
  if (graph->hasTensor(name)) {
    if (hasElements(name))
      result = name;
  } else if (auto divided = matchChannelFactors(value);
             divided && StringRef(name).ends_with("#equalized")) {
    // Added to the model by a recipe: the graph gets it, too.
    auto [source, factors] = *divided;
    if (auto dequantize = source.getDefiningOp<DequantizeOp>())
      if (auto quantize = dequantize.getInput().getDefiningOp<QuantizeOp>())
        source = quantize.getInput();
    std::string tensor = resolve(source);
    if (!tensor.empty() && types.lookup(tensor) == value.getType()) {
      result = graph->makeName(tensor + "_equalized");
      std::string constant = graph->createConstant<float>(
          result + "_factors", TensorProto::FLOAT, {int64_t(factors.size())},
          factors);
      graph->createNode("Mul", {tensor, constant}, result,
                        graph->getProducer(tensor));
    }
  } else if (StringRef base = getBaseName(name);
             graph->hasTensor(base) && hasElements(base) &&
             lastComputed.lookup(base) == value) {
    result = base.str();
  }
  resolved[value] = result;
  return result;
}

//===----------------------------------------------------------------------===//
// Paths through the graph
//===----------------------------------------------------------------------===//

/// The input through which values flow into a node that moves them or computes
/// an affine function with constants; -1 for others.
int Exporter::getDataInput(const NodeProto &node, bool &moves) const {
  if (!node.domain().empty() && node.domain() != "ai.onnx")
    return -1;
  moves = llvm::StringSwitch<bool>(node.op_type())
              .Cases({"Identity", "Dropout", "Reshape", "Flatten", "Squeeze",
                      "Unsqueeze", "Transpose", "Pad", "Slice", "MaxPool",
                      "DepthToSpace", "SpaceToDepth", "Gather", "Expand",
                      "Resize", "Upsample"},
                     true)
              .Default(false);
  bool affine =
      llvm::StringSwitch<bool>(node.op_type())
          .Cases({"Add", "Sub", "Mul", "Div", "Neg", "Sum",
                  "BatchNormalization"},
                 true)
          .Default(false);
  if ((!moves && !affine) || node.input_size() == 0)
    return -1;
  int data = -1;
  for (auto [i, input] : llvm::enumerate(node.input())) {
    if (input.empty() || graph->isConstant(input))
      continue;
    if (data >= 0)
      return -1;
    data = int(i);
  }
  bool first = moves || node.op_type() == "Div" ||
               node.op_type() == "BatchNormalization";
  return first && data != 0 ? -1 : data;
}

/// The node with weights that `result` is an affine function and rearrangement
/// of. Its path ends in `result`.
NodeProto *Exporter::findProductNode(StringRef result, NodePath &path) {
  std::string tensor = result.str();
  while (NodeProto *node = graph->getProducer(tensor)) {
    StringRef type = node->op_type();
    if (type == "Conv" || type == "ConvTranspose" || type == "MatMul" ||
        type == "Gemm") {
      bool hasWeights = node->input_size() >= 2 &&
                        graph->isConstant(node->input(1)) &&
                        !graph->isConstant(node->input(0));
      std::reverse(path.begin(), path.end());
      return hasWeights ? node : nullptr;
    }
    bool moves;
    int data = getDataInput(*node, moves);
    if (data < 0)
      return nullptr;
    path.push_back(node);
    tensor = node->input(data);
  }
  return nullptr;
}

/// Repeats the moves of `path`, without what is affine, from `tensor` on. The
/// last one computes `result` ("": a new tensor). Returns the last tensor.
std::string Exporter::rebuild(std::string tensor, const NodePath &path,
                              StringRef result) {
  SmallVector<NodeProto *> kept;
  bool moves;
  for (NodeProto *node : path)
    if (getDataInput(*node, moves) >= 0 && moves)
      kept.push_back(node);
  for (auto [i, node] : llvm::enumerate(kept)) {
    bool isLast = i + 1 == kept.size();
    SmallVector<std::string> inputs(node->input().begin(), node->input().end());
    inputs[0] = tensor;
    tensor = isLast && !result.empty()
                 ? result.str()
                 : graph->makeName(node->output(0) + "_moved");
    graph->cloneNode(node, inputs, tensor);
  }
  return tensor;
}

/// The tensor that the product's node reads once affine functions in front of
/// it are in its weights.
bool Exporter::findActivation(const QuantizedProduct &product, NodeProto *node,
                              std::string &activation, std::string &message) {
  QuantizableOpInterface op = product.op;
  Value moved = findMovedValue(op.getActivationOperand().get());
  activation = node->input(0);
  std::string start = moved ? resolve(moved) : "", end = start;
  // A tensor that a recipe added is reached through what it divides.
  if (!start.empty() && !types.contains(start))
    if (auto divided = matchChannelFactors(moved)) {
      Value source = divided->first;
      end = graph->getProducer(start)->input(0);
      (void)source;
    }
  NodePath path;
  bool isAffine = false;
  std::string tensor = activation;
  while (tensor != end) {
    NodeProto *producer = graph->getProducer(tensor);
    bool moves;
    int data = producer ? getDataInput(*producer, moves) : -1;
    if (data < 0)
      break;
    isAffine |= !moves;
    path.push_back(producer);
    tensor = producer->input(data);
  }
  bool reached = !end.empty() && tensor == end;
  if (!reached && !isAffine && start == end)
    return true;
  if (!reached) {
    message = "what it reads in the graph cannot be told";
    return false;
  }
  std::reverse(path.begin(), path.end());
  if (isAffine || start != end)
    activation = rebuild(start, path, "");
  return true;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static std::string packBytes(const std::vector<int8_t> &values, unsigned bits) {
  std::string bytes;
  if (bits == 8)
    return std::string(reinterpret_cast<const char *>(values.data()),
                       values.size());
  for (size_t i = 0; i < values.size(); i += 2) {
    unsigned low = values[i] & 15,
             high = i + 1 < values.size() ? values[i + 1] & 15 : 0;
    bytes.push_back(static_cast<char>(low | high << 4));
  }
  return bytes;
}

static int32_t getDataType(unsigned bits, bool isUnsigned) {
  if (bits == 4)
    return isUnsigned ? TensorProto::UINT4 : TensorProto::INT4;
  return isUnsigned ? TensorProto::UINT8 : TensorProto::INT8;
}

/// Integers with DequantizeLinear, brought into the form `shape`.
std::string Exporter::createWeights(const QuantizedWeights &weights,
                                    StringRef name, ArrayRef<int64_t> shape,
                                    NodeProto *place) {
  int32_t type = getDataType(weights.bits, weights.isUnsigned);
  SmallVector<std::string> inputs = {
      graph->createConstant(name + "_quantized", type, weights.shape,
                            packBytes(weights.integers, weights.bits)),
      graph->createConstant<float>(name + "_scale", TensorProto::FLOAT,
                                   weights.scaleShape, weights.scales),
      graph->createConstant(name + "_zero_point", type, weights.scaleShape,
                            packBytes(weights.zeroPoints, weights.bits))};
  std::string result = graph->makeName(name + "_dequantized");
  NodeProto *node =
      graph->createNode("DequantizeLinear", inputs, result, place);
  if (weights.axis)
    setIntAttribute(*node, "axis", *weights.axis);
  if (weights.blockSize)
    setIntAttribute(*node, "block_size", weights.blockSize);
  auto reshape = [&](ArrayRef<int64_t> target) {
    std::string extents = graph->createConstant<int64_t>(
        result + "_shape", TensorProto::INT64, {int64_t(target.size())},
        target);
    std::string reshaped = graph->makeName(name + "_reshaped");
    graph->createNode("Reshape", {result, extents}, reshaped, place);
    result = reshaped;
  };
  if (!weights.unmergedShape.empty()) {
    reshape(weights.unmergedShape);
    if (!llvm::is_sorted(weights.permutation)) {
      std::string transposed = graph->makeName(name + "_transposed");
      NodeProto *transpose =
          graph->createNode("Transpose", {result}, transposed, place);
      ::onnx::AttributeProto &permutation = *transpose->add_attribute();
      permutation.set_name("perm");
      permutation.set_type(::onnx::AttributeProto::INTS);
      for (int64_t dim : weights.permutation)
        permutation.add_ints(dim);
      result = transposed;
    }
  }
  if (!weights.unmergedShape.empty() || shape != ArrayRef(weights.shape))
    reshape(shape);
  return result;
}

/// A bias in the accumulator's integers, as the integer product adds it; in
/// float if there is no accumulator or no room in it.
std::string Exporter::createBias(ArrayRef<float> bias, ArrayRef<float> scales,
                                 StringRef name, NodeProto *place) {
  std::vector<int32_t> integers;
  bool fits = !scales.empty();
  for (size_t i = 0; fits && i < bias.size(); ++i) {
    double integer = std::nearbyint(double(bias[i]) / double(scales[i]));
    fits = std::abs(integer) <= double(1 << 30);
    integers.push_back(fits ? int32_t(integer) : 0);
  }
  int64_t count = bias.size();
  if (!fits)
    return graph->createConstant<float>(name + "_bias", TensorProto::FLOAT,
                                        {count}, bias);
  std::string result = graph->makeName(name + "_bias");
  SmallVector<std::string> inputs = {
      graph->createConstant<int32_t>(name + "_bias_quantized",
                                     TensorProto::INT32, {count}, integers),
      graph->createConstant<float>(name + "_bias_scale", TensorProto::FLOAT,
                                   {count}, scales)};
  NodeProto *node =
      graph->createNode("DequantizeLinear", inputs, result, place);
  setIntAttribute(*node, "axis", 0);
  return result;
}

/// Numbers for each of `channels` from numbers for each column, `columns` of
/// which belong to a channel; std::nullopt if these differ.
static std::optional<std::vector<float>> mergeColumns(ArrayRef<float> numbers,
                                                      int64_t channels) {
  std::vector<float> result;
  int64_t columns = int64_t(numbers.size()) / channels;
  for (int64_t c = 0; c < channels; ++c) {
    ArrayRef<float> group = numbers.slice(c * columns, columns);
    if (!llvm::all_equal(group))
      return std::nullopt;
    result.push_back(group.front());
  }
  return result;
}

LogicalResult Exporter::replaceProduct(const QuantizedProduct &product,
                                       std::string &message) {
  QuantizableOpInterface op = product.op;
  Value value = op->getResult(0);
  std::string name = getValueName(value);
  std::string result = graph->hasTensor(name) ? name : getBaseName(name).str();
  NodePath path;
  NodeProto *node =
      graph->hasTensor(result) ? findProductNode(result, path) : nullptr;
  if (!node) {
    message = "no product with constant weights computes it in the graph";
    return failure();
  }
  if (replaced.contains(node) ||
      (name != result && lastComputed.lookup(result) != value)) {
    message = "it is only a part of " + node->op_type() + " '" +
              node->output(0) + "'";
    return failure();
  }
  // Quantized by whoever made the model.
  NodeProto *source = graph->getProducer(node->input(1));
  if (source && source->op_type() == "DequantizeLinear")
    return success();

  // The weights' own shape in the graph, where it is to be seen.
  SmallVector<int64_t> shape;
  if (const TensorProto *constant = graph->getConstant(node->input(1)))
    shape.assign(constant->dims().begin(), constant->dims().end());
  int64_t spatialRank = shape.size() == 3 ? 1 : 2;
  std::optional<WeightOrder> order =
      getWeightOrder(op, node->op_type(), spatialRank);
  if (!order || op.getWeightOperand().getOperandNumber() != 1) {
    message = (op->getName().getStringRef() + " is no form of " +
               node->op_type())
                  .str();
    return failure();
  }
  std::optional<QuantizedWeights> weights =
      readWeights(product.weights, *order, message);
  if (!weights)
    return failure();
  bool isGemm = node->op_type() == "Gemm";
  if (isGemm || shape.empty() ||
      computeProduct(shape) != int64_t(weights->integers.size())) {
    // Gemm's may be transposed there; here they never are.
    if (!isGemm && node->op_type() != "Conv" && node->op_type() != "MatMul") {
      message = "the shape of its weights is not to be seen in the graph";
      return failure();
    }
    shape = weights->unmergedShape.empty() ? weights->shape : shape;
    if (shape.empty()) {
      message = "the shape of its weights is not to be seen in the graph";
      return failure();
    }
  }

  std::optional<std::vector<float>> bias = readBias(op);
  if (!bias) {
    message = "its bias is not constant along its channels";
    return failure();
  }
  // What the accumulator counts in.
  std::vector<float> scales;
  Value activationValue = op.getActivationOperand().get();
  Value moved = findMovedValue(activationValue);
  if (!bias->empty() && moved && !weights->blockSize)
    for (Operation *user : moved.getUsers())
      if (auto quantize = dyn_cast<QuantizeOp>(user))
        if (auto scale = ConstantView::get(quantize.getScale());
            scale && scale->isSplat())
          for (size_t c = 0; c < bias->size(); ++c)
            scales.push_back(scale->getFloat(0) *
                             weights->scales[weights->scales.size() == 1 ? 0
                                                                         : c]);
  if (scales.size() != bias->size())
    scales.clear();
  int64_t columns = shape.back();
  if (node->op_type() == "ConvTranspose" && isa<linalg::MatmulOp>(op))
    columns = shape[1];
  bool merges = !bias->empty() && ((node->op_type() == "ConvTranspose" &&
                                    isa<linalg::MatmulOp>(op)));
  if (merges) {
    bias = mergeColumns(*bias, columns);
    std::optional<std::vector<float>> merged =
        scales.empty() ? std::nullopt : mergeColumns(scales, columns);
    scales = merged ? *merged : std::vector<float>();
  } else if (!bias->empty() && isa<linalg::BatchMatmulOp>(op)) {
    // The same for each matrix, or not to be said in one dimension.
    int64_t count = columns;
    for (size_t i = count; i < bias->size(); ++i)
      if ((*bias)[i] != (*bias)[i % count]) {
        message = "its bias differs between matrices";
        return failure();
      }
    bias->resize(count);
    scales.clear();
  }
  if (!bias) {
    message = "its bias differs within a channel";
    return failure();
  }

  std::string activation;
  if (!findActivation(product, node, activation, message))
    return failure();

  StringRef weightName = node->input(1);
  SmallVector<std::string> inputs = {
      activation, createWeights(*weights, weightName, shape, node)};
  std::string biasName =
      bias->empty() ? "" : createBias(*bias, scales, result, node);
  bool addsBias = !bias->empty() && node->op_type() == "MatMul";
  if (!bias->empty() && !addsBias)
    inputs.push_back(biasName);

  // Everything is known to work out: change the graph.
  bool moves;
  bool hasMoves = llvm::any_of(path, [&](NodeProto *step) {
    return getDataInput(*step, moves) >= 0 && moves;
  });
  graph->detach(result);
  std::string output =
      hasMoves ? graph->makeName(node->output(0) + "_product") : result;
  std::string direct =
      addsBias ? graph->makeName(node->output(0) + "_product") : output;
  NodeProto *made = graph->cloneNode(node, inputs, direct);
  if (isGemm)
    for (StringRef attribute : {"alpha", "beta", "transB"})
      takeAttribute(*made, attribute);
  if (addsBias)
    graph->createNode("Add", {direct, biasName}, output, node);
  if (hasMoves)
    rebuild(output, path, result);
  replaced.insert(node);
  replaced.insert(made);
  ++summary.products;
  return success();
}

//===----------------------------------------------------------------------===//
// The whole graph
//===----------------------------------------------------------------------===//

/// Inserts QuantizeLinear and DequantizeLinear behind `tensor`.
std::string
Exporter::quantizeTensor(const std::string &tensor,
                         const TensorQuantization &parameters) {
  int32_t type = parameters.isUnsigned ? TensorProto::UINT8 : TensorProto::INT8;
  std::string scale = graph->createConstant<float>(
      tensor + "_scale", TensorProto::FLOAT, {}, parameters.scale);
  std::string zero = graph->createConstant<uint8_t>(
      tensor + "_zero_point", type, {}, uint8_t(parameters.zeroPoint));
  std::string integers = graph->makeName(tensor + "_quantized");
  std::string result = graph->makeName(tensor + "_dequantized");
  NodeProto *producer = graph->getProducer(tensor);
  NodeProto *quantize = graph->createNode(
      "QuantizeLinear", {tensor, scale, zero}, integers, producer);
  graph->replaceUses(tensor, result, quantize);
  graph->createNode("DequantizeLinear", {integers, scale, zero}, result,
                    quantize);
  ++summary.activations;
  return result;
}

/// The module and the graph have the same inputs and outputs.
LogicalResult Exporter::checkInterface() {
  llvm::StringSet<> initializers;
  for (const TensorProto &tensor : proto.graph().initializer())
    initializers.insert(tensor.name());
  SmallVector<std::string> inputs, outputs, theirInputs, theirOutputs;
  for (const auto &input : proto.graph().input())
    if (!initializers.contains(input.name()))
      theirInputs.push_back(input.name());
  for (const auto &output : proto.graph().output())
    theirOutputs.push_back(output.name());
  for (BlockArgument argument : function.getArguments())
    inputs.push_back(getValueName(argument));
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    auto name = function.getResultAttrOfType<StringAttr>(
        i, MPQDialect::getNameAttrName());
    outputs.push_back(name ? name.str() : "");
  }
  auto list = [](ArrayRef<std::string> names) {
    return "'" + llvm::join(names, "', '") + "'";
  };
  if (inputs != theirInputs)
    return emitError(loc) << "expected a module made from this model, whose "
                             "inputs are "
                          << list(theirInputs) << ", but its inputs are "
                          << list(inputs);
  if (outputs != theirOutputs)
    return emitError(loc) << "expected a module made from this model, whose "
                             "outputs are "
                          << list(theirOutputs) << ", but its outputs are "
                          << list(outputs);
  return success();
}

LogicalResult Exporter::findShapes(StringRef original) {
  ImportOptions options;
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.hasStaticShape())
      return emitError(loc) << "expected inputs of static shape but got "
                            << argument.getType();
    options.shapes[getValueName(argument)] = type.getShape().vec();
  }
  OwningOpRef<ModuleOp> imported =
      importONNXFile(original, options, loc.getContext());
  if (!imported)
    return failure();
  imported->walk([&](Operation *op) {
    for (Value result : op->getResults())
      if (auto type = dyn_cast<RankedTensorType>(result.getType()))
        types[getValueName(result)] = type;
  });
  for (BlockArgument argument : function.getArguments())
    types[getValueName(argument)] = cast<RankedTensorType>(argument.getType());
  return success();
}

/// Inputs and outputs get the shapes that the module was compiled for.
void Exporter::fixShapes() {
  bool changed = false;
  auto fix = [&](::onnx::ValueInfoProto &value, Type type) {
    auto &shape = *value.mutable_type()->mutable_tensor_type()->mutable_shape();
    ArrayRef<int64_t> wanted = cast<RankedTensorType>(type).getShape();
    bool same = shape.dim_size() == int(wanted.size());
    for (int i = 0; same && i < shape.dim_size(); ++i)
      same = shape.dim(i).has_dim_value() &&
             shape.dim(i).dim_value() == wanted[i];
    if (same)
      return;
    changed = true;
    shape.clear_dim();
    for (int64_t extent : wanted)
      shape.add_dim()->set_dim_value(extent);
  };
  ::onnx::GraphProto &g = *proto.mutable_graph();
  for (auto &input : *g.mutable_input())
    for (BlockArgument argument : function.getArguments())
      if (getValueName(argument) == input.name())
        fix(input, argument.getType());
  for (auto [i, output] : llvm::enumerate(*g.mutable_output()))
    fix(output, function.getResultTypes()[i]);
  if (changed) // of the open shapes
    g.clear_value_info();
}

LogicalResult Exporter::run(StringRef original) {
  if (failed(checkInterface()))
    return failure();
  SmallVector<QuantizedProduct> products = findQuantizedProducts(function);
  SmallVector<QuantizeOp> quantizations;
  for (auto op : function.getBody().front().getOps<QuantizeOp>())
    quantizations.push_back(op);
  if (products.empty() && quantizations.empty())
    return emitError(loc) << "expected a module in QDQ form but nothing in it "
                             "is quantized: compile with --precision int8 up "
                             "to the phase quantize";
  if (failed(findShapes(original)))
    return failure();

  int64_t opset = kPerAxisOpset;
  for (QuantizedProduct &product : products) {
    DequantizeOp weights = product.weights;
    bool blocked = llvm::any_of(
        weights.getParamMap()->getResults(),
        [](AffineExpr expr) { return !isa<AffineDimExpr>(expr); });
    if (blocked || getElementTypeOrSelf(weights.getInput().getType())
                       .isInteger(4))
      opset = kBlockedOpset;
  }
  llvm::StringMap<int64_t> ranks;
  for (auto &entry : types)
    ranks[entry.getKey()] = entry.getValue().getRank();
  if (failed(upgradeOpset(proto, opset, ranks, loc)))
    return failure();
  fixShapes();

  graph.emplace(*proto.mutable_graph());
  indexValues();
  for (QuantizedProduct &product : products) {
    std::string message;
    if (failed(replaceProduct(product, message)))
      summary.fallbacks.push_back("the weights of '" +
                                  getValueName(product.op->getResult(0)) +
                                  "' stay float: " + message);
  }
  for (QuantizeOp quantize : quantizations) {
    Value value = quantize.getInput();
    std::string name = getValueName(value), message;
    NodeProto *existing = graph->getProducer(getValueName(quantize));
    if (existing && existing->op_type() == "QuantizeLinear")
      continue;
    std::optional<TensorQuantization> parameters =
        readQuantization(quantize, message);
    std::string tensor = parameters ? resolve(value) : "";
    if (parameters && tensor.empty())
      message = "it is no tensor of the graph";
    if (!message.empty())
      summary.fallbacks.push_back("'" + name + "' stays float: " + message);
    else
      quantizeTensor(tensor, *parameters);
  }
  graph->finish();
  return success();
}

FailureOr<std::string> mpq::exportQDQ(ModuleOp module, StringRef original,
                                      ExportSummary &summary) {
  MLIRContext *context = module.getContext();
  Location loc = NameLoc::get(StringAttr::get(context, original));
  SmallVector<func::FuncOp> functions;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal() && function.isPublic())
      functions.push_back(function);
  if (functions.size() != 1 || !functions[0].getBody().hasOneBlock())
    return emitError(loc) << "expected one function of one block but got "
                          << functions.size() << " functions";
  auto buffer = llvm::MemoryBuffer::getFile(original, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return emitError(loc) << "cannot open model: "
                          << buffer.getError().message();
  StringRef folder = llvm::sys::path::parent_path(original);
  ::onnx::ModelProto proto;
  if (failed(parseModelProto((*buffer)->getBuffer(), loc, proto)) ||
      failed(embedExternalData(proto, folder.empty() ? "." : folder, loc)) ||
      failed(Exporter(functions[0], proto, summary).run(original)))
    return failure();
  if (proto.ByteSizeLong() > INT32_MAX)
    return emitError(loc) << "the quantized model has " << proto.ByteSizeLong()
                          << " bytes but ONNX files have at most 2 GiB";
  std::string bytes;
  proto.SerializeToString(&bytes);
  return bytes;
}
