//===- LowerActivationProducts.cpp - attention in integers ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing is known of either operand when compiling, so what a constant weight
// folds into its bias is computed as the model runs: cheaply, because each sum
// serves a whole row or column of results, and often not at all, because its
// factor is a zero point that is 0.
//
//===----------------------------------------------------------------------===//

#include "Planes.h"
#include "ProductParts.h"

#include "mpq/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQInterfaces.h"

#include <limits>

namespace mpq {
#define GEN_PASS_DEF_LOWERACTIVATIONPRODUCTSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
/// One operand: its integers and what they stand for.
struct Side {
  Value integers;
  TensorParameters parameters;

  static std::optional<Side> get(Value operand) {
    auto dequantize = operand.getDefiningOp<DequantizeOp>();
    if (!dequantize || ConstantView::get(dequantize.getInput()))
      return std::nullopt;
    std::optional<TensorParameters> parameters =
        getTensorParameters(dequantize);
    if (!parameters || !(parameters->storage.isInteger(8) ||
                         parameters->storage.isInteger(16)))
      return std::nullopt;
    return Side{dequantize.getInput(), *parameters};
  }
};

/// Rows, columns and depth of a product, and the operands' maps.
struct ProductLoops {
  std::optional<unsigned> batch;
  unsigned m, n, k;
  int64_t batches = 1, depth;

  /// Fails unless the result is (batch, rows, columns).
  static FailureOr<ProductLoops> get(linalg::LinalgOp op) {
    if (!linalg::isaContractionOpInterface(op))
      return failure();
    FailureOr<linalg::ContractionDimensions> dims =
        linalg::inferContractionDims(op);
    if (failed(dims) || dims->m.size() != 1 || dims->n.size() != 1 ||
        dims->k.size() != 1 || dims->batch.size() > 1)
      return failure();
    ProductLoops loops;
    loops.m = dims->m[0];
    loops.n = dims->n[0];
    loops.k = dims->k[0];
    SmallVector<int64_t> extents = op.getStaticLoopRanges();
    loops.depth = extents[loops.k];
    SmallVector<unsigned> order;
    if (!dims->batch.empty()) {
      loops.batch = dims->batch[0];
      loops.batches = extents[*loops.batch];
      order.push_back(*loops.batch);
    }
    order.append({loops.m, loops.n});
    AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    SmallVector<AffineExpr> wanted;
    for (unsigned loop : order)
      wanted.push_back(getAffineDimExpr(loop, op.getContext()));
    if (output.getResults() != ArrayRef<AffineExpr>(wanted) ||
        llvm::any_of(extents, ShapedType::isDynamic))
      return failure();
    return loops;
  }
};
} // namespace

/// What the sums start from: `K za zb - za sum qb` in every row, or 0.
static Value createStart(OpBuilder &builder, linalg::LinalgOp op,
                         const ProductLoops &loops, const Plane &a,
                         const Plane &b, Value bytesOfB) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op->getResult(0).getType())
                  .clone(builder.getI32Type());
  if (a.zeroPoint == 0)
    return createZeros(builder, loc, type);
  // One row of za: (batch, 1, k) x b -> (batch, 1, n).
  bool batched = loops.batch.has_value();
  SmallVector<int64_t> rowShape{1, loops.depth},
      sumShape{1, type.getShape().back()};
  if (batched) {
    rowShape.insert(rowShape.begin(), loops.batches);
    sumShape.insert(sumShape.begin(), loops.batches);
  }
  auto rowType = RankedTensorType::get(rowShape, builder.getI8Type());
  Value row = arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(rowType, ArrayRef<Attribute>(getStorageAttr(
                                          builder.getI8Type(), a.zeroPoint))));
  // The same loops, of which that of the rows has one iteration.
  AffineMap rightMap = op.getMatchingIndexingMap(&op->getOpOperand(1));
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<AffineExpr> rowExprs(output.getResults().drop_back());
  rowExprs.push_back(builder.getAffineDimExpr(loops.k));
  AffineMap rowMap =
      AffineMap::get(output.getNumDims(), 0, rowExprs, builder.getContext());
  auto sumType = RankedTensorType::get(sumShape, builder.getI32Type());
  Value sums = createIntegerProduct(
      builder, loc, row, bytesOfB, createZeros(builder, loc, sumType),
      {rowMap, rightMap, output}, op.getIteratorTypesArray());
  int64_t constant = loops.depth * a.zeroPoint * b.zeroPoint;
  Value start = createElementwise(
      builder, loc, sumType, sums,
      builder.getMultiDimIdentityMap(sumType.getRank()),
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value c = arith::ConstantOp::create(
            b, l, b.getI32IntegerAttr(int32_t(constant)));
        return arith::SubIOp::create(b, l, c, args[0]);
      });
  SmallVector<ReassociationIndices> groups{{0, 1}};
  if (batched)
    groups = {{0}, {1, 2}};
  start = tensor::CollapseShapeOp::create(builder, loc, start, groups);
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                        type.getElementType());
  return linalg::BroadcastOp::create(builder, loc, start, empty,
                                     ArrayRef<int64_t>{batched ? 1 : 0})
      ->getResult(0);
}

