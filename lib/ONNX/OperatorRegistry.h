//===- OperatorRegistry.h - the operators an import knows -*- C++ -*- ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators are found by domain, type and the version of the operator set, as
// ONNX defines them: the entry with the largest `since` not above the version
// the model imports. Files by kind add their entries in one function each.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_ONNX_OPERATORREGISTRY_H
#define MPQ_LIB_ONNX_OPERATORREGISTRY_H

#include "NodeImporter.h"

#include <map>

namespace mpq::onnximport {

struct Operator {
  using Emit = mlir::LogicalResult (*)(NodeImporter &);
  /// Computes the first result at import; std::nullopt if it cannot.
  using Evaluate = std::optional<ConstantTensor> (*)(NodeImporter &);

  Emit emit = nullptr;
  unsigned minInputs = 0;
  /// Called when every input is a constant (emission works for them too).
  Evaluate evaluate = nullptr;
};

class OperatorRegistry {
public:
  /// The registry of everything in this folder.
  static const OperatorRegistry &get();

  void add(llvm::StringRef domain, llvm::StringRef opType, int64_t since,
           Operator op) {
    operators[{domain.str(), opType.str()}][since] = op;
  }
  void add(llvm::StringRef opType, int64_t since, Operator op) {
    add("", opType, since, op);
  }
  const Operator *find(llvm::StringRef domain, llvm::StringRef opType,
                       int64_t opset) const;
  /// Calls `visit(domain, opType, since)` for every entry, sorted.
  void forEach(
      llvm::function_ref<void(llvm::StringRef, llvm::StringRef, int64_t)> visit)
      const;

private:
  std::map<std::pair<std::string, std::string>, std::map<int64_t, Operator>>
      operators;
};

void registerActivationOperators(OperatorRegistry &registry);
void registerCastOperators(OperatorRegistry &registry);
void registerConstantOperators(OperatorRegistry &registry);
void registerConvolutionOperators(OperatorRegistry &registry);
void registerDataMovementOperators(OperatorRegistry &registry);
void registerElementwiseOperators(OperatorRegistry &registry);
void registerIntegerProductOperators(OperatorRegistry &registry);
void registerMatMulNBitsOperators(OperatorRegistry &registry);
void registerMatMulOperators(OperatorRegistry &registry);
void registerNormalizationOperators(OperatorRegistry &registry);
void registerPoolingOperators(OperatorRegistry &registry);
void registerQuantizationOperators(OperatorRegistry &registry);
void registerRecurrentOperators(OperatorRegistry &registry);
void registerReductionOperators(OperatorRegistry &registry);
void registerResizeOperators(OperatorRegistry &registry);
void registerShapeOperators(OperatorRegistry &registry);

/// Emits the node as the end of a layer normalization spelled in elementary
/// nodes, if it is one.
bool importSpelledLayerNorm(NodeImporter &n);

/// The result of a DequantizeLinear if its inputs are constants.
std::optional<ConstantTensor> evaluateDequantizeLinear(NodeImporter &n);

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_OPERATORREGISTRY_H
