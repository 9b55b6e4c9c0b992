//===- DepthwisePacking.h - packed bytes of depthwise filters ---*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A dot product of bytes takes four neighbouring pixels of an image row for
// each channel. Rearranging pixels costs more than multiplying them, so groups
// of four always start at multiples of four pixels of a tile and serve all
// outputs around them; what differs between outputs is where in its first group
// the window begins, its phase. Weights are stored once for each phase, with
// zeros around the window.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_DIALECT_DEPTHWISEPACKING_H
#define MPQ_DIALECT_DEPTHWISEPACKING_H

#include "mpq/Dialect/MPQDialect.h"

#include <numeric>

namespace mpq {

class DepthwisePacking {
public:
  static constexpr int64_t group = 4;

  DepthwisePacking(llvm::ArrayRef<int64_t> window,
                   llvm::ArrayRef<int64_t> strides,
                   llvm::ArrayRef<int64_t> dilations)
      : rows(window[0]), columns(window[1]), dilation(dilations[1]),
        step(std::gcd(group, strides[1])) {}
  explicit DepthwisePacking(ConvOp op)
      : DepthwisePacking(op.getWindow(), op.getStrides(), op.getDilations()) {}

  /// Windows begin at 0, `step`, 2 * `step`, ... in their first group.
  int64_t getNumPhases() const { return group / step; }
  /// Groups of pixels that a row of the window may reach into.
  int64_t getGroupsOfRow() const {
    return (group - step + (columns - 1) * dilation) / group + 1;
  }
  /// Groups of weights for 16 channels, say: all rows, phases and groups.
  int64_t getNumGroups() const {
    return rows * getNumPhases() * getGroupsOfRow();
  }

  int64_t getPhase(int64_t pixel) const { return pixel % group / step; }
  int64_t getGroup(int64_t row, int64_t phase, int64_t groupOfRow) const {
    return (row * getNumPhases() + phase) * getGroupsOfRow() + groupOfRow;
  }
  /// Pixel of tap `column`, counted from the start of the first group.
  int64_t getPixel(int64_t phase, int64_t column) const {
    return phase * step + column * dilation;
  }
  /// Element of the packed depth that holds tap (row, column) in a phase.
  int64_t getDepth(int64_t row, int64_t phase, int64_t column) const {
    int64_t pixel = getPixel(phase, column);
    return getGroup(row, phase, pixel / group) * group + pixel % group;
  }
  /// True if a tap of some row lies in this group of pixels.
  bool reaches(int64_t phase, int64_t groupOfRow) const {
    for (int64_t column = 0; column < columns; ++column)
      if (getPixel(phase, column) / group == groupOfRow)
        return true;
    return false;
  }

  int64_t rows, columns;

private:
  int64_t dilation, step;
};

} // namespace mpq

#endif // MPQ_DIALECT_DEPTHWISEPACKING_H
