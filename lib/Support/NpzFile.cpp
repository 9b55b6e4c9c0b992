//===- NpzFile.cpp - several arrays in NumPy's .npz format ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Of PKWARE's APPNOTE the parts that NumPy writes: the central directory at the
// end says where each file begins, stored or deflated. Files come from users:
// every offset and length is checked against the bytes that are there.
//
//===----------------------------------------------------------------------===//

#include "mpq/Support/NpzFile.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

#include <zlib.h>

using namespace llvm;
using namespace mpq;
using support::endian::read16le;
using support::endian::read32le;

// Records without what follows them: names, extra fields, comments.
static constexpr size_t kLocalSize = 30, kDirectorySize = 46, kEndSize = 22;
/// Deflate makes at most this of a byte; more is not allocated.
static constexpr uint64_t kMostPerByte = 1032;

static Error fail(StringRef file, const Twine &message) {
  return createStringError("'" + file + "': " + message);
}

NpzFile::NpzFile(std::unique_ptr<MemoryBuffer> buffer)
    : buffer(std::move(buffer)) {}
NpzFile::NpzFile(NpzFile &&) noexcept = default;
NpzFile &NpzFile::operator=(NpzFile &&) noexcept = default;
NpzFile::~NpzFile() = default;

Expected<NpzFile> NpzFile::open(StringRef path) {
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && sys::fs::exists(status) &&
      !sys::fs::is_regular_file(status))
    return fail(path, "expected a regular file");
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(path, "cannot read: " + buffer.getError().message());
  NpzFile file(std::move(*buffer));
  if (Error error = file.readDirectory())
    return error;
  return file;
}

Error NpzFile::readDirectory() {
  StringRef path = buffer->getBufferIdentifier(), bytes = buffer->getBuffer();
  // Behind the end record there may be a comment.
  size_t end = bytes.rfind(StringRef("PK\x05\x06", 4));
  if (end == StringRef::npos || bytes.size() - end < kEndSize)
    return fail(path, "expected an .npz file, as numpy.savez writes it, but it "
                      "is no ZIP archive or is cut off");
  const char *record = bytes.data() + end;
  uint16_t count = read16le(record + 10);
  uint64_t size = read32le(record + 12), start = read32le(record + 16);
  if (count == 0xffff || start == 0xffffffff)
    return fail(path, "expected an .npz file below 4 GiB");
  if (start + size > end)
    return fail(path, "the directory of the archive is damaged");
  StringRef directory = bytes.substr(start, size);
  for (uint16_t i = 0; i < count; ++i)
    if (Error error = readEntry(directory))
      return error;
  return Error::success();
}

Error NpzFile::readEntry(StringRef &directory) {
  StringRef path = buffer->getBufferIdentifier(), bytes = buffer->getBuffer();
  const char *record = directory.data();
  if (directory.size() < kDirectorySize ||
      !directory.starts_with(StringRef("PK\x01\x02", 4)))
    return fail(path, "the directory of the archive is damaged");
  uint16_t flags = read16le(record + 8), method = read16le(record + 10);
  uint64_t compressed = read32le(record + 20), size = read32le(record + 24),
           start = read32le(record + 42);
  size_t nameSize = read16le(record + 28), whole = kDirectorySize + nameSize +
                                                   read16le(record + 30) +
                                                   read16le(record + 32);
  if (directory.size() < whole)
    return fail(path, "the directory of the archive is damaged");
  // Errors write it, so it is text in any case.
  std::string file = json::fixUTF8(directory.substr(kDirectorySize, nameSize));
  StringRef name = file;
  uint32_t checksum = read32le(record + 16);
  directory = directory.drop_front(whole);
  if (!name.consume_back(".npy"))
    return fail(path,
                "expected .npy files in the archive but got '" + name + "'");
  if (flags & 1)
    return fail(path, "'" + name + "' is encrypted: expected plain arrays");
  if (method != 0 && method != 8)
    return fail(path, "'" + name + "' is compressed by method " +
                          Twine(method) +
                          ": expected numpy.savez or numpy.savez_compressed to "
                          "have written it");
  if (compressed == 0xffffffff || size == 0xffffffff || start == 0xffffffff)
    return fail(path, "expected an .npz file below 4 GiB");
  StringRef local = bytes.substr(start);
  uint64_t header = local.size() < kLocalSize ||
                            !local.starts_with(StringRef("PK\x03\x04", 4))
                        ? local.size() + 1
                        : kLocalSize + read16le(local.data() + 26) +
                              read16le(local.data() + 28);
  if (header + compressed > local.size() ||
      (method == 0 ? size != compressed : size > compressed * kMostPerByte))
    return fail(path, "'" + name + "' is damaged: the archive ends before it");
  if (is_contained(getNames(), name))
    return fail(path, "'" + name + "' is there twice");
  entries.push_back({name.str(), local.substr(header, compressed),
                     uint32_t(size), checksum, method == 8});
  return Error::success();
}

std::vector<StringRef> NpzFile::getNames() const {
  std::vector<StringRef> names;
  for (const Entry &entry : entries)
    names.push_back(entry.name);
  return names;
}

/// Fills `result` from deflated bytes, exactly.
static bool inflate(StringRef deflated, std::vector<char> &result) {
  z_stream stream = {};
  // Negative: without zlib's own header.
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return false;
  scope_exit release([&] { inflateEnd(&stream); });
  // zlib's interface has no const; input is not written to.
  stream.next_in =
      reinterpret_cast<Bytef *>(const_cast<char *>(deflated.data()));
  stream.avail_in = uInt(deflated.size());
  stream.next_out = reinterpret_cast<Bytef *>(result.data());
  stream.avail_out = uInt(result.size());
  return ::inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
}

Expected<NpyArray> NpzFile::read(StringRef name) const {
  const Entry &entry =
      *find_if(entries, [&](const Entry &e) { return e.name == name; });
  StringRef path = buffer->getBufferIdentifier(), bytes = entry.compressed;
  std::vector<char> inflated;
  if (entry.isDeflated) {
    inflated.resize(entry.size);
    if (!::inflate(bytes, inflated))
      return fail(path, "'" + name + "' is damaged: it cannot be decompressed");
    bytes = StringRef(inflated.data(), inflated.size());
  }
  uLong checksum =
      crc32_z(0, reinterpret_cast<const Bytef *>(bytes.data()), bytes.size());
  if (checksum != entry.checksum)
    return fail(path, "'" + name + "' is damaged: its checksum is wrong");
  return parseNpy(bytes, (path + ":" + name).str());
}
