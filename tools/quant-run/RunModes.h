//===- RunModes.h - the ways quant-run runs a model ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_TOOLS_QUANT_RUN_RUNMODES_H
#define MPQ_TOOLS_QUANT_RUN_RUNMODES_H

#include <string>
#include <vector>

namespace mpq::run {

/// What the command line says.
struct RunOptions {
  std::string file;
  std::string function;
  std::vector<std::string> inputs;
  std::string outputDirectory;
  /// Of the reference only: elements of each output to compute; 0: all.
  unsigned sample = 0;
  /// Of a compiled model only.
  unsigned threads = 1;
  /// Timed runs; 0: do not measure.
  unsigned benchmark = 0;
  /// Print the time of every kernel.
  bool profile = false;
  /// Where the times of the kernels go as JSON, and as a trace; or "".
  std::string profileFile, traceFile;
};

/// Runs a compiled model. The exit code; errors are on stderr.
int runArtifact(const RunOptions &options);

/// Interprets an MLIR file of any phase. The exit code; errors are on stderr.
int runReference(const RunOptions &options);

} // namespace mpq::run

#endif // MPQ_TOOLS_QUANT_RUN_RUNMODES_H
