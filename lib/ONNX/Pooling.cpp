//===- Pooling.cpp - MaxPool and AveragePool ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pool is padding with what changes nothing, named pooling operations and,
// for averages, a division by the number of elements averaged (one rounding, as
// ONNX Runtime does it), which depends on the place where windows reach into
// the padding.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"
#include "SpatialWindow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace mpq::onnximport;

/// Steps of the window, with ceil_mode. A last window that would start in the
/// padding behind the image is dropped, as ONNX prescribes.
static int64_t getSteps(const SpatialWindow &window, unsigned d, int64_t extent,
                        bool ceilMode) {
  int64_t stride = window.strides[d];
  int64_t span = extent + window.low[d] + window.high[d] - window.getReach(d);
  if (span < 0 && !(ceilMode && span > -stride))
    return 0;
  int64_t steps =
      (ceilMode ? llvm::divideCeilSigned(span, stride) : span / stride) + 1;
  if (ceilMode && (steps - 1) * stride >= extent + window.low[d])
    --steps;
  return steps;
}

namespace {
struct Pool {
  SpatialWindow window;
  Tensor image;
  SmallVector<int64_t> shape;     ///< of the result
  SmallVector<int64_t> low, high; ///< of the padded image
};
} // namespace

static FailureOr<Pool> readPool(NodeImporter &n) {
  auto window = readWindow(n, std::nullopt);
  if (failed(window))
    return failure();
  Pool pool{*window, makeTwoDimensional(n, n.in(0)), {}, {}, {}};
  bool ceilMode = n.getInt("ceil_mode", 0) != 0;
  pool.low = {0, 0};
  pool.high = {0, 0};
  pool.shape = {pool.image.getDim(0), pool.image.getDim(1)};
  for (unsigned d : {0, 1}) {
    int64_t extent = pool.image.getDim(2 + d);
    int64_t steps = getSteps(*window, d, extent, ceilMode);
    if (steps <= 0)
      return n.error() << "the window of " << window->getReach(d)
                       << " is larger than the padded image of "
                       << extent + window->low[d] + window->high[d];
    pool.shape.push_back(steps);
    pool.low.push_back(window->low[d]);
    // What the windows read, more or less than the pads say.
    int64_t read = (steps - 1) * window->strides[d] + window->getReach(d);
    pool.high.push_back(std::max<int64_t>(0, read - extent - window->low[d]));
  }
  return pool;
}

/// One named pooling operation over a padded image.
template <typename PoolOp>
static Value emitWindows(NodeImporter &n, const SpatialWindow &window,
                         ArrayRef<int64_t> shape, Value padded,
                         TypedAttr start) {
  Value init = n.fill(shape, start);
  Value kernel = n.empty(window.kernel, start.getType());
  return PoolOp::create(n.b, TypeRange{init.getType()},
                        ValueRange{padded, kernel}, ValueRange{init},
                        makePair(n, window.strides),
                        makePair(n, window.dilations))
      ->getResult(0);
}

static Value padImage(NodeImporter &n, Pool &pool, TypedAttr start) {
  return n.pad(n.materialize(pool.image), pool.low, pool.high, start);
}

/// The part of a window along one dimension of the image.
static SpatialWindow getWindowAlong(const SpatialWindow &window, unsigned d) {
  SpatialWindow line = window;
  line.kernel[1 - d] = line.strides[1 - d] = line.dilations[1 - d] = 1;
  return line;
}

/// Sums down the columns of every window, then along its row: fewer additions,
/// and the rounding of ONNX Runtime, which shows where averages of quantized
/// values are ties.
static Value emitSums(NodeImporter &n, Pool &pool) {
  TypedAttr zero = n.zero(pool.image.getElementType());
  Value sums = padImage(n, pool, zero);
  SmallVector<int64_t> shape(cast<RankedTensorType>(sums.getType()).getShape());
  for (unsigned d : {0, 1}) {
    if (pool.window.kernel[d] == 1 && pool.window.strides[d] == 1)
      continue;
    shape[2 + d] = pool.shape[2 + d];
    sums = emitWindows<linalg::PoolingNchwSumOp>(
        n, getWindowAlong(pool.window, d), shape, sums, zero);
  }
  return sums;
}

