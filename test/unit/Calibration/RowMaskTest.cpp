//===- RowMaskTest.cpp - rows that count, as an input says ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/RowMask.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace mpq;

template <typename T>
static NpyArray makeArray(NpyType type, llvm::ArrayRef<T> values) {
  NpyArray array{type, {int64_t(values.size())}, {}};
  array.data.resize(values.size() * sizeof(T));
  std::memcpy(array.data.data(), values.data(), array.data.size());
  return array;
}

static std::vector<float> select(const RowMask &mask,
                                 llvm::ArrayRef<int64_t> shape,
                                 llvm::ArrayRef<float> values) {
  std::vector<float> memory;
  return mask.getRows(shape).select(values, memory).vec();
}

TEST(RowMask, FitsWhereShapesLeaveNoDoubt) {
  RowMask tokens("mask", 0, {1, 128});
  EXPECT_TRUE(tokens.fits({128, 384}));
  EXPECT_TRUE(tokens.fits({1, 128, 384}));
  EXPECT_TRUE(tokens.fits({1, 12, 128, 32}));
  EXPECT_TRUE(tokens.fits({1, 128, 12, 32}));
  EXPECT_FALSE(tokens.fits({384, 128})) << "columns are no rows";
  EXPECT_FALSE(tokens.fits({1, 128, 128, 4})) << "either could be meant";
  EXPECT_FALSE(tokens.fits({128}));
  EXPECT_FALSE(tokens.fits({}));
  RowMask batch("mask", 0, {2, 3});
  EXPECT_TRUE(batch.fits({2, 3, 5}));
  EXPECT_TRUE(batch.fits({6, 5}));
  EXPECT_FALSE(batch.fits({3, 2, 5}));
  EXPECT_FALSE(batch.fits({2, 4, 3, 5}));
  EXPECT_FALSE(RowMask("mask", 0, {1}).fits({1, 5}));
}

TEST(RowMask, SelectsRows) {
  RowMask mask("mask", 1, {1, 3});
  std::vector<int64_t> ids{0, 0, 0}, counts{7, 0, 1};
  std::vector<NpyArray> inputs{makeArray<int64_t>(NpyType::I64, ids),
                               makeArray<int64_t>(NpyType::I64, counts)};
  ASSERT_FALSE(bool(mask.read(inputs)));
  std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  using Floats = std::vector<float>;
  EXPECT_EQ(select(mask, {3, 4}, values), (Floats{1, 2, 3, 4, 9, 10, 11, 12}));
  // Two heads side by side, and one behind the other.
  EXPECT_EQ(select(mask, {3, 2, 2}, values),
            (Floats{1, 2, 3, 4, 9, 10, 11, 12}));
  EXPECT_EQ(select(mask, {2, 3, 2}, values),
            (Floats{1, 2, 5, 6, 7, 8, 11, 12}));
  EXPECT_EQ(select(mask, {4, 3}, values), values) << "no place for the mask";
  EXPECT_FALSE(mask.getRows({3, 4}).holds(4));
  EXPECT_TRUE(mask.getRows({3, 4}).holds(8));
}

TEST(RowMask, SomethingCounts) {
  RowMask mask("mask", 0, {3});
  std::vector<float> zeros{0, -0.0f, 0}, one{0, 0, -1e-30f};
  std::vector<NpyArray> inputs{makeArray<float>(NpyType::F32, zeros)};
  EXPECT_EQ(llvm::toString(mask.read(inputs)),
            "expected the mask 'mask' to have an element that is not 0, for "
            "rows that count, but all are");
  inputs[0] = makeArray<float>(NpyType::F32, one);
  EXPECT_FALSE(bool(mask.read(inputs)));
}
