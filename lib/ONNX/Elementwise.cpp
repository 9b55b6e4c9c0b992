//===- Elementwise.cpp - operators on elements ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Unary, binary and variadic arithmetic, comparisons, logic, activations and
// casts. Each is a lambda over the scalars of a linalg body; integer operands
// take the signedness ONNX gives their type. Arithmetic on constants is
// evaluated in the precision of the type (shape arithmetic is integers).
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mpq::onnximport;

using Builder_ = ImplicitLocOpBuilder;

static bool isFloat(Value value) { return isa<FloatType>(value.getType()); }

static Value constantLike(Builder_ &b, Value like, double value) {
  return makeFloat(b, like.getType(), value);
}

static Value compareFloat(Builder_ &b, arith::CmpFPredicate predicate,
                          Value lhs, Value rhs) {
  return arith::CmpFOp::create(b, predicate, lhs, rhs);
}

//===----------------------------------------------------------------------===//
// Evaluation of constants
//===----------------------------------------------------------------------===//

/// The inputs, all of them constants, broadcast to their common shape;
/// std::nullopt if they do not fit (emission reports it) or are too large.
static std::optional<SmallVector<ConstantTensor>>
broadcastConstants(NodeImporter &n) {
  SmallVector<int64_t> shape;
  for (unsigned i = 0; i < n.getNumInputs(); ++i) {
    ArrayRef<int64_t> each = n.in(i).getShape();
    if (each.size() > shape.size())
      shape.insert(shape.begin(), each.size() - shape.size(), 1);
    for (auto [extent, have] :
         llvm::zip(llvm::reverse(each), llvm::reverse(shape))) {
      if (have != extent && have != 1 && extent != 1)
        return std::nullopt;
      have = have == 1 ? extent : have;
    }
  }
  std::optional<int64_t> count = countElements(shape);
  if (!count || *count > (int64_t(1) << 28))
    return std::nullopt;
  SmallVector<ConstantTensor> inputs;
  for (unsigned i = 0; i < n.getNumInputs(); ++i)
    inputs.push_back(n.in(i).constant->broadcast(shape));
  return inputs;
}

/// Evaluates an operator on constants: `ints` on integers, `floats` on floats
/// (in double, rounded to the type: for + - * / and sqrt of f32 that is the
/// correctly rounded f32 result).
template <typename IntFn, typename FloatFn>
static std::optional<ConstantTensor>
evaluateElements(NodeImporter &n, std::optional<Type> resultType, IntFn ints,
                 FloatFn floats) {
  Type type = n.in(0).getElementType();
  for (unsigned i = 1; i < n.getNumInputs(); ++i)
    if (n.in(i).getElementType() != type)
      return std::nullopt; // emission reports it
  auto inputs = broadcastConstants(n);
  if (!inputs)
    return std::nullopt;
  Type result = resultType.value_or(type);
  std::string bytes;
  SmallVector<int64_t> intValues(inputs->size());
  SmallVector<double> floatValues(inputs->size());
  for (int64_t e = 0; e < inputs->front().getNumElements(); ++e) {
    if (isa<IntegerType>(type)) {
      for (auto [value, input] : llvm::zip_equal(intValues, *inputs))
        value = input.getInt(e);
      std::optional<int64_t> value = ints(intValues);
      if (!value)
        return std::nullopt;
      ConstantTensor::append(bytes, result, *value);
    } else {
      for (auto [value, input] : llvm::zip_equal(floatValues, *inputs))
        value = input.getDouble(e);
      ConstantTensor::append(bytes, result, floats(floatValues));
    }
  }
  return ConstantTensor(result, n.in(0).isUnsigned && !resultType,
                        inputs->front().getShape(), std::move(bytes));
}

static std::optional<ConstantTensor> evaluateWhere(NodeImporter &n) {
  auto inputs = broadcastConstants(n);
  if (!inputs || !n.in(0).getElementType().isInteger(1) ||
      n.in(1).getElementType() != n.in(2).getElementType())
    return std::nullopt; // emission reports it
  const ConstantTensor &yes = (*inputs)[1], &no = (*inputs)[2];
  int64_t size = yes.getElementBytes();
  std::string bytes;
  for (int64_t e = 0; e < yes.getNumElements(); ++e) {
    const ConstantTensor &chosen = (*inputs)[0].getInt(e) ? yes : no;
    bytes.append(chosen.getBytes().data() + e * size, size);
  }
  return ConstantTensor(yes.getElementType(), yes.isUnsigned(), yes.getShape(),
                        std::move(bytes));
}

using Ints = ArrayRef<int64_t>;
using Floats = ArrayRef<double>;
using OptionalInt = std::optional<int64_t>;

/// Two's complement without undefined overflow.
static int64_t wrap(uint64_t value) { return static_cast<int64_t>(value); }

