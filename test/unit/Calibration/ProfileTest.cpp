//===- ProfileTest.cpp - calibration profiles and their files ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/Profile.h"
#include "mpq/Calibration/Collector.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mpq;

static Profile collect(std::initializer_list<float> x, llvm::StringRef model) {
  Collector collector;
  collector.observe("x", x);
  EXPECT_FALSE(bool(collector.finishSample("a.npy")));
  return collector.takeProfile(model);
}

/// The text of the error that reading `text` gives.
static std::string readError(llvm::StringRef text) {
  llvm::Expected<Profile> profile = Profile::fromJSON(text, "p.json");
  return profile ? "no error" : llvm::toString(profile.takeError());
}

static std::string replaced(std::string text, llvm::StringRef from,
                            llvm::StringRef to) {
  size_t at = text.find(from.str());
  EXPECT_NE(at, std::string::npos) << from.str();
  return at == std::string::npos ? text
                                 : text.replace(at, from.size(), to.str());
}

namespace {
class ProfileFile : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("mpq-profile", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }
  std::string inFolder(llvm::StringRef name) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    return path.str().str();
  }
  llvm::SmallString<128> folder;
};
} // namespace

TEST_F(ProfileFile, RoundTrip) {
  Profile profile = collect({-1.5f, 0.1f, 1e-30f, 7.25f}, "abc");
  profile.values["empty"]; // a value that was infinite everywhere
  std::string path = inFolder("profile.json");
  ASSERT_FALSE(bool(profile.write(path)));
  llvm::Expected<Profile> read = Profile::read(path);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->fingerprint, "abc");
  EXPECT_EQ(read->samples, 1u);
  EXPECT_TRUE(read->values.at("x") == profile.values.at("x"));
  EXPECT_TRUE(read->values.at("empty").empty());
  EXPECT_EQ(read->toJSON(), profile.toJSON());
}

TEST_F(ProfileFile, ReplacesAtomically) {
  std::string path = inFolder("profile.json");
  ASSERT_FALSE(bool(collect({1.0f}, "first").write(path)));
  ASSERT_FALSE(bool(collect({2.0f}, "second").write(path)));
  llvm::Expected<Profile> read = Profile::read(path);
  ASSERT_TRUE(bool(read));
  EXPECT_EQ(read->fingerprint, "second");
  std::error_code error;
  int files = 0;
  for (llvm::sys::fs::directory_iterator it(folder, error), end;
       it != end && !error; it.increment(error))
    ++files;
  EXPECT_EQ(files, 1); // no temporary is left
}

TEST_F(ProfileFile, UnwritablePath) {
  std::string path = inFolder("missing/profile.json");
  std::string message = llvm::toString(collect({1.0f}, "a").write(path));
  EXPECT_NE(message.find("cannot write '" + path + "'"), std::string::npos)
      << message;
  EXPECT_FALSE(llvm::sys::fs::exists(path));
  std::string unread = llvm::toString(Profile::read(path).takeError());
  EXPECT_NE(unread.find("cannot read profile '" + path + "'"),
            std::string::npos);
}

TEST(Profile, MergesSamplesOfOneModel) {
  Profile all = collect({1.0f, -3.0f}, "m");
  ASSERT_FALSE(bool(all.merge(collect({9.0f}, "m"))));
  EXPECT_EQ(all.samples, 2u);
  EXPECT_TRUE(all.values.at("x") ==
              collect({9.0f, -3.0f, 1.0f}, "m").values.at("x"));
  std::string message = llvm::toString(all.merge(collect({1.0f}, "other")));
  EXPECT_NE(message.find("expected fingerprint 'm' but got 'other'"),
            std::string::npos);
}

TEST(Profile, RejectsDamagedText) {
  std::string good = collect({1.0f, -3.0f}, "m").toJSON();
  EXPECT_EQ(readError(good), "no error");
  for (size_t size : {size_t(0), size_t(1), good.size() / 2, good.size() - 3})
    EXPECT_NE(readError(good.substr(0, size)).find("not complete JSON"),
              std::string::npos)
        << size;
  auto expectError = [&](llvm::StringRef from, llvm::StringRef to,
                         llvm::StringRef error) {
    std::string got = readError(replaced(good, from, to));
    EXPECT_NE(got.find(error.str()), std::string::npos) << got;
  };
  expectError("\"version\":1", "\"version\":2",
              "expected format version 1 but got 2");
  expectError("mpq-profile", "other", "'format'");
  expectError("\"samples\":1", "\"samples\":-1", "expected field 'samples'");
  expectError("\"count\":2", "\"count\":3", "sum up to 3 but got 2");
  expectError("\"max\":1", "\"max\":\"one\"", "expected field 'max'");
  expectError("\"min\":-3", "\"min\":-9", "value 'x': inconsistent histogram");
  expectError("\"values\"", "\"valued\"", "missing field 'values'");
  expectError("\"first\"", "\"frist\"", "missing field 'first'");
}

TEST(Collector, NamesTheFirstNaN) {
  Collector collector;
  float good[] = {1.0f}, bad[] = {1.0f, NAN, 2.0f};
  collector.observe("a", good);
  collector.observe("b", bad);
  collector.observe("c", bad);
  std::string message = llvm::toString(collector.finishSample("7.npy"));
  EXPECT_NE(message.find("value 'b' has 1 NaN among 3 elements in sample "
                         "'7.npy'"),
            std::string::npos)
      << message;
}
