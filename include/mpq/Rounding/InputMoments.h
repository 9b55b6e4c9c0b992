//===- InputMoments.h - means and covariances of a product's inputs ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_ROUNDING_INPUTMOMENTS_H
#define MPQ_ROUNDING_INPUTMOMENTS_H

#include "mpq/Runtime/ThreadPool.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <vector>

namespace mpq {

/// First and second moments of vectors of one length, gathered one sample at a
/// time. They are those of the vectors in the order in which these come, to the
/// bit, whatever the machine and its threads.
class InputMoments {
public:
  explicit InputMoments(int64_t depth) : depth(depth), sums(size_t(depth)) {}

  /// The memory that one of this length takes.
  static int64_t getNumBytes(int64_t depth) {
    return depth * depth * int64_t(sizeof(double));
  }

  /// Adds `rows` vectors, some of which wait for others; `read(row, values)`
  /// writes the elements of one.
  void
  add(SharedThreads &pool, int64_t rows,
      llvm::function_ref<void(int64_t row, llvm::MutableArrayRef<float> values)>
          read);

  /// Takes those that wait: before any of the following.
  void finish(SharedThreads &pool);

  int64_t getDepth() const { return depth; }
  int64_t getCount() const { return count; }
  std::vector<double> getMean() const;
  /// The mean of x x^T, or of (x - mean) (x - mean)^T: all elements, row-major.
  std::vector<double> getSecondMoments(bool isCentered) const;

private:
  int64_t depth, count = 0;
  std::vector<float> waiting; // rows
  /// Is subtracted from every vector: with a large common mean little would be
  /// left of the covariance otherwise.
  std::vector<float> origin;
  std::vector<double> sums;     // of x - origin
  std::vector<double> products; // of the same; the lower triangle
};

} // namespace mpq

#endif // MPQ_ROUNDING_INPUTMOMENTS_H
