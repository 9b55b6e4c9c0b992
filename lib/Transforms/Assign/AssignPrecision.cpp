//===- AssignPrecision.cpp - integers or float, product by product ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place that decides: later passes obey the attribute. Whatever is left
// in float says why, in a remark and in the report, because "it did not
// quantize" is the first question every user of a quantizer asks.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Assign/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mpq/Analysis/ScaleGroups.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQInterfaces.h"
#include "mpq/Dialect/ValueId.h"
#include "mpq/Numerics/NarrowFloats.h"
#include "mpq/Support/SuggestNearest.h"
#include "mpq/Support/WriteFile.h"
#include "mpq/Transforms/Assign/Recipe.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

namespace mpq {
#define GEN_PASS_DEF_ASSIGNPRECISIONPASS
#include "mpq/Transforms/Assign/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Whether weights are of an FP8 or Microscaling format.
static bool isOfFormat(PrecisionKind kind) {
  switch (kind) {
  case PrecisionKind::FP8E4M3:
  case PrecisionKind::FP8E5M2:
  case PrecisionKind::MXFP8:
  case PrecisionKind::MXFP4:
  case PrecisionKind::MXInt8:
    return true;
  default:
    return false;
  }
}

namespace {
struct Product {
  QuantizableOpInterface op;
  std::string id;
  StringRef kind;
  PrecisionKind wanted;
  WeightRoundingKind rounding;
  std::optional<RecipeActivations> activations;
  std::string reason; // why it is in float, or ""
  bool quantizedInModel = false;
  bool hasIntegerWeights = false;
  /// The rules that decided, from 1 on.
  size_t precisionRule = 0, roundingRule = 0;

  bool hasFewBits() const {
    return wanted == PrecisionKind::Int4 || wanted == PrecisionKind::Int2;
  }
  /// Whether a recipe's `activations` say something of such a product. With
  /// weights of few bits, those of convolutions are always static.
  bool canHave(RecipeActivations choice) const {
    if (quantizedInModel)
      return false;
    if (hasFewBits())
      return choice == RecipeActivations::Static ||
             (kind != "conv" && kind != "depthwise");
    if (isOfFormat(wanted))
      return kind == "matmul" && (choice == RecipeActivations::F32 ||
                                  (choice == RecipeActivations::Dynamic &&
                                   wanted == PrecisionKind::MXInt8));
    if (wanted == PrecisionKind::Int16)
      return choice == RecipeActivations::Static;
    return wanted == PrecisionKind::Int8 && choice != RecipeActivations::F32;
  }
  bool isDynamic() const {
    return activations == RecipeActivations::Dynamic &&
           canHave(RecipeActivations::Dynamic);
  }
  /// Whether weights have scales in blocks, not for whole channels.
  bool isInBlocks() const {
    return hasFewBits() && activations != RecipeActivations::Static &&
           canHave(RecipeActivations::F32);
  }
};

/// Why a product cannot have a precision, or "".
struct Obstacles {
  std::string int8, missingRange, bf16, f16;

