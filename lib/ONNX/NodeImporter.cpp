//===- NodeImporter.cpp - inputs, attributes and emission helpers ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One place decides how broadcasting, reshapes, padding and reductions look in
// linalg, so that all operators meet the contract in docs/Architecture.md.
//
//===----------------------------------------------------------------------===//

#include "NodeImporter.h"

#include "OperatorRegistry.h"

#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mpq;
using namespace mpq::onnximport;

NodeImporter::NodeImporter(ModelImporter &model, const Node &node,
                           int64_t opset, ImplicitLocOpBuilder &builder)
    : node(node), opset(opset), b(builder), model(model) {
  results.resize(node.outputs.size());
}

NodeImporter::~NodeImporter() {
  for (Tensor *tensor : evaluated)
    tensor->constant.reset();
}

//===----------------------------------------------------------------------===//
// Inputs, results, attributes
//===----------------------------------------------------------------------===//

void NodeImporter::setResult(unsigned i, Value value, bool isUnsigned) {
  if (i < results.size())
    results[i] = Tensor{cast<RankedTensorType>(value.getType()), isUnsigned,
                        value, std::nullopt, node.outputs[i]};
}

void NodeImporter::setResult(unsigned i, ConstantTensor constant) {
  if (i < results.size())
    results[i] = Tensor{constant.getType(), constant.isUnsigned(), Value(),
                        constant, node.outputs[i]};
}

void NodeImporter::setResult(unsigned i, const Tensor &tensor) {
  if (i < results.size())
    results[i] = tensor;
}

InFlightDiagnostic NodeImporter::error() const {
  return emitError(node.getLoc(b.getContext()));
}

const NodeAttribute *NodeImporter::getAttr(StringRef name,
                                           NodeAttribute::Kind kind) {
  auto it = node.attributes.find(name.str());
  if (it == node.attributes.end())
    return nullptr;
  if (it->second.kind != kind) {
    static const char *const kinds[] = {"a float",  "an integer",  "a string",
                                        "a tensor", "floats",      "integers",
                                        "strings",  "another kind"};
    if (!hadError)
      error() << "expected attribute '" << name << "' to be " << kinds[kind]
              << " but got " << kinds[it->second.kind];
    hadError = true;
    return nullptr;
  }
  return &it->second;
}

int64_t NodeImporter::getInt(StringRef name, int64_t defaultValue) {
  const NodeAttribute *attribute = getAttr(name, NodeAttribute::Int);
  return attribute ? attribute->i : defaultValue;
}

double NodeImporter::getFloat(StringRef name, double defaultValue) {
  const NodeAttribute *attribute = getAttr(name, NodeAttribute::Float);
  return attribute ? attribute->f : defaultValue;
}

std::string NodeImporter::getString(StringRef name, StringRef defaultValue) {
  const NodeAttribute *attribute = getAttr(name, NodeAttribute::String);
  return attribute ? attribute->s : defaultValue.str();
}

std::optional<SmallVector<int64_t>> NodeImporter::getInts(StringRef name) {
  const NodeAttribute *attribute = getAttr(name, NodeAttribute::Ints);
  if (!attribute)
    return std::nullopt;
  return SmallVector<int64_t>(attribute->ints.begin(), attribute->ints.end());
}

FailureOr<SmallVector<int64_t>> NodeImporter::getConstantInts(unsigned i) {
  if (failed(requireConstant(i)))
    return failure();
  Tensor &input = in(i);
  if (!input.constant->isInteger())
    return error() << "expected integers in input '" << input.name
                   << "' but got " << input.type;
  return input.constant->getInts();
}

FailureOr<std::optional<SmallVector<int64_t>>>
NodeImporter::getIntsOrInput(StringRef name, unsigned i) {
  if (hasAttr(name))
    return getInts(name);
  if (!hasInput(i))
    return std::optional<SmallVector<int64_t>>();
  FailureOr<SmallVector<int64_t>> ints = getConstantInts(i);
  if (failed(ints))
    return failure();
  return std::optional<SmallVector<int64_t>>(std::move(*ints));
}

FailureOr<int64_t> NodeImporter::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return error() << "axis " << axis << " is out of range for rank " << rank;
  return axis < 0 ? axis + rank : axis;
}

