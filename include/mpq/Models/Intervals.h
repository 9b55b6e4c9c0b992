//===- Intervals.h - interval arithmetic over scalar operations ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_MODELS_INTERVALS_H
#define MPQ_MODELS_INTERVALS_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Operation.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <limits>

namespace mpq {

/// A closed interval [lower, upper] of real numbers, half or wholly unbounded
/// where a bound is infinite. It speaks of the values that are not NaN.
struct Interval {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();

  static Interval point(double value) { return {value, value}; }
  bool isUnknown() const;
  bool isFinite() const;
};

/// Every function bounds the f32 result of f32 operands: bounds are rounded
/// outwards to f32, which covers correctly rounded operations because rounding
/// is monotonic.
Interval hull(Interval a, Interval b);
Interval add(Interval a, Interval b);
Interval subtract(Interval a, Interval b);
Interval multiply(Interval a, Interval b);
Interval divide(Interval a, Interval b);
Interval maximum(Interval a, Interval b);
Interval minimum(Interval a, Interval b);
/// init + the sum of `terms` values of `term`, in any order of additions.
Interval sum(Interval init, Interval term, int64_t terms);

/// The values in a constant attribute: a number, `dense` or `dense_resource`.
/// Integers are signed unless `isUnsigned`.
Interval rangeOfConstant(mlir::Attribute attribute, bool isUnsigned = false);

/// The interval of the single result of an arith, math or mpq operation on
/// numbers (or elementwise on tensors); unknown for other operations.
Interval evaluate(mlir::Operation *op,
                  llvm::function_ref<Interval(mlir::Value)> rangeOf);

} // namespace mpq

#endif // MPQ_MODELS_INTERVALS_H
