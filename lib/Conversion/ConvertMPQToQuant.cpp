//===- ConvertMPQToQuant.cpp - quantization as upstream's types ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For compilers that want scales in types. Values keep their storage types and
// are cast where they are quantized or dequantized, so signatures and what
// moves integers stay as they are. Nothing is folded: upstream's folder would
// take `dcast(qcast(x))` for `x`.
//
//===----------------------------------------------------------------------===//

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"

namespace mpq {
#define GEN_PASS_DEF_CONVERTMPQTOQUANTPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// The numbers of a constant parameter, of a tensor or not.
static std::optional<SmallVector<double>> readScales(Value value) {
  if (FloatAttr number; matchPattern(value, m_Constant(&number)))
    return SmallVector<double>{number.getValueAsDouble()};
  std::optional<ConstantView> view = ConstantView::get(value);
  if (!view)
    return std::nullopt;
  SmallVector<double> scales;
  for (int64_t i = 0; i < view->size(); ++i)
    scales.push_back(view->getFloat(i));
  return scales;
}
static std::optional<SmallVector<int64_t>> readZeroPoints(Value value,
                                                          bool isUnsigned) {
  if (IntegerAttr number; matchPattern(value, m_Constant(&number)))
    return SmallVector<int64_t>{isUnsigned
                                    ? int64_t(number.getValue().getZExtValue())
                                    : number.getValue().getSExtValue()};
  std::optional<ConstantView> view = ConstantView::get(value);
  if (!view)
    return std::nullopt;
  SmallVector<int64_t> zeroPoints;
  for (int64_t i = 0; i < view->size(); ++i)
    zeroPoints.push_back(view->getInt(i, isUnsigned));
  return zeroPoints;
}

/// The type `!quant.uniform` of the integers `stored` that stand for `real`
/// values; null if there is none, which `emitError` then says.
template <typename OpTy>
static quant::QuantizedType
getQuantizedType(OpTy op, Type stored, Type real,
                 std::optional<ArrayRef<int64_t>> clampRange,
                 function_ref<InFlightDiagnostic()> emitError) {
  if (isa<VectorType>(real)) {
    emitError() << "expected a scalar or a tensor but got " << real;
    return {};
  }
  bool isUnsigned = op.getIsUnsigned();
  auto scales = readScales(op.getScale());
  auto zeroPoints = readZeroPoints(op.getZeroPoint(), isUnsigned);
  if (!scales || !zeroPoints) {
    emitError() << "expected constants but its scale or zero point is computed "
                   "at run time, which no type !quant.uniform can hold";
    return {};
  }
  Type storage = getElementTypeOrSelf(stored);
  Type expressed = getElementTypeOrSelf(real);
  unsigned width = storage.getIntOrFloatBitWidth();
  unsigned flags = isUnsigned ? 0 : quant::QuantizationFlags::Signed;
  int64_t low =
      quant::QuantizedType::getDefaultMinimumForInteger(!isUnsigned, width);
  int64_t high =
      quant::QuantizedType::getDefaultMaximumForInteger(!isUnsigned, width);
  if (clampRange) {
    low = (*clampRange)[0];
    high = (*clampRange)[1];
  }
  auto tensor = dyn_cast<RankedTensorType>(real);
  if (!tensor || op.getParamMap()->getNumResults() == 0)
    return quant::UniformQuantizedType::getChecked(
        emitError, flags, storage, expressed, scales->front(),
        zeroPoints->front(), low, high);
  AffineMap map = *op.getParamMap();
  if (map.getNumResults() == 1)
    if (auto dim = dyn_cast<AffineDimExpr>(map.getResult(0)))
      return quant::UniformQuantizedPerAxisType::getChecked(
          emitError, flags, storage, expressed, *scales, *zeroPoints,
          dim.getPosition(), low, high);

  // Blocks: parameters of the tensor's rank, 1 along what the map leaves out.
  ArrayRef<int64_t> extents =
      cast<RankedTensorType>(op.getScale().getType()).getShape();
  SmallVector<int64_t> shape(tensor.getRank(), 1), blocks;
  SmallVector<int32_t> axes;
  for (auto [expr, extent] : llvm::zip_equal(map.getResults(), extents)) {
    AffineExpr dim = expr;
    int64_t block = 1;
    if (auto division = dyn_cast<AffineBinaryOpExpr>(expr)) {
      dim = division.getLHS();
      block = cast<AffineConstantExpr>(division.getRHS()).getValue();
    }
    int64_t axis = cast<AffineDimExpr>(dim).getPosition();
    if (!axes.empty() && axis <= axes.back()) {
      emitError() << "expected a parameter map with increasing dimensions but "
                     "got "
                  << AffineMapAttr::get(map);
      return {};
    }
    if (tensor.isDynamicDim(axis) || tensor.getDimSize(axis) % block != 0) {
      emitError() << "expected whole blocks but " << block
                  << " elements do not divide dimension " << axis << " of "
                  << tensor;
      return {};
    }
    shape[axis] = extent;
    axes.push_back(axis);
    blocks.push_back(block);
  }
  SmallVector<APFloat> scaleNumbers;
  for (double scale : *scales) {
    APFloat number(scale);
    bool inexact;
    number.convert(cast<FloatType>(expressed).getFloatSemantics(),
                   APFloat::rmNearestTiesToEven, &inexact);
    if (inexact) {
      emitError() << "expected scales that " << expressed
                  << " represents but got " << scale;
      return {};
    }
    scaleNumbers.push_back(number);
  }
  SmallVector<APInt> zeroNumbers;
  for (int64_t zero : *zeroPoints)
    zeroNumbers.push_back(APInt(width, uint64_t(zero), /*isSigned=*/false,
                                /*implicitTrunc=*/true));
  return quant::UniformQuantizedSubChannelType::getChecked(
      emitError, flags, storage, expressed,
      DenseElementsAttr::get(RankedTensorType::get(shape, expressed),
                             scaleNumbers),
      DenseElementsAttr::get(RankedTensorType::get(shape, storage),
                             zeroNumbers),
      axes, blocks, low, high);
}

static Type withElement(Type type, Type element) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? Type(tensor.clone(element)) : element;
}

