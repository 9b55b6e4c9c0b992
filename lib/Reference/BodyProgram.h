//===- BodyProgram.h - scalar code run on many elements at a time ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interpreting a body one element at a time costs hundreds of cycles for each
// operation; compiled to a list of loops over rows of elements it costs one.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_REFERENCE_BODYPROGRAM_H
#define MPQ_LIB_REFERENCE_BODYPROGRAM_H

#include "mpq/Reference/HostTensor.h"

#include "mlir/IR/Operation.h"

#include <functional>
#include <memory>
#include <vector>

namespace mpq {

/// A row of scalars. Floats of every format are kept as f32; integers as their
/// sign extension, booleans as 0 and -1.
union alignas(64) Row {
  static constexpr int width = 256;
  float f[width];
  int64_t i[width];
};

/// Gives the value something outside a body has.
using OuterValues =
    llvm::function_ref<mlir::FailureOr<HostTensor>(mlir::Value)>;

class BodyProgram {
public:
  /// Appends an operation on scalars (or, elementwise, on tensors). Values from
  /// outside become constants of the program. Fails with a diagnostic.
  mlir::LogicalResult append(mlir::Operation *op, OuterValues outer);

  /// Appends out = fma(a, b, out) in place of a contraction's body.
  void appendFma(mlir::Value result, mlir::Value a, mlir::Value b,
                 mlir::Value c);

  /// The row a value lives in; one of zeros if nothing computes it.
  Row &getRow(mlir::Value value) { return *rows[getIndex(value)]; }

  /// The row of a value from inside or outside.
  mlir::FailureOr<unsigned> getOperand(mlir::Value value, OuterValues outer);
  Row &getRowAt(unsigned index) { return *rows[index]; }

  /// Rows that the caller fills with the position in iteration dimension `dim`.
  llvm::ArrayRef<std::pair<unsigned, unsigned>> getIndexRows() const {
    return indexRows;
  }

  /// Makes `value` the position in iteration dimension `dim`.
  void addIndexRow(unsigned dim, mlir::Value value) {
    indexRows.push_back({dim, getIndex(value)});
  }

  /// Computes the first `n` elements of every row.
  mlir::LogicalResult run(int n) {
    for (auto &step : steps)
      if (failed(step(n)))
        return mlir::failure();
    return mlir::success();
  }

private:
  unsigned getIndex(mlir::Value value);
  unsigned addRow();

  std::vector<std::unique_ptr<Row>> rows;
  llvm::DenseMap<mlir::Value, unsigned> indices;
  llvm::SmallVector<std::pair<unsigned, unsigned>> indexRows;
  std::vector<std::function<mlir::LogicalResult(int)>> steps;
};

/// IEEE 754-2019 maximum and minimum: NaN wins, -0 is less than +0.
float maximum(float a, float b);
float minimum(float a, float b);

/// Moves elements at `offsets` between a tensor and a row.
void loadRow(Row &row, const HostTensor &tensor, const int64_t *offsets, int n);
void storeRow(const Row &row, HostTensor &tensor, const int64_t *offsets,
              int n);

} // namespace mpq

#endif // MPQ_LIB_REFERENCE_BODYPROGRAM_H
