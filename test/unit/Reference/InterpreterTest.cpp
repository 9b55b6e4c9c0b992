//===- InterpreterTest.cpp - point mode and kernels ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Reference/Interpreter.h"
#include "mpq/InitAllDialects.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace mlir;
using namespace mpq;

// A convolution of a padded image with an epilogue that normalizes rows: every
// kind of operand a kernel has.
static const char *source = R"(
#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d3)>
func.func @kernel(%x: tensor<1x9x9x8xf32>, %w: tensor<3x3x8x20xf32>, %s: tensor<20xf32>) -> tensor<49x20xf32> {
  %zero = arith.constant 0.0 : f32
  %bias = arith.constant dense<0.25> : tensor<20xf32>
  %e = tensor.empty() : tensor<1x7x7x20xf32>
  %init = linalg.broadcast ins(%bias : tensor<20xf32>) outs(%e : tensor<1x7x7x20xf32>) dimensions = [0, 1, 2]
  %c = linalg.conv_2d_nhwc_hwcf ins(%x, %w : tensor<1x9x9x8xf32>, tensor<3x3x8x20xf32>)
      outs(%init : tensor<1x7x7x20xf32>) -> tensor<1x7x7x20xf32>
  %a = linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %s : tensor<1x7x7x20xf32>, tensor<20xf32>) outs(%e : tensor<1x7x7x20xf32>) {
  ^bb0(%in: f32, %scale: f32, %out: f32):
    %m = arith.mulf %in, %scale : f32
    %t = math.tanh %m : f32
    linalg.yield %t : f32
  } -> tensor<1x7x7x20xf32>
  %rows = tensor.collapse_shape %a [[0, 1, 2], [3]] : tensor<1x7x7x20xf32> into tensor<49x20xf32>
  %er = tensor.empty() : tensor<49xf32>
  %ir = linalg.fill ins(%zero : f32) outs(%er : tensor<49xf32>) -> tensor<49xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%rows : tensor<49x20xf32>) outs(%ir : tensor<49xf32>) {
  ^bb0(%in: f32, %out: f32):
    %exp = math.exp %in : f32
    %add = arith.addf %out, %exp : f32
    linalg.yield %add : f32
  } -> tensor<49xf32>
  %eo = tensor.empty() : tensor<49x20xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%rows, %sum : tensor<49x20xf32>, tensor<49xf32>) outs(%eo : tensor<49x20xf32>) {
  ^bb0(%in: f32, %total: f32, %out: f32):
    %q = arith.divf %in, %total : f32
    linalg.yield %q : f32
  } -> tensor<49x20xf32>
  return %r : tensor<49x20xf32>
}
)";

TEST(PointMode, EqualsWholeRun) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  ASSERT_TRUE(module);
  auto function = *module->getOps<func::FuncOp>().begin();
  SmallVector<HostTensor> arguments;
  uint32_t state = 1;
  for (Type type : function.getArgumentTypes()) {
    HostTensor tensor(ElementKind::F32,
                      cast<RankedTensorType>(type).getShape());
    float *data = tensor.getMutableData<float>();
    for (int64_t k = 0; k < tensor.getNumElements(); ++k) {
      state = state * 1664525u + 1013904223u;
      data[k] = (float(state >> 8) / (1 << 24) - 0.5f) * 0.8f;
    }
    arguments.push_back(tensor);
  }
  FailureOr<SmallVector<HostTensor>> whole = interpret(function, arguments);
  ASSERT_TRUE(succeeded(whole));
  // Unordered, with a repetition; few enough that operands stay sparse.
  SmallVector<int64_t> positions{979, 0, 13, 411, 13, 42, 43, 700};
  FailureOr<HostTensor> points = interpretAt(function, arguments, 0, positions);
  ASSERT_TRUE(succeeded(points));
  ASSERT_EQ(points->getNumElements(), int64_t(positions.size()));
  for (auto [k, position] : llvm::enumerate(positions)) {
    float expected = whole->front().getFloat(position);
    float got = points->getFloat(k);
    EXPECT_EQ(std::memcmp(&expected, &got, 4), 0)
        << "element " << position << ": " << expected << " and " << got;
  }
  EXPECT_NE(whole->front().getFloat(0), whole->front().getFloat(13));
}

TEST(PointMode, PositionOutside) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>("func.func @f(%x: tensor<4xf32>) -> "
                                  "tensor<4xf32> { return %x : tensor<4xf32> }",
                                  &context);
  ASSERT_TRUE(module);
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  HostTensor x(ElementKind::F32, {4});
  auto function = *module->getOps<func::FuncOp>().begin();
  EXPECT_TRUE(failed(interpretAt(function, {x}, 0, {4})));
  EXPECT_NE(message.find("expected positions below 4 but got 4"),
            std::string::npos)
      << message;
}

TEST(Interpreter, KernelOnBuffers) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"(
    func.func private @kernel(%x: memref<3xf32>, %y: memref<3xf32>, %begin: index, %end: index) {
      %0 = bufferization.to_tensor %x restrict : memref<3xf32> to tensor<3xf32>
      %1 = math.exp %0 : tensor<3xf32>
      bufferization.materialize_in_destination %1 in restrict writable %y : (tensor<3xf32>, memref<3xf32>) -> ()
      return
    })",
                                                             &context);
  ASSERT_TRUE(module);
  auto function = *module->getOps<func::FuncOp>().begin();
  HostTensor x(ElementKind::F32, {3}), begin(ElementKind::I64, {}), end = begin;
  x.getMutableData<float>()[2] = 1.0f;
  FailureOr<SmallVector<HostTensor>> results =
      interpret(function, {x, HostTensor(ElementKind::F32, {3}), begin, end});
  ASSERT_TRUE(succeeded(results));
  ASSERT_EQ(results->size(), 1u);
  EXPECT_EQ(results->front().getFloat(0), 1.0f);
  EXPECT_NEAR(results->front().getFloat(2), 2.7182817f, 1e-6f);
}
