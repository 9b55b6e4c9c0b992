//===- PointMode.cpp - chosen elements, computed from what they need ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled kernels of large models are compared at sampled elements. Demand
// flows from results to operands: each operation asks its operands for the
// positions its loops would read. An operand of which most is needed, or whose
// operation has no rule here, is computed whole.
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mpq/Dialect/MPQDialect.h"

#include <cstring>

using namespace mlir;
using namespace mpq;

/// Elements of a whole tensor.
static HostTensor pick(const HostTensor &tensor, ArrayRef<int64_t> positions) {
  HostTensor result(tensor.getKind(), {int64_t(positions.size())});
  int64_t size = getElementSize(tensor.getKind());
  char *out = result.getMutableBytes();
  for (auto [k, position] : llvm::enumerate(positions))
    std::memcpy(out + k * size, tensor.getBytes() + position * size, size);
  return result;
}

FailureOr<HostTensor> Evaluator::runNestAt(OpResult result,
                                           ArrayRef<int64_t> positions,
                                           BuildNest build) {
  Operation *op = result.getOwner();
  // First only the shapes, to learn what the loops read.
  SmallVector<unsigned> order;
  auto shapeOf = [&](OpOperand &operand) -> FailureOr<TensorView> {
    order.push_back(operand.getOperandNumber());
    TensorView view;
    if (auto type = dyn_cast<RankedTensorType>(operand.get().getType()))
      view.shape.assign(type.getShape().begin(), type.getShape().end());
    view.values = HostTensor(
        *getElementKind(getElementTypeOrSelf(operand.get().getType())), {0});
    return view;
  };
  FailureOr<std::unique_ptr<LoopNest>> shapes = build(shapeOf);
  if (failed(shapes))
    return failure();

  DenseMap<unsigned, TensorView> views;
  for (auto [index, number] : llvm::enumerate(order)) {
    Value operand = op->getOperand(number);
    FailureOr<std::vector<int64_t>> needed = (*shapes)->getNeededPositions(
        index, result.getResultNumber(), positions);
    if (failed(needed))
      return failure();
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    bool wantsAll =
        !type || int64_t(needed->size()) * 2 >= type.getNumElements();
    if (wantsAll || values.count(operand) ||
        isa_and_nonnull<arith::ConstantOp>(operand.getDefiningOp())) {
      FailureOr<HostTensor> whole = lookup(operand);
      if (failed(whole))
        return failure();
      views[number] = TensorView::all(*whole);
      continue;
    }
    FailureOr<HostTensor> some = evaluateAt(operand, *needed);
    if (failed(some))
      return failure();
    TensorView &view = views[number];
    view.values = *some;
    view.shape.assign(type.getShape().begin(), type.getShape().end());
    view.isSparse = true;
    view.positions = std::move(*needed);
  }
  FailureOr<std::unique_ptr<LoopNest>> nest =
      build([&](OpOperand &operand) -> FailureOr<TensorView> {
        return views.lookup(operand.getOperandNumber());
      });
  if (failed(nest))
    return failure();
  return (*nest)->runAt(result.getResultNumber(), positions);
}

FailureOr<HostTensor>
Evaluator::runPackedProductAt(Operation *op, ArrayRef<int64_t> positions) {
  FailureOr<Results> operands = getOperands(op);
  if (failed(operands))
    return failure();
  int64_t columns =
      cast<RankedTensorType>(op->getResult(0).getType()).getShape().back();
  SmallVector<int64_t> rows(llvm::map_range(
      positions, [&](int64_t position) { return position / columns; }));
  rows.erase(llvm::unique(rows), rows.end());
  return pick(evaluatePackedProduct(op, *operands, ArrayRef(rows)), positions);
}

/// Positions in the source of a slice.
static SmallVector<int64_t> sliceSources(tensor::ExtractSliceOp op,
                                         ArrayRef<int64_t> offsets,
                                         ArrayRef<int64_t> sizes,
                                         ArrayRef<int64_t> strides,
                                         ArrayRef<int64_t> positions) {
  ArrayRef<int64_t> shape = op.getSourceType().getShape();
  SmallVector<int64_t> sources;
  for (int64_t position : positions) {
    int64_t source = 0, stride = 1;
    for (int64_t d = shape.size() - 1; d >= 0; --d) {
      source += (offsets[d] + position % sizes[d] * strides[d]) * stride;
      position /= sizes[d];
      stride *= shape[d];
    }
    sources.push_back(source);
  }
  return sources;
}

FailureOr<HostTensor> Evaluator::evaluateAt(Value value,
                                            ArrayRef<int64_t> positions) {
  auto outer = [&](Value captured) { return lookup(captured); };
  auto known = values.find(value);
  if (known != values.end())
    return pick(known->second, positions);
  Operation *op = value.getDefiningOp();
  if (op && !isa<arith::ConstantOp>(op)) {
    auto result = cast<OpResult>(value);
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      return runNestAt(result, positions, [&](ViewOf viewOf) {
        return buildLoopNest(linalgOp, viewOf, outer);
      });
    if (isa<ContractOp, ConvOp>(op) &&
        cast<RankedTensorType>(value.getType()).hasStaticShape())
      return runPackedProductAt(op, positions);
    if (isElementwise(op))
      return runNestAt(result, positions, [&](ViewOf viewOf) {
        return buildElementwiseNest(op, viewOf, outer);
      });
    if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(op))
      return evaluateAt(op->getOperand(0), positions);
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op);
        slice && !slice.getSourceType().getNumDynamicDims()) {
      auto offsets = resolve(slice.getMixedOffsets(), outer),
           sizes = resolve(slice.getMixedSizes(), outer),
           strides = resolve(slice.getMixedStrides(), outer);
      if (failed(offsets) || failed(sizes) || failed(strides))
        return failure();
      bool ascends = llvm::all_of(*strides, [](int64_t s) { return s > 0; });
      if (ascends)
        return evaluateAt(
            slice.getSource(),
            sliceSources(slice, *offsets, *sizes, *strides, positions));
    }
  }
  FailureOr<HostTensor> whole = lookup(value);
  if (failed(whole))
    return failure();
  return pick(*whole, positions);
}

FailureOr<HostTensor> mpq::interpretAt(func::FuncOp function,
                                       ArrayRef<HostTensor> arguments,
                                       unsigned result,
                                       ArrayRef<int64_t> positions) {
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("expected one block but got ")
           << function.getBody().getBlocks().size();
  auto type = dyn_cast<RankedTensorType>(function.getResultTypes()[result]);
  int64_t count = type && type.hasStaticShape() ? type.getNumElements() : 1;
  for (int64_t position : positions)
    if (position < 0 || position >= count)
      return function.emitOpError("expected positions below ")
             << count << " but got " << position;
  InterpreterHooks hooks;
  Evaluator evaluator(hooks, /*onDemand=*/true);
  Block &block = function.getBody().front();
  for (auto [argument, value] :
       llvm::zip_equal(block.getArguments(), arguments))
    evaluator.bind(argument, value);

  std::vector<int64_t> sorted(positions.begin(), positions.end());
  llvm::sort(sorted);
  sorted.erase(llvm::unique(sorted), sorted.end());
  FailureOr<HostTensor> values =
      evaluator.evaluateAt(block.getTerminator()->getOperand(result), sorted);
  if (failed(values))
    return failure();
  SmallVector<int64_t> ranks;
  for (int64_t position : positions)
    ranks.push_back(llvm::lower_bound(sorted, position) - sorted.begin());
  return pick(*values, ranks);
}
