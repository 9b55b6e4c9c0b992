//===- CalibrationTest.cpp - from a module and samples to ranges ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/Calibration.h"
#include "mpq/InitAllDialects.h"
#include "mpq/Transforms/Calibrate/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mpq;

static constexpr const char *kModel = R"mlir(
func.func @model(%x: tensor<2xf32> {mpq.name = "x"}, %k: tensor<2xi64> {mpq.name = "k"}) -> tensor<2xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<2xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x, %k : tensor<2xf32>, tensor<2xi64>) outs(%e : tensor<2xf32>) {
  ^bb0(%a: f32, %i: i64, %out: f32):
    %f = arith.sitofp %i : i64 to f32
    %s = arith.addf %a, %f : f32
    %r = arith.divf %one, %s : f32
    linalg.yield %r : f32
  } -> tensor<2xf32> loc("y")
  return %y : tensor<2xf32>
})mlir";

namespace {
class CalibrationTest : public testing::Test {
protected:
  CalibrationTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    module = parseSourceString<ModuleOp>(kModel, &context);
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      errors += diagnostic.str() + "\n";
      return success();
    });
  }
  void SetUp() override {
    ASSERT_TRUE(bool(module));
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("mpq-calibrate", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  template <typename T>
  void save(StringRef input, StringRef file, NpyType type, ArrayRef<T> values) {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, input);
    ASSERT_FALSE(llvm::sys::fs::create_directories(path));
    llvm::sys::path::append(path, file);
    ASSERT_FALSE(bool(writeNpyFile(
        path, type, {int64_t(values.size())},
        ArrayRef<char>(reinterpret_cast<const char *>(values.data()),
                       values.size() * sizeof(T)))));
  }
  FailureOr<Profile> run() {
    Dataset samples(folder);
    return calibrate(*module, samples, makeReferenceRunner);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::string errors;
  SmallString<128> folder;
};
} // namespace

TEST_F(CalibrationTest, ProfileBecomesRanges) {
  save<float>("x", "0.npy", NpyType::F32, {1.0f, 3.0f});
  save<int64_t>("k", "0.npy", NpyType::I64, {1, 1});
  save<float>("x", "1.npy", NpyType::F32, {-6.0f, 2.0f});
  save<int64_t>("k", "1.npy", NpyType::I64, {2, 6});
  FailureOr<Profile> profile = run();
  ASSERT_TRUE(succeeded(profile)) << errors;
  EXPECT_EQ(profile->samples, 2u);
  EXPECT_EQ(profile->values.size(), 2u); // integers are not observed
  EXPECT_EQ(profile->values.at("x").getMin(), -6.0f);
  EXPECT_EQ(profile->values.at("y").getMin(), -0.25f);
  EXPECT_EQ(profile->values.at("y").getMax(), 0.5f);
  module->walk([](ObserveOp) { ADD_FAILURE() << "the model was changed"; });

  SmallString<128> path(folder);
  llvm::sys::path::append(path, "profile.json");
  ASSERT_FALSE(bool(profile->write(path)));
  PassManager manager(&context);
  ApplyProfilePassOptions options;
  options.profile = path.str().str();
  buildCalibratePipeline(manager, options);
  ASSERT_TRUE(succeeded(manager.run(*module))) << errors;
  auto model = *module->getOps<func::FuncOp>().begin();
  auto range = model.getArgAttrOfType<RangeAttr>(0, "mpq.range");
  ASSERT_TRUE(bool(range));
  EXPECT_EQ(range.getMin(), -6.0);
  EXPECT_EQ(range.getMax(), 3.0);
  EXPECT_EQ(range.getOrigin(), RangeOrigin::Calibration);
}

// Compiled and interpreted models agree in every bit, so their profiles do too.
TEST_F(CalibrationTest, CompiledModelSeesTheSame) {
  for (int i = 0; i < 3; ++i) {
    std::string file = std::to_string(i) + ".npy";
    save<float>("x", file, NpyType::F32, {0.1f * float(i), 3.3f});
    save<int64_t>("k", file, NpyType::I64, {i + 1, 7 - 2 * i});
  }
  FailureOr<Profile> interpreted = run();
  ASSERT_TRUE(succeeded(interpreted)) << errors;
  Dataset samples(folder);
  FailureOr<Profile> compiled =
      calibrate(*module, samples, [](ModuleOp instrumented) {
        return makeJITRunner(instrumented);
      });
  ASSERT_TRUE(succeeded(compiled)) << errors;
  EXPECT_EQ(compiled->values.size(), 2u);
  EXPECT_EQ(compiled->toJSON(), interpreted->toJSON());
}

TEST_F(CalibrationTest, NaNNamesValueAndSample) {
  module = parseSourceString<ModuleOp>(R"mlir(
    func.func @model(%x: tensor<2xf32> {mpq.name = "x"}) -> tensor<2xf32> {
      %l = math.sqrt %x : tensor<2xf32> loc("root")
      %m = arith.negf %l : tensor<2xf32> loc("after")
      return %m : tensor<2xf32>
    })mlir",
                                       &context);
  save<float>("x", "bad.npy", NpyType::F32, {1.0f, -1.0f});
  EXPECT_TRUE(failed(run()));
  EXPECT_NE(errors.find("value 'root' has 1 NaN among 2 elements in sample "
                        "'bad.npy'"),
            std::string::npos)
      << errors;
}

TEST_F(CalibrationTest, WrongDataIsOneError) {
  save<float>("x", "0.npy", NpyType::F32, {1.0f, 3.0f});
  EXPECT_TRUE(failed(run()));
  EXPECT_NE(errors.find("no calibration data for input 'k'"), std::string::npos)
      << errors;
  errors.clear();
  save<float>("k", "0.npy", NpyType::F32, {1.0f, 3.0f});
  EXPECT_TRUE(failed(run()));
  EXPECT_NE(errors.find("expected int64 2 for input 'k' but got float32 2"),
            std::string::npos)
      << errors;
  EXPECT_EQ(StringRef(errors).count('\n'), 1u) << errors;
}

TEST_F(CalibrationTest, NeedsOneModel) {
  module = ModuleOp::create(UnknownLoc::get(&context));
  EXPECT_TRUE(failed(run()));
  EXPECT_NE(errors.find("expected a public function to calibrate"),
            std::string::npos);
}
