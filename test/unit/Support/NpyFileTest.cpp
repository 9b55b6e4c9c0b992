//===- NpyFileTest.cpp - .npy files, whole and broken ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Support/NpyFile.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

#include <gtest/gtest.h>

using namespace llvm;
using namespace mpq;

/// A version 1.0 file with this dictionary.
static std::string file(StringRef dictionary, StringRef data) {
  std::string text("\x93NUMPY\x01\x00", 8);
  text += char(dictionary.size() & 0xFF);
  text += char(dictionary.size() >> 8);
  return text + dictionary.str() + data.str();
}

static std::string messageOf(StringRef bytes) {
  Expected<NpyArray> array = parseNpy(bytes, "x.npy");
  return array ? "no error" : toString(array.takeError());
}

TEST(NpyFile, RoundTrip) {
  SmallString<128> path;
  int descriptor;
  ASSERT_FALSE(sys::fs::createTemporaryFile("mpq", "npy", descriptor, path));
  sys::fs::file_t handle = sys::fs::convertFDToNativeFile(descriptor);
  ASSERT_FALSE(bool(sys::fs::closeFile(handle)));
  for (SmallVector<int64_t> shape :
       {SmallVector<int64_t>{}, {3}, {2, 3}, {0, 4}, {1, 2, 3, 4, 5}}) {
    NpyArray array;
    array.type = NpyType::I16;
    array.shape = shape;
    array.data.resize(array.getNumElements() * 2);
    for (auto [k, byte] : enumerate(array.data))
      byte = char(k * 7);
    ASSERT_FALSE(bool(writeNpyFile(path, array.type, shape, array.data)));
    auto buffer = MemoryBuffer::getFile(path);
    ASSERT_TRUE(bool(buffer));
    // NumPy maps files whose data begins at a multiple of 64.
    EXPECT_EQ(((*buffer)->getBufferSize() - array.data.size()) % 64, 0u);
    Expected<NpyArray> again = readNpyFile(path);
    ASSERT_TRUE(bool(again)) << toString(again.takeError());
    EXPECT_EQ(again->type, array.type);
    EXPECT_EQ(again->shape, array.shape);
    EXPECT_EQ(again->data, array.data);
  }
  sys::fs::remove(path);
}

TEST(NpyFile, HeadersOtherWritersMake) {
  std::string data(8, '\0');
  for (StringRef dictionary :
       {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n",
        "{\"shape\": (1, 2), \"fortran_order\": False, \"descr\": \"<f4\"}",
        "{'shape':(2,),'descr':'<f4','fortran_order':False}"}) {
    Expected<NpyArray> array = parseNpy(file(dictionary, data), "x.npy");
    ASSERT_TRUE(bool(array)) << toString(array.takeError());
    EXPECT_EQ(array->type, NpyType::F32);
    EXPECT_EQ(array->getNumElements(), 2);
  }
}

TEST(NpyFile, Errors) {
  StringRef good =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  std::string whole = file(good, std::string(8, '\0'));
  EXPECT_EQ(messageOf(whole), "no error");
  // Every truncation is an error and none crashes.
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(messageOf(StringRef(whole).take_front(size)), "no error") << size;

  auto expectMessage = [](const std::string &bytes, StringRef part) {
    std::string message = messageOf(bytes);
    EXPECT_TRUE(StringRef(message).contains(part)) << message;
    EXPECT_TRUE(StringRef(message).starts_with("'x.npy': ")) << message;
  };
  expectMessage("PK\x03\x04 a zip", "not an .npy file");
  expectMessage(std::string("\x93NUMPY\x09\x00", 8) + whole.substr(8),
                "expected .npy format version 1, 2 or 3 but got 9");
  expectMessage(whole + "x", "expected 8 bytes of data for its shape and dtype "
                             "but got 9");
  expectMessage(file("{'descr': '<f4', 'shape': (2,)}", "12345678"),
                "expected keys 'descr', 'fortran_order' and 'shape'");
  expectMessage(file("{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}",
                     "12345678"),
                "expected C order but the array is in Fortran order");
  expectMessage(file("{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}",
                     "12345678"),
                "unsupported dtype '>f4'");
  expectMessage(file("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}",
                     "12345678"),
                "unsupported dtype '|O'");
  expectMessage(
      file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
           "12345678"),
      "unsupported dtype");
  expectMessage(file("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
                     "12345678"),
                "expected extents >= 0");
  expectMessage(file("{'descr': '<f4', 'fortran_order': False, 'shape': "
                     "(99999999999, 99999999999)}",
                     ""),
                "is too large");
  expectMessage(
      file("{'descr': '<f4', 'fortran_order': False, 'shape': 2}", "12345678"),
      "expected a shape such as (2, 3)");
  EXPECT_EQ(toString(readNpyFile("/nonexistent/a.npy").takeError()),
            "'/nonexistent/a.npy': cannot read: No such file or directory");
  EXPECT_NE(toString(writeNpyFile("/nonexistent/a.npy", NpyType::I8, {0}, {})),
            "");
}
