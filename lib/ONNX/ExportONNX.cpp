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

#include "Exporter.h"
#include "UpgradeOpset.h"

#include "mpq/Dialect/ValueId.h"
#include "mpq/ONNX/ImportONNX.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mpq;
using namespace mpq::onnximport;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

/// QuantizeLinear per channel; of FP8; in blocks, or of few bits.
static constexpr int64_t kPerAxisOpset = 13, kFloatOpset = 19,
                         kBlockedOpset = 21;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

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
std::string Exporter::findTensor(Value value) {
  std::string name = getValueName(value);
  auto hasElements = [&](StringRef tensor) {
    RankedTensorType type = types.lookup(tensor),
                     own = cast<RankedTensorType>(value.getType());
    return !type || type.getNumElements() == own.getNumElements();
  };
  if (graph->hasTensor(name))
    return hasElements(name) ? name : "";
  std::string base = getBaseName(name).str();
  auto divided = matchChannelFactors(value);
  if (!divided || !StringRef(name).ends_with("#equalized")) {
    bool isLast = lastComputed.lookup(base) == value;
    return isLast && graph->hasTensor(base) && hasElements(base) ? base : "";
  }
  // Added to the model by quantization: the graph gets it, too.
  auto [source, factors] = *divided;
  Value moved = findMovedValue(source);
  std::string tensor = moved ? resolve(moved) : "";
  std::string result = graph->makeName(tensor + "_equalized");
  if (!createScaled(tensor, tensor, value.getType(), factors, result))
    return "";
  equalized[result] = tensor;
  return result;
}

/// `source`, which holds the elements of `tensor`, times the factors along the
/// last dimension of the module's type, in which channels are the last.
NodeProto *Exporter::createScaled(const std::string &source,
                                  const std::string &tensor, Type type,
                                  ArrayRef<float> factors,
                                  const std::string &result) {
  RankedTensorType graphType = types.lookup(tensor);
  if (tensor.empty() || !graphType)
    return nullptr;
  SmallVector<int64_t> shape(cast<RankedTensorType>(type).getShape());
  int64_t rank = shape.size(), behind = 0;
  if (graphType.getShape() != ArrayRef(shape)) {
    // Images have their channels behind the batch in ONNX.
    behind = rank - 2;
    if (rank > 2)
      std::rotate(shape.begin() + 1, shape.end() - 1, shape.end());
    if (graphType.getShape() != ArrayRef(shape))
      return nullptr;
  }
  SmallVector<int64_t> dims(behind + 1, 1);
  dims[0] = factors.size();
  std::string constant = graph->createConstant<float>(
      result + "_factors", TensorProto::FLOAT, dims, factors);
  return graph->createNode("Mul", {source, constant}, result,
                           graph->getProducer(source));
}

/// What else reads an equalized tensor reads its rounded form times the
/// factors, as in the module.
void Exporter::restoreEqualized() {
  for (auto generic : function.getBody().front().getOps<linalg::GenericOp>()) {
    Value value = generic.getResult(0);
    auto scaled = matchChannelFactors(value);
    if (!scaled || !StringRef(getValueName(value)).ends_with("#restored"))
      continue;
    QuantizeOp quantize = findQuantize(scaled->first);
    std::string divided = quantize ? resolve(quantize.getInput()) : "";
    auto original = equalized.find(divided),
         rounded = dequantized.find(divided);
    if (original == equalized.end() || rounded == dequantized.end())
      continue;
    std::string tensor = original->second;
    std::string result = graph->makeName(tensor + "_restored");
    NodeProto *divide = graph->getProducer(divided);
    if (createScaled(rounded->second, tensor, value.getType(), scaled->second,
                     result))
      graph->replaceUses(tensor, result, divide);
  }
}

std::string Exporter::resolve(Value value) {
  auto it = resolved.find(value);
  if (it == resolved.end())
    it = resolved.try_emplace(value, findTensor(value)).first;
  return it->second;
}

//===----------------------------------------------------------------------===//
// The whole graph
//===----------------------------------------------------------------------===//

/// Inserts QuantizeLinear and DequantizeLinear behind `tensor`.
void Exporter::quantizeTensor(const std::string &tensor,
                              const TensorQuantization &parameters) {
  std::string scale = graph->createConstant<float>(
      tensor + "_scale", TensorProto::FLOAT, {}, parameters.scale);
  std::string zeroName = tensor + "_zero_point", zero;
  if (parameters.bits == 16)
    zero = graph->createConstant<uint16_t>(
        zeroName,
        parameters.isUnsigned ? TensorProto::UINT16 : TensorProto::INT16, {},
        uint16_t(parameters.zeroPoint));
  else
    zero = graph->createConstant<uint8_t>(
        zeroName,
        parameters.isUnsigned ? TensorProto::UINT8 : TensorProto::INT8, {},
        uint8_t(parameters.zeroPoint));
  std::string integers = graph->makeName(tensor + "_quantized");
  std::string source = tensor, result;
  NodeProto *producer = graph->getProducer(tensor);
  if (producer && roundedOutputs.contains(tensor)) {
    // The output itself is rounded: the name goes to the dequantized tensor.
    result = tensor;
    source = graph->detach(tensor, "_float");
  } else {
    result = graph->makeName(tensor + "_dequantized");
  }
  NodeProto *quantize = graph->createNode(
      "QuantizeLinear", {source, scale, zero}, integers, producer);
  if (result != tensor)
    graph->replaceUses(tensor, result, quantize);
  graph->createNode("DequantizeLinear", {integers, scale, zero}, result,
                    quantize);
  dequantized[tensor] = result;
  ++summary.activations;
}

