//===- DatasetTest.cpp - calibration samples in a folder ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/CollectProfile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

using namespace mpq;

static CalibrationState newState() {
  return llvm::cantFail(CalibrationState::open("", "model"));
}

namespace {
class DatasetTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("mpq-dataset", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  void makeFolder(llvm::StringRef input) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, input);
    ASSERT_FALSE(llvm::sys::fs::create_directories(path));
  }
  std::string pathOf(llvm::StringRef input, llvm::StringRef file) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, input, file);
    return path.str().str();
  }
  void save(llvm::StringRef input, llvm::StringRef file,
            llvm::ArrayRef<float> values) {
    makeFolder(input);
    llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(values.data()),
                               values.size() * sizeof(float));
    ASSERT_FALSE(bool(writeNpyFile(pathOf(input, file), NpyType::F32,
                                   {int64_t(values.size())}, bytes)));
  }
  /// The error of opening and reading everything.
  std::string errorOf(llvm::ArrayRef<InputSpec> inputs) {
    Dataset dataset(folder);
    if (llvm::Error error = dataset.open(inputs))
      return llvm::toString(std::move(error));
    while (true) {
      llvm::Expected<std::optional<Sample>> sample = dataset.next();
      if (!sample)
        return llvm::toString(sample.takeError());
      if (!*sample)
        return "no error";
    }
  }
  void expectError(llvm::ArrayRef<InputSpec> inputs, llvm::StringRef expected) {
    std::string got = errorOf(inputs);
    EXPECT_NE(got.find(expected.str()), std::string::npos) << got;
  }

  InputSpec x{"x", NpyType::F32, {2}}, y{"y", NpyType::F32, {1}};
  llvm::SmallString<128> folder;
};
} // namespace

TEST_F(DatasetTest, FilesOfEqualNamesBelongTogether) {
  save("y", "b.npy", {4.0f});
  save("y", "a.npy", {3.0f});
  save("x", "b.npy", {1.0f, 2.0f});
  save("x", "a.npy", {5.0f, 6.0f});
  std::ofstream(pathOf("x", "readme.txt")) << "not a sample";
  Dataset dataset(folder);
  ASSERT_FALSE(bool(dataset.open({x, y})));
  ASSERT_EQ(dataset.getSize(), 2u);
  auto sample = dataset.next();
  ASSERT_TRUE(sample && *sample);
  EXPECT_EQ((*sample)->name, "a.npy");
  sample = dataset.next();
  ASSERT_TRUE(sample && *sample);
  const std::vector<NpyArray> &arrays = (*sample)->arrays;
  ASSERT_EQ(arrays.size(), 2u);
  auto *first = reinterpret_cast<const float *>(arrays[0].data.data());
  auto *second = reinterpret_cast<const float *>(arrays[1].data.data());
  EXPECT_EQ(first[0], 1.0f);
  EXPECT_EQ(first[1], 2.0f);
  EXPECT_EQ(second[0], 4.0f);
}

TEST_F(DatasetTest, InputNamesWithSlashes) {
  InputSpec nested{"block/in", NpyType::F32, {1}};
  save("block/in", "0.npy", {1.0f});
  EXPECT_EQ(errorOf({nested}), "no error");
}

TEST_F(DatasetTest, WrongFolders) {
  expectError({x}, "no calibration data for input 'x': expected a folder");
  makeFolder("x");
  expectError({x}, "is empty: expected one .npy file (float32 2) a sample");
  save("x", "a.npy", {1.0f, 2.0f});
  EXPECT_EQ(errorOf({x}), "no error");
  save("z", "a.npy", {1.0f});
  expectError({x, y}, "the model has no input 'z'");
  expectError({x, y}, "expected folders 'x', 'y'");
  llvm::sys::fs::remove_directories(folder);
  expectError({x}, "cannot read calibration folder");
}

TEST_F(DatasetTest, MissingPartner) {
  save("x", "a.npy", {1.0f, 2.0f});
  save("x", "b.npy", {1.0f, 2.0f});
  save("y", "b.npy", {1.0f});
  expectError({x, y}, "'" + pathOf("x", "a.npy") + "' has no partner '" +
                          pathOf("y", "a.npy") + "' for input 'y'");
}

TEST_F(DatasetTest, WrongArrays) {
  save("x", "a.npy", {1.0f, 2.0f, 3.0f});
  expectError({x},
              "a.npy': expected float32 2 for input 'x' but got float32 3");
  InputSpec integers{"x", NpyType::I64, {3}};
  expectError({integers}, "expected int64 3 for input 'x' but got float32 3");
  save("x", "a.npy", {1.0f, NAN});
  expectError({x}, "element 1 is NaN or infinite");
  save("x", "a.npy", {INFINITY, 1.0f});
  expectError({x}, "element 0 is NaN or infinite");
  std::ofstream(pathOf("x", "a.npy")) << "broken";
  expectError({x}, "a.npy");
}

TEST_F(DatasetTest, CollectsOverAllSamples) {
  save("x", "a.npy", {1.0f, 2.0f});
  save("x", "b.npy", {-4.0f, 8.0f});
  Dataset dataset(folder);
  ASSERT_FALSE(bool(dataset.open({x})));
  // The "model" observes its input and the logarithm of it.
  auto run = [](llvm::ArrayRef<NpyArray> inputs, Collector &collector) {
    auto *data = reinterpret_cast<const float *>(inputs[0].data.data());
    collector.observe("x", {data[0], data[1]});
    collector.observe("log", {std::log(data[0]), std::log(data[1])});
    return llvm::Error::success();
  };
  size_t calls = 0;
  auto profile = collectProfile(dataset, newState(), run,
                                [&](size_t done, std::optional<size_t> total) {
                                  EXPECT_EQ(done, ++calls);
                                  EXPECT_EQ(total, 2u);
                                  return true;
                                });
  EXPECT_EQ(calls, 1u); // the second sample stops it
  ASSERT_FALSE(bool(profile));
  std::string message = llvm::toString(profile.takeError());
  EXPECT_NE(message.find("value 'log' has 1 NaN among 2 elements in sample "
                         "'b.npy'"),
            std::string::npos)
      << message;

  save("x", "b.npy", {0.5f, 8.0f});
  Dataset again(folder);
  ASSERT_FALSE(bool(again.open({x})));
  auto good = collectProfile(again, newState(), run, {});
  ASSERT_TRUE(bool(good)) << llvm::toString(good.takeError());
  EXPECT_EQ(good->samples, 2u);
  EXPECT_EQ(good->values.at("x").getMin(), 0.5f);
  EXPECT_EQ(good->values.at("x").getMax(), 8.0f);
  EXPECT_EQ(good->values.at("x").getCount(), 4u);
}

TEST_F(DatasetTest, StopsWhenAsked) {
  save("x", "a.npy", {1.0f, 2.0f});
  save("x", "b.npy", {3.0f, 4.0f});
  Dataset dataset(folder);
  ASSERT_FALSE(bool(dataset.open({x})));
  size_t runs = 0;
  auto run = [&](llvm::ArrayRef<NpyArray>, Collector &) {
    ++runs;
    return llvm::Error::success();
  };
  auto profile =
      collectProfile(dataset, newState(), run,
                     [](size_t, std::optional<size_t>) { return false; });
  ASSERT_FALSE(bool(profile));
  EXPECT_EQ(llvm::toString(profile.takeError()), "calibration was cancelled");
  EXPECT_EQ(runs, 1u);
}
