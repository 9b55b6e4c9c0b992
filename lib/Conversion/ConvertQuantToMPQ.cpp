//===- ConvertQuantToMPQ.cpp - upstream's quantized types to operations ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Other compilers keep scales in the type of a value. Here they are operands of
// the operations that use them, and values are plain integers, so every type
// that mentions `!quant.uniform` changes, down to the function signature.
// Folding is off: upstream folds `dcast(qcast(x))` to `x`, which would undo the
// quantization that the model was trained with.
//
//===----------------------------------------------------------------------===//

#include "Parameters.h"

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQInterfaces.h"

#include <cmath>

namespace mpq {
#define GEN_PASS_DEF_CONVERTQUANTTOMPQPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

namespace {
/// Quantized types as numbers: what mpq.quantize takes as operands.
struct TypeParameters {
  SmallVector<float> scales;
  SmallVector<int64_t> zeroPoints;
  SmallVector<int64_t> shape;  // of both
  SmallVector<int64_t> axes;   // the dimension behind each of `shape`
  SmallVector<int64_t> blocks; // and how many elements share a parameter
};
} // namespace

static quant::QuantizedType getQuantized(Type type) {
  return dyn_cast<quant::QuantizedType>(getElementTypeOrSelf(type));
}

/// The numbers of the type, for a tensor of `shape`.
static TypeParameters getParameters(quant::QuantizedType type,
                                    ArrayRef<int64_t> shape) {
  TypeParameters parameters;
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(type)) {
    parameters.scales = {float(uniform.getScale())};
    parameters.zeroPoints = {uniform.getZeroPoint()};
  } else if (auto axis = dyn_cast<quant::UniformQuantizedPerAxisType>(type)) {
    for (double scale : axis.getScales())
      parameters.scales.push_back(float(scale));
    llvm::append_range(parameters.zeroPoints, axis.getZeroPoints());
    parameters.shape = {int64_t(parameters.scales.size())};
    parameters.axes = {axis.getQuantizedDimension()};
    parameters.blocks = {1};
  } else {
    auto blocked = cast<quant::UniformQuantizedSubChannelType>(type);
    for (APFloat scale : blocked.getScales().getValues<APFloat>())
      parameters.scales.push_back(float(scale.convertToDouble()));
    for (APInt zeroPoint : blocked.getZeroPoints().getValues<APInt>())
      parameters.zeroPoints.push_back(type.isSigned()
                                          ? zeroPoint.getSExtValue()
                                          : int64_t(zeroPoint.getZExtValue()));
    SmallVector<int64_t> blockOf(shape);
    for (auto [axis, block] : blocked.getBlockSizeInfo())
      blockOf[axis] = block;
    // Dimensions with one parameter need none.
    for (auto [axis, extent] :
         llvm::enumerate(blocked.getScales().getType().getShape()))
      if (extent != 1) {
        parameters.shape.push_back(extent);
        parameters.axes.push_back(axis);
        parameters.blocks.push_back(blockOf[axis]);
      }
  }
  return parameters;
}

/// Why mpq has no form of `type`, or "". `quantizes`: something produces it.
static std::string findObstacle(Type type, bool quantizes) {
  quant::QuantizedType element = getQuantized(type);
  if (!element)
    return "";
  if (!isa<quant::UniformQuantizedType, quant::UniformQuantizedPerAxisType,
           quant::UniformQuantizedSubChannelType>(element))
    return "expected a type !quant.uniform";
  if (isa<ShapedType>(type) && !isa<RankedTensorType>(type))
    return "expected a ranked tensor";
  if (!isa<Float32Type, Float16Type, BFloat16Type>(element.getExpressedType()))
    return "expected the expressed type f32, f16 or bf16";
  unsigned width = element.getStorageTypeIntegralWidth();
  if (width != 2 && width != 4 && width != 8 && width != 16 &&
      (width != 32 || quantizes || !element.isSigned()))
    return "expected a storage type of 2, 4, 8 or 16 bits (or i32 that is only "
           "dequantized)";
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor && !isa<quant::UniformQuantizedType>(element))
    return "expected parameters for the whole value outside of tensors";
  ArrayRef<int64_t> shape = tensor ? tensor.getShape() : ArrayRef<int64_t>();
  if (isa<quant::UniformQuantizedSubChannelType>(element) &&
      !tensor.hasStaticShape())
    return "expected a static shape for parameters per block";
  for (float scale : getParameters(element, shape).scales)
    if (!(scale > 0) || !std::isfinite(scale))
      return "expected scales that are positive and finite in f32";
  return "";
}

