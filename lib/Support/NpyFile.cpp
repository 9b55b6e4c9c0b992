//===- NpyFile.cpp - arrays in NumPy's .npy format ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The header is a Python literal; only the three keys NumPy writes are
// understood, in any order. Files come from users: every length is checked
// against the bytes that are there before anything is allocated from it.
//
//===----------------------------------------------------------------------===//

#include "mpq/Support/NpyFile.h"
#include "mpq-runtime/model.h"
#include "mpq/Support/WriteFile.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>
#include <string>

using namespace llvm;
using namespace mpq;

namespace {
struct TypeInfo {
  NpyType type;
  StringRef name, descr;
  int64_t size;
};
} // namespace

static constexpr TypeInfo typeInfos[] = {
    {NpyType::Bool, "bool", "|b1", 1},   {NpyType::I8, "int8", "|i1", 1},
    {NpyType::U8, "uint8", "|u1", 1},    {NpyType::I16, "int16", "<i2", 2},
    {NpyType::U16, "uint16", "<u2", 2},  {NpyType::I32, "int32", "<i4", 4},
    {NpyType::I64, "int64", "<i8", 8},   {NpyType::F16, "float16", "<f2", 2},
    {NpyType::F32, "float32", "<f4", 4}, {NpyType::F64, "float64", "<f8", 8},
};

static const TypeInfo &infoOf(NpyType type) {
  return *find_if(typeInfos, [&](const TypeInfo &i) { return i.type == type; });
}

StringRef mpq::getNpyTypeName(NpyType type) { return infoOf(type).name; }
int64_t mpq::getNpyTypeSize(NpyType type) { return infoOf(type).size; }

int64_t NpyArray::getNumElements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

static Error fail(StringRef name, const Twine &message) {
  return createStringError("'" + name + "': " + message);
}

/// The text after `'key':` in the header's dictionary, or nothing.
static std::optional<StringRef> findKey(StringRef header, StringRef key) {
  for (StringRef quote : {"'", "\""}) {
    size_t at = header.find((quote + key + quote).str());
    if (at == StringRef::npos)
      continue;
    StringRef rest = header.drop_front(at + key.size() + 2).ltrim();
    if (rest.consume_front(":"))
      return rest.ltrim();
  }
  return std::nullopt;
}

static Error parseShape(StringRef text, NpyArray &array, StringRef name) {
  StringRef original = text.take_until([](char c) { return c == ')'; });
  if (!text.consume_front("(") || !original.starts_with("("))
    return fail(name, "expected a shape such as (2, 3) in the .npy header");
  size_t close = text.find(')');
  if (close == StringRef::npos)
    return fail(name, "the shape in the .npy header is not closed");
  SmallVector<StringRef> parts;
  text.take_front(close).split(parts, ',');
  int64_t count = 1;
  for (auto [index, part] : enumerate(parts)) {
    part = part.trim();
    if (part.empty() && index + 1 == parts.size())
      continue; // (), (3,)
    int64_t extent;
    if (part.getAsInteger(10, extent) || extent < 0)
      return fail(name, "expected extents >= 0 in the .npy header but got '" +
                            part + "'");
    if (MulOverflow(count, extent, count) || count > (int64_t(1) << 48))
      return fail(name, "the shape " + original +
                            ") in the .npy header is too large");
    array.shape.push_back(extent);
  }
  return Error::success();
}

std::optional<NpyType> mpq::getNpyType(uint32_t dtype) {
  switch (dtype) {
  case MPQ_BOOL:
    return NpyType::Bool;
  case MPQ_I8:
    return NpyType::I8;
  case MPQ_U8:
    return NpyType::U8;
  case MPQ_I16:
    return NpyType::I16;
  case MPQ_U16:
    return NpyType::U16;
  case MPQ_I32:
    return NpyType::I32;
  case MPQ_I64:
    return NpyType::I64;
  case MPQ_F16:
    return NpyType::F16;
  case MPQ_F32:
    return NpyType::F32;
  case MPQ_F64:
    return NpyType::F64;
  default:
    return std::nullopt;
  }
}

