//===- InputMoments.cpp - means and covariances of a product's inputs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of few rows are summed in f32, which is twice as fast, and these
// sums in f64.
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
  products.resize(size_t(depth * depth));
  std::vector<float> values((size_t(depth)));
  for (int64_t first = 0; first < rows; first += kRows) {
    int64_t size = std::min(kRows, rows - first);
    if (origin.empty()) {
      std::vector<double> mean((size_t(depth)));
      for (int64_t row = 0; row < size; ++row) {
        read(first + row, values);
        for (int64_t k = 0; k < depth; ++k)
          mean[k] += double(values[k]) / double(size);
      }
      origin.assign(mean.begin(), mean.end());
    }
    Panel<float> panel(size, depth);
    for (int64_t row = 0; row < size; ++row) {
      read(first + row, values);
      for (int64_t k = 0; k < depth; ++k) {
        float value = values[k] - origin[k];
        panel.at(row, k) = value;
        sums[k] += double(value);
      }
    }
    addProduct(pool, products.data(), depth, panel, panel, 1, true);
  }
  count += rows;
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
