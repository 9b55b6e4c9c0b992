//===- QDQForm.cpp - quantized products read from IR ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ONNX has scales along one dimension. Where ours vary along several (columns
// of a transposed convolution, groups), the integers are stored with these
// dimensions merged in front, and reshaped and transposed once dequantized.
//
//===----------------------------------------------------------------------===//

#include "QDQForm.h"

#include "mpq/Dialect/ConstantView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mpq;
using namespace mpq::onnximport;

//===----------------------------------------------------------------------===//
// Products and values
//===----------------------------------------------------------------------===//

std::optional<std::vector<float>>
onnximport::readBias(QuantizableOpInterface product) {
  auto op = cast<linalg::LinalgOp>(product.getOperation());
  // Dimensions of the result that channels index, in the weights' order.
  AffineMap weightMap = op.getMatchingIndexingMap(&product.getWeightOperand());
  AffineMap resultMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<int64_t> channelDims, extents;
  for (int64_t dim : product.getWeightChannelDims()) {
    auto position = resultMap.getResultPosition(weightMap.getResult(dim));
    if (!position)
      return std::nullopt;
    channelDims.push_back(*position);
    extents.push_back(type.getDimSize(*position));
  }
  int64_t channels = computeProduct(extents);

  Value init = op.getDpsInits()[0];
  if (auto fill = init.getDefiningOp<linalg::FillOp>()) {
    FloatAttr value;
    if (!matchPattern(fill.getInputs()[0], m_Constant(&value)))
      return std::nullopt;
    if (value.getValue().isZero())
      return std::vector<float>();
    return std::vector<float>(channels, value.getValue().convertToFloat());
  }
  Value source = init;
  SmallVector<int64_t> sourceDims =
      llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  if (auto broadcast = init.getDefiningOp<linalg::BroadcastOp>()) {
    source = broadcast.getInput();
    llvm::erase_if(sourceDims, [&](int64_t dim) {
      return llvm::is_contained(broadcast.getDimensions(), dim);
    });
  }
  std::optional<ConstantView> numbers = ConstantView::get(source);
  if (!numbers || !numbers->getElementType().isF32())
    return std::nullopt;
  if (numbers->isSplat())
    return numbers->getFloat(0) == 0
               ? std::vector<float>()
               : std::vector<float>(channels, numbers->getFloat(0));
  // The source has all channels' dimensions, or stays equal along them.
  SmallVector<int64_t> strides(channelDims.size(), 0);
  int64_t stride = 1;
  for (int64_t dim : llvm::reverse(sourceDims)) {
    auto *at = llvm::find(channelDims, dim);
    if (at != channelDims.end())
      strides[at - channelDims.begin()] = stride;
    else if (type.getDimSize(dim) != 1)
      return std::nullopt;
    stride *= type.getDimSize(dim);
  }
  std::vector<float> bias;
  SmallVector<int64_t> basis = computeSuffixProduct(extents);
  for (int64_t c = 0; c < channels; ++c)
    bias.push_back(
        numbers->getFloat(linearize(delinearize(c, basis), strides)));
  return bias;
}

SmallVector<QuantizedProduct>
onnximport::findQuantizedProducts(FunctionOpInterface function) {
  SmallVector<QuantizedProduct> products;
  for (auto op :
       function.getFunctionBody().front().getOps<QuantizableOpInterface>()) {
    if (!op.isProduct())
      continue;
    auto weights = op.getWeightOperand().get().getDefiningOp<DequantizeOp>();
    if (weights && ConstantView::get(weights.getInput()))
      products.push_back({op, weights});
  }
  return products;
}

/// Values without numbers of their own: uninitialized or filled with a number.
static bool holdsNoValues(Value value) {
  return value.getDefiningOp<tensor::EmptyOp>() ||
         value.getDefiningOp<linalg::FillOp>() ||
         matchPattern(value, m_Constant());
}

/// The values that `value` holds the elements of; empty if it computes them.
static SmallVector<Value> getMovedValues(Value value) {
  SmallVector<Value> values;
  if (auto move = value.getDefiningOp<ScaleRelationOpInterface>())
    for (OpOperand *operand : move.getScalePreservingOperands())
      if (!holdsNoValues(operand->get()))
        values.push_back(operand->get());
  return values;
}

