//===- TuneKernels.cpp - strategies by measurement ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The cost model ranks, measurement decides: T. Chen et al., Learning to
// Optimize Tensor Programs, NeurIPS 2018, with a ranking short enough to
// measure all of it.
//
//===----------------------------------------------------------------------===//

#include "mpq/Tune/TuneKernels.h"
#include "MeasureStrategies.h"
#include "StrategyTimes.h"

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/ModuleInfo.h"
#include "mpq/Codegen/Strategies.h"
#include "mpq/Codegen/TargetInfo.h"
#include "mpq/Target/Machine.h"
#include "mpq/Tune/Passes.h"

namespace mpq {
#define GEN_PASS_DEF_TUNEKERNELSPASS
#include "mpq/Tune/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// Strategies of a kernel that are measured.
static constexpr size_t kMostCandidates = 8;
/// What a strategy must gain over the cost model's choice: less is noise.
static constexpr double kLeastGain = 1.02;

namespace {
class Tuner {
public:
  Tuner(ModuleOp module, TargetAttr target, StrategyTimes &times)
      : module(module), target(target), times(times) {
    TargetInfo info(target);
    for (auto kernel : module.getOps<func::FuncOp>()) {
      if (!kernel->hasAttr(MPQDialect::getKernelAttrName()))
        continue;
      KernelOps ops = KernelOps::get(kernel);
      if (!ops.product)
        continue;
      auto strategies = getStrategies(ops, info, kMostCandidates);
      if (strategies.size() > 1)
        kernels.emplace_back(kernel, std::move(strategies));
    }
  }

  /// The kernels whose strategies have no times, with these.
  StrategyCandidates getCandidates();
  /// Measures them.
  LogicalResult measure(const StrategyCandidates &candidates,
                        const std::function<bool()> &isCancelled);
  /// Gives each kernel its fastest strategy.
  void apply(TuningSummary &summary);

private:
  ModuleOp module;
  TargetAttr target;
  StrategyTimes &times;
  SmallVector<std::pair<func::FuncOp, SmallVector<StrategyAttr>>> kernels;
};
} // namespace

StrategyCandidates Tuner::getCandidates() {
  StrategyCandidates candidates;
  for (auto &[kernel, strategies] : kernels)
    if (!times.lookup(kernel, target, strategies))
      candidates[kernel.getName()] = strategies;
  return candidates;
}

LogicalResult Tuner::measure(const StrategyCandidates &candidates,
                             const std::function<bool()> &isCancelled) {
  auto measured = measureStrategies(module, candidates, isCancelled);
  if (failed(measured))
    return failure();
  for (auto [entry, milliseconds] : llvm::zip_equal(candidates, *measured))
    times.insert(module.lookupSymbol<func::FuncOp>(entry.first), target,
                 entry.second, milliseconds);
  return success();
}

void Tuner::apply(TuningSummary &summary) {
  for (auto &[kernel, strategies] : kernels) {
    SmallVector<double> known = *times.lookup(kernel, target, strategies);
    size_t best = std::min_element(known.begin(), known.end()) - known.begin();
    if (known[best] * kLeastGain > known.front())
      best = 0;
    setStrategy(kernel, KernelOps::get(kernel), strategies[best]);
    ++summary.kernels;
    summary.changed += best != 0;
    summary.modelMilliseconds += known.front();
    summary.tunedMilliseconds += known[best];
  }
}

llvm::Error mpq::checkStrategyTimes(StringRef path) {
  return path.empty() ? llvm::Error::success()
                      : StrategyTimes::read(path).takeError();
}

FailureOr<TuningSummary>
mpq::tuneKernels(ModuleOp module, StringRef path,
                 const std::function<bool()> &isCancelled) {
  if (failed(TargetInfo::get(module)) || failed(ModuleInfo::get(module)))
    return failure();
  auto target =
      module->getAttrOfType<TargetAttr>(MPQDialect::getTargetAttrName());
  StrategyTimes times;
  if (!path.empty()) {
    llvm::Expected<StrategyTimes> read = StrategyTimes::read(path);
    if (!read)
      return module.emitError(llvm::toString(read.takeError()));
    times = std::move(*read);
  }
  TuningSummary summary;
  Tuner tuner(module, target, times);
  StrategyCandidates candidates = tuner.getCandidates();
  summary.measured = candidates.size();
  if (!candidates.empty()) {
    if (!runsOnHost(target))
      return module.emitError("expected the target to be this machine, on "
                              "which strategies are measured, but it cannot "
                              "run code for ")
             << target << ": tune on such a machine and use its file of times "
             << "here (" << candidates.size() << " kernels are not in '" << path
             << "')";
    if (failed(tuner.measure(candidates, isCancelled)))
      return failure();
    if (!path.empty())
      if (llvm::Error error = times.write(path))
        return module.emitError(llvm::toString(std::move(error)));
  }
  tuner.apply(summary);
  return summary;
}

namespace {
struct TuneKernels : mpq::impl::TuneKernelsPassBase<TuneKernels> {
  using TuneKernelsPassBase::TuneKernelsPassBase;

  void runOnOperation() override {
    if (failed(tuneKernels(getOperation(), times)))
      signalPassFailure();
  }
};
} // namespace
