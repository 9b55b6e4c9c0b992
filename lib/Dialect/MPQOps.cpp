//===- MPQOps.cpp - QDQ form and structure: verifiers, folds, syntax ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/MPQDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionImplementation.h"

#include <cmath>

using namespace mlir;
using namespace mpq;

#define GET_OP_CLASSES
#include "mpq/Dialect/MPQOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Rules that quantize, dequantize and requantize share
//===----------------------------------------------------------------------===//

/// The extent of dimension `dim` in blocks that one parameter serves.
static FailureOr<std::pair<unsigned, int64_t>> parseMapResult(AffineExpr expr) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return std::make_pair(dim.getPosition(), int64_t(1));
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || binary.getKind() != AffineExprKind::FloorDiv)
    return failure();
  auto dim = dyn_cast<AffineDimExpr>(binary.getLHS());
  auto block = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!dim || !block || block.getValue() <= 0)
    return failure();
  return std::make_pair(dim.getPosition(), block.getValue());
}

/// Verifies the constraints numbered 1 to 6 and 8 on the real side, the narrow
/// side, scale and zero point of an operation.
static LogicalResult verifyParameters(Operation *op, Value real, Value narrow,
                                      Value scale, Value zeroPoint,
                                      std::optional<AffineMap> map) {
  auto shapeOf = [](Value v) -> ArrayRef<int64_t> {
    if (auto shaped = dyn_cast<ShapedType>(v.getType()))
      return shaped.getShape();
    return {};
  };
  bool isTensor = isa<RankedTensorType>(real.getType());
  bool sameKind =
      isTensor == isa<RankedTensorType>(narrow.getType()) &&
      isa<VectorType>(real.getType()) == isa<VectorType>(narrow.getType());
  if (!sameKind || shapeOf(real) != shapeOf(narrow)) // (Q1)
    return op->emitOpError("requires equal shapes but got ")
           << real.getType() << " and " << narrow.getType();
  if (shapeOf(scale) != shapeOf(zeroPoint)) // (Q2)
    return op->emitOpError("requires scale and zero point of equal shape but "
                           "got ")
           << scale.getType() << " and " << zeroPoint.getType();
  Type storage = getElementTypeOrSelf(narrow.getType());
  if (getElementTypeOrSelf(zeroPoint.getType()) != storage) // (Q3)
    return op->emitOpError("expected zero point element type ")
           << storage << " but got "
           << getElementTypeOrSelf(zeroPoint.getType());
  if (!isTensor) { // (Q4)
    if (map)
      return op->emitOpError("expected no parameter map on a scalar or vector");
    if (shapeOf(scale) != shapeOf(real) ||
        isa<RankedTensorType>(scale.getType()))
      return op->emitOpError("requires a scale of type like ")
             << real.getType() << " but got " << scale.getType();
    return success();
  }
  auto scaleType = dyn_cast<RankedTensorType>(scale.getType());
  if (!map || !scaleType) // (Q4)
    return op->emitOpError("requires a parameter map and a scale tensor");
  int64_t rank = cast<RankedTensorType>(real.getType()).getRank();
  if (map->getNumDims() != rank || map->getNumSymbols() != 0) // (Q4)
    return op->emitOpError("expected a parameter map of ")
           << rank << " dimensions but got " << AffineMapAttr::get(*map);
  if (map->getNumResults() != scaleType.getRank()) // (Q4)
    return op->emitOpError("parameter map has ")
           << map->getNumResults() << " results but the scale has rank "
           << scaleType.getRank();
  for (auto [index, expr] : llvm::enumerate(map->getResults())) {
    auto parsed = parseMapResult(expr);
    if (failed(parsed)) // (Q5)
      return op->emitOpError("parameter map result #")
             << index
             << " is neither a dimension nor a dimension floordiv a positive "
                "constant";
    int64_t extent = shapeOf(real)[parsed->first];
    if (ShapedType::isDynamic(extent) || scaleType.isDynamicDim(index))
      continue;
    int64_t blocks = llvm::divideCeilSigned(extent, parsed->second);
    if (blocks != scaleType.getDimSize(index)) // (Q6)
      return op->emitOpError("expected ")
             << blocks << " scales along dimension " << parsed->first
             << " but got " << scaleType.getDimSize(index);
  }
  DenseElementsAttr constant;
  if (matchPattern(scale, m_Constant(&constant)) &&
      constant.getElementType().isF32()) {
    for (APFloat value : constant.getValues<APFloat>())
      if (!value.isFinite() || value.isNegative() || value.isZero()) { // (Q8)
        InFlightDiagnostic diagnostic =
            op->emitOpError("requires positive finite scales but got ")
            << value.convertToDouble();
        if (Operation *def = scale.getDefiningOp())
          diagnostic.attachNote(def->getLoc()) << "scale defined here";
        return diagnostic;
      }
  }
  return success();
}

/// Limits of a storage type of the given signedness.
static std::pair<int64_t, int64_t> storageLimits(Type storage,
                                                 bool isUnsigned) {
  unsigned width = getElementTypeOrSelf(storage).getIntOrFloatBitWidth();
  if (isUnsigned)
    return {0, (int64_t(1) << width) - 1};
  return {-(int64_t(1) << (width - 1)), (int64_t(1) << (width - 1)) - 1};
}

template <typename OpTy> static std::pair<int64_t, int64_t> limitsOf(OpTy op) {
  if (std::optional<ArrayRef<int64_t>> range = op.getClampRange())
    return {(*range)[0], (*range)[1]};
  return storageLimits(op.getType(), op.getIsUnsigned());
}

