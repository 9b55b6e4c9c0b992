//===- AssignMatrixSteps.cpp - products of bf16 for a matrix unit ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The units that add products of bf16 do it in an order of their own, so which
// products they get is part of what a module computes, not a strategy: it is
// decided here, from shapes alone, and both the interpreter and kernels obey.
// AVX512-BF16 has an order of its own as well (vdpbf16ps), but half the speed
// of fma in f32 where it was measured (docs/Rationale.md), and stays unused.
//
//===----------------------------------------------------------------------===//

#include "mpq/Analysis/HalfFactors.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

namespace mpq {
#define GEN_PASS_DEF_ASSIGNMATRIXSTEPSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Shorter steps would leave most of the unit idle.
static constexpr int64_t kLeastStep = 8;

/// True for what a bias or zeros fill.
static bool isBroadcast(Value init) {
  if (auto fill = init.getDefiningOp<linalg::FillOp>()) {
    Attribute value;
    return matchPattern(fill.getInputs()[0], m_Constant(&value));
  }
  auto broadcast = init.getDefiningOp<linalg::BroadcastOp>();
  int64_t rank = cast<ShapedType>(init.getType()).getRank();
  return broadcast && int64_t(broadcast.getDimensions().size()) == rank - 1 &&
         llvm::all_of(broadcast.getDimensions(),
                      [&](int64_t d) { return d != rank - 1; });
}

/// The step of `op`, 0 if it is none for the unit.
static int64_t getStep(Operation *op, const TileUnit &unit) {
  if (!isa<linalg::MatmulOp, linalg::Conv2DNhwcHwcfOp>(op))
    return 0;
  auto product = cast<linalg::LinalgOp>(op);
  Value weights = getNarrowConstant(op->getOperand(1));
  FloatType rounded = getRoundedType(op->getOperand(0));
  if (!weights || !rounded || !rounded.isBF16() ||
      getElementTypeOrSelf(weights.getType()) != rounded ||
      product.hasUserDefinedMaps() || !isBroadcast(op->getOperand(2)))
    return 0;
  int64_t run = cast<ShapedType>(op->getOperand(0).getType()).getShape().back();
  if (ShapedType::isDynamic(run))
    return 0;
  int64_t step = unit.getStep(2 * run) / 2;
  return step < kLeastStep ? 0 : step;
}

namespace {
struct AssignMatrixSteps
    : mpq::impl::AssignMatrixStepsPassBase<AssignMatrixSteps> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    // Without a target, as in pipelines for no machine, sums ascend.
    auto attr =
        module->getAttrOfType<TargetAttr>(MPQDialect::getTargetAttrName());
    std::optional<TileUnit> unit;
    if (attr)
      unit = TargetInfo(attr).getHalfTileUnit();
    StringRef name = MPQDialect::getMatrixStepAttrName();
    module.walk([&](linalg::LinalgOp op) {
      int64_t step = unit ? getStep(op, *unit) : 0;
      if (step)
        op->setAttr(name, Builder(&getContext()).getI64IntegerAttr(step));
      else
        op->removeAttr(name);
    });
  }
};
} // namespace
