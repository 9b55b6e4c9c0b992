//===- Quantization.cpp - QuantizeLinear and DequantizeLinear ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// They map one to one to mpq.quantize and mpq.dequantize, whose defaults
// (division by the scale, ties to even, zero point added after rounding) are
// ONNX's. Per tensor, per axis and per block differ in the parameter map.
//
//===----------------------------------------------------------------------===//

#include "OperatorRegistry.h"

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Numerics/FloatOps.h"
#include "mpq/Numerics/Formulas.h"
#include "mpq/Numerics/NarrowFloats.h"

using namespace mlir;
using namespace mpq;
using namespace mpq::onnximport;

namespace {
struct Parameters {
  Tensor scale, zeroPoint;
  AffineMapAttr map;
};
} // namespace

/// The scales (input 1) and zero points (input 2, else zeros of `storage`) for
/// the tensor in input 0.
static FailureOr<Parameters> readParameters(NodeImporter &n, Type storage,
                                            bool isUnsigned) {
  Tensor &input = n.in(0), &scale = n.in(1);
  int64_t rank = input.getRank();
  if (!scale.getElementType().isF32())
    return n.error() << "expected f32 scales but got " << scale.type;
  if (n.hasInput(2) && n.in(2).getShape() != scale.getShape() &&
      (n.in(2).type.getNumElements() != 1 || scale.type.getNumElements() != 1))
    return n.error() << "expected zero points like the scales " << scale.type
                     << " but got " << n.in(2).type;
  if (scale.constant)
    for (int64_t i = 0, e = scale.constant->getNumElements(); i < e; ++i) {
      double value = scale.constant->getDouble(i);
      if (!(value > 0) || std::isinf(value))
        return n.error() << "expected positive finite scales but got " << value
                         << " in '" << n.node.inputs[1] << "'";
    }

  int64_t block = n.getInt("block_size", 0);
  SmallVector<AffineExpr> exprs;
  SmallVector<int64_t> shape;
  if (block == 0 && scale.type.getNumElements() == 1 && scale.getRank() <= 1) {
    // One parameter; shape stays empty.
  } else {
    FailureOr<int64_t> axis = n.normalizeAxis(n.getInt("axis", 1), rank);
    if (failed(axis))
      return failure();
    if (block == 0) {
      shape = {input.getDim(*axis)};
      exprs.push_back(n.b.getAffineDimExpr(*axis));
    } else {
      if (block < 0)
        return n.error() << "expected a positive block size but got " << block;
      shape.assign(input.getShape().begin(), input.getShape().end());
      shape[*axis] = llvm::divideCeilSigned(shape[*axis], block);
      for (int64_t d = 0; d < rank; ++d) {
        AffineExpr dim = n.b.getAffineDimExpr(d);
        exprs.push_back(d == *axis ? dim.floorDiv(block) : dim);
      }
    }
    if (scale.getShape() != ArrayRef<int64_t>(shape))
      return n.error() << "expected scales of shape ["
                       << ArrayRef<int64_t>(shape) << "] for " << input.type
                       << " but got " << scale.type;
  }
  Parameters parameters;
  parameters.scale = n.reshape(scale, shape);
  parameters.map =
      AffineMapAttr::get(AffineMap::get(rank, 0, exprs, n.b.getContext()));
  if (n.hasInput(2)) {
    if (n.in(2).getElementType() != storage || n.in(2).isUnsigned != isUnsigned)
      return n.error() << "expected zero points of the quantized tensor's type "
                       << storage << " but got " << n.in(2).type;
    parameters.zeroPoint = n.reshape(n.in(2), shape);
  } else {
    std::string zeros;
    for (int64_t i = 0, e = product(shape); i < e; ++i)
      ConstantTensor::append(zeros, storage, int64_t(0));
    parameters.zeroPoint = n.makeConstant(
        ConstantTensor(storage, isUnsigned, shape, std::move(zeros)), "zero");
  }
  return parameters;
}

/// Whether all inputs of the node are constants, not only dequantized ones.
static bool readsConstants(NodeImporter &n) {
  return llvm::all_of(llvm::seq(n.getNumInputs()), [&](unsigned i) {
    return !n.hasInput(i) || n.in(i).constant;
  });
}

/// The constant in input 0 with each element replaced by what `convert` makes
/// of its position and of the position of its parameters.
template <typename Number>
static ConstantTensor evaluate(NodeImporter &n, const Parameters &parameters,
                               Type type, bool isUnsigned,
                               function_ref<Number(int64_t, int64_t)> convert) {
  const Tensor &input = n.in(0);
  AffineMap map = parameters.map.getValue();
  SmallVector<int64_t> strides = rowMajorStrides(parameters.scale.getShape()),
                       at(input.getRank(), 0);
  std::string bytes;
  for (int64_t i = 0, e = input.constant->getNumElements(); i < e; ++i) {
    int64_t parameter = 0;
    if (!strides.empty())
      for (auto [p, stride] : llvm::zip_equal(map.compose(at), strides))
        parameter += p * stride;
    ConstantTensor::append(bytes, type, convert(i, parameter));
    for (int64_t d = input.getRank() - 1; d >= 0 && ++at[d] == input.getDim(d);
         --d)
      at[d] = 0;
  }
  return ConstantTensor(type, isUnsigned, input.getShape(), std::move(bytes));
}

