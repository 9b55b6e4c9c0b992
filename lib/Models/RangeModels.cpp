//===- RangeModels.cpp - interval transfer of upstream operations ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every structured operation of linalg has a scalar body, so one model that
// evaluates bodies serves generics, products, pools and elementwise operations
// alike; operations that move elements need a hull; units are evaluated through
// their body unless the kind says more.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/MPQInterfaces.h"
#include "mpq/Models/Intervals.h"
#include "mpq/Models/Models.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectRegistry.h"

using namespace mlir;
using namespace mpq;

using Bounds = std::optional<std::pair<double, double>>;

static Interval toInterval(Bounds bounds) {
  return bounds ? Interval{bounds->first, bounds->second} : Interval();
}
static Bounds toBounds(Interval interval) {
  if (interval.isUnknown())
    return std::nullopt;
  return std::pair(interval.lower, interval.upper);
}
static Interval hullOf(ArrayRef<Bounds> operands) {
  Interval range = toInterval(operands.front());
  for (Bounds operand : operands.drop_front())
    range = hull(range, toInterval(operand));
  return range;
}

namespace {
/// Intervals of the values of one block, from those of its arguments.
/// Constants outside are looked through.
class BlockRanges {
public:
  void set(Value value, Interval range) { ranges[value] = range; }
  Interval get(Value value) {
    auto found = ranges.find(value);
    if (found != ranges.end())
      return found->second;
    if (auto constant = value.getDefiningOp<arith::ConstantOp>())
      return rangeOfConstant(constant.getValue());
    return {};
  }
  void run(Block &block);

private:
  DenseMap<Value, Interval> ranges;
};
} // namespace

void BlockRanges::run(Block &block) {
  for (Operation &op : block.without_terminator()) {
    if (auto inference = dyn_cast<RangeInferenceOpInterface>(op)) {
      SmallVector<Bounds> operands;
      for (Value operand : op.getOperands())
        operands.push_back(toBounds(get(operand)));
      for (auto [result, bounds] :
           llvm::zip_equal(op.getResults(), inference.inferRanges(operands)))
        set(result, toInterval(bounds));
    }
    // On numbers the direct evaluation also sees comparisons and constants.
    if (op.getNumResults() == 1 && !isa<ShapedType>(op.getResult(0).getType()))
      set(op.getResult(0),
          evaluate(&op, [&](Value value) { return get(value); }));
  }
}

//===----------------------------------------------------------------------===//
// linalg
//===----------------------------------------------------------------------===//

/// The number of iterations that meet in one output element, or std::nullopt if
/// an extent is dynamic.
static std::optional<int64_t> countReductions(linalg::LinalgOp op) {
  int64_t count = 1;
  for (auto [extent, iterator] :
       llvm::zip_equal(op.getStaticLoopRanges(), op.getIteratorTypesArray())) {
    if (iterator == utils::IteratorType::parallel)
      continue;
    if (ShapedType::isDynamic(extent))
      return std::nullopt;
    count *= extent;
  }
  return count;
}

/// The interval of one result of a structured operation.
static Interval evaluateResult(linalg::LinalgOp op, OpOperand &init,
                               Value yielded, BlockRanges &ranges) {
  if (op.getNumReductionLoops() == 0)
    return ranges.get(yielded);
  BlockArgument accumulator = op.getMatchingBlockArgument(&init);
  if (accumulator.use_empty())
    return ranges.get(yielded);
  Operation *combiner = yielded.getDefiningOp();
  if (!combiner || !accumulator.hasOneUse() ||
      *accumulator.user_begin() != combiner || combiner->getNumOperands() != 2)
    return {};
  Value term = combiner->getOperand(combiner->getOperand(0) == accumulator);
  if (isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp,
          arith::MinNumFOp>(combiner))
    return ranges.get(yielded); // idempotent: one application bounds many
  if (!isa<arith::AddFOp>(combiner))
    return {};
  std::optional<int64_t> count = countReductions(op);
  if (count)
    return sum(ranges.get(accumulator), ranges.get(term), *count);
  return ranges.get(accumulator).lower >= 0 && ranges.get(term).lower >= 0
             ? Interval{0, std::numeric_limits<double>::infinity()}
             : Interval();
}

