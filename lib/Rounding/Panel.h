//===- Panel.h - products of matrices that repeat to the bit ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights have to come out the same on every machine and with any number of
// threads, so each sum has one order and nothing is contracted. A library that
// is as fast promises neither.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_ROUNDING_PANEL_H
#define MPQ_LIB_ROUNDING_PANEL_H

#include "mpq/Runtime/ThreadPool.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <cstdint>
#include <vector>

namespace mpq {

/// A matrix of few rows in tiles of 16 columns, which products read in order.
template <typename T> class Panel {
public:
  static constexpr int64_t kTile = 16;

  Panel(int64_t rows, int64_t columns)
      : rows(rows), columns(columns),
        data(size_t(rows * getNumTiles() * kTile)) {}

  T &at(int64_t row, int64_t column) {
    return data[size_t((column / kTile * rows + row) * kTile + column % kTile)];
  }
  const T *getTile(int64_t tile) const {
    return data.data() + tile * rows * kTile;
  }
  int64_t getNumTiles() const { return (columns + kTile - 1) / kTile; }
  int64_t getNumRows() const { return rows; }
  int64_t getNumColumns() const { return columns; }

private:
  int64_t rows, columns;
  std::vector<T> data;
};

/// Splits [0, count) over the threads of `pool`.
void forRange(SharedThreads &pool, int64_t count,
              llvm::function_ref<void(int64_t begin, int64_t end)> work);

/// sums += factor * left^T right, row-major with `stride` elements from row to
/// row. With `isLower` tiles above the diagonal are left out.
void addProduct(SharedThreads &pool, double *sums, int64_t stride,
                const Panel<float> &left, const Panel<float> &right,
                double factor, bool isLower);
void addProduct(SharedThreads &pool, double *sums, int64_t stride,
                const Panel<double> &left, const Panel<double> &right,
                double factor, bool isLower);

} // namespace mpq

// Vectors of the machine that runs it; without contraction all give the same.
#if defined(__x86_64__)
#define MPQ_FOR_EACH_MACHINE                                                   \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MPQ_FOR_EACH_MACHINE
#endif

#endif // MPQ_LIB_ROUNDING_PANEL_H
