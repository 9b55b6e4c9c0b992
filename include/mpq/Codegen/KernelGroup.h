//===- KernelGroup.h - what kinds of operations make a kernel ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared by formation, tiling and vectorization, so that what one groups the
// others can compile. All shapes are static: getMainFunction sees to that.
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_CODEGEN_KERNELGROUP_H
#define MPQ_CODEGEN_KERNELGROUP_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"

namespace mpq {

/// Observers are calls of declared functions `<prefix><index>` until dispatch;
/// the attribute says how many elements the buffer has.
inline constexpr llvm::StringLiteral kObserverPrefix = "mpq_observer_";
inline constexpr llvm::StringLiteral kObservedCountAttr = "mpq.observed_count";

/// The module's only public function with a body, or an error.
mlir::FailureOr<mlir::func::FuncOp> getMainFunction(mlir::ModuleOp module);

/// The text of a kernel without its name and attributes: structure, types and
/// scalars. Weights are arguments.
std::string describeKernel(mlir::func::FuncOp kernel);

/// The tensor that a kernel call writes: its operand before the work items.
mlir::Value getDestination(mlir::func::CallOp call);

/// The tensor a value of the main function is stored in, seen through calls,
/// reshapes and insertions.
mlir::Value getStorage(mlir::Value value);

/// All loops parallel, one result.
bool isElementwise(mlir::linalg::GenericOp op);

/// A product (mpq.contract, mpq.conv, mpq.block_contract) or a reduction of
/// windows or images: what an elementwise epilogue can join.
bool isRoot(mlir::Operation *op);

/// An elementwise operation that computes nothing: its one input elsewhere.
bool onlyMoves(mlir::linalg::GenericOp op);

/// Elements in another order: a transpose as a generic.
bool isPermutation(mlir::linalg::GenericOp op);

/// True if an elementwise operation reads an operand, each element once, in
/// another order than it writes: other dimensions are innermost. Loops that the
/// operand lacks have one step.
bool isTurned(mlir::linalg::GenericOp op, mlir::OpOperand &operand);

/// A permutation that turns its operand.
bool isTurn(mlir::linalg::GenericOp op);

/// Bytes of the blocks that a product's kernel turns: they stay in the
/// second-level cache beside the weights, and fit the stack.
inline constexpr int64_t kTurnedBlockBytes = 192 << 10;

/// True if so many elements are turned that a kernel of their own, whose result
/// others find in memory, costs more than small blocks inside another kernel.
bool isLargeTurn(mlir::Value turned);

/// True if the fewest rows that `product` may compute at once are no more than
/// a block of its image or result, `turned`.
bool fitsTurnedBlock(mlir::Operation *product, mlir::Value turned);

/// True if the rows that tiles of `tile` leave of `extent` get a tile of their
/// own. Otherwise the last tile overlaps the one before: less code.
bool splitsLastTile(int64_t extent, int64_t tile);

/// Columns in one packed vector of a product.
int64_t getProductLanes(mlir::Operation *product);

/// Leading dimensions of the result over which a row-wise group loops: all but
/// the innermost. Empty when the operation has no rows.
llvm::SmallVector<int64_t> getRowShape(mlir::linalg::GenericOp op);

/// True if `op` computes each row of shape `rows` from the same row of its
/// operands (or from operands without rows).
bool isRowWise(mlir::linalg::GenericOp op, llvm::ArrayRef<int64_t> rows);

/// True if a kernel's last operation reads what its destination holds: it may
/// compute no element twice.
bool accumulatesInPlace(mlir::Operation *last);

/// The operations of an outlined kernel, told apart.
struct KernelOps {
  /// mpq.contract, mpq.conv or mpq.block_contract, or null.
  mlir::Operation *product = nullptr;
  /// In program order.
  llvm::SmallVector<mlir::linalg::GenericOp> generics;
  /// The operation whose result the kernel returns.
  mlir::Operation *last = nullptr;
  /// Row shape of a row-wise group, else empty.
  llvm::SmallVector<int64_t> rows;
  /// What turns a product's image in front of it, and its result behind it, or
  /// null.
  mlir::linalg::GenericOp imageTurn, resultTurn;

  /// The last operation's loop over dimension `dim` of the product's result,
  /// which its epilogue and the turn behind it leave apart. Only with a
  /// product.
  unsigned getLoopOf(unsigned dim) const;

  static KernelOps get(mlir::func::FuncOp kernel);
};

} // namespace mpq

#endif // MPQ_CODEGEN_KERNELGROUP_H
