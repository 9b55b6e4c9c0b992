//===- Normalization.cpp - normalizations and softmax ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Batch normalization with constant parameters is a product and a sum that the
// prepare phase folds into a convolution. Softmax and the norms are units: to
// a quantizer they are one operation.
//
// Exporters also write layer normalization as nine nodes. They are recognized
// at their last nodes, walking back through producers: x - mean, divided by
// the root of the mean square plus epsilon, then scaled and shifted. Each of
// the three ends (Div, Mul, Add) makes a unit of what it has seen so far, and
// the smaller ones die with their only use.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace mpq::onnximport;

//===----------------------------------------------------------------------===//
// Pieces of units: rows are all dimensions but the last
//===----------------------------------------------------------------------===//

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// Elementwise over `wide` and values that lack its last dimension, or have
/// only that (`columns`).
static Value withRows(NodeImporter &n, Value wide, ValueRange rows,
                      ValueRange columns, ElementBody body) {
  int64_t rank = shapeOf(wide).size();
  AffineMap identity = n.b.getMultiDimIdentityMap(rank);
  SmallVector<AffineMap> maps = {identity};
  maps.append(rows.size(), identity.dropResult(rank - 1));
  maps.append(columns.size(),
              identity.getMinorIdentityMap(rank, 1, n.b.getContext()));
  maps.push_back(identity);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  SmallVector<Value> inputs = {wide};
  llvm::append_range(inputs, rows);
  llvm::append_range(inputs, columns);
  Value init = n.empty(shapeOf(wide), getElementTypeOrSelf(wide.getType()));
  return linalg::GenericOp::create(
             n.b, TypeRange{init.getType()}, inputs, ValueRange{init}, maps,
             iterators,
             [&](OpBuilder &nested, Location loc, ValueRange arguments) {
               ImplicitLocOpBuilder inner(loc, nested);
               linalg::YieldOp::create(
                   inner, ValueRange{body(inner, arguments.drop_back())});
             })
      .getResult(0);
}

static Value sumRows(NodeImporter &n, Value value, ElementBody element) {
  int64_t last = shapeOf(value).size() - 1;
  Type type = getElementTypeOrSelf(value.getType());
  return n.reduce(value, {last}, n.zero(type),
                  [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                    return arith::AddFOp::create(b, v[1],
                                                 element(b, v.take_front()));
                  });
}

static Value itself(ImplicitLocOpBuilder &, ValueRange v) { return v[0]; }
static Value square(ImplicitLocOpBuilder &b, ValueRange v) {
  return arith::MulFOp::create(b, v[0], v[0]);
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// exp(x - max) * (1 / sum), or x - max - log(sum), over the last dimension.
static Value emitSoftmax(NodeImporter &n, Value input, bool isLog) {
  Type type = getElementTypeOrSelf(input.getType());
  return n.unit(
      isLog ? "log_softmax" : "softmax", ValueRange{input}, input.getType(),
      [&](ValueRange arguments) {
        Value x = arguments[0];
        int64_t last = shapeOf(x).size() - 1;
        TypedAttr lowest = n.b.getFloatAttr(
            type, APFloat::getInf(cast<FloatType>(type).getFloatSemantics(),
                                  /*Negative=*/true));
        // The maximum may ignore NaN, which x - max brings back, and the sign
        // of a zero; x86 computes this one in half the operations. The element
        // comes first: the test of NaN is then made of it, not of the partial
        // maximum that everything waits for.
        Value max = n.reduce(x, {last}, lowest,
                             [](ImplicitLocOpBuilder &b, ValueRange v) {
                               return arith::MaxNumFOp::create(b, v[0], v[1]);
                             });
        Value shifted =
            withRows(n, x, {max}, {},
                     [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                       Value d = arith::SubFOp::create(b, v[0], v[1]);
                       return isLog ? d : Value(math::ExpOp::create(b, d));
                     });
        Value sum = sumRows(
            n, shifted, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
              return isLog ? Value(math::ExpOp::create(b, v[0])) : v[0];
            });
        return withRows(
            n, shifted, {sum}, {},
            [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
              if (!isLog) { // one division for each row
                Value one =
                    arith::ConstantOp::create(b, b.getFloatAttr(type, 1.0));
                return arith::MulFOp::create(
                    b, v[0], arith::DivFOp::create(b, one, v[1]));
              }
              return arith::SubFOp::create(
                  b, v[0], math::LogOp::create(b, v[1]).getResult());
            });
      });
}

