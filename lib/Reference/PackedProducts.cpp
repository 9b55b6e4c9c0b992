//===- PackedProducts.cpp - mpq.contract and mpq.conv ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// N-P1: the packed weights are unpacked to plain order, and the products are
// those of Products.cpp: the layout cannot matter for the result.
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "Rows.h"

#include "mpq/Dialect/DepthwisePacking.h"
#include "mpq/Dialect/MPQDialect.h"

using namespace mlir;
using namespace mpq;

/// Elements as the numbers that accumulate: floats as f32, or bytes as i32.
template <typename T>
static T elementOf(const HostTensor &tensor, int64_t at, bool isUnsigned) {
  if constexpr (std::is_same_v<T, float>)
    return tensor.getFloat(at);
  int8_t byte = tensor.getData<int8_t>()[at];
  return isUnsigned ? T(uint8_t(byte)) : T(byte);
}

/// Rows [depth][columns] of weights packed [ceil(N/L)][ceil(K/G)][L*G]. With
/// `segment`, groups restart after that many elements along the depth; with
/// `overlaps`, the last group of a segment holds its last elements.
template <typename T>
static std::vector<T>
unpack(const HostTensor &packed, int64_t start, int64_t depth, int64_t columns,
       int64_t lanes, int64_t group, int64_t segment, bool overlaps = false) {
  std::vector<T> plain(depth * columns);
  int64_t groupsOfSegment = llvm::divideCeilSigned(segment, group);
  int64_t groups = depth / segment * groupsOfSegment;
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t n = 0; n < columns; ++n) {
      int64_t inSegment = k % segment, inGroup = inSegment % group;
      int64_t g = k / segment * groupsOfSegment + inSegment / group;
      if (overlaps && inSegment >= segment / group * group)
        inGroup = inSegment - (segment - group);
      int64_t at = start +
                   ((n / lanes * groups + g) * lanes + n % lanes) * group +
                   inGroup;
      plain[k * columns + n] = elementOf<T>(packed, at, /*isUnsigned=*/false);
    }
  return plain;
}

/// The same for depthwise weights of bytes, of which the first phase says all.
template <typename T>
static std::vector<T> unpackNeighbours(const HostTensor &packed, ConvOp op) {
  DepthwisePacking taps(op);
  int64_t columns = op.getGroupFilters(), lanes = op.getLanes();
  int64_t groups = taps.getNumGroups(), group = taps.group;
  std::vector<T> plain;
  for (int64_t i = 0; i < taps.rows; ++i)
    for (int64_t j = 0; j < taps.columns; ++j)
      for (int64_t n = 0; n < columns; ++n) {
        int64_t k = taps.getDepth(i, /*phase=*/0, j);
        int64_t at =
            ((n / lanes * groups + k / group) * lanes + n % lanes) * group +
            k % group;
        plain.push_back(elementOf<T>(packed, at, /*isUnsigned=*/false));
      }
  return plain;
}

template <typename T>
static std::vector<T> widenActivations(const HostTensor &tensor) {
  std::vector<T> plain(tensor.getNumElements());
  for (int64_t k = 0; k < tensor.getNumElements(); ++k)
    plain[k] = elementOf<T>(tensor, k, /*isUnsigned=*/true);
  return plain;
}

/// One row of a result; with `step`, as a matrix unit adds bf16.
template <typename T>
static void accumulate(T *out, const T *a, const T *b,
                       const std::vector<int64_t> &aOffsets,
                       const std::vector<int64_t> &bOffsets, int64_t n,
                       bool aVaries, std::optional<int64_t> step) {
  if constexpr (std::is_same_v<T, float>)
    if (step) {
      rows::accumulateSteps(out, a, b, aOffsets.data(), bOffsets.data(),
                            aOffsets.size(), n, aVaries, *step);
      return;
    }
  rows::accumulate(out, a, b, aOffsets.data(), bOffsets.data(), aOffsets.size(),
                   n, aVaries);
}

/// What a matrix unit reads of factors.
template <typename T>
static std::vector<T> flushIf(bool inSteps, std::vector<T> factors) {
  if constexpr (std::is_same_v<T, float>)
    if (inSteps)
      rows::flush(factors.data(), factors.size());
  return factors;
}

/// Every row of the result begins as the bias, or zero.
template <typename T>
static HostTensor makeResult(RankedTensorType type, const HostTensor *bias) {
  HostTensor result(*getElementKind(type.getElementType()), type.getShape());
  T *out = result.getMutableData<T>();
  int64_t columns = type.getShape().back();
  // A batch has one bias, or one for each of its matrices.
  int64_t repeated =
      bias ? result.getNumElements() /
                 std::max<int64_t>(
                     bias->getNumElements() / std::max<int64_t>(columns, 1), 1)
           : 0;
  for (int64_t k = 0; bias && k < result.getNumElements(); ++k)
    out[k] = bias->getData<T>()[k / repeated * columns + k % columns];
  return result;
}

/// The rows of a result that are wanted: all of them, or a list that ascends.
using Rows = std::optional<ArrayRef<int64_t>>;

