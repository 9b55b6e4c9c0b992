//===- Panel.cpp - products of matrices that repeat to the bit ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Four rows of a tile at a time: their sums stay in registers.
//
//===----------------------------------------------------------------------===//

#include "Panel.h"

#include <algorithm>
#include <cstring>

using namespace mpq;

void mpq::forRange(SharedThreads &pool, int64_t count,
                   llvm::function_ref<void(int64_t begin, int64_t end)> work) {
  SharedThreads::parallelFor(
      &pool, count,
      [](void *arg, int64_t begin, int64_t end) {
        (*static_cast<decltype(work) *>(arg))(begin, end);
      },
      &work);
}

/// All products of the columns of two tiles.
template <typename T>
[[gnu::always_inline]] static inline void
multiply(const T *left, const T *right, int64_t rows, T *sums) {
  constexpr int64_t kTile = Panel<T>::kTile, kLanes = 64 / sizeof(T);
  typedef T Vector __attribute__((vector_size(64)));
  for (int64_t i = 0; i < kTile; i += 4)
    for (int64_t j = 0; j < kTile; j += kLanes) {
      Vector a = {}, b = {}, c = {}, d = {};
      for (int64_t row = 0; row < rows; ++row) {
        Vector factor;
        std::memcpy(&factor, right + row * kTile + j, sizeof(Vector));
        const T *others = left + row * kTile + i;
        a += others[0] * factor;
        b += others[1] * factor;
        c += others[2] * factor;
        d += others[3] * factor;
      }
      std::memcpy(sums + i * kTile + j, &a, sizeof(Vector));
      std::memcpy(sums + (i + 1) * kTile + j, &b, sizeof(Vector));
      std::memcpy(sums + (i + 2) * kTile + j, &c, sizeof(Vector));
      std::memcpy(sums + (i + 3) * kTile + j, &d, sizeof(Vector));
    }
}

MPQ_FOR_EACH_MACHINE static void
multiplyF32(const float *left, const float *right, int64_t rows, float *sums) {
  multiply(left, right, rows, sums);
}
MPQ_FOR_EACH_MACHINE static void multiplyF64(const double *left,
                                             const double *right, int64_t rows,
                                             double *sums) {
  multiply(left, right, rows, sums);
}

template <typename T>
static void addTiles(SharedThreads &pool, double *sums, int64_t stride,
                     const Panel<T> &left, const Panel<T> &right, double factor,
                     bool isLower,
                     void (*multiply)(const T *, const T *, int64_t, T *)) {
  constexpr int64_t kTile = Panel<T>::kTile;
  int64_t tiles = right.getNumTiles();
  forRange(pool, left.getNumTiles() * tiles, [&](int64_t begin, int64_t end) {
    T products[kTile * kTile];
    for (int64_t index = begin; index < end; ++index) {
      int64_t i = index / tiles, j = index % tiles;
      if (isLower && j > i)
        continue;
      multiply(left.getTile(i), right.getTile(j), left.getNumRows(), products);
      int64_t rows = std::min(kTile, left.getNumColumns() - i * kTile);
      int64_t columns = std::min(kTile, right.getNumColumns() - j * kTile);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c)
          sums[(i * kTile + r) * stride + j * kTile + c] +=
              factor * double(products[r * kTile + c]);
    }
  });
}

void mpq::addProduct(SharedThreads &pool, double *sums, int64_t stride,
                     const Panel<float> &left, const Panel<float> &right,
                     double factor, bool isLower) {
  addTiles(pool, sums, stride, left, right, factor, isLower, multiplyF32);
}
void mpq::addProduct(SharedThreads &pool, double *sums, int64_t stride,
                     const Panel<double> &left, const Panel<double> &right,
                     double factor, bool isLower) {
  addTiles(pool, sums, stride, left, right, factor, isLower, multiplyF64);
}
