//===- MPQCodegenOps.cpp - packed products: verifiers and syntax ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/DepthwisePacking.h"
#include "mpq/Dialect/MPQDialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mpq;

static Type elementType(Value value) {
  return cast<ShapedType>(value.getType()).getElementType();
}

/// (C2)/(V2): i8 x i8 -> i32, f32 x f32 (or 16 bits) -> f32, or in steps bf16 x
/// bf16 -> f32; bias like the result.
template <typename OpTy>
static LogicalResult verifyElementTypes(OpTy op, Value lhs, Value rhs) {
  Type in = elementType(lhs);
  Type out = elementType(op.getInit());
  Type right = elementType(rhs);
  bool isHalf = right.isF16() || right.isBF16();
  bool ok = in.isInteger(8) ? right == in && out.isInteger(32)
            : in.isF32()    ? (right.isF32() || isHalf) && out.isF32()
                            : right == in && out.isF32();
  ok &= in.isBF16() == op.getStep().has_value();
  if (op.getBias())
    ok &= elementType(op.getBias()) == out;
  if (ok)
    return success();
  return op.emitOpError("requires i8, i8 -> i32 or f32, f32 (f16, bf16) -> f32 "
                        "or, with a step, bf16, bf16 -> f32, with a bias of "
                        "the result's type, but got ")
         << in << ", " << right << " -> " << out;
}

/// (C5)/(V9): equal steps of whole groups.
template <typename OpTy> static LogicalResult verifyStep(OpTy op, int64_t run) {
  std::optional<int64_t> step = op.getStep();
  if (!step || (*step > 0 && *step % 2 == 0 && run % *step == 0))
    return success();
  return op.emitOpError("expected an even step that divides ")
         << run << " but got " << *step;
}

/// (C4)/(V5).
template <typename OpTy>
static LogicalResult verifyBias(OpTy op, int64_t columns) {
  if (!op.getBias() || op.getBias().getType().getDimSize(0) == columns)
    return success();
  return op.emitOpError("expected a bias of ")
         << columns << " elements but got " << op.getBias().getType();
}

//===----------------------------------------------------------------------===//
// contract
//===----------------------------------------------------------------------===//

bool ContractOp::isInteger() { return elementType(getInit()).isInteger(32); }
int64_t ContractOp::getGroup() { return isInteger() ? 4 : getStep() ? 2 : 1; }
int64_t ContractOp::getLanes() {
  return getRhs().getType().getShape().back() / getGroup();
}

LogicalResult ContractOp::verify() {
  RankedTensorType lhs = getLhs().getType(), rhs = getRhs().getType(),
                   init = getInit().getType();
  int64_t rank = lhs.getRank();
  if ((rank != 2 && rank != 3) || init.getRank() != rank ||
      lhs.getShape().drop_back() != init.getShape().drop_back()) // (C1)
    return emitOpError("requires lhs and init of rank 2 or 3 that agree on "
                       "batch and rows but got ")
           << lhs << " and " << init;
  int64_t columns = init.getShape().back(), depth = lhs.getShape().back();
  if (failed(verifyElementTypes(*this, getLhs(), getRhs())) || // (C2)
      failed(verifyStep(*this, depth)))                        // (C5)
    return failure();
  bool batched = rhs.getRank() == 4;
  bool ok = rhs.getRank() == 3 ||
            (batched && rank == 3 && rhs.getDimSize(0) == lhs.getDimSize(0));
  ok = ok && rhs.getShape().back() % getGroup() == 0 && getLanes() > 0 &&
       rhs.getDimSize(batched) == llvm::divideCeilSigned(columns, getLanes()) &&
       rhs.getDimSize(batched + 1) == llvm::divideCeilSigned(depth, getGroup());
  if (!ok) // (C3)
    return emitOpError(
               "expected rhs packed [ceil(N/L)][ceil(K/G)][L*G] for N = ")
           << columns << ", K = " << depth << ", G = " << getGroup()
           << " but got " << rhs;
  if (getBias() && getBias().getType().getRank() == 2) { // (C4)
    RankedTensorType bias = getBias().getType();
    if (rank == 3 &&
        bias.getShape() == ArrayRef<int64_t>{lhs.getDimSize(0), columns})
      return success();
    return emitOpError("expected a bias of ")
           << columns << " elements for each of the batch but got " << bias;
  }
  return verifyBias(*this, columns);
}

//===----------------------------------------------------------------------===//
// conv
//===----------------------------------------------------------------------===//

bool ConvOp::isInteger() { return elementType(getInit()).isInteger(32); }
int64_t ConvOp::getGroup() { return isInteger() ? 4 : getStep() ? 2 : 1; }
int64_t ConvOp::getLanes() {
  return getWeights().getType().getShape().back() / getGroup();
}

