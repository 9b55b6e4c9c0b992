//===- Activations.cpp - activation functions ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Spelled in exp, log, tanh, erf, minima and maxima, which are what the numeric
// contract has formulas for.
//
//===----------------------------------------------------------------------===//

#include "Activations.h"

#include "OperatorRegistry.h"
#include "ScalarArithmetic.h"

#include <cmath>

using namespace mlir;
using namespace mpq::onnximport;

static Value sigmoid(ScalarBuilder &b, Value x) {
  Value one = constantLike(b, x, 1);
  Value exp = math::ExpOp::create(b, arith::NegFOp::create(b, x).getResult());
  return divide(b, one, add(b, one, exp, false), false);
}

/// log(1 + exp(x)) without overflow: max(x, 0) + log(1 + exp(-|x|)).
static Value softplus(ScalarBuilder &b, Value x) {
  Value zero = constantLike(b, x, 0), one = constantLike(b, x, 1);
  Value magnitude = math::AbsFOp::create(b, x);
  Value exp =
      math::ExpOp::create(b, arith::NegFOp::create(b, magnitude).getResult());
  Value log = math::LogOp::create(b, add(b, one, exp, false));
  return add(b, maximum(b, x, zero, false), log, false);
}

static Value softsign(ScalarBuilder &b, Value x) {
  Value magnitude = math::AbsFOp::create(b, x);
  return divide(b, x, add(b, constantLike(b, x, 1), magnitude, false), false);
}

static Value clampTo01(ScalarBuilder &b, Value x) {
  return minimum(b, maximum(b, x, constantLike(b, x, 0), false),
                 constantLike(b, x, 1), false);
}

static Value selectNegative(ScalarBuilder &b, Value x, Value negative,
                            Value otherwise) {
  Value isNegative =
      compareFloat(b, arith::CmpFPredicate::OLT, x, constantLike(b, x, 0));
  return arith::SelectOp::create(b, isNegative, negative, otherwise);
}

