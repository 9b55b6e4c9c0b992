//===- PackBytes.cpp - right operands packed as the model runs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PackBytes.h"

#include "BodyVectorizer.h"
#include "TransposeTile.h"
#include "mpq/Codegen/KernelGroup.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpq;

/// Bytes of the sum in a 32-bit lane.
static constexpr int64_t kGroup = 4;

/// `expr` as `dim * factor + (column op kGroup)` or the latter alone.
static bool isPackedPosition(AffineExpr expr, unsigned dim, int64_t factor,
                             AffineExpr part) {
  AffineExpr start = getAffineDimExpr(dim, expr.getContext()) * factor;
  return expr == start + part;
}

/// The input that is packed, if it is the only one that the body reads.
static OpOperand *getPackedInput(linalg::GenericOp op) {
  OpOperand *packed = nullptr;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (op.getMatchingBlockArgument(input).use_empty())
      continue;
    if (packed)
      return nullptr;
    packed = input;
  }
  return packed;
}

bool mpq::isBytePacking(linalg::GenericOp op, std::optional<int64_t> lanes) {
  if (!isElementwise(op) || op.hasIndexSemantics())
    return false;
  OpOperand *input = getPackedInput(op);
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  unsigned rank = type.getRank();
  if (!input || rank < 3 || !type.getElementType().isInteger(8) ||
      !getElementTypeOrSelf(input->get().getType()).isInteger(8) ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return false;
  int64_t width = type.getShape().back(), columns = width / kGroup;
  if (width % kGroup != 0 || (lanes && columns != *lanes))
    return false;
  AffineExpr c = getAffineDimExpr(rank - 1, op.getContext());
  AffineMap map = op.getMatchingIndexingMap(input);
  int found = 0;
  for (AffineExpr expr : map.getResults()) {
    if (isPackedPosition(expr, rank - 2, kGroup, c % kGroup))
      found |= 1;
    else if (isPackedPosition(expr, rank - 3, columns, c.floorDiv(kGroup)))
      found |= 2;
    else if (expr.isFunctionOfDim(rank - 1) || expr.isFunctionOfDim(rank - 2) ||
             expr.isFunctionOfDim(rank - 3))
      return false;
  }
  // One of both is innermost.
  return found == 3 && map.getResults().back().isFunctionOfDim(rank - 1);
}

namespace {
class PackingEmitter {
public:
  PackingEmitter(RewriterBase &rewriter, linalg::GenericOp op, int64_t lanes)
      : b(rewriter), op(op), loc(op.getLoc()), lanes(lanes),
        input(getPackedInput(op)), map(op.getMatchingIndexingMap(input)),
        extents(op.getStaticLoopRanges()), indices(extents.size()),
        group(extents.size() - 2), column(extents.size() - 1) {}

  LogicalResult emit() {
    b.setInsertionPoint(op);
    indices[column] = index(0);
    bool alongSum = map.getResults().back().isFunctionOfDim(group);
    Value result = loop(0, op.getDpsInits()[0], [&](Value destination) {
      return alongSum ? turnRows(destination) : interleaveRows(destination);
    });
    if (!result)
      return failure();
    b.replaceOp(op, result);
    return success();
  }

private:
  using Body = function_ref<Value(Value)>;

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }

  /// A loop over `count` values of loop `dim`, `step` apart.
  Value forEach(unsigned dim, int64_t count, int64_t step, Value destination,
                Body body) {
    if (count == 0)
      return destination;
    if (count == 1) {
      indices[dim] = index(0);
      return body(destination);
    }
    auto loop = scf::ForOp::create(b, loc, index(0), index(count * step),
                                   index(step), destination);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    indices[dim] = loop.getInductionVar();
    Value next = body(loop.getRegionIterArg(0));
    if (!next)
      return {};
    scf::YieldOp::create(b, loc, next);
    return loop.getResult(0);
  }

  /// Loops over everything but groups and columns.
  Value loop(unsigned dim, Value destination, Body body) {
    if (dim == group)
      return body(destination);
    return forEach(dim, extents[dim], 1, destination,
                   [&](Value inner) { return loop(dim + 1, inner, body); });
  }

  /// `count` bytes of the input from where byte `part` of the vector lies.
  Value read(int64_t part, int64_t count) {
    SmallVector<Value> at(indices), position;
    at[column] = index(part);
    for (AffineExpr expr : map.getResults())
      position.push_back(emitAffineExpr(b, loc, expr, at));
    Type byte = b.getI8Type();
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(byte));
    return vector::TransferReadOp::create(
        b, loc, VectorType::get({count}, byte), input->get(), position,
        std::optional<Value>(zero), ArrayRef<bool>{true});
  }

  /// What the body makes of the packed bytes, at the current group.
  Value write(Value packed, Value destination) {
    BodyVectorizer body(b, op, lanes * kGroup, column, indices);
    body.map(op.getMatchingBlockArgument(input), packed);
    FailureOr<Value> value = body.run();
    if (failed(value))
      return {};
    return writeLanes(b, loc, *value, destination, indices, lanes * kGroup);
  }

  /// Columns are rows of memory: tiles of lanes x lanes groups.
  Value turnRows(Value destination) {
    int64_t whole = extents[group] / lanes, rest = extents[group] % lanes;
    auto tile = [&](Value destination, int64_t groups) -> Value {
      Value first = indices[group];
      SmallVector<Value> rows;
      auto words = VectorType::get({groups}, b.getI32Type());
      SmallVector<int64_t> widened;
      for (int64_t l = 0; l < lanes; ++l)
        widened.push_back(std::min(l, groups));
      for (int64_t l = 0; l < lanes; ++l) {
        Value row = vector::BitCastOp::create(
            b, loc, words, read(l * kGroup, groups * kGroup));
        if (groups < lanes)
          row = vector::ShuffleOp::create(
              b, loc, row,
              arith::ConstantOp::create(b, loc, b.getZeroAttr(words)), widened);
        rows.push_back(row);
      }
      SmallVector<Value> turned = transposeTile(b, loc, rows);
      auto bytes = VectorType::get({lanes * kGroup}, b.getI8Type());
      for (int64_t g = 0; g < groups && destination; ++g) {
        indices[group] =
            arith::AddIOp::create(b, loc, first, index(g)).getResult();
        destination = write(vector::BitCastOp::create(b, loc, bytes, turned[g]),
                            destination);
      }
      return destination;
    };
    destination =
        forEach(group, whole, lanes, destination,
                [&](Value destination) { return tile(destination, lanes); });
    if (!rest || !destination)
      return destination;
    indices[group] = index(whole * lanes);
    return tile(destination, rest);
  }

  /// Rows of the sum are rows of memory: four of them byte by byte.
  Value interleaveRows(Value destination) {
    return forEach(
        group, extents[group], 1, destination, [&](Value destination) {
          auto join = [&](Value x, Value y) -> Value {
            int64_t all = 2 * cast<VectorType>(x.getType()).getDimSize(0);
            return vector::ShuffleOp::create(
                b, loc, x, y, llvm::to_vector(llvm::seq<int64_t>(0, all)));
          };
          SmallVector<Value> rows;
          for (int64_t k = 0; k < kGroup; ++k)
            rows.push_back(read(k, lanes));
          Value all = join(join(rows[0], rows[1]), join(rows[2], rows[3]));
          SmallVector<int64_t> order;
          for (int64_t l = 0; l < lanes; ++l)
            for (int64_t k = 0; k < kGroup; ++k)
              order.push_back(k * lanes + l);
          return write(vector::ShuffleOp::create(b, loc, all, all, order),
                       destination);
        });
  }

  RewriterBase &b;
  linalg::GenericOp op;
  Location loc;
  int64_t lanes;
  OpOperand *input;
  AffineMap map;
  SmallVector<int64_t> extents;
  SmallVector<Value> indices;
  unsigned group, column;
};
} // namespace

LogicalResult mpq::emitBytePacking(RewriterBase &rewriter, linalg::GenericOp op,
                                   int64_t lanes) {
  return PackingEmitter(rewriter, op, lanes).emit();
}
