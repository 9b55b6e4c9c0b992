//===- QuantizeForm.h - attributes as the formulas take them ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_NUMERICS_QUANTIZEFORM_H
#define MPQ_NUMERICS_QUANTIZEFORM_H

#include "mpq/Dialect/MPQDialect.h"
#include "mpq/Numerics/Formulas.h"

namespace mpq::formulas {

QuantizeForm getQuantizeForm(QuantizeOp op);
QuantizeForm getQuantizeForm(RequantizeOp op);

} // namespace mpq::formulas

#endif // MPQ_NUMERICS_QUANTIZEFORM_H
