//===- Blob.h - bytes that the compiler hands out ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_CAPI_BLOB_H
#define MPQ_LIB_CAPI_BLOB_H

#include "mpq-c/mpq.h"

#include "llvm/ADT/SmallVector.h"

struct mpq_blob {
  llvm::SmallVector<char, 0> data;
};

#endif // MPQ_LIB_CAPI_BLOB_H
