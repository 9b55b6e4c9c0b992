//===- StreamWeights.cpp - read weights before they are needed ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product of few rows reads each weight once, from memory. The processor's
// own prefetchers stop at pages and start anew for every vector of columns; to
// keep enough lines on the way, loops that say so (`mpq.stream_ahead`) ask for
// what they will read some iterations later.
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

namespace {
struct StreamWeights : mpq::impl::StreamWeightsPassBase<StreamWeights> {
  using StreamWeightsPassBase::StreamWeightsPassBase;

  void runOnOperation() override {
    getOperation()->walk([&](scf::ForOp loop) {
      auto distance = loop->getAttrOfType<IntegerAttr>(
          MPQDialect::getStreamAheadAttrName());
      if (!distance)
        return;
      loop->removeAttr(MPQDialect::getStreamAheadAttrName());
      OpBuilder builder(loop.getBody(), loop.getBody()->begin());
      Location loc = loop.getLoc();
      Value step =
          arith::ConstantIndexOp::create(builder, loc, distance.getInt());
      Value later =
          arith::AddIOp::create(builder, loc, loop.getInductionVar(), step);
      for (auto read : loop.getBody()->getOps<vector::TransferReadOp>()) {
        auto source = dyn_cast<MemRefType>(read.getBase().getType());
        // Packed vectors; elements of the rows stay in the first-level cache.
        if (!source || source.getRank() != 3 ||
            llvm::none_of(read.getIndices(), [&](Value index) {
              return followsLoop(index, loop);
            }))
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
