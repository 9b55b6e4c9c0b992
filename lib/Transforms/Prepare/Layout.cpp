//===- Layout.cpp - permuting and reshaping tensor values ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout passes would otherwise each know how a constant, a fill or a
// dequantized weight changes its dimensions.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Prepare/Layout.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"

using namespace mlir;
using namespace mpq;

Location mpq::getHelperLocation(Location loc, StringRef suffix) {
  auto named = dyn_cast<NameLoc>(loc);
  if (!named)
    return loc;
  std::string tail = ("#" + suffix).str();
  StringRef name = named.getName();
  if (name.ends_with(tail))
    return loc;
  return NameLoc::get(StringAttr::get(loc.getContext(), name + tail),
                      named.getChildLoc());
}

//===----------------------------------------------------------------------===//
// Permuting elements and maps
//===----------------------------------------------------------------------===//

template <typename T>
static void permuteInto(char *out, const char *in, ArrayRef<int64_t> shape,
                        ArrayRef<int64_t> strides) {
  T *target = reinterpret_cast<T *>(out);
  const T *source = reinterpret_cast<const T *>(in);
  int64_t rank = shape.size(), inner = shape.back(), step = strides.back();
  SmallVector<int64_t> index(rank, 0);
  int64_t offset = 0;
  while (true) {
    for (int64_t i = 0; i < inner; ++i)
      *target++ = source[offset + i * step];
    int64_t d = rank - 2;
    for (; d >= 0; --d) {
      offset += strides[d];
      if (++index[d] < shape[d])
        break;
      offset -= strides[d] * shape[d];
      index[d] = 0;
    }
    if (d < 0)
      return;
  }
}

SmallVector<char> mpq::permuteElements(ArrayRef<char> bytes,
                                       ArrayRef<int64_t> shape,
                                       ArrayRef<int64_t> permutation,
                                       int64_t elementBytes) {
  SmallVector<char> result(bytes.size());
  if (bytes.empty() || shape.empty()) {
    llvm::copy(bytes, result.begin());
    return result;
  }
  SmallVector<int64_t> strides =
      applyPermutation(computeStrides(shape), permutation);
  SmallVector<int64_t> target = applyPermutation(shape, permutation);
  switch (elementBytes) {
  case 1:
    permuteInto<uint8_t>(result.data(), bytes.data(), target, strides);
    break;
  case 2:
    permuteInto<uint16_t>(result.data(), bytes.data(), target, strides);
    break;
  case 4:
    permuteInto<uint32_t>(result.data(), bytes.data(), target, strides);
    break;
  default:
    assert(elementBytes == 8 && "readConstantBytes knows no other size");
    permuteInto<uint64_t>(result.data(), bytes.data(), target, strides);
  }
  return result;
}

AffineMap mpq::readThroughTranspose(AffineMap map,
                                    ArrayRef<int64_t> permutation) {
  SmallVector<AffineExpr> results(map.getNumResults());
  for (auto [i, p] : llvm::enumerate(permutation))
    results[p] = map.getResult(i);
  return AffineMap::get(map.getNumDims(), map.getNumSymbols(), results,
                        map.getContext());
}

AffineMap mpq::readTransposed(AffineMap map, ArrayRef<int64_t> permutation) {
  return readThroughTranspose(map, invertPermutationVector(permutation));
}

AffineMap mpq::permuteParameterMap(AffineMap map,
                                   ArrayRef<int64_t> permutation) {
  SmallVector<AffineExpr> dims(permutation.size());
  for (auto [i, p] : llvm::enumerate(permutation))
    dims[p] = getAffineDimExpr(i, map.getContext());
  return map.replaceDimsAndSymbols(dims, {}, dims.size(), 0);
}

//===----------------------------------------------------------------------===//
// Permuting values
//===----------------------------------------------------------------------===//

static RankedTensorType permuteType(Value value,
                                    ArrayRef<int64_t> permutation) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.clone(applyPermutation(type.getShape(), permutation));
}

Value mpq::createTranspose(OpBuilder &builder, Location loc, Value value,
                           ArrayRef<int64_t> permutation) {
  if (isIdentityPermutation(permutation))
    return value;
  auto type = permuteType(value, permutation);
  Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                       type.getElementType());
  return linalg::TransposeOp::create(builder, loc, value, init, permutation)
      ->getResult(0);
}

static bool isConstantTensor(Value value) {
  Attribute attr;
  if (!isa<RankedTensorType>(value.getType()) ||
      getElementBytes(getElementTypeOrSelf(value)) == 0 ||
      !matchPattern(value, m_Constant(&attr)))
    return false;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob && static_cast<int64_t>(blob->getData().size()) ==
                       resource.getNumElements() *
                           getElementBytes(resource.getElementType());
  }
  return isa<DenseElementsAttr>(attr);
}

