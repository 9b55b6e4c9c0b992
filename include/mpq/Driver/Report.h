//===- Report.h - what a compilation made of a model ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The record behind `--report`: docs/Report.md says what its JSON means. The
// phases fill it as the module passes; what no phase has told is absent.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_REPORT_H
#define MPQ_DRIVER_REPORT_H

#include "mpq/Analysis/OperationCount.h"
#include "mpq/Calibration/Profile.h"
#include "mpq/Codegen/ModuleInfo.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Driver/LayerErrors.h"
#include "mpq/Target/Emission.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>
#include <string>
#include <vector>

namespace mpq {

/// Integers `q` that stand for `(q - zeroPoint) * scale`, in [lowest, highest].
struct ReportQuantization {
  double scale = 1;
  int64_t zeroPoint = 0, lowest = 0, highest = 255;
};

/// A histogram of few bins of equal width, one of which begins at zero.
struct ReportHistogram {
  double min = 0, max = 0, lower = 0, width = 1;
  uint64_t count = 0;
  std::vector<uint64_t> bins;

  static constexpr int64_t kMaxBins = 64;
  static ReportHistogram reduce(const Histogram &histogram);
};

/// Signed 8-bit weights with a scale for each output channel.
struct ReportWeights {
  int64_t channels = 1;
  double smallestScale = 0, largestScale = 0;
};

/// How a product's weights were rounded by samples, or why they were not.
struct ReportRounding {
  std::string kind, scales, reason;
  /// Of the outputs, relative to their mean square; nothing if samples did not
  /// decide.
  std::optional<double> nearestError, error, damping;
};

struct ReportOperation {
  std::string id;        // of the first result
  std::string node;      // "<ONNX operator>:<node name or index>", or ""
  std::string kind;      // conv, matmul, elementwise, reshape, ...
  std::string operation; // of the IR
  std::vector<std::string> operands, results;
  /// What it computes in; nothing if it only moves elements.
  std::optional<PrecisionKind> precision;
  std::string reason; // why it is in float, or ""
  std::optional<int64_t> macs;
  bool readsIntegers = false, writesIntegers = false;
  std::optional<ReportWeights> weights;
  std::optional<ReportRounding> rounding;
};

struct ReportValue {
  std::string id, type;
  llvm::SmallVector<int64_t> shape;
  RangeAttr range; // or null
  std::optional<ReportQuantization> quantization;
  std::optional<ReportHistogram> histogram;
  std::optional<LayerError> error;
};

/// The code for one of several machines.
struct ReportVariant {
  std::string name;
  TargetAttr target;
  int64_t workspace = 0;
  std::vector<std::string> kernels; // names
  std::vector<KernelWork> kernelWork;
};

struct Report {
  static constexpr int64_t kVersion = 1;

  std::string model;  // the name of its function
  std::string source; // file name without folders
  std::string precision;
  TargetAttr target;
  std::optional<ObjectSizes> sizes;
  std::optional<int64_t> workspace;
  std::optional<OperationCount> macs;
  std::optional<uint64_t> calibrationSamples, errorSamples;
  std::vector<std::string> inputs, outputs; // value ids
  std::vector<ReportOperation> operations;  // in program order
  std::vector<ReportValue> values;
  std::vector<std::string> kernels; // names
  std::vector<KernelWork> kernelWork;
  std::vector<ReportVariant> variants; // if there are several, the best first

  void writeJSON(llvm::raw_ostream &os) const;
};

/// Reads a report off the module of a compilation, phase by phase.
class ReportBuilder {
public:
  Report report;

  /// After assign: operations, values, precisions, ranges.
  void recordAssigned(mlir::ModuleOp module);
  /// After quantize, which keeps the operations of the same module: scales.
  void recordQuantized(mlir::ModuleOp module);
  /// Histograms, if there is a profile.
  void recordProfile(const Profile &profile);
  void recordErrors(const LayerErrors &errors);
  /// After codegen.
  void recordKernels(const ModuleInfo &info);
  /// After codegen for one of several machines, the best first.
  void recordVariant(llvm::StringRef name, TargetAttr target,
                     const ModuleInfo &info);

private:
  void recordFunction(mlir::FunctionOpInterface function);

  /// Into the lists of the report. Constants are not in them: quantize replaces
  /// those, and what is erased may come back as another.
  llvm::DenseMap<mlir::Operation *, size_t> operationOf;
  llvm::DenseMap<mlir::Value, size_t> valueOf;
};

} // namespace mpq

#endif // MPQ_DRIVER_REPORT_H
