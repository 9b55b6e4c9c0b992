//===- NpyFile.h - arrays in NumPy's .npy format ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors enter and leave the tools as .npy files (NumPy Enhancement Proposal
// 1): a magic, a Python dictionary literal, raw data. No MLIR here.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_SUPPORT_NPYFILE_H
#define MPQ_SUPPORT_NPYFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace mpq {

/// Element types that files may hold.
enum class NpyType { Bool, I8, U8, I16, U16, I32, I64, F16, F32, F64 };

/// NumPy's name of a type, such as "float32".
llvm::StringRef getNpyTypeName(NpyType type);
int64_t getNpyTypeSize(NpyType type);
/// The type that holds an mpq_dtype (mpq-runtime/model.h), if files have one.
std::optional<NpyType> getNpyType(uint32_t dtype);

/// A dense row-major array in host byte order.
struct NpyArray {
  NpyType type = NpyType::F32;
  llvm::SmallVector<int64_t> shape;
  std::vector<char> data;

  int64_t getNumElements() const;
};

/// Reads a little-endian, C-order file of one of the types above. The error
/// names the file, what was expected and what was found.
llvm::Expected<NpyArray> readNpyFile(llvm::StringRef path);

/// As readNpyFile on the bytes of a file that errors call `name`.
llvm::Expected<NpyArray> parseNpy(llvm::StringRef bytes, llvm::StringRef name);

/// Writes version 1.0 through a temporary file, so that `path` never holds half
/// an array.
llvm::Error writeNpyFile(llvm::StringRef path, NpyType type,
                         llvm::ArrayRef<int64_t> shape,
                         llvm::ArrayRef<char> data);

} // namespace mpq

#endif // MPQ_SUPPORT_NPYFILE_H
