//===- Recipe.cpp - reading recipe files ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A misspelt key that does nothing costs a user an afternoon: every key and
// value is checked, and an error names what was expected and the nearest match.
//
//===----------------------------------------------------------------------===//

#include "mpq/Transforms/Assign/Recipe.h"
#include "mpq/Support/SuggestNearest.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Regex.h"

using namespace mpq;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

static constexpr StringRef productKinds[] = {"attention", "conv", "depthwise",
                                             "matmul"};

llvm::ArrayRef<StringRef> mpq::getProductKinds() { return productKinds; }

StringRef mpq::stringifyActivations(RecipeActivations activations) {
  switch (activations) {
  case RecipeActivations::F32:
    return "f32";
  case RecipeActivations::Static:
    return "static";
  case RecipeActivations::Dynamic:
    return "dynamic";
  }
  llvm_unreachable("unknown activations");
}

namespace {
/// The reader of one file: knows its name and where in it we are.
struct Reader {
  StringRef file;

  template <typename... Ts>
  Error error(const char *format, Ts &&...values) const {
    return llvm::createStringError(
        "recipe '" + file.str() +
        "': " + llvm::formatv(format, std::forward<Ts>(values)...).str());
  }

  /// Fails on keys of `object` that are not in `known`.
  Error checkKeys(const llvm::json::Object &object, StringRef where,
                  llvm::ArrayRef<StringRef> known) const {
    for (const auto &[key, value] : object) {
      StringRef name = key;
      if (!llvm::is_contained(known, name))
        return error("unknown key '{0}' {1}{2}; known are {3}", name, where,
                     suggestNearest(name, known),
                     llvm::make_range(known.begin(), known.end()));
    }
    return Error::success();
  }

  Expected<std::string> readString(const llvm::json::Value &value,
                                   StringRef key, StringRef where) const {
    std::optional<StringRef> text = value.getAsString();
    if (!text || text->empty())
      return error("expected '{0}' {1} to be a non-empty string", key, where);
    return text->str();
  }

  Expected<PrecisionKind> readPrecision(const llvm::json::Value &value,
                                        StringRef where) const {
    Expected<std::string> text = readString(value, "precision", where);
    if (!text)
      return text.takeError();
    std::optional<PrecisionKind> kind = symbolizePrecisionKind(*text);
    if (!kind)
      return error(
          "expected 'precision' {0} to be int8, int16, int4, int2, bf16, f16, "
          "fp8_e4m3, fp8_e5m2, mxfp8, mxfp4, mxint8 or f32 but got '{1}'{2}",
          where, *text,
          suggestNearest(*text, {"int8", "int16", "int4", "int2", "bf16", "f16",
                                 "fp8_e4m3", "fp8_e5m2", "mxfp8", "mxfp4",
                                 "mxint8", "f32"}));
    return *kind;
  }

  Expected<WeightRoundingKind> readRounding(const llvm::json::Value &value,
                                            StringRef where) const {
    Expected<std::string> text = readString(value, "rounding", where);
    if (!text)
      return text.takeError();
    std::optional<WeightRoundingKind> kind = symbolizeWeightRoundingKind(*text);
    if (!kind)
      return error(
          "expected 'rounding' {0} to be nearest, gptq or adaround but got "
          "'{1}'{2}",
          where, *text, suggestNearest(*text, {"nearest", "gptq", "adaround"}));
    return *kind;
  }

  Expected<RecipeActivations> readActivations(const llvm::json::Value &value,
                                              StringRef where) const {
    Expected<std::string> text = readString(value, "activations", where);
    if (!text)
      return text.takeError();
    std::optional<RecipeActivations> kind;
    llvm::SmallVector<StringRef, 3> known;
    for (auto each : {RecipeActivations::F32, RecipeActivations::Static,
                      RecipeActivations::Dynamic}) {
      known.push_back(stringifyActivations(each));
      if (*text == known.back())
        kind = each;
    }
    if (!kind)
      return error(
          "expected 'activations' {0} to be f32, static or dynamic but "
          "got '{1}'{2}",
          where, *text, suggestNearest(*text, known));
    return *kind;
  }

  /// Fails on a regular expression that does not parse.
  Error checkRegex(StringRef text, StringRef where) const {
    std::string message;
    if (llvm::Regex(text).isValid(message))
      return Error::success();
    return error("'{0}' {1} is no regular expression: {2}", text, where,
                 message);
  }

