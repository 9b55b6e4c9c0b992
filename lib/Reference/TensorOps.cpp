//===- TensorOps.cpp - operations that move elements ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cstring>

using namespace mlir;
using namespace mpq;

/// Strides of the row-major order.
static SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t d = int64_t(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

namespace {
/// A box of a tensor: offsets and steps.
struct Box {
  SmallVector<int64_t> offsets, steps;

  static Box at(ArrayRef<int64_t> offsets) {
    return {SmallVector<int64_t>(offsets),
            SmallVector<int64_t>(offsets.size(), 1)};
  }
};
} // namespace

/// Copies a box of `sizes` elements between tensors of one rank and kind.
static void copyBox(HostTensor &to, const Box &toBox, const HostTensor &from,
                    const Box &fromBox, ArrayRef<int64_t> sizes) {
  if (llvm::is_contained(sizes, 0))
    return;
  int64_t size = getElementSize(to.getKind()), rank = sizes.size();
  SmallVector<int64_t> toStrides = rowMajorStrides(to.getShape()),
                       fromStrides = rowMajorStrides(from.getShape());
  int64_t toStart = 0, fromStart = 0;
  for (int64_t d = 0; d < rank; ++d) {
    toStart += toBox.offsets[d] * toStrides[d];
    fromStart += fromBox.offsets[d] * fromStrides[d];
    toStrides[d] *= toBox.steps[d];
    fromStrides[d] *= fromBox.steps[d];
  }
  char *out = to.getMutableBytes();
  const char *in = from.getBytes();
  if (rank == 0) {
    std::memcpy(out, in, size);
    return;
  }
  int64_t inner = sizes.back();
  bool contiguous = toStrides.back() == 1 && fromStrides.back() == 1;
  SmallVector<int64_t> index(rank, 0);
  while (true) {
    int64_t toAt = toStart, fromAt = fromStart;
    for (int64_t d = 0; d + 1 < rank; ++d) {
      toAt += index[d] * toStrides[d];
      fromAt += index[d] * fromStrides[d];
    }
    if (contiguous)
      std::memcpy(out + toAt * size, in + fromAt * size, inner * size);
    else
      for (int64_t k = 0; k < inner; ++k)
        std::memcpy(out + (toAt + k * toStrides.back()) * size,
                    in + (fromAt + k * fromStrides.back()) * size, size);
    int64_t d = rank - 2;
    for (; d >= 0; --d) {
      if (++index[d] < sizes[d])
        break;
      index[d] = 0;
    }
    if (d < 0)
      return;
  }
}

FailureOr<SmallVector<int64_t>> mpq::resolve(ArrayRef<OpFoldResult> mixed,
                                             OuterValues values) {
  SmallVector<int64_t> numbers;
  for (OpFoldResult entry : mixed) {
    if (auto attribute = dyn_cast<Attribute>(entry)) {
      numbers.push_back(cast<IntegerAttr>(attribute).getInt());
      continue;
    }
    FailureOr<HostTensor> value = values(cast<Value>(entry));
    if (failed(value))
      return failure();
    numbers.push_back(value->getInteger(0));
  }
  return numbers;
}

/// The result of a region that computes an element from its position.
static FailureOr<HostTensor> evaluatePositions(Operation *op, Region &region,
                                               ArrayRef<int64_t> shape,
                                               ElementKind kind,
                                               OuterValues values) {
  SmallVector<utils::IteratorType> iterators(shape.size(),
                                             utils::IteratorType::parallel);
  LoopNest nest(op, shape, iterators);
  BodyProgram &program = nest.getProgram();
  Block &block = region.front();
  for (BlockArgument argument : block.getArguments())
    program.addIndexRow(argument.getArgNumber(), argument);
  for (Operation &nested : block.without_terminator())
    if (failed(program.append(&nested, values)))
      return failure();
  FailureOr<unsigned> row =
      program.getOperand(block.getTerminator()->getOperand(0), values);
  if (failed(row))
    return failure();
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(shape.size(), op->getContext());
  nest.addOutput(TensorView::all(HostTensor(kind, shape)), identity, *row,
                 *row);
  FailureOr<Results> results = nest.run();
  if (failed(results))
    return failure();
  return results->front();
}

static FailureOr<Results> one(FailureOr<HostTensor> value) {
  if (failed(value))
    return failure();
  return Results{*value};
}

/// An error unless a slice lies inside the tensor.
static LogicalResult checkSlice(Operation *op, ArrayRef<int64_t> shape,
                                ArrayRef<int64_t> offsets,
                                ArrayRef<int64_t> sizes,
                                ArrayRef<int64_t> strides) {
  for (size_t d = 0; d < shape.size(); ++d) {
    int64_t last = offsets[d] + (sizes[d] - 1) * strides[d];
    if (sizes[d] > 0 && (offsets[d] < 0 || last < 0 || offsets[d] >= shape[d] ||
                         last >= shape[d]))
      return op->emitOpError("reaches positions ")
             << offsets[d] << " to " << last << " of dimension " << d
             << ", which has extent " << shape[d];
  }
  return success();
}

std::optional<FailureOr<Results>> mpq::evaluateTensorOp(Operation *op,
                                                        OuterValues values) {
  using Answer = std::optional<FailureOr<Results>>;
  if (!isa<tensor::TensorDialect>(op->getDialect()))
    return std::nullopt;
  auto fail = [] { return Answer(FailureOr<Results>(failure())); };
  auto done = [](HostTensor value) {
    return Answer(Results{std::move(value)});
  };
  if (op->getNumResults() != 1)
    return std::nullopt;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  std::optional<ElementKind> kind =
      getElementKind(getElementTypeOrSelf(op->getResult(0).getType()));
  if (!kind || (type && !type.hasStaticShape())) {
    op->emitOpError("the interpreter expects tensors of static shape");
    return fail();
  }
  ArrayRef<int64_t> shape = type ? type.getShape() : ArrayRef<int64_t>();
  SmallVector<HostTensor> in;
  for (Value operand : op->getOperands()) {
    FailureOr<HostTensor> value = values(operand);
    if (failed(value))
      return fail();
    in.push_back(*value);
  }

  return TypeSwitch<Operation *, Answer>(op)
      .Case([&](tensor::EmptyOp) { return done(HostTensor(*kind, shape)); })
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp,
            tensor::ReshapeOp>(
          [&](Operation *) { return done(in[0].reshape(shape)); })
      .Case([&](tensor::ExtractSliceOp op) -> Answer {
        auto offsets = resolve(op.getMixedOffsets(), values),
             sizes = resolve(op.getMixedSizes(), values),
             strides = resolve(op.getMixedStrides(), values);
        if (failed(offsets) || failed(sizes) || failed(strides) ||
            failed(
                checkSlice(op, in[0].getShape(), *offsets, *sizes, *strides)))
          return fail();
        HostTensor result(*kind, *sizes);
        copyBox(result, Box::at(SmallVector<int64_t>(sizes->size(), 0)), in[0],
                Box{*offsets, *strides}, *sizes);
        return done(result.reshape(shape));
      })
      .Case([&](tensor::InsertSliceOp op) -> Answer {
        auto offsets = resolve(op.getMixedOffsets(), values),
             sizes = resolve(op.getMixedSizes(), values),
             strides = resolve(op.getMixedStrides(), values);
        if (failed(offsets) || failed(sizes) || failed(strides) ||
            failed(checkSlice(op, shape, *offsets, *sizes, *strides)))
          return fail();
        HostTensor result = in[1];
        copyBox(result, Box{*offsets, *strides}, in[0].reshape(*sizes),
                Box::at(SmallVector<int64_t>(sizes->size(), 0)), *sizes);
        return done(result);
      })
      .Case([&](tensor::ConcatOp op) -> Answer {
        HostTensor result(*kind, shape);
        SmallVector<int64_t> at(shape.size(), 0);
        for (const HostTensor &part : in) {
          copyBox(result, Box::at(at), part,
                  Box::at(SmallVector<int64_t>(shape.size(), 0)),
                  part.getShape());
          at[op.getDim()] += part.getShape()[op.getDim()];
        }
        return done(result);
      })
      .Case([&](tensor::PadOp op) -> Answer {
        auto low = resolve(op.getMixedLowPad(), values);
        if (failed(low))
          return fail();
        FailureOr<HostTensor> result =
            evaluatePositions(op, op.getRegion(), shape, *kind, values);
        if (failed(result))
          return fail();
        // A negative amount of padding cuts.
        Box to = Box::at(*low), from = Box::at(*low);
        SmallVector<int64_t> sizes(shape.size());
        for (size_t d = 0; d < shape.size(); ++d) {
          to.offsets[d] = std::max<int64_t>((*low)[d], 0);
          from.offsets[d] = std::max<int64_t>(-(*low)[d], 0);
          sizes[d] = std::max<int64_t>(
              0, std::min(in[0].getShape()[d] - from.offsets[d],
                          shape[d] - to.offsets[d]));
        }
        copyBox(*result, to, in[0], from, sizes);
        return done(*result);
      })
      .Case([&](tensor::GenerateOp op) -> Answer {
        return one(evaluatePositions(op, op.getBody(), shape, *kind, values));
      })
      .Case([&](tensor::FromElementsOp) {
        HostTensor result(*kind, shape);
        char *out = result.getMutableBytes();
        int64_t size = getElementSize(*kind);
        for (auto [position, element] : llvm::enumerate(in))
          std::memcpy(out + position * size, element.getBytes(), size);
        return done(result);
      })
      .Case([&](tensor::SplatOp) {
        HostTensor result(*kind, shape);
        char *out = result.getMutableBytes();
        int64_t size = getElementSize(*kind);
        for (int64_t k = 0; k < result.getNumElements(); ++k)
          std::memcpy(out + k * size, in[0].getBytes(), size);
        return done(result);
      })
      .Case([&](tensor::ExtractOp op) -> Answer {
        int64_t position = 0;
        for (auto [index, extent] :
             llvm::zip_equal(ArrayRef(in).drop_front(), in[0].getShape())) {
          int64_t at = index.getInteger(0);
          if (at < 0 || at >= extent) {
            op.emitOpError("reads position ")
                << at << " of a dimension of extent " << extent;
            return fail();
          }
          position = position * extent + at;
        }
        HostTensor result(*kind, {});
        std::memcpy(result.getMutableBytes(),
                    in[0].getBytes() + position * getElementSize(*kind),
                    getElementSize(*kind));
        return done(result);
      })
      .Case([&](tensor::InsertOp op) -> Answer {
        int64_t position = 0;
        for (auto [index, extent] :
             llvm::zip_equal(ArrayRef(in).drop_front(2), shape)) {
          int64_t at = index.getInteger(0);
          if (at < 0 || at >= extent) {
            op.emitOpError("writes position ")
                << at << " of a dimension of extent " << extent;
            return fail();
          }
          position = position * extent + at;
        }
        HostTensor result = in[1];
        std::memcpy(result.getMutableBytes() + position * getElementSize(*kind),
                    in[0].getBytes(), getElementSize(*kind));
        return done(result);
      })
      .Case([&](tensor::DimOp op) -> Answer {
        int64_t dim = in[1].getInteger(0);
        if (dim < 0 || dim >= in[0].getRank()) {
          op.emitOpError("asks for dimension ")
              << dim << " of a tensor of rank " << in[0].getRank();
          return fail();
        }
        HostTensor result(ElementKind::I64, {});
        *result.getMutableData<int64_t>() = in[0].getShape()[dim];
        return done(result);
      })
      .Default([](Operation *) { return std::nullopt; });
}
