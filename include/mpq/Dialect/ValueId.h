//===- ValueId.h - the names profiles, recipes and reports use ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_DIALECT_VALUEID_H
#define MPQ_DIALECT_VALUEID_H

#include "mlir/IR/Value.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSet.h"

#include <string>

namespace mlir {
class FunctionOpInterface;
} // namespace mlir

namespace mpq {

/// The name of a value in the source model: the `mpq.name` of a function
/// argument, or the outermost NameLoc of the defining operation. Empty if the
/// value has none. Several values may have the same name.
std::string getValueName(mlir::Value value);

/// The ids of the shaped values at the top level of a function.
///
/// A value's id is its name. Where several values have one name (a helper of
/// the same node, a transpose behind a convolution), the last of them that
/// computes something keeps it; the others get `#k` in program order, with the
/// smallest free k. Nameless values get the operation's name and their place
/// among its nameless likes (`linalg.matmul#3`), arguments `arg0`. Ids depend
/// on the IR only: two equal functions have equal ids.
class ValueIds {
public:
  explicit ValueIds(mlir::FunctionOpInterface function);

  /// The id of an argument or result at the top level, or "" of another value.
  llvm::StringRef lookup(mlir::Value value) const;

private:
  llvm::StringRef makeUnique(llvm::StringRef name);

  llvm::StringSet<> taken;
  llvm::StringMap<int64_t> nextSuffix;
  llvm::DenseMap<mlir::Value, llvm::StringRef> ids;
};

/// The id of one value, for messages: numbers the whole function, so passes
/// that ask for many keep a ValueIds. A value inside another operation has the
/// name alone.
std::string getValueId(mlir::Value value);

} // namespace mpq

#endif // MPQ_DIALECT_VALUEID_H