  /// The interval `range` of an object.
  Expected<std::pair<double, double>>
  readInterval(const llvm::json::Object &object, StringRef where) const {
    const llvm::json::Array *range = object.getArray("range");
    std::optional<double> min, max;
    if (range && range->size() == 2) {
      min = (*range)[0].getAsNumber();
      max = (*range)[1].getAsNumber();
    }
    if (!min || !max || !(*min < *max))
      return error("expected 'range' {0} to be two rising numbers", where);
    return std::pair(*min, *max);
  }

  /// Reads `method` and `percentile` of an object, of which both may be absent.
  Error readMethod(const llvm::json::Object &object, StringRef where,
                   std::optional<RangeMethod> &method,
                   std::optional<double> &percentile) const;
  Expected<RecipeRange> readRange(const llvm::json::Value &value,
                                  StringRef where) const;
  Expected<RecipeRule> readRule(const llvm::json::Value &value,
                                StringRef where) const;
  Expected<RecipeEqualization> readEqualization(const llvm::json::Value &value,
                                                StringRef where) const;
};
} // namespace

Error Reader::readMethod(const llvm::json::Object &object, StringRef where,
                         std::optional<RangeMethod> &method,
                         std::optional<double> &percentile) const {
  if (const llvm::json::Value *value = object.get("method")) {
    Expected<std::string> text = readString(*value, "method", where);
    if (!text)
      return text.takeError();
    Expected<RangeMethod> read = parseRangeMethod(*text);
    if (!read)
      return error("expected 'method' {0} to be {1}", where,
                   llvm::toString(read.takeError()));
    method = *read;
  }
  if (const llvm::json::Value *value = object.get("percentile")) {
    std::optional<double> number = value->getAsNumber();
    if (!number || !(*number > 50.0 && *number <= 100.0))
      return error(
          "expected 'percentile' {0} to be a number above 50 and at most 100",
          where);
    if (method != RangeMethod::Percentile)
      return error(
          "'percentile' {0} has no effect without \"method\": \"percentile\"",
          where);
    percentile = *number;
  }
  return Error::success();
}

Expected<RecipeRange> Reader::readRange(const llvm::json::Value &value,
                                        StringRef where) const {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return error("expected an object {0}", where);
  if (Error e = checkKeys(*object, where,
                          {"name", "regex", "method", "percentile", "range"}))
    return e;
  const llvm::json::Value *name = object->get("name"),
                          *regex = object->get("regex");
  if (!name == !regex)
    return error("expected one of 'name' and 'regex' {0} but got {1}", where,
                 name ? "both" : "neither");
  RecipeRange result;
  result.isRegex = regex;
  Expected<std::string> text =
      readString(name ? *name : *regex, name ? "name" : "regex", where);
  if (!text)
    return text.takeError();
  result.text = *text;
  if (regex)
    if (Error e = checkRegex(result.text, where))
      return e;
  std::optional<RangeMethod> method;
  std::optional<double> percentile;
  if (Error e = readMethod(*object, where, method, percentile))
    return e;
  if (method.has_value() == (object->get("range") != nullptr))
    return error("expected one of 'method' and 'range' {0} but got {1}", where,
                 method ? "both" : "neither");
  if (method) {
    result.choice.method = *method;
    result.choice.percentile = percentile.value_or(result.choice.percentile);
    return result;
  }
  Expected<std::pair<double, double>> range = readInterval(*object, where);
  if (!range)
    return range.takeError();
  result.range = *range;
  return result;
}

