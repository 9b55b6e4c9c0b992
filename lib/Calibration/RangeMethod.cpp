//===- RangeMethod.cpp - from a histogram to the range to quantize ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values inside a bin are taken to be at its centre. Bins are an eighth of a
// step of 8 bits or finer, unless a range is cut to less than an eighth.
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/RangeMethod.h"
#include "mpq/Support/SuggestNearest.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <cmath>

using namespace mpq;

using Range = std::pair<double, double>;

static constexpr RangeMethodInfo methods[] = {
    {RangeMethod::MinMax, "minmax", "the smallest and largest value seen"},
    {RangeMethod::Percentile, "percentile", "cut rare values off at both ends"},
    {RangeMethod::KL, "kl", "least loss of information (entropy)"},
    {RangeMethod::MSE, "mse", "least squared error, each end for itself"},
    {RangeMethod::OCTAV, "octav",
     "least squared error, clipped symmetrically around zero"},
    {RangeMethod::ACIQ, "aciq",
     "least squared error of a fitted Laplace or normal distribution"}};

llvm::ArrayRef<RangeMethodInfo> mpq::getRangeMethods() { return methods; }

llvm::Expected<RangeMethod> mpq::parseRangeMethod(llvm::StringRef name) {
  llvm::SmallVector<llvm::StringRef> names;
  for (const RangeMethodInfo &info : methods) {
    if (info.name == name)
      return info.method;
    names.push_back(info.name);
  }
  return llvm::createStringError("one of " + llvm::join(names, ", ") +
                                 " but got '" + name + "'" +
                                 suggestNearest(name, names));
}

namespace {
/// Bins as numbers from 0 on, with sums over them: a candidate of a search
/// costs no loop over bins. Bin `zero` begins at 0 and is the one that holds
/// exact zeros, which quantization keeps.
class Bins {
public:
  explicit Bins(const Histogram &histogram)
      : min(std::min(double(histogram.getMin()), 0.0)),
        max(std::max(double(histogram.getMax()), 0.0)),
        width(std::ldexp(1.0, histogram.getExponent())),
        zero(-histogram.getFirstBin()) {
    counts.assign(histogram.getCounts().begin(), histogram.getCounts().end());
    sums.resize(counts.size() + 1);
    double valueMin = histogram.getMin(), valueMax = histogram.getMax();
    for (int64_t i = 0; i < size(); ++i) {
      double lower = double(i - zero) * width;
      double centre = (std::clamp(lower, valueMin, valueMax) +
                       std::clamp(lower + width, valueMin, valueMax)) /
                      2;
      centres.push_back(centre);
      sums[i + 1] = {sums[i].count + counts[i],
                     sums[i].first + counts[i] * centre,
                     sums[i].second + counts[i] * centre * centre};
    }
  }

  int64_t size() const { return int64_t(counts.size()); }
  bool isOneSided() const { return min == 0 || max == 0; }
  /// The lower end of bin `i`, or the upper one of the bin before.
  double edge(int64_t i) const {
    return std::clamp(double(i - zero) * width, min, max);
  }
  double count(int64_t from, int64_t to) const {
    return sums[to].count - sums[from].count;
  }
  /// The sum of (x - centre)^2 over the values of bins.
  double squares(int64_t from, int64_t to, double centre = 0) const {
    double n = count(from, to), first = sums[to].first - sums[from].first,
           second = sums[to].second - sums[from].second;
    return std::max(0.0, second - 2 * centre * first + n * centre * centre);
  }

  double min, max; // of the values and 0
  double width;
  int64_t zero;
  std::vector<double> counts, centres;

private:
  struct Sums {
    double count = 0, first = 0, second = 0; // moments around 0
  };
  std::vector<Sums> sums;
};
} // namespace

//===----------------------------------------------------------------------===//
// KL
//===----------------------------------------------------------------------===//

static double timesLog(double x) { return x > 0 ? x * std::log(x) : 0; }

namespace {
/// The divergence of a distribution from what a window of bins makes of it.
class Divergence {
public:
  explicit Divergence(const Bins &bins)
      : counts(bins.counts), sums(bins.counts.size() + 1) {
    // Zeros lose nothing and must not weigh as much as what does: gates make
    // half of all values zero. Their bin gets what its neighbours have.
    int64_t zero = bins.zero, last = int64_t(counts.size()) - 1;
    double below = zero > 0 ? counts[zero - 1] : 0,
           above = zero < last ? counts[zero + 1] : 0;
    counts[zero] =
        zero > 0 && zero < last ? (below + above) / 2 : std::max(below, above);
    for (auto [i, count] : llvm::enumerate(counts))
      sums[i + 1] = {sums[i].count + count, sums[i].logs + timesLog(count),
                     sums[i].filled + (count > 0)};
  }

