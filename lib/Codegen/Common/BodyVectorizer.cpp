//===- BodyVectorizer.cpp - scalar bodies on vectors ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BodyVectorizer.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpq;

Value mpq::emitAffineExpr(OpBuilder &builder, Location loc, AffineExpr expr,
                          ArrayRef<Value> indices) {
  SmallVector<OpFoldResult> operands(indices.begin(), indices.end());
  AffineMap map =
      AffineMap::get(indices.size(), 0, {expr}, builder.getContext());
  OpFoldResult result =
      affine::makeComposedFoldedAffineApply(builder, loc, map, operands);
  if (auto value = dyn_cast<Value>(result))
    return value;
  return arith::ConstantIndexOp::create(
      builder, loc, cast<IntegerAttr>(cast<Attribute>(result)).getInt());
}

Value mpq::writeLanes(OpBuilder &builder, Location loc, Value vector,
                      Value destination, ArrayRef<Value> position,
                      int64_t valid) {
  int64_t width = cast<VectorType>(vector.getType()).getDimSize(0);
  if (valid == 1) {
    // LLVM 22 stores four bytes for a masked store of one byte lane, which
    // would overwrite a neighbour that another thread writes.
    Value element = vector::ExtractOp::create(builder, loc, vector, 0);
    return tensor::InsertOp::create(builder, loc, element, destination,
                                    position);
  }
  return vector::TransferWriteOp::create(builder, loc, vector, destination,
                                         position,
                                         ArrayRef<bool>{valid >= width})
      .getResult();
}

static Value zeroOf(OpBuilder &builder, Location loc, Type type) {
  return arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
}

Value BodyVectorizer::toVector(Value value) {
  if (isa<VectorType>(value.getType()))
    return value;
  auto type = VectorType::get({lanes}, value.getType());
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    return arith::ConstantOp::create(
        builder, value.getLoc(),
        DenseElementsAttr::get(type, constant.getValue()));
  return vector::BroadcastOp::create(builder, op.getLoc(), type, value);
}

/// A vector of consecutive elements from `positions`, whose innermost extent
/// (`extent` left of it) may end before the last lane.
Value BodyVectorizer::readLanes(Value source, ArrayRef<Value> positions) {
  auto type = cast<RankedTensorType>(source.getType());
  Location loc = op.getLoc();
  // Trailing unit dimensions do not separate consecutive elements.
  unsigned laneDim = type.getRank() - 1;
  auto vectorType = VectorType::get({lanes}, type.getElementType());
  AffineMap minor =
      AffineMap::get(type.getRank(), 0, {builder.getAffineDimExpr(laneDim)},
                     builder.getContext());
  std::optional<int64_t> start = getConstantIntValue(positions[laneDim]);
  bool inBounds = start && *start + lanes <= type.getDimSize(laneDim);
  if (!start) {
    // Loops over whole vectors only: the caller peels the tail.
    inBounds = true;
  }
  return vector::TransferReadOp::create(
      builder, loc, vectorType, source, positions,
      std::optional<Value>(zeroOf(builder, loc, type.getElementType())), minor,
      ArrayRef<bool>{inBounds});
}

Value BodyVectorizer::readOperand(OpOperand *operand, Value source) {
  Location loc = op.getLoc();
  if (!source)
    source = operand->get();
  auto type = dyn_cast<RankedTensorType>(source.getType());
  if (!type)
    return source; // a scalar operand
  AffineMap map = op.getMatchingIndexingMap(operand);
  AffineExpr lane = getAffineDimExpr(laneLoop, op.getContext());
  SmallVector<Value> positions;
  int laneResults = 0;
  bool consecutive = true;
  for (auto [d, expr] : llvm::enumerate(map.getResults())) {
    positions.push_back(emitAffineExpr(builder, loc, expr, indices));
    if (!expr.isFunctionOfDim(laneLoop))
      continue;
    ++laneResults;
    // The lane moves by one element of the innermost dimension.
    bool unitStep = expr == lane;
    if (auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
        sum && sum.getKind() == AffineExprKind::Add)
      unitStep =
          (sum.getLHS() == lane && !sum.getRHS().isFunctionOfDim(laneLoop)) ||
          (sum.getRHS() == lane && !sum.getLHS().isFunctionOfDim(laneLoop));
    consecutive &= unitStep && d + 1 == map.getNumResults();
  }
  if (laneResults == 0)
    return tensor::ExtractOp::create(builder, loc, source, positions);
  if (laneResults == 1 && consecutive)
    return readLanes(source, positions);
  return gatherLanes(source, [&](int64_t l) {
    SmallVector<Value> at(indices);
    at[laneLoop] =
        arith::AddIOp::create(builder, loc, at[laneLoop],
                              arith::ConstantIndexOp::create(builder, loc, l));
    return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
      return emitAffineExpr(builder, loc, expr, at);
    });
  });
}

