//===- ExportProducts.cpp - nodes with quantized weights ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product of IR stands for everything in the graph from the tensor its
// activation moves to the tensor it is named after: what merely moves values is
// kept, what is affine is in the weights. A product that has no such place in
// the graph keeps its float weights, and the summary says so.
//
//===----------------------------------------------------------------------===//

#include "Exporter.h"

#include "mpq/Dialect/ValueId.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace mpq;
using namespace mpq::onnximport;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

//===----------------------------------------------------------------------===//
// Paths through the graph
//===----------------------------------------------------------------------===//

static bool isProductType(StringRef type) {
  return type == "Conv" || type == "ConvTranspose" || type == "MatMul" ||
         type == "Gemm";
}

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
  moves |= node.op_type() == "Clip" && node.input_size() == 1; // no limits
  bool affine = llvm::StringSwitch<bool>(node.op_type())
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

/// The node with weights that computes `result`, together with the nodes of
/// `path`, which ends in the tensor that is named like the value.
NodeProto *Exporter::findProductNode(Value result, std::string &tensor,
                                     NodePath &path, std::string &message) {
  std::string name = getValueName(result);
  tensor = graph->hasTensor(name) ? name : getBaseName(name).str();
  std::string at = tensor;
  NodeProto *node = graph->getProducer(at);
  for (bool moves; node && !isProductType(node->op_type());
       node = graph->getProducer(at)) {
    int data = getDataInput(*node, moves);
    if (data < 0)
      break;
    path.push_back(node);
    at = node->input(data);
  }
  std::reverse(path.begin(), path.end());
  if (!node || !isProductType(node->op_type()) || node->input_size() < 2 ||
      !graph->isConstant(node->input(1)) || graph->isConstant(node->input(0))) {
    message = "no product with constant weights computes it in the graph";
    return nullptr;
  }
  if (replaced.contains(node) ||
      (name != tensor && lastComputed.lookup(tensor) != result)) {
    message = "it is only a part of " + node->op_type() + " '" +
              node->output(0) + "'";
    return nullptr;
  }
  return node;
}

