//===- Activations.h - activations that attributes name -*- C++ -*- ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recurrent operators name the functions of their gates in an attribute. They
// are the bodies of the operators of those names, and a few of their own.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_LIB_ONNX_ACTIVATIONS_H
#define MPQ_LIB_ONNX_ACTIVATIONS_H

#include "NodeImporter.h"

namespace mpq::onnximport {

struct NamedActivation {
  using Body = mlir::Value (*)(mlir::ImplicitLocOpBuilder &, mlir::Value x,
                               double alpha, double beta);

  llvm::StringRef name;
  Body body = nullptr;
  /// Defaults of the parameters; std::nullopt for those it does not have.
  std::optional<double> alpha, beta;
};

/// All of them, by name.
llvm::ArrayRef<NamedActivation> getNamedActivations();

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_ACTIVATIONS_H
