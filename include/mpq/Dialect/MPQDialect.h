//===- MPQDialect.h - operations and attributes of mpq ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DIALECT_MPQDIALECT_H
#define MPQ_DIALECT_MPQDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

#include "mpq/Dialect/MPQDialect.h.inc"
#include "mpq/Dialect/MPQEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "mpq/Dialect/MPQAttrs.h.inc"

#define GET_OP_CLASSES
#include "mpq/Dialect/MPQOps.h.inc"

#endif // MPQ_DIALECT_MPQDIALECT_H
