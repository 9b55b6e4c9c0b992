//===- SpatialWindow.cpp - windows that slide over images ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading and checking of what convolutions and pools have in common.
//
//===----------------------------------------------------------------------===//

#include "SpatialWindow.h"

using namespace mlir;
using namespace mpq::onnximport;

/// Anything larger would overflow the arithmetic on extents.
static constexpr int64_t kLargest = int64_t(1) << 31;

/// An attribute of `count` numbers between `least` and kLargest.
static FailureOr<SmallVector<int64_t>> readNumbers(NodeImporter &n,
                                                   StringRef name, size_t count,
                                                   int64_t defaultValue,
                                                   int64_t least) {
  auto values =
      n.getInts(name).value_or(SmallVector<int64_t>(count, defaultValue));
  if (values.size() != count || llvm::any_of(values, [&](int64_t v) {
        return v < least || v > kLargest;
      }))
    return n.error() << "expected " << count << " numbers of at least " << least
                     << " in attribute '" << name << "' but got ["
                     << ArrayRef<int64_t>(values) << "]";
  return values;
}

FailureOr<SpatialWindow>
mpq::onnximport::readWindow(NodeImporter &n,
                            std::optional<ArrayRef<int64_t>> kernel) {
  if (failed(n.requireRank(0, 3, 5)))
    return failure();
  ArrayRef<int64_t> image = n.in(0).getShape().drop_front(2);
  size_t rank = image.size();
  if (rank == 3)
    return n.error() << "three-dimensional windows are not supported";
  SpatialWindow window;
  if (!kernel || n.hasAttr("kernel_shape")) {
    if (!n.hasAttr("kernel_shape"))
      return n.error() << "expected attribute 'kernel_shape'";
    auto given = readNumbers(n, "kernel_shape", rank, 1, 1);
    if (failed(given))
      return failure();
    if (kernel && *kernel != ArrayRef<int64_t>(*given))
      return n.error() << "kernel_shape is [" << ArrayRef<int64_t>(*given)
                       << "] but the weight has [" << *kernel << "]";
    window.kernel = *given;
  } else {
    window.kernel.assign(kernel->begin(), kernel->end());
  }
  auto strides = readNumbers(n, "strides", rank, 1, 1);
  auto dilations = readNumbers(n, "dilations", rank, 1, 1);
  auto pads = readNumbers(n, "pads", 2 * rank, 0, 0);
  if (failed(strides) || failed(dilations) || failed(pads))
    return failure();
  window.strides = *strides;
  window.dilations = *dilations;
  window.low.assign(pads->begin(), pads->begin() + rank);
  window.high.assign(pads->begin() + rank, pads->end());

  std::string autoPad = n.getString("auto_pad", "NOTSET");
  if (autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER") {
    for (size_t d = 0; d < rank; ++d) {
      int64_t steps = llvm::divideCeilSigned(image[d], window.strides[d]);
      int64_t total = std::max<int64_t>(0, (steps - 1) * window.strides[d] +
                                               window.getReach(d) - image[d]);
      window.low[d] = autoPad == "SAME_UPPER" ? total / 2 : (total + 1) / 2;
      window.high[d] = total - window.low[d];
    }
  } else if (autoPad == "VALID") {
    window.low.assign(rank, 0);
    window.high.assign(rank, 0);
  } else if (autoPad != "NOTSET") {
    return n.error() << "unknown auto_pad '" << autoPad << "'";
  }
  if (rank == 1) {
    for (auto *values : {&window.kernel, &window.strides, &window.dilations})
      values->insert(values->begin(), 1);
    for (auto *values : {&window.low, &window.high})
      values->insert(values->begin(), 0);
  }
  return window;
}

Tensor mpq::onnximport::makeTwoDimensional(NodeImporter &n, Tensor &image) {
  if (image.getRank() != 3)
    return image;
  return n.reshape(image,
                   {image.getDim(0), image.getDim(1), 1, image.getDim(2)});
}

DenseIntElementsAttr mpq::onnximport::makePair(NodeImporter &n,
                                               ArrayRef<int64_t> pair) {
  return n.b.getI64TensorAttr(pair);
}
