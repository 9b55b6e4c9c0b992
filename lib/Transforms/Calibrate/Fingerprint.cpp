//===- Fingerprint.cpp - identity of a prepared model ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A profile applied to another model would quantize it wrongly without a word.
// Hashing the printed module would do, but printing weights is slow and the
// names of resources differ from run to run, so the walk feeds the hash itself:
// each operation is reduced to text with its weights replaced by their hashes.
//
//===----------------------------------------------------------------------===//

#include "mpq/Dialect/ValueId.h"
#include "mpq/Transforms/Calibrate/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mpq;

namespace {
class Fingerprinter {
public:
  explicit Fingerprinter(llvm::raw_ostream &stream) : stream(stream) {}

  void add(Operation *op);

private:
  void add(Attribute attribute);
  void addAttributes(DictionaryAttr attributes);
  void add(Value value) { stream << '%' << numbers.lookup(value) << ' '; }
  void number(Value value) {
    numbers.try_emplace(value, numbers.size());
    stream << value.getType() << ' ';
  }
  void addBytes(ArrayRef<char> bytes) {
    stream << llvm::xxh3_64bits(ArrayRef<uint8_t>(
                  reinterpret_cast<const uint8_t *>(bytes.data()),
                  bytes.size()))
           << ' ';
  }

  llvm::raw_ostream &stream;
  DenseMap<Value, unsigned> numbers;
};
} // namespace

void Fingerprinter::add(Attribute attribute) {
  if (auto array = dyn_cast<ArrayAttr>(attribute)) {
    stream << "[ ";
    for (Attribute element : array)
      add(element);
    stream << "] ";
  } else if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    addAttributes(dictionary);
  } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    stream << resource.getType() << ' ';
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      addBytes(blob->getData());
  } else if (auto dense = dyn_cast<DenseIntOrFPElementsAttr>(attribute)) {
    stream << dense.getType() << ' ';
    addBytes(dense.getRawData());
  } else {
    stream << attribute << ' ';
  }
}

void Fingerprinter::addAttributes(DictionaryAttr attributes) {
  stream << "{ ";
  for (NamedAttribute attribute : attributes) {
    // Decisions are not the model, nor is a cache that text does not hold.
    StringRef name = attribute.getName();
    if (name == linalg::LinalgDialect::kMemoizedIndexingMapsAttrName ||
        name == MPQDialect::getRangeAttrName() ||
        name == MPQDialect::getRowMaskAttrName() ||
        name == MPQDialect::getRangesAttrName() ||
        name == MPQDialect::getPrecisionAttrName() ||
        name == MPQDialect::getBlocksAttrName() ||
        name == MPQDialect::getMatrixStepAttrName() ||
        name == MPQDialect::getWeightRoundingAttrName() ||
        name == MPQDialect::getRoundedWeightsAttrName() ||
        name == MPQDialect::getTargetAttrName())
      continue;
    stream << name << ' ';
    add(attribute.getValue());
  }
  stream << "} ";
}

void Fingerprinter::add(Operation *op) {
  if (isa<ObserveOp>(op))
    return;
  stream << op->getName() << ' ';
  for (Value operand : op->getOperands())
    add(operand);
  addAttributes(op->getAttrDictionary());
  for (Value result : op->getResults()) {
    number(result);
    // Profiles are keyed by names of tensors. Text has none for the scalars of
    // named operations' bodies, which it leaves out.
    if (isa<ShapedType>(result.getType()))
      stream << getValueName(result) << ' ';
  }
  for (Region &region : op->getRegions()) {
    stream << "( ";
    // Forward references need numbers before the operations are visited.
    for (auto [index, block] : llvm::enumerate(region)) {
      stream << '^' << index << ' ';
      for (BlockArgument argument : block.getArguments())
        number(argument);
    }
    for (Block &block : region) {
      for (Operation &nested : block)
        add(&nested);
      stream << "; ";
    }
    stream << ") ";
  }
}

std::string mpq::getModelFingerprint(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  Fingerprinter(stream).add(module);
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(ArrayRef<uint8_t>(
      reinterpret_cast<const uint8_t *>(text.data()), text.size()));
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, /*Width=*/16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, /*Width=*/16);
}
