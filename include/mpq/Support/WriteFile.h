//===- WriteFile.h - files that appear complete or not at all ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_SUPPORT_WRITEFILE_H
#define MPQ_SUPPORT_WRITEFILE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace mpq {

/// Writes through a temporary file beside `path`, which then takes its place;
/// whatever goes wrong, a full disk too, `path` keeps what it held. Links are
/// followed. Devices and pipes are written directly; "-" is standard output.
/// Errors begin with "cannot write '<path>'".
llvm::Error writeFile(llvm::StringRef path,
                      llvm::function_ref<void(llvm::raw_ostream &)> write);

/// An error if writeFile would fail for a reason that is known beforehand: a
/// folder, a missing one, no permission.
llvm::Error checkWritable(llvm::StringRef path);

} // namespace mpq

#endif // MPQ_SUPPORT_WRITEFILE_H
