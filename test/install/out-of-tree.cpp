//===- out-of-tree.cpp - a program that uses the installed package ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers everything, runs a pipeline given by its text on a file, and prints
// the result: what another compiler that embeds the project does first.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/InitAllDialects.h"
#include "mpq/InitAllPasses.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  if (argc != 3) {
    llvm::errs() << "usage: out-of-tree FILE PIPELINE\n";
    return 2;
  }
  mlir::DialectRegistry registry;
  mpq::registerAllDialects(registry);
  mpq::registerAllPasses();
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(argv[1], &context);
  if (!module)
    return 1;
  auto manager = mlir::PassManager::on<mlir::ModuleOp>(&context);
  if (mlir::failed(mlir::parsePassPipeline(argv[2], manager)) ||
      mlir::failed(manager.run(*module)))
    return 1;
  int64_t operations = 0;
  module->walk([&](mlir::Operation *op) {
    operations += llvm::isa_and_nonnull<mpq::MPQDialect>(op->getDialect());
  });
  module->print(llvm::outs());
  llvm::outs() << "// " << operations << " operations of mpq\n";
  return 0;
}
