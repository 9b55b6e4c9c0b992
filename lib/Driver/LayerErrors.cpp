//===- LayerErrors.cpp - what quantization changes, value by value ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where a quantized model loses its accuracy is seen by running it beside the
// float model. Both come from one module with observers in it, so they agree on
// ids by construction.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/LayerErrors.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Driver/Calibration.h"
#include "mpq/Transforms/Calibrate/Passes.h"
#include "mpq/Transforms/Quantize/Passes.h"

#include "mlir/Pass/PassManager.h"

#include <cmath>

using namespace mlir;
using namespace mpq;

void LayerError::add(ArrayRef<float> x, ArrayRef<float> y) {
  for (auto [before, after] : llvm::zip_equal(x, y)) {
    // Masks are infinite on both sides: no signal, no error.
    if (before == after && !std::isfinite(before))
      continue;
    double difference = double(before) - double(after);
    signal += double(before) * double(before);
    noise += difference * difference;
  }
}

std::optional<double> LayerError::getSQNR() const {
  if (!(signal > 0) || !(noise > 0) || !std::isfinite(signal) ||
      !std::isfinite(noise))
    return std::nullopt;
  return 10 * std::log10(signal / noise);
}

/// The float model: decisions go, and so do quantizations that it came with.
static void makeFloat(ModuleOp module) {
  SmallVector<DequantizeOp> restored;
  module.walk([&](Operation *op) {
    op->removeAttr(MPQDialect::getPrecisionAttrName());
    op->removeAttr(MPQDialect::getDynamicAttrName());
    if (auto dequantize = dyn_cast<DequantizeOp>(op))
      if (dequantize.getInput().getDefiningOp<QuantizeOp>())
        restored.push_back(dequantize);
  });
  for (DequantizeOp dequantize : restored) {
    auto quantize = dequantize.getInput().getDefiningOp<QuantizeOp>();
    if (quantize.getInput().getType() != dequantize.getType())
      continue;
    dequantize.getResult().replaceAllUsesWith(quantize.getInput());
    dequantize.erase();
    if (quantize->use_empty())
      quantize.erase();
  }
}

/// Observers of values that are quantized move behind the quantization.
static void observeQuantized(ModuleOp module) {
  module.walk([](ObserveOp observe) {
    for (Operation *user : observe.getValue().getUsers()) {
      auto quantize = dyn_cast<QuantizeOp>(user);
      if (!quantize || quantize.getInput() != observe.getValue())
        continue;
      for (Operation *reader : quantize->getUsers()) {
        auto dequantize = dyn_cast<DequantizeOp>(reader);
        if (!dequantize || dequantize.getType() != observe.getValue().getType())
          continue;
        observe->moveAfter(dequantize);
        observe.getValueMutable().assign(dequantize.getResult());
        return;
      }
    }
  });
}

FailureOr<LayerErrors>
mpq::measureLayerErrors(ModuleOp assigned, SampleSource &samples,
                        const SampleProgress &progress,
                        const std::function<bool()> &isCancelled) {
  if (failed(openSamples(assigned, samples)))
    return failure();
  OwningOpRef<ModuleOp> quantized = assigned.clone();
  PassManager instrument(assigned.getContext());
  buildInstrumentPipeline(instrument);
  if (failed(instrument.run(*quantized)))
    return failure();
  OwningOpRef<ModuleOp> original = quantized->clone();
  makeFloat(*original);
  PassManager quantize(assigned.getContext());
  quantize.addPass(createCorrectBiasPass());
  quantize.addPass(createQuantizePass());
  if (failed(quantize.run(*quantized)))
    return failure();
  observeQuantized(*quantized);

  FailureOr<ObservedRunner> runOriginal =
      makeObservedRunner(*original, isCancelled);
  if (failed(runOriginal))
    return failure();
  FailureOr<ObservedRunner> runQuantized =
      makeObservedRunner(*quantized, isCancelled);
  if (failed(runQuantized))
    return failure();
  original = {};
  quantized = {};

  LayerErrors errors;
  if (failed(forEachSample(
          assigned.getLoc(), samples, progress, "measure errors on",
          [&](ArrayRef<NpyArray> inputs) -> llvm::Error {
            std::map<std::string, std::vector<float>> expected;
            std::vector<float> selected;
            ++errors.samples;
            if (llvm::Error error = (*runOriginal)(
                    inputs, [&](StringRef id, ArrayRef<float> values,
                                const CountedRows &rows) {
                      values = rows.select(values, selected);
                      expected[id.str()].assign(values.begin(), values.end());
                    }))
              return error;
            return (*runQuantized)(inputs, [&](StringRef id,
                                               ArrayRef<float> values,
                                               const CountedRows &rows) {
              values = rows.select(values, selected);
              auto found = expected.find(id.str());
              if (found != expected.end() &&
                  found->second.size() == values.size())
                errors.values[id.str()].add(found->second, values);
            });
          })))
    return failure();
  return errors;
}
