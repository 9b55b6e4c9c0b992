//===- QuantizationModels.cpp - which operations quantize, and how ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A quantizer asks two questions: is this a product worth integers, and does
// that only move values? Both are answered from indexing maps, so one model
// serves matrix products, convolutions of every layout, and generics.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/MPQInterfaces.h"
#include "mpq/Models/Models.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;
using namespace mpq;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Whether the body is `acc + a * b` on f32.
static bool isMultiplyAccumulate(linalg::LinalgOp op) {
  Block &body = *op.getBlock();
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() == 0)
    return false;
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add)
    return false;
  Value acc = body.getArgument(2);
  Value other = add.getLhs() == acc   ? add.getRhs()
                : add.getRhs() == acc ? add.getLhs()
                                      : Value();
  auto mul = other ? other.getDefiningOp<arith::MulFOp>() : arith::MulFOp();
  if (!mul)
    return false;
  Value a = body.getArgument(0), b = body.getArgument(1);
  return (mul.getLhs() == a && mul.getRhs() == b) ||
         (mul.getLhs() == b && mul.getRhs() == a);
}

/// Whether `value` is known when compiling, seen through the operations that
/// carry quantized or narrow weights.
static bool isConstantWeight(Value value) {
  while (Operation *def = value.getDefiningOp()) {
    if (def->hasTrait<OpTrait::ConstantLike>())
      return true;
    if (def->getNumOperands() == 0 || !isa<DequantizeOp, arith::ExtFOp>(def))
      return false;
    value = def->getOperand(0);
  }
  return false;
}

namespace {
template <typename OpTy>
struct ProductModel
    : QuantizableOpInterface::ExternalModel<ProductModel<OpTy>, OpTy> {
  bool isProduct(Operation *op) const {
    auto linalgOp = cast<linalg::LinalgOp>(op);
    return linalgOp.hasPureTensorSemantics() &&
           isMultiplyAccumulate(linalgOp) &&
           llvm::all_of(op->getOperandTypes(), [](Type type) {
             return getElementTypeOrSelf(type).isF32();
           });
  }
  OpOperand &getActivationOperand(Operation *op) const {
    return op->getOpOperand(1 - weightIndex(op));
  }
  OpOperand &getWeightOperand(Operation *op) const {
    return op->getOpOperand(weightIndex(op));
  }
  SmallVector<int64_t> getWeightChannelDims(Operation *op) const {
    auto linalgOp = cast<linalg::LinalgOp>(op);
    SmallVector<utils::IteratorType> iterators =
        linalgOp.getIteratorTypesArray();
    SmallVector<int64_t> dims;
    AffineMap map = linalgOp.getMatchingIndexingMap(&getWeightOperand(op));
    for (auto [index, expr] : llvm::enumerate(map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        if (iterators[dim.getPosition()] == utils::IteratorType::parallel)
          dims.push_back(index);
    return dims;
  }
  int64_t getReductionExtent(Operation *op) const {
    auto linalgOp = cast<linalg::LinalgOp>(op);
    SmallVector<int64_t> extents = linalgOp.getStaticLoopRanges();
    int64_t product = 1;
    for (auto [extent, iterator] :
         llvm::zip(extents, linalgOp.getIteratorTypesArray()))
      if (iterator == utils::IteratorType::reduction)
        product *= extent;
    return product;
  }
  std::optional<int64_t> getMultiplyAccumulates(Operation *op) const {
    int64_t product = 1;
    for (int64_t extent : cast<linalg::LinalgOp>(op).getStaticLoopRanges()) {
      if (ShapedType::isDynamic(extent))
        return std::nullopt;
      product *= extent;
    }
    return product;
  }
  StringRef getProductKind(Operation *op) const {
    if (isa<linalg::DepthwiseConv1DNwcWcOp, linalg::DepthwiseConv1DNcwCwOp,
            linalg::DepthwiseConv2DNhwcHwcOp, linalg::DepthwiseConv2DNhwcHwcmOp,
            linalg::DepthwiseConv2DNchwChwOp>(op))
      return "depthwise";
    // A convolution that `prepare` made a matrix product of keeps the kind it
    // has in the source model.
    auto name = dyn_cast<NameLoc>(op->getLoc());
    auto node = name ? dyn_cast<NameLoc>(name.getChildLoc()) : NameLoc();
    if (isa<linalg::ConvolutionOpInterface>(op) ||
        (node && node.getName().getValue().starts_with("Conv")))
      return "conv";
    return "matmul";
  }

private:
  /// The second operand, unless only the first is constant.
  static unsigned weightIndex(Operation *op) {
    return isConstantWeight(op->getOperand(0)) &&
                   !isConstantWeight(op->getOperand(1))
               ? 0
               : 1;
  }
};

//===----------------------------------------------------------------------===//
// Moves
//===----------------------------------------------------------------------===//

/// Operations whose operand 0 is moved as a whole.
template <typename OpTy>
struct MoveModel
    : ScaleRelationOpInterface::ExternalModel<MoveModel<OpTy>, OpTy> {
  SmallVector<OpOperand *> getScalePreservingOperands(Operation *op) const {
    return {&op->getOpOperand(0)};
  }
  bool movesIntegers(Operation *op) const {
    return !isa<linalg::PoolingNchwMaxOp>(op); // linalg has no unsigned form
  }
};

struct ConcatModel
    : ScaleRelationOpInterface::ExternalModel<ConcatModel, tensor::ConcatOp> {
  SmallVector<OpOperand *> getScalePreservingOperands(Operation *op) const {
    return llvm::map_to_vector(op->getOpOperands(),
                               [](OpOperand &operand) { return &operand; });
  }
};

struct InsertSliceModel
    : ScaleRelationOpInterface::ExternalModel<InsertSliceModel,
                                              tensor::InsertSliceOp> {
  SmallVector<OpOperand *> getScalePreservingOperands(Operation *op) const {
    auto insert = cast<tensor::InsertSliceOp>(op);
    return {&insert.getSourceMutable(), &insert.getDestMutable()};
  }
};

/// Whether nothing but maxima over windows read `value`, quantized or not.
bool isReadByMaximaOnly(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    if (auto quantize = dyn_cast<QuantizeOp>(user))
      return isReadByMaximaOnly(quantize.getResult());
    return isa<linalg::PoolingNhwcMaxOp, linalg::PoolingNhwcMaxUnsignedOp,
               linalg::PoolingNchwMaxOp>(user);
  });
}

/// Zero is representable by construction of the zero point. The lower end
/// (minus infinity) is too where nothing but maxima read it: the smallest
/// integer is neutral there.
struct PadModel
    : ScaleRelationOpInterface::ExternalModel<PadModel, tensor::PadOp> {
  SmallVector<OpOperand *> getScalePreservingOperands(Operation *op) const {
    auto pad = cast<tensor::PadOp>(op);
    FloatAttr value;
    Value padding = pad.getConstantPaddingValue();
    if (!padding || !matchPattern(padding, m_Constant(&value)))
      return {};
    bool isLowest =
        value.getValue().isNegative() &&
        (value.getValue().isInfinity() || value.getValue().isLargest());
    if (!value.getValue().isZero() &&
        !(isLowest && isReadByMaximaOnly(pad.getResult())))
      return {};
    return {&pad.getSourceMutable()};
  }
};

/// A generic that yields an input, or an element extracted from a tensor.
struct GenericMoveModel
    : ScaleRelationOpInterface::ExternalModel<GenericMoveModel,
                                              linalg::GenericOp> {
  SmallVector<OpOperand *> getScalePreservingOperands(Operation *op) const {
    auto generic = cast<linalg::GenericOp>(op);
    if (generic.getNumResults() != 1 ||
        generic.getNumParallelLoops() != generic.getNumLoops())
      return {};
    Value yielded = generic.getBody()->getTerminator()->getOperand(0);
    if (auto argument = dyn_cast<BlockArgument>(yielded)) {
      if (argument.getOwner() != generic.getBody() ||
          argument.getArgNumber() >= generic.getNumDpsInputs())
        return {};
      return {&op->getOpOperand(argument.getArgNumber())};
    }
    auto extract = yielded.getDefiningOp<tensor::ExtractOp>();
    if (!extract || extract->getBlock() != generic.getBody() ||
        !extract->hasOneUse())
      return {};
    return {&extract.getTensorMutable()};
  }
};
} // namespace