  const std::string &of(const Product &product) const {
    switch (product.wanted) {
    case PrecisionKind::BF16:
      return bf16;
    case PrecisionKind::F16:
      return f16;
    default:
      return int8.empty() && !product.isDynamic() ? missingRange : int8;
    }
  }
};
} // namespace

static bool isDequantized(OpOperand &operand) {
  return operand.get().getDefiningOp<DequantizeOp>() != nullptr;
}

StringRef mpq::getProductKind(QuantizableOpInterface op) {
  StringRef kind = op.getProductKind();
  if (kind == "matmul" && !ConstantView::get(op.getWeightOperand().get()) &&
      !isDequantized(op.getWeightOperand()))
    return "attention";
  return kind;
}

bool mpq::onlyMovesElements(Operation *op) {
  if (isa<tensor::TensorDialect>(op->getDialect()))
    return true;
  auto relation = dyn_cast<ScaleRelationOpInterface>(op);
  return relation && !relation.getScalePreservingOperands().empty();
}

bool mpq::hasFloatArithmetic(Operation *op) {
  auto product = dyn_cast<QuantizableOpInterface>(op);
  if ((product && product.isProduct()) || onlyMovesElements(op) ||
      isa<QuantizeOp, DequantizeOp, linalg::FillOp>(op) ||
      op->hasTrait<OpTrait::ConstantLike>())
    return false;
  return llvm::any_of(op->getResultTypes(), [](Type type) {
    return isa<FloatType>(getElementTypeOrSelf(type));
  });
}

/// Why no range is known of a quantized `value`, or "".
static std::string findMissingRange(Value value, const RangeAnalysis &ranges,
                                    const ValueIds &ids) {
  Value missing;
  ScaleGroup group;
  collectScaleRoots(value, group.roots);
  group.activations.push_back(value);
  if (!group.getRange(ranges, missing))
    return llvm::formatv("no range is known of its input '{0}'",
                         ids.lookup(missing));
  return "";
}

/// One loop each for rows, columns and the sum, and at most one for a batch,
/// so that mpq-lower-activation-products takes it.
static bool isPlainProduct(Operation *op) {
  if (!linalg::isaContractionOpInterface(dyn_cast<linalg::LinalgOp>(op)))
    return false;
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(cast<linalg::LinalgOp>(op));
  return succeeded(dims) && dims->m.size() == 1 && dims->n.size() == 1 &&
         dims->k.size() == 1 && dims->batch.size() <= 1;
}

/// Why no range is known of what an integer product of activations reads, or
/// "". One that quantizes as it runs needs none.
static std::string findMissingRange(QuantizableOpInterface op,
                                    const RangeAnalysis &ranges,
                                    const ValueIds &ids) {
  std::string missing =
      findMissingRange(op.getActivationOperand().get(), ranges, ids);
  Value weights = op.getWeightOperand().get();
  if (missing.empty() && !ConstantView::get(weights))
    missing = findMissingRange(weights, ranges, ids);
  return missing;
}

/// Why `op` cannot be computed in integers whatever the ranges, or "".
static std::string findObstacle(QuantizableOpInterface op) {
  if (!op.getMultiplyAccumulates())
    return "its shape is dynamic";
  Value weights = op.getWeightOperand().get();
  std::optional<ConstantView> data = ConstantView::get(weights);
  if (!data && !isPlainProduct(op))
    return "its weights are not constant";
  for (int64_t i = 0; data && i < (data->isSplat() ? 1 : data->size()); ++i)
    if (!std::isfinite(data->getFloat(i)))
      return llvm::formatv("its weights hold {0}", data->getFloat(i));
  // Two activations have sums over each of them beside the products.
  int64_t largest = data ? 255 * 127 : 4 * 255 * 128;
  if (op.getReductionExtent() > (int64_t(1) << 31) / largest)
    return llvm::formatv("a sum of {0} products may exceed 31 bits",
                         op.getReductionExtent());
  return "";
}

/// Weights of formats are smaller.
static constexpr float kLargestFormatWeight = 0x1p100f;

/// Why the weights of `op` cannot have few bits, or "".
static std::string findWeightObstacle(QuantizableOpInterface op) {
  if (!ConstantView::get(op.getWeightOperand().get()))
    return "its weights are not constant";
  return "";
}

/// Why the weights of `op` cannot have few bits in blocks, or a format, or "".
static std::string findBlockObstacle(QuantizableOpInterface op,
                                     const Product &product) {
  bool isFormat = isOfFormat(product.wanted);
  if (product.kind != "matmul" || !isa<linalg::MatmulOp>(op) ||
      !op.getMultiplyAccumulates())
    return isFormat ? llvm::formatv("only matrix products with constant "
                                    "weights have them in {0}",
                                    stringifyPrecisionKind(product.wanted))
                          .str()
                    : "only matrix products with constant weights have them in "
                      "blocks of few bits";
  std::optional<ConstantView> data =
      ConstantView::get(op.getWeightOperand().get());
  if (!data || !data->getElementType().isF32())
    return "its weights are not constant in f32";
  for (int64_t i = 0; i < (data->isSplat() ? 1 : data->size()); ++i)
    if (!std::isfinite(data->getFloat(i)))
      return llvm::formatv("its weights hold {0}", data->getFloat(i));
  // Kernels multiply scales by what their formats' exponents differ.
  for (int64_t i = 0; isFormat && i < (data->isSplat() ? 1 : data->size()); ++i)
    if (std::fabs(data->getFloat(i)) >= kLargestFormatWeight)
      return llvm::formatv("its weights reach {0}, and those in {1} have to be "
                           "below 2^100",
                           data->getFloat(i),
                           stringifyPrecisionKind(product.wanted));
  return "";
}

/// Why the factors of `op` cannot be rounded to 16 bits, or "". The range of an
/// activation matters only for f16, and only if it is known.
static std::string findHalfObstacle(QuantizableOpInterface op,
                                    PrecisionKind kind,
                                    const RangeAnalysis &ranges) {
  if (isDequantized(op.getWeightOperand()))
    return "its weights are quantized in the model";
  // What is nearer to the largest number than to the next power of two.
  float largest = kind == PrecisionKind::F16 ? 65520.0f : 0x1.FFp127f;
  auto overflows = [&](double value) { return std::fabs(value) >= largest; };
  Value weights = op.getWeightOperand().get();
  std::optional<ConstantView> data = ConstantView::get(weights);
  for (int64_t i = 0; data && i < (data->isSplat() ? 1 : data->size()); ++i) {
    float weight = data->getFloat(i);
    if (!std::isfinite(weight) || overflows(weight))
      return llvm::formatv("its weights hold {0}", weight);
  }
  for (OpOperand *factor :
       {&op.getActivationOperand(), &op.getWeightOperand()}) {
    std::optional<RangeAttr> range = ranges.lookup(factor->get());
    if (range && (overflows(range->getMin()) || overflows(range->getMax())))
      return llvm::formatv("its input reaches {0}, which {1} cannot hold",
                           overflows(range->getMax()) ? range->getMax()
                                                      : range->getMin(),
                           stringifyPrecisionKind(kind));
  }
  return "";
}

/// Whether `rule` selects `product`, which is at `position` in program order.
static bool selects(const RecipeRule &rule, const Product &product,
                    int64_t position) {
  switch (rule.selector) {
  case RecipeRule::Selector::Name:
    return product.id == rule.text;
  case RecipeRule::Selector::Regex:
    return llvm::Regex(rule.text).match(product.id);
  case RecipeRule::Selector::Op:
    return product.kind == rule.text;
  case RecipeRule::Selector::First:
    return position < rule.count;
  }
  llvm_unreachable("unknown selector");
}

/// Applies the rules in order; fails on one that matches nothing.
static LogicalResult applyRules(const Recipe &recipe, StringRef path,
                                Location loc,
                                MutableArrayRef<Product> products) {
  for (auto [index, rule] : llvm::enumerate(recipe.rules)) {
    bool matched = false;
    for (auto [position, product] : llvm::enumerate(products)) {
      if (!selects(rule, product, position))
        continue;
      matched = true;
      if (rule.rounding) {
        product.rounding = *rule.rounding;
        product.roundingRule = index + 1;
      }
      if (rule.activations)
        product.activations = rule.activations;
      if (!rule.precision)
        continue;
      product.wanted = *rule.precision;
      product.precisionRule = index + 1;
      product.reason =
          rule.precision == PrecisionKind::F32
              ? llvm::formatv("rule {0} of the recipe", index + 1).str()
              : "";
    }
    if (rule.selector == RecipeRule::Selector::First &&
        rule.count > int64_t(products.size()))
      return emitError(loc)
             << "rule " << index + 1 << " of recipe '" << path
             << "' asks for the first " << rule.count
             << " products but the model has " << products.size();
    if (matched)
      continue;
    std::string suggestion;
    if (rule.selector == RecipeRule::Selector::Name) {
      SmallVector<StringRef> names;
      for (Product &product : products)
        names.push_back(product.id);
      suggestion = suggestNearest(rule.text, names);
    }
    return emitError(loc) << "rule " << index + 1 << " of recipe '" << path
                          << "' matches no product (" << rule.text << ")"
                          << suggestion;
  }
  return success();
}

/// Warns of rules that decide nothing: of later ones, or because of what the
/// products are.
static void warnOfIdleRules(const Recipe &recipe, StringRef path, Location loc,
                            ArrayRef<Product> products) {
  for (auto [index, rule] : llvm::enumerate(recipe.rules)) {
    auto warn = [&, number = index + 1](StringRef key, bool decides,
                                        StringRef otherwise) {
      emitWarning(loc) << "'" << key << "' of rule " << number << " of recipe '"
                       << path << "' has no effect: "
                       << (decides ? otherwise
                                   : "later rules decide on all products that "
                                     "it matches");
    };
    auto decided = [&](auto member) {
      return llvm::make_filter_range(
          products, [member, number = index + 1](const Product &product) {
            return product.*member == number;
          });
    };
    auto ofPrecision = decided(&Product::precisionRule);
    if (rule.precision &&
        llvm::all_of(ofPrecision, [&](const Product &product) {
          return product.quantizedInModel &&
                 rule.precision != PrecisionKind::Int8;
        }))
      warn("precision", !ofPrecision.empty(),
           "the products that it matches came quantized, and stay so");
    auto ofRounding = decided(&Product::roundingRule);
    if (rule.rounding && llvm::none_of(ofRounding, [](const Product &product) {
          return product.hasIntegerWeights;
        }))
      warn("rounding", !ofRounding.empty(),
           "no weights of the products that it matches become integers");
  }
}

/// Says that something stays in float, and why.
static void remarkFloat(Location loc, StringRef kind, StringRef id,
                        StringRef reason) {
  remark::missed(loc, remark::RemarkOpts::name("float").category("mpq-assign"))
      << remark::add("{0} '{1}' stays in f32: {2}", kind.str(), id.str(),
                     reason.str());
}

/// Writes a record for each product; the file appears complete or not at all.
static LogicalResult writeReport(StringRef path, Location loc,
                                 ArrayRef<Product> products) {
  llvm::Error error = writeFile(path, [&](llvm::raw_ostream &os) {
    llvm::json::OStream json(os, /*IndentSize=*/2);
    json.array([&] {
      for (const Product &product : products)
        json.object([&] {
          QuantizableOpInterface op = product.op;
          json.attribute("id", product.id);
          json.attribute("op", product.kind);
          json.attribute("precision", stringifyPrecisionKind(product.wanted));
          if (product.reason.empty())
            json.attribute("reason", nullptr);
          else
            json.attribute("reason", product.reason);
          if (std::optional<int64_t> macs = op.getMultiplyAccumulates())
            json.attribute("macs", *macs);
          else
            json.attribute("macs", nullptr);
        });
    });
    os << "\n";
  });
  if (error)
    return emitError(loc) << "cannot write report '" << path
                          << "': " << llvm::toString(std::move(error));
  return success();
}

namespace {
struct AssignPrecision : mpq::impl::AssignPrecisionPassBase<AssignPrecision> {
  using AssignPrecisionPassBase::AssignPrecisionPassBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<Recipe> loaded = Recipe::loadOrDefault(recipe, module.getLoc());
    if (failed(loaded))
      return signalPassFailure();
    const Recipe &rules = *loaded;
    PrecisionKind fallback = rules.precision.value_or(precision);

