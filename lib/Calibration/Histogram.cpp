//===- Histogram.cpp - streaming histogram with power-of-two bins ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loops over values are written for the vectorizer: a block of extremes in
// independent lanes, then a block of bin indices, then the increments, spread
// over two tables so that runs of equal values do not wait for each other.
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/Histogram.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mpq;

namespace {
constexpr int64_t kLanes = 16;
constexpr int64_t kBlock = 1024;

struct Extremes {
  float min, max;
  bool finite;
};
} // namespace

/// floor(value / 2^exponent). Multiplying by 2^-exponent rounds only where the
/// product is subnormal, which truncates to 0 either way; the comparison then
/// uses the exact edge.
static int32_t binIndex(float value, float inverseWidth, float width) {
  int32_t index = int32_t(value * inverseWidth);
  return index - int32_t(value < float(index) * width);
}

/// Smallest and largest element, and whether all are finite (the extremes mean
/// nothing otherwise). A reduction in one variable would not be vectorized:
/// the compiler may not reorder it.
static Extremes scan(llvm::ArrayRef<float> values) {
  float lows[kLanes], highs[kLanes];
  uint32_t bad[kLanes] = {};
  std::fill_n(lows, kLanes, values.front());
  std::fill_n(highs, kLanes, values.front());
  auto step = [&](const float *data, int64_t lane) {
    uint32_t bits;
    std::memcpy(&bits, data, sizeof(bits));
    float x = *data;
    lows[lane] = x < lows[lane] ? x : lows[lane];
    highs[lane] = x > highs[lane] ? x : highs[lane];
    bad[lane] |= (bits & 0x7f800000u) == 0x7f800000u;
  };
  const float *data = values.data();
  int64_t whole = int64_t(values.size()) / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane)
      step(data + i + lane, lane);
  for (int64_t i = whole, e = values.size(); i < e; ++i)
    step(data + i, i - whole);
  Extremes result{lows[0], highs[0], bad[0] == 0};
  for (int64_t lane = 1; lane < kLanes; ++lane) {
    result.min = std::min(result.min, lows[lane]);
    result.max = std::max(result.max, highs[lane]);
    result.finite &= bad[lane] == 0;
  }
  return result;
}

/// Whether the bins of width 2^exponent that hold 0, lower and upper fit.
static bool fits(float lower, float upper, int exponent) {
  double width = std::ldexp(1.0, exponent);
  double first = std::floor(std::min(lower, 0.0f) / width);
  double last = std::floor(std::max(upper, 0.0f) / width);
  return last - first < double(Histogram::kBins);
}

/// Makes room for values in [lower, upper].
void Histogram::widen(float lower, float upper) {
  min = std::min(min, lower);
  max = std::max(max, upper);
  int needed = exponent;
  while (!fits(min, max, needed))
    ++needed;
  if (needed == exponent)
    return;
  // From 0 outwards every bin moves towards 0, so no source is overwritten
  // before it is read.
  int shift = needed - exponent;
  exponent = needed;
  if (total == 0)
    return;
  auto move = [&](int64_t from) {
    uint64_t count = counts[from + kBins];
    counts[from + kBins] = 0;
    counts[(shift < 62 ? from >> shift : (from < 0 ? -1 : 0)) + kBins] += count;
  };
  for (int64_t k = 0; k < kBins; ++k)
    move(k);
  for (int64_t k = -1; k >= -kBins; --k)
    move(k);
}

/// Counts finite values for which there is room.
void Histogram::bin(llvm::ArrayRef<float> values) {
  float width = std::ldexp(1.0f, exponent);
  float inverseWidth = std::ldexp(1.0f, -exponent);
  uint32_t tables[2][2 * kBins] = {};
  int32_t indices[kBlock];
  // 32-bit counters are flushed before they can overflow.
  int64_t sinceFlush = 0;
  auto flush = [&] {
    for (int64_t k = 0; k < 2 * kBins; ++k)
      counts[k] += uint64_t(tables[0][k]) + tables[1][k];
  };
  for (size_t start = 0; start < values.size(); start += kBlock) {
    llvm::ArrayRef<float> block =
        values.slice(start, std::min<size_t>(kBlock, values.size() - start));
    int64_t size = block.size();
    for (int64_t i = 0; i < size; ++i)
      indices[i] = binIndex(block[i], inverseWidth, width) + int32_t(kBins);
    int64_t i = 0;
    for (; i + 1 < size; i += 2) {
      ++tables[0][indices[i]];
      ++tables[1][indices[i + 1]];
    }
    if (i < size)
      ++tables[0][indices[i]];
    sinceFlush += size;
    if (sinceFlush > (int64_t(1) << 31)) {
      flush();
      std::memset(tables, 0, sizeof(tables));
      sinceFlush = 0;
    }
  }
  flush();
  total += values.size();
}

