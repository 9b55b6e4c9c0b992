//===- GenericEmitter.cpp - a generic operation as vectors ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all shapes have in common: loops, bodies on vectors, where results go.
//
//===----------------------------------------------------------------------===//

#include "GenericEmitter.h"
#include "TransposeTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpq;

FailureOr<GenericEmitter::Values>
GenericEmitter::loops(ArrayRef<unsigned> dims, ValueRange carried,
                      function_ref<FailureOr<Values>(ValueRange)> body) {
  if (dims.empty())
    return body(carried);
  unsigned d = dims.front();
  if (extents[d] == 1) {
    indices[d] = constant(0);
    return loops(dims.drop_front(), carried, body);
  }
  auto loop = scf::ForOp::create(b, loc, constant(0), constant(extents[d]),
                                 constant(1), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  indices[d] = loop.getInductionVar();
  FailureOr<Values> next =
      loops(dims.drop_front(), loop.getRegionIterArgs(), body);
  if (failed(next))
    return failure();
  scf::YieldOp::create(b, loc, *next);
  return Values(loop.getResults());
}

FailureOr<Value> GenericEmitter::loops(ArrayRef<unsigned> dims, Value carried,
                                       Body body) {
  auto ofOne = [&](ValueRange values) -> FailureOr<Values> {
    FailureOr<Value> next = body(values.front());
    if (failed(next))
      return failure();
    return Values{*next};
  };
  FailureOr<Values> result = loops(dims, ValueRange(carried), ofOne);
  if (failed(result))
    return failure();
  return result->front();
}

FailureOr<Value>
GenericEmitter::laneLoop(unsigned lane, int64_t step, Value carried,
                         function_ref<FailureOr<Value>(Value, int64_t)> body) {
  int64_t whole = extents[lane] / step * step, rest = extents[lane] - whole;
  if (whole == step) {
    indices[lane] = constant(0);
    FailureOr<Value> next = body(carried, step);
    if (failed(next))
      return failure();
    carried = *next;
  } else if (whole) {
    auto loop = scf::ForOp::create(b, loc, constant(0), constant(whole),
                                   constant(step), carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    indices[lane] = loop.getInductionVar();
    FailureOr<Value> next = body(loop.getRegionIterArg(0), step);
    if (failed(next))
      return failure();
    scf::YieldOp::create(b, loc, *next);
    carried = loop.getResult(0);
  }
  if (rest) {
    indices[lane] = constant(whole);
    return body(carried, rest);
  }
  return carried;
}

SmallVector<Value> GenericEmitter::resultPosition() {
  SmallVector<Value> at;
  for (AffineExpr expr : outMap.getResults())
    at.push_back(emitAffineExpr(b, loc, expr, indices));
  return at;
}

FailureOr<Value> GenericEmitter::vectorBody(unsigned lane, int64_t width,
                                            Value accumulator) {
  BodyVectorizer body(b, op, width, lane, indices);
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (argument.use_empty())
      continue;
    Value known = turned.lookup(input);
    body.map(argument, known ? known : body.readOperand(input));
  }
  BlockArgument out = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  if (accumulator)
    body.map(out, accumulator);
  else if (!out.use_empty())
    body.map(out, body.readOperand(op.getDpsInitOperand(0)));
  FailureOr<Value> value = body.run();
  if (failed(value) || !accumulator ||
      order.order != ReductionOrder::Contraction)
    return value;
  // N-C1: the product and the sum round once.
  auto sum = (*value).getDefiningOp<arith::AddFOp>();
  if (!sum)
    return value;
  Value product = sum.getLhs() == accumulator ? sum.getRhs() : sum.getLhs();
  auto multiply = product.getDefiningOp<arith::MulFOp>();
  return math::FmaOp::create(b, loc, multiply.getLhs(), multiply.getRhs(),
                             accumulator)
      .getResult();
}

FailureOr<Value> GenericEmitter::write(Value vector, Value destination,
                                       unsigned laneDim, int64_t valid) {
  SmallVector<Value> at = resultPosition();
  if (laneDim + 1 == outMap.getNumResults())
    return writeLanes(b, loc, vector, destination, at, valid);
  // Unit dimensions inside the lanes: element by element.
  for (int64_t l = 0; l < valid; ++l) {
    SmallVector<Value> place(at);
    place[laneDim] = arith::AddIOp::create(b, loc, place[laneDim], constant(l));
    Value element = vector::ExtractOp::create(b, loc, vector, l);
    destination = tensor::InsertOp::create(b, loc, element, destination, place);
  }
  return destination;
}

bool GenericEmitter::hasAdjacentRows(unsigned lane, unsigned inner) {
  unsigned rank = outMap.getNumResults();
  return rank >= 2 && outMap.getResult(rank - 2) == b.getAffineDimExpr(inner) &&
         areDenseDimensions(getDestination(/*readsInit=*/false), rank - 2);
}

Value GenericEmitter::getDestination(bool readsInit) {
  Value init = op.getDpsInits()[0];
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    return fill.getOutputs()[0];
  if (!readsInit || isWritable(init))
    return init;
  auto type = cast<RankedTensorType>(init.getType());
  return tensor::EmptyOp::create(b, loc, type.getShape(),
                                 type.getElementType());
}

bool GenericEmitter::isWritable(Value value) {
  while (true) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
      if (!loop || argument == loop.getInductionVar())
        return false;
      value = loop.getTiedLoopInit(argument)->get();
      continue;
    }
    Operation *def = value.getDefiningOp();
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(def))
      value = slice.getSource();
    else if (auto insert = dyn_cast<tensor::InsertSliceOp>(def))
      value = insert.getDest();
    else if (auto fill = dyn_cast<linalg::FillOp>(def))
      value = fill.getOutputs()[0];
    else if (auto loop = dyn_cast<scf::ForOp>(def))
      value = loop.getTiedLoopInit(cast<OpResult>(value))->get();
    else if (auto view = dyn_cast<bufferization::ToTensorOp>(def))
      return view.getWritable();
    else
      return isa<tensor::EmptyOp>(def);
  }
}

Value GenericEmitter::getFill() {
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  return fill ? fill.getInputs()[0] : Value();
}
