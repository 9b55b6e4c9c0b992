//===- Profile.cpp - reading, writing and merging calibration profiles ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A profile outlives the process that wrote it and may be edited or truncated
// on the way, so reading checks every field and says which one is wrong.
//
//===----------------------------------------------------------------------===//

#include "mpq/Calibration/Profile.h"
#include "mpq/Support/WriteFile.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mpq;
using llvm::Twine;

static constexpr llvm::StringLiteral kFormat = "mpq-profile";

llvm::Error Profile::merge(const Profile &other) {
  if (fingerprint != other.fingerprint)
    return llvm::createStringError(
        "cannot merge profiles of different models: expected fingerprint '" +
        fingerprint + "' but got '" + other.fingerprint + "'");
  // Files may have been edited.
  for (const auto &[id, extremes] : other.channels)
    if (auto found = channels.find(id);
        found != channels.end() &&
        found->second.getMin().size() != extremes.getMin().size())
      return llvm::createStringError(
          "cannot merge profiles: value '" + id + "' has " +
          Twine(found->second.getMin().size()) + " channels in one and " +
          Twine(extremes.getMin().size()) + " in the other");
  samples += other.samples;
  for (const auto &[id, histogram] : other.values)
    values[id].merge(histogram);
  for (const auto &[id, extremes] : other.channels)
    channels[id].merge(extremes);
  return llvm::Error::success();
}

llvm::Error mpq::mergeProfiles(llvm::ArrayRef<std::string> paths,
                               llvm::StringRef output) {
  if (llvm::Error error = checkWritable(output))
    return error;
  std::optional<Profile> all;
  for (const std::string &path : paths) {
    llvm::Expected<Profile> part = Profile::read(path);
    if (!part)
      return part.takeError();
    if (!part->done.empty())
      return llvm::createStringError(
          "profile '" + path +
          "' is of a calibration that is not finished: merge what --calibrate "
          "writes with -o");
    if (!all)
      all = std::move(*part);
    else if (llvm::Error error = all->merge(*part))
      return llvm::createStringError("profile '" + path +
                                     "': " + llvm::toString(std::move(error)));
  }
  if (!all)
    return llvm::createStringError("expected profiles to merge but got none");
  return all->write(output);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static void writeChannels(llvm::json::OStream &json,
                          const ChannelExtremes &extremes) {
  json.attributeObject("channels", [&] {
    for (auto [name, bounds] : {std::pair("min", extremes.getMin()),
                                std::pair("max", extremes.getMax())})
      json.attributeArray(name, [&, &bounds = bounds] {
        for (float bound : bounds)
          json.value(double(bound));
      });
  });
}

std::string Profile::toJSON() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  json.object([&] {
    json.attribute("format", kFormat);
    json.attribute("version", kVersion);
    json.attribute("fingerprint", fingerprint);
    json.attribute("samples", samples);
    if (!done.empty())
      json.attributeArray("done", [&] {
        for (const SampleMark &mark : done)
          json.array([&] {
            json.value(llvm::json::fixUTF8(mark.name));
            json.value(mark.digest);
          });
      });
    json.attributeBegin("values");
    json.object([&] {
      for (const auto &[id, histogram] : values) {
        stream << "\n"; // one value a line: files stay fit for diff and grep
        json.attributeObject(llvm::json::fixUTF8(id), [&] {
          if (!histogram.empty()) {
            json.attribute("min", double(histogram.getMin()));
            json.attribute("max", double(histogram.getMax()));
          }
          json.attribute("count", histogram.getCount());
          json.attribute("infinities", histogram.getInfinityCount());
          json.attribute("exponent", histogram.getExponent());
          json.attribute("first", histogram.getFirstBin());
          json.attributeArray("bins", [&] {
            for (uint64_t count : histogram.getCounts())
              json.value(count);
          });
          if (auto found = channels.find(id); found != channels.end())
            writeChannels(json, found->second);
        });
      }
    });
    json.attributeEnd();
  });
  stream << "\n";
  return text;
}