Expected<RecipeRule> Reader::readRule(const llvm::json::Value &value,
                                      StringRef where) const {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return error("expected an object {0}", where);
  if (Error e = checkKeys(*object, where,
                          {"name", "regex", "op", "first", "precision",
                           "activations", "rounding"}))
    return e;
  RecipeRule rule;
  unsigned selectors = 0;
  for (auto [key, selector] : {std::pair("name", RecipeRule::Selector::Name),
                               std::pair("regex", RecipeRule::Selector::Regex),
                               std::pair("op", RecipeRule::Selector::Op)}) {
    const llvm::json::Value *text = object->get(key);
    if (!text)
      continue;
    Expected<std::string> read = readString(*text, key, where);
    if (!read)
      return read.takeError();
    rule.text = *read;
    rule.selector = selector;
    ++selectors;
  }
  if (const llvm::json::Value *count = object->get("first")) {
    std::optional<int64_t> number = count->getAsInteger();
    if (!number || *number < 1)
      return error("expected 'first' {0} to be a positive integer", where);
    rule.count = *number;
    rule.selector = RecipeRule::Selector::First;
    ++selectors;
  }
  if (selectors != 1)
    return error(
        "expected one of 'name', 'regex', 'op' and 'first' {0} but got "
        "{1}",
        where, selectors);
  if (rule.selector == RecipeRule::Selector::Regex)
    if (Error e = checkRegex(rule.text, where))
      return e;
  if (rule.selector == RecipeRule::Selector::Op &&
      !llvm::is_contained(getProductKinds(), rule.text))
    return error(
        "unknown 'op' '{0}' {1}{2}; known are {3}", rule.text, where,
        suggestNearest(rule.text, getProductKinds()),
        llvm::make_range(getProductKinds().begin(), getProductKinds().end()));
  const llvm::json::Value *precision = object->get("precision"),
                          *rounding = object->get("rounding"),
                          *activations = object->get("activations");
  if (!precision && !rounding && !activations)
    return error("expected a 'precision', 'activations' or a 'rounding' {0}",
                 where);
  if (precision) {
    Expected<PrecisionKind> kind = readPrecision(*precision, where);
    if (!kind)
      return kind.takeError();
    rule.precision = *kind;
  }
  if (rounding) {
    Expected<WeightRoundingKind> kind = readRounding(*rounding, where);
    if (!kind)
      return kind.takeError();
    rule.rounding = *kind;
  }
  if (activations) {
    Expected<RecipeActivations> kind = readActivations(*activations, where);
    if (!kind)
      return kind.takeError();
    rule.activations = *kind;
  }
  return rule;
}

Expected<RecipeEqualization>
Reader::readEqualization(const llvm::json::Value &value,
                         StringRef where) const {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return error("expected an object {0}", where);
  if (Error e = checkKeys(*object, where, {"name", "channels", "range"}))
    return e;
  RecipeEqualization result;
  const llvm::json::Value *name = object->get("name");
  if (!name)
    return error("expected a 'name' {0}", where);
  Expected<std::string> text = readString(*name, "name", where);
  if (!text)
    return text.takeError();
  result.name = *text;
  const llvm::json::Object *channels = object->getObject("channels");
  if (!channels || channels->empty())
    return error("expected 'channels' {0} to be an object of factors", where);
  for (const auto &[key, factor] : *channels) {
    int64_t channel;
    if (StringRef(key).getAsInteger(10, channel) || channel < 0)
      return error("expected a channel's number {0} but got '{1}'", where,
                   StringRef(key));
    std::optional<int64_t> number = factor.getAsInteger();
    if (!number || *number < 2 || *number > 65536 ||
        !llvm::isPowerOf2_64(uint64_t(*number)))
      return error(
          "expected the factor of channel {0} {1} to be a power of two "
          "from 2 to 65536",
          channel, where);
    result.channels.emplace_back(channel, float(*number));
  }
  Expected<std::pair<double, double>> range = readInterval(*object, where);
  if (!range)
    return range.takeError();
  std::tie(result.min, result.max) = *range;
  return result;
}

