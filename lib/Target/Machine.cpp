//===- Machine.cpp - the machines code is generated for ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A target is spelled as LLVM spells it. The named ones are those the project
// tests: the four generations of x86 that differ in their dot products.
//
//===----------------------------------------------------------------------===//

#include "mpq/Target/Machine.h"

#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace mlir;
using namespace mpq;

static constexpr StringLiteral kTriple = "x86_64-unknown-linux-gnu";

namespace {
struct NamedTarget {
  StringLiteral name, cpu, features;
};
} // namespace

static constexpr NamedTarget kTargets[] = {
    {"x86-avx2", "x86-64-v3", "+avx2,+fma"},
    {"x86-avxvnni", "x86-64-v3", "+avx2,+avxvnni,+fma"},
    // LLVM prefers vectors of 256 bits on the generic CPU, for machines that
    // lower their clock; those with VNNI do not.
    {"x86-avx512vnni", "x86-64-v4",
     "+avx2,+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512vl,+avx512vnni,+fma,"
     "-prefer-256-bit"},
    {"x86-amx", "x86-64-v4",
     "+amx-bf16,+amx-int8,+amx-tile,+avx2,+avx512bw,+avx512cd,+avx512dq,+"
     "avx512f,"
     "+avx512vl,+avx512vnni,+fma,-prefer-256-bit"},
};

// The processor alone does not tell (lib/Runtime/Artifact/Variants.c).
bool mpq::mayUseTileRegisters() {
#if defined(__linux__) && defined(__x86_64__)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

static const llvm::Target *lookupTarget(StringRef triple, std::string &error) {
  static const bool initialized = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
    return true;
  }();
  (void)initialized;
  return llvm::TargetRegistry::lookupTarget(llvm::Triple(triple), error);
}

/// Every feature that LLVM asks this processor for, and whether code may use
/// it.
static llvm::StringMap<bool> getHostFeatures() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  if (!mpq::mayUseTileRegisters())
    for (auto &feature : features)
      if (feature.getKey().starts_with("amx"))
        feature.second = false;
  return features;
}

TargetAttr mpq::getHostTarget(MLIRContext *context) {
  std::string triple = llvm::sys::getProcessTriple();
  StringRef cpu = llvm::sys::getHostCPUName();
  std::string error;
  const llvm::Target *target = lookupTarget(triple, error);
  std::unique_ptr<llvm::MCSubtargetInfo> named(
      target ? target->createMCSubtargetInfo(llvm::Triple(triple), cpu, "")
             : nullptr);
  // Virtual machines lack features of the CPU they name.
  std::vector<std::string> features;
  for (const auto &feature : getHostFeatures()) {
    std::string enabled = "+" + feature.getKey().str();
    if (feature.getValue())
      features.push_back(enabled);
    else if (named && named->checkFeatures(enabled))
      features.push_back("-" + feature.getKey().str());
  }
  llvm::sort(features);
  return TargetAttr::get(context, triple, cpu, llvm::join(features, ","));
}

TargetAttr mpq::getNamedTarget(MLIRContext *context, StringRef name) {
  if (name == "host")
    return getHostTarget(context);
  for (const NamedTarget &target : kTargets)
    if (target.name == name)
      return TargetAttr::get(context, kTriple, target.cpu, target.features);
  return nullptr;
}

bool mpq::runsOnHost(TargetAttr target) {
  llvm::Triple triple(target.getTriple()), host(llvm::sys::getProcessTriple());
  std::unique_ptr<llvm::MCSubtargetInfo> needed = createSubtargetInfo(target);
  if (!needed || triple.getArch() != host.getArch() ||
      triple.getOS() != host.getOS())
    return false;
  return llvm::none_of(getHostFeatures(), [&](const auto &feature) {
    return !feature.getValue() &&
           needed->checkFeatures(("+" + feature.getKey()).str());
  });
}

ArrayRef<StringRef> mpq::getTargetNames() {
  static const SmallVector<StringRef> names = [] {
    SmallVector<StringRef> names = {"host"};
    for (const NamedTarget &target : kTargets)
      names.push_back(target.name);
    return names;
  }();
  return names;
}

std::unique_ptr<llvm::MCSubtargetInfo>
mpq::createSubtargetInfo(TargetAttr attr) {
  std::string error;
  const llvm::Target *target = lookupTarget(attr.getTriple(), error);
  return std::unique_ptr<llvm::MCSubtargetInfo>(
      target ? target->createMCSubtargetInfo(llvm::Triple(attr.getTriple()),
                                             attr.getCpu(), attr.getFeatures())
             : nullptr);
}

FailureOr<std::unique_ptr<llvm::TargetMachine>>
mpq::createTargetMachine(Location loc, TargetAttr attr) {
  std::string error;
  const llvm::Target *target = lookupTarget(attr.getTriple(), error);
  if (!target)
    return emitError(loc) << "expected a target triple of this LLVM but got '"
                          << attr.getTriple() << "': " << error;
  std::unique_ptr<llvm::MCSubtargetInfo> known(
      target->createMCSubtargetInfo(llvm::Triple(attr.getTriple()), "", ""));
  if (!known->isCPUStringValid(attr.getCpu()))
    return emitError(loc) << "expected a CPU of " << target->getName()
                          << " but got '" << attr.getCpu() << "'";
  SmallVector<StringRef> features;
  attr.getFeatures().split(features, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  auto all = known->getAllProcessorFeatures();
  for (StringRef feature : features) {
    StringRef name = feature.drop_front();
    if ((feature[0] != '+' && feature[0] != '-') ||
        llvm::none_of(all, [&](const auto &f) { return name == f.Key; }))
      return emitError(loc)
             << "expected +feature or -feature of " << target->getName()
             << " but got '" << feature << "'";
  }

  llvm::TargetOptions options;
  // The numeric contract has a fused operation only where the IR says so.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.FunctionSections = true;
  options.DataSections = true;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      llvm::Triple(attr.getTriple()), attr.getCpu(), attr.getFeatures(),
      options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
      llvm::CodeGenOptLevel::Aggressive));
}
