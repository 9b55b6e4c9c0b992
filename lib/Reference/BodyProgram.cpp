//===- BodyProgram.cpp - scalar code run on many elements at a time ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BodyProgram.h"
#include "Rows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Numerics/FloatOps.h"
#include "mpq/Numerics/QuantizeForm.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace mpq;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// Rounds to a format of 16 bits or less and back.
static float roundToFormat(float value, ElementKind kind) {
  return widenElement(kind, narrowElement(kind, value));
}

static int64_t signExtend(int64_t value, unsigned width) {
  return width == 64 ? value
                     : int64_t(uint64_t(value) << (64 - width)) >> (64 - width);
}

static uint64_t zeroExtend(int64_t value, unsigned width) {
  return width == 64 ? uint64_t(value)
                     : uint64_t(value) & ((uint64_t(1) << width) - 1);
}

//===----------------------------------------------------------------------===//
// Rows of values
//===----------------------------------------------------------------------===//

unsigned BodyProgram::addRow() {
  rows.push_back(std::make_unique<Row>());
  std::memset(static_cast<void *>(rows.back().get()), 0, sizeof(Row));
  return rows.size() - 1;
}

unsigned BodyProgram::getIndex(Value value) {
  auto [it, inserted] = indices.try_emplace(value, 0);
  if (inserted)
    it->second = addRow();
  return it->second;
}

FailureOr<unsigned> BodyProgram::getOperand(Value value, OuterValues outer) {
  if (auto it = indices.find(value); it != indices.end())
    return it->second;
  FailureOr<HostTensor> constant = outer(value);
  if (failed(constant))
    return failure();
  unsigned index = getIndex(value);
  int64_t zeros[Row::width] = {};
  loadRow(*rows[index], *constant, zeros, Row::width);
  return index;
}

void BodyProgram::appendFma(Value result, Value a, Value b, Value c) {
  float *out = getRow(result).f, *x = getRow(a).f, *y = getRow(b).f,
        *z = getRow(c).f;
  steps.push_back([=](int n) {
    rows::fma(out, x, y, z, n);
    return success();
  });
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

float mpq::maximum(float a, float b) {
  if (a != a || b != b)
    return a + b;
  if (a == b) // of two zeros the positive one
    return FloatOps::fromBits(FloatOps::bits(a) & FloatOps::bits(b));
  return a > b ? a : b;
}
float mpq::minimum(float a, float b) {
  if (a != a || b != b)
    return a + b;
  if (a == b)
    return FloatOps::fromBits(FloatOps::bits(a) | FloatOps::bits(b));
  return a < b ? a : b;
}

static bool compare(arith::CmpFPredicate predicate, float a, float b) {
  using P = arith::CmpFPredicate;
  bool unordered = a != a || b != b;
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::OEQ:
    return a == b;
  case P::OGT:
    return a > b;
  case P::OGE:
    return a >= b;
  case P::OLT:
    return a < b;
  case P::OLE:
    return a <= b;
  case P::ONE:
    return !unordered && a != b;
  case P::ORD:
    return !unordered;
  case P::UEQ:
    return unordered || a == b;
  case P::UGT:
    return unordered || a > b;
  case P::UGE:
    return unordered || a >= b;
  case P::ULT:
    return unordered || a < b;
  case P::ULE:
    return unordered || a <= b;
  case P::UNE:
    return unordered || a != b;
  case P::UNO:
    return unordered;
  case P::AlwaysTrue:
    return true;
  }
  llvm_unreachable("unknown predicate");
}

/// A conversion outside the integer's range has no meaning in MLIR; here it
/// saturates, and NaN becomes 0.
static int64_t toInteger(float value, double low, double high) {
  if (value != value)
    return 0;
  if (value <= low)
    return low <= -0x1p63 ? INT64_MIN : int64_t(low);
  if (value >= high)
    return high >= 0x1p63 ? INT64_MAX : int64_t(high);
  return int64_t(value);
}

