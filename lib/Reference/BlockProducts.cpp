//===- BlockProducts.cpp - products of weights in blocks ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// N-W1, N-W2, N-W5, N-Y1 and N-Y2 in plain loops. Packed weights are unpacked
// first: the layout cannot matter for the result.
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Numerics/FloatOps.h"
#include "mpq/Numerics/Formulas.h"
#include "mpq/Numerics/NarrowFloats.h"

#include <cmath>

using namespace mlir;
using namespace mpq;

namespace {
/// Weights [K][N] minus their zero points, or the numbers of their codes, and
/// scales [G][N].
struct PlainWeights {
  std::vector<int32_t> differences;
  std::vector<float> numbers; // of both
  std::vector<float> scales;
};
} // namespace

static PlainWeights unpack(BlockContractOp op, const HostTensor &weights,
                           const HostTensor &scales,
                           const HostTensor *zeroPoints) {
  int64_t depth = op.getLhs().getType().getDimSize(1),
          columns = op.getInit().getType().getDimSize(1);
  int64_t blocks = op.getBlocks(), block = op.getBlock(), bits = op.getBits();
  bool packed = op.isPacked();
  int64_t lanes = op.getLanes(), steps = op.getSteps();
  int64_t mask = (int64_t(1) << bits) - 1;
  // Where the parameters of block g and column n are.
  auto parameter = [&](int64_t g, int64_t n) {
    return packed ? (n / lanes * blocks + g) * lanes + n % lanes
                  : g * columns + n;
  };
  FloatOps ops;
  const formulas::NarrowFormat *format =
      op.getFormat() ? formulas::getNarrowFormat(*op.getFormat()) : nullptr;
  // What packed scales are more than scales.
  float factor = format && packed
                     ? formulas::NarrowFormat::power(format->bias - 15)
                     : 1.0f;
  // A float, its exponent, or two low bytes and a high one above the base.
  auto readScale = [&](int64_t g, int64_t n) {
    if (scales.getKind() == ElementKind::I8 && !op.getScaleBase())
      return FloatOps::fromBits((scales.getInteger(parameter(g, n)) & 0xff)
                                << 23);
    if (!op.getScaleBase())
      return scales.getFloat(parameter(g, n));
    int64_t first = (n / lanes * blocks + g) * lanes * 3, lane = n % lanes;
    uint32_t bits = uint32_t(*op.getScaleBase());
    int64_t places[] = {2 * lane, 2 * lane + 1, 2 * lanes + lane};
    for (auto [i, place] : llvm::enumerate(places))
      bits += uint32_t(scales.getInteger(first + place) & 0xff) << (8 * i);
    return llvm::bit_cast<float>(bits);
  };
  PlainWeights plain;
  plain.scales.resize(blocks * columns);
  for (int64_t g = 0; g < blocks; ++g)
    for (int64_t n = 0; n < columns; ++n)
      plain.scales[g * columns + n] = readScale(g, n) * factor;
  plain.differences.resize(depth * columns);
  plain.numbers.resize(depth * columns);
  for (int64_t k = 0; k < depth; ++k) {
    int64_t g = k / block;
    for (int64_t n = 0; n < columns; ++n) {
      int64_t at = k * columns + n, shift = 0;
      if (packed) {
        auto place = op.getPlace(k % block, n % lanes, lanes);
        at = ((n / lanes * blocks + g) * steps + place.step) * 4 * lanes +
             place.byte;
        shift = place.shift;
      }
      int64_t zero = zeroPoints ? zeroPoints->getInteger(parameter(g, n)) & mask
                                : int64_t(op.getZeroPoint());
      int64_t byte = weights.getInteger(at) & (packed ? 0xff : mask);
      auto difference = int32_t((byte >> shift & mask) - zero);
      plain.differences[k * columns + n] = difference;
      plain.numbers[k * columns + n] =
          format ? formulas::widenCode(ops, difference, *format)
                 : float(difference);
    }
  }
  return plain;
}

