//===- LayerErrors.h - what quantization changes, value by value ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_LAYERERRORS_H
#define MPQ_DRIVER_LAYERERRORS_H

#include "mpq/Calibration/CollectProfile.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

#include <map>
#include <optional>
#include <string>

namespace mpq {

/// Sums over all elements of all samples, x of the float model and y of the
/// quantized one.
struct LayerError {
  double signal = 0; // of x^2
  double noise = 0;  // of (x - y)^2

  void add(llvm::ArrayRef<float> x, llvm::ArrayRef<float> y);

  /// The signal-to-quantization-noise ratio in decibels; std::nullopt where it
  /// is no number: nothing changed, or nothing but zeros went in.
  std::optional<double> getSQNR() const;
};

struct LayerErrors {
  uint64_t samples = 0;
  /// By value id.
  std::map<std::string, LayerError> values;
};

/// Runs a module after assign twice on samples: in float, and quantized as the
/// phases from quantize on do it. Compares every value that calibration
/// observes, as its consumers read it. The errors are of the whole network up
/// to that value: those of earlier layers are part of them. A model that came
/// quantized is compared with itself without its quantizations of activations;
/// its weights stay what they are.
mlir::FailureOr<LayerErrors>
measureLayerErrors(mlir::ModuleOp assigned, SampleSource &samples,
                   const SampleProgress &progress = {},
                   const std::function<bool()> &isCancelled = {});

} // namespace mpq

#endif // MPQ_DRIVER_LAYERERRORS_H