llvm::Error Profile::write(llvm::StringRef path) const {
  return writeFile(path, [&](llvm::raw_ostream &os) { os << toJSON(); });
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// Fields of one JSON object, with errors that name the field.
class Fields {
public:
  Fields(const llvm::json::Object &object, const Twine &where)
      : object(object), where(where.str()) {}

  llvm::Expected<uint64_t> count(llvm::StringRef name) const {
    const llvm::json::Value *value = object.get(name);
    if (!value)
      return missing(name);
    if (std::optional<uint64_t> number = value->getAsUINT64())
      return *number;
    return wrong(name, "a count", *value);
  }
  llvm::Expected<int64_t> integer(llvm::StringRef name) const {
    const llvm::json::Value *value = object.get(name);
    if (!value)
      return missing(name);
    if (std::optional<int64_t> number = value->getAsInteger())
      return *number;
    return wrong(name, "an integer", *value);
  }
  llvm::Expected<double> number(llvm::StringRef name) const {
    const llvm::json::Value *value = object.get(name);
    if (!value)
      return missing(name);
    if (std::optional<double> number = value->getAsNumber())
      return *number;
    return wrong(name, "a number", *value);
  }
  llvm::Error missing(llvm::StringRef name) const {
    return llvm::createStringError(where + ": missing field '" + name + "'");
  }
  llvm::Error wrong(llvm::StringRef name, llvm::StringRef expected,
                    const llvm::json::Value &got) const {
    std::string text;
    llvm::raw_string_ostream(text) << got;
    return llvm::createStringError(where + ": expected field '" + name +
                                   "' to be " + expected + " but got " + text);
  }

private:
  const llvm::json::Object &object;
  std::string where;
};
} // namespace

static llvm::Expected<Histogram> readHistogram(const llvm::json::Object &object,
                                               const Twine &where) {
  Fields fields(object, where);
  llvm::Expected<uint64_t> count = fields.count("count");
  if (!count)
    return count.takeError();
  llvm::Expected<uint64_t> infinities = fields.count("infinities");
  if (!infinities)
    return infinities.takeError();
  const llvm::json::Array *bins = object.getArray("bins");
  if (!bins)
    return fields.missing("bins");
  if (bins->size() > size_t(Histogram::kBins))
    return llvm::createStringError(where + ": expected at most " +
                                   Twine(Histogram::kBins) + " bins but got " +
                                   Twine(bins->size()));
  llvm::SmallVector<uint64_t> counts;
  for (const llvm::json::Value &value : *bins) {
    std::optional<uint64_t> number = value.getAsUINT64();
    if (!number)
      return fields.wrong("bins", "an array of counts", value);
    counts.push_back(*number);
  }
  if (counts.empty() && *count == 0)
    return Histogram::fromCounts(0, 0, 0, 0, {}, *infinities);

  llvm::Expected<double> min = fields.number("min");
  if (!min)
    return min.takeError();
  llvm::Expected<double> max = fields.number("max");
  if (!max)
    return max.takeError();
  llvm::Expected<int64_t> exponent = fields.integer("exponent");
  if (!exponent)
    return exponent.takeError();
  llvm::Expected<int64_t> first = fields.integer("first");
  if (!first)
    return first.takeError();
  llvm::Expected<Histogram> histogram = Histogram::fromCounts(
      float(*min), float(*max), int(*exponent), *first, counts, *infinities);
  if (!histogram)
    return llvm::createStringError(where + ": " +
                                   llvm::toString(histogram.takeError()));
  if (histogram->getCount() != *count)
    return llvm::createStringError(where + ": expected the bins to sum up to " +
                                   Twine(*count) + " but got " +
                                   Twine(histogram->getCount()));
  return histogram;
}