bool Exporter::hasMoves(const NodePath &path) const {
  bool moves;
  return llvm::any_of(path, [&](NodeProto *node) {
    return getDataInput(*node, moves) >= 0 && moves;
  });
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
std::optional<std::string>
Exporter::getActivation(const QuantizedProduct &product, const NodeProto &node,
                        std::string &message) {
  QuantizableOpInterface op = product.op;
  Value moved = findMovedValue(op.getActivationOperand().get());
  std::string start = moved ? resolve(moved) : "";
  auto source = equalized.find(start);
  std::string end = source == equalized.end() ? start : source->second;

  NodePath path;
  bool isAffine = false;
  std::string tensor = node.input(0);
  while (end.empty() || tensor != end) {
    NodeProto *producer = graph->getProducer(tensor);
    bool moves;
    int data = producer ? getDataInput(*producer, moves) : -1;
    if (data < 0)
      break;
    isAffine |= !moves;
    path.push_back(producer);
    tensor = producer->input(data);
  }
  // Nothing in front of it changes values: it reads what it read before.
  if (!isAffine && start == end)
    return node.input(0);
  if (end.empty() || tensor != end) {
    message = "what it reads is not to be found in the graph";
    return std::nullopt;
  }
  std::reverse(path.begin(), path.end());
  return rebuild(start, path, "");
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

static int32_t getDataType(Type storage, bool isUnsigned) {
  if (isa<Float8E4M3FNType>(storage))
    return TensorProto::FLOAT8E4M3FN;
  if (isa<Float8E5M2Type>(storage))
    return TensorProto::FLOAT8E5M2;
  if (storage.isInteger(4))
    return isUnsigned ? TensorProto::UINT4 : TensorProto::INT4;
  return isUnsigned ? TensorProto::UINT8 : TensorProto::INT8;
}

/// Integers with DequantizeLinear, brought into the form `shape`.
std::string Exporter::createWeights(const QuantizedWeights &weights,
                                    StringRef name, ArrayRef<int64_t> shape,
                                    NodeProto *place) {
  int32_t type = getDataType(weights.storage, weights.isUnsigned);
  unsigned bits = weights.storage.getIntOrFloatBitWidth();
  SmallVector<std::string> inputs = {
      graph->createConstant(name + "_quantized", type, weights.shape,
                            packBytes(weights.integers, bits)),
      graph->createConstant<float>(name + "_scale", TensorProto::FLOAT,
                                   weights.scaleShape, weights.scales),
      graph->createConstant(name + "_zero_point", type, weights.scaleShape,
                            packBytes(weights.zeroPoints, bits))};
  std::string result = graph->makeName(name + "_dequantized");
  NodeProto *node =
      graph->createNode("DequantizeLinear", inputs, result, place);
  if (weights.axis)
    setIntAttribute(*node, "axis", *weights.axis);
  if (weights.blockSize)
    setIntAttribute(*node, "block_size", weights.blockSize);
  SmallVector<int64_t> current = weights.shape;
  auto reshape = [&](ArrayRef<int64_t> target) {
    if (target == ArrayRef(current))
      return;
    std::string extents = graph->createConstant<int64_t>(
        result + "_shape", TensorProto::INT64,
        {static_cast<int64_t>(target.size())}, target);
    std::string reshaped = graph->makeName(name + "_reshaped");
    graph->createNode("Reshape", {result, extents}, reshaped, place);
    result = reshaped;
    current.assign(target.begin(), target.end());
  };
  if (!weights.unmergedShape.empty())
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
    current = applyPermutation(current, weights.permutation);
  }
  reshape(shape);
  return result;
}

/// A bias in the accumulator's integers, as the integer product adds it; in
/// float if there is no accumulator or no room in it.
std::string Exporter::createBias(const Bias &bias, StringRef name,
                                 NodeProto *place) {
  std::vector<int32_t> integers;
  bool fits = !bias.scales.empty();
  for (size_t i = 0; fits && i < bias.values.size(); ++i) {
    double integer =
        std::nearbyint(double(bias.values[i]) / double(bias.scales[i]));
    fits = std::abs(integer) <= double(1 << 30);
    integers.push_back(fits ? static_cast<int32_t>(integer) : 0);
  }
  int64_t count = bias.values.size();
  if (!fits)
    return graph->createConstant<float>(name + "_bias", TensorProto::FLOAT,
                                        {count}, bias.values);
  std::string result = graph->makeName(name + "_bias");
  std::string quantized = graph->createConstant<int32_t>(
      name + "_bias_quantized", TensorProto::INT32, {count}, integers);
  std::string scale = graph->createConstant<float>(
      name + "_bias_scale", TensorProto::FLOAT, {count}, bias.scales);
  NodeProto *node =
      graph->createNode("DequantizeLinear", {quantized, scale}, result, place);
  setIntAttribute(*node, "axis", 0);
  return result;
}

/// The form that the node wants its weights in.
std::optional<SmallVector<int64_t>>
Exporter::getWeightShape(const QuantizedProduct &product, const NodeProto &node,
                         const WeightOrder &order, std::string &message) {
  DequantizeOp weights = product.weights;
  auto type = cast<RankedTensorType>(weights.getType());
  SmallVector<int64_t> shape;
  for (ArrayRef<int64_t> merged : order.dims) {
    shape.push_back(1);
    for (int64_t dim : merged)
      shape.back() *= type.getDimSize(dim);
  }
  if (node.op_type() == "Gemm") // transposed in the graph, never here
    return shape;
  if (const TensorProto *constant = graph->getConstant(node.input(1))) {
    SmallVector<int64_t> own(constant->dims().begin(), constant->dims().end());
    if (computeProduct(own) == type.getNumElements())
      return own;
  } else if (!isa<linalg::BatchMatmulOp>(product.op) &&
             (node.op_type() != "ConvTranspose" || shape.size() > 2)) {
    return shape;
  }
  message = "the shape of its weights is not to be seen in the graph";
  return std::nullopt;
}

std::optional<Exporter::Bias> Exporter::getBias(const QuantizedProduct &product,
                                                const NodeProto &node,
                                                const QuantizedWeights &weights,
                                                ArrayRef<int64_t> shape,
                                                std::string &message) {
  QuantizableOpInterface op = product.op;
  std::optional<std::vector<float>> values = readBias(op);
  if (!values) {
    message = "its bias is not constant along its channels";
    return std::nullopt;
  }
  Bias bias{*values, {}};
  if (bias.values.empty())
    return bias;
  size_t count = bias.values.size();
  std::string ignored;
  QuantizeOp quantize = findQuantize(op.getActivationOperand().get());
  auto input = quantize ? readQuantization(quantize, ignored) : std::nullopt;
  bool perChannel = weights.scales.size() == count;
  if (input && !weights.blockSize && (perChannel || weights.scales.size() == 1))
    for (size_t c = 0; c < count; ++c)
      bias.scales.push_back(input->scale * weights.scales[perChannel ? c : 0]);

  // Where ONNX has one channel for several of ours they have to agree.
  size_t channels = count, step = 1;
  bool isTransposed = node.op_type() == "ConvTranspose";
  if (isTransposed && isa<linalg::MatmulOp>(op)) {
    channels = shape[1]; // of (F, KH, KW)
    step = count / channels;
  } else if (isa<linalg::BatchMatmulOp>(op)) {
    channels = shape.back(); // of (B, N)
  }
  // Corrections make up for the errors of single columns: ONNX gets their mean.
  if (isTransposed)
    for (size_t c = 0; c < channels && !bias.values.empty(); ++c) {
      auto *column = bias.values.data() + c * step;
      float mean = std::accumulate(column, column + step, 0.0) / double(step);
      std::fill_n(column, step, mean);
    }
  auto merge = [&](std::vector<float> &numbers) {
    std::vector<float> merged;
    for (size_t c = 0; c < channels && !numbers.empty(); ++c)
      merged.push_back(numbers[c * step]);
    for (size_t i = 0; i < numbers.size(); ++i)
      if (numbers[i] != merged[i / step % channels])
        return false;
    numbers = std::move(merged);
    return true;
  };
  if (!merge(bias.values)) {
    message = "its bias differs within a channel";
    return std::nullopt;
  }
  if (!merge(bias.scales))
    bias.scales.clear();
  return bias;
}

LogicalResult Exporter::replaceProduct(const QuantizedProduct &product,
                                       std::string &message) {
  QuantizableOpInterface op = product.op;
  NodePath path;
  std::string result;
  NodeProto *node = findProductNode(op->getResult(0), result, path, message);
  if (!node)
    return failure();
  // Quantized by whoever made the model.
  NodeProto *source = graph->getProducer(node->input(1));
  if (source && source->op_type() == "DequantizeLinear")
    return success();

  RankedTensorType type = types.lookup(node->output(0));
  std::optional<WeightOrder> order =
      getWeightOrder(op, node->op_type(), type ? type.getRank() - 2 : 2);
  if (!order || op.getWeightOperand().getOperandNumber() != 1) {
    message =
        (op->getName().getStringRef() + " is no form of " + node->op_type())
            .str();
    return failure();
  }
  auto weights = readWeights(product.weights, *order, message);
  auto shape =
      weights ? getWeightShape(product, *node, *order, message) : std::nullopt;
  auto bias =
      shape ? getBias(product, *node, *weights, *shape, message) : std::nullopt;
  auto activation =
      bias ? getActivation(product, *node, message) : std::nullopt;
  if (!activation)
    return failure();

  SmallVector<std::string> inputs = {
      *activation, createWeights(*weights, node->input(1), *shape, node)};
  bool hasBias = !bias->values.empty(),
       addsBias = hasBias && node->op_type() == "MatMul";
  std::string biasName = hasBias ? createBias(*bias, result, node) : "";
  if (hasBias && !addsBias)
    inputs.push_back(biasName);

  graph->detach(result, "_replaced");
  std::string last =
      hasMoves(path) ? graph->makeName(node->output(0) + "_product") : result;
  std::string first =
      addsBias ? graph->makeName(node->output(0) + "_product") : last;
  NodeProto *made = graph->cloneNode(node, inputs, first);
  if (node->op_type() == "Gemm")
    for (StringRef attribute : {"alpha", "beta", "transB"})
      takeAttribute(*made, attribute);
  if (addsBias)
    graph->createNode("Add", {first, biasName}, last, node);
  if (last != result)
    rebuild(last, path, result);
  replaced.insert(node);
  replaced.insert(made);
  ++summary.products;
  return success();
}