static QuantizeOp getQuantize(Value value) {
  auto dequantize = value.getDefiningOp<DequantizeOp>();
  return dequantize ? dequantize.getInput().getDefiningOp<QuantizeOp>()
                    : QuantizeOp();
}

QuantizeOp onnximport::findQuantize(Value value) {
  while (true) {
    if (QuantizeOp quantize = getQuantize(value))
      return quantize;
    SmallVector<Value> moved = getMovedValues(value);
    if (moved.empty())
      return {};
    value = moved.front();
  }
}

Value onnximport::findMovedValue(Value value) {
  while (true) {
    if (QuantizeOp quantize = getQuantize(value))
      return quantize.getInput();
    SmallVector<Value> moved = getMovedValues(value);
    if (moved.size() != 1)
      return moved.empty() ? value : Value();
    value = moved.front();
  }
}

std::optional<TensorQuantization>
onnximport::readQuantization(QuantizeOp quantize, std::string &message) {
  auto type = cast<RankedTensorType>(quantize.getType());
  std::optional<ConstantView> scale = ConstantView::get(quantize.getScale());
  std::optional<ConstantView> zero = ConstantView::get(quantize.getZeroPoint());
  if (!scale || !zero || !scale->isSplat())
    message = "its scale is not one constant";
  else if (!type.getElementType().isInteger(8) &&
           !type.getElementType().isInteger(16))
    message = "its integers do not have 8 or 16 bits";
  else if (quantize.getRounding() != Rounding::HalfEven ||
           quantize.getZeroPointOrder() != ZeroPointOrder::AfterRounding)
    message = "QuantizeLinear rounds half to even before it adds the zero "
              "point, and this quantization does not";
  else if (quantize.getClampRange())
    message = "QuantizeLinear does not clamp to less than the integers' range";
  if (!message.empty())
    return std::nullopt;
  return TensorQuantization{
      scale->getFloat(0), zero->getInt(0, quantize.getIsUnsigned()),
      quantize.getIsUnsigned(), type.getElementTypeBitWidth()};
}

std::optional<std::pair<Value, std::vector<float>>>
onnximport::matchChannelFactors(Value value) {
  auto generic = value.getDefiningOp<linalg::GenericOp>();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!generic || generic.getNumDpsInputs() != 2 || !type ||
      type.getRank() == 0 ||
      generic.getNumParallelLoops() != generic.getNumLoops() ||
      llvm::range_size(generic.getBody()->without_terminator()) != 1)
    return std::nullopt;
  auto mul = dyn_cast<arith::MulFOp>(generic.getBody()->front());
  AffineMap last =
      AffineMap::get(type.getRank(), 0,
                     getAffineDimExpr(type.getRank() - 1, value.getContext()));
  SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
  if (!mul || mul.getLhs() != generic.getBody()->getArgument(0) ||
      mul.getRhs() != generic.getBody()->getArgument(1) ||
      !maps[0].isIdentity() || maps[1] != last || !maps[2].isIdentity())
    return std::nullopt;
  std::optional<ConstantView> numbers =
      ConstantView::get(generic.getDpsInputs()[1]);
  if (!numbers || !numbers->getElementType().isF32())
    return std::nullopt;
  std::vector<float> factors;
  for (int64_t i = 0; i < numbers->size(); ++i)
    factors.push_back(numbers->getFloat(i));
  return std::pair(generic.getDpsInputs()[0], std::move(factors));
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

