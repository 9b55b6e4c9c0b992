//===- SuggestNearest.h - the name that was probably meant ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_SUPPORT_SUGGESTNEAREST_H
#define MPQ_SUPPORT_SUGGESTNEAREST_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace mpq {

/// The candidate with the smallest edit distance to `text` if it is near, as
/// "; did you mean 'x'?", else "".
std::string suggestNearest(llvm::StringRef text,
                           llvm::ArrayRef<llvm::StringRef> candidates);

} // namespace mpq

#endif // MPQ_SUPPORT_SUGGESTNEAREST_H
