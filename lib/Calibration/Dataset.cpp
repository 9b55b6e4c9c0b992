//===- Dataset.cpp - calibration samples in a folder ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calibration on wrong data gives a model that is wrong without a word, so
// everything that can be checked against the model is, before the first run
// where possible.
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/Dataset.h"
#include "mpq/Support/NpzFile.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

using namespace mpq;
using llvm::StringRef;
using llvm::Twine;

static std::string describe(NpyType type, llvm::ArrayRef<int64_t> shape) {
  std::string text = getNpyTypeName(type).str();
  if (shape.empty())
    return text + " scalar";
  return text + " " +
         llvm::join(
             llvm::map_range(
                 shape, [](int64_t extent) { return std::to_string(extent); }),
             "x");
}

std::string InputSpec::describe() const { return ::describe(type, shape); }

std::string Dataset::getPath(StringRef input, StringRef sample) const {
  llvm::SmallString<256> path(directory);
  llvm::sys::path::append(path, input, sample);
  return path.str().str();
}

static std::string listNames(llvm::ArrayRef<InputSpec> inputs) {
  return llvm::join(llvm::map_range(inputs,
                                    [](const InputSpec &input) {
                                      return "'" + input.name + "'";
                                    }),
                    ", ");
}

/// Names of the entries of a folder, sorted.
static llvm::Expected<std::vector<std::string>>
listFolder(StringRef path, llvm::sys::fs::file_type kind) {
  std::vector<std::string> names;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(path, error), end;
       !error && it != end; it.increment(error)) {
    // Links are followed: data sets are often made of them.
    llvm::ErrorOr<llvm::sys::fs::basic_file_status> status = it->status();
    if (status && status->type() == kind)
      names.push_back(llvm::sys::path::filename(it->path()).str());
  }
  if (error)
    return llvm::createStringError("cannot read calibration folder '" + path +
                                   "': " + error.message());
  llvm::sort(names);
  return names;
}

/// Names of the files that may be samples.
static llvm::Expected<std::vector<std::string>> listSamples(StringRef folder,
                                                            StringRef suffix) {
  llvm::Expected<std::vector<std::string>> names =
      listFolder(folder, llvm::sys::fs::file_type::regular_file);
  if (names)
    llvm::erase_if(*names, [&](StringRef name) {
      return !name.ends_with(suffix) || name.starts_with(".");
    });
  return names;
}

/// A folder that is of no input is most likely a misspelt one.
static llvm::Error checkFolders(StringRef directory,
                                llvm::ArrayRef<InputSpec> inputs) {
  llvm::Expected<std::vector<std::string>> folders =
      listFolder(directory, llvm::sys::fs::file_type::directory_file);
  if (!folders)
    return folders.takeError();
  for (StringRef folder : *folders) {
    // An input 'a/b' lies in the folder 'a'.
    bool known = llvm::any_of(inputs, [&](const InputSpec &input) {
      return StringRef(input.name).split('/').first == folder;
    });
    if (!known)
      return llvm::createStringError("the model has no input '" + folder +
                                     "' for the folder '" + directory + "/" +
                                     folder + "': expected folders " +
                                     listNames(inputs));
  }
  return llvm::Error::success();
}