/// (Q7): the clamp range lies in the storage and holds constant zero points.
template <typename OpTy> static LogicalResult verifyClampRange(OpTy op) {
  std::optional<ArrayRef<int64_t>> range = op.getClampRange();
  auto [lo, hi] = storageLimits(op.getType(), op.getIsUnsigned());
  if (range && (range->size() != 2 || (*range)[0] < lo || (*range)[1] > hi ||
                (*range)[0] >= (*range)[1])) // (Q7)
    return op.emitOpError(
               "expected a clamp range of two increasing numbers in [")
           << lo << ", " << hi << "]";
  if (!range)
    return success();
  DenseElementsAttr zeroPoints;
  if (!matchPattern(op.getZeroPoint(), m_Constant(&zeroPoints)))
    return success();
  for (APInt value : zeroPoints.template getValues<APInt>()) {
    int64_t z = op.getIsUnsigned() ? int64_t(value.getZExtValue())
                                   : value.getSExtValue();
    if (z < (*range)[0] || z > (*range)[1]) // (Q7)
      return op.emitOpError("zero point ")
             << z << " is outside the clamp range [" << (*range)[0] << ", "
             << (*range)[1] << "]";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// quantize, dequantize, requantize
//===----------------------------------------------------------------------===//

std::pair<int64_t, int64_t> QuantizeOp::getLimits() { return limitsOf(*this); }
std::pair<int64_t, int64_t> RequantizeOp::getLimits() {
  return limitsOf(*this);
}

LogicalResult QuantizeOp::verify() {
  if (failed(verifyParameters(*this, getInput(), getResult(), getScale(),
                              getZeroPoint(), getParamMap())))
    return failure();
  return verifyClampRange(*this);
}

LogicalResult DequantizeOp::verify() {
  if (getIsUnsigned() &&
      isa<FloatType>(getElementTypeOrSelf(getInput().getType()))) // (D9)
    return emitOpError("expected no 'unsigned' for ") << getInput().getType();
  return verifyParameters(*this, getResult(), getInput(), getScale(),
                          getZeroPoint(), getParamMap());
}

LogicalResult RequantizeOp::verify() {
  if (failed(verifyParameters(*this, getAccumulator(), getResult(),
                              getMultiplier(), getZeroPoint(), getParamMap())))
    return failure();
  return verifyClampRange(*this);
}

/// dequantize followed by quantize with the same parameters is the identity on
/// integers: (q - z) * s / s rounds back to q - z for every storage width up to
/// 16 bits (the relative error of two roundings is far below half a quantum).
/// The opposite order is never folded: it would erase quantization.
OpFoldResult QuantizeOp::fold(FoldAdaptor) {
  auto dequantize = getInput().getDefiningOp<DequantizeOp>();
  if (!dequantize || dequantize.getScale() != getScale() ||
      dequantize.getZeroPoint() != getZeroPoint() ||
      dequantize.getParamMap() != getParamMap() ||
      dequantize.getIsUnsigned() != getIsUnsigned() || getClampRange() ||
      dequantize.getInput().getType() != getType() ||
      !getElementTypeOrSelf(getInput().getType()).isF32())
    return {};
  return dequantize.getInput();
}

//===----------------------------------------------------------------------===//
// observe, unit, yield
//===----------------------------------------------------------------------===//

LogicalResult ObserveOp::verify() {
  if (getId().empty()) // (O1)
    return emitOpError("requires a non-empty id");
  if (!getValue().getType().hasStaticShape()) // (O2)
    return emitOpError("requires a static shape but got ")
           << getValue().getType();
  return success();
}

void YieldOp::build(OpBuilder &, OperationState &) {}

ParseResult UnitOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr kind;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types;
  if (parser.parseAttribute(kind, getKindAttrName(result.name),
                            result.attributes))
    return failure();
  auto parseOperand = [&]() -> ParseResult {
    OpAsmParser::Argument &argument = arguments.emplace_back();
    if (parser.parseArgument(argument) || parser.parseEqual() ||
        parser.parseOperand(operands.emplace_back()) ||
        parser.parseColonType(argument.type))
      return failure();
    types.push_back(argument.type);
    return success();
  };
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                     parseOperand) ||
      parser.parseArrowTypeList(result.types) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.resolveOperands(operands, types, location, result.operands))
    return failure();
  Region *body = result.addRegion();
  if (parser.parseRegion(*body, arguments))
    return failure();
  ensureTerminator(*body, parser.getBuilder(), result.location);
  return success();
}

void UnitOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getKindAttr() << " (";
  llvm::interleaveComma(llvm::zip_equal(getBody().getArguments(), getInputs()),
                        printer, [&](auto pair) {
                          auto [argument, operand] = pair;
                          printer << argument << " = " << operand << " : "
                                  << operand.getType();
                        });
  printer << ") -> ";
  llvm::interleaveComma(getResultTypes(), printer);
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getKindAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult UnitOp::verifyRegions() {
  if (getKind().empty()) // (U3)
    return emitOpError("requires a non-empty kind");
  if (getBody().getArgumentTypes() != getInputs().getTypes()) // (U1)
    return emitOpError("requires block arguments of the operands' types");
  auto yield = cast<YieldOp>(getBody().front().getTerminator());
  if (yield.getValues().getTypes() != getResultTypes()) // (U2)
    return emitOpError("expected the yield to have the types of the results "
                       "but got ")
           << yield.getValues().getTypes();
  return success();
}
