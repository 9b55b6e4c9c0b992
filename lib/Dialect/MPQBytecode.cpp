//===- MPQBytecode.cpp - attributes with large constants in files ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bytecode writes attributes as text unless their dialect knows better. Read
// back, the text would name resources that nobody connects with their bytes.
//
//===----------------------------------------------------------------------===//

#include "MPQBytecode.h"

#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Bytecode/BytecodeImplementation.h"

using namespace mlir;
using namespace mpq;

namespace {
/// Kinds of attributes in files: numbers never change.
enum class Code : uint64_t { RoundedWeights = 0 };

struct Bytecode : BytecodeDialectInterface {
  explicit Bytecode(Dialect *dialect) : BytecodeDialectInterface(dialect) {}

  LogicalResult writeAttribute(Attribute attribute,
                               DialectBytecodeWriter &writer) const override {
    auto rounded = dyn_cast<RoundedWeightsAttr>(attribute);
    if (!rounded)
      return failure(); // as text
    writer.writeVarInt(uint64_t(Code::RoundedWeights));
    writer.writeAttribute(rounded.getRounding());
    writer.writeAttribute(rounded.getErrors());
    writer.writeAttribute(rounded.getIntegers());
    writer.writeAttribute(rounded.getScales());
    writer.writeOptionalAttribute(rounded.getZeroPoints());
    return success();
  }

  Attribute readAttribute(DialectBytecodeReader &reader) const override {
    uint64_t code;
    if (failed(reader.readVarInt(code)))
      return {};
    if (code != uint64_t(Code::RoundedWeights)) {
      reader.emitError() << "expected attribute 0 of dialect mpq but got "
                         << code << ": the file is of another version";
      return {};
    }
    WeightRoundingAttr rounding;
    DenseF64ArrayAttr errors;
    ElementsAttr integers, scales, zeroPoints;
    if (failed(reader.readAttribute(rounding)) ||
        failed(reader.readAttribute(errors)) ||
        failed(reader.readAttribute(integers)) ||
        failed(reader.readAttribute(scales)) ||
        failed(reader.readOptionalAttribute(zeroPoints)))
      return {};
    return RoundedWeightsAttr::getChecked([&] { return reader.emitError(); },
                                          getContext(), rounding, errors,
                                          integers, scales, zeroPoints);
  }
};
} // namespace

void mpq::registerBytecode(MPQDialect &dialect) {
  dialect.addInterfaces<Bytecode>();
}