Expected<Recipe> Recipe::parse(StringRef text, StringRef name) {
  Reader reader{name};
  Expected<llvm::json::Value> value = llvm::json::parse(text);
  if (!value)
    return reader.error("expected JSON: {0}",
                        llvm::toString(value.takeError()));
  const llvm::json::Object *object = value->getAsObject();
  if (!object)
    return reader.error("expected an object with 'rules'");
  StringRef top = "at the top level";
  if (Error e =
          reader.checkKeys(*object, top,
                           {"precision", "block", "zero_points", "activations",
                            "rounding", "scales", "stored", "method",
                            "percentile", "ranges", "equalize", "rules"}))
    return e;
  Recipe recipe;
  if (const llvm::json::Value *precision = object->get("precision")) {
    Expected<PrecisionKind> kind = reader.readPrecision(*precision, top);
    if (!kind)
      return kind.takeError();
    recipe.precision = *kind;
  }
  if (const llvm::json::Value *block = object->get("block")) {
    std::optional<int64_t> number = block->getAsInteger();
    if (block->getAsString() == "column")
      number = 0;
    if (!number || (*number != 0 && (*number < 16 || *number > 4096 ||
                                     !llvm::isPowerOf2_64(*number))))
      return reader.error("expected 'block' to be \"column\" or a power of two "
                          "from 16 to 4096");
    recipe.block = *number;
  }
  if (const llvm::json::Value *zeroPoints = object->get("zero_points")) {
    recipe.zeroPoints = zeroPoints->getAsBoolean();
    if (!recipe.zeroPoints)
      return reader.error("expected 'zero_points' to be true or false");
  }
  if (const llvm::json::Value *rounding = object->get("rounding")) {
    Expected<WeightRoundingKind> kind = reader.readRounding(*rounding, top);
    if (!kind)
      return kind.takeError();
    recipe.rounding = *kind;
  }
  if (const llvm::json::Value *scales = object->get("scales")) {
    Expected<std::string> text = reader.readString(*scales, "scales", top);
    if (!text)
      return text.takeError();
    recipe.scales = symbolizeWeightScalesKind(*text);
    if (!recipe.scales)
      return reader.error("expected 'scales' to be minmax or mse but got "
                          "'{0}'{1}",
                          *text, suggestNearest(*text, {"minmax", "mse"}));
  }
  if (const llvm::json::Value *activations = object->get("activations")) {
    Expected<RecipeActivations> kind =
        reader.readActivations(*activations, top);
    if (!kind)
      return kind.takeError();
    recipe.activations = *kind;
  }
  if (const llvm::json::Value *stored = object->get("stored")) {
    Expected<std::string> text = reader.readString(*stored, "stored", top);
    if (!text)
      return text.takeError();
    if (*text != "f32" && *text != "int8")
      return reader.error("expected 'stored' to be f32 or int8 but got "
                          "'{0}'{1}",
                          *text, suggestNearest(*text, {"f32", "int8"}));
    recipe.stored = symbolizePrecisionKind(*text);
  }
  if (Error e =
          reader.readMethod(*object, top, recipe.method, recipe.percentile))
    return e;
  if (const llvm::json::Value *ranges = object->get("ranges")) {
    const llvm::json::Array *array = ranges->getAsArray();
    if (!array)
      return reader.error("expected 'ranges' to be an array");
    for (auto [index, element] : llvm::enumerate(*array)) {
      Expected<RecipeRange> range = reader.readRange(
          element, llvm::formatv("in range {0}", index + 1).str());
      if (!range)
        return range.takeError();
      recipe.ranges.push_back(std::move(*range));
    }
  }
  if (const llvm::json::Value *equalize = object->get("equalize")) {
    std::optional<StringRef> word = equalize->getAsString();
    const llvm::json::Array *array = equalize->getAsArray();
    if (!array && word != "auto" && word != "none")
      return reader.error("expected 'equalize' to be auto, none or an array{0}",
                          word ? suggestNearest(*word, {"auto", "none"}) : "");
    recipe.equalizesAutomatically = word == "auto";
    for (auto [index, element] :
         llvm::enumerate(array ? *array : llvm::json::Array())) {
      std::string where = llvm::formatv("in equalization {0}", index + 1).str();
      Expected<RecipeEqualization> read =
          reader.readEqualization(element, where);
      if (!read)
        return read.takeError();
      for (const RecipeEqualization &other : recipe.equalize)
        if (other.name == read->name)
          return reader.error("'{0}' {1} is equalized already", read->name,
                              where);
      recipe.equalize.push_back(std::move(*read));
    }
  }
  if (const llvm::json::Value *rules = object->get("rules")) {
    const llvm::json::Array *array = rules->getAsArray();
    if (!array)
      return reader.error("expected 'rules' to be an array");
    for (auto [index, element] : llvm::enumerate(*array)) {
      Expected<RecipeRule> rule = reader.readRule(
          element, llvm::formatv("in rule {0}", index + 1).str());
      if (!rule)
        return rule.takeError();
      recipe.rules.push_back(std::move(*rule));
    }
  }
  return recipe;
}

Expected<Recipe> Recipe::load(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return llvm::createStringError("cannot read recipe '" + path.str() +
                                   "': " + buffer.getError().message());
  return parse((*buffer)->getBuffer(), path);
}

mlir::FailureOr<Recipe> Recipe::loadOrDefault(StringRef path,
                                              mlir::Location loc) {
  if (path.empty())
    return Recipe();
  Expected<Recipe> loaded = load(path);
  if (!loaded)
    return mlir::emitError(loc) << llvm::toString(loaded.takeError());
  return std::move(*loaded);
}
