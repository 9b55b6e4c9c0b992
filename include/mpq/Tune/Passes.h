//===- Passes.h - strategies by measurement --------------------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TUNE_PASSES_H
#define MPQ_TUNE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mpq {

#define GEN_PASS_DECL
#include "mpq/Tune/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mpq/Tune/Passes.h.inc"

} // namespace mpq

#endif // MPQ_TUNE_PASSES_H
