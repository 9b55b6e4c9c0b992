//===- CompilerCall.h - one call of the compiler ---------------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_CAPI_COMPILERCALL_H
#define MPQ_LIB_CAPI_COMPILERCALL_H

#include "LastError.h"

#include "mpq/Driver/Compilation.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <atomic>

struct mpq_compiler {
  mpq_compiler();

  mlir::MLIRContext context;
  mpq_progress_fn progress = nullptr;
  void *user = nullptr;
  std::atomic<bool> cancelled = false;
  mpq_warning_fn warning = nullptr;
  void *warningUser = nullptr;
};

namespace mpq {

/// Collects the errors and warnings of one call.
class ErrorCollector {
public:
  explicit ErrorCollector(mlir::MLIRContext &context);

  std::string take() { return std::move(text); }
  llvm::ArrayRef<std::string> getWarnings() const { return warnings; }

private:
  void add(mlir::Diagnostic &diagnostic);

  std::string text;
  std::vector<std::string> warnings;
  mlir::ScopedDiagnosticHandler handler;
};

ModelSource toModelSource(const mpq_source &source);

/// One call: options from settings, the monitor, the errors.
class CompilerCall {
public:
  /// `what` names the work to people.
  CompilerCall(mpq_compiler &compiler, const mpq_source &source,
               llvm::StringRef what);

  llvm::Error apply(llvm::ArrayRef<mpq_setting> settings);

  /// The status of a call that ends with `result`.
  int finish(mlir::LogicalResult result);

  ModelSource model;
  CompileOptions options;
  CompilationMonitor monitor;

private:
  bool isCancelled() const { return compiler.cancelled; }
  void report(const mpq_progress &progress);

  mpq_compiler &compiler;
  llvm::StringRef what;
  ErrorCollector errors;
};

} // namespace mpq

#endif // MPQ_LIB_CAPI_COMPILERCALL_H
