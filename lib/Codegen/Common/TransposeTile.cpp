//===- TransposeTile.cpp - square tiles turned in registers ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// x86 shuffles are cheap inside 128 bits and between whole 128-bit blocks, so
// the tile is turned in this order: 4 x 4 elements inside each block by two
// levels of interleaving, then the blocks by separating even from odd ones.
// Each step is one instruction: 64 of them for 16 x 16, 24 for 8 x 8.
//
//===----------------------------------------------------------------------===//

#include "TransposeTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpq;

/// Elements of 32 bits in the blocks that shuffles move as a whole.
static constexpr int64_t kBlock = 4;

/// True if `expr` is the loop alone or with terms of neither loop.
static bool isStepOf(AffineExpr expr, unsigned loop, unsigned other) {
  if (expr.isFunctionOfDim(other))
    return false;
  AffineExpr dim = getAffineDimExpr(loop, expr.getContext());
  if (expr == dim)
    return true;
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!sum || sum.getKind() != AffineExprKind::Add)
    return false;
  return (sum.getLHS() == dim && !sum.getRHS().isFunctionOfDim(loop)) ||
         (sum.getRHS() == dim && !sum.getLHS().isFunctionOfDim(loop));
}

std::optional<unsigned>
mpq::getTransposedLoop(linalg::GenericOp op, unsigned laneLoop,
                       SmallVectorImpl<OpOperand *> &strided) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  std::optional<unsigned> found;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (op.getMatchingBlockArgument(operand).use_empty())
      continue;
    auto type = dyn_cast<RankedTensorType>(operand->get().getType());
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (!type || !map.isFunctionOfDim(laneLoop) ||
        map.getResults().back().isFunctionOfDim(laneLoop))
      continue;
    ArrayRef<AffineExpr> outer = map.getResults().drop_back();
    std::optional<unsigned> loop;
    for (unsigned d = 0; d < extents.size(); ++d)
      if (d != laneLoop && extents[d] > 1 &&
          isStepOf(map.getResults().back(), d, laneLoop) &&
          llvm::none_of(
              outer, [&](AffineExpr expr) { return expr.isFunctionOfDim(d); }))
        loop = d;
    if (!loop || (found && *found != *loop))
      return std::nullopt;
    Type element = type.getElementType();
    if (!element.isF32() &&
        !(isa<IntegerType>(element) && element.getIntOrFloatBitWidth() >= 8 &&
          element.getIntOrFloatBitWidth() <= 32))
      return std::nullopt;
    found = loop;
    strided.push_back(operand);
  }
  return found;
}

/// Picks elements of `a` followed by `b`; nulls stand for zeros.
static Value shuffle(OpBuilder &builder, Location loc, Value a, Value b,
                     ArrayRef<int64_t> mask) {
  if (!a && !b)
    return Value();
  Value zero;
  if (!a || !b) {
    Type type = (a ? a : b).getType();
    zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  }
  return vector::ShuffleOp::create(builder, loc, a ? a : zero, b ? b : zero,
                                   mask);
}

/// Interleaves `a` and `b` in units of `unit` elements inside each block: the
/// low or the high halves of the blocks.
static Value interleave(OpBuilder &builder, Location loc, Value a, Value b,
                        int64_t lanes, int64_t unit, bool high) {
  SmallVector<int64_t> mask;
  for (int64_t block = 0; block < lanes; block += kBlock)
    for (int64_t i = 0; i < kBlock; ++i) {
      int64_t from = block + (high ? kBlock / 2 : 0);
      // unit 1: a0 b0 a1 b1; unit 2: a0 a1 b0 b1.
      bool second = (i / unit) % 2;
      from += i / (2 * unit) * unit + i % unit;
      mask.push_back(second ? lanes + from : from);
    }
  return shuffle(builder, loc, a, b, mask);
}

/// Turns square matrices of blocks: block k of vector g becomes block g of
/// result k.
static SmallVector<Value> transposeBlocks(OpBuilder &builder, Location loc,
                                          ArrayRef<Value> vectors,
                                          int64_t lanes) {
  if (vectors.size() == 1)
    return {vectors.front()};
  SmallVector<Value> sides[2];
  for (unsigned side : {0, 1}) {
    SmallVector<int64_t> mask;
    for (int64_t block = side; block < 2 * lanes / kBlock; block += 2)
      for (int64_t i = 0; i < kBlock; ++i)
        mask.push_back(block * kBlock + i);
    SmallVector<Value> halves;
    for (size_t i = 0; i < vectors.size(); i += 2)
      halves.push_back(shuffle(builder, loc, vectors[i], vectors[i + 1], mask));
    sides[side] = transposeBlocks(builder, loc, halves, lanes);
  }
  SmallVector<Value> result;
  for (auto [even, odd] : llvm::zip_equal(sides[0], sides[1]))
    result.append({even, odd});
  return result;
}

