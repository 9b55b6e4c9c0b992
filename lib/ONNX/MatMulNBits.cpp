//===- MatMulNBits.cpp - products with weights of few bits ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ONNX Runtime's operator for language models: weights [N][K] of 2, 4 or 8 bits
// with a scale for each block of K. It arrives in QDQ form with weights [K][N].
// accuracy_level 4 lets an engine multiply in 8-bit integers: activations are
// then quantized as the model runs, with the blocks of the weights.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mpq/Dialect/MPQDialect.h"

#include <cmath>

using namespace mlir;
using namespace mpq::onnximport;

namespace {
/// Attributes and extents of a node.
struct NBits {
  int64_t depth, columns, bits, block, blocks;
};
} // namespace

/// Element `i` of `bits` bits, the lowest bits of a byte first.
static int64_t extract(ArrayRef<char> bytes, int64_t i, int64_t bits) {
  int64_t perByte = 8 / bits;
  return uint8_t(bytes[i / perByte]) >> (i % perByte * bits) &
         ((int64_t(1) << bits) - 1);
}

static FailureOr<NBits> readAttributes(NodeImporter &n) {
  NBits a;
  a.depth = n.getInt("K", 0);
  a.columns = n.getInt("N", 0);
  a.bits = n.getInt("bits", 4);
  a.block = n.getInt("block_size", 0);
  if (a.depth <= 0 || a.columns <= 0)
    return n.error() << "expected positive K and N but got " << a.depth
                     << " and " << a.columns;
  if (a.bits != 2 && a.bits != 4 && a.bits != 8)
    return n.error() << "expected 2, 4 or 8 bits but got " << a.bits;
  if (a.block < 16 || !llvm::isPowerOf2_64(a.block))
    return n.error() << "expected a block_size that is a power of 2 from 16 "
                        "but got "
                     << a.block;
  a.blocks = llvm::divideCeilSigned(a.depth, a.block);
  // g_idx permutes rows; files of GPTQ's act-order have it.
  if (n.hasInput(4))
    return n.error() << "group indices (g_idx) are not supported";
  return a;
}

/// Input `i`, a constant of `count` elements (any shape) of `type`.
static LogicalResult checkConstant(NodeImporter &n, unsigned i, Type type,
                                   int64_t count, StringRef what) {
  if (failed(n.requireConstant(i)))
    return failure();
  if (n.in(i).getElementType() == type &&
      n.in(i).type.getNumElements() == count)
    return success();
  return n.error() << "expected " << count << " elements of " << type << " as "
                   << what << " but got " << n.in(i).type;
}

/// Zero points [G][N] as unsigned integers of the weights' bits.
static FailureOr<std::string> readZeroPoints(NodeImporter &n, const NBits &a) {
  std::string zeros(a.blocks * a.columns, char(1 << (a.bits - 1)));
  if (!n.hasInput(3))
    return zeros;
  int64_t rowBytes = llvm::divideCeilSigned(a.blocks * a.bits, 8);
  if (failed(checkConstant(n, 3, n.b.getI8Type(), a.columns * rowBytes,
                           "packed zero points")))
    return failure();
  ArrayRef<char> bytes = n.in(3).constant->getBytes();
  for (int64_t g = 0; g < a.blocks; ++g)
    for (int64_t c = 0; c < a.columns; ++c)
      zeros[g * a.columns + c] =
          char(extract(bytes.slice(c * rowBytes, rowBytes), g, a.bits));
  return zeros;
}

