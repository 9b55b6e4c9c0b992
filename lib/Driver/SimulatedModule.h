//===- SimulatedModule.h - rounding by arguments ---------------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_DRIVER_SIMULATEDMODULE_H
#define MPQ_LIB_DRIVER_SIMULATEDMODULE_H

#include "mpq/Driver/Simulation.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <limits>
#include <map>

namespace mpq {

/// A value that quantization rounds: to `scale` times an integer from `low` to
/// `high`. Its four numbers are inputs of the function, behind the model's, in
/// the order inverse, low, high, scale; with an inverse of 0 it is not rounded,
/// and then limited by low and high only (its scale is 1).
struct RoundedValue {
  static constexpr float infinity = std::numeric_limits<float>::infinity();

  float inverse = 0, low = -infinity, high = infinity, scale = 1;
};

/// What the quantized product adds to its result: an input of the function,
/// behind those of rounded values, that is 0 for precisions without an entry.
struct AddedCorrection {
  size_t product;
  std::map<PrecisionKind, std::vector<float>> values;
};

/// Constant weights that one product or several read.
struct SimulatedWeights {
  mlir::arith::ConstantOp constant;
  /// As floats; f32 has the model's own.
  std::map<PrecisionKind, mlir::ElementsAttr> values;
  mlir::ElementsAttr scales; ///< of 8 bits, one for each element
};

/// Float weights by the ids of products.
using OriginalWeights = std::map<std::string, mlir::ElementsAttr>;

struct SimulatedModule {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  size_t numInputs; ///< of the model
  std::vector<RoundedValue> values;
  std::vector<RoundedValue> wideValues; ///< in 16 bits
  std::vector<SimulatedValue> valueInfos;
  std::vector<AddedCorrection> corrections;
  std::vector<SimulatedWeights> weights;
  std::vector<SimulatedProduct> products;
  /// By product: what it reads. Values that no product reads are rounded where
  /// they wait in memory.
  std::vector<std::vector<size_t>> valuesOf;
  std::vector<std::optional<size_t>> weightsOf;

  /// The location of products that read weights, and of the weights that
  /// codegen packs for them.
  static std::string getWeightsName(size_t index);
};

/// The constant weights of the products of a float module.
OriginalWeights collectOriginalWeights(mlir::ModuleOp prepared);

/// From a module after assign. `original` has weights for products whose
/// weights are integers already. `fit` fits the module to samples again with
/// weights of fewer bits; null: there are no samples. `precisions` are what
/// products can have beside f32 and int8.
mlir::FailureOr<SimulatedModule> makeSimulatedModule(
    mlir::ModuleOp assigned, const OriginalWeights &original,
    llvm::ArrayRef<PrecisionKind> precisions,
    const std::function<mlir::LogicalResult(mlir::ModuleOp)> &fit);

} // namespace mpq

#endif // MPQ_LIB_DRIVER_SIMULATEDMODULE_H
