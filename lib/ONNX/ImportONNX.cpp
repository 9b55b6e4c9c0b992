//===- ImportONNX.cpp - from model to module ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One walk over the sorted graph. Each tensor is known now or computed by an
// operation; an operator all of whose inputs are known is evaluated instead of
// emitted. As every shape is static, `Shape` is always known, and with it the
// chains of shape arithmetic that exporters write. Composites are recognized
// backwards from their last node (Normalization.cpp), which leaves the nodes
// inside them dead; they are erased at the end.
//
//===----------------------------------------------------------------------===//

#include "mpq/ONNX/ImportONNX.h"

#include "Model.h"
#include "NodeImporter.h"
#include "OperatorRegistry.h"

#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Numerics/NarrowFloats.h"
#include "mpq/Support/SuggestNearest.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <set>

using namespace mlir;
using namespace mpq;
using namespace mpq::onnximport;

/// Attributes and inputs of operators have their present form since opset 7.
static constexpr int64_t kOldestOpset = 7;
/// A later set may give an operator another meaning.
static constexpr int64_t kNewestOpset = 28;

namespace {
class Importer : public ModelImporter {
public:
  Importer(Model &model, const ImportOptions &options, Location loc)
      : model(model), options(options), loc(loc), context(loc.getContext()),
        builder(NameLoc::get(StringAttr::get(context, model.graphName)),
                context) {}

  OwningOpRef<ModuleOp> run();

  Value materialize(Tensor &tensor) override;
  Tensor *find(StringRef name) override {
    auto it = tensors.find(name);
    return it == tensors.end() ? nullptr : &it->second;
  }
  const Node *getProducer(StringRef name) override {
    return producers.lookup(name);
  }

private:
  LogicalResult checkOperators();
  FailureOr<SmallVector<RankedTensorType>> getInputTypes();
  LogicalResult importNode(const Node &node);
  LogicalResult evaluateOrEmit(const Operator &op, NodeImporter &importer);
  void setLocations(const Node &node, NodeImporter &importer,
                    Operation *before);
  LogicalResult importOutputs(func::FuncOp function);
  int64_t getOpset(const Node &node) const;

  Model &model;
  const ImportOptions &options;
  Location loc;
  MLIRContext *context;
  ImplicitLocOpBuilder builder;
  Block *body = nullptr;
  Operation *lastConstant = nullptr;
  llvm::StringMap<Tensor> tensors;
  llvm::StringMap<const Node *> producers;
  /// Constants by their shared bytes and type: reshaped views of a weight are
  /// different constants, two uses of a view are one. The tensors are kept so
  /// that their addresses stay theirs.
  struct Materialized {
    Value value;
    std::optional<ConstantTensor> tensor;
  };
  std::map<std::pair<const void *, const void *>, Materialized> constants;
};
} // namespace

/// `text` as an identifier that C and MLIR accept.
static std::string makeIdentifier(StringRef text) {
  std::string identifier;
  for (char c : text) {
    bool plain = llvm::isAlnum(c);
    if (plain || (!identifier.empty() && identifier.back() != '_'))
      identifier.push_back(plain ? c : '_');
  }
  while (!identifier.empty() && identifier.back() == '_')
    identifier.pop_back();
  if (identifier.empty())
    return "model";
  return llvm::isDigit(identifier.front()) ? "model_" + identifier : identifier;
}

int64_t Importer::getOpset(const Node &node) const {
  auto it = model.opsets.find(node.domain);
  // Files of quantizers use contributed operators without importing their set.
  return it != model.opsets.end() ? it->second : node.domain.empty() ? 0 : 1;
}

LogicalResult Importer::checkOperators() {
  std::vector<std::string> unsupported;
  for (const Node &node : model.nodes) {
    int64_t opset = getOpset(node);
    if (node.domain.empty() && (opset < kOldestOpset || opset > kNewestOpset))
      return emitError(loc)
             << "expected an operator set from " << kOldestOpset << " to "
             << kNewestOpset << " but the model imports " << opset;
    const Operator *op =
        OperatorRegistry::get().find(node.domain, node.opType, opset);
    if (!op)
      unsupported.push_back(
          (node.domain.empty() ? "" : node.domain + ".") + node.opType +
          " (opset " + std::to_string(opset) + ") at node '" +
          (node.name.empty() ? "#" + std::to_string(node.index) : node.name) +
          "'");
  }
  if (unsupported.empty())
    return success();
  return emitError(loc) << "unsupported operators: "
                        << llvm::join(unsupported, ", ");
}

