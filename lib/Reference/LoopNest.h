//===- LoopNest.h - a body run over an iteration space ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What linalg operations, elementwise operations on tensors and tensor forms of
// quantization have in common: operands seen through affine maps. Elements of
// parallel dimensions are computed Row::width at a time; reductions run in the
// order of docs/Numerics.md.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_REFERENCE_LOOPNEST_H
#define MPQ_LIB_REFERENCE_LOOPNEST_H

#include "BodyProgram.h"

#include "mpq/Numerics/ReductionOrder.h"

#include "mlir/IR/AffineMap.h"

#include <limits>

namespace mpq {

/// Some elements of a tensor: `values[k]` is the one at `positions[k]` (in
/// row-major order, ascending) of the shape; or all of them.
struct TensorView {
  HostTensor values;
  mlir::SmallVector<int64_t> shape;
  bool isSparse = false;
  std::vector<int64_t> positions;

  static TensorView all(HostTensor tensor);
};

/// An operand of a loop nest: a view, the map of its indices, and the row of
/// the program its elements go to.
class LoopOperand {
public:
  LoopOperand(TensorView view, mlir::AffineMap map, unsigned row);

  TensorView view;
  mlir::AffineMap map;
  unsigned row;
  /// The position as a linear form of the iteration dimensions, if it is one.
  bool isLinear = false;
  int64_t base = 0;
  mlir::SmallVector<int64_t> coefficients;
};

class LoopNest {
public:
  LoopNest(mlir::Operation *op, mlir::ArrayRef<int64_t> extents,
           mlir::ArrayRef<mlir::utils::IteratorType> iterators);

  BodyProgram &getProgram() { return program; }
  void addInput(TensorView view, mlir::AffineMap map, unsigned row);
  /// An output: its initial elements, and the row that holds its new ones. With
  /// one row for both the initial elements are not read.
  void addOutput(TensorView init, mlir::AffineMap map, unsigned initRow,
                 unsigned resultRow);
  void setReduction(ReductionInfo info) { reduction = std::move(info); }

  /// All elements of every output.
  mlir::FailureOr<mlir::SmallVector<HostTensor>> run();

  /// The elements of output `index` at `positions`.
  mlir::FailureOr<HostTensor> runAt(unsigned index,
                                    mlir::ArrayRef<int64_t> positions);

  /// The positions (ascending, without repetition) of the elements of operand
  /// `index` (inputs, then outputs) that `positions` of output `output` need.
  mlir::FailureOr<std::vector<int64_t>>
  getNeededPositions(unsigned index, unsigned output,
                     mlir::ArrayRef<int64_t> positions);

private:
  mlir::LogicalResult verify();
  /// Sets the parallel dimensions of lanes [0, n) to iteration points from
  /// `first`, or to those that own `positions` of an output.
  void setLanes(int64_t first, int n);
  mlir::LogicalResult setLanesAt(const LoopOperand &output,
                                 mlir::ArrayRef<int64_t> positions);
  void computeOffsets(const LoopOperand &operand, int n, int64_t *offsets);
  void load(const LoopOperand &operand, int n);
  void fillIndexRows(int n);
  /// Computes the lanes into each output's final row.
  mlir::LogicalResult computeLanes(int n);
  Row &getFinalRow(unsigned index);
  mlir::LogicalResult computeSequential(int n);
  mlir::LogicalResult computeRows(int n);
  /// A product in steps of a matrix unit (N-H3).
  mlir::LogicalResult computeSteps(int n);
  /// Advances `current` over `dims`; false after the last point.
  bool advance(mlir::ArrayRef<unsigned> dims);

  mlir::Operation *op;
  mlir::SmallVector<int64_t> extents;
  mlir::SmallVector<unsigned> parallelDims, reductionDims;
  std::vector<LoopOperand> inputs, outputs;
  mlir::SmallVector<unsigned> resultRows;
  ReductionInfo reduction;
  BodyProgram program;
  /// The point: a row for dimensions that differ between lanes, else a number.
  mlir::SmallVector<bool> isLane;
  std::vector<std::array<int64_t, Row::width>> lanes;
  mlir::SmallVector<int64_t> current;
};

} // namespace mpq

#endif // MPQ_LIB_REFERENCE_LOOPNEST_H
