//===- CompilerCall.cpp - one call of the compiler ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompilerCall.h"

#include "mpq/InitAllDialects.h"

using namespace mlir;
using namespace mpq;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  mpq::registerAllDialects(registry);
  return registry;
}

mpq_compiler::mpq_compiler() : context(makeRegistry()) {}

/// Where an error is: "y (Add:node)", "file.mlir:3:4", or nothing.
static std::string describeLocation(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc)) {
    std::string inner = describeLocation(name.getChildLoc());
    return name.getName().str() + (inner.empty() ? "" : " (" + inner + ")");
  }
  if (isa<UnknownLoc>(loc))
    return "";
  std::string text;
  llvm::raw_string_ostream os(text);
  loc->print(os);
  StringRef bare = text;
  bare.consume_front("loc(");
  bare.consume_back(")");
  return bare.str();
}

static std::string describe(Diagnostic &diagnostic) {
  std::string place = describeLocation(diagnostic.getLocation());
  return (place.empty() ? "" : place + ": ") + diagnostic.str();
}

ErrorCollector::ErrorCollector(MLIRContext &context)
    : handler(&context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
          warnings.push_back(describe(diagnostic));
        if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
          return success();
        add(diagnostic);
        for (Diagnostic &note : diagnostic.getNotes())
          add(note);
        return success();
      }) {}

void ErrorCollector::add(Diagnostic &diagnostic) {
  if (!text.empty())
    text += "\n";
  text += describe(diagnostic);
}

ModelSource mpq::toModelSource(const mpq_source &source) {
  ModelSource model{source.name, std::nullopt};
  if (source.data)
    model.data = StringRef(static_cast<const char *>(source.data), source.size);
  return model;
}

CompilerCall::CompilerCall(mpq_compiler &compiler, const mpq_source &source,
                           StringRef what)
    : compiler(compiler), what(what), errors(compiler.context) {
  compiler.cancelled = false;
  model = toModelSource(source);
  monitor.phaseDone = [this](StringRef phase, double seconds) {
    report({phase.str().c_str(), seconds, 0, 0});
  };
  monitor.sampleDone = [this](size_t done, std::optional<size_t> total) {
    report({"calibrate", -1.0, done, total.value_or(0)});
  };
  monitor.isCancelled = [this] { return isCancelled(); };
}

llvm::Error CompilerCall::apply(ArrayRef<mpq_setting> settings) {
  for (const mpq_setting &setting : settings)
    if (llvm::Error error =
            setCompileOption(options, setting.name, setting.value))
      return error;
  return llvm::Error::success();
}

int CompilerCall::finish(LogicalResult result) {
  std::string text = errors.take();
  if (succeeded(result)) {
    if (compiler.warning)
      for (const std::string &warning : errors.getWarnings())
        compiler.warning(compiler.warningUser, warning.c_str());
    return MPQ_OK;
  }
  // Passes that were skipped may have left others with something to say.
  if (isCancelled())
    return setLastError((what + " was cancelled").str(), MPQ_CANCELLED);
  return setLastError(std::move(text));
}

void CompilerCall::report(const mpq_progress &progress) {
  if (compiler.progress && compiler.progress(compiler.user, &progress))
    compiler.cancelled = true;
}
