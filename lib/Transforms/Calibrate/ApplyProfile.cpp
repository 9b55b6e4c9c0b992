//===- ApplyProfile.cpp - ranges from a calibration profile ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The profile keeps histograms so that the range method can be chosen here,
// without another run of the model.
//
//===----------------------------------------------------------------------===//

#include "RangeRules.h"

#include "mpq/Calibration/Profile.h"
#include "mpq/Dialect/ValueId.h"
#include "mpq/Transforms/Calibrate/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace mpq {
#define GEN_PASS_DEF_APPLYPROFILEPASS
#include "mpq/Transforms/Calibrate/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
struct ApplyProfile : mpq::impl::ApplyProfilePassBase<ApplyProfile> {
  using ApplyProfilePassBase::ApplyProfilePassBase;
  void runOnOperation() override;

  LogicalResult checkOptions();
  /// The share that only the method percentile reads.
  LogicalResult checkPercentile(RangeMethod used);
  /// The recipe's rules; also writes the ranges that it gives as numbers.
  LogicalResult applyRecipe(const Profile &profile);
  /// The calibrated range of a value, or null.
  RangeAttr rangeOf(const Profile &profile, Value value, StringRef id);
  /// Returns how many of the function's values the profile knows.
  int64_t annotate(const Profile &profile, FunctionOpInterface function);

  std::optional<RangeRules> rules;
};
} // namespace

LogicalResult ApplyProfile::checkOptions() {
  if (profile.empty() && recipe.empty())
    return emitError(
        getOperation().getLoc(),
        "mpq-apply-profile: expected the option 'profile' to be the "
        "path of a profile but it is empty");
  if (!(percentile > 50 && percentile <= 100))
    return emitError(getOperation().getLoc(), "mpq-apply-profile: expected the "
                                              "option 'percentile' to be above "
                                              "50 and at most 100 but got ")
           << double(percentile);
  return success();
}

LogicalResult ApplyProfile::checkPercentile(RangeMethod used) {
  // A dumped pipeline has the default, too.
  if (used == RangeMethod::Percentile || percentile == RangeChoice().percentile)
    return success();
  return emitError(getOperation().getLoc(),
                   "mpq-apply-profile: the option 'percentile' has no effect "
                   "without the method percentile");
}

LogicalResult ApplyProfile::applyRecipe(const Profile &profile) {
  RangeChoice choice;
  choice.method = method;
  choice.percentile = percentile;
  rules.emplace(choice);
  if (recipe.empty())
    return checkPercentile(choice.method);
  llvm::Expected<Recipe> loaded = Recipe::load(recipe);
  if (!loaded)
    return emitError(getOperation().getLoc(),
                     llvm::toString(loaded.takeError()));
  if (failed(rules->resolve(getOperation(), *loaded, recipe, profile)))
    return failure();
  rules->writeGivenRanges(getOperation());
  return checkPercentile(loaded->method.value_or(method));
}

RangeAttr ApplyProfile::rangeOf(const Profile &profile, Value value,
                                StringRef id) {
  auto found = profile.values.find(id.str());
  if (found == profile.values.end())
    return {};
  const Histogram &histogram = found->second;
  if (uint64_t infinities = histogram.getInfinityCount()) {
    mlir::emitRemark(value.getLoc(), "value '")
        << id << "' gets no calibrated range: it was infinite " << infinities
        << " times";
    return {};
  }
  if (histogram.empty())
    return {};
  auto [min, max] = pickRange(histogram, rules->getChoice(id));
  return RangeAttr::get(&getContext(), min, max, RangeOrigin::Calibration);
}

/// What the profile knows of the channels of an operation's only result.
static void annotateChannels(const Profile &profile, Operation *op,
                             const ValueIds &ids) {
  auto type = op->getNumResults() == 1
                  ? dyn_cast<RankedTensorType>(op->getResult(0).getType())
                  : nullptr;
  if (!type || type.getRank() == 0)
    return;
  auto found = profile.channels.find(ids.lookup(op->getResult(0)).str());
  if (found == profile.channels.end() ||
      int64_t(found->second.getMin().size()) != type.getShape().back())
    return;
  Builder builder(op->getContext());
  op->setAttr(MPQDialect::getChannelRangesAttrName(),
              ChannelRangesAttr::get(
                  op->getContext(),
                  builder.getDenseF32ArrayAttr(found->second.getMin()),
                  builder.getDenseF32ArrayAttr(found->second.getMax())));
}

int64_t ApplyProfile::annotate(const Profile &profile,
                               FunctionOpInterface function) {
  ValueIds ids(function);
  int64_t knownValues = 0;
  auto know = [&](Value value) {
    knownValues += profile.values.count(ids.lookup(value).str());
  };
  for (BlockArgument argument : function.getArguments()) {
    know(argument);
    StringRef name = MPQDialect::getRangeAttrName();
    if (function.getArgAttr(argument.getArgNumber(), name))
      continue;
    if (RangeAttr range = rangeOf(profile, argument, ids.lookup(argument)))
      function.setArgAttr(argument.getArgNumber(), name, range);
  }
  Builder builder(&getContext());
  for (Block &block : function.getFunctionBody()) {
    for (Operation &op : block) {
      StringRef name = MPQDialect::getRangesAttrName();
      SmallVector<Attribute> ranges(op.getNumResults(), builder.getUnitAttr());
      if (auto known = op.getAttrOfType<ArrayAttr>(name))
        ranges.assign(known.begin(), known.end());
      bool changed = false;
      for (auto [result, range] : llvm::zip_equal(op.getResults(), ranges)) {
        know(result);
        if (isa<RangeAttr>(range) || ids.lookup(result).empty())
          continue;
        if (RangeAttr found = rangeOf(profile, result, ids.lookup(result))) {
          range = found;
          changed = true;
        }
      }
      if (changed)
        op.setAttr(name, builder.getArrayAttr(ranges));
      annotateChannels(profile, &op, ids);
    }
  }
  return knownValues;
}

void ApplyProfile::runOnOperation() {
  ModuleOp module = getOperation();
  if (failed(checkOptions()))
    return signalPassFailure();
  llvm::Expected<Profile> read =
      profile.empty() ? Profile() : Profile::read(profile);
  if (!read) {
    emitError(module.getLoc(), llvm::toString(read.takeError()));
    return signalPassFailure();
  }
  if (!read->fingerprint.empty()) {
    std::string fingerprint = getModelFingerprint(module);
    if (read->fingerprint != fingerprint) {
      emitError(module.getLoc(), "profile '")
          << profile << "' is of another model: expected fingerprint '"
          << fingerprint << "' but got '" << read->fingerprint
          << "', calibrate this model";
      return signalPassFailure();
    }
  }
  if (failed(applyRecipe(*read)))
    return signalPassFailure();
  int64_t knownValues = 0;
  module.walk([&](FunctionOpInterface function) {
    if (!function.isExternal())
      knownValues += annotate(*read, function);
  });
  if (knownValues == 0 && !read->values.empty()) {
    emitError(module.getLoc(), "profile '")
        << profile << "' knows none of this model's values: its first is '"
        << read->values.begin()->first << "', calibrate this model";
    return signalPassFailure();
  }
}