static LogicalResult importMatMulNBits(NodeImporter &n) {
  FailureOr<NBits> a = readAttributes(n);
  if (failed(a) || failed(n.requireFloat(0)) || failed(n.requireRank(0, 1, 16)))
    return failure();
  Tensor &lhs = n.in(0);
  if (!lhs.getElementType().isF32())
    return n.error() << "expected f32 activations but got " << lhs.type;
  if (lhs.getShape().back() != a->depth)
    return n.error() << "expected rows of K = " << a->depth << " but got "
                     << lhs.type;
  int64_t blockBytes = a->block * a->bits / 8;
  Type f32 = n.b.getF32Type(), storage = n.b.getIntegerType(a->bits);
  if (failed(checkConstant(n, 1, n.b.getI8Type(),
                           a->columns * a->blocks * blockBytes,
                           "packed weights")) ||
      failed(checkConstant(n, 2, f32, a->columns * a->blocks, "scales")))
    return failure();
  FailureOr<std::string> zeros = readZeroPoints(n, *a);
  if (failed(zeros))
    return failure();

  ArrayRef<char> packed = n.in(1).constant->getBytes();
  std::string integers(a->depth * a->columns, 0);
  for (int64_t c = 0; c < a->columns; ++c) {
    ArrayRef<char> row =
        packed.slice(c * a->blocks * blockBytes, a->blocks * blockBytes);
    for (int64_t k = 0; k < a->depth; ++k)
      integers[k * a->columns + c] = char(extract(row, k, a->bits));
  }
  std::string scales;
  int64_t highest = (int64_t(1) << a->bits) - 1;
  for (int64_t g = 0; g < a->blocks; ++g)
    for (int64_t c = 0; c < a->columns; ++c) {
      double scale = n.in(2).constant->getDouble(c * a->blocks + g);
      if (!std::isfinite(scale))
        return n.error() << "expected finite scales but got " << scale
                         << " in '" << n.node.inputs[2] << "'";
      // Scales of QDQ form are positive. Of a negative one, and of zero, the
      // integers change: (q - z) s = ((h - q) - (h - z)) (-s).
      char &zero = (*zeros)[g * a->columns + c];
      if (scale < 0)
        zero = char(highest - uint8_t(zero));
      for (int64_t k = g * a->block,
                   end = std::min(a->depth, (g + 1) * a->block);
           scale <= 0 && k < end; ++k) {
        char &integer = integers[k * a->columns + c];
        integer = scale == 0 ? zero : char(highest - uint8_t(integer));
      }
      ConstantTensor::append(scales, f32, scale == 0 ? 1.0 : std::abs(scale));
    }
  auto constant = [&](Type type, ArrayRef<int64_t> shape, std::string bytes,
                      StringRef role) {
    Tensor tensor = n.makeConstant(
        ConstantTensor(type, !type.isF32(), shape, std::move(bytes)), role);
    return n.materialize(tensor);
  };
  MLIRContext *context = n.b.getContext();
  AffineExpr d0 = n.b.getAffineDimExpr(0), d1 = n.b.getAffineDimExpr(1);
  auto weights = mpq::DequantizeOp::create(
      n.b, RankedTensorType::get({a->depth, a->columns}, f32),
      constant(storage, {a->depth, a->columns}, std::move(integers), "weights"),
      constant(f32, {a->blocks, a->columns}, std::move(scales), "scales"),
      constant(storage, {a->blocks, a->columns}, std::move(*zeros), "zeros"),
      AffineMapAttr::get(
          AffineMap::get(2, 0, {d0.floorDiv(a->block), d1}, context)),
      /*is_unsigned=*/true);

  int64_t rows = product(lhs.getShape().drop_back());
  Tensor flat = n.reshape(lhs, {rows, a->depth});
  Value left = n.materialize(flat);
  int64_t accuracy = n.getInt("accuracy_level", 0);
  if (accuracy < 0 || accuracy > 4)
    return n.error() << "expected an accuracy_level from 0 to 4 but got "
                     << accuracy;
  if (accuracy == 4) {
    auto map = AffineMapAttr::get(
        AffineMap::get(2, 0, {d0, d1.floorDiv(a->block)}, context));
    SmallVector<int64_t> shape{rows, a->blocks};
    auto params = mpq::ChooseParamsOp::create(
        n.b, RankedTensorType::get(shape, f32),
        RankedTensorType::get(shape, n.b.getI8Type()), left, map);
    auto quantized = mpq::QuantizeOp::create(
        n.b, RankedTensorType::get({rows, a->depth}, n.b.getI8Type()), left,
        params.getScale(), params.getZeroPoint(), map, /*is_unsigned=*/false,
        mpq::Rounding::HalfEven, mpq::Scaling::Multiply,
        mpq::ZeroPointOrder::AfterRounding, DenseI64ArrayAttr());
    left = mpq::DequantizeOp::create(n.b, left.getType(), quantized,
                                     params.getScale(), params.getZeroPoint(),
                                     map, /*is_unsigned=*/false);
  }
  Value init = n.fill({rows, a->columns}, n.zero(f32));
  Value result =
      linalg::MatmulOp::create(n.b, TypeRange{init.getType()},
                               ValueRange{left, weights}, ValueRange{init})
          ->getResult(0);
  if (n.hasInput(5)) {
    Tensor sum{cast<RankedTensorType>(result.getType()), false, result,
               std::nullopt, n.node.outputs[0]};
    if (n.in(5).getElementType() != f32 ||
        n.in(5).getShape() != ArrayRef<int64_t>{a->columns})
      return n.error() << "expected a bias of " << a->columns
                       << " elements of f32 but got " << n.in(5).type;
    FailureOr<Value> total =
        n.elementwise({&sum, &n.in(5)}, f32,
                      [](ImplicitLocOpBuilder &builder, ValueRange v) -> Value {
                        return arith::AddFOp::create(builder, v[0], v[1]);
                      });
    if (failed(total))
      return failure();
    result = *total;
  }
  SmallVector<int64_t> shape(lhs.getShape().drop_back());
  shape.push_back(a->columns);
  n.setResult(0, n.reshape(result, shape));
  return success();
}

void mpq::onnximport::registerMatMulNBitsOperators(OperatorRegistry &r) {
  r.add("com.microsoft", "MatMulNBits", 1, {importMatMulNBits, 3});
}