std::optional<WeightOrder> onnximport::getWeightOrder(Operation *op,
                                                      StringRef opType,
                                                      int64_t spatialRank) {
  using Dims = SmallVector<SmallVector<int64_t>>;
  if (opType == "MatMul" || opType == "Gemm") {
    if (isa<linalg::MatmulOp>(op))
      return WeightOrder{Dims{{0}, {1}}, {}};
    if (isa<linalg::BatchMatmulOp>(op) && opType == "MatMul")
      return WeightOrder{Dims{{0}, {1}, {2}}, {}};
    return std::nullopt;
  }
  // Output channels, input channels of a group, window.
  auto order = llvm::TypeSwitch<Operation *, std::optional<WeightOrder>>(op)
                   .Case<linalg::Conv2DNhwcHwcfOp>([](auto) {
                     return WeightOrder{Dims{{3}, {2}, {0}, {1}}, {}};
                   })
                   .Case<linalg::Conv2DNchwFchwOp>([](auto) {
                     return WeightOrder{Dims{{0}, {1}, {2}, {3}}, {}};
                   })
                   .Case<linalg::Conv2DNhwgcGfhwcOp>([](auto) {
                     return WeightOrder{Dims{{0, 1}, {4}, {2}, {3}}, {}};
                   })
                   .Case<linalg::Conv2DNgchwGfchwOp>([](auto) {
                     return WeightOrder{Dims{{0, 1}, {2}, {3}, {4}}, {}};
                   })
                   .Case<linalg::DepthwiseConv2DNhwcHwcOp>([](auto) {
                     return WeightOrder{Dims{{2}, {}, {0}, {1}}, {}};
                   })
                   .Case<linalg::DepthwiseConv2DNchwChwOp>([](auto) {
                     return WeightOrder{Dims{{0}, {}, {1}, {2}}, {}};
                   })
                   .Default([](Operation *) { return std::nullopt; });
  if (opType == "ConvTranspose") {
    // Windows that do not overlap: a product of pixels and (C, F * KH * KW).
    if (isa<linalg::MatmulOp>(op))
      return WeightOrder{Dims{{0}, {1}}, {}};
    if (!order)
      return std::nullopt;
    // (F, C, KH, KW) of the flipped convolution is (C, F, KH, KW) here, within
    // each group.
    SmallVector<int64_t> filters = order->dims[0], channels = order->dims[1];
    if (filters.size() == 2) {
      channels.insert(channels.begin(), filters.front());
      filters.erase(filters.begin());
    } else if (channels.empty()) {
      std::swap(filters, channels);
    }
    order->dims[0] = channels;
    order->dims[1] = filters;
    order->flipped = {order->dims[2].front(), order->dims[3].front()};
  } else if (opType != "Conv") {
    return std::nullopt;
  }
  if (order && spatialRank == 1) // the importer made the height
    order->dims.erase(order->dims.begin() + 2);
  return order;
}

