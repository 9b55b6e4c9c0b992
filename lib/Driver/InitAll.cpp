//===- InitAll.cpp - registration of dialects, models and passes ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/InitAllDialects.h"
#include "mpq/InitAllPasses.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mpq/Codegen/Passes.h"
#include "mpq/Dialect/MPQDialect.h"

void mpq::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<MPQDialect>();
}

void mpq::registerAllPasses() { registerMPQCodegenPasses(); }
