//===- IntervalsTest.cpp - interval arithmetic is sound ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random operands in random intervals: the f32 result lies in the interval that
// is computed from the intervals.
//
//===----------------------------------------------------------------------===//

#include "mpq/Models/Intervals.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace mlir;
using namespace mpq;

namespace {
/// Numbers of many magnitudes, often the special ones.
class Numbers {
public:
  float next() {
    switch (random() % 8) {
    case 0:
      return 0.0f;
    case 1:
      return random() % 2 ? 1.0f : -1.0f;
    default:
      return std::ldexp(std::normal_distribution<float>()(random),
                        int(random() % 24) - 16);
    }
  }
  /// An interval and a point in it.
  std::pair<Interval, float> nextIn() {
    float a = next(), b = next(), c = next();
    Interval range{std::min({a, b, c}), std::max({a, b, c})};
    if (random() % 8 == 0)
      range.upper = std::numeric_limits<double>::infinity();
    if (random() % 8 == 0)
      range.lower = -std::numeric_limits<double>::infinity();
    return {range, a};
  }
  std::mt19937 random{5};
};

/// Builds operations on two numbers.
class IntervalsTest : public testing::Test {
protected:
  IntervalsTest() : builder(&context) {
    context.loadDialect<arith::ArithDialect, math::MathDialect>();
    module = ModuleOp::create(builder.getUnknownLoc());
    builder.setInsertionPointToStart(module->getBody());
    for (Value &operand : operands)
      operand =
          arith::ConstantFloatOp::create(builder, builder.getUnknownLoc(),
                                         builder.getF32Type(), APFloat(0.0f));
  }
  template <typename OpTy, typename... Args> Operation *make(Args... args) {
    return OpTy::create(builder, builder.getUnknownLoc(), args...);
  }
  /// Checks `op` against `function` on many operands.
  void check(Operation *op, llvm::function_ref<float(float, float)> function,
             int unknownAtMost) {
    Numbers numbers;
    int unknown = 0;
    constexpr int trials = 20000;
    for (int trial = 0; trial < trials; ++trial) {
      auto [first, a] = numbers.nextIn();
      auto [second, b] = numbers.nextIn();
      Interval x = first, y = second;
      Interval result = evaluate(
          op, [&](Value value) { return value == operands[0] ? x : y; });
      float value = function(a, b);
      unknown += result.isUnknown();
      if (std::isnan(value))
        continue;
      ASSERT_TRUE(result.lower <= value && value <= result.upper)
          << op->getName().getStringRef().str() << "(" << a << " in ["
          << x.lower << ", " << x.upper << "], " << b << " in [" << y.lower
          << ", " << y.upper << "]) = " << value << " not in [" << result.lower
          << ", " << result.upper << "]";
    }
    EXPECT_LE(unknown, trials * unknownAtMost / 100)
        << op->getName().getStringRef().str();
  }

  MLIRContext context;
  OpBuilder builder;
  OwningOpRef<ModuleOp> module;
  Value operands[2];
};
} // namespace

TEST_F(IntervalsTest, Arithmetic) {
  auto [a, b] = operands;
  check(make<arith::AddFOp>(a, b), [](float x, float y) { return x + y; }, 10);
  check(make<arith::SubFOp>(a, b), [](float x, float y) { return x - y; }, 10);
  check(make<arith::MulFOp>(a, b), [](float x, float y) { return x * y; }, 30);
  check(make<arith::MulFOp>(a, a), [](float x, float) { return x * x; }, 0);
  check(make<arith::DivFOp>(a, b), [](float x, float y) { return x / y; }, 90);
  check(make<arith::NegFOp>(a), [](float x, float) { return -x; }, 5);
  check(
      make<arith::MaximumFOp>(a, b),
      [](float x, float y) { return std::max(x, y); }, 5);
  check(
      make<arith::MinimumFOp>(a, b),
      [](float x, float y) { return std::min(x, y); }, 5);
}

TEST_F(IntervalsTest, Functions) {
  auto [a, b] = operands;
  check(make<math::ExpOp>(a), [](float x, float) { return std::exp(x); }, 0);
  check(
      make<math::LogOp>(a),
      [](float x, float) { return x < 0 ? NAN : std::log(x); }, 35);
  check(make<math::TanhOp>(a), [](float x, float) { return std::tanh(x); }, 0);
  check(make<math::ErfOp>(a), [](float x, float) { return std::erf(x); }, 0);
  check(make<math::SqrtOp>(a), [](float x, float) { return std::sqrt(x); }, 0);
  check(
      make<math::RsqrtOp>(a),
      [](float x, float) { return 1.0f / std::sqrt(x); }, 0);
  check(make<math::AbsFOp>(a), [](float x, float) { return std::fabs(x); }, 0);
  check(
      make<math::FloorOp>(a), [](float x, float) { return std::floor(x); }, 5);
  check(
      make<math::RoundEvenOp>(a),
      [](float x, float) { return std::nearbyint(x); }, 5);
}

TEST_F(IntervalsTest, SelectionByComparison) {
  auto [a, b] = operands;
  for (auto [predicate, above] :
       {std::pair(arith::CmpFPredicate::OGT, true),
        std::pair(arith::CmpFPredicate::OLE, false)}) {
    Value condition = make<arith::CmpFOp>(predicate, a, b)->getResult(0);
    auto chooses = [above = above](float x, float y) {
      return above ? x > y : x <= y;
    };
    check(
        make<arith::SelectOp>(condition, a, b),
        [&](float x, float y) { return chooses(x, y) ? x : y; }, 5);
    check(
        make<arith::SelectOp>(condition, b, a),
        [&](float x, float y) { return chooses(x, y) ? y : x; }, 5);
  }
}

TEST(Intervals, SumsInAnyOrder) {
  Numbers numbers;
  for (int trial = 0; trial < 300; ++trial) {
    auto [range, point] = numbers.nextIn();
    if (!range.isFinite())
      continue;
    int terms = 1 + int(numbers.random() % 1000);
    Interval bound = sum(Interval::point(0), range, terms);
    // The worst cases: all terms at a bound, where errors add up.
    for (double end : {range.lower, range.upper}) {
      float total = 0;
      for (int i = 0; i < terms; ++i)
        total += float(end);
      EXPECT_LE(bound.lower, total) << end << " times " << terms;
      EXPECT_GE(bound.upper, total) << end << " times " << terms;
    }
  }
  EXPECT_EQ(sum(Interval::point(0), {0.0, 1.0}, 100).lower, 0.0);
  EXPECT_TRUE(sum(Interval::point(3), {}, 0).isFinite());
}
