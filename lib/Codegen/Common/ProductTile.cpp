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
  FailureOr<Value> written =
      matrixRows ? writeMatrices(epilogue, accumulateInMatrices())
                 : writeVectors(epilogue, accumulateInVectors());
  if (failed(written))
    return failure();
  if (epilogue) {
    b.replaceOp(epilogue, *written);
    b.eraseOp(op);
  } else {
    b.replaceOp(op, *written);
  }
  return success();
}

/// Sums in matrices that start at zero; the buffer of rows x columns that they
/// are stored to.
Value TileEmitter::accumulateInMatrices() {
  int64_t blocks = rows.size() / matrixRows;
  Type element = accType.getElementType();
  Values sums(blocks * vectors,
              zero(VectorType::get({matrixRows, lanes}, element)));
  sums = reduceMatrices(sums);
  Value buffer = tensor::EmptyOp::create(
      b, loc, {int64_t(rows.size()), vectors * lanes}, element);
  for (auto [i, sum] : llvm::enumerate(sums))
    buffer =
        vector::TransferWriteOp::create(
            b, loc, sum, buffer,
            Values{index(i / vectors * matrixRows), index(i % vectors * lanes)},
            ArrayRef<bool>{true, true})
            .getResult();
  return buffer;
}

/// Reads back one row after another, in loops: the rows of a matrix are many,
/// and nothing is gained from having them in code next to each other.
FailureOr<Value> TileEmitter::writeMatrices(linalg::GenericOp epilogue,
                                            Value sums) {
  Value out = epilogue ? epilogue.getDpsInits()[0] : init;
  LogicalResult done = success();
  auto type = cast<RankedTensorType>(init.getType());
  ArrayRef<int64_t> extents = type.getShape().drop_back();
  Values start = readBias();
  Values result = loop(extents, {out}, [&](ArrayRef<Value> place, Values out) {
    Value row = index(0);
    for (auto [position, extent] : llvm::zip_equal(place, extents))
      row = add(scaled(row, extent), position);
    Values accumulators;
    for (int64_t v = 0; v < vectors; ++v) {
      Value sum = read(accType, sums, {row, index(v * lanes)}, true);
      // Floats are added to zero, too: a sum that was flushed may be -0.
      accumulators.push_back(bias || !integer ? addSums(sum, start[v]) : sum);
    }
    FailureOr<Value> written =
        writeRow(epilogue, place, accumulators, out.front());
    if (failed(written))
      done = failure();
    else
      out.front() = *written;
    return out;
  });
  if (failed(done))
    return failure();
  return result.front();
}

/// The bias of each vector; zeros without one.
TileEmitter::Values TileEmitter::readBias() {
  Values start;
  for (int64_t v = 0; v < vectors; ++v)
    start.push_back(bias ? read(accType, bias, biasPosition(v), isWhole(v))
                         : zero(accType));
  return start;
}

/// Sums in vectors.
TileEmitter::Values TileEmitter::accumulateInVectors() {
  Values start = readBias(), accumulators;
  for (unsigned row = 0; row < rows.size(); ++row)
    llvm::append_range(accumulators, start);
  return reduce(accumulators);
}

FailureOr<Value> TileEmitter::writeVectors(linalg::GenericOp epilogue,
                                           const Values &accumulators) {
  FailureOr<Value> out = epilogue ? epilogue.getDpsInits()[0] : init;
  for (unsigned row = 0; row < rows.size() && succeeded(out); ++row)
    out = writeRow(
        epilogue,
        llvm::map_to_vector(rows[row], [&](int64_t d) { return index(d); }),
        ArrayRef(accumulators).slice(row * vectors, vectors), *out);
  return out;
}

/// One row of the tile, at `place`, through the consumer if there is one.
FailureOr<Value> TileEmitter::writeRow(linalg::GenericOp epilogue,
                                       ArrayRef<Value> place,
                                       ArrayRef<Value> accumulators,
                                       Value out) {
  for (int64_t v = 0; v < vectors; ++v) {
    Values at(place);
    at.push_back(index(v * lanes));
    Value value = accumulators[v];
    if (epilogue) {
      BodyVectorizer body(b, epilogue, lanes, at.size() - 1, at);
      for (OpOperand *input : epilogue.getDpsInputOperands()) {
        BlockArgument argument = epilogue.getMatchingBlockArgument(input);
        if (argument.use_empty())
          continue;
        body.map(argument, input->get() == op->getResult(0)
                               ? value
                               : body.readOperand(input));
      }
      FailureOr<Value> result = body.run();
      if (failed(result))
        return failure();
      value = *result;
    }
    out = writeLanes(b, loc, value, out, at, columns - v * lanes);
  }
  return out;
}
