//===- Simulation.h - one program for all precisions -----------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// To know what 8 bits in one layer do to the output, a model would have to be
// compiled once for each layer. Instead one float program is compiled in which
// the precision of each product is an argument: its activations are rounded
// where the quantized model rounds them, with scales that are inputs, and its
// weights are replaced in the blob. What is left out are the roundings of sums
// in float where the quantized model adds integers.
//
// A model that is quantized already is simulated with the numbers it came with;
// the weights that its own were rounded from are those of its float original.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DRIVER_SIMULATION_H
#define MPQ_DRIVER_SIMULATION_H

#include "mpq/Codegen/ModuleInfo.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Driver/Compilation.h"

#include <memory>
#include <string>
#include <vector>

namespace mpq {

/// A product whose precision can be chosen.
struct SimulatedProduct {
  std::string id;   ///< ValueId.h
  std::string kind; ///< what recipes call it: conv, depthwise, matmul
  int64_t macs = 0;
  int64_t weights = 0; ///< elements; 0: a product of two activations
  /// f32 and what it can have besides.
  std::vector<PrecisionKind> precisions;
  /// Whether its activation is in 8 bits also with weights of 4 or 2 bits.
  bool isStatic = false;
  /// Of constant weights: the shape, and the dimensions of output channels.
  std::vector<int64_t> weightShape, channelDims;
  /// False: f32 stands for the rounded weights, because nothing else is known.
  bool hasOriginalWeights = true;

  bool readsIntegers(PrecisionKind kind) const {
    return kind == PrecisionKind::Int8 || kind == PrecisionKind::Int16 ||
           (isStatic &&
            (kind == PrecisionKind::Int4 || kind == PrecisionKind::Int2));
  }
};

/// A value that is rounded to `scale` times an integer, less `zeroPoint`.
struct SimulatedValue {
  std::string id;
  float scale = 1;
  int64_t zeroPoint = 0, lowest = 0, highest = 0;
  /// Whether a product reads it; others are rounded as soon as a product is.
  bool isRead = false;
};

/// What there is to know of weights.
enum class WeightsPart { Original, Rounded, Scales };

/// A model in float, of which parts can be rounded as in a quantized model.
class Simulation {
public:
  /// Compiles `source` as far as the phase assign says, with the ranges of the
  /// options' profile and precision int8: products that cannot have it stay in
  /// float. A `source` in QDQ form may come with the float model it was made
  /// from, whose weights then are those of precision f32. `precisions` are
  /// those that will be set beside f32 and int8: each takes time to fit.
  static mlir::FailureOr<std::unique_ptr<Simulation>>
  create(mlir::MLIRContext &context, const ModelSource &source,
         const CompileOptions &options,
         llvm::ArrayRef<PrecisionKind> precisions,
         const CompilationMonitor &monitor = {},
         const ModelSource *original = nullptr);
  ~Simulation();

  /// Whether products can have it in a simulation.
  static bool canSimulate(PrecisionKind precision) {
    return precision == PrecisionKind::F32 ||
           precision == PrecisionKind::Int8 ||
           precision == PrecisionKind::Int16 ||
           precision == PrecisionKind::Int4 || precision == PrecisionKind::Int2;
  }

  llvm::ArrayRef<SimulatedProduct> getProducts() const;
  llvm::ArrayRef<SimulatedValue> getValues() const;
  llvm::ArrayRef<TensorInfo> getInputs() const;
  llvm::ArrayRef<TensorInfo> getOutputs() const;

  /// One of the product's precisions. All begin with f32. Products that share
  /// weights, as the steps of a sequence, share what was chosen last for them.
  /// A value that products of int8 and of int16 read is in 8 bits for both.
  void setPrecision(size_t product, PrecisionKind precision);

  /// A value is rounded, whatever precisions say that were set before.
  void setRounding(size_t value);
  /// It is not, but stays within limits: a model in QDQ form may have left an
  /// activation function to the limits of its integers.
  void setLimits(size_t value, float low, float high);

  /// A number for each of the product's weights, as rounding to 8 bits has it.
  void readWeights(size_t product, WeightsPart part,
                   llvm::MutableArrayRef<float> numbers) const;

  /// One pointer to dense row-major data for each input and output. Several
  /// threads may call it at once, as long as none sets anything.
  void run(llvm::ArrayRef<const void *> inputs, llvm::ArrayRef<void *> outputs);

private:
  struct State;
  explicit Simulation(std::unique_ptr<State> state);

  std::unique_ptr<State> state;
};

} // namespace mpq

#endif // MPQ_DRIVER_SIMULATION_H
