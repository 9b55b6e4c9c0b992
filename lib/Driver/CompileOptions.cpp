//===- CompileOptions.cpp - the table of options and its parser ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/CompileOptions.h"

#include "mpq/ONNX/ImportONNX.h"
#include "mpq/Support/SuggestNearest.h"
#include "mpq/Target/Machine.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <functional>

using namespace mpq;
using llvm::Error;
using llvm::StringRef;

namespace {
using Choices = std::vector<std::pair<StringRef, StringRef>>;
using Setter = std::function<Error(CompileOptions &, StringRef)>;

/// A row and what its value does.
struct Row {
  OptionInfo info;
  Setter set;
};
} // namespace

static Error unknownValue(StringRef option, StringRef value,
                          llvm::ArrayRef<StringRef> known) {
  return llvm::createStringError(
      "unknown value '" + value.str() + "' of option '" + option.str() +
      "': expected one of " + llvm::join(known, ", ") +
      suggestNearest(value, known));
}

static Setter setText(std::string CompileOptions::*member) {
  return [member](CompileOptions &options, StringRef value) {
    options.*member = value.str();
    return Error::success();
  };
}

/// The value that stands at the choice's place in `values`.
template <typename T>
static Row choiceRow(OptionInfo info, std::optional<T> CompileOptions::*member,
                     std::vector<T> values) {
  std::vector<StringRef> names;
  for (auto [name, description] : info.choices)
    names.push_back(name);
  Setter set = [=, what = info.name](CompileOptions &options,
                                     StringRef value) -> Error {
    auto found = llvm::find(names, value);
    if (found == names.end())
      return unknownValue(what, value, names);
    options.*member = values[found - names.begin()];
    return Error::success();
  };
  return {std::move(info), std::move(set)};
}

static Row phaseRow(StringRef name,
                    std::optional<Phase> CompileOptions::*member,
                    StringRef description) {
  Choices choices{{"import", "ONNX to linalg"},
                  {"prepare", "float to float"},
                  {"calibrate", "ranges onto values"},
                  {"assign", "a precision for every operation"},
                  {"quantize", "QDQ form"},
                  {"lower", "integer arithmetic"},
                  {"codegen", "LLVM dialect"},
                  {"emit", "machine code"}};
  std::vector<Phase> phases;
  for (auto [phase, meaning] : choices)
    phases.push_back(*symbolizePhase(phase));
  return choiceRow<Phase>({name, OptionKind::Choice, description, choices, ""},
                          member, phases);
}

static Error setShape(CompileOptions &options, StringRef value) {
  ImportOptions import;
  import.shapes = options.shapes;
  std::string message;
  if (failed(parseShapeOption(value, import, message)))
    return llvm::createStringError(message);
  options.shapes = std::move(import.shapes);
  return Error::success();
}

/// The name goes into symbols of C and into their header's file.
static Error setName(CompileOptions &options, StringRef value) {
  auto isPlain = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  if (value.empty() || llvm::isDigit(value.front()) ||
      !llvm::all_of(value, isPlain))
    return llvm::createStringError(
        "expected option 'name' to be a C identifier (letters, digits and _, "
        "no digit first) but got '" +
        value.str() + "'");
  options.name = value.str();
  return Error::success();
}

static Error setTargets(CompileOptions &options, StringRef value) {
  std::vector<std::string> targets;
  for (StringRef name : llvm::split(value, ',')) {
    if (!llvm::is_contained(getTargetNames(), name))
      return unknownValue("target", name, getTargetNames());
    if (llvm::is_contained(targets, name))
      return llvm::createStringError("option 'target' has '" + name.str() +
                                     "' twice");
    targets.push_back(name.str());
  }
  options.targets = std::move(targets);
  return Error::success();
}