  /// Of everything, what is outside counted in the window's end bins, from the
  /// window's values spread over `levels` runs of bins: the share of a run goes
  /// evenly to those of its bins that are not empty. Infinite without values.
  double operator()(int64_t from, int64_t to, int64_t levels) const {
    double total = sums.back().count, inside = count(from, to);
    double below = count(0, from), above = total - count(0, to);
    if (inside == 0)
      return std::numeric_limits<double>::infinity();
    double firstBin = counts[from], lastBin = counts[to - 1];
    double self = sums[to].logs - sums[from].logs - timesLog(firstBin) -
                  timesLog(lastBin) + timesLog(firstBin + below) +
                  timesLog(lastBin + above);
    double cross = 0;
    for (int64_t level = 0; level < levels; ++level) {
      int64_t begin = from + level * (to - from) / levels,
              end = from + (level + 1) * (to - from) / levels;
      double mass = count(begin, end);
      double logEach =
          mass > 0 ? std::log(mass / (sums[end].filled - sums[begin].filled))
                   : 0;
      cross += mass * logEach;
      // An end bin that was empty gets next to nothing, as MXNet's and ONNX
      // Runtime's smoothing has it.
      if (level == 0)
        cross += below * (firstBin > 0 ? logEach : std::log(kSmoothing));
      if (level == levels - 1)
        cross += above * (lastBin > 0 ? logEach : std::log(kSmoothing));
    }
    return (self - cross) / total - std::log(total) + std::log(inside);
  }

private:
  static constexpr double kSmoothing = 1e-4; // of one value

  double count(int64_t from, int64_t to) const {
    return sums[to].count - sums[from].count;
  }

  struct Sums {
    double count = 0, logs = 0, filled = 0;
  };
  std::vector<double> counts;
  std::vector<Sums> sums;
};
} // namespace

static Range pickKL(const Bins &bins, int64_t steps) {
  Divergence divergence(bins);
  int64_t levels = steps + 1;
  Range best{bins.min, bins.max};
  double least = std::numeric_limits<double>::infinity();
  // The widest first: of equal ones it clips least. Windows with no more bins
  // than levels lose nothing inside, so they cannot be compared.
  for (int64_t reach = std::max(bins.zero, bins.size() - bins.zero); reach > 0;
       --reach) {
    int64_t from = std::max<int64_t>(0, bins.zero - reach),
            to = std::min(bins.size(), bins.zero + reach);
    if (to - from < levels)
      break;
    double loss = divergence(from, to, levels);
    if (loss < least) {
      least = loss;
      best = {bins.edge(from), bins.edge(to)};
    }
  }
  return best;
}

//===----------------------------------------------------------------------===//
// MSE
//===----------------------------------------------------------------------===//

/// The squared error of values in the bins [from, to) that are rounded with
/// `step`: step^2 / 12 each, but those that become 0 have exactly their square.
/// Of what a gate has made zero the error is 0.
static double getRoundingError(const Bins &bins, int64_t from, int64_t to,
                               double step) {
  double each = step * step / 12;
  double reach = step / 2 / bins.width;
  int64_t whole = int64_t(std::min(reach, double(Histogram::kBins)));
  int64_t first = std::max(from, bins.zero - whole),
          last = std::max(first, std::min(to, bins.zero + whole));
  double error = bins.squares(first, last) +
                 each * (bins.count(from, first) + bins.count(last, to));
  // A part of the next bin on each side becomes 0, too.
  double part = reach - double(whole);
  double square = std::pow((double(whole) + part / 2) * bins.width, 2);
  for (int64_t bin : {first - 1, last})
    if (from <= bin && bin < to && first <= last)
      error += part * bins.counts[bin] * (square - each);
  return error;
}

static double getError(const Bins &bins, int64_t from, int64_t to,
                       int64_t steps) {
  double lower = bins.edge(from), upper = bins.edge(to);
  return bins.squares(0, from, lower) + bins.squares(to, bins.size(), upper) +
         getRoundingError(bins, from, to, (upper - lower) / double(steps));
}

static Range pickMSE(const Bins &bins, int64_t steps) {
  // Clipping and rounding are convex in both ends, but for the values around
  // zero, so moving one end at a time finds the bottom.
  int64_t from = 0, to = bins.size();
  double least = getError(bins, from, to, steps);
  for (bool improved = true; improved;) {
    improved = false;
    auto consider = [&](int64_t lower, int64_t upper) {
      double error = getError(bins, lower, upper, steps);
      if (!(error < least) || bins.edge(lower) == bins.edge(upper))
        return;
      least = error;
      from = lower;
      to = upper;
      improved = true;
    };
    for (int64_t upper = bins.zero; upper <= bins.size(); ++upper)
      consider(from, upper);
    for (int64_t lower = 0; lower <= bins.zero; ++lower)
      consider(lower, to);
  }
  return {bins.edge(from), bins.edge(to)};
}

//===----------------------------------------------------------------------===//
// OCTAV and ACIQ
//===----------------------------------------------------------------------===//

