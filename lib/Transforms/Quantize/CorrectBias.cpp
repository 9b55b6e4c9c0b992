//===- CorrectBias.cpp - what products start from makes up for errors ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Quantize/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mpq/Dialect/ConstantData.h"
#include "mpq/Dialect/ConstantView.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Dialect/ValueId.h"

namespace mpq {
#define GEN_PASS_DEF_CORRECTBIASPASS
#include "mpq/Transforms/Quantize/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

std::optional<SmallVector<float>> mpq::readBias(Value init, int64_t channels) {
  FloatAttr scalar;
  if (auto fill = init.getDefiningOp<linalg::FillOp>();
      fill && matchPattern(fill.getInputs()[0], m_Constant(&scalar)))
    return SmallVector<float>(channels, scalar.getValue().convertToFloat());
  Value source = init;
  auto rank = cast<RankedTensorType>(init.getType()).getRank();
  if (auto broadcast = init.getDefiningOp<linalg::BroadcastOp>()) {
    source = broadcast.getInput();
    if (int64_t(broadcast.getDimensions().size()) != rank - 1 ||
        llvm::is_contained(broadcast.getDimensions(), rank - 1))
      return std::nullopt;
  }
  std::optional<ConstantView> data = ConstantView::get(source);
  if (!data || !data->getElementType().isF32() ||
      (data->size() != channels && !data->isSplat()))
    return std::nullopt;
  SmallVector<float> bias;
  for (int64_t c = 0; c < channels; ++c)
    bias.push_back(data->getFloat(data->isSplat() ? 0 : c));
  return bias;
}

namespace {
struct CorrectBias : mpq::impl::CorrectBiasPassBase<CorrectBias> {
  void runOnOperation() override {
    getOperation()->walk([](linalg::LinalgOp op) {
      auto correction = op->getAttrOfType<DenseF32ArrayAttr>(
          MPQDialect::getBiasCorrectionAttrName());
      if (!correction)
        return;
      op->removeAttr(MPQDialect::getBiasCorrectionAttrName());
      OpOperand *init = op.getDpsInitOperand(0);
      auto type = cast<RankedTensorType>(init->get().getType());
      int64_t channels = correction.size();
      std::optional<SmallVector<float>> bias = readBias(init->get(), channels);
      if (!bias) {
        remark::missed(op.getLoc(), remark::RemarkOpts::name("bias-correction")
                                        .category("mpq-quantize"))
            << remark::add("the bias of '{0}' is not corrected: it is no "
                           "constant of the last dimension",
                           getValueId(op->getResult(0)));
        return;
      }
      for (auto [value, change] :
           llvm::zip_equal(*bias, correction.asArrayRef()))
        value += change;
      OpBuilder builder(op);
      Location loc = op.getLoc();
      Value vector = createConstant(
          builder, loc,
          RankedTensorType::get({channels}, type.getElementType()), *bias);
      Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                            type.getElementType());
      SmallVector<int64_t> others =
          llvm::to_vector(llvm::seq<int64_t>(0, type.getRank() - 1));
      init->set(linalg::BroadcastOp::create(builder, loc, vector, empty, others)
                    .getResult()[0]);
    });
  }
};
} // namespace
