//===- OverlapWindows.cpp - a window's row as one pixel ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A matrix unit takes 64 bytes of the reduction at once, and many convolutions
// have fewer channels. But a row of a window lies in one piece: KW pixels of C
// channels. The image is seen as pixels of KW * C channels that overlap in
// memory, one for each column of the result, and the window has one column.
// Nothing is copied: the view is strides, the weights are in that order.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/Passes.h"
#include "mpq/Codegen/WindowRun.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mpq {
#define GEN_PASS_DEF_OVERLAPWINDOWSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
/// The memory of an image.
struct Placement {
  Value buffer;
  SmallVector<int64_t> strides;

  static std::optional<Placement> get(Value image) {
    auto tensor = image.getDefiningOp<bufferization::ToTensorOp>();
    if (!tensor)
      return std::nullopt;
    Placement at{tensor.getBuffer(), {}};
    auto type = dyn_cast<MemRefType>(at.buffer.getType());
    int64_t offset;
    if (!type || failed(type.getStridesAndOffset(at.strides, offset)) ||
        offset != 0 || at.strides.back() != 1 ||
        llvm::is_contained(at.strides, ShapedType::kDynamic))
      return std::nullopt;
    return at;
  }
};
} // namespace

bool mpq::hasAdjacentTaps(ConvOp conv) {
  if (conv.getGroups() != 1 || conv.getDepthwise() || conv.getMerged())
    return false;
  int64_t channels = conv.getGroupChannels();
  std::optional<Placement> at = Placement::get(conv.getImage());
  return at && (conv.getWindow()[1] == 1 ||
                (conv.getDilations()[1] == 1 && at->strides[2] == channels &&
                 channels % conv.getGroup() == 0));
}

int64_t mpq::getWindowRun(ConvOp conv) {
  int64_t channels = conv.getGroupChannels();
  return hasAdjacentTaps(conv) ? conv.getWindow()[1] * channels : channels;
}

namespace {
struct OverlapWindows : mpq::impl::OverlapWindowsPassBase<OverlapWindows> {
  using OverlapWindowsPassBase::OverlapWindowsPassBase;

  void runOnOperation() override {
    auto strategy = getOperation()->getAttrOfType<StrategyAttr>(
        MPQDialect::getStrategyAttrName());
    if (!strategy || !strategy.getMatrixRows())
      return;
    getOperation().walk([&](ConvOp conv) {
      bool isPixel = conv.getWindow()[1] == 1 && conv.getStrides()[1] == 1;
      if (!isPixel && hasAdjacentTaps(conv))
        overlap(conv);
    });
  }

  static void overlap(ConvOp conv) {
    OpBuilder b(conv);
    Placement at = *Placement::get(conv.getImage());
    ArrayRef<int64_t> image = conv.getImage().getType().getShape();
    SmallVector<int64_t> sizes{image[0], image[1],
                               conv.getInit().getType().getDimSize(2),
                               getWindowRun(conv)};
    SmallVector<int64_t> strides{at.strides[0], at.strides[1],
                                 at.strides[2] * conv.getStrides()[1], 1};
    Type element = conv.getImage().getType().getElementType();
    auto type = MemRefType::get(
        sizes, element, StridedLayoutAttr::get(b.getContext(), 0, strides));
    Value view = memref::ReinterpretCastOp::create(
        b, conv.getLoc(), type, at.buffer, /*offset=*/0, sizes, strides);
    Value pixels = bufferization::ToTensorOp::create(
        b, conv.getLoc(), RankedTensorType::get(sizes, element), view,
        /*restrict=*/true);
    conv.getImageMutable().assign(pixels);
    conv.setWindow({conv.getWindow()[0], 1});
    conv.setStrides({conv.getStrides()[0], 1});
    conv.setDilations({conv.getDilations()[0], 1});
  }
};
} // namespace