FailureOr<SmallVector<int64_t>>
NodeImporter::normalizeAxes(ArrayRef<int64_t> axes, int64_t rank) {
  SmallVector<int64_t> normalized;
  for (int64_t axis : axes) {
    FailureOr<int64_t> positive = normalizeAxis(axis, rank);
    if (failed(positive))
      return failure();
    if (llvm::is_contained(normalized, *positive))
      return error() << "axis " << axis << " is given twice";
    normalized.push_back(*positive);
  }
  llvm::sort(normalized);
  return normalized;
}

LogicalResult NodeImporter::requireRank(unsigned i, int64_t atLeast,
                                        int64_t atMost) {
  int64_t rank = in(i).getRank();
  if (rank >= atLeast && rank <= atMost)
    return success();
  InFlightDiagnostic diagnostic = error();
  diagnostic << "expected input '" << node.inputs[i] << "' of rank " << atLeast;
  if (atMost != atLeast)
    diagnostic << " to " << atMost;
  return diagnostic << " but got " << in(i).type;
}

LogicalResult NodeImporter::requireFloat(unsigned i) {
  if (in(i).isFloat())
    return success();
  return error() << "expected floating-point elements in input '"
                 << node.inputs[i] << "' but got " << in(i).type;
}

bool NodeImporter::isKnown(unsigned i) {
  Tensor &input = in(i);
  if (input.constant)
    return true;
  const Node *producer = model.getProducer(input.name);
  if (!producer || producer->opType != "DequantizeLinear")
    return false;
  NodeImporter importer(model, *producer, opset, b);
  input.constant = evaluateDequantizeLinear(importer);
  if (input.constant)
    evaluated.push_back(&input);
  return input.constant.has_value();
}

LogicalResult NodeImporter::requireConstant(unsigned i) {
  if (isKnown(i))
    return success();
  return error() << "input '" << node.inputs[i]
                 << "' has to be known at import but depends on the graph's "
                    "inputs";
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

int64_t mpq::onnximport::product(ArrayRef<int64_t> values) {
  int64_t result = 1;
  for (int64_t value : values)
    result *= value;
  return result;
}

SmallVector<int64_t> mpq::onnximport::removeDims(ArrayRef<int64_t> shape,
                                                 ArrayRef<int64_t> dims) {
  SmallVector<int64_t> kept;
  for (auto [dim, extent] : llvm::enumerate(shape))
    if (!llvm::is_contained(dims, static_cast<int64_t>(dim)))
      kept.push_back(extent);
  return kept;
}

Value mpq::onnximport::makeFloat(ImplicitLocOpBuilder &b, Type type,
                                 double value) {
  return arith::ConstantOp::create(b, b.getFloatAttr(type, value));
}

Value mpq::onnximport::makeInt(ImplicitLocOpBuilder &b, Type type,
                               int64_t value) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

Value NodeImporter::scalar(TypedAttr value) {
  return arith::ConstantOp::create(b, value);
}

Value NodeImporter::empty(ArrayRef<int64_t> shape, Type elementType) {
  return tensor::EmptyOp::create(b, shape, elementType);
}

Value NodeImporter::fill(ArrayRef<int64_t> shape, TypedAttr value) {
  Value init = empty(shape, value.getType());
  return linalg::FillOp::create(b, ValueRange{scalar(value)}, ValueRange{init})
      .getResult(0);
}

Tensor NodeImporter::makeConstant(ConstantTensor constant, StringRef role) {
  return Tensor{constant.getType(), constant.isUnsigned(), Value(), constant,
                node.outputs.front() + "#" + role.str()};
}

/// A `linalg.generic` into an uninitialized or given tensor.
static Value makeGeneric(ImplicitLocOpBuilder &b, ValueRange inputs, Value init,
                         ArrayRef<AffineMap> maps,
                         ArrayRef<utils::IteratorType> iterators,
                         ElementBody body) {
  auto generic = linalg::GenericOp::create(
      b, TypeRange{init.getType()}, inputs, ValueRange{init}, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        ImplicitLocOpBuilder inner(loc, nested);
        linalg::YieldOp::create(inner, ValueRange{body(inner, arguments)});
      });
  return generic.getResult(0);
}

