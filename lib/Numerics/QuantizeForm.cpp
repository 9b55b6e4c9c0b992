//===- QuantizeForm.cpp - attributes as the formulas take them ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Numerics/QuantizeForm.h"

using namespace mpq;

static formulas::RoundTo convertRounding(Rounding rounding) {
  switch (rounding) {
  case Rounding::HalfEven:
    return formulas::RoundTo::HalfEven;
  case Rounding::HalfUp:
    return formulas::RoundTo::HalfUp;
  case Rounding::HalfAway:
    return formulas::RoundTo::HalfAway;
  }
  llvm_unreachable("unknown rounding");
}

formulas::QuantizeForm formulas::getQuantizeForm(QuantizeOp op) {
  QuantizeForm form;
  form.rounding = convertRounding(op.getRounding());
  form.multiply = op.getScaling() == Scaling::Multiply;
  form.zeroPointFirst =
      op.getZeroPointOrder() == ZeroPointOrder::BeforeRounding;
  std::tie(form.low, form.high) = op.getLimits();
  return form;
}

formulas::QuantizeForm formulas::getQuantizeForm(RequantizeOp op) {
  QuantizeForm form;
  std::tie(form.low, form.high) = op.getLimits();
  return form;
}