std::optional<QuantizedWeights>
onnximport::readWeights(DequantizeOp dequantize, const WeightOrder &order,
                        std::string &message) {
  auto type = cast<RankedTensorType>(dequantize.getInput().getType());
  auto scaleType = cast<RankedTensorType>(dequantize.getScale().getType());
  std::optional<ConstantView> integers =
      ConstantView::get(dequantize.getInput());
  std::optional<ConstantView> scales = ConstantView::get(dequantize.getScale());
  std::optional<ConstantView> zeros =
      ConstantView::get(dequantize.getZeroPoint());
  unsigned bits = type.getElementTypeBitWidth();
  if (isa<Float4E2M1FNType>(type.getElementType())) {
    message = "they are FP4, which engines cannot dequantize";
    return std::nullopt;
  }
  if (!integers || !scales || !zeros || (bits != 8 && bits != 4 && bits != 2)) {
    message = "its weights are no constants of 8, 4 or 2 bits";
    return std::nullopt;
  }
  QuantizedWeights result;
  result.storage = type.getElementType();
  if (bits < 4) // engines know no integers of 2 bits
    result.storage = IntegerType::get(type.getContext(), 4);
  result.isUnsigned = dequantize.getIsUnsigned();

  // Which dimensions of the weights the scales vary along, and in what steps.
  SmallVector<int64_t> scaleDims;
  std::optional<int64_t> blockedDim;
  for (AffineExpr expr : dequantize.getParamMap()->getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      scaleDims.push_back(dim.getPosition());
      continue;
    }
    auto blocks = cast<AffineBinaryOpExpr>(expr);
    blockedDim = cast<AffineDimExpr>(blocks.getLHS()).getPosition();
    result.blockSize = cast<AffineConstantExpr>(blocks.getRHS()).getValue();
    scaleDims.push_back(*blockedDim);
  }

  SmallVector<SmallVector<int64_t>> dims = order.dims;
  if (blockedDim) {
    // ONNX wants a scale for every index of the other dimensions.
    for (auto [axis, merged] : llvm::enumerate(dims)) {
      if (merged != SmallVector<int64_t>{*blockedDim} &&
          llvm::any_of(merged, [&](int64_t dim) {
            return !llvm::is_contained(scaleDims, dim);
          })) {
        message = "its scales vary in blocks, and not along all other "
                  "dimensions of the weights";
        return std::nullopt;
      }
      if (merged == SmallVector<int64_t>{*blockedDim})
        result.axis = axis;
    }
    if (!result.axis) {
      message = "its blocks lie along a dimension that ONNX merges";
      return std::nullopt;
    }
  } else if (!scaleDims.empty()) {
    for (auto [axis, merged] : llvm::enumerate(dims))
      if (merged == scaleDims)
        result.axis = axis;
    if (!result.axis) {
      SmallVector<int64_t> stored = scaleDims;
      for (ArrayRef<int64_t> merged : order.dims)
        for (int64_t dim : merged)
          if (!llvm::is_contained(scaleDims, dim))
            stored.push_back(dim);
      SmallVector<int64_t> rest(ArrayRef(stored).drop_front(scaleDims.size()));
      dims = {scaleDims, rest};
      for (int64_t dim : stored)
        result.unmergedShape.push_back(type.getDimSize(dim));
      for (ArrayRef<int64_t> merged : order.dims)
        for (int64_t dim : merged)
          result.permutation.push_back(llvm::find(stored, dim) -
                                       stored.begin());
      result.axis = 0;
    }
  }

  // Elements in the order of `dims`.
  SmallVector<int64_t> flat, extents,
      strides = computeStrides(type.getShape()),
      scaleStrides = computeStrides(scaleType.getShape());
  for (ArrayRef<int64_t> merged : dims) {
    int64_t extent = 1;
    for (int64_t dim : merged) {
      flat.push_back(dim);
      extents.push_back(type.getDimSize(dim));
      extent *= type.getDimSize(dim);
    }
    result.shape.push_back(extent);
  }
  SmallVector<int64_t> basis = computeStrides(extents);
  result.integers.reserve(integers->size());
  for (int64_t i = 0, e = computeProduct(extents); i < e; ++i) {
    int64_t source = 0;
    for (auto [dim, extent, step] : llvm::zip_equal(flat, extents, basis)) {
      int64_t at = i / step % extent;
      if (llvm::is_contained(order.flipped, dim))
        at = extent - 1 - at;
      source += at * strides[dim];
    }
    result.integers.push_back(
        static_cast<int8_t>(integers->getInt(source, result.isUnsigned)));
  }

  // Scales in the same order: along all dimensions if there are blocks.
  SmallVector<int64_t> scaleExtents, scaleSteps;
  for (int64_t dim : flat) {
    auto *at = llvm::find(scaleDims, dim);
    if (at == scaleDims.end())
      continue;
    scaleExtents.push_back(scaleType.getDimSize(at - scaleDims.begin()));
    scaleSteps.push_back(scaleStrides[at - scaleDims.begin()]);
  }
  SmallVector<int64_t> scaleBasis = computeStrides(scaleExtents);
  for (int64_t i = 0, e = computeProduct(scaleExtents); i < e; ++i) {
    int64_t source = 0;
    for (auto [extent, step, base] :
         llvm::zip_equal(scaleExtents, scaleSteps, scaleBasis))
      source += i / base % extent * step;
    result.scales.push_back(scales->getFloat(source));
    result.zeroPoints.push_back(
        static_cast<int8_t>(zeros->getInt(source, result.isUnsigned)));
  }
  if (!result.axis) {
    result.scaleShape = {};
  } else if (blockedDim) {
    for (auto [axis, extent] : llvm::enumerate(result.shape))
      result.scaleShape.push_back(
          int64_t(axis) == *result.axis
              ? llvm::divideCeilSigned(extent, result.blockSize)
              : extent);
  } else {
    result.scaleShape = {result.shape[*result.axis]};
  }
  return result;
}
