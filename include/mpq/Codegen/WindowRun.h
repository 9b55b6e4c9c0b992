//===- WindowRun.h - what a window reads in one piece ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The choice of a strategy and the pass that follows it must agree on this.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_CODEGEN_WINDOWRUN_H
#define MPQ_CODEGEN_WINDOWRUN_H

#include "mpq/Dialect/MPQDialect.h"

namespace mpq {

/// True if the taps of a window's row lie next to each other in memory, in the
/// order of the packed weights: an image of one group in a kernel's argument,
/// whose pixels have nothing between them.
bool hasAdjacentTaps(ConvOp conv);

/// Elements of the image that follow each other in memory and in the sum.
int64_t getWindowRun(ConvOp conv);

} // namespace mpq

#endif // MPQ_CODEGEN_WINDOWRUN_H
