//===- AffineForm.cpp - elementwise operations that are a*x + b ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An abstract interpretation of a generic's body over the values
// {scale * x + shift, constant}; any operation outside that set ends it.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Prepare/AffineForm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mpq/Dialect/ConstantData.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace mpq;

/// More coefficients than any layer has channels: not worth folding.
static constexpr int64_t kMostCoefficients = 1 << 20;

ChannelArray ChannelArray::along(ArrayRef<int64_t> newDims,
                                 ArrayRef<int64_t> newExtents) const {
  ChannelArray result;
  result.dims.assign(newDims.begin(), newDims.end());
  result.extents.assign(newExtents.begin(), newExtents.end());
  // Stride of each new dimension in the old array (0 where it does not vary).
  SmallVector<int64_t> strides(newDims.size(), 0);
  int64_t stride = 1, size = 1;
  for (int64_t i = dims.size() - 1; i >= 0; --i) {
    strides[llvm::find(newDims, dims[i]) - newDims.begin()] = stride;
    stride *= extents[i];
  }
  for (int64_t extent : newExtents)
    size *= extent;
  result.values.resize(size);
  for (int64_t i = 0; i < size; ++i) {
    int64_t rest = i, from = 0;
    for (int64_t d = newDims.size() - 1; d >= 0; --d) {
      from += rest % newExtents[d] * strides[d];
      rest /= newExtents[d];
    }
    result.values[i] = values[from];
  }
  return result;
}

/// Brings two arrays to common dimensions and applies `fn` elementwise.
template <typename Fn>
static ChannelArray combine(const ChannelArray &a, const ChannelArray &b,
                            Fn fn) {
  SmallVector<int64_t> dims(a.dims), extents(a.extents);
  for (auto [dim, extent] : llvm::zip_equal(b.dims, b.extents))
    if (!llvm::is_contained(dims, dim)) {
      dims.push_back(dim);
      extents.push_back(extent);
    }
  ChannelArray result = a.along(dims, extents), other = b.along(dims, extents);
  for (auto [x, y] : llvm::zip_equal(result.values, other.values))
    x = fn(x, y);
  return result;
}

static ChannelArray number(double value) { return {{}, {}, {value}}; }
static auto plus = [](double x, double y) { return x + y; };
static auto times = [](double x, double y) { return x * y; };

AffineForm mpq::compose(const AffineForm &outer, const AffineForm &inner) {
  return {combine(outer.scale, inner.scale, times),
          combine(combine(outer.scale, inner.shift, times), outer.shift, plus)};
}

//===----------------------------------------------------------------------===//
// Interpretation of a body
//===----------------------------------------------------------------------===//

namespace {
struct Abstract {
  bool isConstant() const { return scale.isUniform(0.0); }
  ChannelArray scale, shift;
};

class Interpreter {
public:
  void bind(Value value, Abstract abstract) { known[value] = abstract; }

  std::optional<Abstract> get(Value value) {
    if (auto it = known.find(value); it != known.end())
      return it->second;
    FloatAttr attr;
    if (matchPattern(value, m_Constant(&attr)))
      return Abstract{number(0), number(attr.getValueAsDouble())};
    return std::nullopt;
  }

  /// Binds the operation's result; failure if it is not affine.
  LogicalResult run(Operation &op) {
    if (isa<arith::ConstantOp>(op))
      return success(); // get() reads it
    if (op.getNumResults() != 1 || !op.getResult(0).getType().isF32())
      return failure();
    std::vector<Abstract> in;
    for (Value operand : op.getOperands()) {
      auto value = get(operand);
      if (!value)
        return failure();
      in.push_back(*value);
    }
    std::optional<Abstract> result = evaluate(op, in);
    if (!result)
      return failure();
    bind(op.getResult(0), *result);
    return success();
  }

private:
  static Abstract scaled(const Abstract &x, const ChannelArray &by) {
    return {combine(x.scale, by, times), combine(x.shift, by, times)};
  }
  static Abstract sum(const Abstract &a, const Abstract &b) {
    return {combine(a.scale, b.scale, plus), combine(a.shift, b.shift, plus)};
  }
  template <typename Fn> static Abstract map(const Abstract &x, Fn fn) {
    Abstract result = x;
    for (double &v : result.shift.values)
      v = fn(v);
    return result;
  }