static llvm::Expected<ChannelExtremes>
readChannels(const llvm::json::Object &object, const Twine &where) {
  Fields fields(object, where + ": field 'channels'");
  std::vector<float> bounds[2];
  for (auto [name, list] :
       {std::pair("min", &bounds[0]), std::pair("max", &bounds[1])}) {
    const llvm::json::Array *array = object.getArray(name);
    if (!array)
      return fields.missing(name);
    for (const llvm::json::Value &value : *array) {
      std::optional<double> number = value.getAsNumber();
      if (!number)
        return fields.wrong(name, "an array of numbers", value);
      list->push_back(float(*number));
    }
  }
  if (bounds[0].size() != bounds[1].size())
    return llvm::createStringError(
        where +
        ": field 'channels': expected as many numbers in 'min' as in "
        "'max' but got " +
        Twine(bounds[0].size()) + " and " + Twine(bounds[1].size()));
  return ChannelExtremes(std::move(bounds[0]), std::move(bounds[1]));
}

llvm::Expected<Profile> Profile::fromJSON(llvm::StringRef text,
                                          llvm::StringRef source) {
  std::string where = ("profile '" + source + "'").str();
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(text);
  if (!parsed)
    return llvm::createStringError(
        where + " is not complete JSON, write it again with --calibrate: " +
        llvm::toString(parsed.takeError()));
  const llvm::json::Object *root = parsed->getAsObject();
  if (!root || root->getString("format") != std::optional(kFormat))
    return llvm::createStringError(where +
                                   ": expected an object with the field "
                                   "'format' of '" +
                                   kFormat + "'");
  Fields fields(*root, where);
  llvm::Expected<int64_t> version = fields.integer("version");
  if (!version)
    return version.takeError();
  if (*version != kVersion)
    return llvm::createStringError(
        where + ": expected format version " + Twine(kVersion) + " but got " +
        Twine(*version) +
        ", calibrate again with this version of the compiler");

  Profile profile;
  if (root->get("fingerprint")) {
    std::optional<llvm::StringRef> fingerprint = root->getString("fingerprint");
    if (!fingerprint)
      return fields.wrong("fingerprint", "a string", *root->get("fingerprint"));
    profile.fingerprint = fingerprint->str();
  }
  llvm::Expected<uint64_t> samples = fields.count("samples");
  if (!samples)
    return samples.takeError();
  profile.samples = *samples;
  if (const llvm::json::Value *done = root->get("done")) {
    const llvm::json::Array *marks = done->getAsArray();
    for (const llvm::json::Value &mark : marks ? *marks : llvm::json::Array()) {
      const llvm::json::Array *pair = mark.getAsArray();
      std::optional<llvm::StringRef> name;
      std::optional<uint64_t> digest;
      if (pair && pair->size() == 2) {
        name = (*pair)[0].getAsString();
        digest = (*pair)[1].getAsUINT64();
      }
      if (!name || !digest)
        return fields.wrong("done", "an array of [name, digest]", mark);
      profile.done.push_back({name->str(), *digest});
    }
    if (!marks || profile.done.size() != profile.samples)
      return llvm::createStringError(
          where + ": expected field 'done' to be an array of " +
          Twine(profile.samples) + " samples");
  }
  const llvm::json::Object *values = root->getObject("values");
  if (!values)
    return fields.missing("values");
  for (const auto &[id, value] : *values) {
    std::string place = where + ": value '" + id.str() + "'";
    const llvm::json::Object *object = value.getAsObject();
    if (!object)
      return llvm::createStringError(place + ": expected an object");
    llvm::Expected<Histogram> histogram = readHistogram(*object, place);
    if (!histogram)
      return histogram.takeError();
    profile.values.emplace(id.str(), std::move(*histogram));
    const llvm::json::Object *channels = object->getObject("channels");
    if (!channels)
      continue;
    llvm::Expected<ChannelExtremes> extremes = readChannels(*channels, place);
    if (!extremes)
      return extremes.takeError();
    profile.channels.emplace(id.str(), std::move(*extremes));
  }
  return profile;
}

llvm::Expected<Profile> Profile::read(llvm::StringRef path) {
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer =
      llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                  /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError("cannot read profile '" + path +
                                   "': " + buffer.getError().message());
  return fromJSON((*buffer)->getBuffer(), path);
}
