//===- ToyQuantization.cpp - MPQ's interfaces by external models ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interfaces for operations whose TableGen definition stays as it is.
//
//===----------------------------------------------------------------------===//

#include "Toy.h"

#include "mlir/IR/DialectRegistry.h"

#include <algorithm>

using namespace mlir;

using Bounds = std::optional<std::pair<double, double>>;

namespace {
/// Without a calibrated range, relu's comes from its operand's.
struct ReluRange
    : mpq::RangeInferenceOpInterface::ExternalModel<ReluRange, toy::ReluOp> {
  SmallVector<Bounds> inferRanges(Operation *,
                                  ArrayRef<Bounds> operands) const {
    if (!operands[0])
      return {std::nullopt};
    return {std::pair(std::max(operands[0]->first, 0.0),
                      std::max(operands[0]->second, 0.0))};
  }
};

/// Reversal moves values: it computes on integers, which share its operand's
/// scale.
struct ReverseScale
    : mpq::ScaleRelationOpInterface::ExternalModel<ReverseScale,
                                                   toy::ReverseOp> {
  SmallVector<OpOperand *> getScalePreservingOperands(Operation *op) const {
    return {&op->getOpOperand(0)};
  }
};
} // namespace

void toy::registerQuantizationModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, ToyDialect *) {
    ReluOp::attachInterface<ReluRange>(*context);
    ReverseOp::attachInterface<ReverseScale>(*context);
  });
}