/// Moves `axis` to the end, applies `emit` and moves it back.
static Value onLastAxis(NodeImporter &n, int64_t axis,
                        function_ref<Value(Value)> emit) {
  int64_t rank = n.in(0).getRank();
  SmallVector<int64_t> permutation;
  for (int64_t d = 0; d < rank; ++d)
    if (d != axis)
      permutation.push_back(d);
  permutation.push_back(axis);
  Value moved = n.transpose(n.value(0), permutation);
  return n.transpose(emit(moved), invertPermutationVector(permutation));
}

/// Before opset 13 everything from `axis` (default 1) on is one row; since then
/// only the dimension `axis` (default the last) is.
template <bool IsLog> static LogicalResult importSoftmax(NodeImporter &n) {
  if (failed(n.requireFloat(0)) || failed(n.requireRank(0, 1, 16)))
    return failure();
  Tensor &input = n.in(0);
  int64_t rank = input.getRank();
  FailureOr<int64_t> axis = n.normalizeAxis(
      n.getInt("axis", n.opset < 13 ? std::min<int64_t>(1, rank - 1) : -1),
      rank);
  if (failed(axis))
    return failure();
  ArrayRef<int64_t> shape = input.getShape();
  auto emit = [&](Value value) { return emitSoftmax(n, value, IsLog); };
  if (n.opset < 13 && product(shape.drop_front(*axis + 1)) != 1) {
    Value rows = n.reshape(n.value(0), {product(shape.take_front(*axis)),
                                        product(shape.drop_front(*axis))});
    n.setResult(0, n.reshape(emit(rows), shape));
    return success();
  }
  n.setResult(0, onLastAxis(n, *axis, emit));
  return success();
}

static LogicalResult importLpNormalization(NodeImporter &n) {
  if (failed(n.requireFloat(0)) || failed(n.requireRank(0, 1, 16)))
    return failure();
  FailureOr<int64_t> axis =
      n.normalizeAxis(n.getInt("axis", -1), n.in(0).getRank());
  int64_t p = n.getInt("p", 2);
  if (failed(axis))
    return failure();
  if (p != 1 && p != 2)
    return n.error() << "expected p to be 1 or 2 but got " << p;
  auto emit = [&](Value input) {
    return n.unit(
        "lp_norm", ValueRange{input}, input.getType(),
        [&](ValueRange arguments) {
          Value x = arguments[0];
          Type type = getElementTypeOrSelf(x.getType());
          Value sum = sumRows(
              n, x, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                return p == 2 ? square(b, v)
                              : Value(math::AbsFOp::create(b, v[0]));
              });
          return withRows(
              n, x, {sum}, {},
              [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                Value norm =
                    p == 2 ? Value(math::SqrtOp::create(b, v[1])) : v[1];
                Value zero = makeFloat(b, type, 0);
                Value isZero = arith::CmpFOp::create(
                    b, arith::CmpFPredicate::OEQ, norm, zero);
                Value quotient = arith::DivFOp::create(b, v[0], norm);
                return arith::SelectOp::create(b, isZero, zero, quotient);
              });
        });
  };
  n.setResult(0, onLastAxis(n, *axis, emit));
  return success();
}

//===----------------------------------------------------------------------===//
// Layer normalization
//===----------------------------------------------------------------------===//