Expected<NpyArray> mpq::parseNpy(StringRef bytes, StringRef name) {
  StringRef rest = bytes;
  if (!rest.consume_front("\x93NUMPY") || rest.size() < 2)
    return fail(name,
                "not an .npy file (expected it to begin with \\x93NUMPY)");
  int major = rest[0];
  rest = rest.drop_front(2);
  if (major < 1 || major > 3)
    return fail(name, "expected .npy format version 1, 2 or 3 but got " +
                          Twine(major));
  size_t lengthSize = major == 1 ? 2 : 4;
  if (rest.size() < lengthSize)
    return fail(name, "the .npy header is truncated");
  size_t length = major == 1 ? support::endian::read16le(rest.data())
                             : support::endian::read32le(rest.data());
  rest = rest.drop_front(lengthSize);
  if (rest.size() < length)
    return fail(name, "expected an .npy header of " + Twine(length) +
                          " bytes but only " + Twine(rest.size()) + " follow");
  StringRef header = rest.take_front(length), data = rest.drop_front(length);

  std::optional<StringRef> descr = findKey(header, "descr"),
                           order = findKey(header, "fortran_order"),
                           shape = findKey(header, "shape");
  if (!descr || !order || !shape || descr->empty())
    return fail(name, "expected keys 'descr', 'fortran_order' and 'shape' in "
                      "the .npy header");
  char quote = descr->front();
  StringRef type =
      descr->drop_front().take_until([&](char c) { return c == quote; });
  NpyArray array;
  const TypeInfo *info = find_if(typeInfos, [&](const TypeInfo &i) {
    return type == i.descr || (i.size == 1 && !type.empty() &&
                               type.drop_front() == i.descr.drop_front());
  });
  if (info == std::end(typeInfos))
    return fail(name, "unsupported dtype '" + type +
                          "': expected little-endian bool, int8, uint8, int16, "
                          "uint16, int32, int64, float16, float32 or float64");
  array.type = info->type;
  if (order->starts_with("True"))
    return fail(name, "expected C order but the array is in Fortran order: "
                      "save numpy.ascontiguousarray(array)");
  if (!order->starts_with("False"))
    return fail(name, "expected 'fortran_order' to be True or False");
  if (Error error = parseShape(*shape, array, name))
    return error;
  uint64_t expected = uint64_t(array.getNumElements()) * info->size;
  if (data.size() != expected)
    return fail(name, "expected " + Twine(expected) +
                          " bytes of data for its shape and dtype but got " +
                          Twine(data.size()));
  array.data.assign(data.begin(), data.end());
  return array;
}

Expected<NpyArray> mpq::readNpyFile(StringRef path) {
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && sys::fs::exists(status) &&
      !sys::fs::is_regular_file(status))
    return fail(path, "expected a regular file");
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(path, "cannot read: " + buffer.getError().message());
  return parseNpy((*buffer)->getBuffer(), path);
}

Error mpq::writeNpyFile(StringRef path, NpyType type, ArrayRef<int64_t> shape,
                        ArrayRef<char> data) {
  std::string header;
  raw_string_ostream stream(header);
  stream << "{'descr': '" << infoOf(type).descr
         << "', 'fortran_order': False, 'shape': (";
  for (int64_t extent : shape)
    stream << extent << (shape.size() == 1 ? "," : ", ");
  if (shape.size() > 1)
    header.resize(header.size() - 2);
  stream << "), }";
  // Data begins at a multiple of 64 bytes; the header ends with a newline.
  size_t prefix = 10;
  header.append(alignTo(prefix + header.size() + 1, 64) - prefix -
                    header.size() - 1,
                ' ');
  header += '\n';
  if (header.size() > 0xFFFF)
    return fail(path, "the shape has too many dimensions for an .npy header");

  return writeFile(path, [&](raw_ostream &out) {
    out << StringRef("\x93NUMPY\x01\x00", 8);
    char length[2];
    support::endian::write16le(length, header.size());
    out << StringRef(length, 2) << header;
    out.write(data.data(), data.size());
  });
}
