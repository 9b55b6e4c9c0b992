//===- Elementwise.cpp - arithmetic, comparison, logic ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each operator is a lambda over the scalars of a linalg body; integer operands
// take the signedness ONNX gives their type. Arithmetic on constants is
// evaluated in the precision of the type (shape arithmetic is integers).
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"
#include "ScalarArithmetic.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mpq::onnximport;

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

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

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
      inputs, n.in(0).getElementType(), [&](ScalarBuilder &b, ValueRange v) {
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
      inputs, n.in(0).getElementType(), [&](ScalarBuilder &b, ValueRange v) {
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
  bool isUnsigned = n.in(0).isUnsigned || n.in(0).getElementType().isInteger(1);
  FailureOr<Value> result =
      n.elementwise({&n.in(0), &n.in(1)}, n.b.getI1Type(),
                    [&](ScalarBuilder &b, ValueRange v) -> Value {
                      if (isFloat(v[0]))
                        return compareFloat(b, OnFloat, v[0], v[1]);
                      return arith::CmpIOp::create(
                          b, isUnsigned ? OnUnsigned : OnSigned, v[0], v[1]);
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
      [](ScalarBuilder &b, ValueRange v) { return Op::create(b, v[0], v[1]); });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

static LogicalResult importNot(NodeImporter &n) {
  if (!n.in(0).getElementType().isInteger(1))
    return n.error() << "expected a boolean input but got " << n.in(0).type;
  FailureOr<Value> result = n.elementwise(
      {&n.in(0)}, n.b.getI1Type(), [](ScalarBuilder &b, ValueRange v) {
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
      {&n.in(0)}, n.b.getI1Type(), [](ScalarBuilder &b, ValueRange v) {
        return compareFloat(b, arith::CmpFPredicate::UNO, v[0], v[0]);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

static LogicalResult importWhere(NodeImporter &n) {
  if (!n.in(0).getElementType().isInteger(1))
    return n.error() << "expected a boolean condition but got " << n.in(0).type;
  if (failed(requireEqualTypes(n, 1)))
    return failure();
  FailureOr<Value> result =
      n.elementwise({&n.in(0), &n.in(1), &n.in(2)}, n.in(1).getElementType(),
                    [](ScalarBuilder &b, ValueRange v) {
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
      [&](ScalarBuilder &b, ValueRange v) -> Value {
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
      [&](ScalarBuilder &b, ValueRange v) -> Value {
        if (isFloat(v[0]))
          return arith::RemFOp::create(b, v[0], v[1]);
        if (isUnsigned)
          return arith::RemUIOp::create(b, v[0], v[1]);
        Value rest = arith::RemSIOp::create(b, v[0], v[1]);
        if (fmod)
          return rest;
        Value zero = makeInt(b, rest.getType(), 0);
        Value nonZero =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rest, zero);
        Value signs = arith::XOrIOp::create(b, rest, v[1]);
        Value differ =
            arith::CmpIOp::create(b, arith::CmpIPredicate::slt, signs, zero);
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
      n.elementwise(inputs, type, [&](ScalarBuilder &b, ValueRange v) {
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
// Registration
//===----------------------------------------------------------------------===//

void mpq::onnximport::registerElementwiseOperators(OperatorRegistry &r) {
  // Arithmetic.
  r.add("Add", 7,
        {binary<add>, 2,
         evaluate<[](Ints v) -> OptionalInt {
           return wrap(uint64_t(v[0]) + uint64_t(v[1]));
         },
                  [](Floats v) { return v[0] + v[1]; }>});
  r.add("Sub", 7,
        {binary<sub>, 2,
         evaluate<[](Ints v) -> OptionalInt {
           return wrap(uint64_t(v[0]) - uint64_t(v[1]));
         },
                  [](Floats v) { return v[0] - v[1]; }>});
  r.add("Mul", 7,
        {binary<mul>, 2,
         evaluate<[](Ints v) -> OptionalInt {
           return wrap(uint64_t(v[0]) * uint64_t(v[1]));
         },
                  [](Floats v) { return v[0] * v[1]; }>});
  r.add("Div", 7,
        {binary<divide>, 2,
         evaluate<[](Ints v) -> OptionalInt {
           if (v[1] == 0 || v[1] == -1)
             return v[1] == 0 ? OptionalInt() : wrap(-uint64_t(v[0]));
           return v[0] / v[1];
         },
                  [](Floats v) { return v[0] / v[1]; }>});
  r.add("Min", 6,
        {variadic<minimum>, 1,
         evaluate<[](Ints v) -> OptionalInt {
           return *std::min_element(v.begin(), v.end());
         },
                  [](Floats v) {
                    return *std::min_element(v.begin(), v.end());
                  }>});
  r.add("Max", 6,
        {variadic<maximum>, 1,
         evaluate<[](Ints v) -> OptionalInt {
           return *std::max_element(v.begin(), v.end());
         },
                  [](Floats v) {
                    return *std::max_element(v.begin(), v.end());
                  }>});
  r.add("Sum", 6, {variadic<add>, 1});
  r.add("Mean", 6, {importMean, 1});
  r.add("Mod", 10, {importMod, 2});
  r.add("Pow", 7, {importPow, 2});
  r.add("Neg", 6,
        {unaryAny<[](ScalarBuilder &b, Value x, bool) -> Value {
           if (isFloat(x))
             return arith::NegFOp::create(b, x);
           return arith::SubIOp::create(b, makeInt(b, x.getType(), 0), x);
         }>,
         1,
         evaluate<[](Ints v) -> OptionalInt { return wrap(-uint64_t(v[0])); },
                  [](Floats v) { return -v[0]; }>});
  r.add("Abs", 6,
        {unaryAny<[](ScalarBuilder &b, Value x, bool isUnsigned) -> Value {
           if (isFloat(x))
             return math::AbsFOp::create(b, x);
           return isUnsigned ? x : Value(math::AbsIOp::create(b, x));
         }>,
         1});
  r.add("Sign", 9,
        {unaryAny<[](ScalarBuilder &b, Value x, bool isUnsigned) -> Value {
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
         }>,
         1});
  r.add("Sqrt", 6,
        {unaryFloatOp<math::SqrtOp>, 1,
         evaluate<[](Ints) { return OptionalInt(); },
                  [](Floats v) { return std::sqrt(v[0]); }>});
  r.add("Reciprocal", 6,
        {unaryFloat<[](ScalarBuilder &b, Value x) {
           return divide(b, constantLike(b, x, 1), x, false);
         }>,
         1});
  r.add("Exp", 6, {unaryFloatOp<math::ExpOp>, 1});
  r.add("Log", 6, {unaryFloatOp<math::LogOp>, 1});
  r.add("Erf", 9, {unaryFloatOp<math::ErfOp>, 1});
  r.add("Tanh", 6, {unaryFloatOp<math::TanhOp>, 1});
  r.add("Floor", 6,
        {unaryFloatOp<math::FloorOp>, 1,
         evaluate<[](Ints) { return OptionalInt(); },
                  [](Floats v) { return std::floor(v[0]); }>});
  r.add("Ceil", 6,
        {unaryFloatOp<math::CeilOp>, 1,
         evaluate<[](Ints) { return OptionalInt(); },
                  [](Floats v) { return std::ceil(v[0]); }>});
  r.add("Round", 11, {unaryFloatOp<math::RoundEvenOp>, 1});

  // Comparison, logic, selection.
  using arith::CmpFPredicate;
  using arith::CmpIPredicate;
  r.add("Equal", 7,
        {compare<CmpFPredicate::OEQ, CmpIPredicate::eq, CmpIPredicate::eq>, 2,
         evaluateComparison<[](Ints v) -> OptionalInt { return v[0] == v[1]; },
                            [](Floats v) -> int64_t { return v[0] == v[1]; }>});
  r.add("Less", 7,
        {compare<CmpFPredicate::OLT, CmpIPredicate::slt, CmpIPredicate::ult>, 2,
         evaluateComparison<[](Ints v) -> OptionalInt { return v[0] < v[1]; },
                            [](Floats v) -> int64_t { return v[0] < v[1]; }>});
  r.add(
      "LessOrEqual", 12,
      {compare<CmpFPredicate::OLE, CmpIPredicate::sle, CmpIPredicate::ule>, 2});
  r.add("Greater", 7,
        {compare<CmpFPredicate::OGT, CmpIPredicate::sgt, CmpIPredicate::ugt>, 2,
         evaluateComparison<[](Ints v) -> OptionalInt { return v[0] > v[1]; },
                            [](Floats v) -> int64_t { return v[0] > v[1]; }>});
  r.add(
      "GreaterOrEqual", 12,
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
  r.add("Clip", 6, {importClip, 1});
}
