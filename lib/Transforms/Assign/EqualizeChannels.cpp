//===- EqualizeChannels.cpp - outlier channels move into the weights ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Encoders have a few channels that are many times larger than the others; one
// scale per tensor then leaves those others a handful of steps. Dividing the
// few channels and multiplying the weights' rows costs nothing in float and
// little precision in the weights (Xiao et al., "SmoothQuant", ICML 2023, does
// it to all channels). The products get a value of their own, so that whoever
// else reads the original, as residual paths do, reads it in float.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Assign/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/MPQInterfaces.h"
#include "mpq/Dialect/ValueId.h"
#include "mpq/Support/SuggestNearest.h"
#include "mpq/Transforms/Assign/Recipe.h"

#include "llvm/ADT/SetVector.h"

namespace mpq {
#define GEN_PASS_DEF_EQUALIZECHANNELSPASS
#include "mpq/Transforms/Assign/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Reshapes between a value and a product that keep its last dimension, from
/// the product upwards; std::nullopt if something else lies between them.
static std::optional<SmallVector<Operation *>> findReshapes(Value activation,
                                                            Value source) {
  SmallVector<Operation *> reshapes;
  while (activation != source) {
    Operation *op = activation.getDefiningOp();
    SmallVector<ReassociationIndices> groups;
    if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(op))
      groups = collapse.getReassociationIndices();
    else if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op))
      groups = expand.getReassociationIndices();
    if (groups.empty() || groups.back().size() != 1)
      return std::nullopt;
    reshapes.push_back(op);
    activation = op->getOperand(0);
  }
  return reshapes;
}

/// Whether the rows of the product's weights are the channels of its activation
/// and known.
static bool hasConstantRows(QuantizableOpInterface product, int64_t channels) {
  Value weights = product.getWeightOperand().get();
  auto type = dyn_cast<RankedTensorType>(weights.getType());
  return type && type.getRank() == 2 && type.getDimSize(0) == channels &&
         product.getWeightChannelDims() == SmallVector<int64_t>{1} &&
         readConstant<float>(weights).has_value();
}

/// `value` divided by the factors along its last dimension. The factors are
/// powers of two: multiplying by the inverse is exact.
static Value createDivided(OpBuilder &builder, Value value, StringRef id,
                           ArrayRef<float> factors, RangeAttr range) {
  auto type = cast<RankedTensorType>(value.getType());
  Location loc =
      NameLoc::get(builder.getStringAttr(id + "#equalized"), value.getLoc());
  SmallVector<float> inverses;
  for (float factor : factors)
    inverses.push_back(1.0f / factor);
  Value scales = createConstant(
      builder, loc,
      RankedTensorType::get({type.getShape().back()}, builder.getF32Type()),
      inverses);
  Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                       type.getElementType());
  int64_t rank = type.getRank();
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  AffineMap last = AffineMap::get(rank, 0, builder.getAffineDimExpr(rank - 1));
  auto divided = linalg::GenericOp::create(
      builder, loc, type, ValueRange{value, scales}, init,
      ArrayRef<AffineMap>{identity, last, identity},
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [](OpBuilder &body, Location at, ValueRange arguments) {
        Value product =
            arith::MulFOp::create(body, at, arguments[0], arguments[1]);
        linalg::YieldOp::create(body, at, product);
      });
  divided->setAttr(MPQDialect::getRangesAttrName(),
                   builder.getArrayAttr({range}));
  return divided.getResult(0);
}

