//===- LowerDynamicProducts.cpp - activations quantized as it runs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A scale for each row stays outside of the sum, so the kernel of static
// products serves here too; what a static zero point folds into the bias is a
// multiplication in the epilogue. Everything reads one tensor of parameters,
// which every product of the same activation shares.
//
//===----------------------------------------------------------------------===//

#include "DynamicParameters.h"
#include "ProductParts.h"

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQInterfaces.h"

#include <limits>

namespace mpq {
#define GEN_PASS_DEF_LOWERDYNAMICPRODUCTSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
class DynamicLowering {
public:
  explicit DynamicLowering(MLIRContext *context) : rewriter(context) {}
  void run(Operation *root);

private:
  /// A parameter of each element of a result, as an operand of its generic.
  struct Operand {
    Value value;
    AffineMap map;
  };

  Value getAffine(ChooseParamsOp op);
  Operand getAffine(ChooseParamsOp op, AffineMap map, AffineParameter which);
  void lowerProduct(QuantizableOpInterface product);
  bool lowerWeights(linalg::LinalgOp op, DynamicActivation left,
                    AffineMap rows);
  bool lowerAttention(linalg::LinalgOp op, DynamicActivation left,
                      AffineMap rows);
  void finish(linalg::LinalgOp op, DynamicActivation left, AffineMap rows,
              SmallVector<Value> inputs, SmallVector<AffineMap> maps,
              function_ref<Value(OpBuilder &, Location, ValueRange)> getSums,
              function_ref<Value(OpBuilder &, Location, ValueRange)> getScale,
              bool addsInit);
  void lowerQuantize(QuantizeOp op, ChooseParamsOp params);
  void lowerParams(ChooseParamsOp op);

  IRRewriter rewriter;
  llvm::DenseMap<Operation *, Value> affine;
};
} // namespace

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// All parameters of unsigned bytes: the shape of the scales and a dimension of
/// three (createAffine).
Value DynamicLowering::getAffine(ChooseParamsOp op) {
  Value &tensor = affine[op];
  if (!tensor) {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    tensor = createAffine(rewriter, op.getLoc(), getBlocks(rewriter, op));
  }
  return tensor;
}

/// One of them, by a map to the dimensions of the scales.
DynamicLowering::Operand DynamicLowering::getAffine(ChooseParamsOp op,
                                                    AffineMap map,
                                                    AffineParameter which) {
  SmallVector<AffineExpr> exprs(map.getResults());
  if (exprs.empty()) // one pair has a dimension nevertheless
    exprs.push_back(rewriter.getAffineConstantExpr(0));
  exprs.push_back(rewriter.getAffineConstantExpr(which));
  return {getAffine(op),
          AffineMap::get(map.getNumDims(), 0, exprs, map.getContext())};
}

/// The parameters of `operand` as a function of the result's dimensions; null
/// if they change inside of a sum.
static AffineMap getParamMapOfResult(linalg::LinalgOp op, OpOperand &operand,
                                     AffineMap paramMap) {
  AffineMap ofLoops = paramMap.compose(op.getMatchingIndexingMap(&operand));
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<AffineExpr> exprs;
  for (AffineExpr expr : ofLoops.getResults()) {
    std::optional<unsigned> d = output.getResultPosition(expr);
    if (!d)
      return {};
    exprs.push_back(getAffineDimExpr(*d, op.getContext()));
  }
  return AffineMap::get(output.getNumResults(), 0, exprs, op.getContext());
}

/// A zero point, which is a float among the parameters, as an integer.
static Value toInteger(OpBuilder &b, Location l, Value zeroPoint) {
  return arith::FPToSIOp::create(b, l, b.getI32Type(), zeroPoint);
}

static Value toByte(OpBuilder &b, Location l, Value zeroPoint) {
  return arith::TruncIOp::create(b, l, b.getI8Type(),
                                 toInteger(b, l, zeroPoint));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Replaces `op` by N-W3: `f32(sums) * (row scale * scale) [+ init]`, of which
/// the first two are computed from `inputs`.
void DynamicLowering::finish(
    linalg::LinalgOp op, DynamicActivation left, AffineMap rows,
    SmallVector<Value> inputs, SmallVector<AffineMap> maps,
    function_ref<Value(OpBuilder &, Location, ValueRange)> getSums,
    function_ref<Value(OpBuilder &, Location, ValueRange)> getScale,
    bool addsInit) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Operand rowScale = getAffine(left.params, rows, AffineScale);
  unsigned scaleAt = inputs.size();
  inputs.push_back(rowScale.value);
  maps.push_back(rowScale.map);
  if (addsInit) {
    inputs.push_back(op.getDpsInits()[0]);
    maps.push_back(rewriter.getMultiDimIdentityMap(type.getRank()));
  }
  Value result = createElementwise(
      rewriter, op.getLoc(), type, inputs, maps,
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value number =
            arith::SIToFPOp::create(b, l, b.getF32Type(), getSums(b, l, args));
        Value scale =
            arith::MulFOp::create(b, l, args[scaleAt], getScale(b, l, args));
        number = arith::MulFOp::create(b, l, number, scale);
        if (addsInit)
          number = arith::AddFOp::create(b, l, number, args[inputs.size() - 1]);
        return number;
      });
  rewriter.replaceOp(op, result);
}