  static std::optional<Abstract> evaluate(Operation &op,
                                          ArrayRef<Abstract> in) {
    if (isa<arith::AddFOp>(op))
      return sum(in[0], in[1]);
    if (isa<arith::SubFOp>(op))
      return sum(in[0], scaled(in[1], number(-1)));
    if (isa<arith::NegFOp>(op))
      return scaled(in[0], number(-1));
    if (isa<arith::MulFOp>(op)) {
      if (in[1].isConstant())
        return scaled(in[0], in[1].shift);
      if (in[0].isConstant())
        return scaled(in[1], in[0].shift);
      return std::nullopt;
    }
    if (isa<arith::DivFOp>(op) && in[1].isConstant())
      return scaled(in[0], map(in[1], [](double v) { return 1 / v; }).shift);
    if (isa<math::SqrtOp>(op) && in[0].isConstant())
      return map(in[0], [](double v) { return std::sqrt(v); });
    if (isa<math::RsqrtOp>(op) && in[0].isConstant())
      return map(in[0], [](double v) { return 1 / std::sqrt(v); });
    return std::nullopt;
  }

  llvm::DenseMap<Value, Abstract> known;
};
} // namespace

/// A constant operand as numbers along the result's dimensions.
static std::optional<ChannelArray> readConstantOperand(linalg::GenericOp op,
                                                       OpOperand &operand,
                                                       AffineMap result) {
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  if (!type)
    return std::nullopt;
  auto values = readConstant<float>(operand.get());
  if (!values || values->empty() ||
      static_cast<int64_t>(values->size()) > kMostCoefficients)
    return std::nullopt;
  ChannelArray array;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  for (auto [expr, extent] :
       llvm::zip_equal(map.getResults(), type.getShape())) {
    if (extent == 1)
      continue;
    auto dim = dyn_cast<AffineDimExpr>(expr);
    auto position = dim ? result.getResultPosition(dim) : std::nullopt;
    if (!position || llvm::is_contained(array.dims, *position))
      return std::nullopt;
    array.dims.push_back(*position);
    array.extents.push_back(extent);
  }
  array.values.assign(values->begin(), values->end());
  return array;
}

std::optional<std::pair<OpOperand *, AffineForm>>
mpq::matchAffineForm(linalg::GenericOp op) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops())
    return std::nullopt;
  AffineMap result = op.getIndexingMapMatchingResult(op->getResult(0));
  OpOperand *main = nullptr;
  Interpreter interpreter;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (auto array = readConstantOperand(op, *input, result)) {
      interpreter.bind(argument, {number(0), *array});
      continue;
    }
    if (main || op.getMatchingIndexingMap(input) != result ||
        input->get().getType() != op->getResult(0).getType())
      return std::nullopt;
    main = input;
    interpreter.bind(argument, {number(1), number(0)});
  }
  if (!main || !result.isPermutation())
    return std::nullopt;
  for (Operation &inner : op.getBody()->without_terminator())
    if (failed(interpreter.run(inner)))
      return std::nullopt;
  auto yielded = interpreter.get(op.getBody()->getTerminator()->getOperand(0));
  if (!yielded || yielded->isConstant())
    return std::nullopt;
  for (const ChannelArray *array : {&yielded->scale, &yielded->shift})
    for (double value : array->values)
      if (!std::isfinite(value))
        return std::nullopt;
  return std::pair{main, AffineForm{yielded->scale, yielded->shift}};
}

//===----------------------------------------------------------------------===//
// Construction
//===----------------------------------------------------------------------===//

/// The numbers as f32 tensor constant, rounded here and nowhere else.
static Value createArray(OpBuilder &builder, Location loc,
                         const ChannelArray &array) {
  SmallVector<float> values(array.values.begin(), array.values.end());
  return createConstant(
      builder, loc, RankedTensorType::get(array.extents, builder.getF32Type()),
      values);
}

