//===- Models.h - interfaces of the mpq dialect on upstream operations ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_MODELS_MODELS_H
#define MPQ_MODELS_MODELS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mpq {

/// Attaches QuantizableOpInterface and ScaleRelationOpInterface to operations
/// of linalg and tensor.
void registerQuantizationModels(mlir::DialectRegistry &registry);
/// Attaches RangeInferenceOpInterface to operations of linalg, tensor, arith,
/// math and mpq.
void registerRangeModels(mlir::DialectRegistry &registry);

/// Attaches every model of this folder.
void registerModels(mlir::DialectRegistry &registry);

} // namespace mpq

#endif // MPQ_MODELS_MODELS_H
