//===- RowMask.cpp - rows of values that count, as an input says ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Only shapes tell what a row stands for. Where they leave a doubt, all rows
// count, as they would without a mask.
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/RowMask.h"

#include "llvm/ADT/STLExtras.h"

#include <functional>
#include <numeric>

using namespace mpq;

static int64_t multiply(llvm::ArrayRef<int64_t> extents) {
  return std::accumulate(extents.begin(), extents.end(), int64_t(1),
                         std::multiplies<>());
}

/// Without dimensions of 1, which hold nothing apart.
static llvm::SmallVector<int64_t> dropUnits(llvm::ArrayRef<int64_t> shape) {
  return llvm::SmallVector<int64_t>(
      llvm::make_filter_range(shape, [](int64_t size) { return size != 1; }));
}

llvm::ArrayRef<float> CountedRows::select(llvm::ArrayRef<float> values,
                                          std::vector<float> &memory) const {
  if (areAll())
    return values;
  memory.clear();
  for (int64_t first = 0; first < int64_t(values.size()); first += length)
    if (holds(first))
      llvm::append_range(memory, values.slice(first, length));
  return memory;
}

RowMask::RowMask(llvm::StringRef name, size_t input,
                 llvm::ArrayRef<int64_t> shape)
    : name(name.str()), input(input), extents(dropUnits(shape)) {}

std::optional<int64_t>
RowMask::getRepeats(llvm::ArrayRef<int64_t> shape) const {
  if (shape.empty() || extents.empty())
    return std::nullopt;
  llvm::SmallVector<int64_t> rows = dropUnits(shape.drop_back());
  llvm::ArrayRef<int64_t> all(rows);
  std::optional<int64_t> repeats;
  for (size_t first = 0; first < all.size(); ++first) {
    size_t size = 0;
    if (all[first] == multiply(extents))
      size = 1;
    else if (all.drop_front(first).take_front(extents.size()) ==
             llvm::ArrayRef<int64_t>(extents))
      size = extents.size();
    if (size == 0)
      continue;
    if (repeats)
      return std::nullopt;
    repeats = multiply(all.drop_front(first + size));
  }
  return repeats;
}

static bool isFloat(NpyType type) {
  return type == NpyType::F16 || type == NpyType::F32 || type == NpyType::F64;
}

llvm::Error RowMask::read(llvm::ArrayRef<NpyArray> inputs) {
  const NpyArray &array = inputs[input];
  size_t size = size_t(getNpyTypeSize(array.type));
  elements.assign(size_t(array.getNumElements()), 0);
  for (auto [index, element] : llvm::enumerate(elements)) {
    llvm::SmallVector<char> bytes(array.data.begin() + index * size,
                                  array.data.begin() + (index + 1) * size);
    if (isFloat(array.type))
      bytes.back() &= 0x7f; // -0 is 0
    element = char(llvm::any_of(bytes, [](char byte) { return byte != 0; }));
  }
  if (llvm::is_contained(elements, 1))
    return llvm::Error::success();
  return llvm::createStringError(
      "expected the mask '" + name +
      "' to have an element that is not 0, for rows that count, but all are");
}

CountedRows RowMask::getRows(llvm::ArrayRef<int64_t> shape) const {
  std::optional<int64_t> repeats = getRepeats(shape);
  return repeats ? CountedRows(elements, *repeats, shape.back())
                 : CountedRows();
}