FailureOr<SmallVector<RankedTensorType>> Importer::getInputTypes() {
  for (const auto &[name, shape] : options.shapes) {
    if (llvm::any_of(model.inputs, [&, &name = name](const GraphValue &input) {
          return input.name == name;
        }))
      continue;
    InFlightDiagnostic diagnostic = emitError(loc);
    diagnostic << "a shape was given for '" << name
               << "' but the model's inputs are ";
    llvm::interleaveComma(model.inputs, diagnostic,
                          [&](const GraphValue &input) {
                            diagnostic << "'" << input.name << "'";
                          });
    SmallVector<StringRef> names;
    for (const GraphValue &input : model.inputs)
      names.push_back(input.name);
    diagnostic << suggestNearest(name, names);
    return diagnostic;
  }
  SmallVector<RankedTensorType> types;
  for (const GraphValue &input : model.inputs) {
    if (!input.elementType)
      return emitError(loc)
             << "input '" << input.name << "' has no element type";
    SmallVector<int64_t> shape = input.shape;
    auto given = options.shapes.find(input.name);
    if (given != options.shapes.end()) {
      if (input.hasShape && given->second.size() != shape.size())
        return emitError(loc) << "expected a shape of " << shape.size()
                              << " dimensions for input '" << input.name
                              << "' but got " << given->second.size();
      shape.resize(given->second.size(), -1);
      for (auto [d, extent] : llvm::enumerate(given->second)) {
        if (shape[d] >= 0 && shape[d] != extent)
          return emitError(loc)
                 << "dimension " << d << " of input '" << input.name << "' is "
                 << shape[d] << " in the model but " << extent << " was given";
        shape[d] = extent;
      }
    } else if (!input.hasShape) {
      return emitError(loc) << "input '" << input.name
                            << "' has no shape in the model: give one with "
                               "--shape="
                            << input.name << "=...";
    }
    for (auto [d, extent] : llvm::enumerate(shape))
      if (extent < 0)
        return emitError(loc)
               << "dimension " << d << " of input '" << input.name
               << "' is not known in the model: give its shape "
                  "with --shape="
               << input.name << "=...";
    std::optional<int64_t> count = countElements(shape);
    if (!count || *count == 0)
      return emitError(loc)
             << "input '" << input.name << "' has an impossible shape ["
             << ArrayRef<int64_t>(shape) << "]";
    types.push_back(RankedTensorType::get(shape, input.elementType));
  }
  return types;
}

Value Importer::materialize(Tensor &tensor) {
  if (tensor.value)
    return tensor.value;
  RankedTensorType type = tensor.type;
  Materialized &known = constants[{tensor.constant->getBytes().data(),
                                   type.getAsOpaquePointer()}];
  if (!known.value) {
    OpBuilder::InsertionGuard guard(builder);
    if (lastConstant)
      builder.setInsertionPointAfter(lastConstant);
    else
      builder.setInsertionPointToStart(body);
    StringRef name = tensor.name;
    auto parent = NameLoc::get(builder.getStringAttr("Constant:" + name));
    known.tensor = tensor.constant;
    known.value = createConstant(
        builder, NameLoc::get(builder.getStringAttr(name), parent), type,
        tensor.constant->getBytes());
    lastConstant = known.value.getDefiningOp();
  }
  return tensor.value = known.value;
}

LogicalResult Importer::evaluateOrEmit(const Operator &op,
                                       NodeImporter &importer) {
  const Node &node = importer.node;
  bool allKnown = op.evaluate != nullptr;
  for (const std::string &input : node.inputs)
    allKnown = allKnown && (input.empty() || tensors[input].constant);
  if (allKnown) {
    std::optional<ConstantTensor> result = op.evaluate(importer);
    if (importer.hadError)
      return failure();
    if (result) {
      importer.setResult(0, std::move(*result));
      return success();
    }
  }
  if (importSpelledLayerNorm(importer))
    return success();
  return failure(failed(op.emit(importer)) || importer.hadError);
}