bool DynamicLowering::lowerWeights(linalg::LinalgOp op, DynamicActivation left,
                                   AffineMap rows) {
  ProductParts parts;
  StringRef reason;
  // A factor of the weights' scales and sums, as far as they are known.
  TensorParameters one{1.0f, 1, true, rewriter.getI8Type()};
  if (failed(splitProduct(cast<QuantizableOpInterface>(op.getOperation()),
                          parts, reason, one)) ||
      parts.hasRemainder())
    return false;
  for (int64_t bound : parts.bound)
    if (bound > std::numeric_limits<int32_t>::max())
      return false;
  SmallVector<int64_t> zeros(parts.channels, 0);
  Value acc =
      createIntegerProduct(rewriter, parts, createInit(rewriter, parts, zeros));
  Operand zeroPoint = getAffine(left.params, rows, AffineZeroPoint);
  SmallVector<Value> inputs{acc, zeroPoint.value};
  SmallVector<AffineMap> maps{
      rewriter.getMultiDimIdentityMap(rows.getNumDims()), zeroPoint.map};
  SmallVector<int32_t> corrections(llvm::map_range(
      parts.correction, [](int64_t sum) { return int32_t(sum); }));
  ChannelConstant correction(rewriter, parts, ArrayRef<int32_t>(corrections)),
      scale(rewriter, parts, ArrayRef<float>(parts.scales));
  correction.appendTo(inputs, maps);
  scale.appendTo(inputs, maps);
  finish(
      op, left, rows, inputs, maps,
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value term = arith::MulIOp::create(b, l, toInteger(b, l, args[1]),
                                           correction.get(b, l, args));
        return arith::AddIOp::create(b, l, args[0], term);
      },
      [&](OpBuilder &b, Location l, ValueRange args) {
        return scale.get(b, l, args);
      },
      analyzeBias(parts).kind != Bias::Zero);
  return true;
}

/// The right operand is quantized as the model runs, too: in signed bytes, so
/// that no sums over the left one are needed.
bool DynamicLowering::lowerAttention(linalg::LinalgOp op,
                                     DynamicActivation left, AffineMap rows) {
  OpOperand &rightOperand = op->getOpOperand(1);
  std::optional<DynamicActivation> right = matchDynamic(rightOperand.get());
  if (!right || right->params.getIsUnsigned() ||
      !linalg::isaContractionOpInterface(op) || op.hasDynamicShape())
    return false;
  AffineMap columns = getParamMapOfResult(
      op, rightOperand, right->quantize.getParamMap().value());
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (!columns || failed(dims) || dims->k.size() != 1 ||
      op.getStaticLoopRanges()[dims->k[0]] >
          std::numeric_limits<int32_t>::max() / (255 * 128))
    return false;

  Location loc = op.getLoc();
  Value bytes = right->quantize.getResult();
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Value acc = createIntegerProduct(
      rewriter, loc, left.quantize.getResult(), bytes,
      createZeros(rewriter, loc, type.clone(rewriter.getI32Type())),
      op.getIndexingMapsArray(), op.getIteratorTypesArray());
  Operand zeroPoint = getAffine(left.params, rows, AffineZeroPoint);
  AffineMap sumMap;
  Value sums = createOperandSums(rewriter, op, rightOperand, bytes,
                                 /*isUnsigned=*/false, sumMap);
  SmallVector<Value> inputs{acc, zeroPoint.value, sums,
                            right->params.getScale()};
  SmallVector<AffineMap> maps{rewriter.getMultiDimIdentityMap(type.getRank()),
                              zeroPoint.map, sumMap, columns};
  Value init = op.getDpsInits()[0];
  auto fill = init.getDefiningOp<linalg::FillOp>();
  finish(
      op, left, rows, inputs, maps,
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value term =
            arith::MulIOp::create(b, l, toInteger(b, l, args[1]), args[2]);
        return arith::SubIOp::create(b, l, args[0], term);
      },
      [](OpBuilder &, Location, ValueRange args) { return args[3]; },
      !fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()));
  return true;
}