/// (x - mean) * (1 / sqrt(variance + epsilon)) * gamma + beta over the last
/// dimension; gamma and beta are vectors of it or null.
static Value emitLayerNorm(NodeImporter &n, Value input, Value gamma,
                           Value beta, double epsilon) {
  Type type = getElementTypeOrSelf(input.getType());
  SmallVector<Value> inputs = {input};
  if (gamma)
    inputs.push_back(gamma);
  if (beta)
    inputs.push_back(beta);
  return n.unit(
      "layer_norm", inputs, input.getType(), [&](ValueRange arguments) {
        Value x = arguments[0];
        double reciprocal = 1.0 / shapeOf(x).back();
        Value sum = sumRows(n, x, itself);
        Value mean = n.map(ValueRange{sum}, type,
                           [&](ImplicitLocOpBuilder &b, ValueRange v) {
                             return arith::MulFOp::create(
                                 b, v[0], makeFloat(b, type, reciprocal));
                           });
        Value centered = withRows(n, x, {mean}, {},
                                  [](ImplicitLocOpBuilder &b, ValueRange v) {
                                    return arith::SubFOp::create(b, v[0], v[1]);
                                  });
        Value squares = sumRows(n, centered, square);
        Value factor =
            n.map(ValueRange{squares}, type,
                  [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                    Value variance = arith::MulFOp::create(
                        b, v[0], makeFloat(b, type, reciprocal));
                    Value shifted = arith::AddFOp::create(
                        b, variance, makeFloat(b, type, epsilon));
                    return arith::DivFOp::create(
                        b, makeFloat(b, type, 1),
                        math::SqrtOp::create(b, shifted).getResult());
                  });
        return withRows(n, centered, {factor}, arguments.drop_front(),
                        [&](ImplicitLocOpBuilder &b, ValueRange v) {
                          Value y = arith::MulFOp::create(b, v[0], v[1]);
                          if (gamma)
                            y = arith::MulFOp::create(b, y, v[2]);
                          if (beta)
                            y = arith::AddFOp::create(b, y, v.back());
                          return y;
                        });
      });
}

/// The normalized dimensions as one, at the end.
static LogicalResult importLayerNormalization(NodeImporter &n) {
  if (failed(n.requireFloat(0)) || failed(n.requireRank(0, 1, 16)))
    return failure();
  Tensor &input = n.in(0);
  FailureOr<int64_t> axis =
      n.normalizeAxis(n.getInt("axis", -1), input.getRank());
  if (failed(axis))
    return failure();
  ArrayRef<int64_t> shape = input.getShape();
  int64_t size = product(shape.drop_front(*axis));
  SmallVector<int64_t> rows(shape.take_front(*axis));
  rows.push_back(size);
  Value parameters[2];
  for (unsigned i : {1, 2}) {
    if (!n.hasInput(i))
      continue;
    Tensor &parameter = n.in(i);
    if (parameter.type.getNumElements() != size ||
        parameter.getElementType() != input.getElementType())
      return n.error() << "expected " << size << " parameters of "
                       << input.getElementType() << " but got "
                       << parameter.type;
    Tensor flat = n.reshape(parameter, {size});
    parameters[i - 1] = n.materialize(flat);
  }
  Value result = emitLayerNorm(n, n.reshape(n.value(0), rows), parameters[0],
                               parameters[1], n.getFloat("epsilon", 1e-5));
  n.setResult(0, n.reshape(result, shape));
  return success();
}

namespace {
/// What the nodes before a value compute, if they spell a layer norm over the
/// last dimension.
struct SpelledLayerNorm {
  Tensor *input;
  double epsilon;
  Tensor *gamma = nullptr, *beta = nullptr;
};
} // namespace

/// The node that computes input `i`, if it is an `opType` with two inputs (or
/// one).
static const Node *producer(NodeImporter &n, StringRef value,
                            StringRef opType) {
  const Node *node = n.getModel().getProducer(value);
  return node && node->domain.empty() && node->opType == opType ? node
                                                                : nullptr;
}

/// The single value of a constant of any shape.
static std::optional<double> knownScalar(NodeImporter &n, StringRef value) {
  Tensor *tensor = n.getModel().find(value);
  if (!tensor || !tensor->constant)
    return std::nullopt;
  std::optional<ConstantTensor> uniform = tensor->constant->getUniform();
  return uniform ? std::optional<double>(uniform->getDouble(0)) : std::nullopt;
}

/// True if the node reduces the last dimension and keeps it.
static bool isRowMean(NodeImporter &n, const Node &node, int64_t rank) {
  auto attribute = [&](const char *name) -> const NodeAttribute * {
    auto it = node.attributes.find(name);
    return it == node.attributes.end() ? nullptr : &it->second;
  };
  if (const NodeAttribute *keep = attribute("keepdims"); keep && keep->i == 0)
    return false;
  SmallVector<int64_t> axes;
  if (const NodeAttribute *given = attribute("axes"))
    axes.assign(given->ints.begin(), given->ints.end());
  else if (node.inputs.size() > 1)
    if (Tensor *known = n.getModel().find(node.inputs[1]);
        known && known->constant)
      axes = known->constant->getInts();
  return axes.size() == 1 && (axes[0] == -1 || axes[0] == rank - 1);
}