/// `"<value id>"("<OpType>:<node>")` on the operations of a node: the value id
/// of a result on the operation that defines it, `<id>#<k>` on the others.
void Importer::setLocations(const Node &node, NodeImporter &importer,
                            Operation *before) {
  auto parent = NameLoc::get(builder.getStringAttr(node.getLabel()));
  auto name = [&](const Twine &id) -> Location {
    return NameLoc::get(builder.getStringAttr(id), parent);
  };
  llvm::DenseMap<Operation *, StringRef> ids;
  std::string firstName;
  for (auto [result, output] :
       llvm::zip_equal(importer.results, node.outputs)) {
    if (firstName.empty())
      firstName = output;
    if (result && result->value)
      if (Operation *definition = result->value.getDefiningOp())
        ids.try_emplace(definition, output);
  }
  unsigned next = 0;
  auto set = [&](Operation *op) {
    auto id = ids.find(op);
    op->setLoc(id != ids.end() ? name(id->second)
                               : name(firstName + "#" + Twine(next++)));
  };
  // What is inside an operation is called like it, except in units, whose
  // operations are steps of their own.
  auto setNested = [](Operation &op) {
    for (Region &region : op.getRegions())
      for (Block &block : region) {
        for (BlockArgument argument : block.getArguments())
          argument.setLoc(op.getLoc());
        for (Operation &nested : block)
          nested.setLoc(op.getLoc());
      }
  };
  Block::iterator it =
      before ? std::next(before->getIterator()) : body->begin();
  for (; it != body->end(); ++it) {
    set(&*it);
    setNested(*it);
    if (isa<UnitOp>(*it))
      for (Operation &step : it->getRegion(0).front()) {
        set(&step);
        setNested(step);
      }
  }
}

LogicalResult Importer::importNode(const Node &node) {
  const Operator *op =
      OperatorRegistry::get().find(node.domain, node.opType, getOpset(node));
  NodeImporter importer(*this, node, getOpset(node), builder);
  for (unsigned i = 0; i < op->minInputs; ++i)
    if (!importer.hasInput(i))
      return importer.error() << "expected at least " << op->minInputs
                              << " inputs but input " << i << " is missing";
  for (const std::string &input : node.inputs) {
    if (input.empty())
      continue;
    RankedTensorType type = tensors[input].type;
    if (type.getNumElements() == 0 && !tensors[input].constant)
      return importer.error() << "input '" << input << "' is empty: " << type;
    if (mpq::formulas::getNarrowFormat(type.getElementType()) &&
        node.opType != "DequantizeLinear")
      return importer.error() << "expected floats of 8 and 4 bits as input of "
                                 "DequantizeLinear only but '"
                              << input << "' is " << type;
  }

  builder.setInsertionPointToEnd(body);
  // Constants made on the way land behind the other constants, which may be
  // the end of the block so far.
  Operation *before =
      body->empty() || &body->back() == lastConstant ? nullptr : &body->back();
  if (failed(evaluateOrEmit(*op, importer)))
    return failure();
  if (!before)
    before = lastConstant;
  setLocations(node, importer, before);
  for (auto [i, result] : llvm::enumerate(importer.results)) {
    const std::string &output = node.outputs[i];
    if (output.empty())
      continue;
    if (!result) {
      // Only an output that something reads has to exist.
      bool used = llvm::any_of(model.outputs, [&](const GraphValue &value) {
        return value.name == output;
      });
      for (const Node &user : model.nodes)
        used = used || llvm::is_contained(user.inputs, output);
      if (used)
        return importer.error() << "output " << i << " ('" << output << "') of "
                                << node.opType << " is not supported";
      continue;
    }
    std::optional<int64_t> count = countElements(result->getShape());
    if (!count || (*count == 0 && !result->constant))
      return importer.error()
             << "the result has an impossible shape " << result->type;
    // An alias keeps the name of the tensor it stands for.
    result->name = result->name.empty() ? output : result->name;
    tensors[output] = std::move(*result);
  }
  return success();
}

LogicalResult Importer::importOutputs(func::FuncOp function) {
  SmallVector<Value> values;
  SmallVector<Type> types;
  for (const GraphValue &output : model.outputs) {
    Tensor &tensor = tensors[output.name];
    if (output.elementType && output.elementType != tensor.getElementType())
      return emitError(loc)
             << "output '" << output.name << "' has elements of "
             << output.elementType << " in the model but its node computes "
             << tensor.type;
    builder.setInsertionPointToEnd(body);
    values.push_back(materialize(tensor));
    types.push_back(tensor.type);
  }
  builder.setInsertionPointToEnd(body);
  func::ReturnOp::create(builder, values);
  function.setType(FunctionType::get(context, body->getArgumentTypes(), types));
  for (auto [i, output] : llvm::enumerate(model.outputs)) {
    function.setResultAttr(i, MPQDialect::getNameAttrName(),
                           builder.getStringAttr(output.name));
    if (tensors[output.name].isUnsigned)
      function.setResultAttr(i, MPQDialect::getUnsignedAttrName(),
                             builder.getUnitAttr());
  }
  return success();
}

