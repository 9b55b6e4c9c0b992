//===- StrategyTimes.cpp - measurements in a file ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StrategyTimes.h"

#include "mpq/Codegen/KernelGroup.h"
#include "mpq/Support/WriteFile.h"

#include "mlir/Support/DebugStringHelper.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mpq;
using llvm::json::OStream;

static constexpr StringLiteral kFormat = "mpq-strategy-times";
static constexpr int64_t kVersion = 1;

StrategyTimes::Key StrategyTimes::getKey(func::FuncOp kernel,
                                         TargetAttr target) {
  std::string machine = llvm::join_items(" ", target.getTriple(),
                                         target.getCpu(), target.getFeatures());
  llvm::XXH128_hash_t digest =
      llvm::xxh3_128bits(llvm::arrayRefFromStringRef(describeKernel(kernel)));
  std::string text;
  for (uint64_t half : {digest.high64, digest.low64})
    text += llvm::utohexstr(half, /*LowerCase=*/true, /*Width=*/16);
  return {machine, text};
}

std::optional<SmallVector<double>>
StrategyTimes::lookup(func::FuncOp kernel, TargetAttr target,
                      ArrayRef<StrategyAttr> strategies) const {
  auto entry = entries.find(getKey(kernel, target));
  if (entry == entries.end())
    return std::nullopt;
  SmallVector<double> milliseconds;
  for (StrategyAttr strategy : strategies) {
    auto found = llvm::find_if(entry->second.strategies, [&](const auto &time) {
      return time.first == debugString(strategy);
    });
    if (found == entry->second.strategies.end())
      return std::nullopt;
    milliseconds.push_back(found->second);
  }
  return milliseconds;
}

void StrategyTimes::insert(func::FuncOp kernel, TargetAttr target,
                           ArrayRef<StrategyAttr> strategies,
                           ArrayRef<double> milliseconds) {
  Entry &entry = entries[getKey(kernel, target)];
  Operation *product = KernelOps::get(kernel).product;
  entry.product = product->getName().getStringRef().str();
  entry.strategies.clear();
  for (auto [strategy, time] : llvm::zip_equal(strategies, milliseconds))
    entry.strategies.emplace_back(debugString(strategy), time);
}

static llvm::Error invalid(StringRef path, const Twine &why) {
  return llvm::createStringError("expected '" + path +
                                 "' to hold times of strategies "
                                 "(mpq-strategy-times): " +
                                 why + ": name another file or remove it");
}

llvm::Expected<StrategyTimes> StrategyTimes::read(StringRef path) {
  StrategyTimes times;
  if (!llvm::sys::fs::exists(path))
    return times;
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return llvm::createStringError("cannot read '" + path +
                                   "': " + buffer.getError().message());
  llvm::Expected<llvm::json::Value> json =
      llvm::json::parse((*buffer)->getBuffer());
  if (!json)
    return invalid(path, "it is no JSON: " + llvm::toString(json.takeError()));
  const llvm::json::Object *root = json->getAsObject();
  if (!root || root->getString("format") != kFormat ||
      root->getInteger("version") != kVersion)
    return invalid(path, "it has another format or version");
  const llvm::json::Array *kernels = root->getArray("kernels");
  if (!kernels)
    return invalid(path, "it has no list 'kernels'");
  for (auto [index, value] : llvm::enumerate(*kernels)) {
    auto malformed = [&, index = index] {
      return invalid(path, "entry " + Twine(index) +
                               " lacks target, kernel, product or strategies "
                               "with a strategy and milliseconds each");
    };
    const llvm::json::Object *object = value.getAsObject();
    if (!object)
      return malformed();
    auto target = object->getString("target"),
         kernel = object->getString("kernel"),
         product = object->getString("product");
    const llvm::json::Array *strategies = object->getArray("strategies");
    if (!target || !kernel || !product || !strategies)
      return malformed();
    Entry &entry = times.entries[{target->str(), kernel->str()}];
    entry.product = product->str();
    for (const llvm::json::Value &element : *strategies) {
      const llvm::json::Object *pair = element.getAsObject();
      auto strategy = pair ? pair->getString("strategy") : std::nullopt;
      auto milliseconds = pair ? pair->getNumber("milliseconds") : std::nullopt;
      if (!strategy || !milliseconds)
        return malformed();
      entry.strategies.emplace_back(strategy->str(), *milliseconds);
    }
  }
  return times;
}

llvm::Error StrategyTimes::write(StringRef path) const {
  return writeFile(path, [&](llvm::raw_ostream &os) {
    OStream json(os, /*IndentSize=*/1);
    json.object([&] {
      json.attribute("format", kFormat);
      json.attribute("version", kVersion);
      json.attributeArray("kernels", [&] {
        for (const auto &[key, entry] : entries)
          json.object([&, &key = key, &entry = entry] {
            json.attribute("target", key.first);
            json.attribute("kernel", key.second);
            json.attribute("product", entry.product);
            json.attributeArray("strategies", [&] {
              for (const auto &[strategy, milliseconds] : entry.strategies)
                json.object([&, &strategy = strategy, time = milliseconds] {
                  json.attribute("strategy", strategy);
                  json.attribute("milliseconds", time);
                });
            });
          });
      });
    });
    os << '\n';
  });
}