HostTensor mpq::evaluateBlockProduct(BlockContractOp op,
                                     ArrayRef<HostTensor> operands) {
  const HostTensor &lhs = operands[0];
  const HostTensor *next = operands.data() + 3;
  const HostTensor *zeroPoints = op.getZeroPoints() ? next++ : nullptr;
  const HostTensor *lhsScales = op.getLhsScales() ? next++ : nullptr;
  PlainWeights weights = unpack(op, operands[1], operands[2], zeroPoints);
  RankedTensorType type = op.getType();
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  int64_t blocks = op.getBlocks(), block = op.getBlock();
  HostTensor result(ElementKind::F32, type.getShape());
  std::vector<int32_t> sums(columns);
  for (int64_t m = 0; m < rows; ++m) {
    float *out = result.getMutableData<float>() + m * columns;
    for (int64_t g = 0; g < blocks; ++g) {
      const float *scales = weights.scales.data() + g * columns;
      std::fill(sums.begin(), sums.end(), 0);
      for (int64_t k = g * block; k < (g + 1) * block; ++k) {
        const int32_t *row = weights.differences.data() + k * columns;
        if (op.isInteger()) {
          int32_t x = lhs.getData<int8_t>()[m * blocks * block + k];
          for (int64_t n = 0; n < columns; ++n)
            sums[n] += x * row[n];
        } else {
          float x = lhs.getData<float>()[m * blocks * block + k];
          const float *numbers = weights.numbers.data() + k * columns;
          for (int64_t n = 0; n < columns; ++n)
            out[n] = std::fma(x, numbers[n] * scales[n], out[n]);
        }
      }
      if (!op.isInteger())
        continue;
      float own = lhsScales->getFloat(m * blocks + g);
      for (int64_t n = 0; n < columns; ++n)
        out[n] = std::fma(float(sums[n]), scales[n] * own, out[n]);
    }
  }
  return result;
}

/// N-Y1: a scale for signed bytes around zero.
static float chooseScale(ArrayRef<float> values) {
  float largest = 0;
  for (float value : values) {
    float magnitude = std::fabs(value);
    // NaN stays.
    if (!(magnitude <= largest))
      largest = std::isnan(largest) ? largest : magnitude;
  }
  float scale = largest * (1.0f / 127.0f);
  return scale < formulas::kSmallestDynamicScale
             ? formulas::kSmallestDynamicScale
             : scale;
}

/// N-Y2: scale and zero point for unsigned bytes.
static std::pair<float, int32_t> chooseAffine(ArrayRef<float> values) {
  float low = 0, high = 0;
  for (float value : values) {
    if (std::isnan(value))
      return {value, 0};
    low = std::min(low, value);
    high = std::max(high, value);
  }
  float scale = (high - low) * (1.0f / 255.0f);
  scale = scale < formulas::kSmallestDynamicScale
              ? formulas::kSmallestDynamicScale
              : scale;
  FloatOps ops;
  formulas::QuantizeForm form;
  form.multiply = true;
  form.low = 0;
  form.high = 255;
  return {scale, formulas::quantize(ops, -low, scale, /*z=*/0, form)};
}

Results mpq::evaluateChooseParams(ChooseParamsOp op, const HostTensor &input) {
  RankedTensorType type = op.getScale().getType();
  HostTensor scales(ElementKind::F32, type.getShape()),
      zeros(ElementKind::I8, type.getShape());
  ArrayRef<int64_t> shape = op.getInput().getType().getShape();
  int64_t extent = op.isBlocked() ? shape.back() : op.getBlock();
  int64_t block =
      std::min<int64_t>(op.getBlock(), std::max<int64_t>(extent, 1));
  int64_t blocks = llvm::divideCeilSigned(extent, block);
  const float *values = input.getData<float>();
  float *out = scales.getMutableData<float>();
  auto *zeroPoints = zeros.getMutableData<int8_t>();
  for (int64_t i = 0, e = type.getNumElements(); i < e; ++i) {
    int64_t first = i / blocks * extent + i % blocks * block;
    int64_t last = std::min(first + block, (i / blocks + 1) * extent);
    ArrayRef<float> part(values + first, last - first);
    if (!op.getIsUnsigned()) {
      out[i] = chooseScale(part);
      continue;
    }
    auto [scale, zeroPoint] = chooseAffine(part);
    out[i] = scale;
    zeroPoints[i] = int8_t(zeroPoint);
  }
  return {scales, zeros};
}