OwningOpRef<ModuleOp> Importer::run() {
  if (failed(checkOperators()))
    return {};
  FailureOr<SmallVector<RankedTensorType>> inputTypes = getInputTypes();
  if (failed(inputTypes))
    return {};

  OwningOpRef<ModuleOp> module = ModuleOp::create(builder.getLoc());
  builder.setInsertionPointToEnd(module->getBody());
  SmallVector<Type> argumentTypes(inputTypes->begin(), inputTypes->end());
  auto function = func::FuncOp::create(
      builder,
      options.functionName.empty() ? makeIdentifier(model.graphName)
                                   : options.functionName,
      FunctionType::get(context, argumentTypes, {}));
  body = &function.getBody().emplaceBlock();
  for (auto [i, input] : llvm::enumerate(model.inputs)) {
    auto parent = NameLoc::get(builder.getStringAttr("Input:" + input.name));
    Value argument = body->addArgument(
        argumentTypes[i],
        NameLoc::get(builder.getStringAttr(input.name), parent));
    function.setArgAttr(i, MPQDialect::getNameAttrName(),
                        builder.getStringAttr(input.name));
    if (input.isUnsigned)
      function.setArgAttr(i, MPQDialect::getUnsignedAttrName(),
                          builder.getUnitAttr());
    tensors[input.name] = Tensor{(*inputTypes)[i], input.isUnsigned, argument,
                                 std::nullopt, input.name};
  }
  for (auto &[name, constant] : model.initializers)
    tensors[name] = Tensor{constant.getType(), constant.isUnsigned(), Value(),
                           constant, name};
  for (const Node &node : model.nodes)
    for (const std::string &output : node.outputs)
      if (!output.empty())
        producers[output] = &node;
  for (const Node &node : model.nodes)
    if (failed(importNode(node)))
      return {};
  if (failed(importOutputs(function)))
    return {};

  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*body)))
    if (isOpTriviallyDead(&op))
      op.erase();
  if (failed(verify(*module)))
    return {};
  return module;
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

OwningOpRef<ModuleOp> mpq::importONNX(StringRef data, StringRef name,
                                      StringRef folder,
                                      const ImportOptions &options,
                                      MLIRContext *context) {
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       linalg::LinalgDialect, math::MathDialect, MPQDialect,
                       tensor::TensorDialect>();
  Location loc = NameLoc::get(StringAttr::get(context, name));
  FailureOr<Model> model = readModel(data, folder, loc);
  if (failed(model) || failed(model->sortAndVerify(loc)))
    return {};
  return Importer(*model, options, loc).run();
}

OwningOpRef<ModuleOp> mpq::importONNXFile(StringRef path,
                                          const ImportOptions &options,
                                          MLIRContext *context) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer) {
    emitError(NameLoc::get(StringAttr::get(context, path)))
        << "cannot open model: " << buffer.getError().message();
    return {};
  }
  StringRef folder = llvm::sys::path::parent_path(path);
  return importONNX((*buffer)->getBuffer(), path, folder.empty() ? "." : folder,
                    options, context);
}

LogicalResult mpq::parseShapeOption(StringRef text, ImportOptions &options,
                                    std::string &message) {
  // Tensor names may contain '='; shapes cannot.
  auto [name, shape] = text.rsplit('=');
  std::vector<int64_t> extents;
  SmallVector<StringRef> parts;
  if (!shape.empty() && shape != "scalar")
    shape.split(parts, 'x');
  for (StringRef part : parts) {
    int64_t extent;
    if (part.getAsInteger(10, extent) || extent <= 0) {
      message =
          ("expected positive extents in '" + text + "' but got '" + part + "'")
              .str();
      return failure();
    }
    extents.push_back(extent);
  }
  if (name.empty() || shape.empty()) {
    message = ("expected a shape like input=1x3x224x224 but got '" + text + "'")
                  .str();
    return failure();
  }
  if (!options.shapes.emplace(name.str(), extents).second) {
    message = ("input '" + name + "' is given two shapes").str();
    return failure();
  }
  return success();
}
