//===- ModuleInfo.h - what a compiled module says of itself ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// After codegen the function `<model>_main` takes bare pointers, so shapes,
// names, workspace and weights travel beside it as attributes of the module.
// Codegen writes them with set, emission and the JIT read them with get: the
// spelling of the attributes is known here only.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_CODEGEN_MODULEINFO_H
#define MPQ_CODEGEN_MODULEINFO_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mpq-runtime/model.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SmallVector.h"

#include <optional>
#include <string>

namespace mpq {

/// An input or output: its ONNX name, static shape and element type.
/// `mpq.unsigned` of the function becomes `isUnsigned`, as MLIR's integer types
/// here are signless.
struct TensorInfo {
  std::string name;
  mlir::RankedTensorType type;
  bool isUnsigned = false;

  /// Bytes of the dense row-major data; i1 takes a byte.
  int64_t getSizeInBytes() const;
  /// What C calls the element type, or nothing if it has no name for it.
  std::optional<mpq_dtype> getDType() const;
};

/// What one call of a kernel does: bytes of its operands and of its result.
struct KernelWork {
  int64_t integerMACs = 0, floatMACs = 0;
  int64_t bytesRead = 0, bytesWritten = 0;
};

/// The attributes, in textual form:
///   mpq.model = "rec"                       the entry is @rec_main
///   mpq.workspace_size = 4096 : i64         bytes, base aligned to 64
///   mpq.live_bytes = 3968 : i64            most that live at the same time
///   mpq.weights = dense_resource<w> : tensor<64xi8>      absent: no weights
///   mpq.weights_used = 64 : i64             absent: all of them
///   mpq.signature = {inputs = [{name = "x", type = tensor<1x8xf32>}],
///                    outputs = [{name = "y", type = tensor<8xi8>, unsigned}]}
///   mpq.kernels = ["conv2d_0.tmp_0", ...]   index k of the profile hook
///   mpq.kernel_work = array<i64: 4096, 0, 512, 64, ...>  four for each of them
///   mpq.observers = ["x", ...]              index k of the observe hook
struct ModuleInfo {
  std::string model;
  int64_t workspaceSize = 0;
  /// The largest sum of bytes of intermediate tensors that are needed at one
  /// point of the program: no plan of a workspace can be smaller. Known after
  /// mpq-plan-memory.
  std::optional<int64_t> liveBytes;
  /// tensor<Nxi8>, dense_resource or dense (not splat unless N is 1), or null.
  mlir::ElementsAttr weights;
  /// Bytes of the weights that this code reads, where the others are those of
  /// variants for other machines.
  std::optional<int64_t> weightsUsed;
  llvm::SmallVector<TensorInfo> inputs, outputs;
  llvm::SmallVector<std::string> kernels, observers;
  /// One for each of `kernels`, or empty if it was not counted.
  llvm::SmallVector<KernelWork> kernelWork;

  /// The name of the entry function.
  std::string getEntryName() const { return model + "_main"; }

  /// Bytes of the weights that this code reads.
  int64_t getWeightsUsed() const {
    return weightsUsed.value_or(getWeights().size());
  }

  /// The weights' bytes, owned by the attribute; empty without weights.
  llvm::ArrayRef<char> getWeights() const;

  /// The weights of another variant, which a module before codegen has in order
  /// to share them (mpq-plan-memory): empty if there are none.
  static mlir::FailureOr<llvm::ArrayRef<char>>
  getSharedWeights(mlir::ModuleOp module);
  static void setSharedWeights(mlir::ModuleOp module,
                               mlir::ElementsAttr weights);

  /// Reads the attributes; a missing or malformed one is an error at `module`.
  static mlir::FailureOr<ModuleInfo> get(mlir::ModuleOp module);

  /// Writes the attributes.
  void set(mlir::ModuleOp module) const;
};

} // namespace mpq

#endif // MPQ_CODEGEN_MODULEINFO_H
