//===- Models.cpp - every interface model ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One function to register them all, so that a tool needs one call and a new
// family of models one line.
//
//===----------------------------------------------------------------------===//

#include "mpq/Models/Models.h"

void mpq::registerModels(mlir::DialectRegistry &registry) {
  registerQuantizationModels(registry);
  registerRangeModels(registry);
}