LogicalResult ConvOp::verify() {
  RankedTensorType image = getImage().getType(),
                   weights = getWeights().getType(), init = getInit().getType();
  if (image.getDimSize(0) != init.getDimSize(0)) // (V1)
    return emitOpError("requires equal batch extents but got ")
           << image << " and " << init;
  if (failed(verifyElementTypes(*this, getImage(), getWeights()))) // (V2)
    return failure();
  for (ArrayRef<int64_t> pair : {getWindow(), getStrides(), getDilations()})
    if (pair.size() != 2 || pair[0] <= 0 || pair[1] <= 0) // (V6)
      return emitOpError("requires window, strides and dilations of two "
                         "positive numbers");
  for (int d : {0, 1}) {
    int64_t needed = (init.getDimSize(d + 1) - 1) * getStrides()[d] +
                     (getWindow()[d] - 1) * getDilations()[d] + 1;
    if (image.getDimSize(d + 1) < needed) // (V3)
      return emitOpError("expected an image extent of at least ")
             << needed << " in dimension " << d + 1 << " but got " << image;
  }
  int64_t filters = init.getShape().back(), channels = image.getShape().back();
  int64_t taps = getWindow()[0] * getWindow()[1];
  int64_t groups = getGroups();
  if (groups < 1 || filters % groups != 0 || channels % groups != 0 ||
      (getDepthwise() && groups != 1)) // (V7)
    return emitOpError("expected groups that divide ")
           << channels << " channels and " << filters
           << " filters, 1 for a depthwise convolution, but got " << groups;
  if (getMerged() &&
      (channels != 1 || groups != 1 || getDepthwise() ||
       getDilations()[1] != 1 || getWindow()[1] < getGroup())) // (V8)
    return emitOpError("expected one channel, one group and rows of at least ")
           << getGroup() << " adjacent taps in a merged convolution but got "
           << channels << " channels, " << groups << " groups and rows of "
           << getWindow()[1] << " taps, " << getDilations()[1] << " apart";
  if (getStep() && (getDepthwise() || getMerged())) // (V9)
    return emitOpError("expected no step in a depthwise or merged convolution");
  if (failed(verifyStep(*this, getGroupChannels()))) // (V9)
    return failure();
  int64_t depth = taps * getGroupChannels();
  int64_t steps =
      !getDepthwise()
          ? depth / getPackedSegment() *
                llvm::divideCeilSigned(getPackedSegment(), getGroup())
      : isInteger() ? DepthwisePacking(*this).getNumGroups()
                    : taps;
  bool ok =
      weights.getShape().back() % getGroup() == 0 && getLanes() > 0 &&
      weights.getDimSize(0) ==
          groups * llvm::divideCeilSigned(getGroupFilters(), getLanes()) &&
      weights.getDimSize(1) == steps &&
      (!getDepthwise() || filters == channels);
  if (!ok) { // (V4)
    InFlightDiagnostic error = emitOpError("expected weights packed for ");
    if (groups > 1)
      error << groups << " groups of ";
    return error << getGroupFilters() << " filters, " << taps << " taps and "
                 << getGroupChannels() << " channels but got " << weights;
  }
  return verifyBias(*this, filters);
}

//===----------------------------------------------------------------------===//
// dot4
//===----------------------------------------------------------------------===//

ParseResult Dot4Op::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand acc, lhs, rhs;
  VectorType accType, byteType;
  auto parseSign = [&](StringAttr name) -> ParseResult {
    if (succeeded(parser.parseOptionalKeyword("unsigned"))) {
      result.addAttribute(name, parser.getBuilder().getUnitAttr());
      return success();
    }
    return parser.parseKeyword("signed");
  };
  if (parser.parseOperand(acc) || parser.parseComma() ||
      parser.parseOperand(lhs) ||
      parseSign(getLhsUnsignedAttrName(result.name)) || parser.parseComma() ||
      parser.parseOperand(rhs) ||
      parseSign(getRhsUnsignedAttrName(result.name)) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(accType) || parser.parseComma() ||
      parser.parseType(byteType))
    return failure();
  result.addTypes(accType);
  return failure(parser.resolveOperand(acc, accType, result.operands) ||
                 parser.resolveOperand(lhs, byteType, result.operands) ||
                 parser.resolveOperand(rhs, byteType, result.operands));
}

void Dot4Op::print(OpAsmPrinter &printer) {
  auto sign = [](bool isUnsigned) {
    return isUnsigned ? " unsigned" : " signed";
  };
  printer << ' ' << getAcc() << ", " << getLhs() << sign(getLhsUnsigned())
          << ", " << getRhs() << sign(getRhsUnsigned());
  printer.printOptionalAttrDict(
      (*this)->getAttrs(),
      {getLhsUnsignedAttrName(), getRhsUnsignedAttrName()});
  printer << " : " << getAcc().getType() << ", " << getLhs().getType();
}

LogicalResult Dot4Op::verify() {
  int64_t lanes = getAcc().getType().getDimSize(0);
  if (getLhs().getType() != getRhs().getType() ||
      getLhs().getType().getDimSize(0) != 4 * lanes ||
      getAcc().getType() != getType()) // (T1)
    return emitOpError("requires two operands of ")
           << 4 * lanes << " bytes but got " << getLhs().getType() << " and "
           << getRhs().getType();
  return success();
}

LogicalResult DotTileOp::verify() {
  ArrayRef<int64_t> acc = getAcc().getType().getShape();
  ArrayRef<int64_t> lhs = getLhs().getType().getShape();
  ArrayRef<int64_t> rhs = getRhs().getType().getShape();
  Type element = getLhs().getType().getElementType();
  bool isFloat = getAcc().getType().getElementType().isF32();
  int64_t group = element.isInteger(8) ? 4 : 2;
  if (lhs[0] != acc[0] || lhs[1] != group * rhs[0] ||
      rhs[1] != group * acc[1] || isFloat == element.isInteger(8) ||
      element != getRhs().getType().getElementType()) // (T2)
    return emitOpError("requires operands of ")
           << acc[0] << " x " << group << "K and K x " << group * acc[1] << " "
           << (isFloat ? "of bf16" : "bytes") << " but got "
           << getLhs().getType() << " and " << getRhs().getType();
  return success();
}
