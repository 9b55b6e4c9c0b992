//===- ProductTile.cpp - one register tile of a product ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Start, consumer and result of a tile; its reduction is VectorizeProducts'.
//
//===----------------------------------------------------------------------===//

#include "ProductTile.h"

#include "BodyVectorizer.h"
#include "mpq/Codegen/KernelGroup.h"

using namespace mlir;
using namespace mpq;

LogicalResult TileEmitter::emit() {
  linalg::GenericOp epilogue;
  if (op->hasOneUse()) {
    epilogue = dyn_cast<linalg::GenericOp>(*op->getUsers().begin());
    if (epilogue && (!isElementwise(epilogue) ||
                     epilogue.getDpsInits()[0] == op->getResult(0)))
      epilogue = nullptr;
  }
  b.setInsertionPoint(epilogue ? epilogue.getOperation() : op);
  Values accumulators =
      matrixRows ? accumulateInMatrices() : accumulateInVectors();

  if (epilogue) {
    FailureOr<Value> written = writeEpilogue(epilogue, accumulators);
    if (failed(written))
      return failure();
    b.replaceOp(epilogue, *written);
    b.eraseOp(op);
    return success();
  }
  Value out = init;
  for (unsigned row = 0; row < rows.size(); ++row)
    for (int64_t v = 0; v < vectors; ++v)
      out = writeLanes(b, loc, accumulators[row * vectors + v], out,
                       rowPosition(row, v), columns - v * lanes);
  b.replaceOp(op, out);
  return success();
}

/// Sums in matrices that start from the bias in every row; the rows of the
/// results as vectors.
TileEmitter::Values TileEmitter::accumulateInMatrices() {
  int64_t blocks = rows.size() / matrixRows;
  auto type = VectorType::get({matrixRows, lanes}, b.getI32Type());
  unsigned last = biasPosition(0).size() - 1;
  auto everyRow = AffineMap::get(
      last + 1, 0, {b.getAffineConstantExpr(0), b.getAffineDimExpr(last)},
      b.getContext());
  Values sums;
  for (int64_t i = 0; i < blocks * vectors; ++i)
    sums.push_back(bias ? vector::TransferReadOp::create(
                              b, loc, type, bias, biasPosition(i % vectors),
                              std::optional<Value>(zero(b.getI32Type())),
                              everyRow, ArrayRef<bool>{true, true})
                        : zero(type));
  sums = reduceMatrices(sums);
  Value buffer = tensor::EmptyOp::create(
      b, loc, {blocks * vectors, matrixRows, lanes}, b.getI32Type());
  for (auto [i, sum] : llvm::enumerate(sums))
    buffer = vector::TransferWriteOp::create(
                 b, loc, sum, buffer, Values{index(i), index(0), index(0)},
                 ArrayRef<bool>{true, true})
                 .getResult();
  Values accumulators;
  for (int64_t row = 0; row < blocks * matrixRows; ++row)
    for (int64_t v = 0; v < vectors; ++v) {
      Values at{index(row / matrixRows * vectors + v), index(row % matrixRows),
                index(0)};
      accumulators.push_back(read(accType, buffer, at, true));
    }
  return accumulators;
}

/// Sums in vectors.
TileEmitter::Values TileEmitter::accumulateInVectors() {
  Values start, accumulators;
  for (int64_t v = 0; v < vectors; ++v)
    start.push_back(bias ? read(accType, bias, biasPosition(v), isWhole(v))
                         : zero(accType));
  for (unsigned row = 0; row < rows.size(); ++row)
    llvm::append_range(accumulators, start);
  return reduce(accumulators);
}

FailureOr<Value> TileEmitter::writeEpilogue(linalg::GenericOp epilogue,
                                            const Values &accumulators) {
  Value out = epilogue.getDpsInits()[0];
  for (unsigned row = 0; row < rows.size(); ++row)
    for (int64_t v = 0; v < vectors; ++v) {
      Values at = rowPosition(row, v);
      BodyVectorizer body(b, epilogue, lanes, at.size() - 1, at);
      for (OpOperand *input : epilogue.getDpsInputOperands()) {
        BlockArgument argument = epilogue.getMatchingBlockArgument(input);
        if (argument.use_empty())
          continue;
        body.map(argument, input->get() == op->getResult(0)
                               ? accumulators[row * vectors + v]
                               : body.readOperand(input));
      }
      FailureOr<Value> value = body.run();
      if (failed(value))
        return failure();
      out = writeLanes(b, loc, *value, out, at, columns - v * lanes);
    }
  return out;
}
