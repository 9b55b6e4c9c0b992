//===- Reduction.cpp - reductions over dimensions ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A reduction is one generic into a filled tensor, between elementwise steps
// before (squares) and after (reciprocal count, root). The axes are an
// attribute first and an input since opset 13 (ReduceSum) or 18 (the others).
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;
using namespace mpq::onnximport;

namespace {
enum class Reduction { Sum, Mean, Max, Min, Prod, L1, L2, SumSquare, LogSum };
} // namespace

static TypedAttr getInit(NodeImporter &n, Reduction kind, const Tensor &input) {
  Type type = input.getElementType();
  bool isMax = kind == Reduction::Max;
  if (auto floatType = dyn_cast<FloatType>(type)) {
    if (isMax || kind == Reduction::Min)
      return n.b.getFloatAttr(
          type, APFloat::getInf(floatType.getFloatSemantics(), isMax));
    return n.b.getFloatAttr(type, kind == Reduction::Prod ? 1.0 : 0.0);
  }
  unsigned width = type.getIntOrFloatBitWidth();
  if (isMax)
    return n.b.getIntegerAttr(type, input.isUnsigned || width == 1
                                        ? APInt::getMinValue(width)
                                        : APInt::getSignedMinValue(width));
  if (kind == Reduction::Min)
    return n.b.getIntegerAttr(type, input.isUnsigned || width == 1
                                        ? APInt::getMaxValue(width)
                                        : APInt::getSignedMaxValue(width));
  return n.b.getIntegerAttr(type, kind == Reduction::Prod ? 1 : 0);
}

static Value combine(ImplicitLocOpBuilder &b, Reduction kind, Value x,
                     Value total, bool isUnsigned) {
  bool isFloat = isa<FloatType>(x.getType());
  switch (kind) {
  case Reduction::Max:
    if (isFloat)
      return arith::MaximumFOp::create(b, total, x);
    return isUnsigned ? Value(arith::MaxUIOp::create(b, total, x))
                      : Value(arith::MaxSIOp::create(b, total, x));
  case Reduction::Min:
    if (isFloat)
      return arith::MinimumFOp::create(b, total, x);
    return isUnsigned ? Value(arith::MinUIOp::create(b, total, x))
                      : Value(arith::MinSIOp::create(b, total, x));
  case Reduction::Prod:
    return isFloat ? Value(arith::MulFOp::create(b, total, x))
                   : Value(arith::MulIOp::create(b, total, x));
  case Reduction::L1:
    x = isFloat ? Value(math::AbsFOp::create(b, x))
                : Value(math::AbsIOp::create(b, x));
    break;
  case Reduction::L2:
  case Reduction::SumSquare:
    x = isFloat ? Value(arith::MulFOp::create(b, x, x))
                : Value(arith::MulIOp::create(b, x, x));
    break;
  default:
    break;
  }
  return isFloat ? Value(arith::AddFOp::create(b, total, x))
                 : Value(arith::AddIOp::create(b, total, x));
}

static LogicalResult reduceAxes(NodeImporter &n, Reduction kind,
                                ArrayRef<int64_t> axes, bool keepDims) {
  Tensor &input = n.in(0);
  Type type = input.getElementType();
  bool isUnsigned = input.isUnsigned || type.isInteger(1);
  bool needsFloat = kind == Reduction::Mean || kind == Reduction::L2 ||
                    kind == Reduction::LogSum;
  if (needsFloat && failed(n.requireFloat(0)))
    return failure();
  Value result = n.reduce(n.materialize(input), axes, getInit(n, kind, input),
                          [&](ImplicitLocOpBuilder &b, ValueRange v) {
                            return combine(b, kind, v[0], v[1], isUnsigned);
                          });
  if (needsFloat) {
    int64_t count = 1;
    for (int64_t axis : axes)
      count *= input.getDim(axis);
    result = n.map(ValueRange{result}, type,
                   [&](ImplicitLocOpBuilder &b, ValueRange v) -> Value {
                     if (kind == Reduction::L2)
                       return math::SqrtOp::create(b, v[0]);
                     if (kind == Reduction::LogSum)
                       return math::LogOp::create(b, v[0]);
                     return arith::MulFOp::create(
                         b, v[0], makeFloat(b, type, 1.0 / count));
                   });
  }
  if (keepDims) {
    SmallVector<int64_t> shape(input.getShape());
    for (int64_t axis : axes)
      shape[axis] = 1;
    result = n.reshape(result, shape);
  }
  n.setResult(0, result, input.isUnsigned);
  return success();
}

