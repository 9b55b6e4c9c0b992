//===- MPQBytecode.h - attributes with large constants in files ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_DIALECT_MPQBYTECODE_H
#define MPQ_LIB_DIALECT_MPQBYTECODE_H

namespace mpq {

class MPQDialect;

/// How the dialect's attributes are written to bytecode.
void registerBytecode(MPQDialect &dialect);

} // namespace mpq

#endif // MPQ_LIB_DIALECT_MPQBYTECODE_H
