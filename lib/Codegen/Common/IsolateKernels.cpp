//===- IsolateKernels.cpp - make every formed kernel a model of its own ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Errors of one kernel disappear behind the rounding of the next, and the
// reference of a whole network at full size takes minutes. Cut apart, every
// kernel runs at its real size on inputs of its own, and the reference computes
// a sample of each result from what that kernel alone reads.
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mpq {
#define GEN_PASS_DEF_ISOLATEKERNELSPASS
#include "mpq/Codegen/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

/// A constant, seen through reshapes; it stays what it is.
static bool isWeight(Value value) {
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return isWeight(op->getOperand(0));
  return op && op->hasTrait<OpTrait::ConstantLike>();
}

/// Copies a weight and the reshapes it is seen through.
static Value copyWeight(OpBuilder &builder, Value value, IRMapping &mapping) {
  if (Value copied = mapping.lookupOrNull(value))
    return copied;
  Operation *op = value.getDefiningOp();
  for (Value operand : op->getOperands())
    copyWeight(builder, operand, mapping);
  return builder.clone(*op, mapping)->getResult(0);
}

namespace {
class Isolator {
public:
  Isolator(func::FuncOp main, func::FuncOp isolated)
      : main(main), isolated(isolated),
        builder(OpBuilder::atBlockBegin(isolated.addEntryBlock())) {}

  void isolateAll() {
    for (auto call : main.getOps<func::CallOp>())
      isolate(call);
    func::ReturnOp::create(builder, isolated.getLoc(), results);
    isolated.setType(builder.getFunctionType(
        isolated.getBody().getArgumentTypes(), ValueRange(results).getTypes()));
    isolated.setAllArgAttrs(argumentNames);
    isolated.setAllResultAttrs(resultNames);
  }

private:
  void isolate(func::CallOp call) {
    auto kernel = cast<func::FuncOp>(SymbolTable::lookupNearestSymbolFrom(
        main->getParentOp(), call.getCalleeAttr()));
    std::string name = "kernel." + std::to_string(results.size());
    IRMapping mapping;
    for (auto [index, operand, argument] :
         llvm::enumerate(call.getOperands(), kernel.getArguments())) {
      if (isWeight(operand))
        mapping.map(argument, copyWeight(builder, operand, weights));
      else if (operand.getDefiningOp<tensor::EmptyOp>())
        mapping.map(argument,
                    builder.clone(*operand.getDefiningOp())->getResult(0));
      else
        mapping.map(argument, addArgument(operand.getType(), call.getLoc(),
                                          name + "." + std::to_string(index)));
    }
    Block &body = kernel.getBody().front();
    for (Operation &op : body.without_terminator())
      builder.clone(op, mapping);
    results.push_back(mapping.lookup(body.getTerminator()->getOperand(0)));
    resultNames.push_back(makeName(name));
  }

  Value addArgument(Type type, Location loc, const std::string &name) {
    argumentNames.push_back(makeName(name));
    return isolated.getBody().addArgument(type, loc);
  }

  DictionaryAttr makeName(const std::string &name) {
    return builder.getDictionaryAttr(builder.getNamedAttr(
        MPQDialect::getNameAttrName(), builder.getStringAttr(name)));
  }

  func::FuncOp main, isolated;
  OpBuilder builder;
  IRMapping weights;
  SmallVector<Value> results;
  SmallVector<DictionaryAttr> argumentNames, resultNames;
};

struct IsolateKernels : mpq::impl::IsolateKernelsPassBase<IsolateKernels> {
  using IsolateKernelsPassBase::IsolateKernelsPassBase;

  void runOnOperation() override {
    FailureOr<func::FuncOp> main = getMainFunction(getOperation());
    if (failed(main))
      return signalPassFailure();
    OpBuilder builder(*main);
    auto isolated =
        func::FuncOp::create(builder, main->getLoc(), main->getName(),
                             builder.getFunctionType({}, {}));
    Isolator(*main, isolated).isolateAll();
    main->erase();
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (function->hasAttr(MPQDialect::getKernelAttrName()))
        function.erase();
  }
};
} // namespace
