//===- Targets.h - the machines that one compilation is for ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_DRIVER_TARGETS_H
#define MPQ_LIB_DRIVER_TARGETS_H

#include "mpq/Dialect/MPQDialect.h"

#include "mlir/IR/Location.h"

#include <string>

namespace mpq {

/// A machine and what the option calls it.
struct NamedTarget {
  std::string name;
  TargetAttr target;
};

/// The targets called `names`, the best first, whatever the order of the names.
/// Unknown names, and machines of several architectures, are errors at `loc`.
mlir::FailureOr<llvm::SmallVector<NamedTarget>>
resolveTargets(mlir::Location loc, llvm::ArrayRef<std::string> names);

} // namespace mpq

#endif // MPQ_LIB_DRIVER_TARGETS_H