static unsigned widthOf(Value value) {
  Type type = getElementTypeOrSelf(value.getType());
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

LogicalResult BodyProgram::append(Operation *op, OuterValues outer) {
  SmallVector<Row *> in;
  auto extract = dyn_cast<tensor::ExtractOp>(op);
  HostTensor source;
  for (Value operand : op->getOperands()) {
    if (extract && operand == extract.getTensor()) {
      FailureOr<HostTensor> tensor = outer(operand);
      if (failed(tensor))
        return failure();
      source = *tensor;
      continue;
    }
    FailureOr<unsigned> index = getOperand(operand, outer);
    if (failed(index))
      return failure();
    in.push_back(rows[*index].get());
  }
  auto unsupported = [&]() -> LogicalResult {
    return op->emitOpError(
               "is not supported by the interpreter in a body with ")
           << "operand types (" << op->getOperandTypes()
           << ") and result types (" << op->getResultTypes() << ")";
  };
  if (op->getNumResults() != 1)
    return unsupported();
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  std::optional<ElementKind> kind = getElementKind(type);
  if (!kind || llvm::any_of(op->getOperandTypes(), [](Type t) {
        return !getElementKind(getElementTypeOrSelf(t));
      }))
    return unsupported();
  Row *out = &getRow(op->getResult(0));
  unsigned width = getIntegerWidth(*kind);

  auto add = [&](auto loop) {
    steps.push_back([=](int n) {
      loop(n);
      return success();
    });
    // Narrower floats: compute in f32, round once; for + - * / sqrt that is the
    // correctly rounded result.
    if (mpq::isFloat(*kind) && *kind != ElementKind::F32)
      steps.push_back([out, kind = *kind](int n) {
        for (int l = 0; l < n; ++l)
          out->f[l] = roundToFormat(out->f[l], kind);
        return success();
      });
    return success();
  };
  auto unary = [&](void (*function)(float *, const float *, int)) {
    const float *x = in[0]->f;
    return add([=](int n) { function(out->f, x, n); });
  };
  auto mapF = [&](auto function) {
    const float *x = in[0]->f;
    return add([=](int n) {
      for (int l = 0; l < n; ++l)
        out->f[l] = function(x[l]);
    });
  };
  auto zipF = [&](auto function) {
    const float *x = in[0]->f, *y = in[1]->f;
    return add([=](int n) {
      for (int l = 0; l < n; ++l)
        out->f[l] = function(x[l], y[l]);
    });
  };
  auto mapI = [&](auto function) {
    const int64_t *x = in[0]->i;
    return add([=](int n) {
      for (int l = 0; l < n; ++l)
        out->i[l] = signExtend(function(x[l]), width);
    });
  };
  auto zipI = [&](auto function) {
    const int64_t *x = in[0]->i, *y = in[1]->i;
    return add([=](int n) {
      for (int l = 0; l < n; ++l)
        out->i[l] = signExtend(function(x[l], y[l]), width);
    });
  };
  // Division by zero and overflow have no meaning: an error, not a trap.
  auto divide = [&](auto function) {
    const int64_t *x = in[0]->i, *y = in[1]->i;
    unsigned bits = widthOf(op->getOperand(0));
    steps.push_back([=](int n) -> LogicalResult {
      for (int l = 0; l < n; ++l) {
        if (y[l] == 0 || (y[l] == -1 && x[l] == INT64_MIN))
          return op->emitOpError("divides ") << x[l] << " by " << y[l];
        out->i[l] = signExtend(function(x[l], y[l], bits), width);
      }
      return success();
    });
    return success();
  };
  using U = uint64_t;

  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](arith::ConstantOp op) -> LogicalResult {
        if (auto real = dyn_cast<FloatAttr>(op.getValue())) {
          APFloat value = real.getValue();
          bool inexact;
          value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                        &inexact);
          std::fill_n(out->f, Row::width, value.convertToFloat());
          return success();
        }
        if (auto integer = dyn_cast<IntegerAttr>(op.getValue())) {
          std::fill_n(out->i, Row::width, integer.getValue().getSExtValue());
          return success();
        }
        return unsupported();
      })
      // Floats.
      .Case([&](arith::AddFOp) {
        return zipF([](float a, float b) { return a + b; });
      })
      .Case([&](arith::SubFOp) {
        return zipF([](float a, float b) { return a - b; });
      })
      .Case([&](arith::MulFOp) {
        return zipF([](float a, float b) { return a * b; });
      })
      .Case([&](arith::DivFOp) {
        return zipF([](float a, float b) { return a / b; });
      })
      // The remainder is exact, so any correct fmod gives the same.
      .Case([&](arith::RemFOp) {
        return zipF([](float a, float b) { return std::fmod(a, b); });
      })
      .Case([&](arith::MaximumFOp) { return zipF(mpq::maximum); })
      .Case([&](arith::MinimumFOp) { return zipF(mpq::minimum); })
      .Case([&](arith::MaxNumFOp) {
        return zipF([](float a, float b) {
          return a != a ? b : b != b ? a : mpq::maximum(a, b);
        });
      })
      .Case([&](arith::MinNumFOp) {
        return zipF([](float a, float b) {
          return a != a ? b : b != b ? a : mpq::minimum(a, b);
        });
      })
      .Case([&](math::CopySignOp) { return zipF(FloatOps::copysign); })
      .Case([&](arith::NegFOp) { return mapF([](float a) { return -a; }); })
      .Case([&](math::AbsFOp) { return mapF(FloatOps::abs); })
      .Case([&](math::SqrtOp) { return mapF(FloatOps::sqrt); })
      .Case([&](math::RsqrtOp) { return unary(rows::rsqrt); })
      .Case([&](math::ExpOp) { return unary(rows::exp); })
      .Case([&](math::LogOp) { return unary(rows::log); })
      .Case([&](math::TanhOp) { return unary(rows::tanh); })
      .Case([&](math::ErfOp) { return unary(rows::erf); })
      .Case([&](math::FloorOp) { return unary(rows::floor); })
      .Case([&](math::CeilOp) { return unary(rows::ceil); })
      .Case([&](math::TruncOp) { return unary(rows::trunc); })
      .Case([&](math::RoundOp) { return unary(rows::round); })
      .Case([&](math::RoundEvenOp) { return unary(rows::roundeven); })
      .Case([&](math::PowFOp op) {
        const float *x = in[0]->f, *y = in[1]->f;
        APFloat exponent(0.0f);
        if (matchPattern(op.getRhs(), m_ConstantFloat(&exponent)) &&
            op.getType().isF32()) {
          float power = exponent.convertToFloat();
          return add([=](int n) { rows::powConstant(out->f, x, power, n); });
        }
        return add([=](int n) { rows::pow(out->f, x, y, n); });
      })
      .Case([&](math::FmaOp) {
        const float *a = in[0]->f, *b = in[1]->f, *c = in[2]->f;
        return add([=](int n) { rows::fma(out->f, a, b, c, n); });
      })
      .Case([&](arith::CmpFOp op) {
        const float *x = in[0]->f, *y = in[1]->f;
        return add([=, predicate = op.getPredicate()](int n) {
          for (int l = 0; l < n; ++l)
            out->i[l] = -int64_t(compare(predicate, x[l], y[l]));
        });
      })
      // Integers; arithmetic wraps.
      .Case([&](arith::AddIOp) { return zipI([](U a, U b) { return a + b; }); })
      .Case([&](arith::SubIOp) { return zipI([](U a, U b) { return a - b; }); })
      .Case([&](arith::MulIOp) { return zipI([](U a, U b) { return a * b; }); })
      .Case([&](arith::AndIOp) { return zipI([](U a, U b) { return a & b; }); })
      .Case([&](arith::OrIOp) { return zipI([](U a, U b) { return a | b; }); })
      .Case([&](arith::XOrIOp) { return zipI([](U a, U b) { return a ^ b; }); })
      .Case([&](arith::MaxSIOp) {
        return zipI([](int64_t a, int64_t b) { return std::max(a, b); });
      })
      .Case([&](arith::MinSIOp) {
        return zipI([](int64_t a, int64_t b) { return std::min(a, b); });
      })
      // Sign extension keeps the order of unsigned numbers of one width.
      .Case([&](arith::MaxUIOp) {
        return zipI([](U a, U b) { return std::max(a, b); });
      })
      .Case([&](arith::MinUIOp) {
        return zipI([](U a, U b) { return std::min(a, b); });
      })
      .Case([&](arith::ShLIOp) {
        return zipI([=](U a, U b) { return b < width ? a << b : 0; });
      })
      .Case([&](arith::ShRSIOp) {
        return zipI([=](int64_t a, int64_t b) {
          return a >> (U(b) < width ? b : width - 1);
        });
      })
      .Case([&](arith::ShRUIOp) {
        return zipI([=](int64_t a, U b) {
          return b < width ? zeroExtend(a, width) >> b : 0;
        });
      })
      .Case([&](arith::DivSIOp) {
        return divide([](int64_t a, int64_t b, unsigned) { return a / b; });
      })
      .Case([&](arith::RemSIOp) {
        return divide([](int64_t a, int64_t b, unsigned) { return a % b; });
      })
      .Case([&](arith::DivUIOp) {
        return divide([](int64_t a, int64_t b, unsigned w) {
          return zeroExtend(a, w) / zeroExtend(b, w);
        });
      })
      .Case([&](arith::RemUIOp) {
        return divide([](int64_t a, int64_t b, unsigned w) {
          return zeroExtend(a, w) % zeroExtend(b, w);
        });
      })
      .Case([&](arith::FloorDivSIOp) {
        return divide([](int64_t a, int64_t b, unsigned) {
          return a / b - (a % b != 0 && (a < 0) != (b < 0));
        });
      })
      .Case([&](arith::CeilDivSIOp) {
        return divide([](int64_t a, int64_t b, unsigned) {
          return a / b + (a % b != 0 && (a < 0) == (b < 0));
        });
      })
      .Case([&](math::AbsIOp) {
        return mapI([](int64_t a) { return a < 0 ? -U(a) : U(a); });
      })
      .Case([&](math::CountLeadingZerosOp) {
        return mapI([=](int64_t a) {
          return llvm::countl_zero(uint64_t(zeroExtend(a, width))) -
                 (64 - width);
        });
      })
      .Case([&](arith::CmpIOp op) {
        const int64_t *x = in[0]->i, *y = in[1]->i;
        return add([=, predicate = op.getPredicate()](int n) {
          for (int l = 0; l < n; ++l)
            out->i[l] = -int64_t(arith::applyCmpPredicate(
                predicate, APInt(64, x[l]), APInt(64, y[l])));
        });
      })
      // Conversions.
      .Case<arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp>(
          [&](Operation *) { return mapI([](int64_t a) { return a; }); })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp>([&](Operation *op) {
        return mapI([bits = widthOf(op->getOperand(0))](int64_t a) {
          return zeroExtend(a, bits);
        });
      })
      .Case([&](arith::SIToFPOp) {
        const int64_t *x = in[0]->i;
        return add([=](int n) {
          for (int l = 0; l < n; ++l)
            out->f[l] = float(x[l]);
        });
      })
      .Case([&](arith::UIToFPOp op) {
        const int64_t *x = in[0]->i;
        return add([=, bits = widthOf(op.getIn())](int n) {
          for (int l = 0; l < n; ++l)
            out->f[l] = float(zeroExtend(x[l], bits));
        });
      })
      .Case([&](arith::FPToSIOp) {
        const float *x = in[0]->f;
        double limit = std::ldexp(1.0, width - 1);
        return add([=](int n) {
          for (int l = 0; l < n; ++l)
            out->i[l] = signExtend(toInteger(x[l], -limit, limit - 1), width);
        });
      })
      .Case([&](arith::FPToUIOp) {
        const float *x = in[0]->f;
        double limit = std::ldexp(1.0, width) - 1;
        return add([=](int n) {
          for (int l = 0; l < n; ++l)
            out->i[l] = signExtend(toInteger(x[l], 0, limit), width);
        });
      })
      .Case<arith::ExtFOp, arith::TruncFOp>(
          [&](Operation *) { return mapF([](float a) { return a; }); })
      .Case([&](arith::BitcastOp op) -> LogicalResult {
        Type from = getElementTypeOrSelf(op.getIn().getType());
        if (from.isF32() && type.isInteger(32)) {
          const float *x = in[0]->f;
          return add([=](int n) {
            for (int l = 0; l < n; ++l)
              out->i[l] = FloatOps::bits(x[l]);
          });
        }
        if (from.isInteger(32) && type.isF32()) {
          const int64_t *x = in[0]->i;
          return add([=](int n) {
            for (int l = 0; l < n; ++l)
              out->f[l] = FloatOps::fromBits(int32_t(x[l]));
          });
        }
        // Codes of floats of 8 and 4 bits.
        std::optional<ElementKind> source = getElementKind(from);
        if (source && mpq::isFloat(*source) && getElementSize(*source) == 1 &&
            type.isInteger(from.getIntOrFloatBitWidth())) {
          const float *x = in[0]->f;
          return add([=, source = *source](int n) {
            for (int l = 0; l < n; ++l)
              out->i[l] = signExtend(narrowElement(source, x[l]), width);
          });
        }
        if (mpq::isFloat(*kind) && getElementSize(*kind) == 1 &&
            from.isInteger(type.getIntOrFloatBitWidth())) {
          const int64_t *x = in[0]->i;
          return add([=, kind = *kind](int n) {
            for (int l = 0; l < n; ++l)
              out->f[l] = widenElement(kind, uint16_t(x[l]));
          });
        }
        return unsupported();
      })
      .Case([&](arith::SelectOp) {
        const int64_t *c = in[0]->i;
        const Row *x = in[1], *y = in[2];
        if (mpq::isFloat(*kind))
          return add([=](int n) {
            for (int l = 0; l < n; ++l)
              out->f[l] = c[l] ? x->f[l] : y->f[l];
          });
        return add([=](int n) {
          for (int l = 0; l < n; ++l)
            out->i[l] = c[l] ? x->i[l] : y->i[l];
        });
      })
      // Quantization: scalars and, in tensor form, rows of parameters.
      .Case([&](QuantizeOp op) {
        const float *x = in[0]->f, *scale = in[1]->f;
        const int64_t *zero = in[2]->i;
        auto form = formulas::getQuantizeForm(op);
        bool isUnsigned = op.getIsUnsigned();
        return add([=](int n) {
          int64_t z[Row::width];
          for (int l = 0; l < n; ++l)
            z[l] = isUnsigned ? zeroExtend(zero[l], width) : zero[l];
          rows::quantize(out->i, x, scale, z, form, n);
          for (int l = 0; l < n; ++l)
            out->i[l] = signExtend(out->i[l], width);
        });
      })
      .Case([&](RequantizeOp op) {
        const float *multiplier = in[1]->f;
        const int64_t *x = in[0]->i, *zero = in[2]->i;
        auto form = formulas::getQuantizeForm(op);
        bool isUnsigned = op.getIsUnsigned();
        return add([=](int n) {
          int64_t z[Row::width];
          for (int l = 0; l < n; ++l)
            z[l] = isUnsigned ? zeroExtend(zero[l], width) : zero[l];
          rows::requantize(out->i, x, multiplier, z, form, n);
          for (int l = 0; l < n; ++l)
            out->i[l] = signExtend(out->i[l], width);
        });
      })
      .Case([&](DequantizeOp op) {
        const float *scale = in[1]->f;
        if (isa<FloatType>(getElementTypeOrSelf(op.getInput().getType()))) {
          const float *x = in[0]->f, *zero = in[2]->f;
          return add([=](int n) {
            for (int l = 0; l < n; ++l)
              out->f[l] = (x[l] - zero[l]) * scale[l];
          });
        }
        const int64_t *x = in[0]->i, *zero = in[2]->i;
        unsigned bits = op.getIsUnsigned() ? widthOf(op.getInput()) : 64;
        return add([=](int n) {
          int64_t q[Row::width], z[Row::width];
          for (int l = 0; l < n; ++l) {
            q[l] = zeroExtend(x[l], bits);
            z[l] = zeroExtend(zero[l], bits);
          }
          rows::dequantize(out->f, q, scale, z, n);
        });
      })
      // Positions and tables.
      .Case([&](linalg::IndexOp op) {
        indexRows.push_back({op.getDim(), getIndex(op.getResult())});
        return success();
      })
      .Case([&](tensor::ExtractOp op) {
        steps.push_back([=](int n) -> LogicalResult {
          int64_t offsets[Row::width] = {};
          for (auto [row, extent] : llvm::zip_equal(in, source.getShape()))
            for (int l = 0; l < n; ++l) {
              if (row->i[l] < 0 || row->i[l] >= extent) {
                Operation *extractOp = op;
                return extractOp->emitOpError("reads position ")
                       << row->i[l] << " of a dimension of extent " << extent;
              }
              offsets[l] = offsets[l] * extent + row->i[l];
            }
          loadRow(*out, source, offsets, n);
          return success();
        });
        return success();
      })
      .Default([&](Operation *) { return unsupported(); });
}
