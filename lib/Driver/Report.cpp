//===- Report.cpp - the record of a compilation as JSON ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/Report.md describes the format; both change together, with the version.
// Every name in it comes from whoever made the model: readers must treat them
// as text.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/Report.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace mpq;
using llvm::json::OStream;

ReportHistogram ReportHistogram::reduce(const Histogram &histogram) {
  ReportHistogram reduced;
  reduced.count = histogram.getCount();
  if (histogram.empty())
    return reduced;
  reduced.min = histogram.getMin();
  reduced.max = histogram.getMax();
  int64_t first = histogram.getFirstBin();
  ArrayRef<uint64_t> counts = histogram.getCounts();
  int64_t last = first + int64_t(counts.size()) - 1;
  // Whole bins are joined, and zero stays an edge.
  int64_t joined = 1;
  while (llvm::divideFloorSigned(last, joined) -
             llvm::divideFloorSigned(first, joined) >=
         kMaxBins)
    ++joined;
  int64_t lowest = llvm::divideFloorSigned(first, joined);
  reduced.width = std::ldexp(double(joined), histogram.getExponent());
  reduced.lower = double(lowest) * reduced.width;
  reduced.bins.resize(llvm::divideFloorSigned(last, joined) - lowest + 1);
  for (auto [index, count] : llvm::enumerate(counts))
    reduced.bins[llvm::divideFloorSigned(first + int64_t(index), joined) -
                 lowest] += count;
  return reduced;
}

static void writeStrings(OStream &json, StringRef key,
                         ArrayRef<std::string> strings) {
  json.attributeArray(key, [&] {
    for (const std::string &text : strings)
      json.value(llvm::json::fixUTF8(text));
  });
}

static void writeText(OStream &json, StringRef key, StringRef text) {
  if (text.empty())
    json.attribute(key, nullptr);
  else
    json.attribute(key, llvm::json::fixUTF8(text));
}

template <typename T>
static void writeNumber(OStream &json, StringRef key, std::optional<T> number) {
  if (number)
    json.attribute(key, *number);
  else
    json.attribute(key, nullptr);
}

/// JSON has no infinities.
static void writeNumber(OStream &json, StringRef key, double number) {
  if (std::isfinite(number))
    json.attribute(key, number);
  else
    json.attribute(key, nullptr);
}

static void writeOperation(OStream &json, const ReportOperation &op) {
  json.object([&] {
    json.attribute("id", llvm::json::fixUTF8(op.id));
    writeText(json, "node", op.node);
    json.attribute("op", op.kind);
    json.attribute("operation", op.operation);
    if (op.precision)
      json.attribute("precision", stringifyPrecisionKind(*op.precision));
    else
      json.attribute("precision", nullptr);
    writeText(json, "reason", op.reason);
    writeNumber(json, "macs", op.macs);
    json.attribute("reads_integers", op.readsIntegers);
    json.attribute("writes_integers", op.writesIntegers);
    if (op.weights)
      json.attributeObject("weights", [&] {
        json.attribute("channels", op.weights->channels);
        writeNumber(json, "smallest_scale", op.weights->smallestScale);
        writeNumber(json, "largest_scale", op.weights->largestScale);
      });
    if (op.rounding)
      json.attributeObject("rounding", [&] {
        json.attribute("kind", op.rounding->kind);
        json.attribute("scales", op.rounding->scales);
        writeText(json, "reason", op.rounding->reason);
        writeNumber(json, "nearest_error", op.rounding->nearestError);
        writeNumber(json, "error", op.rounding->error);
        writeNumber(json, "damping", op.rounding->damping);
      });
    writeStrings(json, "operands", op.operands);
    writeStrings(json, "results", op.results);
  });
}

