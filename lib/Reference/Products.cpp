//===- Products.cpp - plain loops for contractions and integer products ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LoopNest computes these too, at some nanoseconds a product; models have
// billions. Here a row of outputs along their contiguous dimension accumulates
// in registers while the reduction runs in ascending order, as N-C1 says.
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "Rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mpq;

namespace {
/// An integer factor: which input, and how it widens to i32.
struct Factor {
  unsigned input;
  bool isUnsigned;
};
} // namespace

static std::optional<Factor> matchFactor(Value value, Block &body) {
  bool isUnsigned = false;
  if (auto ext = value.getDefiningOp<arith::ExtUIOp>()) {
    isUnsigned = true;
    value = ext.getIn();
  } else if (auto ext = value.getDefiningOp<arith::ExtSIOp>()) {
    value = ext.getIn();
  }
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != &body || argument.getArgNumber() > 1)
    return std::nullopt;
  return Factor{argument.getArgNumber(), isUnsigned};
}

/// Matches yield addi(muli(ext(in0), ext(in1)), out) in i32, any operand order.
static std::optional<std::array<Factor, 2>>
matchIntegerProduct(linalg::LinalgOp op) {
  Block &body = *op.getBlock();
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return std::nullopt;
  Value out = body.getArgument(2);
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddIOp>();
  if (!add || !add.getType().isInteger(32) ||
      (add.getLhs() != out && add.getRhs() != out))
    return std::nullopt;
  Value other = add.getLhs() == out ? add.getRhs() : add.getLhs();
  auto mul = other.getDefiningOp<arith::MulIOp>();
  if (!mul)
    return std::nullopt;
  auto lhs = matchFactor(mul.getLhs(), body),
       rhs = matchFactor(mul.getRhs(), body);
  if (!lhs || !rhs || lhs->input == rhs->input)
    return std::nullopt;
  if (lhs->input == 1)
    std::swap(lhs, rhs);
  return std::array<Factor, 2>{*lhs, *rhs};
}

static HostTensor widen(const HostTensor &tensor, bool isUnsigned) {
  if (tensor.getKind() == ElementKind::I32)
    return tensor;
  HostTensor result(ElementKind::I32, tensor.getShape());
  auto *out = result.getMutableData<int32_t>();
  unsigned width = getIntegerWidth(tensor.getKind());
  int64_t mask = isUnsigned ? (int64_t(1) << width) - 1 : -1;
  for (int64_t k = 0, e = tensor.getNumElements(); k < e; ++k)
    out[k] = tensor.getInteger(k) & mask;
  return result;
}

/// The positions that a list of dimensions reaches, in lexicographic order.
static std::vector<int64_t> listPositions(ArrayRef<unsigned> dims,
                                          ArrayRef<int64_t> extents,
                                          ArrayRef<int64_t> coefficients) {
  std::vector<int64_t> positions{0};
  for (unsigned dim : dims) {
    std::vector<int64_t> next;
    next.reserve(positions.size() * extents[dim]);
    for (int64_t position : positions)
      for (int64_t k = 0; k < extents[dim]; ++k)
        next.push_back(position + k * coefficients[dim]);
    positions = std::move(next);
  }
  return positions;
}