static std::vector<Row> makeTable() {
  static const CompileOptions defaults;
  std::vector<Row> rows;
  rows.push_back(
      {{"calibrate",
        OptionKind::Folder,
        "Write a profile of these samples: folder/<input>/*.npy or *.npz",
        {},
        ""},
       setText(&CompileOptions::calibrationData)});
  rows.push_back(choiceRow<OutputKind>(
      {"emit",
       OptionKind::Choice,
       "What to write (default: so, or MLIR if --to ends early)",
       {{"mlir", "MLIR as text"},
        {"mlirbc", "MLIR as bytecode"},
        {"llvm", "LLVM IR as text"},
        {"asm", "assembly"},
        {"obj", "an object and a C header"},
        {"so", "a shared library and a C header"},
        {"onnx", "the ONNX model with quantized tensors (QDQ)"}},
       ""},
      &CompileOptions::kind,
      {OutputKind::MLIR, OutputKind::Bytecode, OutputKind::LLVMIR,
       OutputKind::Assembly, OutputKind::Object, OutputKind::SharedLibrary,
       OutputKind::ONNX}));
  rows.push_back({{"fit-data",
                   OptionKind::Folder,
                   "Samples that biases and the rounding of weights are fitted "
                   "to",
                   {},
                   ""},
                  setText(&CompileOptions::fitData)});
  rows.push_back(
      phaseRow("from", &CompileOptions::from,
               "First phase (default: import for ONNX, prepare for MLIR)"));
  rows.push_back({{"mask",
                   OptionKind::Text,
                   "Input that is 0 where samples are padded: such rows decide "
                   "on nothing",
                   {},
                   ""},
                  setText(&CompileOptions::mask)});
  Choices methods;
  std::vector<RangeMethod> methodValues;
  for (const RangeMethodInfo &info : getRangeMethods()) {
    methods.push_back({info.name, info.description});
    methodValues.push_back(info.method);
  }
  rows.push_back(choiceRow<RangeMethod>(
      {"method", OptionKind::Choice,
       "How ranges are picked from the profile where the recipe does not say "
       "(default: by minmax)",
       methods, ""},
      &CompileOptions::method, methodValues));
  rows.push_back({{"name",
                   OptionKind::Text,
                   "Name of an ONNX model: mpq_<name>_run, ...",
                   {},
                   ""},
                  setName});
  rows.push_back(choiceRow<PrecisionGoal>(
      {"precision",
       OptionKind::Choice,
       "What products compute in (default: int8 with a profile)",
       {{"f32", "float"},
        {"int8", "8-bit integers where possible"},
        {"int16", "16-bit activations, 8-bit weights"},
        {"int4", "4-bit weights: of convolutions like int8, of matrix products "
                 "in float"},
        {"int2", "2-bit weights likewise"},
        {"bf16", "float, products of bfloat16 factors"},
        {"f16", "float, products of 16-bit IEEE factors"},
        {"fp8_e4m3", "float, weights of matrix products in FP8 E4M3"},
        {"fp8_e5m2", "float, weights of matrix products in FP8 E5M2"},
        {"mxfp8", "float, weights of matrix products in MX blocks of FP8"},
        {"mxfp4", "float, weights of matrix products in MX blocks of FP4"},
        {"mxint8", "float, weights of matrix products in MX blocks of 8 bits"}},
       ""},
      &CompileOptions::precision,
      {PrecisionGoal::F32, PrecisionGoal::Int8, PrecisionGoal::Int16,
       PrecisionGoal::Int4, PrecisionGoal::Int2, PrecisionGoal::BF16,
       PrecisionGoal::F16, PrecisionGoal::FP8E4M3, PrecisionGoal::FP8E5M2,
       PrecisionGoal::MXFP8, PrecisionGoal::MXFP4, PrecisionGoal::MXInt8}));
  rows.push_back(
      {{"profile", OptionKind::File, "Profile of --calibrate", {}, ""},
       setText(&CompileOptions::profile)});
  rows.push_back({{"recipe",
                   OptionKind::File,
                   "Rules that override precisions and ranges",
                   {},
                   ""},
                  setText(&CompileOptions::recipe)});
  rows.push_back({{"report",
                   OptionKind::File,
                   "JSON file for a record of the compilation",
                   {},
                   ""},
                  setText(&CompileOptions::report)});
  rows.push_back({{"report-data",
                   OptionKind::Folder,
                   "Samples on which --report compares int8 with float",
                   {},
                   ""},
                  setText(&CompileOptions::reportData)});
  rows.push_back({{"resume",
                   OptionKind::File,
                   "File that keeps the state of --calibrate: if it is there, "
                   "calibration goes on from it",
                   {},
                   ""},
                  setText(&CompileOptions::resume)});
  rows.push_back({{"shape",
                   OptionKind::Shapes,
                   "Shape of an ONNX input that the model leaves open",
                   {},
                   ""},
                  setShape});
  Choices targets;
  for (StringRef target : getTargetNames())
    targets.push_back({target, target == "host" ? "this machine" : ""});
  rows.push_back({{"target", OptionKind::Choices,
                   "Machine to compile for; several, separated by commas: a "
                   "library runs the code for the best that it finds itself on",
                   targets, defaults.targets.front()},
                  setTargets});
  rows.push_back(phaseRow("to", &CompileOptions::to,
                          "Last phase (default: emit, or what --emit needs)"));
  rows.push_back({{"tune",
                   OptionKind::File,
                   "Measure strategies of kernels on this machine; the file "
                   "keeps the fastest, which are not measured again",
                   {},
                   ""},
                  setText(&CompileOptions::tune)});
  return rows;
}

static const std::vector<Row> &getTable() {
  static const std::vector<Row> table = makeTable();
  return table;
}

llvm::ArrayRef<OptionInfo> mpq::getCompileOptions() {
  static const std::vector<OptionInfo> infos = [] {
    std::vector<OptionInfo> infos;
    for (const Row &row : getTable())
      infos.push_back(row.info);
    return infos;
  }();
  return infos;
}

Error mpq::setCompileOption(CompileOptions &options, StringRef name,
                            StringRef value) {
  std::vector<StringRef> names;
  for (const Row &row : getTable()) {
    if (row.info.name == name)
      return row.set(options, value);
    names.push_back(row.info.name);
  }
  return llvm::createStringError(
      "unknown option '" + name.str() + "': expected one of " +
      llvm::join(names, ", ") + suggestNearest(name, names));
}