template <auto IntFn, auto FloatFn>
static std::optional<ConstantTensor> evaluate(NodeImporter &n) {
  return evaluateElements(n, std::nullopt, IntFn, FloatFn);
}

template <auto IntFn, auto FloatFn>
static std::optional<ConstantTensor> evaluateComparison(NodeImporter &n) {
  return evaluateElements(n, n.b.getI1Type(), IntFn, FloatFn);
}

static std::optional<ConstantTensor> evaluateCast(NodeImporter &n);

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

/// A function of one float element.
template <auto Body> static LogicalResult unaryFloat(NodeImporter &n) {
  if (failed(n.requireFloat(0)))
    return failure();
  FailureOr<Value> result =
      n.elementwise({&n.in(0)}, n.in(0).getElementType(),
                    [](Builder_ &b, ValueRange v) { return Body(b, v[0]); });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

/// A function of one element of any type; the body gets the signedness.
template <auto Body> static LogicalResult unaryAny(NodeImporter &n) {
  bool isUnsigned = n.in(0).isUnsigned;
  FailureOr<Value> result = n.elementwise(
      {&n.in(0)}, n.in(0).getElementType(),
      [&](Builder_ &b, ValueRange v) { return Body(b, v[0], isUnsigned); });
  if (failed(result))
    return failure();
  n.setResult(0, *result, isUnsigned);
  return success();
}

static LogicalResult requireEqualTypes(NodeImporter &n, unsigned first = 0) {
  for (unsigned i = first; i < n.getNumInputs(); ++i)
    if (n.in(i).getElementType() != n.in(first).getElementType() ||
        n.in(i).isUnsigned != n.in(first).isUnsigned)
      return n.error() << "expected inputs of equal element type but got "
                       << n.in(first).type << " and " << n.in(i).type;
  return success();
}

/// Folds all inputs with a binary function, as variadic operators want it too.
template <auto Body> static LogicalResult variadic(NodeImporter &n) {
  for (unsigned i = 0; i < n.getNumInputs(); ++i)
    if (!n.hasInput(i))
      return n.error() << "input " << i << " is missing";
  if (failed(requireEqualTypes(n)))
    return failure();
  if (n.getNumInputs() == 1) {
    n.setResult(0, n.in(0));
    return success();
  }
  SmallVector<Tensor *> inputs;
  for (unsigned i = 0; i < n.getNumInputs(); ++i)
    inputs.push_back(&n.in(i));
  bool isUnsigned = n.in(0).isUnsigned;
  FailureOr<Value> result = n.elementwise(
      inputs, n.in(0).getElementType(), [&](Builder_ &b, ValueRange v) {
        Value total = v[0];
        for (Value next : v.drop_front())
          total = Body(b, total, next, isUnsigned);
        return total;
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result, isUnsigned);
  return success();
}

template <auto Body> static LogicalResult binary(NodeImporter &n) {
  if (n.getNumInputs() != 2)
    return n.error() << "expected 2 inputs but got " << n.getNumInputs();
  return variadic<Body>(n);
}

static Value add(Builder_ &b, Value x, Value y, bool) {
  return isFloat(x) ? Value(arith::AddFOp::create(b, x, y))
                    : Value(arith::AddIOp::create(b, x, y));
}
static Value sub(Builder_ &b, Value x, Value y, bool) {
  return isFloat(x) ? Value(arith::SubFOp::create(b, x, y))
                    : Value(arith::SubIOp::create(b, x, y));
}
static Value mul(Builder_ &b, Value x, Value y, bool) {
  return isFloat(x) ? Value(arith::MulFOp::create(b, x, y))
                    : Value(arith::MulIOp::create(b, x, y));
}
static Value divide(Builder_ &b, Value x, Value y, bool isUnsigned) {
  if (isFloat(x))
    return arith::DivFOp::create(b, x, y);
  return isUnsigned ? Value(arith::DivUIOp::create(b, x, y))
                    : Value(arith::DivSIOp::create(b, x, y));
}
static Value minimum(Builder_ &b, Value x, Value y, bool isUnsigned) {
  if (isFloat(x))
    return arith::MinimumFOp::create(b, x, y);
  return isUnsigned ? Value(arith::MinUIOp::create(b, x, y))
                    : Value(arith::MinSIOp::create(b, x, y));
}
static Value maximum(Builder_ &b, Value x, Value y, bool isUnsigned) {
  if (isFloat(x))
    return arith::MaximumFOp::create(b, x, y);
  return isUnsigned ? Value(arith::MaxUIOp::create(b, x, y))
                    : Value(arith::MaxSIOp::create(b, x, y));
}

/// Mean of all inputs: the sum times the reciprocal of their number.
static LogicalResult importMean(NodeImporter &n) {
  for (unsigned i = 0; i < n.getNumInputs(); ++i)
    if (!n.hasInput(i) || failed(n.requireFloat(i)))
      return n.error() << "expected floating-point inputs";
  if (failed(requireEqualTypes(n)))
    return failure();
  SmallVector<Tensor *> inputs;
  for (unsigned i = 0; i < n.getNumInputs(); ++i)
    inputs.push_back(&n.in(i));
  FailureOr<Value> result = n.elementwise(
      inputs, n.in(0).getElementType(), [&](Builder_ &b, ValueRange v) {
        Value total = v[0];
        for (Value next : v.drop_front())
          total = add(b, total, next, false);
        return mul(b, total, constantLike(b, total, 1.0 / v.size()), false);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

//===----------------------------------------------------------------------===//
// Comparison, logic, selection
//===----------------------------------------------------------------------===//

template <arith::CmpFPredicate OnFloat, arith::CmpIPredicate OnSigned,
          arith::CmpIPredicate OnUnsigned>
static LogicalResult compare(NodeImporter &n) {
  if (failed(requireEqualTypes(n)))
    return failure();
  // i1 compares like an unsigned number.
  bool isUnsigned =
      n.in(0).isUnsigned || n.in(0).getElementType().isInteger(1);
  FailureOr<Value> result = n.elementwise(
      {&n.in(0), &n.in(1)}, n.b.getI1Type(),
      [&](Builder_ &b, ValueRange v) -> Value {
        if (isFloat(v[0]))
          return compareFloat(b, OnFloat, v[0], v[1]);
        return arith::CmpIOp::create(b, isUnsigned ? OnUnsigned : OnSigned,
                                     v[0], v[1]);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

template <typename Op> static LogicalResult logical(NodeImporter &n) {
  for (unsigned i = 0; i < 2; ++i)
    if (!n.in(i).getElementType().isInteger(1))
      return n.error() << "expected boolean inputs but got " << n.in(i).type;
  FailureOr<Value> result = n.elementwise(
      {&n.in(0), &n.in(1)}, n.b.getI1Type(),
      [](Builder_ &b, ValueRange v) { return Op::create(b, v[0], v[1]); });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

static LogicalResult importNot(NodeImporter &n) {
  if (!n.in(0).getElementType().isInteger(1))
    return n.error() << "expected a boolean input but got " << n.in(0).type;
  FailureOr<Value> result = n.elementwise(
      {&n.in(0)}, n.b.getI1Type(), [](Builder_ &b, ValueRange v) {
        return arith::XOrIOp::create(b, v[0], makeInt(b, b.getI1Type(), 1));
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

static LogicalResult importIsNaN(NodeImporter &n) {
  if (failed(n.requireFloat(0)))
    return failure();
  FailureOr<Value> result = n.elementwise(
      {&n.in(0)}, n.b.getI1Type(), [](Builder_ &b, ValueRange v) {
        return compareFloat(b, arith::CmpFPredicate::UNO, v[0], v[0]);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

static LogicalResult importWhere(NodeImporter &n) {
  if (!n.in(0).getElementType().isInteger(1))
    return n.error() << "expected a boolean condition but got "
                     << n.in(0).type;
  if (failed(requireEqualTypes(n, 1)))
    return failure();
  FailureOr<Value> result = n.elementwise(
      {&n.in(0), &n.in(1), &n.in(2)}, n.in(1).getElementType(),
      [](Builder_ &b, ValueRange v) {
        return arith::SelectOp::create(b, v[0], v[1], v[2]);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result, n.in(1).isUnsigned);
  return success();
}

//===----------------------------------------------------------------------===//
// Arithmetic with special forms
//===----------------------------------------------------------------------===//

static LogicalResult importPow(NodeImporter &n) {
  Tensor &base = n.in(0), &exponent = n.in(1);
  if (failed(n.requireFloat(0)))
    return failure();
  std::optional<ConstantTensor> uniform =
      exponent.constant ? exponent.constant->getUniform() : std::nullopt;
  std::optional<double> known;
  if (uniform)
    known = uniform->getDouble(0);
  FailureOr<Value> result = n.elementwise(
      {&base, &exponent}, base.getElementType(),
      [&](Builder_ &b, ValueRange v) -> Value {
        Value x = v[0], y = v[1];
        // The exponents that models use are cheaper and exact as products.
        if (known && *known == 1)
          return x;
        if (known && *known == 2)
          return mul(b, x, x, false);
        if (known && *known == 3)
          return mul(b, mul(b, x, x, false), x, false);
        if (known && *known == 0.5)
          return math::SqrtOp::create(b, x);
        if (known)
          y = constantLike(b, x, *known);
        else if (!isFloat(y))
          y = exponent.isUnsigned
                  ? Value(arith::UIToFPOp::create(b, x.getType(), y))
                  : Value(arith::SIToFPOp::create(b, x.getType(), y));
        else if (y.getType() != x.getType())
          y = y.getType().getIntOrFloatBitWidth() <
                      x.getType().getIntOrFloatBitWidth()
                  ? Value(arith::ExtFOp::create(b, x.getType(), y))
                  : Value(arith::TruncFOp::create(b, x.getType(), y));
        return math::PowFOp::create(b, x, y);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

/// fmod = 1: sign of the dividend (C); fmod = 0: sign of the divisor (Python).
static LogicalResult importMod(NodeImporter &n) {
  if (failed(requireEqualTypes(n)))
    return failure();
  bool fmod = n.getInt("fmod", 0) != 0;
  if (!fmod && n.in(0).isFloat())
    return n.error() << "expected fmod = 1 for floating-point inputs";
  bool isUnsigned = n.in(0).isUnsigned;
  FailureOr<Value> result = n.elementwise(
      {&n.in(0), &n.in(1)}, n.in(0).getElementType(),
      [&](Builder_ &b, ValueRange v) -> Value {
        if (isFloat(v[0]))
          return arith::RemFOp::create(b, v[0], v[1]);
        if (isUnsigned)
          return arith::RemUIOp::create(b, v[0], v[1]);
        Value rest = arith::RemSIOp::create(b, v[0], v[1]);
        if (fmod)
          return rest;
        Value zero = makeInt(b, rest.getType(), 0);
        Value nonZero = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                              rest, zero);
        Value signs = arith::XOrIOp::create(b, rest, v[1]);
        Value differ = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                             signs, zero);
        Value fix = arith::AndIOp::create(b, nonZero, differ);
        Value moved = arith::AddIOp::create(b, rest, v[1]);
        return arith::SelectOp::create(b, fix, moved, rest);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result, isUnsigned);
  return success();
}

/// min and max are attributes before opset 11 and optional inputs since.
static LogicalResult importClip(NodeImporter &n) {
  Tensor &input = n.in(0);
  Type type = input.getElementType();
  SmallVector<Tensor *> inputs = {&input};
  std::optional<unsigned> low, high;
  std::optional<double> lowAttr, highAttr;
  if (n.opset < 11) {
    if (failed(n.requireFloat(0)))
      return failure();
    if (n.hasAttr("min"))
      lowAttr = n.getFloat("min", 0);
    if (n.hasAttr("max"))
      highAttr = n.getFloat("max", 0);
  } else {
    for (unsigned i : {1, 2}) {
      if (!n.hasInput(i))
        continue;
      if (n.in(i).type.getNumElements() != 1 ||
          n.in(i).getElementType() != type)
        return n.error() << "expected a scalar bound of element type " << type
                         << " but got " << n.in(i).type;
      (i == 1 ? low : high) = inputs.size();
      inputs.push_back(&n.in(i));
    }
  }
  FailureOr<Value> result =
      n.elementwise(inputs, type, [&](Builder_ &b, ValueRange v) {
        Value x = v[0];
        if (low || lowAttr)
          x = maximum(b, x, low ? v[*low] : constantLike(b, x, *lowAttr),
                      input.isUnsigned);
        if (high || highAttr)
          x = minimum(b, x, high ? v[*high] : constantLike(b, x, *highAttr),
                      input.isUnsigned);
        return x;
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result, input.isUnsigned);
  return success();
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

static Value sigmoid(Builder_ &b, Value x) {
  Value one = constantLike(b, x, 1);
  Value exp = math::ExpOp::create(b, arith::NegFOp::create(b, x).getResult());
  return divide(b, one, add(b, one, exp, false), false);
}

/// log(1 + exp(x)) without overflow: max(x, 0) + log(1 + exp(-|x|)).
static Value softplus(Builder_ &b, Value x) {
  Value zero = constantLike(b, x, 0), one = constantLike(b, x, 1);
  Value magnitude = math::AbsFOp::create(b, x);
  Value exp =
      math::ExpOp::create(b, arith::NegFOp::create(b, magnitude).getResult());
  Value log = math::LogOp::create(b, add(b, one, exp, false));
  return add(b, maximum(b, x, zero, false), log, false);
}

static Value clampTo01(Builder_ &b, Value x) {
  return minimum(b, maximum(b, x, constantLike(b, x, 0), false),
                 constantLike(b, x, 1), false);
}

static Value selectNegative(Builder_ &b, Value x, Value negative,
                            Value otherwise) {
  Value isNegative =
      compareFloat(b, arith::CmpFPredicate::OLT, x, constantLike(b, x, 0));
  return arith::SelectOp::create(b, isNegative, negative, otherwise);
}

static Value expm1(Builder_ &b, Value x) {
  Value exp = math::ExpOp::create(b, x);
  return sub(b, exp, constantLike(b, x, 1), false);
}

/// An activation with two float attributes of the given names and defaults.
struct Parameter {
  const char *name = nullptr;
  double defaultValue = 0;
};
template <Parameter Alpha, Parameter Beta, auto Body>
static LogicalResult activation(NodeImporter &n) {
  if (failed(n.requireFloat(0)))
    return failure();
  double alpha = Alpha.name ? n.getFloat(Alpha.name, Alpha.defaultValue) : 0;
  double beta = Beta.name ? n.getFloat(Beta.name, Beta.defaultValue) : 0;
  FailureOr<Value> result = n.elementwise(
      {&n.in(0)}, n.in(0).getElementType(), [&](Builder_ &b, ValueRange v) {
        return Body(b, v[0], alpha, beta);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

static constexpr char kAlpha[] = "alpha", kBeta[] = "beta", kGamma[] = "gamma",
                      kLambd[] = "lambd", kBias[] = "bias";

static Value leakyRelu(Builder_ &b, Value x, double alpha, double) {
  return selectNegative(b, x, mul(b, constantLike(b, x, alpha), x, false), x);
}
static Value elu(Builder_ &b, Value x, double alpha, double) {
  Value negative = mul(b, constantLike(b, x, alpha), expm1(b, x), false);
  return selectNegative(b, x, negative, x);
}
static Value selu(Builder_ &b, Value x, double alpha, double gamma) {
  return mul(b, constantLike(b, x, gamma), elu(b, x, alpha, 0), false);
}
static Value celu(Builder_ &b, Value x, double alpha, double) {
  Value zero = constantLike(b, x, 0), a = constantLike(b, x, alpha);
  Value negative = mul(b, a, expm1(b, divide(b, x, a, false)), false);
  return add(b, maximum(b, x, zero, false), minimum(b, negative, zero, false),
             false);
}
static Value hardSigmoid(Builder_ &b, Value x, double alpha, double beta) {
  Value line = add(b, mul(b, x, constantLike(b, x, alpha), false),
                   constantLike(b, x, beta), false);
  return clampTo01(b, line);
}
static Value thresholdedRelu(Builder_ &b, Value x, double alpha, double) {
  Value above =
      compareFloat(b, arith::CmpFPredicate::OGT, x, constantLike(b, x, alpha));
  return arith::SelectOp::create(b, above, x, constantLike(b, x, 0));
}
static Value shrink(Builder_ &b, Value x, double lambd, double bias) {
  Value shift = constantLike(b, x, bias), zero = constantLike(b, x, 0);
  Value below =
      compareFloat(b, arith::CmpFPredicate::OLT, x, constantLike(b, x, -lambd));
  Value above =
      compareFloat(b, arith::CmpFPredicate::OGT, x, constantLike(b, x, lambd));
  Value right = arith::SelectOp::create(b, above, sub(b, x, shift, false), zero);
  return arith::SelectOp::create(b, below, add(b, x, shift, false), right);
}
static Value swish(Builder_ &b, Value x, double alpha, double) {
  Value scaled = alpha == 1 ? x : mul(b, constantLike(b, x, alpha), x, false);
  return mul(b, x, sigmoid(b, scaled), false);
}

static LogicalResult importPRelu(NodeImporter &n) {
  if (failed(n.requireFloat(0)) || failed(requireEqualTypes(n)))
    return failure();
  FailureOr<Value> result = n.elementwise(
      {&n.in(0), &n.in(1)}, n.in(0).getElementType(),
      [](Builder_ &b, ValueRange v) {
        return selectNegative(b, v[0], mul(b, v[0], v[1], false), v[0]);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

static LogicalResult importGelu(NodeImporter &n) {
  if (failed(n.requireFloat(0)))
    return failure();
  std::string approximate = n.getString("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return n.error() << "expected approximate 'none' or 'tanh' but got '"
                     << approximate << "'";
  FailureOr<Value> result = n.elementwise(
      {&n.in(0)}, n.in(0).getElementType(),
      [&](Builder_ &b, ValueRange v) -> Value {
        Value x = v[0], half = constantLike(b, x, 0.5);
        Value one = constantLike(b, x, 1), inner;
        if (approximate == "none") {
          inner = math::ErfOp::create(
              b, mul(b, x, constantLike(b, x, std::sqrt(0.5)), false));
        } else {
          Value cube = mul(b, mul(b, x, x, false), x, false);
          Value sum = add(
              b, x, mul(b, constantLike(b, x, 0.044715), cube, false), false);
          inner = math::TanhOp::create(
              b, mul(b, constantLike(b, x, std::sqrt(2 / M_PI)), sum, false));
        }
        return mul(b, mul(b, half, x, false), add(b, one, inner, false),
                   false);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

//===----------------------------------------------------------------------===//
// Cast
//===----------------------------------------------------------------------===//

/// The element type of an ONNX data type number, with its signedness.
static std::pair<Type, bool> getCastType(NodeImporter &n, int64_t dataType) {
  auto integer = [&](unsigned bits, bool isUnsigned) {
    return std::pair<Type, bool>(n.b.getIntegerType(bits), isUnsigned);
  };
  switch (dataType) {
  case 1:
    return {n.b.getF32Type(), false};
  case 2:
    return integer(8, true);
  case 3:
    return integer(8, false);
  case 4:
    return integer(16, true);
  case 5:
    return integer(16, false);
  case 6:
    return integer(32, false);
  case 7:
    return integer(64, false);
  case 9:
    return integer(1, false);
  case 10:
    return {n.b.getF16Type(), false};
  case 11:
    return {n.b.getF64Type(), false};
  case 12:
    return integer(32, true);
  case 13:
    return integer(64, true);
  case 16:
    return {n.b.getBF16Type(), false};
  default:
    return {Type(), false};
  }
}

static Value castElement(Builder_ &b, Value x, bool fromUnsigned, Type to,
                         bool toUnsigned) {
  Type from = x.getType();
  if (from == to)
    return x;
  unsigned fromBits = from.getIntOrFloatBitWidth();
  unsigned toBits = to.getIntOrFloatBitWidth();
  if (isa<FloatType>(from)) {
    if (to.isInteger(1))
      return compareFloat(b, arith::CmpFPredicate::UNE, x,
                          constantLike(b, x, 0));
    if (isa<IntegerType>(to))
      return toUnsigned ? Value(arith::FPToUIOp::create(b, to, x))
                        : Value(arith::FPToSIOp::create(b, to, x));
    if (fromBits == toBits) // f16 and bf16
      return arith::TruncFOp::create(
          b, to, arith::ExtFOp::create(b, b.getF32Type(), x));
    return fromBits < toBits ? Value(arith::ExtFOp::create(b, to, x))
                             : Value(arith::TruncFOp::create(b, to, x));
  }
  fromUnsigned = fromUnsigned || fromBits == 1;
  if (isa<FloatType>(to))
    return fromUnsigned ? Value(arith::UIToFPOp::create(b, to, x))
                        : Value(arith::SIToFPOp::create(b, to, x));
  if (toBits == 1)
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, x,
                                 makeInt(b, from, 0));
  if (toBits < fromBits)
    return arith::TruncIOp::create(b, to, x);
  return fromUnsigned ? Value(arith::ExtUIOp::create(b, to, x))
                      : Value(arith::ExtSIOp::create(b, to, x));
}

static LogicalResult castTo(NodeImporter &n, Type to, bool toUnsigned) {
  Tensor &input = n.in(0);
  if (input.getElementType() == to) {
    Tensor same = input; // of the other signedness, the bits are the same
    same.isUnsigned = toUnsigned;
    if (same.constant)
      same.constant = ConstantTensor(to, toUnsigned, input.getShape(),
                                     std::string(input.constant->getBytes().data(),
                                                 input.constant->getBytes().size()));
    n.setResult(0, same);
    return success();
  }
  FailureOr<Value> result =
      n.elementwise({&input}, to, [&](Builder_ &b, ValueRange v) {
        return castElement(b, v[0], input.isUnsigned, to, toUnsigned);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result, toUnsigned);
  return success();
}

static LogicalResult importCast(NodeImporter &n) {
  auto [to, toUnsigned] = getCastType(n, n.getInt("to", 0));
  if (!to)
    return n.error() << "unsupported target element type number "
                     << n.getInt("to", 0);
  return castTo(n, to, toUnsigned);
}

static LogicalResult importCastLike(NodeImporter &n) {
  return castTo(n, n.in(1).getElementType(), n.in(1).isUnsigned);
}

static std::optional<ConstantTensor> evaluateCast(NodeImporter &n) {
  auto [to, toUnsigned] = getCastType(n, n.getInt("to", 0));
  const ConstantTensor &input = *n.in(0).constant;
  if (!to)
    return std::nullopt;
  std::string bytes;
  for (int64_t i = 0, e = input.getNumElements(); i < e; ++i) {
    double real = input.isInteger() ? 0 : input.getDouble(i);
    if (isa<FloatType>(to))
      ConstantTensor::append(bytes, to, input.getDouble(i));
    else if (input.isInteger())
      ConstantTensor::append(bytes, to, input.getInt(i));
    else if (to.isInteger(1))
      ConstantTensor::append(bytes, to, int64_t(real != 0));
    else if (std::abs(real) < 9.2e18) // NaN and what does not fit: emission
      ConstantTensor::append(bytes, to, static_cast<int64_t>(real));
    else
      return std::nullopt;
  }
  return ConstantTensor(to, toUnsigned, input.getShape(), std::move(bytes));
}

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

#define FLOAT_OP(OP)                                                           \
  unaryFloat<[](Builder_ & b, Value x) -> Value { return OP::create(b, x); }>

void mpq::onnximport::registerElementwiseOperators(OperatorRegistry &r) {
  // Arithmetic.
  r.add("Add", 7,
        {binary<add>, 2,
         evaluate<[](Ints v) -> OptionalInt {
           return wrap(uint64_t(v[0]) + uint64_t(v[1]));
         }, [](Floats v) { return v[0] + v[1]; }>});
  r.add("Sub", 7,
        {binary<sub>, 2,
         evaluate<[](Ints v) -> OptionalInt {
           return wrap(uint64_t(v[0]) - uint64_t(v[1]));
         }, [](Floats v) { return v[0] - v[1]; }>});
  r.add("Mul", 7,
        {binary<mul>, 2,
         evaluate<[](Ints v) -> OptionalInt {
           return wrap(uint64_t(v[0]) * uint64_t(v[1]));
         }, [](Floats v) { return v[0] * v[1]; }>});
  r.add("Div", 7,
        {binary<divide>, 2,
         evaluate<[](Ints v) -> OptionalInt {
           if (v[1] == 0 || v[1] == -1)
             return v[1] == 0 ? OptionalInt() : wrap(-uint64_t(v[0]));
           return v[0] / v[1];
         }, [](Floats v) { return v[0] / v[1]; }>});
  r.add("Min", 6,
        {variadic<minimum>, 1,
         evaluate<[](Ints v) -> OptionalInt {
           return *std::min_element(v.begin(), v.end());
         }, [](Floats v) { return *std::min_element(v.begin(), v.end()); }>});
  r.add("Max", 6,
        {variadic<maximum>, 1,
         evaluate<[](Ints v) -> OptionalInt {
           return *std::max_element(v.begin(), v.end());
         }, [](Floats v) { return *std::max_element(v.begin(), v.end()); }>});
  r.add("Sum", 6, {variadic<add>, 1});
  r.add("Mean", 6, {importMean, 1});
  r.add("Mod", 10, {importMod, 2});
  r.add("Pow", 7, {importPow, 2});
  r.add("Neg", 6,
        {unaryAny<[](Builder_ &b, Value x, bool) -> Value {
           if (isFloat(x))
             return arith::NegFOp::create(b, x);
           return arith::SubIOp::create(b, makeInt(b, x.getType(), 0), x);
         }>, 1,
         evaluate<[](Ints v) -> OptionalInt { return wrap(-uint64_t(v[0])); },
                  [](Floats v) { return -v[0]; }>});
  r.add("Abs", 6, {unaryAny<[](Builder_ &b, Value x, bool isUnsigned) -> Value {
          if (isFloat(x))
            return math::AbsFOp::create(b, x);
          return isUnsigned ? x : Value(math::AbsIOp::create(b, x));
        }>, 1});
  r.add("Sign", 9, {unaryAny<[](Builder_ &b, Value x, bool isUnsigned) -> Value {
          Type type = x.getType();
          if (!isFloat(x)) {
            Value zero = makeInt(b, type, 0), one = makeInt(b, type, 1);
            if (isUnsigned)
              return arith::MinUIOp::create(b, x, one);
            Value high = arith::MinSIOp::create(b, x, one);
            return arith::MaxSIOp::create(
                b, high, arith::SubIOp::create(b, zero, one).getResult());
          }
          Value zero = constantLike(b, x, 0);
          Value above = compareFloat(b, arith::CmpFPredicate::OGT, x, zero);
          Value below = compareFloat(b, arith::CmpFPredicate::OLT, x, zero);
          Value right =
              arith::SelectOp::create(b, above, constantLike(b, x, 1), x);
          return arith::SelectOp::create(b, below, constantLike(b, x, -1),
                                         right);
        }>, 1});
  r.add("Sqrt", 6,
        {FLOAT_OP(math::SqrtOp), 1,
         evaluate<[](Ints) { return OptionalInt(); },
                  [](Floats v) { return std::sqrt(v[0]); }>});
  r.add("Reciprocal", 6, {unaryFloat<[](Builder_ &b, Value x) {
          return divide(b, constantLike(b, x, 1), x, false);
        }>, 1});
  r.add("Exp", 6, {FLOAT_OP(math::ExpOp), 1});
  r.add("Log", 6, {FLOAT_OP(math::LogOp), 1});
  r.add("Erf", 9, {FLOAT_OP(math::ErfOp), 1});
  r.add("Tanh", 6, {FLOAT_OP(math::TanhOp), 1});
  r.add("Floor", 6,
        {FLOAT_OP(math::FloorOp), 1,
         evaluate<[](Ints) { return OptionalInt(); },
                  [](Floats v) { return std::floor(v[0]); }>});
  r.add("Ceil", 6,
        {FLOAT_OP(math::CeilOp), 1,
         evaluate<[](Ints) { return OptionalInt(); },
                  [](Floats v) { return std::ceil(v[0]); }>});
  r.add("Round", 11, {FLOAT_OP(math::RoundEvenOp), 1});

  // Comparison, logic, selection.
  using arith::CmpFPredicate;
  using arith::CmpIPredicate;
  r.add("Equal", 7,
        {compare<CmpFPredicate::OEQ, CmpIPredicate::eq, CmpIPredicate::eq>, 2,
         evaluateComparison<
             [](Ints v) -> OptionalInt { return v[0] == v[1]; },
             [](Floats v) -> int64_t { return v[0] == v[1]; }>});
  r.add("Less", 7,
        {compare<CmpFPredicate::OLT, CmpIPredicate::slt, CmpIPredicate::ult>, 2,
         evaluateComparison<[](Ints v) -> OptionalInt { return v[0] < v[1]; },
                            [](Floats v) -> int64_t { return v[0] < v[1]; }>});
  r.add("LessOrEqual", 12,
        {compare<CmpFPredicate::OLE, CmpIPredicate::sle, CmpIPredicate::ule>, 2});
  r.add("Greater", 7,
        {compare<CmpFPredicate::OGT, CmpIPredicate::sgt, CmpIPredicate::ugt>, 2,
         evaluateComparison<[](Ints v) -> OptionalInt { return v[0] > v[1]; },
                            [](Floats v) -> int64_t { return v[0] > v[1]; }>});
  r.add("GreaterOrEqual", 12,
        {compare<CmpFPredicate::OGE, CmpIPredicate::sge, CmpIPredicate::uge>, 2});
  r.add("And", 7, {logical<arith::AndIOp>, 2});
  r.add("Or", 7, {logical<arith::OrIOp>, 2});
  r.add("Xor", 7, {logical<arith::XOrIOp>, 2});
  r.add("Not", 1,
        {importNot, 1,
         evaluate<[](Ints v) -> OptionalInt { return v[0] == 0; },
                  [](Floats) { return 0.0; }>});
  r.add("IsNaN", 9, {importIsNaN, 1});
  r.add("Where", 9, {importWhere, 3, evaluateWhere});

  // Activations.
  r.add("Relu", 6, {unaryAny<[](Builder_ &b, Value x, bool isUnsigned) {
          Value zero = isFloat(x) ? constantLike(b, x, 0)
                                  : makeInt(b, x.getType(), 0);
          return maximum(b, x, zero, isUnsigned);
        }>, 1});
  r.add("Sigmoid", 6, {unaryFloat<sigmoid>, 1});
  r.add("Softplus", 1, {unaryFloat<softplus>, 1});
  r.add("Softsign", 1, {unaryFloat<[](Builder_ &b, Value x) {
          Value magnitude = math::AbsFOp::create(b, x);
          return divide(b, x, add(b, constantLike(b, x, 1), magnitude, false),
                     false);
        }>, 1});
  r.add("Mish", 18, {unaryFloat<[](Builder_ &b, Value x) {
          Value tanh = math::TanhOp::create(b, softplus(b, x));
          return mul(b, x, tanh, false);
        }>, 1});
  r.add("HardSwish", 14, {unaryFloat<[](Builder_ &b, Value x) {
          return mul(b, x, hardSigmoid(b, x, 1.0 / 6, 0.5), false);
        }>, 1});
  r.add("LeakyRelu", 6, {activation<Parameter{kAlpha, 0.01}, Parameter{}, leakyRelu>, 1});
  r.add("Elu", 6, {activation<Parameter{kAlpha, 1.0}, Parameter{}, elu>, 1});
  r.add("Selu", 6,
        {activation<Parameter{kAlpha, 1.67326319217681884765625},
                    Parameter{kGamma, 1.05070102214813232421875}, selu>, 1});
  r.add("Celu", 12, {activation<Parameter{kAlpha, 1.0}, Parameter{}, celu>, 1});
  r.add("HardSigmoid", 6,
        {activation<Parameter{kAlpha, 0.2}, Parameter{kBeta, 0.5}, hardSigmoid>, 1});
  r.add("ThresholdedRelu", 10,
        {activation<Parameter{kAlpha, 1.0}, Parameter{}, thresholdedRelu>, 1});
  r.add("Shrink", 9,
        {activation<Parameter{kLambd, 0.5}, Parameter{kBias, 0.0}, shrink>, 1});
  r.add("Swish", 24, {activation<Parameter{kAlpha, 1.0}, Parameter{}, swish>, 1});
  r.add("PRelu", 7, {importPRelu, 2});
  r.add("Gelu", 20, {importGelu, 1});
  r.add("com.microsoft", "Gelu", 1, {importGelu, 1});
  r.add("Clip", 6, {importClip, 1});

  r.add("Cast", 6, {importCast, 1, evaluateCast});
  r.add("CastLike", 15, {importCastLike, 2});
}