void Histogram::observe(llvm::ArrayRef<float> values) {
  if (values.empty())
    return;
  Extremes extremes = scan(values);
  if (extremes.finite) {
    widen(extremes.min, extremes.max);
    bin(values);
    return;
  }
  std::vector<float> finite;
  finite.reserve(values.size());
  for (float value : values) {
    if (std::isnan(value))
      ++nans;
    else if (std::isinf(value))
      ++infinities;
    else
      finite.push_back(value);
  }
  observe(finite);
}

void Histogram::merge(const Histogram &other) {
  nans += other.nans;
  infinities += other.infinities;
  if (other.empty())
    return;
  // Exponents are the smallest for their values, so the union's is not below
  // the other's.
  widen(other.min, other.max);
  int shift = exponent - other.exponent;
  for (int64_t k = -kBins; k < kBins; ++k)
    if (uint64_t count = other.counts[k + kBins])
      counts[(shift < 62 ? k >> shift : (k < 0 ? -1 : 0)) + kBins] += count;
  total += other.total;
}

int64_t Histogram::getFirstBin() const {
  return total == 0 ? 0
                    : int64_t(std::floor(std::min(min, 0.0f) /
                                         std::ldexp(1.0, exponent)));
}

llvm::ArrayRef<uint64_t> Histogram::getCounts() const {
  if (total == 0)
    return {};
  int64_t first = getFirstBin();
  int64_t last =
      int64_t(std::floor(std::max(max, 0.0f) / std::ldexp(1.0, exponent)));
  return llvm::ArrayRef<uint64_t>(counts).slice(first + kBins,
                                                last - first + 1);
}

double Histogram::quantile(double q) const {
  double target = std::clamp(q, 0.0, 1.0) * double(total);
  double width = std::ldexp(1.0, exponent);
  int64_t index = getFirstBin();
  double below = 0;
  for (uint64_t count : getCounts()) {
    if (count && below + double(count) >= target) {
      double inside = (target - below) / double(count);
      return std::clamp((double(index) + inside) * width, double(min),
                        double(max));
    }
    below += double(count);
    ++index;
  }
  return max;
}

bool Histogram::operator==(const Histogram &other) const {
  if (total != other.total || nans != other.nans ||
      infinities != other.infinities)
    return false;
  return total == 0 || (min == other.min && max == other.max &&
                        exponent == other.exponent && counts == other.counts);
}

llvm::Expected<Histogram> Histogram::fromCounts(float min, float max,
                                                int exponent, int64_t firstBin,
                                                llvm::ArrayRef<uint64_t> counts,
                                                uint64_t infinities) {
  auto reject = [](const llvm::Twine &why) {
    return llvm::createStringError("inconsistent histogram: " + why);
  };
  Histogram result;
  result.infinities = infinities;
  if (counts.empty())
    return result;
  if (!std::isfinite(min) || !std::isfinite(max) || min > max)
    return reject("expected finite bounds with min <= max");
  result.widen(min, max);
  if (result.exponent != exponent)
    return reject("expected bin exponent " + llvm::Twine(result.exponent) +
                  " for its bounds but got " + llvm::Twine(exponent));
  result.total = 1; // getFirstBin and getCounts speak of non-empty histograms
  if (result.getFirstBin() != firstBin ||
      result.getCounts().size() != counts.size())
    return reject("expected " + llvm::Twine(result.getCounts().size()) +
                  " bins from " + llvm::Twine(result.getFirstBin()) +
                  " but got " + llvm::Twine(counts.size()) + " from " +
                  llvm::Twine(firstBin));
  result.total = 0;
  for (auto [k, count] : llvm::enumerate(counts)) {
    result.counts[firstBin + kBins + int64_t(k)] = count;
    if (count > std::numeric_limits<uint64_t>::max() - result.total)
      return reject("the counts overflow");
    result.total += count;
  }
  if (result.total == 0)
    return reject("all counts are zero");
  return result;
}
