//===- IdleOptions.cpp - what was asked for but cannot act ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An option that does nothing lets its user believe that it did. What
// contradicts another option is an error before the work; what the model gives
// no chance to act is a warning when that is known. What is idle inside of a
// recipe's rules, the pass that applies them says.
//
//===----------------------------------------------------------------------===//

#include "Compiler.h"

#include "mpq/Analysis/Channels.h"
#include "mpq/Dialect/MPQInterfaces.h"
#include "mpq/Driver/Pipelines.h"
#include "mpq/Transforms/Assign/Recipe.h"

using namespace mlir;
using namespace mpq;

/// An option that no phase of this compilation reads is an error.
LogicalResult Compiler::requirePhase(bool given, StringRef option,
                                     Phase phase) {
  if (!given || (from <= phase && phase <= to))
    return success();
  return emitError(loc) << "option --" << option
                        << " has no effect: it is for the phase "
                        << stringifyPhase(phase) << " but phases "
                        << stringifyPhase(from) << " to " << stringifyPhase(to)
                        << " run";
}

/// What says how to quantize has no effect on what is quantized.
LogicalResult Compiler::checkDecisions() {
  for (auto [given, option, phase] :
       {std::tuple(!options.profile.empty(), "profile", Phase::Calibrate),
        std::tuple(!options.recipe.empty(), "recipe", Phase::Assign),
        std::tuple(options.precision.has_value(), "precision", Phase::Assign),
        std::tuple(!options.fitData.empty(), "fit-data", Phase::Assign),
        std::tuple(!options.mask.empty() && !calibrates, "mask",
                   Phase::Assign)})
    if (failed(requirePhase(given, option, phase)))
      return failure();
  return success();
}

/// Keys of a recipe are no less an error where they have no effect than
/// options are. What else is wrong with the recipe, the passes say.
LogicalResult Compiler::checkRecipe() {
  if (options.recipe.empty())
    return success();
  llvm::Expected<Recipe> recipe = Recipe::load(options.recipe);
  if (!recipe) {
    llvm::consumeError(recipe.takeError());
    return success();
  }
  auto idle = [&](StringRef key, bool plural = false) {
    return emitError(loc) << "'" << key << "' of recipe '" << options.recipe
                          << "' " << (plural ? "have" : "has")
                          << " no effect: ";
  };
  if (from > Phase::Calibrate && (recipe->method || !recipe->ranges.empty())) {
    bool isMethod = recipe->ranges.empty();
    return idle(isMethod ? "method" : "ranges", !isMethod)
           << (isMethod ? "it is" : "they are") << " for the phase "
           << stringifyPhase(Phase::Calibrate) << " but phases "
           << stringifyPhase(from) << " to " << stringifyPhase(to) << " run";
  }
  if (recipe->method && options.profile.empty())
    return idle("method") << "it picks ranges from a profile, give one with "
                             "--profile";
  if (recipe->method && options.method)
    emitWarning(loc) << "option --method has no effect: recipe '"
                     << options.recipe << "' says how ranges are picked";
  if (recipe->precision && options.precision &&
      *recipe->precision != getPrecisionKind(*options.precision))
    emitWarning(loc) << "option --precision has no effect: recipe '"
                     << options.recipe << "' says "
                     << stringifyPrecisionKind(*recipe->precision);
  storesIntegers = recipe->stored == PrecisionKind::Int8;
  hasFewBits = recipe->precision == PrecisionKind::Int4 ||
               recipe->precision == PrecisionKind::Int2;
  return success();
}

/// A machine is what code is made for; from lower on, IR depends on it.
LogicalResult Compiler::checkTargetActs() {
  if (options.targets == CompileOptions().targets)
    return success();
  if (calibrates)
    return emitError(loc) << "option --target has no effect: calibration runs "
                             "on this machine";
  if (to < Phase::Lower && options.report.empty())
    emitWarning(loc) << "option --target has no effect: phases "
                     << stringifyPhase(from) << " to " << stringifyPhase(to)
                     << " are the same for all machines";
  return success();
}

/// After assign: what decided nothing in this model.
void Compiler::warnOfIdleDecisions() {
  int64_t quantizedInModel = 0, assigned = 0, inFloat = 0, fromRanges = 0,
          stored = 0, lacksRanges = 0;
  bool wantsFewBits = hasFewBits || options.precision == PrecisionGoal::Int4 ||
                      options.precision == PrecisionGoal::Int2;
  module->walk([&](Operation *op) {
    stored += op->hasAttr(MPQDialect::getStoredAttrName());
    auto equalization = op->getAttrOfType<EqualizationAttr>(
        MPQDialect::getEqualizationAttrName());
    stored += equalization && equalization.getOthers() == PrecisionKind::Int8;
    auto product = dyn_cast<QuantizableOpInterface>(op);
    if (!product || !product.isProduct())
      return;
    auto precision =
        op->getAttrOfType<PrecisionAttr>(MPQDialect::getPrecisionAttrName());
    quantizedInModel +=
        product.getActivationOperand().get().getDefiningOp<DequantizeOp>() !=
        nullptr;
    assigned += precision != nullptr;
    // Convolutions with weights of few bits have no other activations.
    bool isConvolution = product.getProductKind() != "matmul" &&
                         product.getProductKind() != "attention";
    lacksRanges += options.profile.empty() && wantsFewBits && isConvolution &&
                   precision && precision.getKind() == PrecisionKind::F32;
    inFloat += precision && precision.getKind() == PrecisionKind::F32;
    fromRanges += isStaticIntegerProduct(op) ||
                  (precision && precision.getKind() == PrecisionKind::F16);
  });
  if (options.precision && *options.precision != PrecisionGoal::Int8 &&
      quantizedInModel && !assigned)
    emitWarning(loc) << "option --precision has no effect: all products came "
                        "quantized, and stay so";
  if (!options.profile.empty() && !fromRanges && options.report.empty())
    emitWarning(loc) << "option --" << (options.method ? "method" : "profile")
                     << " has no effect: no product is computed in integers "
                        "for known ranges";
  if (lacksRanges)
    emitWarning(loc) << "convolutions with weights of 4 or 2 bits need ranges "
                        "of their activations, and stay in float: give a "
                        "profile with --profile";
  if (!options.reportData.empty() && !quantizedInModel && assigned == inFloat)
    emitWarning(loc) << "option --report-data has no effect: nothing is "
                        "quantized, so there are no errors to measure";
  if (storesIntegers && !stored)
    emitWarning(loc) << "'stored' of recipe '" << options.recipe
                     << "' has no effect: no result of an integer product "
                        "waits in memory for what is no product";
}