namespace {
/// Quantized elements become their signless storage.
struct StorageConverter : TypeConverter {
  StorageConverter() {
    addConversion([](Type type) { return type; });
    addConversion([](quant::QuantizedType type) -> Type {
      return IntegerType::get(type.getContext(),
                              type.getStorageTypeIntegralWidth());
    });
    addConversion([this](RankedTensorType type) -> Type {
      return type.clone(convertType(type.getElementType()));
    });
  }
};

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// What mpq.quantize and mpq.dequantize say of a quantized type.
struct Operands {
  Value scale, zeroPoint;
  AffineMapAttr map; // null on scalars
  UnitAttr isUnsigned;
  DenseI64ArrayAttr clampRange;

  Operands(OpBuilder &builder, Location loc, Type type) {
    quant::QuantizedType element = getQuantized(type);
    auto storage =
        builder.getIntegerType(element.getStorageTypeIntegralWidth());
    if (!element.isSigned())
      isUnsigned = builder.getUnitAttr();
    int64_t low = element.getStorageTypeMin(),
            high = element.getStorageTypeMax();
    unsigned width = storage.getWidth();
    if (low != quant::QuantizedType::getDefaultMinimumForInteger(
                   element.isSigned(), width) ||
        high != quant::QuantizedType::getDefaultMaximumForInteger(
                    element.isSigned(), width))
      clampRange = builder.getDenseI64ArrayAttr({low, high});
    auto tensor = dyn_cast<RankedTensorType>(type);
    TypeParameters numbers = getParameters(
        element, tensor ? tensor.getShape() : ArrayRef<int64_t>());
    if (!tensor) {
      scale = arith::ConstantOp::create(
          builder, loc, builder.getF32FloatAttr(numbers.scales[0]));
      zeroPoint = arith::ConstantOp::create(
          builder, loc, getStorageAttr(storage, numbers.zeroPoints[0]));
      return;
    }
    scale = createConstant(
        builder, loc,
        RankedTensorType::get(numbers.shape, builder.getF32Type()),
        numbers.scales);
    SmallVector<APInt> zeroPoints;
    for (int64_t zero : numbers.zeroPoints)
      zeroPoints.push_back(getStorageAttr(storage, zero).getValue());
    zeroPoint = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(RankedTensorType::get(numbers.shape, storage),
                               zeroPoints));
    SmallVector<AffineExpr> exprs;
    for (auto [axis, block] : llvm::zip_equal(numbers.axes, numbers.blocks)) {
      AffineExpr dim = builder.getAffineDimExpr(axis);
      exprs.push_back(block == 1 ? dim : dim.floorDiv(block));
    }
    map = AffineMapAttr::get(
        AffineMap::get(tensor.getRank(), 0, exprs, builder.getContext()));
  }
};

struct ConvertQuantize : OpConversionPattern<quant::QuantizeCastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(quant::QuantizeCastOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Operands operands(rewriter, op.getLoc(), op.getType());
    // What upstream leaves open, and mpq-convert-mpq-to-quant writes down.
    auto variant = [&](StringRef name, auto fallback) {
      auto attribute =
          op->getAttrOfType<decltype(fallback)>(("mpq." + name).str());
      return attribute ? attribute : fallback;
    };
    MLIRContext *context = op.getContext();
    rewriter.replaceOpWithNewOp<QuantizeOp>(
        op, getTypeConverter()->convertType(op.getType()), adaptor.getInput(),
        operands.scale, operands.zeroPoint, operands.map, operands.isUnsigned,
        variant("rounding", RoundingAttr::get(context, Rounding::HalfEven)),
        variant("scaling", ScalingAttr::get(context, Scaling::Divide)),
        variant(
            "zero_point_order",
            ZeroPointOrderAttr::get(context, ZeroPointOrder::AfterRounding)),
        operands.clampRange);
    return success();
  }
};

struct ConvertDequantize : OpConversionPattern<quant::DequantizeCastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(quant::DequantizeCastOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Operands operands(rewriter, op.getLoc(), op.getInput().getType());
    rewriter.replaceOpWithNewOp<DequantizeOp>(
        op, op.getType(), adaptor.getInput(), operands.scale,
        operands.zeroPoint, operands.map, operands.isUnsigned);
    return success();
  }
};

/// Storage is what a quantized value is already.
struct DropStorageCast : OpConversionPattern<quant::StorageCastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(quant::StorageCastOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, adaptor.getInput());
    return success();
  }
};

