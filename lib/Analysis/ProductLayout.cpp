//===- ProductLayout.cpp - where the factors of a product lie ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Analysis/ProductLayout.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace mpq;

/// How far one step of each loop goes in a row-major tensor of this shape of
/// which the results of `map` are the dimensions that `takes` accepts.
static std::optional<SmallVector<int64_t>>
getStrides(AffineMap map, ArrayRef<int64_t> shape,
           llvm::function_ref<bool(unsigned)> takes) {
  for (AffineExpr expr : map.getResults()) {
    bool isLinear = expr.isPureAffine();
    expr.walk([&](AffineExpr part) {
      isLinear &= part.getKind() != AffineExprKind::Mod &&
                  part.getKind() != AffineExprKind::FloorDiv &&
                  part.getKind() != AffineExprKind::CeilDiv;
    });
    if (!isLinear)
      return std::nullopt;
  }
  SmallVector<int64_t> at(map.getNumDims(), 0), strides(map.getNumDims(), 0);
  SmallVector<int64_t> origin = map.compose(at);
  if (llvm::any_of(origin, [](int64_t offset) { return offset != 0; }))
    return std::nullopt;
  for (unsigned loop = 0; loop < map.getNumDims(); ++loop) {
    at[loop] = 1;
    SmallVector<int64_t> step = map.compose(at);
    at[loop] = 0;
    int64_t stride = 1;
    for (unsigned dim = shape.size(); dim-- > 0;) {
      if (!takes(dim))
        continue;
      strides[loop] += step[dim] * stride;
      stride *= shape[dim];
    }
  }
  return strides;
}

/// Offsets of all iterations of some loops, the last of them fastest.
static SmallVector<int64_t> getOffsets(ArrayRef<unsigned> loops,
                                       ArrayRef<int64_t> extents,
                                       ArrayRef<int64_t> strides) {
  SmallVector<int64_t> offsets{0};
  for (unsigned loop : loops) {
    SmallVector<int64_t> outer = std::move(offsets);
    offsets.clear();
    for (int64_t offset : outer)
      for (int64_t i = 0; i < extents[loop]; ++i)
        offsets.push_back(offset + i * strides[loop]);
  }
  return offsets;
}

std::optional<ProductLayout>
ProductLayout::get(QuantizableOpInterface product) {
  auto op = dyn_cast<linalg::LinalgOp>(product.getOperation());
  if (!op || !product.getMultiplyAccumulates())
    return std::nullopt;
  OpOperand &activation = product.getActivationOperand(),
            &weights = product.getWeightOperand();
  AffineMap activationMap = op.getMatchingIndexingMap(&activation),
            weightMap = op.getMatchingIndexingMap(&weights);
  ArrayRef<int64_t> weightShape = op.getShape(&weights);
  SmallVector<int64_t> channelDims = product.getWeightChannelDims();
  auto takesAll = [](unsigned) { return true; };
  auto strides = getStrides(activationMap, op.getShape(&activation), takesAll);
  auto weightStrides = getStrides(weightMap, weightShape, takesAll);
  auto channelStrides = getStrides(weightMap, weightShape, [&](unsigned dim) {
    return llvm::is_contained(channelDims, dim);
  });
  if (!strides || !weightStrides || !channelStrides)
    return std::nullopt;
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  SmallVector<unsigned> groups, rows, sums, columns;
  for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypesArray())) {
    bool isReduction = iterator == utils::IteratorType::reduction;
    bool isOfWeights = weightMap.isFunctionOfDim(loop);
    bool isOfActivation = activationMap.isFunctionOfDim(loop);
    (isReduction                     ? sums
     : isOfWeights && isOfActivation ? groups
     : isOfWeights                   ? columns
                                     : rows)
        .push_back(loop);
  }
  ProductLayout layout;
  layout.groups = getOffsets(groups, extents, *strides);
  layout.rows = getOffsets(rows, extents, *strides);
  layout.sums = getOffsets(sums, extents, *strides);
  layout.weightGroups = getOffsets(groups, extents, *weightStrides);
  layout.weightColumns = getOffsets(columns, extents, *weightStrides);
  layout.weightSums = getOffsets(sums, extents, *weightStrides);
  layout.channelGroups = getOffsets(groups, extents, *channelStrides);
  layout.channelColumns = getOffsets(columns, extents, *channelStrides);
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<unsigned> channels = groups;
  llvm::append_range(channels, columns);
  layout.hasLastChannels = channels.size() == 1 && result.getNumResults() > 0 &&
                           result.getResult(result.getNumResults() - 1) ==
                               getAffineDimExpr(channels[0], op.getContext());
  return layout;
}
