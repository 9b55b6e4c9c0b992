//===- TargetInfo.cpp - facts about x86 targets ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Codegen/TargetInfo.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mpq;

TargetInfo::TargetInfo(TargetAttr target) {
  // The last mention of a feature wins, as in LLVM.
  llvm::StringMap<bool> features;
  for (StringRef feature : llvm::split(target.getFeatures(), ','))
    if (!feature.empty())
      features[feature.drop_front()] = feature.front() == '+';
  bool avx512 = features.lookup("avx512f") && features.lookup("avx512bw") &&
                features.lookup("avx512vl");
  lanes = avx512 ? 16 : 8;
  if (avx512 && features.lookup("amx-tile") && features.lookup("amx-int8"))
    tileUnit = TileUnit();
  if (avx512 && features.lookup("amx-tile") && features.lookup("amx-bf16"))
    halfTileUnit = TileUnit();
  if (avx512 && features.lookup("avx512vnni"))
    dotUnit = DotUnit::Vpdpbusd512;
  else if (!avx512 && features.lookup("avxvnni"))
    dotUnit = DotUnit::Vpdpbusd256;
  else
    dotUnit = DotUnit::PairwiseWords;
}

int64_t TileUnit::getStep(int64_t depth) const {
  int64_t least = llvm::divideCeilSigned(depth, bytes);
  for (int64_t steps = least; steps < 2 * least; ++steps)
    if (depth % (4 * steps) == 0)
      return depth / steps;
  return 0;
}

FailureOr<TargetInfo> TargetInfo::get(Operation *op) {
  for (Operation *at = op; at; at = at->getParentOp())
    if (auto target =
            at->getAttrOfType<TargetAttr>(MPQDialect::getTargetAttrName()))
      return TargetInfo(target);
  return op->emitError("expected an '")
         << MPQDialect::getTargetAttrName()
         << "' attribute on the module: codegen needs to know the machine";
}
