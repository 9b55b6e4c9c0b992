//===- Passes.td - strategies by measurement -*- tablegen -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPQ_TUNE_PASSES_TD
#define MPQ_TUNE_PASSES_TD

include "mlir/Pass/PassBase.td"

def TuneKernelsPass : Pass<"mpq-tune-kernels", "::mlir::ModuleOp"> {
  let summary = "measure strategies of kernels and take the fastest";
  let description = [{
    Takes what `mpq-form-kernels-pipeline` leaves and replaces `mpq.strategy` of
    kernels with products. The candidates are what the cost model ranks first;
    each runs in its place in the model, with the caches as its predecessor
    leaves them, on one thread:

    ```
    for round in enough rounds:
      for i in 0 .. most candidates of a kernel:
        run the model with candidate i of each kernel, timing each
    winner = candidate with the least median, if that is 2% less than the model's
    ```

    `times` names a JSON file of measurements, by kernel (its text) and target.
    Kernels found there are not measured again; the others are added to it. A
    module for another machine than this one is an error unless all its kernels
    are in the file.
  }];
  let options = [
    Option<"times", "times", "std::string", "",
           "File of measurements to use and extend; empty: none">
  ];
}

#endif // MPQ_TUNE_PASSES_TD