namespace {
template <typename OpTy>
struct StructuredModel
    : RangeInferenceOpInterface::ExternalModel<StructuredModel<OpTy>, OpTy> {
  SmallVector<Bounds> inferRanges(Operation *op,
                                  ArrayRef<Bounds> operands) const {
    auto linalgOp = cast<linalg::LinalgOp>(op);
    Block &body = *linalgOp.getBlock();
    BlockRanges ranges;
    for (OpOperand &operand : op->getOpOperands())
      ranges.set(linalgOp.getMatchingBlockArgument(&operand),
                 toInterval(operands[operand.getOperandNumber()]));
    ranges.run(body);
    SmallVector<Bounds> results;
    for (auto [init, yielded] :
         llvm::zip_equal(linalgOp.getDpsInitsMutable(),
                         body.getTerminator()->getOperands()))
      results.push_back(
          toBounds(evaluateResult(linalgOp, init, yielded, ranges)));
    results.resize(op->getNumResults());
    return results;
  }
};

/// A softmax is e_i / sum(e): rounding is monotonic and no summand exceeds the
/// sum of non-negative ones, so 1 is never passed.
struct SoftmaxModel
    : RangeInferenceOpInterface::ExternalModel<SoftmaxModel,
                                               linalg::SoftmaxOp> {
  SmallVector<Bounds> inferRanges(Operation *op, ArrayRef<Bounds>) const {
    return SmallVector<Bounds>(op->getNumResults(), std::pair(0.0, 1.0));
  }
};

//===----------------------------------------------------------------------===//
// tensor
//===----------------------------------------------------------------------===//

/// The result holds elements of operand 0 and nothing else.
template <typename OpTy>
struct SourceModel
    : RangeInferenceOpInterface::ExternalModel<SourceModel<OpTy>, OpTy> {
  SmallVector<Bounds> inferRanges(Operation *,
                                  ArrayRef<Bounds> operands) const {
    return {operands.front()};
  }
};

/// The result holds elements of all operands.
template <typename OpTy>
struct HullModel
    : RangeInferenceOpInterface::ExternalModel<HullModel<OpTy>, OpTy> {
  SmallVector<Bounds> inferRanges(Operation *,
                                  ArrayRef<Bounds> operands) const {
    if (operands.empty())
      return {std::nullopt};
    return {toBounds(hullOf(operands))};
  }
};

struct InsertSliceModel
    : RangeInferenceOpInterface::ExternalModel<InsertSliceModel,
                                               tensor::InsertSliceOp> {
  SmallVector<Bounds> inferRanges(Operation *,
                                  ArrayRef<Bounds> operands) const {
    return {toBounds(hullOf(operands.take_front(2)))};
  }
};

struct PadModel
    : RangeInferenceOpInterface::ExternalModel<PadModel, tensor::PadOp> {
  SmallVector<Bounds> inferRanges(Operation *op,
                                  ArrayRef<Bounds> operands) const {
    auto pad = cast<tensor::PadOp>(op);
    auto isZero = [](int64_t extent) { return extent == 0; };
    if (llvm::all_of(pad.getStaticLow(), isZero) &&
        llvm::all_of(pad.getStaticHigh(), isZero))
      return {operands.front()};
    Value value = pad.getConstantPaddingValue();
    auto constant =
        value ? value.getDefiningOp<arith::ConstantOp>() : arith::ConstantOp();
    if (!constant)
      return {std::nullopt};
    return {toBounds(hull(toInterval(operands.front()),
                          rangeOfConstant(constant.getValue())))};
  }
};

//===----------------------------------------------------------------------===//
// arith, math, mpq
//===----------------------------------------------------------------------===//

/// Operations on numbers, vectors or tensors that compute element by element.
template <typename OpTy>
struct ElementwiseModel
    : RangeInferenceOpInterface::ExternalModel<ElementwiseModel<OpTy>, OpTy> {
  SmallVector<Bounds> inferRanges(Operation *op,
                                  ArrayRef<Bounds> operands) const {
    return {toBounds(evaluate(op, [&](Value value) {
      for (OpOperand &operand : op->getOpOperands())
        if (operand.get() == value)
          return toInterval(operands[operand.getOperandNumber()]);
      return Interval();
    }))};
  }
};

struct UnitModel : RangeInferenceOpInterface::ExternalModel<UnitModel, UnitOp> {
  SmallVector<Bounds> inferRanges(Operation *op,
                                  ArrayRef<Bounds> operands) const {
    auto unit = cast<UnitOp>(op);
    if (unit.getKind() == "softmax")
      return SmallVector<Bounds>(op->getNumResults(), std::pair(0.0, 1.0));
    BlockRanges ranges;
    Block &body = unit.getBody().front();
    for (auto [argument, bounds] :
         llvm::zip_equal(body.getArguments(), operands))
      ranges.set(argument, toInterval(bounds));
    ranges.run(body);
    SmallVector<Bounds> results;
    for (Value yielded : body.getTerminator()->getOperands())
      results.push_back(toBounds(ranges.get(yielded)));
    return results;
  }
};
} // namespace