void DynamicLowering::lowerProduct(QuantizableOpInterface product) {
  auto op = dyn_cast<linalg::LinalgOp>(product.getOperation());
  OpOperand &activation = product.getActivationOperand();
  std::optional<DynamicActivation> left = matchDynamic(activation.get());
  if (!op || !left || !left->params.getIsUnsigned() || op.hasDynamicShape())
    return;
  AffineMap rows =
      getParamMapOfResult(op, activation, left->quantize.getParamMap().value());
  rewriter.setInsertionPoint(op);
  if (rows && !lowerWeights(op, *left, rows) &&
      activation.getOperandNumber() == 0)
    lowerAttention(op, *left, rows);
}

//===----------------------------------------------------------------------===//
// What they read
//===----------------------------------------------------------------------===//

void DynamicLowering::lowerQuantize(QuantizeOp op, ChooseParamsOp params) {
  rewriter.setInsertionPoint(op);
  auto type = cast<RankedTensorType>(op.getType());
  // The inverse is the same for many elements.
  bool multiplies = op.getScaling() == Scaling::Multiply;
  Operand scale = getAffine(params, *op.getParamMap(),
                            multiplies ? AffineInverse : AffineScale),
          zeroPoint = getAffine(params, *op.getParamMap(), AffineZeroPoint);
  rewriter.replaceOp(
      op, createElementwise(
              rewriter, op.getLoc(), type,
              {op.getInput(), scale.value, zeroPoint.value},
              {rewriter.getMultiDimIdentityMap(type.getRank()), scale.map,
               zeroPoint.map},
              [&](OpBuilder &b, Location l, ValueRange args) -> Value {
                Value number = args[0], step = args[1];
                if (multiplies) {
                  number = arith::MulFOp::create(b, l, number, step);
                  step = arith::ConstantOp::create(b, l, b.getF32FloatAttr(1));
                }
                return QuantizeOp::create(
                    b, l, type.getElementType(), number, step,
                    toByte(b, l, args[2]), AffineMapAttr(),
                    op.getIsUnsignedAttr(), op.getRoundingAttr(),
                    op.getScalingAttr(), op.getZeroPointOrderAttr(),
                    op.getClampRangeAttr());
              }));
}

/// What others read of the parameters.
void DynamicLowering::lowerParams(ChooseParamsOp op) {
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  auto create = [&](Value result, AffineParameter which) {
    if (result.use_empty())
      return;
    auto type = cast<RankedTensorType>(result.getType());
    bool single = type.getRank() == 0; // kernels have a dimension
    auto wide = single ? type.clone(ArrayRef<int64_t>{1}) : type;
    Operand source =
        getAffine(op, rewriter.getMultiDimIdentityMap(wide.getRank()), which);
    Value column = createElementwise(
        rewriter, loc, wide, source.value, source.map,
        [&](OpBuilder &b, Location l, ValueRange args) -> Value {
          return which == AffineZeroPoint ? toByte(b, l, args[0]) : args[0];
        });
    if (single)
      column = tensor::CollapseShapeOp::create(
          rewriter, loc, type, column, ArrayRef<ReassociationIndices>{});
    rewriter.replaceAllUsesWith(result, column);
  };
  create(op.getScale(), AffineScale);
  create(op.getZeroPoint(), AffineZeroPoint);
  rewriter.eraseOp(op);
}

void DynamicLowering::run(Operation *root) {
  SmallVector<QuantizableOpInterface> products;
  SmallVector<QuantizeOp> quantizes;
  SmallVector<ChooseParamsOp> params;
  root->walk([&](Operation *op) {
    if (auto product = dyn_cast<QuantizableOpInterface>(op);
        product && product.isProduct())
      products.push_back(product);
    if (auto quantize = dyn_cast<QuantizeOp>(op))
      quantizes.push_back(quantize);
    if (auto choose = dyn_cast<ChooseParamsOp>(op);
        choose && choose.getIsUnsigned() &&
        choose.getInput().getType().hasStaticShape())
      params.push_back(choose);
  });
  for (QuantizableOpInterface product : products)
    lowerProduct(product);
  SmallVector<DequantizeOp> unused;
  root->walk([&](DequantizeOp op) {
    if (op->use_empty())
      unused.push_back(op);
  });
  for (DequantizeOp op : unused)
    rewriter.eraseOp(op);
  for (QuantizeOp quantize : quantizes) {
    auto choose = quantize.getScale().getDefiningOp<ChooseParamsOp>();
    if (choose && llvm::is_contained(params, choose) &&
        quantize.getZeroPoint() == choose.getZeroPoint() &&
        quantize.getParamMap() == choose.getParamMap())
      lowerQuantize(quantize, choose);
  }
  for (ChooseParamsOp choose : params)
    lowerParams(choose);
}

namespace {
struct LowerDynamicProducts
    : mpq::impl::LowerDynamicProductsPassBase<LowerDynamicProducts> {
  void runOnOperation() override {
    DynamicLowering(&getContext()).run(getOperation());
  }
};
} // namespace
