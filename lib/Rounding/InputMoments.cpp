//===- InputMoments.cpp - means and covariances of a product's inputs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of few rows are summed in f32, which is twice as fast, and these
// sums in f64. All products are gone through for each few rows, so samples of
// fewer wait for others.
//
//===----------------------------------------------------------------------===//

#include "mpq/Rounding/InputMoments.h"
#include "Panel.h"

#include <algorithm>

using namespace mpq;

/// Rows whose products are summed in f32.
static constexpr int64_t kRows = 256;

void InputMoments::add(
    SharedThreads &pool, int64_t rows,
    llvm::function_ref<void(int64_t, llvm::MutableArrayRef<float>)> read) {
  for (int64_t row = 0; row < rows; ++row) {
    size_t end = waiting.size();
    waiting.resize(end + size_t(depth));
    read(row, llvm::MutableArrayRef(waiting).drop_front(end));
    if (int64_t(waiting.size()) == kRows * depth)
      finish(pool);
  }
}

void InputMoments::finish(SharedThreads &pool) {
  int64_t size = int64_t(waiting.size()) / depth;
  if (size == 0)
    return;
  products.resize(size_t(depth * depth));
  if (origin.empty()) {
    std::vector<double> mean((size_t(depth)));
    for (int64_t row = 0; row < size; ++row)
      for (int64_t k = 0; k < depth; ++k)
        mean[k] += double(waiting[row * depth + k]) / double(size);
    origin.assign(mean.begin(), mean.end());
  }
  Panel<float> panel(size, depth);
  for (int64_t row = 0; row < size; ++row)
    for (int64_t k = 0; k < depth; ++k) {
      float value = waiting[row * depth + k] - origin[k];
      panel.at(row, k) = value;
      sums[k] += double(value);
    }
  addProduct(pool, products.data(), depth, panel, panel, 1, true);
  count += size;
  waiting.clear();
}

std::vector<double> InputMoments::getMean() const {
  std::vector<double> mean(sums);
  for (int64_t k = 0; k < depth && count > 0; ++k)
    mean[k] = mean[k] / double(count) + double(origin[k]);
  return mean;
}

std::vector<double> InputMoments::getSecondMoments(bool isCentered) const {
  std::vector<double> moments(size_t(depth * depth));
  if (count == 0)
    return moments;
  std::vector<double> mean = getMean();
  for (int64_t i = 0; i < depth; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double covariance =
          (products[i * depth + j] - sums[i] * (sums[j] / double(count))) /
          double(count);
      double moment = isCentered ? covariance : covariance + mean[i] * mean[j];
      moments[i * depth + j] = moments[j * depth + i] = moment;
    }
  return moments;
}