Value mpq::createAffineForm(OpBuilder &builder, Location loc, Value value,
                            const AffineForm &form) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t rank = type.getRank();
  SmallVector<Value> inputs{value};
  SmallVector<AffineMap> maps{builder.getMultiDimIdentityMap(rank)};
  // Returns the place of the coefficient among the block arguments, or none
  // for a number that goes into the body.
  auto addInput = [&](const ChannelArray &array) -> std::optional<int64_t> {
    if (array.isUniform(array.values[0]))
      return std::nullopt;
    SmallVector<AffineExpr> dims;
    for (int64_t dim : array.dims)
      dims.push_back(builder.getAffineDimExpr(dim));
    inputs.push_back(createArray(builder, loc, array));
    maps.push_back(AffineMap::get(rank, 0, dims, builder.getContext()));
    return inputs.size() - 1;
  };
  bool scales = !form.scale.isUniform(1.0), shifts = !form.shift.isUniform(0.0);
  if (!scales && !shifts)
    return value;
  auto scale = scales ? addInput(form.scale) : std::nullopt;
  auto shift = shifts ? addInput(form.shift) : std::nullopt;
  maps.push_back(builder.getMultiDimIdentityMap(rank));
  Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                       type.getElementType());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, TypeRange(type), inputs, ValueRange(init), maps,
             iterators,
             [&](OpBuilder &body, Location loc, ValueRange arguments) {
               auto coefficient = [&](std::optional<int64_t> place,
                                      const ChannelArray &array) -> Value {
                 if (place)
                   return arguments[*place];
                 return arith::ConstantOp::create(
                     body, loc, body.getF32FloatAttr(array.values[0]));
               };
               Value result = arguments[0];
               if (scales)
                 result = arith::MulFOp::create(body, loc, result,
                                                coefficient(scale, form.scale));
               if (shifts)
                 result = arith::AddFOp::create(body, loc, result,
                                                coefficient(shift, form.shift));
               linalg::YieldOp::create(body, loc, result);
             })
      .getResult(0);
}

std::optional<ChannelArray> mpq::readUniformInit(Value init) {
  FloatAttr scalar;
  if (auto fill = init.getDefiningOp<linalg::FillOp>()) {
    if (!matchPattern(fill.getInputs()[0], m_Constant(&scalar)))
      return std::nullopt;
    return number(scalar.getValueAsDouble());
  }
  auto broadcast = init.getDefiningOp<linalg::BroadcastOp>();
  Value source = broadcast ? Value(broadcast.getInput()) : init;
  auto type = dyn_cast<RankedTensorType>(source.getType());
  DenseElementsAttr splat;
  if (type && matchPattern(source, m_Constant(&splat)) && splat.isSplat() &&
      type.getElementType().isF32())
    return number(splat.getSplatValue<APFloat>().convertToDouble());
  if (!broadcast || !type)
    return std::nullopt;
  auto values = readConstant<float>(source);
  if (!values)
    return std::nullopt;
  ChannelArray array;
  int64_t next = 0;
  for (int64_t dim = 0, e = cast<RankedTensorType>(init.getType()).getRank();
       dim < e; ++dim) {
    if (llvm::is_contained(broadcast.getDimensions(), dim))
      continue;
    array.dims.push_back(dim);
    array.extents.push_back(type.getDimSize(next++));
  }
  array.values.assign(values->begin(), values->end());
  return array;
}

Value mpq::createUniformInit(OpBuilder &builder, Location loc,
                             RankedTensorType type, const ChannelArray &array) {
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                        type.getElementType());
  if (array.isUniform(array.values[0])) {
    Value scalar = arith::ConstantOp::create(
        builder, loc,
        builder.getFloatAttr(type.getElementType(), array.values[0]));
    return linalg::FillOp::create(builder, loc, scalar, empty).getResult(0);
  }
  SmallVector<int64_t> dims, extents, added;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!llvm::is_contained(array.dims, dim)) {
      added.push_back(dim);
      continue;
    }
    dims.push_back(dim);
    extents.push_back(type.getDimSize(dim));
  }
  Value source = createArray(builder, loc, array.along(dims, extents));
  return linalg::BroadcastOp::create(builder, loc, source, empty, added)
      ->getResult(0);
}