template <typename... Ops> static void attachProduct(MLIRContext *context) {
  (Ops::template attachInterface<ProductModel<Ops>>(*context), ...);
}
template <typename... Ops> static void attachMove(MLIRContext *context) {
  (Ops::template attachInterface<MoveModel<Ops>>(*context), ...);
}

void mpq::registerQuantizationModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    attachProduct<
        linalg::MatmulOp, linalg::BatchMatmulOp, linalg::BatchReduceMatmulOp,
        linalg::Conv1DNwcWcfOp, linalg::Conv1DNcwFcwOp,
        linalg::Conv2DNhwcHwcfOp, linalg::Conv2DNhwcFhwcOp,
        linalg::Conv2DNchwFchwOp, linalg::Conv2DNgchwGfchwOp,
        linalg::Conv2DNgchwFgchwOp, linalg::Conv2DNhwgcGfhwcOp,
        linalg::Conv3DNdhwcDhwcfOp, linalg::DepthwiseConv1DNwcWcOp,
        linalg::DepthwiseConv1DNcwCwOp, linalg::DepthwiseConv2DNhwcHwcOp,
        linalg::DepthwiseConv2DNhwcHwcmOp, linalg::DepthwiseConv2DNchwChwOp,
        linalg::GenericOp>(context);
    attachMove<linalg::TransposeOp, linalg::BroadcastOp,
               linalg::PoolingNhwcMaxOp, linalg::PoolingNchwMaxOp>(context);
    linalg::GenericOp::attachInterface<GenericMoveModel>(*context);
  });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    attachMove<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
               tensor::ExtractSliceOp>(context);
    tensor::ConcatOp::attachInterface<ConcatModel>(*context);
    tensor::InsertSliceOp::attachInterface<InsertSliceModel>(*context);
    tensor::PadOp::attachInterface<PadModel>(*context);
  });
}