Value BodyVectorizer::gatherLanes(
    Value source,
    llvm::function_ref<SmallVector<Value>(int64_t lane)> getPosition) {
  Location loc = op.getLoc();
  Type element = cast<RankedTensorType>(source.getType()).getElementType();
  int64_t extent = op.getStaticLoopRanges()[laneLoop];
  std::optional<int64_t> first = getConstantIntValue(indices[laneLoop]);
  SmallVector<Value> elements;
  for (int64_t l = 0; l < lanes; ++l) {
    bool outside = first && *first + l >= extent;
    elements.push_back(outside ? zeroOf(builder, loc, element)
                               : tensor::ExtractOp::create(builder, loc, source,
                                                           getPosition(l))
                                     .getResult());
  }
  return vector::FromElementsOp::create(
      builder, loc, VectorType::get({lanes}, element), elements);
}

bool BodyVectorizer::isLaneIndex(Value value) const {
  auto index = value.getDefiningOp<linalg::IndexOp>();
  return index && index.getDim() == laneLoop;
}

FailureOr<Value> BodyVectorizer::cloneExtract(tensor::ExtractOp extract) {
  Location loc = extract.getLoc();
  SmallVector<Value> positions;
  bool uniform = true, consecutive = true;
  for (auto [d, index] : llvm::enumerate(extract.getIndices())) {
    bool last = d + 1 == extract.getIndices().size();
    if (last && isLaneIndex(index)) {
      positions.push_back(indices[laneLoop]);
      uniform = false;
      continue;
    }
    Value mapped = mapping.lookupOrDefault(index);
    if (isa<VectorType>(mapped.getType()))
      uniform = consecutive = false;
    positions.push_back(mapped);
  }
  if (uniform)
    return tensor::ExtractOp::create(builder, loc, extract.getTensor(),
                                     positions)
        .getResult();
  if (consecutive)
    return readLanes(extract.getTensor(), positions);
  return gatherLanes(extract.getTensor(), [&](int64_t l) {
    SmallVector<Value> place;
    for (auto [index, position] : llvm::zip(extract.getIndices(), positions)) {
      if (isLaneIndex(index) && !isa<VectorType>(position.getType()))
        place.push_back(arith::AddIOp::create(
            builder, loc, position,
            arith::ConstantIndexOp::create(builder, loc, l)));
      else if (isa<VectorType>(position.getType()))
        place.push_back(vector::ExtractOp::create(builder, loc, position, l));
      else
        place.push_back(position);
    }
    return place;
  });
}

FailureOr<Value> BodyVectorizer::run() {
  Location loc = op.getLoc();
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      Value value = indices[index.getDim()];
      if (index.getDim() == laneLoop) {
        auto type = VectorType::get({lanes}, builder.getIndexType());
        Value steps = vector::StepOp::create(builder, loc, type);
        value = arith::AddIOp::create(
            builder, loc,
            vector::BroadcastOp::create(builder, loc, type, value), steps);
      }
      mapping.map(index.getResult(), value);
      continue;
    }
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      FailureOr<Value> value = cloneExtract(extract);
      if (failed(value))
        return failure();
      mapping.map(extract.getResult(), *value);
      continue;
    }
    if (inner.hasTrait<OpTrait::ConstantLike>()) {
      builder.clone(inner, mapping);
      continue;
    }
    bool uniform = llvm::all_of(inner.getOperands(), [&](Value operand) {
      return !isa<VectorType>(mapping.lookupOrDefault(operand).getType());
    });
    if (uniform) {
      builder.clone(inner, mapping);
      continue;
    }
    if (!OpTrait::hasElementwiseMappableTraits(&inner)) {
      inner.emitError("operation '")
          << inner.getName()
          << "' has no vector form: expected an elementwise operation here";
      return failure();
    }
    SmallVector<Value> operands;
    for (Value operand : inner.getOperands())
      operands.push_back(toVector(mapping.lookupOrDefault(operand)));
    SmallVector<Type> types;
    for (Type type : inner.getResultTypes())
      types.push_back(VectorType::get({lanes}, type));
    OperationState state(inner.getLoc(), inner.getName(), operands, types,
                         inner.getAttrs());
    mapping.map(inner.getResults(), builder.create(state)->getResults());
  }
  Value yielded = op.getBlock()->getTerminator()->getOperand(0);
  return toVector(mapping.lookupOrDefault(yielded));
}