/// Matches Div(Sub(x, ReduceMean(x)), Sqrt(Add(ReduceMean(Pow(Sub, 2)), eps))).
static std::optional<SpelledLayerNorm> matchCore(NodeImporter &n,
                                                 const Node &div) {
  const Node *sub = producer(n, div.inputs[0], "Sub");
  const Node *root = producer(n, div.inputs[1], "Sqrt");
  if (!sub || !root)
    return std::nullopt;
  Tensor *x = n.getModel().find(sub->inputs[0]);
  const Node *mean = producer(n, sub->inputs[1], "ReduceMean");
  const Node *add = producer(n, root->inputs[0], "Add");
  if (!x || x->constant || !x->isFloat() || x->getRank() < 1 || !mean || !add ||
      mean->inputs[0] != sub->inputs[0] || !isRowMean(n, *mean, x->getRank()))
    return std::nullopt;
  for (unsigned side : {0, 1}) {
    const Node *variance = producer(n, add->inputs[side], "ReduceMean");
    std::optional<double> epsilon = knownScalar(n, add->inputs[1 - side]);
    if (!variance || !epsilon || !isRowMean(n, *variance, x->getRank()))
      continue;
    StringRef difference = sub->outputs[0];
    if (const Node *pow = producer(n, variance->inputs[0], "Pow")) {
      if (pow->inputs[0] == difference && knownScalar(n, pow->inputs[1]) == 2.0)
        return SpelledLayerNorm{x, *epsilon};
    } else if (const Node *mul = producer(n, variance->inputs[0], "Mul")) {
      if (mul->inputs[0] == difference && mul->inputs[1] == difference)
        return SpelledLayerNorm{x, *epsilon};
    }
  }
  return std::nullopt;
}

/// The parameter at the other side of a Mul or Add: a vector of the last
/// dimension that adds no dimensions.
static Tensor *matchParameter(NodeImporter &n, const Node &node, unsigned side,
                              const Tensor &input) {
  Tensor *parameter = n.getModel().find(node.inputs[side]);
  if (!parameter || !parameter->constant ||
      parameter->getElementType() != input.getElementType() ||
      parameter->getRank() > input.getRank() ||
      parameter->type.getNumElements() != input.getShape().back() ||
      parameter->getRank() < 1 ||
      parameter->getShape().back() != input.getShape().back())
    return nullptr;
  return parameter;
}

static std::optional<SpelledLayerNorm> matchSpelled(NodeImporter &n,
                                                    const Node &node) {
  if (node.opType == "Div")
    return matchCore(n, node);
  bool isAdd = node.opType == "Add";
  for (unsigned side : {0, 1}) {
    const Node *before = producer(n, node.inputs[side], isAdd ? "Mul" : "Div");
    if (!before)
      continue;
    std::optional<SpelledLayerNorm> norm = matchSpelled(n, *before);
    if (!norm)
      continue;
    Tensor *parameter = matchParameter(n, node, 1 - side, *norm->input);
    if (!parameter)
      continue;
    (isAdd ? norm->beta : norm->gamma) = parameter;
    return norm;
  }
  return std::nullopt;
}

bool mpq::onnximport::importSpelledLayerNorm(NodeImporter &n) {
  if (!n.node.domain.empty() || n.getNumInputs() != 2 ||
      (n.node.opType != "Div" && n.node.opType != "Mul" &&
       n.node.opType != "Add"))
    return false;
  std::optional<SpelledLayerNorm> norm = matchSpelled(n, n.node);
  if (!norm)
    return false;
  auto vector = [&](Tensor *parameter) -> Value {
    if (!parameter)
      return {};
    Tensor flat = n.reshape(*parameter, {norm->input->getShape().back()});
    return n.materialize(flat);
  };
  n.setResult(0,
              emitLayerNorm(n, n.materialize(*norm->input), vector(norm->gamma),
                            vector(norm->beta), norm->epsilon));
  return true;
}

//===----------------------------------------------------------------------===//
// Batch and instance normalization
//===----------------------------------------------------------------------===//