    std::vector<Product> products;
    std::vector<Obstacles> obstacles;
    module.walk([&](FunctionOpInterface function) {
      if (function.isExternal())
        return;
      ValueIds ids(function);
      RangeAnalysis ranges(function);
      for (Operation &any : function.getFunctionBody().front()) {
        if (hasFloatArithmetic(&any) &&
            isa<ShapedType>(any.getResultTypes()[0]))
          remarkFloat(any.getLoc(), "operation", ids.lookup(any.getResult(0)),
                      "it is no product");
        auto op = dyn_cast<QuantizableOpInterface>(any);
        if (!op || !op.isProduct())
          continue;
        Product product{op,
                        ids.lookup(op->getResult(0)).str(),
                        getProductKind(op),
                        fallback,
                        rules.rounding.value_or(WeightRoundingKind::Nearest),
                        rules.activations,
                        fallback == PrecisionKind::F32 ? "precision f32 is the "
                                                         "default"
                                                       : ""};
        product.quantizedInModel = isDequantized(op.getActivationOperand()) &&
                                   isDequantized(op.getWeightOperand());
        obstacles.push_back(
            product.quantizedInModel
                ? Obstacles()
                : Obstacles{findObstacle(op), findMissingRange(op, ranges, ids),
                            findHalfObstacle(op, PrecisionKind::BF16, ranges),
                            findHalfObstacle(op, PrecisionKind::F16, ranges)});
        products.push_back(std::move(product));
      }
    });
    if (failed(applyRules(rules, recipe, module.getLoc(), products)))
      return signalPassFailure();

