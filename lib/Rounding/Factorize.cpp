//===- Factorize.cpp - the Cholesky factor of damped moments ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocked and right-looking: nearly all of the work is products of panels.
//
//===----------------------------------------------------------------------===//

#include "Factorize.h"
#include "Panel.h"

#include <cmath>

using namespace mpq;

static constexpr int64_t kBlock = 64;
static constexpr double kDamping = 0.01;

/// In place; false if a pivot is not positive.
static bool factorizeInPlace(SharedThreads &pool, std::vector<double> &a,
                             int64_t size) {
  for (int64_t first = 0; first < size; first += kBlock) {
    int64_t end = std::min(size, first + kBlock);
    for (int64_t i = first; i < end; ++i)
      for (int64_t j = first; j <= i; ++j) {
        double sum = a[i * size + j];
        for (int64_t k = first; k < j; ++k)
          sum -= a[i * size + k] * a[j * size + k];
        if (i != j) {
          a[i * size + j] = sum / a[j * size + j];
          continue;
        }
        if (!(sum > 0))
          return false;
        a[i * size + i] = std::sqrt(sum);
      }
    if (end == size)
      return true;
    Panel<double> panel(end - first, size - end);
    forRange(pool, size - end, [&](int64_t from, int64_t to) {
      for (int64_t i = end + from; i < end + to; ++i)
        for (int64_t j = first; j < end; ++j) {
          double sum = a[i * size + j];
          for (int64_t k = first; k < j; ++k)
            sum -= a[i * size + k] * a[j * size + k];
          a[i * size + j] = sum / a[j * size + j];
          panel.at(j - first, i - end) = a[i * size + j];
        }
    });
    addProduct(pool, a.data() + end * size + end, size, panel, panel, -1, true);
  }
  return true;
}

Factor mpq::factorize(SharedThreads &pool, llvm::ArrayRef<double> matrix,
                      llvm::ArrayRef<int64_t> order) {
  int64_t size = int64_t(order.size());
  double mean = 0;
  for (int64_t i = 0; i < size; ++i)
    mean += matrix[i * size + i] / double(size);
  if (!(mean > 0))
    mean = 1; // nothing was seen: the identity will do
  for (double damping = kDamping;; damping *= 10) {
    Factor factor{std::vector<double>(matrix.size()), damping};
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t j = 0; j <= i; ++j)
        factor.elements[i * size + j] = matrix[order[i] * size + order[j]];
      factor.elements[i * size + i] += damping * mean;
    }
    // A diagonal beyond the sum of a row's magnitudes ends this at the latest.
    if (factorizeInPlace(pool, factor.elements, size))
      return factor;
  }
}
