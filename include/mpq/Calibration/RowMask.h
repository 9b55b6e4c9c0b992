//===- RowMask.h - rows of values that count, as an input says ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model of fixed length computes padding as if it were data, and then leaves
// it out of its result. Most rows of an encoder's values may be padding: what
// samples decide on should not be decided by them.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CALIBRATION_ROWMASK_H
#define MPQ_CALIBRATION_ROWMASK_H

#include "mpq/Support/NpyFile.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace mpq {

/// Which rows of one value count in one sample; a row is what has one index in
/// all dimensions but the last.
class CountedRows {
public:
  /// All of them.
  CountedRows() = default;
  /// Rows of so many elements; `repeats` of them in a row have one element of
  /// the mask, which starts anew after its end.
  CountedRows(llvm::ArrayRef<char> mask, int64_t repeats, int64_t length)
      : mask(mask), repeats(repeats), length(length) {}

  bool areAll() const { return mask.empty(); }
  /// Whether the row counts that holds this element, in row-major order.
  bool holds(int64_t element) const {
    return areAll() ||
           mask[size_t(element / length / repeats) % mask.size()] != 0;
  }
  /// The elements of the rows that count; `memory` holds them if it must.
  llvm::ArrayRef<float> select(llvm::ArrayRef<float> values,
                               std::vector<float> &memory) const;

private:
  llvm::ArrayRef<char> mask;
  int64_t repeats = 1, length = 1;
};

/// An input of the model with an element for each row of its values: where it
/// is 0, rows do not count.
class RowMask {
public:
  RowMask(llvm::StringRef name, size_t input, llvm::ArrayRef<int64_t> shape);

  /// Whether values of this shape have a row for each element: all dimensions
  /// but the last hold those of the mask side by side, or joined to one, in one
  /// place only. Dimensions of 1 do not matter.
  bool fits(llvm::ArrayRef<int64_t> shape) const {
    return getRepeats(shape).has_value();
  }
  /// Takes the mask of a sample; an error if it is 0 everywhere.
  llvm::Error read(llvm::ArrayRef<NpyArray> inputs);
  /// Of a value of this shape; all rows if it does not fit.
  CountedRows getRows(llvm::ArrayRef<int64_t> shape) const;

private:
  std::optional<int64_t> getRepeats(llvm::ArrayRef<int64_t> shape) const;

  std::string name;
  size_t input; // its place among the model's
  llvm::SmallVector<int64_t> extents;
  std::vector<char> elements; // 0 or 1
};

} // namespace mpq

#endif // MPQ_CALIBRATION_ROWMASK_H
