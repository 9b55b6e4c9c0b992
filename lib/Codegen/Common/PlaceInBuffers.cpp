//===- PlaceInBuffers.cpp - padding and concatenation without copies ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On the main function of calls: the destination of a kernel whose result is
// padded or concatenated becomes a slice of the larger tensor. The halo is
// filled by a kernel of its own, which touches nothing else.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

namespace mpq {
#define GEN_PASS_DEF_PLACEINBUFFERSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
class Placer {
public:
  explicit Placer(func::FuncOp main) : main(main), b(main.getContext()) {}

  LogicalResult run() {
    separateDestinations();
    SmallVector<Operation *> ops;
    main.walk([&](Operation *op) {
      if (isa<tensor::PadOp, tensor::ConcatOp, tensor::InsertSliceOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      LogicalResult placed = success();
      if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
        placed = placeInsertion(insert);
      else if (auto pad = dyn_cast<tensor::PadOp>(op))
        placed = placePad(pad);
      else
        placed = placeConcat(cast<tensor::ConcatOp>(op));
      if (failed(placed))
        return failure();
    }
    copySliced();
    return placeResults();
  }

private:
  using Body =
      function_ref<Value(OpBuilder &, ValueRange inputs, Value destination)>;

  /// Gives every call a destination of its own: simplification merges equal
  /// empty tensors.
  void separateDestinations() {
    main.walk([&](func::CallOp call) {
      auto empty = getDestination(call).getDefiningOp<tensor::EmptyOp>();
      if (!empty || empty->hasOneUse())
        return;
      b.setInsertionPoint(call);
      call.setOperand(call.getNumOperands() - 3, b.clone(*empty)->getResult(0));
    });
  }

  /// A kernel function made by hand, and a call of it at the insertion point.
  func::CallOp callKernel(Location loc, StringRef name, ValueRange inputs,
                          Value destination, bool tiled, Body body) {
    SmallVector<Type> types(inputs.getTypes());
    types.push_back(destination.getType());
    types.append(2, b.getIndexType());
    OpBuilder outer(main);
    auto kernel =
        func::FuncOp::create(outer, loc, (name + "_" + Twine(counter++)).str(),
                             b.getFunctionType(types, destination.getType()));
    kernel.setPrivate();
    kernel->setAttr(MPQDialect::getKernelAttrName(), b.getUnitAttr());
    if (!tiled)
      kernel->setAttr(MPQDialect::getWorkItemsAttrName(),
                      b.getI64IntegerAttr(1));
    outer.setInsertionPointToStart(kernel.addEntryBlock());
    Value result = body(outer, kernel.getArguments().take_front(inputs.size()),
                        kernel.getArgument(inputs.size()));
    func::ReturnOp::create(outer, loc, result);
    SmallVector<Value> operands(inputs);
    operands.push_back(destination);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    operands.append(2, zero);
    return func::CallOp::create(b, loc, kernel, operands);
  }

  Value callCopy(Location loc, Value source, Value destination) {
    return callKernel(loc, "copy", source, destination, /*tiled=*/true,
                      [&](OpBuilder &builder, ValueRange inputs, Value out) {
                        // Not a generic: canonicalization would fold it away.
                        return linalg::CopyOp::create(builder, loc, inputs, out)
                            .getResult(0);
                      })
        .getResult(0);
  }

  /// The call that computes `value` and could write elsewhere: its destination
  /// is its own, and all users read through calls.
  func::CallOp getMovableProducer(Value value, Operation *user) {
    auto call = value.getDefiningOp<func::CallOp>();
    if (!call || !getDestination(call).getDefiningOp<tensor::EmptyOp>())
      return nullptr;
    for (Operation *other : value.getUsers())
      if (other != user && !isa<func::CallOp, tensor::PadOp>(other))
        return nullptr;
    return call;
  }

  Value empty(Location loc, RankedTensorType type) {
    return tensor::EmptyOp::create(b, loc, type.getShape(),
                                   type.getElementType());
  }

  Value slice(Location loc, Value source, ArrayRef<int64_t> offsets,
              ArrayRef<int64_t> sizes) {
    SmallVector<int64_t> strides(offsets.size(), 1);
    auto type = cast<RankedTensorType>(source.getType());
    return tensor::ExtractSliceOp::create(
        b, loc, RankedTensorType::get(sizes, type.getElementType()), source,
        ValueRange{}, ValueRange{}, ValueRange{}, offsets, sizes, strides);
  }

  Value insert(Location loc, Value source, Value destination,
               ArrayRef<int64_t> offsets) {
    SmallVector<int64_t> strides(offsets.size(), 1);
    ArrayRef<int64_t> sizes =
        cast<RankedTensorType>(source.getType()).getShape();
    return tensor::InsertSliceOp::create(b, loc, source, destination,
                                         ValueRange{}, ValueRange{},
                                         ValueRange{}, offsets, sizes, strides);
  }

  /// Puts `value` at `offsets` of `whole`: the producer writes there if it can,
  /// else a copy does. `whole` must exist before the producer.
  Value place(Location loc, Value value, Operation *user, Value whole,
              ArrayRef<int64_t> offsets, func::CallOp producer) {
    ArrayRef<int64_t> sizes =
        cast<RankedTensorType>(value.getType()).getShape();
    if (producer) {
      b.setInsertionPoint(producer);
      Value slot = slice(loc, whole, offsets, sizes);
      producer.setOperand(producer.getNumOperands() - 3, slot);
      return value;
    }
    b.setInsertionPoint(user);
    return callCopy(loc, value, slice(loc, whole, offsets, sizes));
  }

  /// Fills everything of `whole` outside the box at `low` with `sizes`.
  Value fillHalo(Location loc, Value whole, Attribute padValue,
                 ArrayRef<int64_t> low, ArrayRef<int64_t> sizes) {
    auto type = cast<RankedTensorType>(whole.getType());
    return callKernel(loc, "fill_halo", {}, whole, /*tiled=*/false,
                      [&](OpBuilder &builder, ValueRange, Value out) {
                        OpBuilder::InsertionGuard guard(b);
                        b.restoreInsertionPoint(builder.saveInsertionPoint());
                        Value scalar = arith::ConstantOp::create(
                            b, loc, cast<TypedAttr>(padValue));
                        // Slabs: dimension by dimension, inside the box of the
                        // earlier.
                        SmallVector<int64_t> from(low.size(), 0),
                            extent(type.getShape());
                        for (unsigned d = 0; d < low.size(); ++d) {
                          int64_t high = type.getDimSize(d) - low[d] - sizes[d];
                          for (auto [start, count] :
                               {std::pair(int64_t(0), low[d]),
                                std::pair(low[d] + sizes[d], high)}) {
                            if (count == 0)
                              continue;
                            SmallVector<int64_t> at(from), size(extent);
                            at[d] = start;
                            size[d] = count;
                            Value slab = slice(loc, out, at, size);
                            out = insert(loc, fill(loc, slab, scalar), out, at);
                          }
                          from[d] = low[d];
                          extent[d] = sizes[d];
                        }
                        return out;
                      })
        .getResult(0);
  }

  Value fill(Location loc, Value slab, Value scalar) {
    auto type = cast<RankedTensorType>(slab.getType());
    SmallVector<utils::IteratorType> iterators(type.getRank(),
                                               utils::IteratorType::parallel);
    return linalg::GenericOp::create(
               b, loc, type, ValueRange{}, slab,
               ArrayRef<AffineMap>{b.getMultiDimIdentityMap(type.getRank())},
               iterators,
               [&](OpBuilder &nested, Location l, ValueRange) {
                 linalg::YieldOp::create(nested, l, scalar);
               })
        .getResult(0);
  }

  LogicalResult placePad(tensor::PadOp pad) {
    Location loc = pad.getLoc();
    RankedTensorType type = pad.getResultType();
    Value padValue = pad.getConstantPaddingValue();
    Attribute constant;
    std::optional<SmallVector<int64_t>> low =
        getConstantIntValues(pad.getMixedLowPad());
    if (!padValue || !matchPattern(padValue, m_Constant(&constant)) || !low ||
        !type.hasStaticShape())
      return pad.emitError("expected static padding with a constant");
    Value source = pad.getSource();
    func::CallOp producer = getMovableProducer(source, pad);
    b.setInsertionPoint(producer ? producer.getOperation() : pad);
    Value whole = fillHalo(loc, empty(loc, type), constant, *low,
                           pad.getSourceType().getShape());
    Value placed = place(loc, source, pad, whole, *low, producer);
    b.setInsertionPoint(pad);
    pad.replaceAllUsesWith(insert(loc, placed, whole, *low));
    pad.erase();
    return success();
  }

  LogicalResult placeConcat(tensor::ConcatOp concat) {
    Location loc = concat.getLoc();
    auto type = cast<RankedTensorType>(concat.getResult().getType());
    if (!type.hasStaticShape())
      return concat.emitError("expected a static concatenation");
    // The whole must exist before the first producer.
    SmallVector<func::CallOp> producers;
    llvm::SmallDenseSet<Value> seen;
    Operation *first = concat;
    for (Value input : concat.getInputs()) {
      func::CallOp producer = seen.insert(input).second
                                  ? getMovableProducer(input, concat)
                                  : func::CallOp();
      producers.push_back(producer);
      if (producer && producer->isBeforeInBlock(first))
        first = producer;
    }
    b.setInsertionPoint(first);
    Value whole = empty(loc, type);
    SmallVector<int64_t> offsets(type.getRank(), 0);
    SmallVector<std::pair<Value, SmallVector<int64_t>>> parts;
    for (auto [input, producer] : llvm::zip(concat.getInputs(), producers)) {
      parts.push_back(
          {place(loc, input, concat, whole, offsets, producer), offsets});
      offsets[concat.getDim()] +=
          cast<RankedTensorType>(input.getType()).getDimSize(concat.getDim());
    }
    b.setInsertionPoint(concat);
    Value result = whole;
    for (auto &[part, at] : parts)
      result = insert(loc, part, result, at);
    concat.getResult().replaceAllUsesWith(result);
    concat.erase();
    return success();
  }

  /// Copies the source into the destination, and that before if somebody else
  /// may read it. A chain of insertions shares one buffer.
  LogicalResult placeInsertion(tensor::InsertSliceOp op) {
    Location loc = op.getLoc();
    std::optional<SmallVector<int64_t>> offsets =
        getConstantIntValues(op.getMixedOffsets());
    bool dense = llvm::all_of(op.getMixedStrides(), [](OpFoldResult stride) {
      return isConstantIntValue(stride, 1);
    });
    if (!offsets || !dense || !op.getSourceType().hasStaticShape() ||
        op.getSourceType().getRank() != op.getType().getRank())
      return op.emitError("expected static offsets, unit strides and a source "
                          "of the same rank");
    b.setInsertionPoint(op);
    Value whole = op.getDest();
    if (whole.getDefiningOp<tensor::EmptyOp>())
      whole = empty(loc, op.getType());
    else if (!insertions.contains(whole) || !whole.hasOneUse())
      whole = callCopy(loc, whole, empty(loc, op.getType()));
    Value part =
        callCopy(loc, op.getSource(),
                 slice(loc, whole, *offsets, op.getSourceType().getShape()));
    Value result = insert(loc, part, whole, *offsets);
    insertions.insert(result);
    op.getResult().replaceAllUsesWith(result);
    op.erase();
    return success();
  }

  /// Slices that something other than a kernel reads (a reshape, the caller)
  /// are made dense.
  void copySliced() {
    SmallVector<tensor::ExtractSliceOp> slices;
    main.walk([&](tensor::ExtractSliceOp op) {
      if (llvm::any_of(op->getUsers(), [](Operation *user) {
            return !isa<func::CallOp>(user);
          }))
        slices.push_back(op);
    });
    for (tensor::ExtractSliceOp op : slices) {
      b.setInsertionPointAfter(op);
      Value dense = empty(op.getLoc(), op.getType());
      Value copy = callCopy(op.getLoc(), op, dense);
      op.getResult().replaceUsesWithIf(copy, [](OpOperand &use) {
        return !isa<func::CallOp>(use.getOwner());
      });
    }
  }

  /// Every result of the main function gets storage of its own.
  LogicalResult placeResults() {
    auto ret = cast<func::ReturnOp>(main.getBody().front().getTerminator());
    llvm::SmallDenseSet<Value> used;
    for (OpOperand &operand : ret->getOpOperands()) {
      Value storage = getStorage(operand.get());
      auto type = cast<RankedTensorType>(operand.get().getType());
      bool own = storage.getDefiningOp<tensor::EmptyOp>() &&
                 cast<RankedTensorType>(storage.getType()).getNumElements() ==
                     type.getNumElements() &&
                 used.insert(storage).second;
      if (own)
        continue;
      b.setInsertionPoint(ret);
      Value destination = empty(ret.getLoc(), type);
      used.insert(destination);
      operand.set(callCopy(ret.getLoc(), operand.get(), destination));
    }
    return success();
  }

  func::FuncOp main;
  OpBuilder b;
  unsigned counter = 0;
  llvm::SmallDenseSet<Value> insertions; // results of the model's own
};

struct PlaceInBuffers : mpq::impl::PlaceInBuffersPassBase<PlaceInBuffers> {
  using PlaceInBuffersPassBase::PlaceInBuffersPassBase;

  void runOnOperation() override {
    FailureOr<func::FuncOp> main = getMainFunction(getOperation());
    if (failed(main) || failed(Placer(*main).run()))
      signalPassFailure();
  }
};
} // namespace
