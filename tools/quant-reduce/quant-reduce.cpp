//===- quant-reduce.cpp - the small part of a file that fails ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model that crashes a pass has thousands of operations; a bug report should
// have ten. MLIR's reducer over the dialects and passes of this project.
//
//===----------------------------------------------------------------------===//

#include "mpq/InitAllDialects.h"
#include "mpq/InitAllPasses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Reducer/ReductionPatternInterface.h"
#include "mlir/Reducer/Tester.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "mpq/Dialect/MPQDialect.h"

using namespace mlir;

/// Erases `op`, or puts one of its operands or zeros in its place; false if
/// there is no such form.
static bool simplify(Operation *op, RewriterBase &rewriter) {
  if (op->hasTrait<OpTrait::IsTerminator>() || isa<SymbolOpInterface>(op))
    return false;
  rewriter.setInsertionPoint(op);
  if (op->use_empty()) {
    rewriter.eraseOp(op);
    return true;
  }
  if (op->getNumResults() != 1 || op->hasTrait<OpTrait::ConstantLike>())
    return false;
  Type type = op->getResult(0).getType();
  for (Value operand : op->getOperands())
    if (operand.getType() == type) {
      rewriter.replaceOp(op, operand);
      return true;
    }
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!type.isIntOrFloat() && !(tensor && tensor.hasStaticShape()))
    return false;
  TypedAttr zero = rewriter.getZeroAttr(type);
  if (!zero)
    return false;
  rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, zero);
  return true;
}

namespace {
/// Tries each operation alone on a copy of the module: upstream's bisection
/// keeps ranges of operations and gives up when one of them is needed.
struct SimplifyOperation : RewritePattern {
  SimplifyOperation(MLIRContext *context, Tester &tester)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context),
        tester(tester) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    auto module = op->getParentOfType<ModuleOp>();
    if (!module)
      return rewriter.notifyMatchFailure(op, "not in a module");
    IRMapping mapping;
    OwningOpRef<ModuleOp> copy = cast<ModuleOp>(module->clone(mapping));
    IRRewriter copyRewriter(op->getContext());
    if (!simplify(mapping.lookup(op), copyRewriter) ||
        tester.isInteresting(*copy).first != Tester::Interestingness::True)
      return rewriter.notifyMatchFailure(op, "the file needs it");
    simplify(op, rewriter);
    return success();
  }
  Tester &tester;
};

struct ReductionPatterns : DialectReductionPatternInterface {
  explicit ReductionPatterns(Dialect *dialect)
      : DialectReductionPatternInterface(dialect) {}
  void populateReductionPatterns(RewritePatternSet &) const override {}
  void populateReductionPatternsWithTester(RewritePatternSet &patterns,
                                           Tester &tester) const override {
    patterns.add<SimplifyOperation>(patterns.getContext(), tester);
  }
};
} // namespace

int main(int argc, char **argv) {
  DialectRegistry registry;
  mpq::registerAllDialects(registry);
  registry.addExtension(+[](MLIRContext *, mpq::MPQDialect *dialect) {
    dialect->addInterfaces<ReductionPatterns>();
  });
  registerAllPasses();
  mpq::registerAllPasses();
  MLIRContext context(registry);
  // The reducer asks the interface of loaded dialects only.
  context.loadDialect<mpq::MPQDialect, arith::ArithDialect>();
  return failed(mlirReduceMain(argc, argv, context));
}
