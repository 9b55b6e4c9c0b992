//===- LLVMPipeline.cpp - LLVM's passes, which can be told to stop ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The optimizer asks before every pass. The code generator does not: there a
// pass of ours stands before instruction selection, and gives the functions
// that are still to come a linkage for which no code is generated.
//
//===----------------------------------------------------------------------===//

#include "LLVMPipeline.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Pass.h"
#include "llvm/Passes/PassBuilder.h"

using namespace mpq;

void mpq::optimize(llvm::Module &module, llvm::TargetMachine &machine,
                   unsigned level, const std::function<bool()> &isCancelled) {
  static const llvm::OptimizationLevel levels[] = {
      llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1,
      llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  llvm::PassInstrumentationCallbacks callbacks;
  if (isCancelled)
    callbacks.registerShouldRunOptionalPassCallback(
        [&](llvm::StringRef, llvm::Any) { return !isCancelled(); });
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = tuning.LoopInterleaving = true;
  tuning.LoopVectorization = tuning.SLPVectorization = true;
  llvm::PassBuilder builder(&machine, tuning, std::nullopt, &callbacks);

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(levels[std::min(level, 3u)])
      .run(module, modules);
}

namespace {
/// Takes functions away from the passes behind it.
class SkipIfCancelled final : public llvm::FunctionPass {
public:
  explicit SkipIfCancelled(const std::function<bool()> &isCancelled)
      : FunctionPass(id), isCancelled(isCancelled) {}

  bool runOnFunction(llvm::Function &function) override {
    if (!isCancelled())
      return false;
    function.setLinkage(llvm::GlobalValue::AvailableExternallyLinkage);
    return true;
  }

  void getAnalysisUsage(llvm::AnalysisUsage &usage) const override {
    usage.setPreservesAll();
  }

  llvm::StringRef getPassName() const override { return "skip if cancelled"; }

private:
  static char id;
  const std::function<bool()> &isCancelled;
};
char SkipIfCancelled::id = 0;

/// Puts that pass before the one that selects instructions, after which all
/// passes run on one function before the next.
class CancellablePassManager final : public llvm::legacy::PassManagerBase {
public:
  explicit CancellablePassManager(const std::function<bool()> &isCancelled)
      : isCancelled(isCancelled) {}

  void add(llvm::Pass *pass) override {
    if (isCancelled && pass->getPassName().contains("Instruction Selection"))
      manager.add(new SkipIfCancelled(isCancelled));
    manager.add(pass);
  }

  void run(llvm::Module &module) { manager.run(module); }

private:
  const std::function<bool()> &isCancelled;
  llvm::legacy::PassManager manager;
};
} // namespace

bool mpq::writeCode(llvm::Module &module, llvm::TargetMachine &machine,
                    llvm::CodeGenFileType type, llvm::raw_pwrite_stream &os,
                    const std::function<bool()> &isCancelled) {
  CancellablePassManager passes(isCancelled);
  if (machine.addPassesToEmitFile(passes, os, nullptr, type))
    return false;
  passes.run(module);
  return true;
}