static void writeValue(OStream &json, const ReportValue &value) {
  json.object([&] {
    json.attribute("id", llvm::json::fixUTF8(value.id));
    json.attribute("type", value.type);
    json.attributeArray("shape", [&] {
      for (int64_t extent : value.shape)
        json.value(extent);
    });
    if (RangeAttr range = value.range)
      json.attributeObject("range", [&] {
        writeNumber(json, "min", range.getMin());
        writeNumber(json, "max", range.getMax());
        json.attribute("origin", stringifyRangeOrigin(range.getOrigin()));
      });
    if (const auto &quantization = value.quantization)
      json.attributeObject("quantization", [&] {
        double zero = double(quantization->zeroPoint);
        writeNumber(json, "scale", quantization->scale);
        json.attribute("zero_point", quantization->zeroPoint);
        writeNumber(json, "clip_min",
                    (double(quantization->lowest) - zero) *
                        quantization->scale);
        writeNumber(json, "clip_max",
                    (double(quantization->highest) - zero) *
                        quantization->scale);
      });
    if (const auto &histogram = value.histogram)
      json.attributeObject("histogram", [&] {
        writeNumber(json, "min", histogram->min);
        writeNumber(json, "max", histogram->max);
        json.attribute("count", histogram->count);
        writeNumber(json, "lower", histogram->lower);
        writeNumber(json, "width", histogram->width);
        json.attributeArray("bins", [&] {
          for (uint64_t count : histogram->bins)
            json.value(count);
        });
      });
    if (const auto &error = value.error)
      json.attributeObject("error", [&] {
        writeNumber(json, "signal", error->signal);
        writeNumber(json, "noise", error->noise);
        writeNumber(json, "sqnr_db", error->getSQNR());
      });
  });
}

static void writeTarget(OStream &json, TargetAttr target) {
  json.attributeObject("target", [&] {
    json.attribute("triple", target.getTriple());
    json.attribute("cpu", target.getCpu());
    json.attribute("features", target.getFeatures());
  });
}

static void writeKernels(OStream &json, llvm::ArrayRef<std::string> names,
                         llvm::ArrayRef<KernelWork> works) {
  json.attributeArray("kernels", [&] {
    for (auto [index, name] : llvm::enumerate(names))
      json.object([&] {
        json.attribute("name", llvm::json::fixUTF8(name));
        if (index >= works.size())
          return;
        const KernelWork &work = works[index];
        json.attribute("integer_macs", work.integerMACs);
        json.attribute("float_macs", work.floatMACs);
        json.attribute("bytes_read", work.bytesRead);
        json.attribute("bytes_written", work.bytesWritten);
      });
  });
}

void Report::writeJSON(llvm::raw_ostream &os) const {
  OStream json(os, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("format", "mpq-report");
    json.attribute("version", kVersion);
    json.attribute("model", llvm::json::fixUTF8(model));
    writeText(json, "source", source);
    json.attribute("precision", precision);
    if (target)
      writeTarget(json, target);
    json.attributeObject("bytes", [&] {
      writeNumber(json, "weights",
                  sizes ? std::optional(sizes->weights) : std::nullopt);
      writeNumber(json, "code",
                  sizes ? std::optional(sizes->code) : std::nullopt);
      writeNumber(json, "constants",
                  sizes ? std::optional(sizes->constants) : std::nullopt);
      writeNumber(json, "workspace", workspace);
    });
    json.attributeObject("macs", [&] {
      writeNumber(json, "integer",
                  macs ? std::optional(macs->integer) : std::nullopt);
      writeNumber(json, "float",
                  macs ? std::optional(macs->floating) : std::nullopt);
    });
    json.attributeObject("samples", [&] {
      writeNumber(json, "calibration", calibrationSamples);
      writeNumber(json, "errors", errorSamples);
    });
    writeStrings(json, "inputs", inputs);
    writeStrings(json, "outputs", outputs);
    json.attributeArray("operations", [&] {
      for (const ReportOperation &op : operations)
        writeOperation(json, op);
    });
    json.attributeArray("values", [&] {
      for (const ReportValue &value : values)
        writeValue(json, value);
    });
    writeKernels(json, kernels, kernelWork);
    if (variants.empty())
      return;
    json.attributeArray("variants", [&] {
      for (const ReportVariant &variant : variants)
        json.object([&] {
          json.attribute("name", variant.name);
          writeTarget(json, variant.target);
          json.attribute("workspace", variant.workspace);
          writeKernels(json, variant.kernels, variant.kernelWork);
        });
    });
  });
  os << '\n';
}