namespace {
struct LowerActivationProduct : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    auto product = dyn_cast<QuantizableOpInterface>(op.getOperation());
    if (!product || !product.isProduct())
      return rewriter.notifyMatchFailure(op, "not a product");
    std::optional<Side> a = Side::get(op->getOperand(0)),
                        b = Side::get(op->getOperand(1));
    if (!a || !b)
      return rewriter.notifyMatchFailure(
          op, "not two dequantized activations of 8 or 16 bits per tensor");
    FailureOr<ProductLoops> loops = ProductLoops::get(op);
    if (failed(loops))
      return rewriter.notifyMatchFailure(op, "not a plain matrix product");
    // The four terms, of which no partial sum may overflow (N-R2).
    if (loops->depth > std::numeric_limits<int32_t>::max() / (4 * 255 * 128))
      return rewriter.notifyMatchFailure(op, "its sum may exceed 31 bits");

    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
    // A sum for each pair of planes, the highest first, and what is subtracted
    // from it if the right plane has a zero point.
    struct PlaneSum {
      unsigned shift;
      size_t input;
      std::optional<size_t> rows;
      int32_t rowFactor;
    };
    SmallVector<PlaneSum> sums;
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (const Plane &left : getPlanes(a->parameters, /*isUnsigned=*/true))
      for (const Plane &right :
           getPlanes(b->parameters, /*isUnsigned=*/false)) {
        Value leftBytes = createPlane(rewriter, a->integers, left),
              rightBytes = createPlane(rewriter, b->integers, right);
        PlaneSum &sum =
            sums.emplace_back(PlaneSum{left.shift + right.shift, inputs.size(),
                                       std::nullopt, int32_t(right.zeroPoint)});
        inputs.push_back(createIntegerProduct(
            rewriter, loc, leftBytes, rightBytes,
            createStart(rewriter, op, *loops, left, right, rightBytes),
            op.getIndexingMapsArray(), op.getIteratorTypesArray()));
        maps.push_back(identity);
        if (right.zeroPoint == 0)
          continue;
        sum.rows = inputs.size();
        inputs.push_back(createOperandSums(rewriter, op, op->getOpOperand(0),
                                           leftBytes, /*isUnsigned=*/true,
                                           maps.emplace_back()));
      }
    auto getSum = [&](OpBuilder &b, Location l, ValueRange args,
                      const PlaneSum &sum) -> Value {
      if (!sum.rows)
        return args[sum.input];
      Value factor =
          arith::ConstantOp::create(b, l, b.getI32IntegerAttr(sum.rowFactor));
      Value term = arith::MulIOp::create(b, l, args[*sum.rows], factor);
      return arith::SubIOp::create(b, l, args[sum.input], term);
    };
    float scale = a->parameters.scale * b->parameters.scale;
    Type f32 = rewriter.getF32Type();
    Value init = op.getDpsInits()[0];
    auto fill = init.getDefiningOp<linalg::FillOp>();
    bool startsFromZero =
        fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
    if (QuantizeOp quantize = getOnlyQuantize(op);
        quantize && startsFromZero && sums.size() == 1) {
      TensorParameters output = *getTensorParameters(quantize);
      Value result = createElementwise(
          rewriter, quantize.getLoc(),
          cast<RankedTensorType>(quantize.getType()), inputs, maps,
          [&](OpBuilder &b, Location l, ValueRange args) -> Value {
            Value sum = getSum(b, l, args, sums.front());
            Value multiplier = arith::ConstantOp::create(
                b, l, FloatAttr::get(f32, scale / output.scale));
            Value zeroPoint = arith::ConstantOp::create(
                b, l, getStorageAttr(output.storage, output.zeroPoint));
            return RequantizeOp::create(b, l, output.storage, sum, multiplier,
                                        zeroPoint, AffineMapAttr(),
                                        quantize.getIsUnsignedAttr(),
                                        quantize.getClampRangeAttr());
          });
      rewriter.replaceOp(quantize, result);
      rewriter.eraseOp(op);
      return success();
    }
    if (!startsFromZero) {
      inputs.push_back(init);
      maps.push_back(identity);
    }
    SmallVector<unsigned> shifts = llvm::map_to_vector(
        sums, [](const PlaneSum &sum) { return sum.shift; });
    rewriter.replaceOp(
        op, createElementwise(
                rewriter, loc, type, inputs, maps,
                [&](OpBuilder &b, Location l, ValueRange args) -> Value {
                  SmallVector<Value> integers;
                  for (const PlaneSum &sum : sums)
                    integers.push_back(getSum(b, l, args, sum));
                  Value number = combinePlanes(b, l, integers, shifts);
                  Value factor = arith::ConstantOp::create(
                      b, l, FloatAttr::get(f32, scale));
                  return scaleSum(b, l, number, factor,
                                  !startsFromZero ? args[inputs.size() - 1]
                                                  : Value());
                }));
    return success();
  }
};

struct LowerActivationProducts
    : mpq::impl::LowerActivationProductsPassBase<LowerActivationProducts> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateLowerActivationProductsPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void mpq::populateLowerActivationProductsPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerActivationProduct>(patterns.getContext());
}