/// The mean squared error of rounding values that are clipped to [-s, s], or to
/// [0, s] if they have one sign, is s^2 times this.
static double getRoundingFactor(const Bins &bins, int64_t steps) {
  double step = (bins.isOneSided() ? 1.0 : 2.0) / double(steps);
  return step * step / 12;
}

static Range pickOCTAV(const Bins &bins, int64_t steps) {
  double factor = getRoundingFactor(bins, steps);
  double clip = 0;
  for (int iteration = 0; iteration < 100; ++iteration) {
    double inside = 0, outside = 0, sum = 0;
    for (int64_t i = 0; i < bins.size(); ++i) {
      double magnitude = std::fabs(bins.centres[i]);
      if (i == bins.zero) // zeros have no error
        continue;
      (magnitude > clip ? outside : inside) += bins.counts[i];
      sum += magnitude > clip ? magnitude * bins.counts[i] : 0;
    }
    if (outside == 0)
      break;
    double next = sum / (factor * inside + outside);
    bool converged = std::fabs(next - clip) <= 1e-6 * clip;
    clip = next;
    if (converged)
      break;
  }
  return {-clip, clip};
}

/// The x for which x e^x = y, y > e.
static double solveLambertW(double y) {
  double x = std::log(y);
  for (int i = 0; i < 50; ++i)
    x -= (x + std::log(x) - std::log(y)) / (1 + 1 / x);
  return x;
}

/// How many standard deviations of a normal distribution to keep: where the
/// derivative of (1 + x^2) erfc(x / sqrt 2) - sqrt(2 / pi) x e^(-x^2 / 2),
/// which is the error of clipping, and of factor x^2 is zero.
static double solveNormal(double factor) {
  double lower = 0, upper = 40;
  for (int i = 0; i < 80; ++i) {
    double x = (lower + upper) / 2;
    double derivative = x * std::erfc(x / std::sqrt(2.0)) -
                        std::sqrt(2 / M_PI) * std::exp(-x * x / 2) + factor * x;
    (derivative < 0 ? lower : upper) = x;
  }
  return lower;
}

static Range pickACIQ(const Bins &bins, int64_t steps) {
  // What a gate leaves over is half of a distribution around zero; the zeros
  // are the other half.
  bool half = bins.isOneSided();
  double count = 0, mean = 0, deviation = 0, variance = 0;
  auto forEachBin = [&](auto function) {
    for (int64_t i = 0; i < bins.size(); ++i)
      if (!half || i != bins.zero)
        function(bins.counts[i], bins.centres[i]);
  };
  forEachBin([&](double n, double x) {
    count += n;
    mean += n * x;
  });
  if (count == 0)
    return {bins.min, bins.max};
  mean = half ? 0 : mean / count;
  forEachBin([&](double n, double x) {
    deviation += n * std::fabs(x - mean) / count;
    variance += n * (x - mean) * (x - mean) / count;
  });
  // Likelihoods of the fits: log(2 e b) and log(sqrt(2 pi e) sigma) are their
  // entropies.
  double sigma = std::sqrt(variance), factor = getRoundingFactor(bins, steps);
  bool isLaplace = 2 * M_E * deviation < std::sqrt(2 * M_PI * M_E) * sigma;
  // Laplace: 2 factor x = 2 e^-x.
  double clip = isLaplace ? deviation * solveLambertW(1 / factor)
                          : sigma * solveNormal(factor);
  return {mean - clip, mean + clip};
}

//===----------------------------------------------------------------------===//
// All methods
//===----------------------------------------------------------------------===//

static Range pickPercentile(const Histogram &histogram, double percentile) {
  double min = histogram.getMin(), max = histogram.getMax();
  double cut = (1.0 - percentile / 100.0) / 2.0;
  double lower = histogram.quantile(cut), upper = histogram.quantile(1.0 - cut);
  // A cut stops at zero.
  return {std::min(lower, std::max(min, 0.0)),
          std::max(upper, std::min(max, 0.0))};
}

Range mpq::pickRange(const Histogram &histogram, const RangeChoice &choice) {
  if (choice.method == RangeMethod::MinMax)
    return {histogram.getMin(), histogram.getMax()};
  if (choice.method == RangeMethod::Percentile)
    return pickPercentile(histogram, choice.percentile);
  Bins bins(histogram);
  if (histogram.getMin() == histogram.getMax()) // an end is exact
    return {bins.min, bins.max};
  Range range =
      choice.method == RangeMethod::KL      ? pickKL(bins, choice.steps)
      : choice.method == RangeMethod::MSE   ? pickMSE(bins, choice.steps)
      : choice.method == RangeMethod::OCTAV ? pickOCTAV(bins, choice.steps)
                                            : pickACIQ(bins, choice.steps);
  range = {std::clamp(range.first, bins.min, 0.0),
           std::clamp(range.second, 0.0, bins.max)};
  return range.first < range.second ? range : Range(bins.min, bins.max);
}