/// x * scale' + bias' with scale' = scale / sqrt(variance + epsilon) and
/// bias' = bias - mean * scale', computed in double and rounded once.
static LogicalResult importBatchNormalization(NodeImporter &n) {
  if (failed(n.requireFloat(0)) || failed(n.requireRank(0, 2, 16)))
    return failure();
  if (n.getInt("training_mode", 0) != 0)
    return n.error() << "training mode is not supported";
  Tensor &input = n.in(0);
  int64_t channels = input.getDim(1);
  for (unsigned i = 1; i < 5; ++i) {
    if (failed(n.requireConstant(i)) || failed(n.requireFloat(i)))
      return failure();
    if (n.in(i).type.getNumElements() != channels)
      return n.error() << "expected " << channels
                       << " parameters, one for each channel, but got "
                       << n.in(i).type;
  }
  double epsilon = n.getFloat("epsilon", 1e-5);
  Type type = input.getElementType();
  std::string scales, biases;
  for (int64_t c = 0; c < channels; ++c) {
    double scale = n.in(1).constant->getDouble(c) /
                   std::sqrt(n.in(4).constant->getDouble(c) + epsilon);
    double bias =
        n.in(2).constant->getDouble(c) - n.in(3).constant->getDouble(c) * scale;
    ConstantTensor::append(scales, type, scale);
    ConstantTensor::append(biases, type, bias);
  }
  SmallVector<int64_t> shape(input.getRank() - 1, 1);
  shape[0] = channels;
  Tensor scale = n.makeConstant(
      ConstantTensor(type, false, shape, std::move(scales)), "scale");
  Tensor bias = n.makeConstant(
      ConstantTensor(type, false, shape, std::move(biases)), "bias");
  FailureOr<Value> result =
      n.elementwise({&input, &scale, &bias}, type,
                    [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                      Value scaled = arith::MulFOp::create(b, v[0], v[1]);
                      return arith::AddFOp::create(b, scaled, v[2]);
                    });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

/// Layer normalization of each channel's image (or each group's channels)
/// followed by scale and bias of the channel.
static LogicalResult normalizeGroups(NodeImporter &n, int64_t groups) {
  Tensor &input = n.in(0);
  ArrayRef<int64_t> shape = input.getShape();
  int64_t channels = shape[1];
  if (groups < 1 || channels % groups != 0)
    return n.error() << "cannot split " << channels << " channels into "
                     << groups << " groups";
  Type type = input.getElementType();
  Value rows = n.reshape(
      n.value(0), {shape[0] * groups, product(shape.drop_front()) / groups});
  Value normalized = n.reshape(
      emitLayerNorm(n, rows, Value(), Value(), n.getFloat("epsilon", 1e-5)),
      shape);
  Tensor y{input.type, false, normalized, std::nullopt, n.node.outputs[0]};
  SmallVector<int64_t> column(input.getRank() - 1, 1);
  column[0] = channels;
  SmallVector<Tensor> parameters;
  for (unsigned i : {1, 2}) {
    if (n.in(i).type.getNumElements() != channels ||
        n.in(i).getElementType() != type)
      return n.error() << "expected " << channels
                       << " parameters, one for each channel, but got "
                       << n.in(i).type;
    parameters.push_back(n.reshape(n.in(i), column));
  }
  FailureOr<Value> result =
      n.elementwise({&y, &parameters[0], &parameters[1]}, type,
                    [](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                      Value scaled = arith::MulFOp::create(b, v[0], v[1]);
                      return arith::AddFOp::create(b, scaled, v[2]);
                    });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

static LogicalResult importInstanceNormalization(NodeImporter &n) {
  if (failed(n.requireFloat(0)) || failed(n.requireRank(0, 3, 16)))
    return failure();
  return normalizeGroups(n, n.in(0).getDim(1));
}

static LogicalResult importGroupNormalization(NodeImporter &n) {
  if (failed(n.requireFloat(0)) || failed(n.requireRank(0, 3, 16)))
    return failure();
  return normalizeGroups(n, n.getInt("num_groups", 0));
}

void mpq::onnximport::registerNormalizationOperators(OperatorRegistry &r) {
  r.add("Softmax", 1, {importSoftmax<false>, 1});
  r.add("LogSoftmax", 1, {importSoftmax<true>, 1});
  r.add("LpNormalization", 1, {importLpNormalization, 1});
  // The operator is of opset 17; ONNX Runtime's optimizer writes it earlier.
  r.add("LayerNormalization", 1, {importLayerNormalization, 2});
  r.add("BatchNormalization", 7, {importBatchNormalization, 5});
  r.add("InstanceNormalization", 6, {importInstanceNormalization, 3});
  r.add("GroupNormalization", 21, {importGroupNormalization, 3});
}
