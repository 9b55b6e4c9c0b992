//===- Parameters.h - constant scales and zero points ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_CONVERSION_PARAMETERS_H
#define MPQ_LIB_CONVERSION_PARAMETERS_H

#include "mlir/IR/Builders.h"
#include "mpq/Dialect/MPQDialect.h"

#include <optional>

namespace mpq {

/// Constant parameters of a whole tensor.
struct TensorParameters {
  float scale;
  int64_t zeroPoint;
  bool isUnsigned;
  mlir::Type storage;

  bool operator==(const TensorParameters &other) const {
    return scale == other.scale && zeroPoint == other.zeroPoint &&
           isUnsigned == other.isUnsigned && storage == other.storage;
  }
  /// The smallest integer of the storage type.
  int64_t getLowest() const;
};

/// The parameters of a quantization or dequantization if they are constant and
/// one pair serves the whole tensor.
std::optional<TensorParameters> getTensorParameters(QuantizeOp op);
std::optional<TensorParameters> getTensorParameters(DequantizeOp op);

/// The map `(d0, ..., dn) -> ()` of parameters per tensor.
mlir::AffineMap getPerTensorMap(mlir::MLIRContext *context, int64_t rank);

/// The integer attribute that holds `value` in `type` whatever the signedness.
mlir::IntegerAttr getStorageAttr(mlir::Type type, int64_t value);

} // namespace mpq

#endif // MPQ_LIB_CONVERSION_PARAMETERS_H