/// Outputs that are given dequantized numbers.
void Exporter::findRoundedOutputs() {
  Operation *terminator = function.getBody().front().getTerminator();
  for (auto [i, operand] : llvm::enumerate(terminator->getOperands())) {
    std::string output = proto.graph().output(i).name();
    if (QuantizeOp quantize = findQuantize(operand))
      if (resolve(quantize.getInput()) == output)
        roundedOutputs.insert(output);
  }
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

LogicalResult Exporter::findShapes(StringRef original, StringRef folder) {
  ImportOptions options;
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.hasStaticShape())
      return emitError(loc) << "expected inputs of static shape but got "
                            << argument.getType();
    options.shapes[getValueName(argument)] = type.getShape().vec();
  }
  OwningOpRef<ModuleOp> imported =
      importONNX(original, cast<NameLoc>(loc).getName(), folder, options,
                 loc.getContext());
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
      same =
          shape.dim(i).has_dim_value() && shape.dim(i).dim_value() == wanted[i];
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

/// Brings the model to an opset that can express the integers.
LogicalResult Exporter::upgrade(ArrayRef<QuantizedProduct> products) {
  int64_t opset = kPerAxisOpset;
  for (const QuantizedProduct &product : products) {
    DequantizeOp weights = product.weights;
    auto type = cast<ShapedType>(weights.getInput().getType());
    bool isBlocked =
        llvm::any_of(weights.getParamMap()->getResults(),
                     [](AffineExpr expr) { return !isa<AffineDimExpr>(expr); });
    if (type.getElementTypeBitWidth() < 8 || isBlocked)
      opset = kBlockedOpset;
    else if (isa<FloatType>(type.getElementType()))
      opset = std::max(opset, kFloatOpset);
  }
  function.walk([&](QuantizeOp op) {
    if (getElementTypeOrSelf(op.getType()).isInteger(16))
      opset = kBlockedOpset;
  });
  llvm::StringMap<int64_t> ranks;
  for (auto &entry : types)
    ranks[entry.getKey()] = entry.getValue().getRank();
  return upgradeOpset(proto, opset, ranks, loc);
}

LogicalResult Exporter::run(StringRef original, StringRef folder) {
  if (failed(checkInterface()))
    return failure();
  SmallVector<QuantizedProduct> products = findQuantizedProducts(function);
  auto quantizations = function.getBody().front().getOps<QuantizeOp>();
  // QDQ says nothing of floats of 16 bits.
  SmallVector<Operation *> halves;
  function.walk([&](QuantizableOpInterface op) {
    auto precision =
        op->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
    if (precision && (precision.getKind() == PrecisionKind::BF16 ||
                      precision.getKind() == PrecisionKind::F16))
      halves.push_back(op);
  });
  auto isHalfOnly = products.empty() && quantizations.empty();
  if (isHalfOnly && !halves.empty())
    return emitError(loc) << "expected something quantized to integers but all "
                             "products that are not in f32 are in bf16 or f16, "
                             "which QDQ cannot say: export with --precision "
                             "int8, or use the original model";
  for (Operation *op : halves)
    summary.fallbacks.push_back("'" + getValueName(op->getResult(0)) +
                                "' stays f32: QDQ cannot say bf16 or f16");
  if (isHalfOnly)
    return emitError(loc) << "expected a module in QDQ form but nothing in it "
                             "is quantized: compile with --precision int8 up "
                             "to the phase quantize";
  if (failed(findShapes(original, folder)) || failed(upgrade(products)))
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
  findRoundedOutputs();
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
  restoreEqualized();
  graph->finish();
  return success();
}

FailureOr<std::string> mpq::exportONNX(ModuleOp module, StringRef original,
                                       StringRef name, StringRef folder,
                                       ExportSummary &summary) {
  MLIRContext *context = module.getContext();
  Location loc = NameLoc::get(StringAttr::get(context, name));
  SmallVector<func::FuncOp> functions;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal() && function.isPublic())
      functions.push_back(function);
  if (functions.size() != 1 || !functions[0].getBody().hasOneBlock())
    return emitError(loc) << "expected one function of one block but got "
                          << functions.size() << " functions";
  ::onnx::ModelProto proto;
  if (failed(parseModelProto(original, loc, proto)) ||
      failed(embedExternalData(proto, folder, loc)))
    return failure();
  Exporter exporter(functions[0], proto, loc, summary);
  if (failed(exporter.run(original, folder)))
    return failure();
  if (proto.ByteSizeLong() > INT32_MAX)
    return emitError(loc) << "the quantized model has " << proto.ByteSizeLong()
                          << " bytes but ONNX files have at most 2 GiB";
  std::string bytes;
  proto.SerializeToString(&bytes);
  return bytes;
}

FailureOr<std::string> mpq::exportONNXFile(ModuleOp module, StringRef original,
                                           ExportSummary &summary) {
  auto buffer = llvm::MemoryBuffer::getFile(original, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer) {
    return emitError(
               NameLoc::get(StringAttr::get(module.getContext(), original)))
           << "cannot open model: " << buffer.getError().message();
  }
  StringRef folder = llvm::sys::path::parent_path(original);
  return exportONNX(module, (*buffer)->getBuffer(), original,
                    folder.empty() ? "." : folder, summary);
}
