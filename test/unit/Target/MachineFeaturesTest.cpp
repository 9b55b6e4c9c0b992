//===- MachineFeaturesTest.cpp - what code asks of the machine ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Target/MachineFeatures.h"
#include "mpq/Target/Machine.h"

#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mpq;

namespace {
class MachineFeaturesTest : public testing::Test {
protected:
  MachineFeaturesTest() { context.loadDialect<MPQDialect>(); }

  std::vector<std::string> getNames(TargetAttr target) {
    std::vector<std::string> names;
    for (const mpq_cpu_feature &feature : getRequiredFeatures(target))
      names.push_back(feature.name);
    llvm::sort(names);
    return names;
  }
  TargetAttr getTarget(StringRef cpu, StringRef features) {
    return TargetAttr::get(&context, "x86_64-unknown-linux-gnu", cpu, features);
  }

  MLIRContext context;
};
} // namespace

TEST_F(MachineFeaturesTest, WhatEveryMachineHasIsNotAskedFor) {
  EXPECT_TRUE(getNames(getTarget("x86-64", "")).empty());
}

// The CPU of a target has features that its list does not name, and a feature
// has others that it builds on.
TEST_F(MachineFeaturesTest, ImpliedOnes) {
  EXPECT_EQ(getNames(getTarget("x86-64", "+avx2")),
            (std::vector<std::string>{"avx", "avx2", "sse3", "sse4.1", "sse4.2",
                                      "ssse3"}));
  EXPECT_EQ(
      getNames(getNamedTarget(&context, "x86-avx2")),
      (std::vector<std::string>{"avx", "avx2", "bmi", "bmi2", "cx16", "f16c",
                                "fma", "lzcnt", "movbe", "popcnt", "sahf",
                                "sse3", "sse4.1", "sse4.2", "ssse3"}));
}

// What is taken away, and what no arithmetic is made of.
TEST_F(MachineFeaturesTest, OnesThatCodeDoesNotUse) {
  EXPECT_EQ(getNames(getTarget("x86-64", "+ssse3,-ssse3,+clwb,+rdpid,"
                                         "+waitpkg,+prefer-256-bit,+sse3")),
            (std::vector<std::string>{"sse3"}));
}

// Registers that the system must save, and neighbours that ask the same.
TEST_F(MachineFeaturesTest, HowProcessorsTell) {
  auto features = getRequiredFeatures(getNamedTarget(&context, "x86-amx"));
  std::set<std::pair<uint32_t, uint32_t>> asked;
  for (auto [index, feature] : llvm::enumerate(features)) {
    StringRef name = feature.name;
    EXPECT_EQ(feature.states, name.starts_with("amx")           ? 0x60000u
                              : name.starts_with("avx512")      ? 0xe6u
                              : name.starts_with("avx")         ? 0x6u
                              : name == "fma" || name == "f16c" ? 0x6u
                                                                : 0u)
        << feature.name;
    if (index == 0 || feature.leaf != features[index - 1].leaf ||
        feature.subleaf != features[index - 1].subleaf)
      EXPECT_TRUE(asked.insert({feature.leaf, feature.subleaf}).second);
  }
  EXPECT_TRUE(llvm::is_contained(getNames(getNamedTarget(&context, "x86-amx")),
                                 "amx-int8"));
}

TEST_F(MachineFeaturesTest, TheBestFirst) {
  SmallVector<StringRef> names = {"x86-amx", "x86-avx512vnni", "x86-avxvnni",
                                  "x86-avx2"};
  SmallVector<unsigned> permutation = {0, 1, 2, 3};
  do {
    SmallVector<TargetAttr> targets;
    for (unsigned index : permutation)
      targets.push_back(getNamedTarget(&context, names[index]));
    SmallVector<StringRef> sorted;
    for (unsigned index : sortByCapability(targets))
      sorted.push_back(names[permutation[index]]);
    EXPECT_EQ(sorted, names);
  } while (std::next_permutation(permutation.begin(), permutation.end()));
}