/// The axes of a reduction, sorted; empty if nothing is to be reduced.
static FailureOr<SmallVector<int64_t>> getAxes(NodeImporter &n) {
  auto given = n.getIntsOrInput("axes", 1);
  if (failed(given))
    return failure();
  int64_t rank = n.in(0).getRank();
  if (*given && !(*given)->empty())
    return n.normalizeAxes(**given, rank);
  if (n.getInt("noop_with_empty_axes", 0) != 0)
    return SmallVector<int64_t>();
  return llvm::to_vector(llvm::seq<int64_t>(0, rank));
}

template <Reduction Kind> static LogicalResult importReduce(NodeImporter &n) {
  FailureOr<SmallVector<int64_t>> axes = getAxes(n);
  if (failed(axes))
    return failure();
  if (axes->empty() && n.in(0).getRank() != 0) {
    if (Kind != Reduction::Sum && Kind != Reduction::Mean &&
        Kind != Reduction::Max && Kind != Reduction::Min &&
        Kind != Reduction::Prod)
      return n.error() << "noop_with_empty_axes is not supported for "
                       << n.node.opType;
    n.setResult(0, n.in(0));
    return success();
  }
  return reduceAxes(n, Kind, *axes, n.getInt("keepdims", 1) != 0);
}

/// Exporters multiply and add extents: reductions of integers known now.
template <Reduction Kind>
static std::optional<ConstantTensor> evaluateReduce(NodeImporter &n) {
  const ConstantTensor &input = *n.in(0).constant;
  if (!input.isInteger() || input.getRank() != 1 || input.getNumElements() == 0)
    return std::nullopt;
  FailureOr<SmallVector<int64_t>> axes = getAxes(n);
  n.hadError = n.hadError || failed(axes);
  if (n.hadError || axes->empty())
    return std::nullopt;
  SmallVector<int64_t> values = input.getInts();
  int64_t total = values.front();
  for (int64_t value : ArrayRef<int64_t>(values).drop_front()) {
    if (Kind == Reduction::Max)
      total = std::max(total, value);
    else if (Kind == Reduction::Min)
      total = std::min(total, value);
    else if (Kind == Reduction::Sum)
      total = static_cast<int64_t>(uint64_t(total) + uint64_t(value));
    else
      total = static_cast<int64_t>(uint64_t(total) * uint64_t(value));
  }
  SmallVector<int64_t> shape;
  if (n.getInt("keepdims", 1) != 0)
    shape.push_back(1);
  std::string bytes;
  ConstantTensor::append(bytes, input.getElementType(), total);
  return ConstantTensor(input.getElementType(), input.isUnsigned(), shape,
                        std::move(bytes));
}

/// Global pools reduce everything after batch and channel.
template <Reduction Kind> static LogicalResult importGlobal(NodeImporter &n) {
  if (failed(n.requireRank(0, 3, 8)))
    return failure();
  return reduceAxes(n, Kind,
                    llvm::to_vector(llvm::seq<int64_t>(2, n.in(0).getRank())),
                    /*keepDims=*/true);
}

