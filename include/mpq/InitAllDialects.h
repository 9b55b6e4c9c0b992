//===- InitAllDialects.h - registration of all dialects ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_INITALLDIALECTS_H
#define MPQ_INITALLDIALECTS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mpq {

/// Registers the mpq dialect, the upstream dialects that the pipelines create,
/// and the interface models on them.
void registerAllDialects(mlir::DialectRegistry &registry);

} // namespace mpq

#endif // MPQ_INITALLDIALECTS_H
