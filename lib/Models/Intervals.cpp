//===- Intervals.cpp - interval arithmetic over scalar operations ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The natural interval extension of each operation (R. E. Moore, Interval
// Analysis, 1966). It ignores that operands may depend on each other, except
// for the two cases activations are made of: a square, and a selection between
// a value and something else by a comparison of that value.
//
//===----------------------------------------------------------------------===//

#include "mpq/Models/Intervals.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"

#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mpq;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool Interval::isUnknown() const {
  return lower == -kInfinity && upper == kInfinity;
}
bool Interval::isFinite() const {
  return std::isfinite(lower) && std::isfinite(upper);
}

/// Bounds rounded outwards to f32. NaN (of infinity - infinity) is no bound.
static Interval outwards(double lower, double upper) {
  auto round = [](double value, double towards) {
    if (std::isnan(value))
      return towards;
    float rounded = float(value);
    if (towards < 0 ? rounded > value : rounded < value)
      rounded = std::nextafter(rounded, float(towards));
    return double(rounded);
  };
  return {round(lower, -kInfinity), round(upper, kInfinity)};
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Interval mpq::hull(Interval a, Interval b) {
  return {std::min(a.lower, b.lower), std::max(a.upper, b.upper)};
}
Interval mpq::add(Interval a, Interval b) {
  return outwards(a.lower + b.lower, a.upper + b.upper);
}
Interval mpq::subtract(Interval a, Interval b) {
  return outwards(a.lower - b.upper, a.upper - b.lower);
}
Interval mpq::multiply(Interval a, Interval b) {
  // A bound may be infinite without any value being so: zero times it is zero.
  auto product = [](double x, double y) {
    return x == 0 || y == 0 ? 0 : x * y;
  };
  double corners[] = {product(a.lower, b.lower), product(a.lower, b.upper),
                      product(a.upper, b.lower), product(a.upper, b.upper)};
  auto [lower, upper] =
      std::minmax_element(std::begin(corners), std::end(corners));
  return outwards(*lower, *upper);
}
Interval mpq::divide(Interval a, Interval b) {
  if (b.lower <= 0 && b.upper >= 0)
    return {};
  return multiply(a, {1 / b.upper, 1 / b.lower});
}
Interval mpq::maximum(Interval a, Interval b) {
  return {std::max(a.lower, b.lower), std::max(a.upper, b.upper)};
}
Interval mpq::minimum(Interval a, Interval b) {
  return {std::min(a.lower, b.lower), std::min(a.upper, b.upper)};
}

Interval mpq::sum(Interval init, Interval term, int64_t terms) {
  if (terms <= 0)
    return init;
  auto times = [&](double bound) {
    return bound == 0 ? 0 : bound * double(terms);
  };
  double lower = times(term.lower), upper = times(term.upper);
  // n additions are off by at most n u / (1 - n u) of the sum of magnitudes
  // (N. Higham, Accuracy and Stability of Numerical Algorithms, 4.2).
  double unit = double(terms) * std::ldexp(1.0, -24);
  if (unit >= 0.5)
    return {};
  double magnitude = std::max(std::fabs(lower), std::fabs(upper)) +
                     std::max(std::fabs(init.lower), std::fabs(init.upper));
  double error = magnitude * unit / (1 - unit);
  // Rounding keeps a sum of non-negative numbers non-negative.
  double least = lower >= 0 && init.lower >= 0 ? 0 : -kInfinity;
  double most = upper <= 0 && init.upper <= 0 ? 0 : kInfinity;
  // A half-bounded term leaves the error unbounded; then only the sign is
  // known.
  return outwards(std::max(init.lower + lower - error, least),
                  std::min(init.upper + upper + error, most));
}

/// Bounds of a function that is computed to a few units in the last place.
static Interval approximate(double lower, double upper) {
  double slack = std::ldexp(1.0, -21);
  return outwards(lower - std::fabs(lower) * slack,
                  upper + std::fabs(upper) * slack);
}

static Interval clampTo(Interval a, double lower, double upper) {
  return {std::clamp(a.lower, lower, upper), std::clamp(a.upper, lower, upper)};
}

static Interval magnitude(Interval a) {
  double least = a.lower <= 0 && a.upper >= 0
                     ? 0
                     : std::min(std::fabs(a.lower), std::fabs(a.upper));
  return {least, std::max(std::fabs(a.lower), std::fabs(a.upper))};
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// The hull of the numbers that are not NaN.
template <typename T> static Interval rangeOfElements(ArrayRef<T> elements) {
  Interval range{kInfinity, -kInfinity};
  for (T element : elements) {
    range.lower = double(element) < range.lower ? double(element) : range.lower;
    range.upper = double(element) > range.upper ? double(element) : range.upper;
  }
  return range.lower <= range.upper ? range : Interval();
}

Interval mpq::rangeOfConstant(Attribute attribute, bool isUnsigned) {
  if (auto number = dyn_cast_or_null<FloatAttr>(attribute)) {
    double value = number.getValueAsDouble();
    return std::isnan(value) ? Interval() : Interval::point(value);
  }
  if (auto number = dyn_cast_or_null<IntegerAttr>(attribute))
    return Interval::point(number.getValue().roundToDouble(!isUnsigned));
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(attribute))
    return rangeOfConstant(splat.getSplatValue<Attribute>(), isUnsigned);
  if (auto floats = readConstant<float>(attribute))
    return rangeOfElements<float>(*floats);
  if (auto bytes = readConstant<int8_t>(attribute)) {
    if (!isUnsigned)
      return rangeOfElements<int8_t>(*bytes);
    return rangeOfElements<uint8_t>(ArrayRef<uint8_t>(
        reinterpret_cast<const uint8_t *>(bytes->data()), bytes->size()));
  }
  if (auto integers = readConstant<int32_t>(attribute))
    if (!isUnsigned)
      return rangeOfElements<int32_t>(*integers);
  return {};
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// What an integer type can hold; unknown for wide ones, whose limits say
/// nothing useful.
static Interval rangeOfType(Type type, bool isUnsigned) {
  auto integer = dyn_cast<IntegerType>(getElementTypeOrSelf(type));
  if (!integer || integer.getWidth() > 16)
    return {};
  double count = std::ldexp(1.0, int(integer.getWidth()));
  return isUnsigned ? Interval{0, count - 1}
                    : Interval{-count / 2, count / 2 - 1};
}

static Interval rangeOfConstantOperand(Value value, bool isUnsigned) {
  Attribute attribute;
  return matchPattern(value, m_Constant(&attribute))
             ? rangeOfConstant(attribute, isUnsigned)
             : Interval();
}

static Interval evaluateDequantize(DequantizeOp op) {
  bool isUnsigned = op.getIsUnsigned();
  Interval stored = rangeOfConstantOperand(op.getInput(), isUnsigned);
  if (stored.isUnknown())
    stored = rangeOfType(op.getInput().getType(), isUnsigned);
  Interval zeroPoint = rangeOfConstantOperand(op.getZeroPoint(), isUnsigned);
  if (zeroPoint.isUnknown())
    zeroPoint = rangeOfType(op.getZeroPoint().getType(), isUnsigned);
  return multiply(subtract(stored, zeroPoint),
                  rangeOfConstantOperand(op.getScale(), false));
}

/// `select(x > c, a, b)`: where a or b is x itself it lies on its side of c.
static Interval evaluateSelect(arith::SelectOp op,
                               llvm::function_ref<Interval(Value)> rangeOf) {
  Interval whenTrue = rangeOf(op.getTrueValue());
  Interval whenFalse = rangeOf(op.getFalseValue());
  auto compare = op.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!compare)
    return hull(whenTrue, whenFalse);
  bool above =
      llvm::is_contained({arith::CmpFPredicate::OGT, arith::CmpFPredicate::OGE,
                          arith::CmpFPredicate::UGT, arith::CmpFPredicate::UGE},
                         compare.getPredicate());
  bool below =
      llvm::is_contained({arith::CmpFPredicate::OLT, arith::CmpFPredicate::OLE,
                          arith::CmpFPredicate::ULT, arith::CmpFPredicate::ULE},
                         compare.getPredicate());
  if (!above && !below)
    return hull(whenTrue, whenFalse);
  Interval bound = rangeOf(compare.getRhs());
  auto restrict = [&](Value value, Interval range, bool isAbove) {
    if (value != compare.getLhs())
      return range;
    Interval cut =
        isAbove ? Interval{std::max(range.lower, bound.lower), range.upper}
                : Interval{range.lower, std::min(range.upper, bound.upper)};
    // Nothing gets there: any interval is right, the bound the least harmful.
    return cut.lower <= cut.upper ? cut : bound;
  };
  return hull(restrict(op.getTrueValue(), whenTrue, above),
              restrict(op.getFalseValue(), whenFalse, below));
}

Interval mpq::evaluate(Operation *op,
                       llvm::function_ref<Interval(Value)> rangeOf) {
  auto operand = [&](unsigned index) { return rangeOf(op->getOperand(index)); };
  return llvm::TypeSwitch<Operation *, Interval>(op)
      .Case<arith::ConstantOp>(
          [&](auto constant) { return rangeOfConstant(constant.getValue()); })
      .Case<arith::AddFOp>([&](auto) { return add(operand(0), operand(1)); })
      .Case<arith::SubFOp>(
          [&](auto) { return subtract(operand(0), operand(1)); })
      .Case<arith::MulFOp>([&](auto mul) {
        if (mul.getLhs() != mul.getRhs())
          return multiply(operand(0), operand(1));
        Interval side = magnitude(operand(0));
        return multiply(side, side);
      })
      .Case<arith::DivFOp>([&](auto) { return divide(operand(0), operand(1)); })
      .Case<arith::NegFOp>(
          [&](auto) { return Interval{-operand(0).upper, -operand(0).lower}; })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>(
          [&](auto) { return maximum(operand(0), operand(1)); })
      .Case<arith::MinimumFOp, arith::MinNumFOp>(
          [&](auto) { return minimum(operand(0), operand(1)); })
      .Case<arith::SelectOp>(
          [&](auto select) { return evaluateSelect(select, rangeOf); })
      .Case<arith::ExtFOp>([&](auto) { return operand(0); })
      .Case<arith::ExtSIOp, arith::SIToFPOp>([&](auto) {
        Interval known = operand(0);
        return known.isUnknown()
                   ? rangeOfType(op->getOperand(0).getType(), false)
                   : outwards(known.lower, known.upper);
      })
      .Case<arith::ExtUIOp, arith::UIToFPOp>([&](auto) {
        // Known integer intervals are of the signed reading.
        return rangeOfType(op->getOperand(0).getType(), true);
      })
      .Case<math::AbsFOp>([&](auto) { return magnitude(operand(0)); })
      .Case<math::SqrtOp>([&](auto) {
        Interval in = operand(0);
        return outwards(std::sqrt(std::max(in.lower, 0.0)),
                        std::sqrt(std::max(in.upper, 0.0)));
      })
      .Case<math::RsqrtOp>([&](auto) {
        Interval in = operand(0);
        if (in.lower < 0 || in.upper <= 0)
          return Interval{0, kInfinity};
        return approximate(1 / std::sqrt(in.upper), 1 / std::sqrt(in.lower));
      })
      .Case<math::ExpOp>([&](auto) {
        Interval in = operand(0);
        Interval out = approximate(std::exp(in.lower), std::exp(in.upper));
        if (out.lower < std::ldexp(1.0, -120))
          out.lower = 0; // formulas may flush what is nearly subnormal
        return out;
      })
      .Case<math::LogOp>([&](auto) {
        Interval in = operand(0);
        return approximate(std::log(std::max(in.lower, 0.0)),
                           std::log(std::max(in.upper, 0.0)));
      })
      .Case<math::TanhOp>([&](auto) {
        Interval in = operand(0);
        return clampTo(approximate(std::tanh(in.lower), std::tanh(in.upper)),
                       -1, 1);
      })
      .Case<math::ErfOp>([&](auto) {
        Interval in = operand(0);
        return clampTo(approximate(std::erf(in.lower), std::erf(in.upper)), -1,
                       1);
      })
      .Case<math::SinOp, math::CosOp>([&](auto) { return Interval{-1, 1}; })
      .Case<math::FloorOp>([&](auto) {
        Interval in = operand(0);
        return Interval{std::floor(in.lower), std::floor(in.upper)};
      })
      .Case<math::CeilOp>([&](auto) {
        Interval in = operand(0);
        return Interval{std::ceil(in.lower), std::ceil(in.upper)};
      })
      .Case<math::RoundOp, math::RoundEvenOp>([&](auto) {
        Interval in = operand(0);
        return Interval{std::floor(in.lower), std::ceil(in.upper)};
      })
      .Case<math::FmaOp>([&](auto) {
        return add(multiply(operand(0), operand(1)), operand(2));
      })
      .Case<math::ClampFOp>([&](auto) {
        return minimum(maximum(operand(0), operand(1)), operand(2));
      })
      .Case<tensor::ExtractOp>([&](auto) { return operand(0); })
      .Case<DequantizeOp>([&](DequantizeOp dequantize) {
        return evaluateDequantize(dequantize);
      })
      .Default([](Operation *) { return Interval(); });
}
