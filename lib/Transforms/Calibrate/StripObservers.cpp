//===- StripObservers.cpp - remove every mpq.observe ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lets one module serve for calibration and for what follows, and instrumented
// files enter the later phases.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Calibrate/Passes.h"

namespace mpq {
#define GEN_PASS_DEF_STRIPOBSERVERSPASS
#include "mpq/Transforms/Calibrate/Passes.h.inc"
} // namespace mpq

using namespace mlir;
using namespace mpq;

namespace {
struct StripObservers : mpq::impl::StripObserversPassBase<StripObservers> {
  void runOnOperation() override {
    getOperation()->walk([](ObserveOp observe) { observe.erase(); });
  }
};
} // namespace
