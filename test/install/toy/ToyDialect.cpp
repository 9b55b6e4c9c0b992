//===- ToyDialect.cpp - the toy dialect ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `toy.dense` answers to MPQ is all that its passes learn of it.
//
//===----------------------------------------------------------------------===//

#include "Toy.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace toy;

#include "ToyDialect.cpp.inc"

#define GET_OP_CLASSES
#include "ToyOps.cpp.inc"

void ToyDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "ToyOps.cpp.inc"
      >();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult DenseOp::verify() {
  auto inputs = getInput().getType().getDimSize(1),
       outputs = getWeights().getType().getDimSize(0);
  if (getWeights().getType().getDimSize(1) != inputs)
    return emitOpError("expected weights of ")
           << inputs << " columns but got " << getWeights().getType();
  if (getBias().getType().getDimSize(0) != outputs ||
      getType().getDimSize(1) != outputs ||
      getType().getDimSize(0) != getInput().getType().getDimSize(0))
    return emitOpError("expected a bias and a result of ")
           << outputs << " channels but got " << getBias().getType() << " and "
           << getType();
  return success();
}

bool DenseOp::isProduct() { return true; }
OpOperand &DenseOp::getActivationOperand() { return getInputMutable(); }
OpOperand &DenseOp::getWeightOperand() { return getWeightsMutable(); }
SmallVector<int64_t> DenseOp::getWeightChannelDims() { return {0}; }
int64_t DenseOp::getReductionExtent() {
  return getInput().getType().getDimSize(1);
}
std::optional<int64_t> DenseOp::getMultiplyAccumulates() {
  return getType().getNumElements() * getReductionExtent();
}