/// What moves quantized values moves their integers.
struct ConvertMove : OpInterfaceConversionPattern<ScaleRelationOpInterface> {
  using OpInterfaceConversionPattern::OpInterfaceConversionPattern;
  LogicalResult
  matchAndRewrite(ScaleRelationOpInterface op, ArrayRef<Value> operands,
                  ConversionPatternRewriter &rewriter) const override {
    OperationState state(op.getLoc(), op->getName(), operands, TypeRange(),
                         op->getAttrs());
    if (failed(getTypeConverter()->convertTypes(op->getResultTypes(),
                                                state.types)))
      return rewriter.notifyMatchFailure(op, "a type has no storage form");
    rewriter.replaceOp(op, rewriter.create(state));
    return success();
  }
};
} // namespace

void mpq::populateConvertQuantToMPQPatterns(const TypeConverter &converter,
                                            RewritePatternSet &patterns) {
  patterns
      .add<ConvertDequantize, ConvertMove, ConvertQuantize, DropStorageCast>(
          converter, patterns.getContext());
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

static bool usesQuantized(Operation *op) {
  auto isQuantized = [](Type type) { return bool(getQuantized(type)); };
  return llvm::any_of(op->getOperandTypes(), isQuantized) ||
         llvm::any_of(op->getResultTypes(), isQuantized);
}

/// One error for whatever mpq cannot express, where it stands.
static LogicalResult verifyConvertible(Operation *root) {
  WalkResult walk = root->walk([](Operation *op) -> WalkResult {
    auto check = [&](Type type, bool quantizes) -> LogicalResult {
      std::string obstacle = findObstacle(type, quantizes);
      if (obstacle.empty())
        return success();
      return op->emitOpError(obstacle) << " but got " << type;
    };
    if (auto function = dyn_cast<FunctionOpInterface>(op))
      for (Type type : llvm::concat<const Type>(function.getArgumentTypes(),
                                                function.getResultTypes()))
        if (failed(check(type, false)))
          return failure();
    if (!usesQuantized(op))
      return success();
    for (Type type : op->getOperandTypes())
      if (failed(check(type, false)))
        return failure();
    for (Type type : op->getResultTypes())
      if (failed(check(type, isa<quant::QuantizeCastOp>(op))))
        return failure();
    auto move = dyn_cast<ScaleRelationOpInterface>(op);
    if (isa<quant::QuantDialect>(op->getDialect()) ||
        isa<func::ReturnOp, func::CallOp>(op) ||
        (move && move.movesIntegers() && op->getNumRegions() == 0 &&
         !move.getScalePreservingOperands().empty()))
      return success();
    return op->emitOpError(
        "expected operations on quantized types only to move values but "
        "this one computes: put it between quant.dcast and quant.qcast");
  });
  return failure(walk.wasInterrupted());
}

namespace {
struct ConvertQuantToMPQ
    : mpq::impl::ConvertQuantToMPQPassBase<ConvertQuantToMPQ> {
  void runOnOperation() override {
    Operation *root = getOperation();
    if (failed(verifyConvertible(root)))
      return signalPassFailure();
    // The signature loses its types; what is unsigned in it stays known.
    root->walk([](FunctionOpInterface function) {
      auto isUnsigned = [](Type type) {
        quant::QuantizedType element = getQuantized(type);
        return element && !element.isSigned();
      };
      auto *context = function.getContext();
      auto name = StringAttr::get(context, MPQDialect::getUnsignedAttrName());
      for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
        if (isUnsigned(type))
          function.setArgAttr(i, name, UnitAttr::get(context));
      for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
        if (isUnsigned(type))
          function.setResultAttr(i, name, UnitAttr::get(context));
    });

    StorageConverter converter;
    RewritePatternSet patterns(&getContext());
    populateConvertQuantToMPQPatterns(converter, patterns);
    populateAnyFunctionOpInterfaceTypeConversionPattern(patterns, converter);
    populateCallOpTypeConversionPattern(patterns, converter);
    populateReturnOpTypeConversionPattern(patterns, converter);
    ConversionTarget target(getContext());
    target.addIllegalDialect<quant::QuantDialect>();
    target.markUnknownOpDynamicallyLegal([&](Operation *op) {
      if (auto function = dyn_cast<FunctionOpInterface>(op))
        return converter.isLegal(function.getArgumentTypes()) &&
               converter.isLegal(function.getResultTypes()) &&
               (function.isExternal() ||
                converter.isLegal(&function.getFunctionBody()));
      return converter.isLegal(op);
    });
    ConversionConfig config;
    config.foldingMode = DialectConversionFoldingMode::Never;
    if (failed(applyFullConversion(root, target, std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
