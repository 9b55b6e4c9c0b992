//===- ScalarArithmetic.h - scalars inside elementwise bodies ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What arithmetic operators and activations share: operations on scalars that
// choose between floats and integers of either signedness, and import
// functions made from them.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_ONNX_SCALARARITHMETIC_H
#define MPQ_LIB_ONNX_SCALARARITHMETIC_H

#include "NodeImporter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mpq::onnximport {

using ScalarBuilder = mlir::ImplicitLocOpBuilder;

inline bool isFloat(mlir::Value value) {
  return mlir::isa<mlir::FloatType>(value.getType());
}

inline mlir::Value constantLike(ScalarBuilder &b, mlir::Value like,
                                double value) {
  return makeFloat(b, like.getType(), value);
}

inline mlir::Value compareFloat(ScalarBuilder &b,
                                mlir::arith::CmpFPredicate predicate,
                                mlir::Value lhs, mlir::Value rhs) {
  return mlir::arith::CmpFOp::create(b, predicate, lhs, rhs);
}

inline mlir::Value add(ScalarBuilder &b, mlir::Value x, mlir::Value y, bool) {
  return isFloat(x) ? mlir::Value(mlir::arith::AddFOp::create(b, x, y))
                    : mlir::Value(mlir::arith::AddIOp::create(b, x, y));
}
inline mlir::Value sub(ScalarBuilder &b, mlir::Value x, mlir::Value y, bool) {
  return isFloat(x) ? mlir::Value(mlir::arith::SubFOp::create(b, x, y))
                    : mlir::Value(mlir::arith::SubIOp::create(b, x, y));
}
inline mlir::Value mul(ScalarBuilder &b, mlir::Value x, mlir::Value y, bool) {
  return isFloat(x) ? mlir::Value(mlir::arith::MulFOp::create(b, x, y))
                    : mlir::Value(mlir::arith::MulIOp::create(b, x, y));
}
inline mlir::Value divide(ScalarBuilder &b, mlir::Value x, mlir::Value y,
                          bool isUnsigned) {
  if (isFloat(x))
    return mlir::arith::DivFOp::create(b, x, y);
  return isUnsigned ? mlir::Value(mlir::arith::DivUIOp::create(b, x, y))
                    : mlir::Value(mlir::arith::DivSIOp::create(b, x, y));
}
inline mlir::Value minimum(ScalarBuilder &b, mlir::Value x, mlir::Value y,
                           bool isUnsigned) {
  if (isFloat(x))
    return mlir::arith::MinimumFOp::create(b, x, y);
  return isUnsigned ? mlir::Value(mlir::arith::MinUIOp::create(b, x, y))
                    : mlir::Value(mlir::arith::MinSIOp::create(b, x, y));
}
inline mlir::Value maximum(ScalarBuilder &b, mlir::Value x, mlir::Value y,
                           bool isUnsigned) {
  if (isFloat(x))
    return mlir::arith::MaximumFOp::create(b, x, y);
  return isUnsigned ? mlir::Value(mlir::arith::MaxUIOp::create(b, x, y))
                    : mlir::Value(mlir::arith::MaxSIOp::create(b, x, y));
}

/// A function of one float element.
template <auto Body> mlir::LogicalResult unaryFloat(NodeImporter &n) {
  if (mlir::failed(n.requireFloat(0)))
    return mlir::failure();
  mlir::FailureOr<mlir::Value> result = n.elementwise(
      {&n.in(0)}, n.in(0).getElementType(),
      [](ScalarBuilder &b, mlir::ValueRange v) { return Body(b, v[0]); });
  if (mlir::failed(result))
    return mlir::failure();
  n.setResult(0, *result);
  return mlir::success();
}

/// A function of one element of any type; the body gets the signedness.
template <auto Body> mlir::LogicalResult unaryAny(NodeImporter &n) {
  bool isUnsigned = n.in(0).isUnsigned;
  mlir::FailureOr<mlir::Value> result =
      n.elementwise({&n.in(0)}, n.in(0).getElementType(),
                    [&](ScalarBuilder &b, mlir::ValueRange v) {
                      return Body(b, v[0], isUnsigned);
                    });
  if (mlir::failed(result))
    return mlir::failure();
  n.setResult(0, *result, isUnsigned);
  return mlir::success();
}

inline mlir::LogicalResult requireEqualTypes(NodeImporter &n,
                                             unsigned first = 0) {
  for (unsigned i = first; i < n.getNumInputs(); ++i)
    if (n.in(i).getElementType() != n.in(first).getElementType() ||
        n.in(i).isUnsigned != n.in(first).isUnsigned)
      return n.error() << "expected inputs of equal element type but got "
                       << n.in(first).type << " and " << n.in(i).type;
  return mlir::success();
}

/// An import function for an operation of one float operand.
template <typename Op> mlir::LogicalResult unaryFloatOp(NodeImporter &n) {
  return unaryFloat<[](ScalarBuilder &b, mlir::Value x) -> mlir::Value {
    return Op::create(b, x);
  }>(n);
}

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_SCALARARITHMETIC_H