Value NodeImporter::map(ValueRange inputs, Type resultElement,
                        ElementBody body) {
  auto shape = cast<RankedTensorType>(inputs.front().getType()).getShape();
  AffineMap identity = b.getMultiDimIdentityMap(shape.size());
  SmallVector<AffineMap> maps(inputs.size() + 1, identity);
  SmallVector<utils::IteratorType> iterators(shape.size(),
                                             utils::IteratorType::parallel);
  return makeGeneric(b, inputs, empty(shape, resultElement), maps, iterators,
                     [&](ImplicitLocOpBuilder &inner, ValueRange arguments) {
                       return body(inner, arguments.drop_back());
                     });
}

FailureOr<SmallVector<int64_t>>
NodeImporter::broadcastShapes(ArrayRef<ArrayRef<int64_t>> shapes) {
  SmallVector<int64_t> result;
  for (ArrayRef<int64_t> shape : shapes) {
    if (shape.size() > result.size())
      result.insert(result.begin(), shape.size() - result.size(), 1);
    for (auto [extent, have] :
         llvm::zip(llvm::reverse(shape), llvm::reverse(result))) {
      if (have != 1 && extent != 1 && have != extent) {
        InFlightDiagnostic diagnostic = error();
        diagnostic << "shapes do not broadcast:";
        for (ArrayRef<int64_t> each : shapes)
          diagnostic << " [" << each << "]";
        return diagnostic;
      }
      if (have == 1)
        have = extent;
    }
  }
  return result;
}

