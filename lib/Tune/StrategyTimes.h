//===- StrategyTimes.h - measurements in a file ----------------*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// {"format": "mpq-strategy-times", "version": 1, "kernels": [
//   {"target": "x86_64-unknown-linux-gnu sapphirerapids +amx-int8,...",
//    "kernel": "8c1f...", "product": "mpq.conv", "strategies": [
//      {"strategy": "#mpq.strategy<tile = [9, 48], grain = [126, 0]>",
//       "milliseconds": 0.31}, ...]}]}
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_TUNE_STRATEGYTIMES_H
#define MPQ_LIB_TUNE_STRATEGYTIMES_H

#include "mpq/Dialect/MPQDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"

#include <map>
#include <string>
#include <vector>

namespace mpq {

/// What was measured, by kernel and target.
class StrategyTimes {
public:
  /// What is in a file; nothing if there is no file. Errors name it.
  static llvm::Expected<StrategyTimes> read(llvm::StringRef path);
  /// Replaces the file.
  llvm::Error write(llvm::StringRef path) const;

  /// Milliseconds of each of `strategies`, or nothing unless all were measured.
  std::optional<llvm::SmallVector<double>>
  lookup(mlir::func::FuncOp kernel, TargetAttr target,
         llvm::ArrayRef<StrategyAttr> strategies) const;
  void insert(mlir::func::FuncOp kernel, TargetAttr target,
              llvm::ArrayRef<StrategyAttr> strategies,
              llvm::ArrayRef<double> milliseconds);

private:
  /// Target and digest of the kernel.
  using Key = std::pair<std::string, std::string>;
  static Key getKey(mlir::func::FuncOp kernel, TargetAttr target);

  struct Entry {
    std::string product;
    /// As text; in the order of the cost model.
    std::vector<std::pair<std::string, double>> strategies;
  };
  std::map<Key, Entry> entries;
};

} // namespace mpq

#endif // MPQ_LIB_TUNE_STRATEGYTIMES_H
