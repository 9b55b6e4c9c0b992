//===- AssignStorage.cpp - results that memory holds in 8 bits ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What products read is in 8 bits. Other results of integer products, which
// additions, pools and products by gates read later, would be four times as
// large, and such readers are bound by memory. A value that its reader takes
// from registers gains nothing and would only lose accuracy: of the two sides
// of an addition, the product that is computed last is one with it.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Assign/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mpq/Analysis/Channels.h"
#include "mpq/Analysis/ScaleGroups.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQInterfaces.h"
#include "mpq/Transforms/Assign/Recipe.h"

namespace mpq {
#define GEN_PASS_DEF_ASSIGNSTORAGEPASS
#include "mpq/Transforms/Assign/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Smaller values stay in the first-level cache whatever their type.
static constexpr int64_t kLeastElements = 8192;

/// An operation that computes each element from those of the same position, and
/// from values that are spread over it.
static bool isElementwise(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && generic.getNumReductionLoops() == 0 &&
         generic.getNumDpsInits() == 1 &&
         generic.getMatchingIndexingMap(generic.getDpsInitOperand(0))
             .isIdentity();
}

static bool isElementwiseUse(OpOperand &use) {
  if (!isElementwise(use.getOwner()))
    return false;
  auto generic = cast<linalg::GenericOp>(use.getOwner());
  return generic.isDpsInput(&use) &&
         generic.getMatchingIndexingMap(&use).isIdentity();
}

/// The product that `value` is computed by in registers, or null.
static QuantizableOpInterface findProduct(Value value) {
  Operation *op = value.getDefiningOp();
  while (op && isElementwise(op)) {
    Operation *latest = nullptr;
    for (OpOperand *input : cast<linalg::GenericOp>(op).getDpsInputOperands())
      if (Operation *source = input->get().getDefiningOp();
          source && isElementwiseUse(*input) && input->get().hasOneUse() &&
          !ConstantView::get(input->get()) &&
          (!latest || latest->isBeforeInBlock(source)))
        latest = source;
    op = latest;
  }
  auto product = dyn_cast_or_null<QuantizableOpInterface>(op);
  return product && product.isProduct() ? product : QuantizableOpInterface();
}

/// The value at the end of the elementwise operations that are computed with
/// `product`, before it goes to memory.
static Value findStoredResult(QuantizableOpInterface product) {
  Value value = product->getResult(0);
  while (value.hasOneUse()) {
    OpOperand &use = *value.getUses().begin();
    if (!isElementwiseUse(use) ||
        findProduct(use.getOwner()->getResult(0)) != product)
      break;
    value = use.getOwner()->getResult(0);
  }
  return value;
}

namespace {
/// What reads a value, seen through operations that only move it.
struct Readers {
  bool inIntegers = false; // an integer product
  bool inFloat = false;    // a product in float, or the function's return
  bool others = false;

  explicit Readers(Value value) {
    for (Operation *user : value.getUsers()) {
      auto product = dyn_cast<QuantizableOpInterface>(user);
      if (product && product.isProduct()) {
        (isStaticIntegerProduct(user) ? inIntegers : inFloat) = true;
      } else if (user->hasTrait<OpTrait::IsTerminator>() ||
                 isa<UnitOp, QuantizeOp>(user)) {
        inFloat = true;
      } else if (onlyMovesElements(user)) {
        for (Value result : user->getResults()) {
          Readers further(result);
          inIntegers |= further.inIntegers;
          inFloat |= further.inFloat;
          others |= further.others;
        }
      } else {
        others = true;
      }
    }
  }
};

struct AssignStorage : mpq::impl::AssignStoragePassBase<AssignStorage> {
  using AssignStoragePassBase::AssignStoragePassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<Recipe> loaded = Recipe::loadOrDefault(recipe, module.getLoc());
    if (failed(loaded))
      return signalPassFailure();
    if (loaded->stored != PrecisionKind::Int8)
      return;
    module.walk([&](FunctionOpInterface function) {
      if (function.isExternal())
        return;
      RangeAnalysis ranges(function);
      for (Operation &op : function.getFunctionBody().front())
        if (isIntegerProduct(&op))
          assign(cast<QuantizableOpInterface>(op), ranges);
    });
  }

  void assign(QuantizableOpInterface product, const RangeAnalysis &ranges) {
    Value value = findStoredResult(product);
    auto type = cast<RankedTensorType>(value.getType());
    if (!type.hasStaticShape() || type.getNumElements() < kLeastElements)
      return;
    Readers readers(value);
    // What integer products read is quantized for them.
    if (readers.inFloat || readers.inIntegers || !readers.others ||
        !ranges.lookup(value))
      return;
    value.getDefiningOp()->setAttr(
        MPQDialect::getStoredAttrName(),
        PrecisionAttr::get(&getContext(), PrecisionKind::Int8, StringAttr()));
  }
};
} // namespace