FailureOr<Value> NodeImporter::elementwise(ArrayRef<Tensor *> inputs,
                                           Type resultElement,
                                           ElementBody body) {
  SmallVector<ArrayRef<int64_t>> shapes;
  for (Tensor *input : inputs)
    shapes.push_back(input->getShape());
  FailureOr<SmallVector<int64_t>> shape = broadcastShapes(shapes);
  if (failed(shape))
    return failure();
  int64_t rank = shape->size();

  // Constants with one value go into the body; the others become operands
  // without the dimensions they are broadcast along.
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  SmallVector<TypedAttr> scalars(inputs.size());
  for (auto [i, input] : llvm::enumerate(inputs)) {
    if (std::optional<ConstantTensor> uniform =
            input->constant ? input->constant->getUniform() : std::nullopt) {
      Type type = input->getElementType();
      scalars[i] = uniform->isInteger()
                       ? TypedAttr(b.getIntegerAttr(type, uniform->getInt(0)))
                       : TypedAttr(b.getFloatAttr(type, uniform->getDouble(0)));
      continue;
    }
    SmallVector<int64_t> kept;
    SmallVector<AffineExpr> exprs;
    for (auto [d, extent] : llvm::enumerate(input->getShape())) {
      int64_t dim = rank - input->getRank() + d;
      // A constant is stored without any unit dimension.
      if (extent == 1 && ((*shape)[dim] != 1 || input->constant))
        continue;
      kept.push_back(extent);
      exprs.push_back(b.getAffineDimExpr(dim));
    }
    Tensor collapsed = reshape(*input, kept);
    operands.push_back(materialize(collapsed));
    maps.push_back(AffineMap::get(rank, 0, exprs, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return makeGeneric(
      b, operands, empty(*shape, resultElement), maps, iterators,
      [&](ImplicitLocOpBuilder &inner, ValueRange arguments) {
        SmallVector<Value> elements;
        unsigned next = 0;
        for (TypedAttr scalar : scalars)
          elements.push_back(
              scalar ? Value(arith::ConstantOp::create(inner, scalar))
                     : Value(arguments[next++]));
        return body(inner, elements);
      });
}

Value NodeImporter::broadcast(Tensor &tensor, ArrayRef<int64_t> shape) {
  if (tensor.getShape() == shape)
    return materialize(tensor);
  // Broadcasting against an empty-handed tensor of the target's shape would
  // need that tensor; map and operand are made by hand instead.
  int64_t rank = shape.size();
  SmallVector<int64_t> kept;
  SmallVector<AffineExpr> exprs;
  for (auto [d, extent] : llvm::enumerate(tensor.getShape())) {
    int64_t dim = rank - tensor.getRank() + d;
    if (extent == 1 && shape[dim] != 1)
      continue;
    kept.push_back(extent);
    exprs.push_back(b.getAffineDimExpr(dim));
  }
  Tensor collapsed = reshape(tensor, kept);
  SmallVector<AffineMap> maps = {AffineMap::get(rank, 0, exprs, b.getContext()),
                                 b.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return makeGeneric(b, ValueRange{materialize(collapsed)},
                     empty(shape, tensor.getElementType()), maps, iterators,
                     [](ImplicitLocOpBuilder &, ValueRange arguments) {
                       return arguments[0];
                     });
}

Value NodeImporter::reduce(Value input, ArrayRef<int64_t> dims, TypedAttr init,
                           ElementBody body) {
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  SmallVector<AffineExpr> kept;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (llvm::is_contained(dims, d))
      iterators[d] = utils::IteratorType::reduction;
    else
      kept.push_back(b.getAffineDimExpr(d));
  }
  Value start = fill(removeDims(type.getShape(), dims), init);
  SmallVector<AffineMap> maps = {
      b.getMultiDimIdentityMap(type.getRank()),
      AffineMap::get(type.getRank(), 0, kept, b.getContext())};
  return makeGeneric(b, ValueRange{input}, start, maps, iterators, body);
}

Value NodeImporter::matmul(Value lhs, Value rhs) {
  auto left = cast<RankedTensorType>(lhs.getType());
  auto right = cast<RankedTensorType>(rhs.getType());
  Value init = fill({left.getDimSize(0), right.getDimSize(1)},
                    zero(left.getElementType()));
  return linalg::MatmulOp::create(b, TypeRange{init.getType()},
                                  ValueRange{lhs, rhs}, ValueRange{init})
      ->getResult(0);
}

/// Splits the dimensions of two shapes of equal size into the smallest groups
/// of equal size: {dims of `from`, dims of `to`}. Unit dimensions without a
/// partner join the group before them (the first, in front).
static SmallVector<std::pair<ReassociationIndices, ReassociationIndices>>
matchGroups(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  SmallVector<std::pair<ReassociationIndices, ReassociationIndices>> groups;
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    auto &[a, c] = groups.emplace_back();
    int64_t left = from[i], right = to[j];
    a.push_back(i++);
    c.push_back(j++);
    while (left != right) {
      if (left < right) {
        left *= from[i];
        a.push_back(i++);
      } else {
        right *= to[j];
        c.push_back(j++);
      }
    }
  }
  if (groups.empty())
    groups.emplace_back();
  for (; i < from.size(); ++i)
    groups.back().first.push_back(i);
  for (; j < to.size(); ++j)
    groups.back().second.push_back(j);
  return groups;
}

Value NodeImporter::reshape(Value input, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(input.getType());
  if (type.getShape() == shape)
    return input;
  Type element = type.getElementType();
  auto resultType = RankedTensorType::get(shape, element);
  if (shape.empty() || type.getRank() == 0) {
    SmallVector<ReassociationIndices> none;
    return shape.empty() ? Value(tensor::CollapseShapeOp::create(b, resultType,
                                                                 input, none))
                         : Value(tensor::ExpandShapeOp::create(b, resultType,
                                                               input, none));
  }
  // Collapse what has to be collapsed, then expand. A group with several
  // dimensions on both sides goes through one dimension.
  SmallVector<ReassociationIndices> collapse, expand;
  SmallVector<int64_t> middle;
  for (auto &[from, to] : matchGroups(type.getShape(), shape)) {
    int64_t size = 1;
    for (int64_t d : from)
      size *= type.getDimSize(d);
    middle.push_back(size);
    collapse.push_back(from);
    expand.push_back(to);
  }
  Value result = input;
  if (static_cast<int64_t>(middle.size()) != type.getRank())
    result = tensor::CollapseShapeOp::create(
        b, RankedTensorType::get(middle, element), result, collapse);
  if (middle.size() != shape.size())
    result = tensor::ExpandShapeOp::create(b, resultType, result, expand);
  return result;
}

Value NodeImporter::transpose(Value input, ArrayRef<int64_t> permutation) {
  if (llvm::is_sorted(permutation))
    return input;
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> shape;
  for (int64_t dim : permutation)
    shape.push_back(type.getDimSize(dim));
  return linalg::TransposeOp::create(
             b, input, empty(shape, type.getElementType()), permutation)
      ->getResult(0);
}

Tensor NodeImporter::reshape(Tensor &input, ArrayRef<int64_t> shape) {
  if (input.getShape() == shape)
    return input;
  Tensor result = input;
  result.type = RankedTensorType::get(shape, input.getElementType());
  result.value = Value();
  if (input.constant)
    result.constant = input.constant->reshape(shape);
  else
    result.value = reshape(input.value, shape);
  return result;
}

Tensor NodeImporter::transpose(Tensor &input, ArrayRef<int64_t> permutation) {
  if (llvm::is_sorted(permutation))
    return input;
  Tensor result = input;
  result.value = Value();
  if (input.constant) {
    result.constant = input.constant->transpose(permutation);
    result.type = result.constant->getType();
  } else {
    result.value = transpose(input.value, permutation);
    result.type = cast<RankedTensorType>(result.value.getType());
  }
  return result;
}

Tensor NodeImporter::slice(Tensor &input, ArrayRef<int64_t> offsets,
                           ArrayRef<int64_t> sizes) {
  if (input.getShape() == sizes)
    return input;
  Tensor result = input;
  result.type = RankedTensorType::get(sizes, input.getElementType());
  result.value = Value();
  if (input.constant) {
    SmallVector<int64_t> strides = rowMajorStrides(input.getShape());
    result.constant =
        input.constant->gather(sizes, [&](ArrayRef<int64_t> index) {
          int64_t at = 0;
          for (auto [i, offset, stride] :
               llvm::zip_equal(index, offsets, strides))
            at += (offset + i) * stride;
          return at;
        });
  } else {
    SmallVector<int64_t> strides(sizes.size(), 1);
    result.value = slice(input.value, offsets, sizes, strides);
  }
  return result;
}

Value NodeImporter::pad(Value input, ArrayRef<int64_t> low,
                        ArrayRef<int64_t> high, TypedAttr value) {
  auto isZero = [](int64_t extent) { return extent == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return input;
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> shape;
  for (auto [extent, before, after] :
       llvm::zip_equal(type.getShape(), low, high))
    shape.push_back(extent + before + after);
  return tensor::PadOp::create(
      b, RankedTensorType::get(shape, type.getElementType()), input,
      getAsIndexOpFoldResult(b.getContext(), low),
      getAsIndexOpFoldResult(b.getContext(), high), scalar(value));
}

Value NodeImporter::slice(Value input, ArrayRef<int64_t> offsets,
                          ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides) {
  auto type = cast<RankedTensorType>(input.getType());
  auto isOne = [](int64_t stride) { return stride == 1; };
  if (type.getShape() == sizes && llvm::all_of(strides, isOne))
    return input;
  auto attrs = [&](ArrayRef<int64_t> values) {
    return getAsIndexOpFoldResult(b.getContext(), values);
  };
  return tensor::ExtractSliceOp::create(
      b, RankedTensorType::get(sizes, type.getElementType()), input,
      attrs(offsets), attrs(sizes), attrs(strides));
}

Value NodeImporter::gather(
    Value input, ArrayRef<int64_t> shape,
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange)> body) {
  int64_t rank = shape.size();
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  SmallVector<AffineMap> maps = {b.getMultiDimIdentityMap(rank)};
  Value init = empty(shape, getElementTypeOrSelf(input.getType()));
  return makeGeneric(b, ValueRange{}, init, maps, iterators,
                     [&](ImplicitLocOpBuilder &inner, ValueRange) -> Value {
                       SmallVector<Value> indices;
                       for (int64_t d = 0; d < rank; ++d)
                         indices.push_back(linalg::IndexOp::create(inner, d));
                       return tensor::ExtractOp::create(inner, input,
                                                        body(inner, indices));
                     });
}

Value NodeImporter::unit(StringRef kind, ValueRange inputs, Type resultType,
                         function_ref<Value(ValueRange)> body) {
  auto unit =
      UnitOp::create(b, TypeRange{resultType}, b.getStringAttr(kind), inputs);
  OpBuilder::InsertionGuard guard(b);
  Block &block = unit.getBody().emplaceBlock();
  for (Value input : inputs)
    block.addArgument(input.getType(), b.getLoc());
  b.setInsertionPointToStart(&block);
  Value result = body(block.getArguments());
  YieldOp::create(b, ValueRange{result});
  return unit->getResult(0);
}
