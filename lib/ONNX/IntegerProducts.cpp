//===- IntegerProducts.cpp - DynamicQuantizeLinear and MatMulInteger ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The graphs of dynamic quantization compute with integers in the open. The
// product gets the form that the phase `lower` gives its own (unsigned by
// signed bytes, zero points outside of the sum), so that it becomes the same
// kernel:
//
//   sum (a - za) (b - zb) = sum a w - za sum (b - zb) - r sum a,  w = b - zb +
//   r
//
// with r = 0 where b - zb is a signed byte.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include "mpq/Dialect/MPQDialect.h"

using namespace mlir;
using namespace mpq::onnximport;

/// One scale and zero point for the whole tensor, of its range
/// (docs/Numerics.md, N-Y2: the scale may be one ulp beside ONNX's, which
/// divides by 255).
static LogicalResult importDynamicQuantizeLinear(NodeImporter &n) {
  Tensor &input = n.in(0);
  if (!input.getElementType().isF32())
    return n.error() << "expected f32 values but got " << input.type;
  if (input.getRank() == 0)
    return n.error() << "expected at least one dimension but got "
                     << input.type;
  auto map = AffineMapAttr::get(
      AffineMap::get(input.getRank(), 0, {}, n.b.getContext()));
  Type byte = n.b.getI8Type();
  auto params = mpq::ChooseParamsOp::create(
      n.b, RankedTensorType::get({}, n.b.getF32Type()),
      RankedTensorType::get({}, byte), n.value(0), map.getValue(),
      /*is_unsigned=*/true);
  auto quantize = mpq::QuantizeOp::create(
      n.b, RankedTensorType::get(input.getShape(), byte), n.value(0),
      params.getScale(), params.getZeroPoint(), map, /*is_unsigned=*/true,
      mpq::Rounding::HalfEven, mpq::Scaling::Divide,
      mpq::ZeroPointOrder::AfterRounding, /*clamp_range=*/DenseI64ArrayAttr());
  n.setResult(0, quantize.getResult(), /*isUnsigned=*/true);
  if (n.hasResult(1))
    n.setResult(1, params.getScale());
  if (n.hasResult(2))
    n.setResult(2, params.getZeroPoint(), /*isUnsigned=*/true);
  return success();
}

namespace {
/// What is constant of a product: weights w, the sums of b - zb, and r.
struct Weights {
  int64_t depth, columns;
  std::string bytes, sums, rest;
  bool hasRest = false;
};
} // namespace

/// The zero point in input `i` for the matrix in input `of`: of its type, with
/// `count` elements or one.
static LogicalResult checkZeroPoint(NodeImporter &n, unsigned i, unsigned of,
                                    int64_t count) {
  Tensor &zero = n.in(i), &matrix = n.in(of);
  if (zero.getElementType() == matrix.getElementType() &&
      zero.isUnsigned == matrix.isUnsigned &&
      (zero.type.getNumElements() == 1 || zero.type.getNumElements() == count))
    return success();
  return n.error() << "expected zero points of the type of " << matrix.type
                   << ", one" << (count > 1 ? " or one for each column" : "")
                   << ", but got " << zero.type;
}

static FailureOr<Weights> readWeights(NodeImporter &n) {
  if (failed(n.requireConstant(1)))
    return failure();
  Tensor &b = n.in(1);
  if (b.getRank() != 2)
    return n.error() << "expected one matrix as B but got " << b.type;
  Weights w{b.getDim(0), b.getDim(1), {}, {}, {}};
  const ConstantTensor *zero = nullptr;
  if (n.hasInput(3)) {
    if (failed(n.requireConstant(3)) ||
        failed(checkZeroPoint(n, 3, 1, w.columns)))
      return failure();
    zero = &*n.in(3).constant;
  }
  auto zeroPoint = [&](int64_t column) {
    return !zero ? 0 : zero->getInt(zero->getNumElements() == 1 ? 0 : column);
  };
  for (int64_t i = 0; i < w.depth * w.columns; ++i) {
    int64_t value = b.constant->getInt(i) - zeroPoint(i % w.columns);
    w.hasRest |= value < -128 || value > 127;
  }
  int64_t half = b.isUnsigned ? 128 : 0;
  SmallVector<int64_t> sums(w.columns, 0);
  for (int64_t i = 0; i < w.depth * w.columns; ++i) {
    int64_t column = i % w.columns, value = b.constant->getInt(i);
    sums[column] += value - zeroPoint(column);
    ConstantTensor::append(w.bytes, n.b.getI8Type(),
                           value - (w.hasRest ? half : zeroPoint(column)));
  }
  for (int64_t column = 0; column < w.columns; ++column) {
    ConstantTensor::append(w.sums, n.b.getI32Type(), sums[column]);
    ConstantTensor::append(w.rest, n.b.getI32Type(), zeroPoint(column) - half);
  }
  return w;
}

/// `bytes` as unsigned ones: signed ones are 128 less.
static Value flipSigned(NodeImporter &n, Value bytes, bool isUnsigned) {
  if (isUnsigned)
    return bytes;
  Type byte = n.b.getI8Type();
  return n.map(bytes, byte, [&](ImplicitLocOpBuilder &b, ValueRange v) {
    return arith::XOrIOp::create(b, v[0], makeInt(b, byte, -128)).getResult();
  });
}