    bool hasBlocks = false, hasRounding = false;
    for (auto [product, found] : llvm::zip_equal(products, obstacles)) {
      if (product.quantizedInModel) {
        product.wanted = PrecisionKind::Int8;
        product.reason.clear();
        continue;
      }
      bool inBlocks = product.isInBlocks();
      std::string obstacle = inBlocks || isOfFormat(product.wanted)
                                 ? findBlockObstacle(product.op, product)
                                 : found.of(product);
      if (obstacle.empty() && product.hasFewBits() && !inBlocks)
        obstacle = findWeightObstacle(product.op);
      if (!obstacle.empty() && product.wanted != PrecisionKind::F32) {
        product.wanted = PrecisionKind::F32;
        product.reason = obstacle;
      }
      StringAttr reason;
      if (product.wanted == PrecisionKind::F32) {
        reason = StringAttr::get(&getContext(), product.reason);
        remarkFloat(product.op.getLoc(), product.kind, product.id,
                    product.reason);
      }
      product.op->setAttr(
          MPQDialect::getPrecisionAttrName(),
          PrecisionAttr::get(&getContext(), product.wanted, reason));
      bool inIntegers = product.wanted == PrecisionKind::Int8 ||
                        product.wanted == PrecisionKind::Int16 ||
                        product.hasFewBits();
      if (product.wanted == PrecisionKind::Int8 && product.isDynamic())
        product.op->setAttr(MPQDialect::getDynamicAttrName(),
                            UnitAttr::get(&getContext()));
      if (inIntegers &&
          ConstantView::get(product.op.getWeightOperand().get())) {
        // Scales are searched for where samples are there anyway.
        WeightRoundingAttr rounding = WeightRoundingAttr::get(
            &getContext(), product.rounding,
            rules.scales.value_or(product.rounding !=
                                          WeightRoundingKind::Nearest
                                      ? WeightScalesKind::MSE
                                      : WeightScalesKind::MinMax),
            StringAttr());
        hasRounding = product.hasIntegerWeights = true;
        if (rounding.needsSamples())
          product.op->setAttr(MPQDialect::getWeightRoundingAttrName(),
                              rounding);
      }
      if (product.wanted == PrecisionKind::MXInt8 && product.isDynamic())
        product.op->setAttr(MPQDialect::getBlocksAttrName(),
                            BlocksAttr::get(&getContext(), kMicroscalingBlock,
                                            PrecisionKind::Int8, false));
      if (!inBlocks || !obstacle.empty())
        continue;
      hasBlocks = true;
      product.op->setAttr(
          MPQDialect::getBlocksAttrName(),
          BlocksAttr::get(&getContext(), rules.block.value_or(kDefaultBlock),
                          product.isDynamic() ? PrecisionKind::Int8
                                              : PrecisionKind::F32,
                          rules.zeroPoints.value_or(false)));
    }
    if ((rules.rounding || rules.scales) && !hasRounding) {
      emitError(module.getLoc())
          << "'" << (rules.rounding ? "rounding" : "scales") << "' of recipe '"
          << recipe << "' has no effect: no weights become integers";
      return signalPassFailure();
    }
    if ((rules.block || rules.zeroPoints) && !hasBlocks) {
      emitError(module.getLoc())
          << "'" << (rules.block ? "block" : "zero_points") << "' of recipe '"
          << recipe
          << "' has no effect: no matrix product gets precision int4 or int2 "
             "in blocks";
      return signalPassFailure();
    }
    if (rules.activations && llvm::none_of(products, [&](const Product &p) {
          return p.activations == rules.activations &&
                 p.canHave(*rules.activations);
        })) {
      emitError(module.getLoc())
          << "'activations' of recipe '" << recipe
          << "' has no effect: there is no product whose activations can be "
          << stringifyActivations(*rules.activations);
      return signalPassFailure();
    }
    for (auto [index, rule] : llvm::enumerate(rules.rules))
      if (rule.activations &&
          llvm::none_of(llvm::enumerate(products), [&](auto at) {
            return selects(rule, at.value(), at.index()) &&
                   at.value().canHave(*rule.activations);
          })) {
        emitError(module.getLoc())
            << "'activations' in rule " << index + 1 << " of recipe '" << recipe
            << "' has no effect: it selects no product whose activations can "
               "be "
            << stringifyActivations(*rule.activations);
        return signalPassFailure();
      }
    warnOfIdleRules(rules, recipe, module.getLoc(), products);
    if (!report.empty() &&
        failed(writeReport(report, module.getLoc(), products)))
      return signalPassFailure();
  }
};
} // namespace
