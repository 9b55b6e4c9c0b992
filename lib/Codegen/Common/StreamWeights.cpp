//===- StreamWeights.cpp - read weights before they are needed ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights in blocks are read from memory, or from a cache that is far away. The
// processor's own prefetchers stop at pages and start anew for every vector of
// columns; to keep enough lines on the way, loops that say so
// (`mpq.stream_ahead`) ask for what they will read some iterations later, at
// their end for what the next tile begins with.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

namespace mpq {
#define GEN_PASS_DEF_STREAMWEIGHTSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

static constexpr int64_t kLineBytes = 64;

/// True if `value` is made of the induction variable and constants.
static bool followsLoop(Value value, scf::ForOp loop) {
  if (value == loop.getInductionVar())
    return true;
  Operation *def = value.getDefiningOp();
  return isa_and_nonnull<arith::AddIOp, arith::MulIOp>(def) &&
         llvm::any_of(def->getOperands(), [&](Value operand) {
           return followsLoop(operand, loop);
         });
}

/// `value` computed for a later iteration.
static Value advance(OpBuilder &builder, Value value, scf::ForOp loop,
                     Value later) {
  if (value == loop.getInductionVar())
    return later;
  if (!followsLoop(value, loop))
    return value;
  IRMapping mapping;
  Operation *def = value.getDefiningOp();
  for (Value operand : def->getOperands())
    mapping.map(operand, advance(builder, operand, loop, later));
  return builder.clone(*def, mapping)->getResult(0);
}

/// True if another read asks for the line that this one begins in: it is not at
/// the begin of a row, or rows are shorter than a line and it is not at the
/// first of them.
static bool sharesLine(vector::TransferReadOp read) {
  if (!isConstantIntValue(read.getIndices().back(), 0))
    return true;
  auto source = cast<MemRefType>(read.getBase().getType());
  int64_t perLine =
      kLineBytes * 8 /
      (source.getShape().back() * source.getElementTypeBitWidth());
  auto sum = read.getIndices()[1].getDefiningOp<arith::AddIOp>();
  std::optional<int64_t> offset =
      sum ? getConstantIntValue(sum.getRhs()) : std::nullopt;
  return perLine > 1 && offset && *offset % perLine != 0;
}

namespace {
struct StreamWeights : mpq::impl::StreamWeightsPassBase<StreamWeights> {
  using StreamWeightsPassBase::StreamWeightsPassBase;

  void runOnOperation() override {
    getOperation()->walk([&](scf::ForOp loop) {
      auto ahead = loop->getAttrOfType<DenseI64ArrayAttr>(
          MPQDialect::getStreamAheadAttrName());
      if (!ahead)
        return;
      loop->removeAttr(MPQDialect::getStreamAheadAttrName());
      OpBuilder builder(loop.getBody(), loop.getBody()->begin());
      Location loc = loop.getLoc();
      auto shifted = [&](Value x, int64_t offset) -> Value {
        return arith::AddIOp::create(
            builder, loc, x,
            arith::ConstantIndexOp::create(builder, loc, offset));
      };
      // The vectors of this tile lie between the end and what is read next.
      Value later = shifted(loop.getInductionVar(), ahead[0]);
      if (ahead[1] > 0) {
        Value beyond =
            arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge,
                                  later, loop.getUpperBound());
        later = arith::SelectOp::create(builder, loc, beyond,
                                        shifted(later, ahead[1]), later);
      }
      for (auto read : loop.getBody()->getOps<vector::TransferReadOp>()) {
        auto source = dyn_cast<MemRefType>(read.getBase().getType());
        // Packed vectors; elements of the rows stay in the first-level cache.
        if (!source || source.getRank() != 3 ||
            llvm::none_of(
                read.getIndices(),
                [&](Value index) { return followsLoop(index, loop); }) ||
            sharesLine(read))
          continue;
        builder.setInsertionPoint(read);
        SmallVector<Value> indices;
        for (Value index : read.getIndices())
          indices.push_back(advance(builder, index, loop, later));
        memref::PrefetchOp::create(builder, loc, read.getBase(), indices,
                                   /*isWrite=*/false, /*localityHint=*/3,
                                   /*isDataCache=*/true);
      }
    });
  }
};
} // namespace
