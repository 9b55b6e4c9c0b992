//===- VectorizeReductions.cpp - sums and maxima as vectors ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Beside the lanes, several vectors at once, each in ascending order from the
// init (N-S2); along the lanes, partial results and a tree (N-S1).
//
//===----------------------------------------------------------------------===//

#include "GenericEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mpq;

/// Vectors that are reduced side by side, and operations of a body for that.
static constexpr int64_t kVectorsAtOnce = 8;
static constexpr int64_t kMostReducedAtOnce = 4;

int64_t GenericEmitter::getVectorsAtOnce(unsigned lane) {
  int64_t vectors = llvm::divideCeilSigned(extents[lane], lanes);
  int64_t steps = llvm::divideCeilSigned(vectors, kVectorsAtOnce);
  return llvm::hasNItemsOrLess(op.getBlock()->without_terminator(),
                               kMostReducedAtOnce)
             ? llvm::divideCeilSigned(vectors, steps)
             : 1;
}

FailureOr<Value> GenericEmitter::emitSums(unsigned lane, unsigned laneDim,
                                          ArrayRef<unsigned> reduced,
                                          Value destination, int64_t valid) {
  Value first = indices[lane];
  // At constant positions reads know which lanes are inside.
  auto moveTo = [&](int64_t vector) {
    std::optional<int64_t> known = getConstantIntValue(first);
    indices[lane] =
        known ? constant(*known + vector * lanes)
              : arith::AddIOp::create(b, loc, first, constant(vector * lanes))
                    .getResult();
  };
  Values starts;
  for (int64_t v = 0; v * lanes < valid; ++v) {
    moveTo(v);
    BodyVectorizer reader(b, op, lanes, lane, indices);
    // In place: what a lane starts from is read before it is written.
    Value current = isWritable(op.getDpsInits()[0]) ? destination : Value();
    Value start = getFill();
    starts.push_back(reader.toVector(
        start ? start : reader.readOperand(op.getDpsInitOperand(0), current)));
  }
  auto step = [&](ValueRange sums) -> FailureOr<Values> {
    Values next;
    for (auto [v, sum] : llvm::enumerate(sums)) {
      moveTo(v);
      FailureOr<Value> value = vectorBody(lane, lanes, sum);
      if (failed(value))
        return failure();
      next.push_back(*value);
    }
    return next;
  };
  FailureOr<Values> sums = loops(reduced, starts, step);
  if (failed(sums))
    return failure();
  for (auto [v, sum] : llvm::enumerate(*sums)) {
    moveTo(v);
    FailureOr<Value> written = write(
        sum, destination, laneDim, std::min<int64_t>(lanes, valid - v * lanes));
    if (failed(written))
      return failure();
    destination = *written;
  }
  indices[lane] = first;
  return destination;
}

FailureOr<Value> GenericEmitter::emitRowReduction(unsigned lane) {
  Operation *combiner = order.combiners.front();
  BlockArgument out = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  bool outFirst = combiner->getOperand(0) == out;
  TypedAttr neutral = isa<FloatType>(out.getType())
                          ? TypedAttr(b.getFloatAttr(
                                out.getType(), getCombinerIdentity(combiner)))
                          : *arith::getNeutralElement(combiner);
  auto type = VectorType::get({rowPartials}, out.getType());
  // Magnitudes are ordered like their bits, which NaN is above: one instruction
  // instead of those that look for it.
  bool magnitudes =
      isa<arith::MaximumFOp>(combiner) &&
      combiner->getOperand(outFirst ? 1 : 0).getDefiningOp<math::AbsFOp>();
  auto maximumOfBits = [&](Value x, Value y) -> Value {
    Type type = b.getI32Type();
    if (auto vector = dyn_cast<VectorType>(x.getType()))
      type = vector.clone(type);
    Value bits = arith::MaxSIOp::create(
        b, loc, arith::BitcastOp::create(b, loc, type, x),
        arith::BitcastOp::create(b, loc, type, y));
    return arith::BitcastOp::create(b, loc, x.getType(), bits);
  };
  // Every combination keeps the body's operand order.
  auto combine = [&](Value older, Value newer) -> Value {
    Value operands[] = {outFirst ? older : newer, outFirst ? newer : older};
    OperationState state(loc, combiner->getName(), operands, {older.getType()},
                         combiner->getAttrs());
    return b.create(state)->getResult(0);
  };
  SmallVector<unsigned> outer, reduced;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (d != lane)
      (op.getIteratorTypesArray()[d] == utils::IteratorType::parallel ? outer
                                                                      : reduced)
          .push_back(d);
  Value destination = getDestination(/*readsInit=*/true);

  return loops(outer, destination, [&](Value destination) -> FailureOr<Value> {
    Value partials = arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(type, Attribute(neutral)));
    FailureOr<Value> sums = loops(reduced, partials, [&](Value partials) {
      return laneLoop(
          lane, rowPartials, partials,
          [&](Value partials, int64_t valid) -> FailureOr<Value> {
            FailureOr<Value> next = vectorBody(lane, rowPartials, partials);
            if (magnitudes && succeeded(next)) {
              auto maximum = next->getDefiningOp<arith::MaximumFOp>();
              next = maximumOfBits(maximum.getLhs(), maximum.getRhs());
              b.eraseOp(maximum);
            }
            if (failed(next) || valid == rowPartials)
              return next;
            // Elements beyond the row leave their partial result alone.
            SmallVector<bool> inside(rowPartials, false);
            std::fill_n(inside.begin(), valid, true);
            auto maskType = VectorType::get({rowPartials}, b.getI1Type());
            Value mask = arith::ConstantOp::create(
                b, loc, DenseElementsAttr::get(maskType, inside));
            return arith::SelectOp::create(b, loc, mask, *next, partials)
                .getResult();
          });
    });
    if (failed(sums))
      return failure();
    Value tree = *sums;
    for (int64_t half = rowPartials / 2; half >= 1; half /= 2) {
      Value low = vector::ExtractStridedSliceOp::create(
          b, loc, tree, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{half},
          ArrayRef<int64_t>{1});
      Value high = vector::ExtractStridedSliceOp::create(
          b, loc, tree, ArrayRef<int64_t>{half}, ArrayRef<int64_t>{half},
          ArrayRef<int64_t>{1});
      tree = magnitudes ? maximumOfBits(low, high) : combine(low, high);
    }
    Value total = vector::ExtractOp::create(b, loc, tree, 0);
    SmallVector<Value> at = resultPosition();
    Value start = getFill();
    if (!start)
      start = tensor::ExtractOp::create(
          b, loc,
          isWritable(op.getDpsInits()[0]) ? destination : op.getDpsInits()[0],
          at);
    APFloat number(0.0f);
    bool isNumber =
        matchPattern(start, m_ConstantFloat(&number)) && !number.isNaN();
    total = magnitudes && isNumber ? maximumOfBits(start, total)
                                   : combine(start, total);
    return tensor::InsertOp::create(b, loc, total, destination, at).getResult();
  });
}
