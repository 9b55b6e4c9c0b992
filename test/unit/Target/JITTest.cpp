//===- JITTest.cpp - a compiled module in this process ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Target/JIT.h"
#include "mpq/InitAllDialects.h"
#include "mpq/Runtime/ThreadPool.h"
#include "mpq/Target/Machine.h"

#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <atomic>

using namespace mlir;
using namespace mpq;

// y[0] = x[0] + w[0], and the observer sees y.
static const char *kModel = R"mlir(
module attributes {
  mpq.model = "add", mpq.workspace_size = 0 : i64,
  mpq.weights = dense<[0, 0, 0, 64]> : tensor<4xi8>,
  mpq.signature = {inputs = [{name = "x", type = tensor<1xf32>}],
                   outputs = [{name = "y", type = tensor<1xf32>}]},
  mpq.observers = ["y"]} {
  llvm.func @add_main(%inputs: !llvm.ptr, %outputs: !llvm.ptr,
                      %weights: !llvm.ptr, %workspace: !llvm.ptr,
                      %context: !llvm.ptr) {
    %zero = llvm.mlir.constant(0 : i64) : i64
    %one = llvm.mlir.constant(1 : i64) : i64
    %x_at = llvm.load %inputs : !llvm.ptr -> !llvm.ptr
    %y_at = llvm.load %outputs : !llvm.ptr -> !llvm.ptr
    %x = llvm.load %x_at : !llvm.ptr -> f32
    %w = llvm.load %weights : !llvm.ptr -> f32
    %y = llvm.fadd %x, %w : f32
    llvm.store %y, %y_at : f32, !llvm.ptr
    %observe_at = llvm.getelementptr %context[4] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %observe = llvm.load %observe_at : !llvm.ptr -> !llvm.ptr
    %observer_at = llvm.getelementptr %context[5] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %observer = llvm.load %observer_at : !llvm.ptr -> !llvm.ptr
    llvm.call %observe(%observer, %zero, %y_at, %one) : !llvm.ptr, (!llvm.ptr, i64, !llvm.ptr, i64) -> ()
    llvm.return
  }
}
)mlir";

TEST(JITTest, RunsWithoutItsModule) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry);
  context.loadDialect<MPQDialect>();
  auto module = parseSourceString<ModuleOp>(kModel, &context);
  ASSERT_TRUE(module);
  auto model = JITModel::create(*module, getHostTarget(&context));
  ASSERT_TRUE(succeeded(model));
  module = nullptr;
  EXPECT_EQ((*model)->getInfo().inputs[0].name, "x");

  float x = 0.5f, y = 0, observed = 0;
  mpq_context runContext = JITModel::getSequentialContext();
  runContext.observer = &observed;
  runContext.observe = [](void *observer, int64_t index, const float *data,
                          int64_t count) {
    *static_cast<float *>(observer) = index == 0 && count == 1 ? *data : -1;
  };
  (*model)->run({&x}, {&y}, runContext);
  // The bytes 00 00 00 40 are 2.
  EXPECT_EQ(y, 2.5f);
  EXPECT_EQ(observed, 2.5f);
}

TEST(ThreadPoolTest, EveryItemOnce) {
  for (size_t threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.getNumThreads(), threads);
    for (int64_t n : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> counts(n);
      ThreadPool::parallelFor(
          &pool, n,
          [](void *arg, int64_t begin, int64_t end) {
            auto &counts = *static_cast<std::vector<std::atomic<int>> *>(arg);
            for (int64_t i = begin; i < end; ++i)
              ++counts[i];
          },
          &counts);
      for (auto &count : counts)
        EXPECT_EQ(count, 1);
    }
  }
}