/// Calls `compute` with the wanted rows in [begin, end).
static void forEachRow(Rows wanted, int64_t begin, int64_t end,
                       llvm::function_ref<void(int64_t)> compute) {
  if (!wanted) {
    for (int64_t row = begin; row < end; ++row)
      compute(row);
    return;
  }
  for (const int64_t *row = llvm::lower_bound(*wanted, begin);
       row != wanted->end() && *row < end; ++row)
    compute(*row);
}

template <typename T>
static HostTensor contract(ContractOp op, const HostTensor &lhs,
                           const HostTensor &rhs, const HostTensor *bias,
                           Rows wanted) {
  RankedTensorType type = op.getInit().getType();
  HostTensor result = makeResult<T>(type, bias);
  int64_t columns = type.getShape().back(), depth = lhs.getShape().back();
  int64_t batches = type.getRank() == 3 ? type.getDimSize(0) : 1;
  int64_t rows =
      result.getNumElements() / batches / std::max<int64_t>(columns, 1);
  int64_t batchSize = rhs.getRank() == 4 ? rhs.getNumElements() / batches : 0;
  std::optional<int64_t> step = op.getStep();
  std::vector<T> left = flushIf(bool(step), widenActivations<T>(lhs)), right;
  std::vector<int64_t> leftSteps(depth), rightSteps(depth);
  for (int64_t k = 0; k < depth; ++k) {
    leftSteps[k] = k;
    rightSteps[k] = k * columns;
  }
  T *out = result.getMutableData<T>();
  for (int64_t b = 0; b < batches; ++b) {
    if (b == 0 || batchSize > 0)
      right = flushIf(bool(step), unpack<T>(rhs, b * batchSize, depth, columns,
                                            op.getLanes(), op.getGroup(),
                                            std::max<int64_t>(depth, 1)));
    forEachRow(wanted, b * rows, (b + 1) * rows, [&](int64_t m) {
      accumulate<T>(out + m * columns, left.data() + m * depth, right.data(),
                    leftSteps, rightSteps, columns, /*aVaries=*/false, step);
    });
  }
  return result;
}

template <typename T>
static HostTensor convolve(ConvOp op, const HostTensor &image,
                           const HostTensor &weights, const HostTensor *bias,
                           Rows wanted) {
  RankedTensorType type = op.getInit().getType();
  HostTensor result = makeResult<T>(type, bias);
  ArrayRef<int64_t> shape = type.getShape(), in = image.getShape();
  int64_t groups = op.getGroups(), allFilters = shape[3], allChannels = in[3];
  int64_t filters = op.getGroupFilters(), channels = op.getGroupChannels();
  bool depthwise = op.getDepthwise();
  int64_t windowRows = op.getWindow()[0], windowColumns = op.getWindow()[1];
  int64_t taps = windowRows * windowColumns;
  int64_t depth = depthwise ? taps : taps * channels;
  int64_t groupSize = weights.getNumElements() / groups;
  std::optional<int64_t> step = op.getStep();
  std::vector<std::vector<T>> plain; // of each group
  for (int64_t g = 0; g < groups; ++g)
    plain.push_back(flushIf(
        bool(step),
        depthwise && op.isInteger()
            ? unpackNeighbours<T>(weights, op)
            : unpack<T>(weights, g * groupSize, depth, filters, op.getLanes(),
                        op.getGroup(), op.getPackedSegment(), op.getMerged())));
  std::vector<T> pixels = flushIf(bool(step), widenActivations<T>(image));
  std::vector<int64_t> imageSteps, weightSteps;
  for (int64_t i = 0; i < windowRows; ++i)
    for (int64_t j = 0; j < windowColumns; ++j)
      for (int64_t c = 0; c < (depthwise ? 1 : channels); ++c) {
        imageSteps.push_back(
            (i * op.getDilations()[0] * in[2] + j * op.getDilations()[1]) *
                allChannels +
            c);
        weightSteps.push_back(weightSteps.size() * filters);
      }
  T *out = result.getMutableData<T>();
  forEachRow(wanted, 0, shape[0] * shape[1] * shape[2], [&](int64_t pixel) {
    int64_t x = pixel % shape[2], y = pixel / shape[2] % shape[1],
            b = pixel / shape[2] / shape[1];
    int64_t corner = ((b * in[1] + y * op.getStrides()[0]) * in[2] +
                      x * op.getStrides()[1]) *
                     allChannels;
    for (int64_t g = 0; g < groups; ++g)
      accumulate<T>(out + pixel * allFilters + g * filters,
                    pixels.data() + corner + g * channels, plain[g].data(),
                    imageSteps, weightSteps, filters, /*aVaries=*/depthwise,
                    step);
  });
  return result;
}

HostTensor mpq::evaluatePackedProduct(Operation *op,
                                      ArrayRef<HostTensor> operands,
                                      Rows wanted) {
  // Operands: activations, weights, the bias if there is one, init.
  const HostTensor *bias = operands.size() == 4 ? &operands[2] : nullptr;
  const HostTensor &data = operands[0], &weights = operands[1];
  if (auto conv = dyn_cast<ConvOp>(op))
    return conv.isInteger()
               ? convolve<int32_t>(conv, data, weights, bias, wanted)
               : convolve<float>(conv, data, weights, bias, wanted);
  auto product = cast<ContractOp>(op);
  return product.isInteger()
             ? contract<int32_t>(product, data, weights, bias, wanted)
             : contract<float>(product, data, weights, bias, wanted);
}
