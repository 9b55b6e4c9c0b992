//===- UpgradeOpset.h - older models to newer operators -*- C++ -*-===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef MPQ_LIB_ONNX_UPGRADEOPSET_H
#define MPQ_LIB_ONNX_UPGRADEOPSET_H

#include "ModelProto.h"

#include "llvm/ADT/StringMap.h"

namespace mpq::onnximport {

/// Rewrites the nodes of ONNX's own operators so that they mean the same under
/// `opset` (at most 21); does nothing to models that are newer. `ranks` are of
/// the tensors, as far as known.
mlir::LogicalResult upgradeOpset(::onnx::ModelProto &proto, int64_t opset,
                                 const llvm::StringMap<int64_t> &ranks,
                                 mlir::Location loc);

} // namespace mpq::onnximport

#endif // MPQ_LIB_ONNX_UPGRADEOPSET_H
