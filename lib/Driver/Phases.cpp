//===- Phases.cpp - the eight phases by name ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/Phases.h"

#include "llvm/ADT/STLExtras.h"

using namespace mpq;

static constexpr llvm::StringLiteral kPhase = "mpq.phase";

llvm::ArrayRef<llvm::StringRef> mpq::getPhaseNames() {
  static const llvm::StringRef names[] = {"import",  "prepare",  "calibrate",
                                          "assign",  "quantize", "lower",
                                          "codegen", "emit"};
  return names;
}

llvm::StringRef mpq::stringifyPhase(Phase phase) {
  return getPhaseNames()[static_cast<size_t>(phase)];
}

std::optional<Phase> mpq::symbolizePhase(llvm::StringRef name) {
  auto names = getPhaseNames();
  const auto *found = llvm::find(names, name);
  if (found == names.end())
    return std::nullopt;
  return static_cast<Phase>(found - names.begin());
}

void mpq::setLastPhase(mlir::ModuleOp module, Phase phase) {
  if (phase >= Phase::Quantize)
    module->setAttr(kPhase, mlir::StringAttr::get(module.getContext(),
                                                  stringifyPhase(phase)));
}

std::optional<Phase> mpq::getLastPhase(mlir::ModuleOp module) {
  auto name = module->getAttrOfType<mlir::StringAttr>(kPhase);
  return name ? symbolizePhase(name) : std::nullopt;
}
