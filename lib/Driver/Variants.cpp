//===- Variants.cpp - one model for several machines ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Up to lower a model is the same for all machines. From there on each has a
// copy of the module, one after the other: what stays of each is optimized LLVM
// IR, and of all of them one blob of weights.
//
//===----------------------------------------------------------------------===//

#include "Compiler.h"

#include "mpq/Target/Machine.h"
#include "mpq/Target/MachineFeatures.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace mpq;

FailureOr<SmallVector<NamedTarget>>
mpq::resolveTargets(Location loc, ArrayRef<std::string> names) {
  loc.getContext()->loadDialect<MPQDialect>();
  SmallVector<TargetAttr> targets;
  for (const std::string &name : names) {
    TargetAttr target = getNamedTarget(loc.getContext(), name);
    if (!target)
      return emitError(loc)
             << "unknown target '" << name << "': expected one of "
             << llvm::join(getTargetNames(), ", ");
    targets.push_back(target);
    // Vendors have different names for one system.
    llvm::Triple triple(target.getTriple()), first(targets[0].getTriple());
    if (std::tuple(triple.getArch(), triple.getOS(), triple.getEnvironment()) !=
        std::tuple(first.getArch(), first.getOS(), first.getEnvironment()))
      return emitError(loc) << "expected targets of one architecture but got '"
                            << names[0] << "' (" << first.str() << ") and '"
                            << name << "' (" << triple.str() << ")";
  }
  SmallVector<NamedTarget> sorted;
  for (unsigned index : sortByCapability(targets))
    sorted.push_back({names[index], targets[index]});
  return sorted;
}

namespace {
/// Constants that passes make stay in the context for its life, used or not.
/// This gives the memory of those that are younger than itself back.
class ConstantScope {
public:
  explicit ConstantScope(MLIRContext &context)
      : manager(DenseResourceElementsHandle::getManagerInterface(&context)
                    .getBlobManager()) {
    forEach([&](StringRef name) { older.insert(name); });
  }

  void release(ElementsAttr except) {
    SmallVector<std::string> names;
    StringRef kept;
    if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(except))
      kept = resource.getRawHandle().getKey();
    forEach([&](StringRef name) {
      if (name != kept && !older.contains(name))
        names.push_back(name.str());
    });
    for (const std::string &name : names)
      manager.update(name, AsmResourceBlob());
  }

private:
  void forEach(llvm::function_ref<void(StringRef)> visit) {
    manager.getBlobMap([&](const auto &blobs) {
      for (const auto &blob : blobs)
        visit(blob.getKey());
    });
  }

  DialectResourceBlobManager &manager;
  llvm::StringSet<> older;
};
} // namespace

LogicalResult Compiler::compileVariants() {
  OwningOpRef<ModuleOp> lowered = std::move(module);
  ConstantScope constants(context);
  ElementsAttr weights;
  emitter = createEmitter();
  for (auto [index, variant] : llvm::enumerate(targets)) {
    bool isLast = index + 1 == targets.size();
    module =
        isLast ? std::move(lowered) : OwningOpRef<ModuleOp>(lowered->clone());
    (*module)->setAttr(MPQDialect::getTargetAttrName(), variant.target);
    ModuleInfo::setSharedWeights(*module, weights);
    if (failed(timed("codegen " + variant.name,
                     [&] { return runPhase(Phase::Codegen); })))
      return failure();
    FailureOr<ModuleInfo> info = ModuleInfo::get(*module);
    if (failed(info))
      return failure();
    summarize(*info);
    if (record)
      record->recordVariant(variant.name, variant.target, *info);
    if (failed(timed("optimize " + variant.name, [&] {
          return emitter->add(*module, variant.target, variant.name);
        })))
      return failure();
    module = nullptr;
    weights = info->weights;
    constants.release(/*except=*/weights);
  }
  return success();
}
