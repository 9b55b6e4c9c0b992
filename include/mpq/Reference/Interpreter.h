//===- Interpreter.h - the meaning of every phase's IR ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference that compiled code equals bit for bit (docs/Numerics.md).
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_REFERENCE_INTERPRETER_H
#define MPQ_REFERENCE_INTERPRETER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpq/Reference/HostTensor.h"

#include <functional>

namespace mpq {

struct InterpreterHooks {
  /// Called for each mpq.observe with its id and the value.
  std::function<void(llvm::StringRef, const HostTensor &)> observe;
};

/// Runs a function on tensors of its argument types (scalars: shape {}; buffers
/// as tensors). A kernel without results answers what its
/// bufferization.materialize_in_destination operations write, in order. Fails
/// with a diagnostic at an operation it does not know, or that has no meaning
/// for these values (a position outside a tensor, a division by zero).
mlir::FailureOr<mlir::SmallVector<HostTensor>>
interpret(mlir::func::FuncOp function, mlir::ArrayRef<HostTensor> arguments,
          const InterpreterHooks &hooks = {});

/// Point mode: the elements of result `result` at `positions` (in row-major
/// order), computing only what they need. The answer has one dimension, in the
/// order of `positions`.
mlir::FailureOr<HostTensor> interpretAt(mlir::func::FuncOp function,
                                        mlir::ArrayRef<HostTensor> arguments,
                                        unsigned result,
                                        mlir::ArrayRef<int64_t> positions);

} // namespace mpq

#endif // MPQ_REFERENCE_INTERPRETER_H
