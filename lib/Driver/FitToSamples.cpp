//===- FitToSamples.cpp - rounding that samples decide on ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/FitToSamples.h"

#include "mpq/Driver/BiasCorrection.h"

using namespace mlir;
using namespace mpq;

LogicalResult mpq::fitToSamples(ModuleOp assigned, StringRef folder,
                                const SampleProgress &progress,
                                const std::function<bool()> &isCancelled) {
  FailureOr<int64_t> rounded =
      assignRoundedWeights(assigned, folder, progress, isCancelled);
  if (failed(rounded))
    return failure();
  Dataset samples(folder);
  FailureOr<int64_t> corrected =
      assignBiasCorrection(assigned, samples, progress, isCancelled);
  if (failed(corrected))
    return failure();
  if (*rounded == 0 && *corrected == 0)
    return emitError(assigned.getLoc(),
                     "there is nothing to fit to the samples: no product with "
                     "constant weights is computed in int8, and the recipe "
                     "asks for no rounding by samples");
  return success();
}