SmallVector<Value> mpq::transposeTile(OpBuilder &builder, Location loc,
                                      ArrayRef<Value> rows) {
  int64_t lanes = rows.size();
  VectorType type;
  for (Value row : rows)
    if (row)
      type = cast<VectorType>(row.getType());
  // Narrow integers travel in 32-bit lanes.
  Type element = type.getElementType();
  bool narrow = isa<IntegerType>(element) && !element.isInteger(32);
  auto wide = VectorType::get({lanes}, builder.getI32Type());
  SmallVector<Value> current(rows);
  for (Value &row : current)
    if (row && narrow)
      row = arith::ExtUIOp::create(builder, loc, wide, row);

  // columns[c][g]: in block k, elements 4k + c of rows 4g ... 4g + 3.
  SmallVector<Value> columns[kBlock];
  for (int64_t g = 0; g < lanes; g += kBlock) {
    for (bool high : {false, true}) {
      Value first = interleave(builder, loc, current[g], current[g + 1], lanes,
                               /*unit=*/1, high);
      Value second = interleave(builder, loc, current[g + 2], current[g + 3],
                                lanes, /*unit=*/1, high);
      for (bool upper : {false, true})
        columns[2 * high + upper].push_back(
            interleave(builder, loc, first, second, lanes, /*unit=*/2, upper));
    }
  }
  SmallVector<Value> result(lanes);
  for (int64_t c = 0; c < kBlock; ++c)
    for (auto [k, vector] :
         llvm::enumerate(transposeBlocks(builder, loc, columns[c], lanes)))
      result[kBlock * k + c] =
          narrow ? Value(arith::TruncIOp::create(builder, loc, type, vector))
                 : vector;
  return result;
}

SmallVector<Value> mpq::transposeInBlocks(OpBuilder &builder, Location loc,
                                          ArrayRef<Value> vectors, int64_t unit,
                                          int64_t group) {
  int64_t lanes = cast<VectorType>(vectors.front().getType()).getDimSize(0);
  SmallVector<int64_t> masks[2];
  for (unsigned high : {0, 1})
    for (int64_t block = 0; block < lanes; block += unit * group)
      for (int64_t i = 0; i < unit / 2; ++i)
        for (int64_t side : {int64_t(0), lanes})
          for (int64_t e = 0; e < group; ++e)
            masks[high].push_back(side + block + (high * unit / 2 + i) * group +
                                  e);
  // Seen as bits, the place of an element is its vector's number, then its
  // number in the block. Interleaving vectors half of them apart rotates these
  // bits by one: after half as many steps as bits both numbers are exchanged.
  SmallVector<Value> current(vectors);
  for (int64_t step = 1; step < unit; step *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < unit / 2; ++i)
      for (unsigned high : {0, 1})
        next.push_back(shuffle(builder, loc, current[i], current[i + unit / 2],
                               masks[high]));
    current = std::move(next);
  }
  return current;
}

bool mpq::areDenseDimensions(Value value, unsigned dim) {
  int64_t extent = cast<RankedTensorType>(value.getType()).getDimSize(dim + 1);
  while (true) {
    if (cast<RankedTensorType>(value.getType()).getShape()[dim + 1] != extent)
      return false;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
      if (!loop)
        return true;
      value = loop.getTiedLoopInit(argument)->get();
      continue;
    }
    Operation *def = value.getDefiningOp();
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(def)) {
      if (slice.getSourceType().getRank() != slice.getType().getRank())
        return false;
      value = slice.getSource();
    } else if (auto insert = dyn_cast<tensor::InsertSliceOp>(def)) {
      value = insert.getDest();
    } else if (auto loop = dyn_cast<scf::ForOp>(def)) {
      value = loop.getTiedLoopInit(cast<OpResult>(value))->get();
    } else if (auto view = dyn_cast<bufferization::ToTensorOp>(def)) {
      SmallVector<int64_t> strides;
      int64_t offset;
      auto type = cast<MemRefType>(view.getBuffer().getType());
      return succeeded(type.getStridesAndOffset(strides, offset)) &&
             strides[dim] == extent * strides[dim + 1];
    } else {
      return isa<tensor::EmptyOp>(def);
    }
  }
}