template <typename T>
static void runLoops(linalg::LinalgOp op, LoopOperand a, LoopOperand b,
                     const LoopOperand &c, HostTensor &result, unsigned inner,
                     int64_t step = 0) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  SmallVector<unsigned> parallel, reduction;
  for (auto [dim, type] : llvm::enumerate(op.getIteratorTypesArray()))
    if (dim != inner)
      (type == utils::IteratorType::parallel ? parallel : reduction)
          .push_back(dim);
  if (b.coefficients[inner] == 0)
    std::swap(a, b); // products commute
  bool aVaries = a.coefficients[inner] != 0;
  int64_t n = extents[inner];

  std::vector<int64_t> aSteps =
                           listPositions(reduction, extents, a.coefficients),
                       bSteps =
                           listPositions(reduction, extents, b.coefficients);
  std::vector<int64_t> aStarts =
                           listPositions(parallel, extents, a.coefficients),
                       bStarts =
                           listPositions(parallel, extents, b.coefficients),
                       cStarts =
                           listPositions(parallel, extents, c.coefficients);
  int64_t count = aSteps.size();

  // Strided rows (a convolution in NCHW with stride 2) are gathered first.
  int64_t aStride = a.coefficients[inner], bStride = b.coefficients[inner];
  bool gatherA = aVaries && aStride != 1, gatherB = bStride != 1;
  std::vector<T> aRows(gatherA ? count * n : 0), bRows(gatherB ? count * n : 0);
  std::vector<int64_t> rowStarts;
  for (int64_t k = 0; k < count; ++k)
    rowStarts.push_back(k * n);
  auto gather = [&](std::vector<T> &rows, const T *data,
                    const std::vector<int64_t> &steps, int64_t stride) {
    for (int64_t k = 0; k < count; ++k)
      for (int64_t i = 0; i < n; ++i)
        rows[k * n + i] = data[steps[k] + i * stride];
  };

  const T *aData = a.view.values.getData<T>() + a.base,
          *bData = b.view.values.getData<T>() + b.base;
  T *cData = result.getMutableData<T>() + c.base;
  int64_t gatheredStart = -1;
  for (size_t point = 0; point < cStarts.size(); ++point) {
    const T *aPoint = aData + aStarts[point], *bPoint = bData + bStarts[point];
    if (gatherA)
      gather(aRows, aPoint, aSteps, aStride);
    if (gatherB && gatheredStart != bStarts[point]) {
      gather(bRows, bPoint, bSteps, bStride);
      gatheredStart = bStarts[point];
    }
    T *out = cData + cStarts[point];
    const T *aRow = gatherA ? aRows.data() : aPoint,
            *bRow = gatherB ? bRows.data() : bPoint;
    const int64_t *aOffsets = gatherA ? rowStarts.data() : aSteps.data(),
                  *bOffsets = gatherB ? rowStarts.data() : bSteps.data();
    if constexpr (std::is_same_v<T, float>)
      if (step) {
        rows::accumulateSteps(out, aRow, bRow, aOffsets, bOffsets, count, n,
                              aVaries, step);
        continue;
      }
    rows::accumulate(out, aRow, bRow, aOffsets, bOffsets, count, n, aVaries);
  }
}

std::optional<HostTensor> mpq::evaluateProduct(linalg::LinalgOp op,
                                               ArrayRef<HostTensor> operands) {
  if (op.hasDynamicShape() || op.getNumReductionLoops() == 0 ||
      op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return std::nullopt;
  ReductionInfo reduction = getReductionInfo(op);
  bool isFloatProduct = reduction.order == ReductionOrder::Contraction;
  std::optional<std::array<Factor, 2>> factors = matchIntegerProduct(op);
  if (!isFloatProduct && !factors)
    return std::nullopt;

  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  auto operand = [&](unsigned index, HostTensor tensor) {
    return LoopOperand(TensorView::all(std::move(tensor)), maps[index], 0);
  };
  auto factor = [&](unsigned index) {
    if (!isFloatProduct)
      return widen(operands[index], (*factors)[index].isUnsigned);
    HostTensor tensor = operands[index];
    if (reduction.step)
      rows::flush(tensor.getMutableData<float>(), tensor.getNumElements());
    return tensor;
  };
  LoopOperand a = operand(0, factor(0)), b = operand(1, factor(1));
  LoopOperand c = operand(2, operands[2]);
  if (!a.isLinear || !b.isLinear || !c.isLinear)
    return std::nullopt;

  // The parallel dimension along which outputs are contiguous.
  std::optional<unsigned> inner;
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  for (auto [dim, type] : llvm::enumerate(op.getIteratorTypesArray())) {
    bool isParallel = type == utils::IteratorType::parallel;
    if (extents[dim] == 0 || (!isParallel && c.coefficients[dim] != 0))
      return std::nullopt;
    if (isParallel && c.coefficients[dim] == 1 &&
        (!inner || extents[dim] > extents[*inner]))
      inner = dim;
  }
  if (!inner || (a.coefficients[*inner] == 0 && b.coefficients[*inner] == 0))
    return std::nullopt;
  HostTensor result = operands[2];
  if (isFloatProduct)
    runLoops<float>(op, a, b, c, result, *inner, reduction.step);
  else
    runLoops<int32_t>(op, a, b, c, result, *inner);
  return result;
}
