//===- SpatialWindow.h - windows that slide over images -*- C++ -*- ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Convolutions and pools share kernel, strides, dilations, pads and the ways
// ONNX has to say them. One- and two-dimensional windows are supported; the
// former run as two-dimensional ones of height one.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_ONNX_SPATIALWINDOW_H
#define MPQ_LIB_ONNX_SPATIALWINDOW_H

#include "NodeImporter.h"

namespace mpq::onnximport {

struct SpatialWindow {
  llvm::SmallVector<int64_t> kernel, strides, dilations, low, high;

  int64_t getReach(unsigned d) const {
    return (kernel[d] - 1) * dilations[d] + 1;
  }
  /// Steps of the window over `extent` elements and the pads.
  int64_t getSteps(unsigned d, int64_t extent) const {
    return (extent + low[d] + high[d] - getReach(d)) / strides[d] + 1;
  }
};

/// Reads the attributes of a node whose input 0 is a batch of images
/// (N, C, spatial...). `kernel` is the kernel's extents if a weight gives
/// them, else the attribute `kernel_shape` does. The window is
/// two-dimensional whatever the image is.
mlir::FailureOr<SpatialWindow>
readWindow(NodeImporter &n, std::optional<llvm::ArrayRef<int64_t>> kernel);

/// A one-dimensional image as one of height 1; others stay.
Tensor makeTwoDimensional(NodeImporter &n, Tensor &image);

/// The pair as linalg's named operations want it.
mlir::DenseIntElementsAttr makePair(NodeImporter &n,
                                    llvm::ArrayRef<int64_t> pair);

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_SPATIALWINDOW_H
