//===- NpzFile.h - several arrays in NumPy's .npz format ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What numpy.savez and numpy.savez_compressed write: a ZIP archive of .npy
// files. Pickles are not understood, so there is nothing to run in a file.
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_SUPPORT_NPZFILE_H
#define MPQ_SUPPORT_NPZFILE_H

#include "mpq/Support/NpyFile.h"

#include <memory>
#include <string>

namespace llvm {
class MemoryBuffer;
} // namespace llvm

namespace mpq {

/// An open .npz file, up to 4 GiB. Errors name the file and the array.
class NpzFile {
public:
  static llvm::Expected<NpzFile> open(llvm::StringRef path);

  NpzFile(NpzFile &&) noexcept;
  NpzFile &operator=(NpzFile &&) noexcept;
  ~NpzFile();

  /// In the order of the file.
  std::vector<llvm::StringRef> getNames() const;
  /// The array of this name, which must be one of them.
  llvm::Expected<NpyArray> read(llvm::StringRef name) const;

private:
  struct Entry {
    std::string name;
    llvm::StringRef compressed;
    uint32_t size, checksum;
    bool isDeflated;
  };
  explicit NpzFile(std::unique_ptr<llvm::MemoryBuffer> buffer);
  llvm::Error readDirectory();
  llvm::Error readEntry(llvm::StringRef &directory);

  std::unique_ptr<llvm::MemoryBuffer> buffer;
  std::vector<Entry> entries;
};

} // namespace mpq

#endif // MPQ_SUPPORT_NPZFILE_H
