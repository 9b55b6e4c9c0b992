//===- Recipe.h - what a user says about precision ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TRANSFORMS_ASSIGN_RECIPE_H
#define MPQ_TRANSFORMS_ASSIGN_RECIPE_H

#include "mpq/Calibration/RangeMethod.h"
#include "mpq/Dialect/MPQDialect.h"

#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace mpq {

/// Weights of 4 or 2 bits that share a scale, if a recipe does not say.
inline constexpr int64_t kDefaultBlock = 32;

/// What integer products do with their activations.
enum class RecipeActivations {
  F32,     ///< leave them: of matrix products with weights of 4 or 2 bits
  Static,  ///< quantize them for known ranges
  Dynamic, ///< quantize them as the model runs
};

/// As recipes spell them.
llvm::StringRef stringifyActivations(RecipeActivations activations);

/// One rule of a recipe: which products, and what they get.
struct RecipeRule {
  enum class Selector { Name, Regex, Op, First } selector;
  /// The value id, regular expression, or kind of operation.
  std::string text;
  /// Of Selector::First.
  int64_t count = 0;
  /// At least one of these is there.
  std::optional<PrecisionKind> precision;
  std::optional<WeightRoundingKind> rounding;
  std::optional<RecipeActivations> activations;
};

/// Channels (along the last dimension) of one value that products with constant
/// weights read divided by a factor, which moves into the weights.
struct RecipeEqualization {
  std::string name; // the value id
  /// Channels and their factors, powers of two above 1.
  std::vector<std::pair<int64_t, float>> channels;
  /// What the divided value is quantized for.
  double min, max;
};

/// One rule of a recipe's `ranges`: which values, and where their ranges come
/// from.
struct RecipeRange {
  /// The value id, or a regular expression.
  std::string text;
  bool isRegex = false;
  /// How to pick a range from the profile, unless it is given.
  RangeChoice choice;
  std::optional<std::pair<double, double>> range;
};

/// The kinds of products that rules may name.
llvm::ArrayRef<llvm::StringRef> getProductKinds();

/// A recipe file: defaults and rules in order; later rules win. See
/// docs/Recipes.md.
struct Recipe {
  std::optional<PrecisionKind> precision;
  /// Rows of weights of 4 or 2 bits that share a scale; 0: whole columns.
  std::optional<int64_t> block;
  /// Of products for which rules do not say.
  std::optional<RecipeActivations> activations;
  /// Whether blocks of 4 bits have zero points.
  std::optional<bool> zeroPoints;
  /// How constant weights are rounded where rules do not say, and how their
  /// scales are chosen.
  std::optional<WeightRoundingKind> rounding;
  std::optional<WeightScalesKind> scales;
  /// What memory holds results of integer products in that no product reads:
  /// int8 or f32.
  std::optional<PrecisionKind> stored;
  /// How ranges are picked from a profile where `ranges` do not say.
  std::optional<RangeMethod> method;
  std::optional<double> percentile;
  std::vector<RecipeRange> ranges;
  std::vector<RecipeEqualization> equalize;
  /// Whether channels are equalized where calibration says it pays: unless
  /// there is a list, or "none".
  bool equalizesAutomatically = true;
  std::vector<RecipeRule> rules;

  /// Parses the text of a recipe; errors start with `name`.
  static llvm::Expected<Recipe> parse(llvm::StringRef text,
                                      llvm::StringRef name);
  /// Reads and parses a file.
  static llvm::Expected<Recipe> load(llvm::StringRef path);
  /// The recipe of a pass option: defaults for an empty path, an error at `loc`
  /// for a recipe that cannot be read.
  static mlir::FailureOr<Recipe> loadOrDefault(llvm::StringRef path,
                                               mlir::Location loc);
};

} // namespace mpq

#endif // MPQ_TRANSFORMS_ASSIGN_RECIPE_H
