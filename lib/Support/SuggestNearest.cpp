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
    // Whatever the case: INT8 is nearer to int8 than to anything else.
    unsigned d =
        text.edit_distance_insensitive(candidate, /*AllowReplacements=*/true,
                                       /*MaxEditDistance=*/distance);
    if (d < distance || (best.empty() && d == distance)) {
      best = candidate;
      distance = d;
    }
  }
  // A part of a longer name: avx512 for x86-avx512vnni.
  for (StringRef candidate : candidates)
    if (best.empty() && text.size() > 2 && candidate.contains_insensitive(text))
      best = candidate;
  return best.empty() ? "" : ("; did you mean '" + best + "'?").str();
}