static LogicalResult importMatMulInteger(NodeImporter &n) {
  Type byte = n.b.getI8Type(), i32 = n.b.getI32Type();
  for (unsigned i : {0u, 1u})
    if (n.in(i).getElementType() != byte)
      return n.error() << "expected matrices of 8 bits but got "
                       << n.in(i).type;
  if (failed(n.requireRank(0, 2, 16)))
    return failure();
  FailureOr<Weights> weights = readWeights(n);
  if (failed(weights) || (n.hasInput(2) && failed(checkZeroPoint(n, 2, 0, 1))))
    return failure();
  Tensor &a = n.in(0);
  if (a.getShape().back() != weights->depth)
    return n.error() << "cannot multiply " << a.type << " by " << n.in(1).type;

  int64_t rows = product(a.getShape().drop_back());
  Tensor flat = n.reshape(a, {rows, weights->depth});
  Value left = flipSigned(n, n.materialize(flat), a.isUnsigned);
  Tensor right = n.makeConstant(
      ConstantTensor(byte, false, {weights->depth, weights->columns},
                     std::move(weights->bytes)),
      "weights");
  AffineExpr d0 = n.b.getAffineDimExpr(0), d1 = n.b.getAffineDimExpr(1),
             d2 = n.b.getAffineDimExpr(2);
  auto parallel = utils::IteratorType::parallel,
       reduction = utils::IteratorType::reduction;
  MLIRContext *context = n.b.getContext();
  Value init = n.fill({rows, weights->columns}, n.zero(i32));
  Value acc =
      linalg::GenericOp::create(
          n.b, TypeRange{init.getType()},
          ValueRange{left, n.materialize(right)}, ValueRange{init},
          AffineMap::inferFromExprList(
              ArrayRef<SmallVector<AffineExpr, 4>>{
                  {d0, d2}, {d2, d1}, {d0, d1}},
              context),
          ArrayRef<utils::IteratorType>{parallel, parallel, reduction},
          [&](OpBuilder &b, Location l, ValueRange v) {
            Value x = arith::ExtUIOp::create(b, l, i32, v[0]);
            Value y = arith::ExtSIOp::create(b, l, i32, v[1]);
            Value term = arith::MulIOp::create(b, l, x, y);
            linalg::YieldOp::create(
                b, l, arith::AddIOp::create(b, l, v[2], term).getResult());
          })
          .getResult(0);

  // What is subtracted.
  auto asTensor = [&](Value value) {
    return Tensor{cast<RankedTensorType>(value.getType()), false, value,
                  std::nullopt, n.node.outputs[0]};
  };
  Tensor sum = asTensor(acc);
  SmallVector<Tensor *> inputs{&sum};
  std::optional<Tensor> zeroPoint, columnSums, rest, rowSums;
  auto addInput = [&](std::optional<Tensor> &place, Tensor tensor) {
    place = std::move(tensor);
    inputs.push_back(&*place);
    return inputs.size() - 1;
  };
  auto perColumn = [&](std::string &numbers, StringRef role) {
    return n.makeConstant(
        ConstantTensor(i32, false, {weights->columns}, std::move(numbers)),
        role);
  };
  std::optional<size_t> zeroAt, columnsAt, restAt, rowsAt;
  if (n.hasInput(2))
    zeroAt = addInput(zeroPoint, n.reshape(n.in(2), {}));
  if (zeroAt || !a.isUnsigned)
    columnsAt = addInput(columnSums, perColumn(weights->sums, "sums"));
  if (weights->hasRest) {
    restAt = addInput(rest, perColumn(weights->rest, "rest"));
    Value wide = n.map(left, i32, [&](ImplicitLocOpBuilder &b, ValueRange v) {
      return arith::ExtUIOp::create(b, i32, v[0]).getResult();
    });
    Value sums = n.reduce(
        wide, {1}, n.zero(i32), [](ImplicitLocOpBuilder &b, ValueRange v) {
          return arith::AddIOp::create(b, v[1], v[0]).getResult();
        });
    rowsAt = addInput(rowSums, asTensor(n.reshape(sums, {rows, 1})));
  }
  FailureOr<Value> result = acc;
  if (inputs.size() > 1)
    result = n.elementwise(
        inputs, i32, [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
          Value value = v[0];
          auto subtract = [&](Value x, Value y) {
            Value term = arith::MulIOp::create(b, x, y);
            value = arith::SubIOp::create(b, value, term);
          };
          if (columnsAt) {
            Value zero = makeInt(b, i32, a.isUnsigned ? 0 : 128);
            if (zeroAt && a.isUnsigned)
              zero = arith::ExtUIOp::create(b, i32, v[*zeroAt]);
            else if (zeroAt)
              zero = arith::AddIOp::create(
                  b, arith::ExtSIOp::create(b, i32, v[*zeroAt]), zero);
            subtract(zero, v[*columnsAt]);
          }
          if (restAt)
            subtract(v[*restAt], v[*rowsAt]);
          return value;
        });
  if (failed(result))
    return failure();
  SmallVector<int64_t> shape(a.getShape().drop_back());
  shape.push_back(weights->columns);
  n.setResult(0, n.reshape(*result, shape));
  return success();
}

void mpq::onnximport::registerIntegerProductOperators(OperatorRegistry &r) {
  r.add("DynamicQuantizeLinear", 11, {importDynamicQuantizeLinear, 1});
  r.add("MatMulInteger", 10, {importMatMulInteger, 2});
}
