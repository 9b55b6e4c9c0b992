//===- Cast.cpp - conversions between element types ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As ONNX has them: to integers by truncation, to bool by comparison with zero.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"
#include "ScalarArithmetic.h"

#include <cmath>

using namespace mlir;
using namespace mpq::onnximport;

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

static Value castElement(ScalarBuilder &b, Value x, bool fromUnsigned, Type to,
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
      same.constant =
          ConstantTensor(to, toUnsigned, input.getShape(),
                         std::string(input.constant->getBytes().data(),
                                     input.constant->getBytes().size()));
    n.setResult(0, same);
    return success();
  }
  FailureOr<Value> result =
      n.elementwise({&input}, to, [&](ScalarBuilder &b, ValueRange v) {
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

void mpq::onnximport::registerCastOperators(OperatorRegistry &r) {
  r.add("Cast", 6, {importCast, 1, evaluateCast});
  r.add("CastLike", 15, {importCastLike, 2});
}