template <typename... OpTys>
static void attachStructured(MLIRContext *context) {
  (OpTys::template attachInterface<StructuredModel<OpTys>>(*context), ...);
}
template <typename... OpTys> static void attachSource(MLIRContext *context) {
  (OpTys::template attachInterface<SourceModel<OpTys>>(*context), ...);
}
template <typename... OpTys> static void attachHull(MLIRContext *context) {
  (OpTys::template attachInterface<HullModel<OpTys>>(*context), ...);
}
template <typename... OpTys>
static void attachElementwise(MLIRContext *context) {
  (OpTys::template attachInterface<ElementwiseModel<OpTys>>(*context), ...);
}

void mpq::registerRangeModels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, linalg::LinalgDialect *dialect) {
        attachStructured<
#define GET_OP_LIST
#include "mlir/Dialect/Linalg/IR/LinalgStructuredOps.cpp.inc"
            >(context);
        linalg::SoftmaxOp::attachInterface<SoftmaxModel>(*context);
      });
  registry.addExtension(+[](MLIRContext *context,
                            tensor::TensorDialect *dialect) {
    attachSource<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
                 tensor::ExtractOp, tensor::ExtractSliceOp, tensor::GatherOp,
                 tensor::ReshapeOp, tensor::SplatOp>(context);
    attachHull<tensor::ConcatOp, tensor::FromElementsOp>(context);
    tensor::InsertSliceOp::attachInterface<InsertSliceModel>(*context);
    tensor::PadOp::attachInterface<PadModel>(*context);
  });
  registry.addExtension(+[](MLIRContext *context,
                            arith::ArithDialect *dialect) {
    attachElementwise<arith::ConstantOp, arith::AddFOp, arith::SubFOp,
                      arith::MulFOp, arith::DivFOp, arith::NegFOp,
                      arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp,
                      arith::MinNumFOp, arith::SelectOp, arith::ExtFOp,
                      arith::SIToFPOp, arith::UIToFPOp>(context);
  });
  registry.addExtension(+[](MLIRContext *context, math::MathDialect *dialect) {
    attachElementwise<math::AbsFOp, math::SqrtOp, math::RsqrtOp, math::ExpOp,
                      math::LogOp, math::TanhOp, math::ErfOp, math::SinOp,
                      math::CosOp, math::FloorOp, math::CeilOp, math::RoundOp,
                      math::RoundEvenOp, math::FmaOp, math::ClampFOp>(context);
  });
  registry.addExtension(+[](MLIRContext *context, MPQDialect *dialect) {
    attachElementwise<DequantizeOp>(context);
    UnitOp::attachInterface<UnitModel>(*context);
  });
}
