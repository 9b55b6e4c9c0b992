//===- JIT.cpp - a compiled module in the memory of this process ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calibration runs models with it. Loading the object that emission writes,
// rather than giving ORC the LLVM IR, makes the numbers those of the artifact.
//
//===----------------------------------------------------------------------===//

#include "mpq/Target/JIT.h"
#include "PerfMap.h"
#include "mpq/Target/Emission.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"

#include <cstdlib>
#include <cstring>

using namespace mlir;
using namespace mpq;

static constexpr size_t kAlignment = 64;

JITModel::JITModel() = default;
JITModel::~JITModel() = default;

void JITModel::AlignedFree::operator()(char *memory) const {
  std::free(memory);
}

JITModel::AlignedBuffer JITModel::allocate(size_t bytes) {
  return AlignedBuffer(static_cast<char *>(std::aligned_alloc(
      kAlignment, llvm::alignTo(std::max<size_t>(bytes, 1), kAlignment))));
}

MutableArrayRef<char> JITModel::getWeights() {
  return {weights.get(), weightsSize};
}

mpq_context JITModel::getSequentialContext() {
  mpq_context context = {};
  context.parallel_for = [](void *, int64_t n, mpq_range_fn fn, void *arg) {
    if (n > 0)
      fn(arg, 0, n);
  };
  return context;
}

FailureOr<std::unique_ptr<JITModel>>
JITModel::create(ModuleOp module, TargetAttr target, unsigned optimizationLevel,
                 const std::function<bool()> &isCancelled) {
  Location loc = module.getLoc();
  std::unique_ptr<JITModel> model(new JITModel());
  FailureOr<ModuleInfo> info = ModuleInfo::get(module);
  if (failed(info))
    return failure();
  model->info = *info;

  EmissionOptions options;
  options.target = target;
  options.cInterface = false;
  options.optimizationLevel = optimizationLevel;
  options.isCancelled = isCancelled;
  FailureOr<SmallString<0>> object = emit(module, options);
  if (failed(object))
    return failure();

  ArrayRef<char> weights = info->getWeights();
  model->weights = allocate(weights.size());
  model->idleWorkspaces.push_back(allocate(info->workspaceSize));
  if (!model->weights || !model->idleWorkspaces.back())
    return emitError(loc) << "no memory for " << weights.size()
                          << " bytes of weights and a workspace of "
                          << info->workspaceSize << " bytes";
  if (!weights.empty())
    std::memcpy(model->weights.get(), weights.data(), weights.size());
  model->weightsSize = weights.size();
  // The copy replaces the attribute, which may go with the module.
  model->info.weights = nullptr;

  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return emitError(loc) << "cannot create a JIT: "
                          << llvm::toString(jit.takeError());
  model->jit = std::move(*jit);
  writePerfMap(*model->jit);
  if (llvm::Error error = model->jit->addObjectFile(
          std::make_unique<llvm::SmallVectorMemoryBuffer>(
              std::move(*object), /*RequiresNullTerminator=*/false)))
    return emitError(loc) << "cannot load the code: "
                          << llvm::toString(std::move(error));
  auto main = model->jit->lookup(info->getEntryName());
  if (!main)
    return emitError(loc) << "cannot find '" << info->getEntryName()
                          << "': " << llvm::toString(main.takeError());
  model->main = main->toPtr<mpq_main_fn>();
  return model;
}

void JITModel::run(ArrayRef<const void *> inputs, ArrayRef<void *> outputs,
                   const mpq_context &context) {
  assert(inputs.size() == info.inputs.size() &&
         outputs.size() == info.outputs.size() && "one pointer per tensor");
  AlignedBuffer workspace;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!idleWorkspaces.empty()) {
      workspace = std::move(idleWorkspaces.back());
      idleWorkspaces.pop_back();
    }
  }
  if (!workspace && !(workspace = allocate(info.workspaceSize)))
    llvm::report_bad_alloc_error("no memory for another workspace");
  main(const_cast<void *const *>(inputs.data()), outputs.data(), weights.get(),
       workspace.get(), &context);
  std::lock_guard<std::mutex> lock(mutex);
  idleWorkspaces.push_back(std::move(workspace));
}
