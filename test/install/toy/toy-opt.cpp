//===- toy-opt.cpp - a foreign compiler that embeds MPQ ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registration is all it takes: docs/Embedding.md walks through these files.
//
//===----------------------------------------------------------------------===//

#include "Toy.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mpq/InitAllDialects.h"
#include "mpq/InitAllPasses.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mpq::registerAllDialects(registry);
  mpq::registerAllPasses();
  registry.insert<toy::ToyDialect>();
  toy::registerQuantizationModels(registry);
  toy::registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "toy compiler\n", registry));
}
