//===- AvoidSlowFloats.cpp - no slow float arithmetic on constants ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two float operations cost processors ten to a hundred times a product: a
// division (the sixth of a hard swish), and a product with a subnormal number,
// which microcode takes over. Trained weights hold such numbers: channels that
// weight decay has emptied, 1e-40 instead of 0. What follows `lower` computes
// with subnormal numbers to the bit, so they end here, where the reference
// still sees it.
//
//===----------------------------------------------------------------------===//

#include "mpq/Conversion/Passes.h"
#include "mpq/Dialect/ConstantData.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

namespace mpq {
#define GEN_PASS_DEF_AVOIDSLOWFLOATSPASS
#include "mpq/Conversion/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Factors below this one become 0. Its product with an activation of ordinary
/// size is a normal number still, and below the last bit of any sum that
/// matters.
static constexpr float kSmallestFactor = 0x1p-100f;

/// True for a sum, no product, over some dimension of a tensor.
static bool isSum(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto op = argument
                ? dyn_cast<linalg::LinalgOp>(argument.getOwner()->getParentOp())
                : nullptr;
  if (!op)
    return false;
  auto producer = op.getMatchingOpOperand(argument)
                      ->get()
                      .getDefiningOp<linalg::LinalgOp>();
  return producer && producer.getNumReductionLoops() > 0 &&
         producer.getBlock()->getOps<arith::MulFOp>().empty();
}

/// x / c as x * f32(1 / c), for an inverse that is a normal number. Means keep
/// their division: it is one for many elements, and means of numbers with a
/// common scale lie on ties of the next quantization, which an ulp decides.
static void multiplyByReciprocal(arith::DivFOp op) {
  llvm::APFloat divisor(0.0f);
  if (!op.getType().isF32() || isSum(op.getLhs()) ||
      !matchPattern(op.getRhs(), m_ConstantFloat(&divisor)))
    return;
  float inverse = 1.0f / divisor.convertToFloat();
  if (!std::isnormal(inverse) || !std::isnormal(divisor.convertToFloat()))
    return;
  OpBuilder b(op);
  Value factor =
      arith::ConstantOp::create(b, op.getLoc(), b.getF32FloatAttr(inverse));
  Value product = arith::MulFOp::create(b, op.getLoc(), op.getLhs(), factor,
                                        op.getFastmath());
  op.replaceAllUsesWith(product);
  op.erase();
}

/// True if all that is done with the tensor's elements is to multiply them.
static bool isOnlyFactor(Value value) {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
    if (!op || op.isDpsInit(&use))
      return false;
    return llvm::all_of(
        op.getMatchingBlockArgument(&use).getUsers(),
        [](Operation *user) { return isa<arith::MulFOp>(user); });
  });
}

static void dropTinyFactors(arith::ConstantOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!type || !type.getElementType().isF32() || !isOnlyFactor(op))
    return;
  auto values = readConstant<float>(op.getResult());
  if (!values)
    return;
  bool any = false;
  for (float &value : *values)
    if (value != 0 && std::fabs(value) < kSmallestFactor) {
      value = 0;
      any = true;
    }
  if (!any)
    return;
  OpBuilder b(op);
  op.replaceAllUsesWith(createConstant(b, op.getLoc(), type, *values));
  op.erase();
}

namespace {
struct AvoidSlowFloats : mpq::impl::AvoidSlowFloatsPassBase<AvoidSlowFloats> {
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      if (auto division = dyn_cast<arith::DivFOp>(op))
        multiplyByReciprocal(division);
      else if (auto constant = dyn_cast<arith::ConstantOp>(op))
        dropTinyFactors(constant);
    });
  }
};
} // namespace
