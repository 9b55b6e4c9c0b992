//===- quant-compile.cpp - compile a model to native code ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Flags from the table of options; the work is in lib/Driver.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/Compilation.h"
#include "mpq/InitAllDialects.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"

#include <chrono>
#include <deque>
#include <memory>

#include <sys/resource.h>

using namespace mpq;
using llvm::StringRef;
namespace cl = llvm::cl;

namespace {
/// The flags of the table of options. Values are checked by its parser.
class OptionFlags {
public:
  explicit OptionFlags(cl::OptionCategory &category) {
    for (const OptionInfo &info : getCompileOptions()) {
      std::string &text = descriptions.emplace_back(info.description.str());
      if (!info.defaultValue.empty())
        text += " (default: " + info.defaultValue.str() + ")";
      StringRef value = "text";
      switch (info.kind) {
      case OptionKind::Text:
        break;
      case OptionKind::File:
        value = "file";
        break;
      case OptionKind::Folder:
        value = "folder";
        break;
      case OptionKind::Shapes:
        value = "x=1x3x48x320";
        break;
      case OptionKind::Choice:
      case OptionKind::Choices:
        value = info.kind == OptionKind::Choice ? "choice" : "choice,...";
        for (auto [name, meaning] : info.choices)
          text += "\n=" + name.str() +
                  (meaning.empty() ? "" : " - " + meaning.str());
        break;
      }
      flags.push_back(std::make_unique<cl::list<std::string>>(
          info.name, cl::desc(text), cl::value_desc(value), cl::cat(category)));
    }
  }

  llvm::Error apply(CompileOptions &options) const {
    for (auto [info, flag] : llvm::zip_equal(getCompileOptions(), flags)) {
      if (info.kind != OptionKind::Shapes && flag->size() > 1)
        return llvm::createStringError("option --" + info.name.str() +
                                       " is given twice");
      for (const std::string &value : *flag)
        if (llvm::Error error = setCompileOption(options, info.name, value))
          return error;
    }
    return llvm::Error::success();
  }

private:
  std::deque<std::string> descriptions;
  std::vector<std::unique_ptr<cl::list<std::string>>> flags;
};

/// Made after LLVM's own options have been taken away.
struct Flags {
  cl::OptionCategory category{"quant-compile options"};
  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("MODEL(.onnx|.mlir|.mlirbc)"),
                             cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("Output file"),
                              cl::value_desc("file"), cl::cat(category)};
  OptionFlags options{category};
  cl::opt<bool> quiet{"quiet", cl::desc("No progress and no closing table"),
                      cl::cat(category)};
};
} // namespace

/// Progress for people, on standard error; `use` is what samples are for.
static CompilationMonitor makeMonitor(const char *use) {
  CompilationMonitor monitor;
  monitor.phaseDone = [](StringRef what, double seconds) {
    llvm::errs() << llvm::format("mpq: %-10s %8.2f s\n", what.str().c_str(),
                                 seconds);
  };
  auto lastShown = std::chrono::steady_clock::now();
  monitor.sampleDone = [lastShown, use](size_t done,
                                        std::optional<size_t> total) mutable {
    auto now = std::chrono::steady_clock::now();
    if (now - lastShown < std::chrono::seconds(2) && done < total)
      return;
    lastShown = now;
    llvm::errs() << llvm::format("mpq: %-10s ", use) << done;
    if (total)
      llvm::errs() << " of " << *total;
    llvm::errs() << " samples\n";
  };
  return monitor;
}

/// What the compiler took, as another row of the closing table.
static void printPeakMemory(llvm::raw_ostream &os) {
  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    os << llvm::format("  %-22s %14lld bytes\n", "peak compiler memory",
                       static_cast<long long>(usage.ru_maxrss) * 1024);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser();
  Flags flags;
  cl::HideUnrelatedOptions(flags.category);
  cl::ParseCommandLineOptions(argc, argv,
                              "mpq: compile a model to native code\n");
  CompileOptions options;
  if (llvm::Error error = flags.options.apply(options)) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << '\n';
    return 1;
  }
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  // Without a handler only errors are shown. They still are: this takes none.
  mlir::ScopedDiagnosticHandler warnings(&context, [](mlir::Diagnostic &it) {
    if (it.getSeverity() != mlir::DiagnosticSeverity::Warning)
      return mlir::failure();
    llvm::errs() << "warning: " << it << '\n';
    return mlir::success();
  });
  const char *use = options.calibrationData.empty() ? "errors" : "calibrate";
  mlir::FailureOr<CompileSummary> summary =
      compile(context, {flags.input, std::nullopt}, {flags.output, nullptr},
              options, flags.quiet ? CompilationMonitor() : makeMonitor(use));
  if (mlir::failed(summary))
    return 1;
  if (!flags.quiet) {
    printSummary(*summary, llvm::errs());
    printPeakMemory(llvm::errs());
  }
  return 0;
}