static void setPooled(NodeImporter &n, const Pool &pool, Value result) {
  if (n.in(0).getRank() == 3)
    result = n.reshape(result, {pool.shape[0], pool.shape[1], pool.shape[3]});
  n.setResult(0, result, n.in(0).isUnsigned);
}

static LogicalResult importMaxPool(NodeImporter &n) {
  FailureOr<Pool> pool = readPool(n);
  if (failed(pool))
    return failure();
  Type type = n.in(0).getElementType();
  if (n.in(0).isUnsigned || type.isInteger(1))
    return n.error() << "unsigned integers are not supported: " << n.in(0).type;
  TypedAttr start =
      isa<FloatType>(type)
          ? TypedAttr(n.b.getFloatAttr(
                type, APFloat::getInf(cast<FloatType>(type).getFloatSemantics(),
                                      /*Negative=*/true)))
          : TypedAttr(n.b.getIntegerAttr(
                type, APInt::getSignedMinValue(type.getIntOrFloatBitWidth())));
  setPooled(n, *pool,
            emitWindows<linalg::PoolingNchwMaxOp>(n, pool->window, pool->shape,
                                                  padImage(n, *pool, start),
                                                  start));
  return success();
}

/// For every step of the window, how many of its elements count: those inside
/// the image, or inside the image and its explicit pads.
static SmallVector<int64_t> countElementsAlong(const Pool &pool, unsigned d,
                                               bool includePads) {
  const SpatialWindow &window = pool.window;
  int64_t extent = pool.image.getDim(2 + d);
  int64_t begin = includePads ? -window.low[d] : 0;
  int64_t end = extent + (includePads ? window.high[d] : 0);
  SmallVector<int64_t> counts;
  for (int64_t step = 0; step < pool.shape[2 + d]; ++step) {
    int64_t count = 0;
    for (int64_t k = 0; k < window.kernel[d]; ++k) {
      int64_t at =
          step * window.strides[d] - window.low[d] + k * window.dilations[d];
      count += at >= begin && at < end;
    }
    counts.push_back(count);
  }
  return counts;
}

static LogicalResult importAveragePool(NodeImporter &n) {
  if (failed(n.requireFloat(0)))
    return failure();
  FailureOr<Pool> pool = readPool(n);
  if (failed(pool))
    return failure();
  // The counts below are a table over the result's image.
  constexpr int64_t largest = int64_t(1) << 24;
  if (pool->shape[2] > largest || pool->shape[3] > largest ||
      pool->shape[2] * pool->shape[3] > largest)
    return n.error() << "expected an image of at most " << largest
                     << " pixels but got " << pool->shape[2] << " by "
                     << pool->shape[3];
  bool includePads = n.getInt("count_include_pad", 0) != 0;
  Type type = n.in(0).getElementType();
  Value sum = emitSums(n, *pool);
  SmallVector<int64_t> rows = countElementsAlong(*pool, 0, includePads);
  SmallVector<int64_t> columns = countElementsAlong(*pool, 1, includePads);
  std::string bytes;
  for (int64_t row : rows)
    for (int64_t column : columns)
      // A window over padding only averages nothing: its sum is 0.
      ConstantTensor::append(bytes, type,
                             double(std::max<int64_t>(1, row * column)));
  Tensor counts = n.makeConstant(
      ConstantTensor(type, false, {pool->shape[2], pool->shape[3]},
                     std::move(bytes)),
      "counts");
  Tensor total{cast<RankedTensorType>(sum.getType()), false, sum, std::nullopt,
               n.node.outputs[0]};
  FailureOr<Value> mean = n.elementwise(
      {&total, &counts}, type, [](ImplicitLocOpBuilder &b, ValueRange v) {
        return arith::DivFOp::create(b, v[0], v[1]);
      });
  if (failed(mean))
    return failure();
  setPooled(n, *pool, *mean);
  return success();
}

void mpq::onnximport::registerPoolingOperators(OperatorRegistry &r) {
  r.add("MaxPool", 1, {importMaxPool, 1});
  r.add("AveragePool", 7, {importAveragePool, 1});
}