/// ArgMax and ArgMin carry the best value and its index; ties go to the first
/// index or, if asked for, to the last.
template <bool IsMax> static LogicalResult importArg(NodeImporter &n) {
  Tensor &input = n.in(0);
  FailureOr<int64_t> axis =
      n.normalizeAxis(n.getInt("axis", 0), input.getRank());
  if (failed(axis))
    return failure();
  bool last = n.getInt("select_last_index", 0) != 0;
  Type type = input.getElementType(), indexType = n.b.getI64Type();
  SmallVector<int64_t> kept = removeDims(input.getShape(), {*axis});
  Value best =
      n.fill(kept, getInit(n, IsMax ? Reduction::Max : Reduction::Min, input));
  Value at = n.fill(kept, n.b.getIntegerAttr(indexType, 0));
  int64_t rank = input.getRank();
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators[*axis] = utils::IteratorType::reduction;
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < rank; ++d)
    if (d != *axis)
      exprs.push_back(n.b.getAffineDimExpr(d));
  AffineMap out = AffineMap::get(rank, 0, exprs, n.b.getContext());
  SmallVector<AffineMap> maps = {n.b.getMultiDimIdentityMap(rank), out, out};
  auto generic = linalg::GenericOp::create(
      n.b, TypeRange{best.getType(), at.getType()},
      ValueRange{n.materialize(input)}, ValueRange{best, at}, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange v) {
        ImplicitLocOpBuilder b(loc, nested);
        Value index = arith::IndexCastOp::create(
            b, indexType, linalg::IndexOp::create(b, *axis).getResult());
        Value better;
        if (isa<FloatType>(type)) {
          auto predicate = IsMax ? (last ? arith::CmpFPredicate::OGE
                                         : arith::CmpFPredicate::OGT)
                                 : (last ? arith::CmpFPredicate::OLE
                                         : arith::CmpFPredicate::OLT);
          better = arith::CmpFOp::create(b, predicate, v[0], v[1]);
        } else {
          using P = arith::CmpIPredicate;
          P predicate = input.isUnsigned ? (IsMax ? (last ? P::uge : P::ugt)
                                                  : (last ? P::ule : P::ult))
                                         : (IsMax ? (last ? P::sge : P::sgt)
                                                  : (last ? P::sle : P::slt));
          better = arith::CmpIOp::create(b, predicate, v[0], v[1]);
        }
        Value value = arith::SelectOp::create(b, better, v[0], v[1]);
        Value where = arith::SelectOp::create(b, better, index, v[2]);
        linalg::YieldOp::create(b, ValueRange{value, where});
      });
  Value result = generic.getResult(1);
  if (n.getInt("keepdims", 1) != 0) {
    SmallVector<int64_t> shape(input.getShape());
    shape[*axis] = 1;
    result = n.reshape(result, shape);
  }
  n.setResult(0, result);
  return success();
}

void mpq::onnximport::registerReductionOperators(OperatorRegistry &r) {
  r.add("ReduceSum", 1,
        {importReduce<Reduction::Sum>, 1, evaluateReduce<Reduction::Sum>});
  r.add("ReduceMean", 1, {importReduce<Reduction::Mean>, 1});
  r.add("ReduceMax", 1,
        {importReduce<Reduction::Max>, 1, evaluateReduce<Reduction::Max>});
  r.add("ReduceMin", 1,
        {importReduce<Reduction::Min>, 1, evaluateReduce<Reduction::Min>});
  r.add("ReduceProd", 1,
        {importReduce<Reduction::Prod>, 1, evaluateReduce<Reduction::Prod>});
  r.add("ReduceL1", 1, {importReduce<Reduction::L1>, 1});
  r.add("ReduceL2", 1, {importReduce<Reduction::L2>, 1});
  r.add("ReduceSumSquare", 1, {importReduce<Reduction::SumSquare>, 1});
  r.add("ReduceLogSum", 1, {importReduce<Reduction::LogSum>, 1});
  r.add("GlobalAveragePool", 1, {importGlobal<Reduction::Mean>, 1});
  r.add("GlobalMaxPool", 1, {importGlobal<Reduction::Max>, 1});
  r.add("ArgMax", 1, {importArg<true>, 1});
  r.add("ArgMin", 1, {importArg<false>, 1});
}