llvm::Error Dataset::open(llvm::ArrayRef<InputSpec> expected) {
  inputs = expected.vec();
  if (llvm::Error error = checkFolders(directory, inputs))
    return error;
  llvm::Expected<std::vector<std::string>> archives =
      listSamples(directory, ".npz");
  if (!archives)
    return archives.takeError();
  areArchives = !archives->empty();
  if (areArchives) {
    for (const InputSpec &input : inputs)
      if (llvm::sys::fs::is_directory(getPath(input.name, "")))
        return llvm::createStringError(
            "expected the calibration folder '" + directory +
            "' to hold either .npz files or a folder for each input but it has "
            "'" +
            archives->front() + "' and the folder '" + input.name + "'");
    samples = std::move(*archives);
    return llvm::Error::success();
  }

  std::vector<std::set<std::string>> files(inputs.size());
  std::set<std::string> all;
  for (auto [input, names] : llvm::zip_equal(inputs, files)) {
    std::string folder = getPath(input.name, "");
    if (!llvm::sys::fs::is_directory(folder))
      return llvm::createStringError(
          "no calibration data for input '" + input.name +
          "': expected a folder '" + directory + "/" + input.name +
          "' with one .npy file (" + input.describe() + ") a sample");
    llvm::Expected<std::vector<std::string>> listed =
        listSamples(folder, ".npy");
    if (!listed)
      return listed.takeError();
    names.insert(listed->begin(), listed->end());
    if (names.empty())
      return llvm::createStringError("the calibration folder '" + directory +
                                     "/" + input.name +
                                     "' is empty: expected one .npy file (" +
                                     input.describe() + ") a sample");
    all.insert(names.begin(), names.end());
  }
  for (auto [input, names] : llvm::zip_equal(inputs, files)) {
    for (const std::string &name : all) {
      if (names.count(name))
        continue;
      const InputSpec &partner =
          inputs[llvm::find_if(files,
                               [&](const std::set<std::string> &others) {
                                 return others.count(name);
                               }) -
                 files.begin()];
      return llvm::createStringError(
          "incomplete calibration sample: '" + getPath(partner.name, name) +
          "' has no partner '" + getPath(input.name, name) + "' for input '" +
          input.name + "'");
    }
  }
  samples.assign(all.begin(), all.end());
  return llvm::Error::success();
}

/// The position of the first NaN or infinity.
static std::optional<size_t> findNonFinite(const NpyArray &array) {
  if (array.type != NpyType::F32)
    return std::nullopt;
  size_t count = array.data.size() / sizeof(float);
  for (size_t i = 0; i < count; ++i) {
    float value;
    std::memcpy(&value, array.data.data() + i * sizeof(float), sizeof(float));
    if (!std::isfinite(value))
      return i;
  }
  return std::nullopt;
}

llvm::Error mpq::checkSample(const NpyArray &array, const InputSpec &input,
                             StringRef place) {
  if (array.type != input.type || array.shape != input.shape)
    return llvm::createStringError(
        "'" + place + "': expected " + input.describe() + " for input '" +
        input.name + "' but got " + ::describe(array.type, array.shape));
  if (std::optional<size_t> at = findNonFinite(array))
    return llvm::createStringError(
        "'" + place + "': element " + Twine(*at) +
        " is NaN or infinite: expected finite calibration data for input '" +
        input.name + "'");
  return llvm::Error::success();
}

llvm::Expected<std::vector<NpyArray>>
Dataset::readArchive(StringRef path) const {
  llvm::Expected<NpzFile> file = NpzFile::open(path);
  if (!file)
    return file.takeError();
  std::vector<StringRef> names = file->getNames();
  for (StringRef name : names)
    if (llvm::none_of(inputs, [&](auto &input) { return input.name == name; }))
      return llvm::createStringError(
          "'" + path + "': the model has no input '" + name +
          "' for the array of this name: expected arrays " + listNames(inputs));
  std::vector<NpyArray> arrays;
  for (const InputSpec &input : inputs) {
    if (!llvm::is_contained(names, input.name))
      return llvm::createStringError("'" + path + "': expected an array '" +
                                     input.name + "' (" + input.describe() +
                                     ") but there is none");
    llvm::Expected<NpyArray> array = file->read(input.name);
    if (!array)
      return array.takeError();
    if (llvm::Error error =
            checkSample(*array, input, (path + ":" + input.name).str()))
      return error;
    arrays.push_back(std::move(*array));
  }
  return arrays;
}

llvm::Expected<std::optional<Sample>> Dataset::next() {
  if (position == samples.size())
    return std::nullopt;
  Sample sample{samples[position++], {}};
  if (areArchives) {
    llvm::Expected<std::vector<NpyArray>> arrays =
        readArchive(getPath("", sample.name));
    if (!arrays)
      return arrays.takeError();
    sample.arrays = std::move(*arrays);
    return sample;
  }
  for (const InputSpec &input : inputs) {
    std::string path = getPath(input.name, sample.name);
    llvm::Expected<NpyArray> array = readNpyFile(path);
    if (!array)
      return array.takeError();
    if (llvm::Error error = checkSample(*array, input, path))
      return error;
    sample.arrays.push_back(std::move(*array));
  }
  return sample;
}
