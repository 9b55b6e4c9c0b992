//===- Factorize.h - the Cholesky factor of damped moments ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_ROUNDING_FACTORIZE_H
#define MPQ_LIB_ROUNDING_FACTORIZE_H

#include "mpq/Runtime/ThreadPool.h"

#include "llvm/ADT/ArrayRef.h"

#include <vector>

namespace mpq {

/// A lower triangular matrix, row-major; what is above the diagonal means
/// nothing.
struct Factor {
  std::vector<double> elements;
  double damping;
};

/// L with L L^T = the symmetric `matrix` with rows and columns in this order +
/// damping * the mean of its diagonal. Damping is a hundredth, or ten times as
/// much as often as it takes.
Factor factorize(SharedThreads &pool, llvm::ArrayRef<double> matrix,
                 llvm::ArrayRef<int64_t> order);

} // namespace mpq

#endif // MPQ_LIB_ROUNDING_FACTORIZE_H