static LogicalResult equalize(FunctionOpInterface function,
                              const RecipeEqualization &wanted, Value value,
                              const Twine &where) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape() || type.getRank() == 0 ||
      !type.getElementType().isF32())
    return emitError(value.getLoc())
           << where << ": expected '" << wanted.name
           << "' to be an f32 tensor of static shape but it is "
           << value.getType();
  int64_t channels = type.getShape().back();
  SmallVector<float> factors(channels, 1.0f);
  for (auto [channel, factor] : wanted.channels) {
    if (channel >= channels)
      return emitError(value.getLoc())
             << where << ": expected channels below " << channels << " of '"
             << wanted.name << "' but got " << channel;
    factors[channel] = factor;
  }
  SmallVector<std::pair<QuantizableOpInterface, SmallVector<Operation *>>>
      readers;
  for (auto product :
       function.getFunctionBody().front().getOps<QuantizableOpInterface>())
    if (product.isProduct() && hasConstantRows(product, channels))
      if (auto reshapes =
              findReshapes(product.getActivationOperand().get(), value))
        readers.emplace_back(product, *reshapes);
  if (readers.empty())
    return emitError(value.getLoc())
           << where << ": expected a matrix product with constant weights that "
           << "reads '" << wanted.name << "' but there is none";

  OpBuilder builder(function.getContext());
  builder.setInsertionPointAfterValue(value);
  Value divided =
      createDivided(builder, value, wanted.name, factors,
                    RangeAttr::get(function.getContext(), wanted.min,
                                   wanted.max, RangeOrigin::Recipe));
  IRMapping moved;
  moved.map(value, divided);
  for (auto &[product, reshapes] : readers) {
    for (Operation *reshape : llvm::reverse(reshapes))
      if (!moved.contains(reshape->getResult(0))) {
        builder.setInsertionPointAfter(reshape);
        // The profile's range is that of the original.
        builder.clone(*reshape, moved)
            ->removeAttr(MPQDialect::getRangesAttrName());
      }
    OpOperand &activation = product.getActivationOperand();
    activation.set(moved.lookup(activation.get()));

    Value weights = product.getWeightOperand().get();
    auto weightType = cast<RankedTensorType>(weights.getType());
    SmallVector<float> elements = *readConstant<float>(weights);
    int64_t columns = weightType.getDimSize(1);
    for (auto [index, element] : llvm::enumerate(elements))
      element *= factors[int64_t(index) / columns];
    builder.setInsertionPoint(product);
    product.getWeightOperand().set(
        createConstant(builder, weights.getLoc(), weightType, elements));
    if (weights.use_empty())
      weights.getDefiningOp()->erase();
  }
  // A reshape may serve several products; those next to a product come first.
  SetVector<Operation *> replaced;
  for (auto &[product, reshapes] : readers)
    replaced.insert(reshapes.begin(), reshapes.end());
  for (bool erased = true; erased;) {
    erased = false;
    for (Operation *reshape : llvm::to_vector(replaced))
      if (reshape->use_empty()) {
        replaced.remove(reshape);
        reshape->erase();
        erased = true;
      }
  }
  return success();
}

namespace {
struct EqualizeChannels
    : mpq::impl::EqualizeChannelsPassBase<EqualizeChannels> {
  using EqualizeChannelsPassBase::EqualizeChannelsPassBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (recipe.empty())
      return;
    llvm::Expected<Recipe> loaded = Recipe::load(recipe);
    if (!loaded) {
      emitError(module.getLoc()) << llvm::toString(loaded.takeError());
      return signalPassFailure();
    }
    for (const RecipeEqualization &wanted : loaded->equalize) {
      std::string where = "recipe '" + recipe + "'";
      FunctionOpInterface home;
      Value found;
      std::string nearest;
      module.walk([&](FunctionOpInterface function) {
        if (found || function.isExternal())
          return;
        ValueIds ids(function);
        SmallVector<Value> values(function.getArguments());
        for (Operation &op : function.getFunctionBody().front())
          llvm::append_range(values, op.getResults());
        SmallVector<StringRef> names;
        for (Value value : values) {
          names.push_back(ids.lookup(value));
          if (names.back() == wanted.name) {
            found = value;
            home = function;
          }
        }
        nearest = suggestNearest(wanted.name, names);
      });
      if (!found) {
        emitError(module.getLoc()) << where << ": no value '" << wanted.name
                                   << "' to equalize" << nearest;
        return signalPassFailure();
      }
      if (failed(equalize(home, wanted, found, where)))
        return signalPassFailure();
    }
  }
};
} // namespace
