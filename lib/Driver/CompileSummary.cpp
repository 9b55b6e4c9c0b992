//===- CompileSummary.cpp - the compiler's closing table ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes in bytes, so that scripts need not guess units; what is not known is
// left out.
//
//===----------------------------------------------------------------------===//

#include "mpq/Driver/Compilation.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mpq;
using llvm::StringRef;

void mpq::printSummary(const CompileSummary &summary, llvm::raw_ostream &os) {
  auto row = [&](StringRef name, int64_t value, StringRef unit) {
    os << llvm::format("  %-22s %14lld %s\n", name.str().c_str(),
                       static_cast<long long>(value), unit.str().c_str());
  };
  if (summary.sizes) {
    row("code", summary.sizes->code, "bytes");
    row("constants", summary.sizes->constants, "bytes");
    row("weights", summary.sizes->weights, "bytes");
  }
  if (summary.workspace)
    row("workspace", *summary.workspace, "bytes");
  if (summary.liveBytes)
    row("  live at one point", *summary.liveBytes, "bytes");
  if (summary.tuning) {
    const TuningSummary &tuning = *summary.tuning;
    row("kernels tuned", tuning.kernels,
        llvm::formatv("({0} measured now, {1} changed: {2:F3} to {3:F3} ms)",
                      tuning.measured, tuning.changed, tuning.modelMilliseconds,
                      tuning.tunedMilliseconds)
            .str());
  }
  if (summary.exported) {
    row("quantized tensors", summary.exported->activations, "");
    row("quantized products", summary.exported->products, "");
    for (const std::string &fallback : summary.exported->fallbacks)
      os << "  " << fallback << '\n';
  }
  if (summary.integerMACs) {
    int64_t total = *summary.integerMACs + *summary.floatMACs;
    double share = total ? 100.0 * double(*summary.integerMACs) / total : 0;
    row("multiply-accumulates", total,
        llvm::formatv("({0:F1}% integer)", share).str());
    row("  in integers", *summary.integerMACs, "");
    row("  in float", *summary.floatMACs, "");
  }
}
