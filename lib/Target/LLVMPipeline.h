//===- LLVMPipeline.h - LLVM's passes, which can be told to stop ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Most of a compilation's time goes to LLVM, which knows no cancelling.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_TARGET_LLVMPIPELINE_H
#define MPQ_LIB_TARGET_LLVMPIPELINE_H

#include "llvm/IR/Module.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Target/TargetMachine.h"

#include <functional>

namespace mpq {

/// Runs LLVM's default pipeline of `level`, 0 to 3. Once `isCancelled` (may be
/// empty) says so, passes are skipped: the module is then good for nothing.
void optimize(llvm::Module &module, llvm::TargetMachine &machine,
              unsigned level, const std::function<bool()> &isCancelled);

/// Writes machine code. Once `isCancelled` says so, functions are skipped: what
/// is written is then good for nothing. False if the target cannot write this
/// type of file.
bool writeCode(llvm::Module &module, llvm::TargetMachine &machine,
               llvm::CodeGenFileType type, llvm::raw_pwrite_stream &os,
               const std::function<bool()> &isCancelled);

} // namespace mpq

#endif // MPQ_LIB_TARGET_LLVMPIPELINE_H
