//===- OperatorRegistry.cpp - the operators an import knows ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lookup by version and the list of files that bring operators.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

using namespace mpq::onnximport;

const OperatorRegistry &OperatorRegistry::get() {
  static const OperatorRegistry registry = [] {
    OperatorRegistry all;
    registerActivationOperators(all);
    registerCastOperators(all);
    registerConstantOperators(all);
    registerConvolutionOperators(all);
    registerDataMovementOperators(all);
    registerElementwiseOperators(all);
    registerIntegerProductOperators(all);
    registerMatMulNBitsOperators(all);
    registerMatMulOperators(all);
    registerNormalizationOperators(all);
    registerPoolingOperators(all);
    registerQuantizationOperators(all);
    registerRecurrentOperators(all);
    registerReductionOperators(all);
    registerResizeOperators(all);
    registerShapeOperators(all);
    return all;
  }();
  return registry;
}

const Operator *OperatorRegistry::find(llvm::StringRef domain,
                                       llvm::StringRef opType,
                                       int64_t opset) const {
  auto it = operators.find({domain.str(), opType.str()});
  if (it == operators.end())
    return nullptr;
  auto version = it->second.upper_bound(opset);
  return version == it->second.begin() ? nullptr : &std::prev(version)->second;
}

void OperatorRegistry::forEach(
    llvm::function_ref<void(llvm::StringRef, llvm::StringRef, int64_t)> visit)
    const {
  for (const auto &[key, versions] : operators)
    for (const auto &[since, op] : versions)
      visit(key.first, key.second, since);
}
