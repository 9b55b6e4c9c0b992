//===- LastError.h - the text of a thread's last error ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_CAPI_LASTERROR_H
#define MPQ_LIB_CAPI_LASTERROR_H

#include "mpq-c/mpq.h"

#include "llvm/Support/Error.h"

#include <string>

namespace mpq {

/// Keeps the text for mpq_last_error; returns `status`.
int setLastError(std::string text, int status = MPQ_FAILED);

/// MPQ_OK, or MPQ_FAILED with the error's text kept.
inline int toStatus(llvm::Error error) {
  return error ? setLastError(llvm::toString(std::move(error))) : int(MPQ_OK);
}

} // namespace mpq

#endif // MPQ_LIB_CAPI_LASTERROR_H
