//===- MPQInterfaces.h - what an operation can tell a quantizer ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DIALECT_MPQINTERFACES_H
#define MPQ_DIALECT_MPQINTERFACES_H

#include "mlir/IR/OpDefinition.h"

#include <optional>
#include <utility>

#include "mpq/Dialect/MPQInterfaces.h.inc"

#endif // MPQ_DIALECT_MPQINTERFACES_H