static Value expm1(ScalarBuilder &b, Value x) {
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
  FailureOr<Value> result = n.elementwise({&n.in(0)}, n.in(0).getElementType(),
                                          [&](ScalarBuilder &b, ValueRange v) {
                                            return Body(b, v[0], alpha, beta);
                                          });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

static constexpr char kAlpha[] = "alpha", kBeta[] = "beta", kGamma[] = "gamma",
                      kLambd[] = "lambd", kBias[] = "bias";

static Value leakyRelu(ScalarBuilder &b, Value x, double alpha, double) {
  return selectNegative(b, x, mul(b, constantLike(b, x, alpha), x, false), x);
}
static Value elu(ScalarBuilder &b, Value x, double alpha, double) {
  Value negative = mul(b, constantLike(b, x, alpha), expm1(b, x), false);
  return selectNegative(b, x, negative, x);
}
static Value selu(ScalarBuilder &b, Value x, double alpha, double gamma) {
  return mul(b, constantLike(b, x, gamma), elu(b, x, alpha, 0), false);
}
static Value celu(ScalarBuilder &b, Value x, double alpha, double) {
  Value zero = constantLike(b, x, 0), a = constantLike(b, x, alpha);
  Value negative = mul(b, a, expm1(b, divide(b, x, a, false)), false);
  return add(b, maximum(b, x, zero, false), minimum(b, negative, zero, false),
             false);
}
static Value hardSigmoid(ScalarBuilder &b, Value x, double alpha, double beta) {
  Value line = add(b, mul(b, x, constantLike(b, x, alpha), false),
                   constantLike(b, x, beta), false);
  return clampTo01(b, line);
}
static Value thresholdedRelu(ScalarBuilder &b, Value x, double alpha, double) {
  Value above =
      compareFloat(b, arith::CmpFPredicate::OGT, x, constantLike(b, x, alpha));
  return arith::SelectOp::create(b, above, x, constantLike(b, x, 0));
}
static Value shrink(ScalarBuilder &b, Value x, double lambd, double bias) {
  Value shift = constantLike(b, x, bias), zero = constantLike(b, x, 0);
  Value below =
      compareFloat(b, arith::CmpFPredicate::OLT, x, constantLike(b, x, -lambd));
  Value above =
      compareFloat(b, arith::CmpFPredicate::OGT, x, constantLike(b, x, lambd));
  Value right =
      arith::SelectOp::create(b, above, sub(b, x, shift, false), zero);
  return arith::SelectOp::create(b, below, add(b, x, shift, false), right);
}
static Value swish(ScalarBuilder &b, Value x, double alpha, double) {
  Value scaled = alpha == 1 ? x : mul(b, constantLike(b, x, alpha), x, false);
  return mul(b, x, sigmoid(b, scaled), false);
}

//===----------------------------------------------------------------------===//
// Named by attributes
//===----------------------------------------------------------------------===//

static Value line(ScalarBuilder &b, Value x, double alpha, double beta) {
  return add(b, mul(b, constantLike(b, x, alpha), x, false),
             constantLike(b, x, beta), false);
}
static Value scaledTanh(ScalarBuilder &b, Value x, double alpha, double beta) {
  Value scaled = mul(b, constantLike(b, x, beta), x, false);
  return mul(b, constantLike(b, x, alpha), math::TanhOp::create(b, scaled),
             false);
}
static Value tanh(ScalarBuilder &b, Value x) {
  return math::TanhOp::create(b, x);
}
static Value relu(ScalarBuilder &b, Value x) {
  return maximum(b, x, constantLike(b, x, 0), false);
}
/// A function without parameters as one with two.
template <Value (*Body)(ScalarBuilder &, Value)>
static Value plain(ScalarBuilder &b, Value x, double, double) {
  return Body(b, x);
}

ArrayRef<NamedActivation> mpq::onnximport::getNamedActivations() {
  static const NamedActivation all[] = {
      {"Affine", line, 1.0, 0.0},
      {"Elu", elu, 1.0, std::nullopt},
      {"HardSigmoid", hardSigmoid, 0.2, 0.5},
      {"LeakyRelu", leakyRelu, 0.01, std::nullopt},
      {"Relu", plain<relu>, std::nullopt, std::nullopt},
      {"ScaledTanh", scaledTanh, 1.0, 1.0},
      {"Sigmoid", plain<sigmoid>, std::nullopt, std::nullopt},
      {"Softplus", plain<softplus>, std::nullopt, std::nullopt},
      {"Softsign", plain<softsign>, std::nullopt, std::nullopt},
      {"Tanh", plain<tanh>, std::nullopt, std::nullopt},
      {"ThresholdedRelu", thresholdedRelu, 1.0, std::nullopt},
  };
  return all;
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

static LogicalResult importPRelu(NodeImporter &n) {
  if (failed(n.requireFloat(0)) || failed(requireEqualTypes(n)))
    return failure();
  FailureOr<Value> result = n.elementwise(
      {&n.in(0), &n.in(1)}, n.in(0).getElementType(),
      [](ScalarBuilder &b, ValueRange v) {
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
      [&](ScalarBuilder &b, ValueRange v) -> Value {
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
        return mul(b, mul(b, half, x, false), add(b, one, inner, false), false);
      });
  if (failed(result))
    return failure();
  n.setResult(0, *result);
  return success();
}

void mpq::onnximport::registerActivationOperators(OperatorRegistry &r) {
  r.add("Relu", 6,
        {unaryAny<[](ScalarBuilder &b, Value x, bool isUnsigned) {
           Value zero =
               isFloat(x) ? constantLike(b, x, 0) : makeInt(b, x.getType(), 0);
           return maximum(b, x, zero, isUnsigned);
         }>,
         1});
  r.add("Sigmoid", 6, {unaryFloat<sigmoid>, 1});
  r.add("Softplus", 1, {unaryFloat<softplus>, 1});
  r.add("Softsign", 1, {unaryFloat<softsign>, 1});
  r.add("Mish", 18,
        {unaryFloat<[](ScalarBuilder &b, Value x) {
           Value tanh = math::TanhOp::create(b, softplus(b, x));
           return mul(b, x, tanh, false);
         }>,
         1});
  r.add("HardSwish", 14,
        {unaryFloat<[](ScalarBuilder &b, Value x) {
           return mul(b, x, hardSigmoid(b, x, 1.0 / 6, 0.5), false);
         }>,
         1});
  r.add("LeakyRelu", 6,
        {activation<Parameter{kAlpha, 0.01}, Parameter{}, leakyRelu>, 1});
  r.add("Elu", 6, {activation<Parameter{kAlpha, 1.0}, Parameter{}, elu>, 1});
  r.add("Selu", 6,
        {activation<Parameter{kAlpha, 1.67326319217681884765625},
                    Parameter{kGamma, 1.05070102214813232421875}, selu>,
         1});
  r.add("Celu", 12, {activation<Parameter{kAlpha, 1.0}, Parameter{}, celu>, 1});
  r.add("HardSigmoid", 6,
        {activation<Parameter{kAlpha, 0.2}, Parameter{kBeta, 0.5}, hardSigmoid>,
         1});
  r.add("ThresholdedRelu", 10,
        {activation<Parameter{kAlpha, 1.0}, Parameter{}, thresholdedRelu>, 1});
  r.add("Shrink", 9,
        {activation<Parameter{kLambd, 0.5}, Parameter{kBias, 0.0}, shrink>, 1});
  r.add("Swish", 24,
        {activation<Parameter{kAlpha, 1.0}, Parameter{}, swish>, 1});
  r.add("PRelu", 7, {importPRelu, 2});
  r.add("Gelu", 20, {importGelu, 1});
  r.add("com.microsoft", "Gelu", 1, {importGelu, 1});
}
