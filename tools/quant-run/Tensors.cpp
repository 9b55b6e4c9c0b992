//===- Tensors.cpp - named arrays in and out of quant-run ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tensors.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace mpq;
using namespace mpq::run;

static std::string listNames(ArrayRef<TensorSpec> specs) {
  return join(
      map_range(specs, [](const TensorSpec &s) { return "'" + s.name + "'"; }),
      ", ");
}

static std::string describe(NpyType type, ArrayRef<int64_t> shape) {
  std::string text = getNpyTypeName(type).str() + "[";
  interleave(
      shape, [&](int64_t e) { text += std::to_string(e); },
      [&] { text += ","; });
  return text + "]";
}

Expected<std::vector<NpyArray>>
run::readInputs(ArrayRef<TensorSpec> specs, ArrayRef<std::string> arguments) {
  StringMap<StringRef> files;
  for (StringRef argument : arguments) {
    // Tensor names may contain '='; file names may too, but the last part of a
    // name is the likelier place to guess wrong: prefer a known name.
    const TensorSpec *spec = find_if(specs, [&](const TensorSpec &s) {
      return argument.starts_with(s.name + "=");
    });
    auto [name, file] = argument.split('=');
    if (file.empty() && spec == specs.end())
      return createStringError("expected --input NAME=FILE.npy but got '" +
                               argument + "'");
    if (spec == specs.end())
      return createStringError("the model has no input '" + name +
                               "': its inputs are " + listNames(specs));
    if (!files
             .try_emplace(spec->name,
                          argument.drop_front(spec->name.size() + 1))
             .second)
      return createStringError("input '" + Twine(spec->name) +
                               "' is given twice");
  }
  std::vector<NpyArray> arrays;
  for (const TensorSpec &spec : specs) {
    auto file = files.find(spec.name);
    if (file == files.end())
      return createStringError("input '" + Twine(spec.name) +
                               "' is missing: pass --input " + spec.name +
                               "=FILE.npy");
    Expected<NpyArray> array = readNpyFile(file->second);
    if (!array)
      return array.takeError();
    if (array->type != spec.type || array->shape != spec.shape)
      return createStringError("input '" + Twine(spec.name) + "' expects " +
                               describe(spec.type, spec.shape) + " but '" +
                               file->second + "' holds " +
                               describe(array->type, array->shape));
    arrays.push_back(std::move(*array));
  }
  return arrays;
}

std::string run::getOutputFileName(StringRef name) {
  std::string file = name.str();
  llvm::replace(file, '/', '_');
  return file + ".npy";
}

Error run::writeOutputs(StringRef directory, ArrayRef<TensorSpec> specs,
                        ArrayRef<ArrayRef<char>> data) {
  StringMap<StringRef> names;
  for (const TensorSpec &spec : specs) {
    auto [it, isNew] =
        names.try_emplace(getOutputFileName(spec.name), spec.name);
    if (!isNew)
      return createStringError("outputs '" + it->second + "' and '" +
                               spec.name + "' would both be written to '" +
                               it->first() + "'");
  }
  if (std::error_code error = sys::fs::create_directories(directory))
    return createStringError("cannot create output folder '" + directory +
                             "': " + error.message());
  for (auto [spec, bytes] : zip_equal(specs, data)) {
    SmallString<256> path(directory);
    sys::path::append(path, getOutputFileName(spec.name));
    if (Error error = writeNpyFile(path, spec.type, spec.shape, bytes))
      return error;
  }
  return Error::success();
}
