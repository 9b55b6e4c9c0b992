//===- MachineFeatures.h - what code asks of the machine it runs on ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TARGET_MACHINEFEATURES_H
#define MPQ_TARGET_MACHINEFEATURES_H

#include "mpq-runtime/artifact.h"
#include "mpq/Dialect/MPQDialect.h"

namespace mpq {

/// The features that LLVM may use in code for `target`, implied ones included,
/// and how a processor tells that it has them. Those with the same question to
/// the processor follow one another. A target that LLVM does not know has none.
llvm::SmallVector<mpq_cpu_feature> getRequiredFeatures(TargetAttr target);

/// Targets, or rather their indices, by falling capability: one that another is
/// contained in comes behind it, and first those with larger vectors and better
/// units for dot products.
llvm::SmallVector<unsigned>
sortByCapability(llvm::ArrayRef<TargetAttr> targets);

} // namespace mpq

#endif // MPQ_TARGET_MACHINEFEATURES_H