/// Quantizers write this for weights that come from a node Constant.
static ConstantTensor evaluateQuantizeLinear(NodeImporter &n,
                                             const Parameters &parameters,
                                             Type storage, bool isUnsigned) {
  int bits = storage.getIntOrFloatBitWidth();
  formulas::QuantizeForm form;
  form.low = isUnsigned ? 0 : -(1 << (bits - 1));
  form.high = form.low + (1 << bits) - 1;
  const ConstantTensor &input = *n.in(0).constant,
                       &scale = *parameters.scale.constant,
                       &zero = *parameters.zeroPoint.constant;
  FloatOps ops;
  return evaluate<int64_t>(
      n, parameters, storage, isUnsigned, [&](int64_t i, int64_t parameter) {
        return formulas::quantize(
            ops, static_cast<float>(input.getDouble(i)),
            static_cast<float>(scale.getDouble(parameter)),
            static_cast<int32_t>(zero.getInt(parameter)), form);
      });
}

static LogicalResult importQuantizeLinear(NodeImporter &n) {
  if (failed(n.requireFloat(0)))
    return failure();
  // The zero point gives the type; without one the attribute, else uint8.
  Type storage = n.b.getI8Type();
  bool isUnsigned = true;
  if (n.hasInput(2)) {
    storage = n.in(2).getElementType();
    isUnsigned = n.in(2).isUnsigned;
  } else if (int64_t dataType = n.getInt("output_dtype", 0)) {
    switch (dataType) {
    case 2:  // UINT8
    case 4:  // UINT16
    case 21: // UINT4
    case 25: // UINT2
      isUnsigned = true;
      break;
    case 3:  // INT8
    case 5:  // INT16
    case 22: // INT4
    case 26: // INT2
      isUnsigned = false;
      break;
    default:
      return n.error() << "unsupported output element type number " << dataType;
    }
    unsigned bits = dataType <= 3    ? 8
                    : dataType <= 5  ? 16
                    : dataType <= 22 ? 4
                                     : 2;
    storage = n.b.getIntegerType(bits);
  }
  if (!storage.isInteger(2) && !storage.isInteger(4) && !storage.isInteger(8) &&
      !storage.isInteger(16))
    return n.error() << "expected zero points of 2 to 16 bits but got "
                     << n.in(2).type;
  auto parameters = readParameters(n, storage, isUnsigned);
  if (failed(parameters))
    return failure();
  if (readsConstants(n)) {
    n.setResult(0, evaluateQuantizeLinear(n, *parameters, storage, isUnsigned));
    return success();
  }
  auto quantize = QuantizeOp::create(
      n.b, RankedTensorType::get(n.in(0).getShape(), storage), n.value(0),
      n.materialize(parameters->scale), n.materialize(parameters->zeroPoint),
      parameters->map, isUnsigned, Rounding::HalfEven, Scaling::Divide,
      ZeroPointOrder::AfterRounding,
      /*clamp_range=*/DenseI64ArrayAttr());
  n.setResult(0, quantize.getResult(), isUnsigned);
  return success();
}

static LogicalResult importDequantizeLinear(NodeImporter &n) {
  Tensor &input = n.in(0);
  Type storage = input.getElementType();
  bool isFormat = formulas::getNarrowFormat(storage) && input.constant;
  if ((input.isFloat() && !isFormat) || storage.isInteger(1) ||
      storage.isInteger(64) || (storage.isInteger(32) && input.isUnsigned))
    return n.error() << "expected quantized integers but got " << input.type;
  auto parameters = readParameters(n, storage, input.isUnsigned);
  if (failed(parameters))
    return failure();
  auto dequantize = DequantizeOp::create(
      n.b, RankedTensorType::get(input.getShape(), n.b.getF32Type()),
      n.value(0), n.materialize(parameters->scale),
      n.materialize(parameters->zeroPoint), parameters->map, input.isUnsigned);
  n.setResult(0, dequantize.getResult());
  return success();
}

std::optional<ConstantTensor>
mpq::onnximport::evaluateDequantizeLinear(NodeImporter &n) {
  if (!readsConstants(n))
    return std::nullopt;
  Tensor &input = n.in(0);
  auto parameters = readParameters(n, input.getElementType(), input.isUnsigned);
  if (failed(parameters))
    return std::nullopt;
  const ConstantTensor &scale = *parameters->scale.constant,
                       &zero = *parameters->zeroPoint.constant;
  return evaluate<double>(
      n, *parameters, n.b.getF32Type(), /*isUnsigned=*/false,
      [&](int64_t i, int64_t parameter) {
        float difference = static_cast<float>(
            input.isFloat()
                ? input.constant->getDouble(i) - zero.getDouble(parameter)
                : input.constant->getInt(i) - zero.getInt(parameter));
        return difference * static_cast<float>(scale.getDouble(parameter));
      });
}

void mpq::onnximport::registerQuantizationOperators(OperatorRegistry &r) {
  r.add("QuantizeLinear", 10, {importQuantizeLinear, 2});
  r.add("DequantizeLinear", 10, {importDequantizeLinear, 2});
  // ONNX Runtime's own domain had 16-bit and blocked forms first.
  r.add("com.microsoft", "QuantizeLinear", 1, {importQuantizeLinear, 2});
  r.add("com.microsoft", "DequantizeLinear", 1, {importDequantizeLinear, 2});
}
