//===- SuggestNearest.cpp - the name that was probably meant ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Support/SuggestNearest.h"

#include <algorithm>

using llvm::StringRef;

std::string mpq::suggestNearest(StringRef text,
                                llvm::ArrayRef<StringRef> candidates) {
  StringRef best;
  unsigned distance = std::max<size_t>(text.size() / 2, 2);
  for (StringRef candidate : candidates) {
    unsigned d = text.edit_distance(candidate, /*AllowReplacements=*/true,
                                    /*MaxEditDistance=*/distance);
    if (d < distance || (best.empty() && d == distance)) {
      best = candidate;
      distance = d;
    }
  }
  return best.empty() ? "" : ("; did you mean '" + best + "'?").str();
}