/// The type on the quantized side of `op`.
static Type getQuantizedSide(QuantizeOp op,
                             function_ref<InFlightDiagnostic()> emitError) {
  Type real = op.getInput().getType();
  quant::QuantizedType element =
      getQuantizedType(op, op.getType(), real, op.getClampRange(), emitError);
  return element ? withElement(real, element) : Type();
}
static Type getQuantizedSide(DequantizeOp op,
                             function_ref<InFlightDiagnostic()> emitError) {
  // The same type as where the integers come from.
  SmallVector<int64_t> limits;
  if (auto quantize = op.getInput().getDefiningOp<QuantizeOp>();
      quantize && quantize.getIsUnsigned() == op.getIsUnsigned()) {
    auto [low, high] = quantize.getLimits();
    limits = {low, high};
  } else if (auto cast = op.getInput().getDefiningOp<quant::StorageCastOp>();
             cast && cast.getQuantizedType().isSigned() != op.getIsUnsigned()) {
    quant::QuantizedType source = cast.getQuantizedType();
    limits = {source.getStorageTypeMin(), source.getStorageTypeMax()};
  }
  quant::QuantizedType element = getQuantizedType(
      op, op.getInput().getType(), op.getType(),
      limits.empty() ? std::nullopt : std::optional<ArrayRef<int64_t>>(limits),
      emitError);
  return element ? withElement(op.getType(), element) : Type();
}

namespace {
struct ConvertQuantize : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    Type type = getQuantizedSide(op, [&] { return op.emitOpError(); });
    if (!type)
      return rewriter.notifyMatchFailure(op, "no type can express it");
    auto cast = quant::QuantizeCastOp::create(rewriter, op.getLoc(), type,
                                              op.getInput());
    // Upstream leaves open how it rounds: what the model says goes along.
    if (op.getRounding() != Rounding::HalfEven)
      cast->setAttr("mpq.rounding", op.getRoundingAttr());
    if (op.getScaling() != Scaling::Divide)
      cast->setAttr("mpq.scaling", op.getScalingAttr());
    if (op.getZeroPointOrder() != ZeroPointOrder::AfterRounding)
      cast->setAttr("mpq.zero_point_order", op.getZeroPointOrderAttr());
    rewriter.replaceOpWithNewOp<quant::StorageCastOp>(op, op.getType(), cast);
    return success();
  }
};

struct ConvertDequantize : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DequantizeOp op,
                                PatternRewriter &rewriter) const override {
    Type type = getQuantizedSide(op, [&] { return op.emitOpError(); });
    if (!type)
      return rewriter.notifyMatchFailure(op, "no type can express it");
    auto cast = quant::StorageCastOp::create(rewriter, op.getLoc(), type,
                                             op.getInput());
    rewriter.replaceOpWithNewOp<quant::DequantizeCastOp>(op, op.getType(),
                                                         cast);
    return success();
  }
};

struct ConvertMPQToQuant
    : mpq::impl::ConvertMPQToQuantPassBase<ConvertMPQToQuant> {
  void runOnOperation() override {
    Operation *root = getOperation();
    // All or nothing, so that an error leaves no half-converted module.
    bool failed = false;
    SetVector<Operation *> parameters;
    root->walk([&](Operation *op) {
      auto emitError = [&] { return op->emitOpError(); };
      if (auto quantize = dyn_cast<QuantizeOp>(op))
        failed |= !getQuantizedSide(quantize, emitError);
      else if (auto dequantize = dyn_cast<DequantizeOp>(op))
        failed |= !getQuantizedSide(dequantize, emitError);
      else if (isa<RequantizeOp>(op)) {
        emitError() << "expected QDQ form but this operation has no "
                       "counterpart in quant: convert before the phase lower";
        failed = true;
      } else {
        return;
      }
      for (Value operand : op->getOperands().drop_front())
        if (Operation *constant = operand.getDefiningOp())
          parameters.insert(constant);
    });
    if (failed)
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    populateConvertMPQToQuantPatterns(patterns);
    walkAndApplyPatterns(root, std::move(patterns));
    for (Operation *constant : parameters)
      if (isOpTriviallyDead(constant))
        constant->erase();
  }
};
} // namespace

void mpq::populateConvertMPQToQuantPatterns(RewritePatternSet &patterns) {
  patterns.add<ConvertDequantize, ConvertQuantize>(patterns.getContext());
}