bool mpq::isFreelyPermutable(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !cast<RankedTensorType>(value.getType()).hasStaticShape())
    return false;
  if (isConstantTensor(value) || isa<tensor::EmptyOp>(op))
    return true;
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return fill.getOutputs()[0].getDefiningOp<tensor::EmptyOp>() != nullptr;
  if (auto broadcast = dyn_cast<linalg::BroadcastOp>(op))
    return cast<RankedTensorType>(broadcast.getInput().getType()).getRank() <=
               1 ||
           isFreelyPermutable(broadcast.getInput());
  if (auto dequantize = dyn_cast<DequantizeOp>(op))
    return isConstantTensor(dequantize.getInput());
  return false;
}

/// The broadcast with permuted dimensions: those of its input keep their order
/// among themselves or the input is permuted first.
static Value permuteBroadcast(OpBuilder &builder, Location loc,
                              linalg::BroadcastOp op,
                              ArrayRef<int64_t> permutation) {
  auto type = permuteType(op->getResult(0), permutation);
  SmallVector<int64_t> dimensions, inputPermutation;
  llvm::SmallDenseSet<int64_t> added(op.getDimensions().begin(),
                                     op.getDimensions().end());
  for (auto [i, source] : llvm::enumerate(permutation)) {
    if (added.contains(source)) {
      dimensions.push_back(i);
      continue;
    }
    int64_t before = llvm::count_if(op.getDimensions(),
                                    [s = source](int64_t d) { return d < s; });
    inputPermutation.push_back(source - before);
  }
  Value input = permute(builder, loc, op.getInput(), inputPermutation);
  Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                       type.getElementType());
  return linalg::BroadcastOp::create(builder, loc, input, init, dimensions)
      ->getResult(0);
}

Value mpq::permute(OpBuilder &builder, Location loc, Value value,
                   ArrayRef<int64_t> permutation) {
  if (isIdentityPermutation(permutation))
    return value;
  if (auto transpose = value.getDefiningOp<linalg::TransposeOp>())
    return permute(builder, loc, transpose.getInput(),
                   applyPermutation(transpose.getPermutation(), permutation));
  if (!isFreelyPermutable(value))
    return createTranspose(builder, loc, value, permutation);

  Operation *op = value.getDefiningOp();
  auto type = permuteType(value, permutation);
  if (isa<tensor::EmptyOp>(op))
    return tensor::EmptyOp::create(builder, loc, type.getShape(),
                                   type.getElementType());
  if (auto fill = dyn_cast<linalg::FillOp>(op)) {
    Value empty = tensor::EmptyOp::create(
        builder, op->getLoc(), type.getShape(), type.getElementType());
    return linalg::FillOp::create(builder, op->getLoc(), fill.getInputs(),
                                  empty)
        .getResult(0);
  }
  if (auto broadcast = dyn_cast<linalg::BroadcastOp>(op))
    return permuteBroadcast(builder, op->getLoc(), broadcast, permutation);
  if (auto dequantize = dyn_cast<DequantizeOp>(op)) {
    Value input = permute(builder, loc, dequantize.getInput(), permutation);
    Operation *copy = builder.clone(*op);
    auto result = cast<DequantizeOp>(copy);
    result.getInputMutable().set(input);
    if (auto map = dequantize.getParamMap())
      result.setParamMapAttr(
          AffineMapAttr::get(permuteParameterMap(*map, permutation)));
    result.getResult().setType(type);
    return result.getResult();
  }
  Attribute attr;
  matchPattern(value, m_Constant(&attr));
  if (auto splat = dyn_cast<DenseElementsAttr>(attr); splat && splat.isSplat())
    return arith::ConstantOp::create(builder, op->getLoc(),
                                     splat.resizeSplat(type));
  auto bytes = readConstantBytes(attr);
  auto shape = cast<RankedTensorType>(value.getType()).getShape();
  return createConstant(
      builder, op->getLoc(), type,
      permuteElements(*bytes, shape, permutation,
                      getElementBytes(type.getElementType())));
}

Value mpq::createReshape(OpBuilder &builder, Location loc, Value value,
                         ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape() == shape)
    return value;
  auto target = type.clone(shape);
  auto reassociation = getReassociationIndicesForReshape(type, target);
  if (reassociation && type.getRank() > target.getRank())
    return tensor::CollapseShapeOp::create(builder, loc, target, value,
                                           *reassociation);
  if (reassociation && type.getRank() < target.getRank())
    return tensor::ExpandShapeOp::create(builder, loc, target, value,
                                         *reassociation);
  // Through the shape without unit dimensions; equal elements in any other
  // split meet in one flat dimension.
  SmallVector<int64_t> middle, wanted;
  llvm::copy_if(type.getShape(), std::back_inserter(middle),
                [](int64_t d) { return d != 1; });
  llvm::copy_if(shape, std::back_inserter(wanted),
                [](int64_t d) { return d != 1; });
  if (middle != wanted || middle.empty())
    middle = {type.getNumElements()};
  Value collapsed = createReshape(builder, loc, value, middle);
  return createReshape(builder, loc, collapsed, shape);
}
