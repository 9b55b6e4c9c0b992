//===- ChannelExtremesTest.cpp - extremes of the last dimension ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/ChannelExtremes.h"
#include "mpq/Calibration/Collector.h"

#include <gtest/gtest.h>

#include <limits>

using namespace mpq;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();
static constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(ChannelExtremes, EachChannelAlone) {
  ChannelExtremes extremes(2);
  extremes.observe({1.0f, -4.0f, 3.0f, -2.0f, 2.0f, 8.0f});
  EXPECT_EQ(extremes.getMin(), llvm::ArrayRef<float>({1.0f, -4.0f}));
  EXPECT_EQ(extremes.getMax(), llvm::ArrayRef<float>({3.0f, 8.0f}));
}

TEST(ChannelExtremes, OnlyFiniteValuesCount) {
  ChannelExtremes extremes(2);
  extremes.observe({kInfinity, kNaN, -kInfinity, kNaN, 5.0f, kNaN});
  EXPECT_EQ(extremes.getMin()[0], 5.0f);
  EXPECT_EQ(extremes.getMax()[0], 5.0f);
  EXPECT_GT(extremes.getMin()[1], extremes.getMax()[1]);
}

TEST(ChannelExtremes, PartsMergeToTheWhole) {
  float data[] = {1, -4, 3, -2, 2, 8, -7, 0};
  ChannelExtremes whole(2), first(2), second(2), none;
  whole.observe(data);
  first.observe(llvm::ArrayRef(data).take_front(2));
  second.observe(llvm::ArrayRef(data).drop_front(2));
  second.merge(first);
  EXPECT_EQ(second, whole);
  none.merge(whole);
  EXPECT_EQ(none, whole);
}

TEST(ChannelExtremes, InProfiles) {
  Collector collector;
  collector.observe("x", {1.0f, -4.0f, 3.0f, -2.0f}, 2);
  collector.observe("flat", {1.0f});
  EXPECT_FALSE(bool(collector.finishSample("a.npy")));
  Profile profile = collector.takeProfile("");
  ASSERT_EQ(profile.channels.size(), 1u);

  std::string text = profile.toJSON();
  llvm::Expected<Profile> read = Profile::fromJSON(text, "p.json");
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->channels, profile.channels);
  EXPECT_EQ(read->toJSON(), text);

  Profile twice = profile;
  EXPECT_FALSE(bool(twice.merge(profile)));
  EXPECT_EQ(twice.channels, profile.channels);

  size_t at = text.find("\"max\":[");
  ASSERT_NE(at, std::string::npos);
  read = Profile::fromJSON(text.replace(at, 7, "\"max\":[9,"), "p.json");
  ASSERT_FALSE(bool(read));
  EXPECT_EQ(llvm::toString(read.takeError()),
            "profile 'p.json': value 'x': field 'channels': expected as many "
            "numbers in 'min' as in 'max' but got 2 and 3");
}
